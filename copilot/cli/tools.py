"""`copilot tool`: which tools a tenant has, and what of installed packages is refused, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from copilot.cli.session import WHOSE, find_tenant, print_json
from copilot.cli.terminal import line, table

if TYPE_CHECKING:
    import argparse


def add(subparsers: Any, common: argparse.ArgumentParser) -> None:
    """Add the commands."""
    tool = subparsers.add_parser("tool", help="list the tools for conversations and other agents").add_subparsers(
        required=True, metavar="WHAT"
    )
    listing = tool.add_parser(
        "list",
        parents=[common],
        help="list a tenant's tools",
        description="List a tenant's tools, and what of installed packages is refused. Exits 1 when something is, else 0.",
    )
    listing.add_argument("slug", metavar="TENANT", help=WHOSE)
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(run=list_tools, needs_installation=True)


def list_tools(options: argparse.Namespace) -> int:
    """Print the tools and what is refused; return whether all is well."""
    from copilot.tools import registry

    found = registry.look(find_tenant(options.slug).id)
    rows: list[dict[str, Any]] = [
        {
            "name": tool.name,
            "category": tool.category.value,
            "cost": tool.cost,
            "per_minute": tool.per_minute,
            "needs": tool.needs.value if tool.needs else "",
            "from": str(tool.connection) if tool.connection else found.packages[tool.name] or "the product",
        }
        for tool in found.tools
    ]
    if options.json:
        print_json({"tools": rows, "refused": list(found.refused)})
        return 1 if found.refused else 0
    from rich.console import Console

    console = Console()
    headings = ("tool", "category", "cost, rate", "needs", "from")
    shown = [
        [one["name"], one["category"], f"{one['cost']}, {one['per_minute']}/min", one["needs"], one["from"]]
        for one in rows
    ]
    console.print(table(headings, shown, whole=("cost, rate",)))
    for text in found.refused:
        console.print(line(f"✗ refused: {text}", "red"))
    return 1 if found.refused else 0
