"""`copilot doctor`: test every connection, and say what to do about those that fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from copilot.cli.session import find_tenant, print_json
from copilot.cli.terminal import table

if TYPE_CHECKING:
    import argparse

    from copilot.models import Tenant

# By whether it works; None where nothing came in yet that could tell.
MARKS = {True: ("✓ works", "green"), False: ("✗ fails", "red"), None: ("◌ waits", "yellow")}


def add(subparsers: Any, common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "doctor",
        parents=[common],
        help="test every connection",
        description="Test every connection of one tenant or of all. Exits 1 when one fails, else 0; to wait for a first webhook is"
        " no failure.",
    )
    parser.add_argument("slug", nargs="?", metavar="TENANT")
    parser.add_argument(
        "--stack",
        action="store_true",
        help="look at the deployment itself instead: settings, database, secrets, broker, workers, beat, what waits, the api",
    )
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run, needs_installation=True)


def agents_of(tenant: Tenant) -> list[dict[str, Any]]:
    """Return how a tenant's agents do, as rows beside those of the connections."""
    from copilot.guard.tenancy import tenant_scope
    from copilot.models import Agent
    from copilot.relay.states import state_of

    with tenant_scope(tenant.id):
        states = [(agent, state_of(agent)) for agent in Agent.objects.order_by("name")]
    return [
        {
            "tenant": tenant.slug,
            "connection": f"agent {agent.name}",
            "place": "asks in the cluster",
            "works": state.works,
            "detail": f"{state.word}: {state.detail}",
        }
        for agent, state in states
    ]


def packages_of(tenant: Tenant) -> list[dict[str, Any]]:
    """Return what is wrong with the tools of installed packages, as rows beside those of the connections."""
    from copilot.tools.registry import look

    return [
        {"tenant": tenant.slug, "connection": "tools", "place": "installed package", "works": False, "detail": text}
        for text in look(tenant.id).refused
    ]


def examine_stack(*, as_json: bool) -> int:
    """Look at each part of the deployment, print a table, and return whether all is well."""
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from copilot import diagnosis

    parts = diagnosis.examine()
    if as_json:
        print_json([asdict(one) for one in parts])
    else:
        table = Table("part", "health", "what was seen")
        for one in parts:
            mark = Text("✓ works", "green") if one.works else Text("✗ fails", "red")
            table.add_row(one.name, mark, Text(one.detail))
        Console().print(table)
    return 0 if all(one.works for one in parts) else 1


def run(options: argparse.Namespace) -> int:
    """Test, print a table, and return whether all is well."""
    if options.stack:
        return examine_stack(as_json=options.json)
    from concurrent.futures import ThreadPoolExecutor
    from importlib import import_module

    from django.db import connection as database

    from copilot import connections
    from copilot.guard.tenancy import tenant_scope
    from copilot.models import Connection, Tenant
    from integrations import registry

    tenants = [find_tenant(options.slug)] if options.slug else list(Tenant.objects.order_by("slug"))
    found: list[tuple[Tenant, Connection]] = []
    for tenant in tenants:
        with tenant_scope(tenant.id):
            found.extend((tenant, row) for row in Connection.objects.filter(is_enabled=True))

    # Vendors' libraries are imported where they are first used, and threads that do so at once see each other's halves.
    known = registry.integrations()
    for name in sorted({name for _, row in found if row.kind in known for name in known[row.kind].loads}):
        import_module(name)

    def ask(pair: tuple[Tenant, Connection]) -> dict[str, Any]:
        tenant, row = pair
        try:
            place = ", ".join(connections.places(row)) or "none"
            health = connections.check(tenant.id, row.id)
        finally:
            database.close()
        return {
            "tenant": tenant.slug,
            "connection": str(row),
            "place": place,
            "works": health.works,
            "detail": health.detail,
        }

    with ThreadPoolExecutor(max_workers=8) as pool:
        rows = list(pool.map(ask, found))
    rows += [row for tenant in tenants for row in (*agents_of(tenant), *packages_of(tenant))]
    if options.json:
        print_json(rows)
    elif not rows:
        print("nothing is connected yet; `copilot connect TENANT KIND --set key=value` connects")
    else:
        show(rows, with_tenant=len(tenants) > 1)
    return 0 if all(row["works"] is not False for row in rows) else 1


def show(rows: list[dict[str, Any]], *, with_tenant: bool) -> None:
    """Print the table, its places below the connections' names: the widest column is for what was seen."""
    from rich.console import Console
    from rich.text import Text

    headings = ["connection", "health", "what was seen"]
    shown: list[list[str | Text]] = [
        [f"{row['connection']}\n  {row['place']}", Text(*MARKS[row["works"]]), row["detail"]] for row in rows
    ]
    if with_tenant:
        headings = ["tenant", *headings]
        shown = [[row["tenant"], *cells] for row, cells in zip(rows, shown, strict=True)]
    Console().print(table(headings, shown, whole=("health",)))
