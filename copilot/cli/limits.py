"""`copilot tenant limits`: what a customer may use, and how much of it is used."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from copilot.cli.session import WHOSE, Problem, actor, find_tenant, print_json

if TYPE_CHECKING:
    import argparse

    from copilot.models import Tenant

FIELDS = {
    "dollars_per_day": float,
    "runs_per_hour": int,
    "webhooks_per_minute": int,
    "evidence_megabytes": int,
    "tool_calls_per_day": int,
    "tool_seconds_per_day": int,
    "calls_per_run": int,
    "seconds_per_run": float,
    "dollars_per_incident": float,
    "keep_days": int,
    "keep_raw_days": int,
}


def add(what: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to those of `copilot tenant`."""
    limits = what.add_parser("limits", parents=[common], help="show what a tenant may use and does, or set it")
    limits.add_argument("slug", metavar="TENANT", help=WHOSE)
    limits.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help=f"{', '.join(FIELDS)}; without a number: as the deployment is set",
    )
    limits.add_argument("--json", action="store_true")
    limits.set_defaults(run=tenant_limits, needs_installation=True)


def tenant_limits(options: argparse.Namespace) -> int:
    """Set what is named, and show all."""
    from rich.console import Console
    from rich.table import Table

    from copilot import usage
    from copilot.limits import limits_of

    tenant = find_tenant(options.slug)
    if options.set:
        _set(tenant, options.set)
    limits, standings = limits_of(tenant), usage.read(tenant)
    if options.json:
        print_json(
            {
                name: {
                    "limit": getattr(limits, name),
                    "own": getattr(tenant, name) is not None,
                    **next(({"used": one.spent} for one in standings if one.limit == name), {}),
                }
                for name in FIELDS
            }
        )
        return 0
    table = Table("limit", "value", "set by", "used now", "last reached")
    by_name = {one.limit.value: one for one in standings}
    for name in FIELDS:
        bound, one = getattr(limits, name), by_name.get(name)
        value = f"{bound:,g}" if bound or name.startswith("dollars") else "no limit"
        last = f"{one.last.last_at:%Y-%m-%d %H:%M} UTC: {one.last.detail}" if one and one.last else "–"
        by = "tenant" if getattr(tenant, name) is not None else "deployment"
        table.add_row(name, value, by, f"{one.spent:,.6g}" if one and one.spent is not None else "–", last)
    Console().print(table)
    return 0


def _set(tenant: Tenant, given: list[str]) -> None:
    from copilot.limits import NotALimit, change

    values: dict[str, float | None] = {}
    for one in given:
        name, _, text = one.partition("=")
        if name not in FIELDS:
            raise Problem(f"there is no limit {name!r}; there are {', '.join(FIELDS)}", code=2)
        try:
            values[name] = FIELDS[name](text) if text else None
            if not math.isfinite(values[name] or 0):
                raise ValueError(text)  # noqa: TRY301 - told with the others below
        except ValueError:
            raise Problem(f"{name} takes a number, as in --set {name}=10; {text!r} is none", code=2) from None
    try:
        change(tenant, values, actor=actor())
    except NotALimit as error:
        raise Problem(str(error)) from None
