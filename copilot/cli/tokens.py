"""`copilot token`: what programs use to speak to the REST API."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from copilot.cli.session import WHOSE, Problem, actor, find_tenant, print_json
from copilot.cli.terminal import table

if TYPE_CHECKING:
    import argparse

    from copilot.models import ApiToken


def add(subparsers: Any, common: argparse.ArgumentParser) -> None:
    """Add the commands."""
    token = subparsers.add_parser("token", help="make, list and revoke tokens of the REST API").add_subparsers(
        required=True, metavar="WHAT"
    )
    create = token.add_parser("create", parents=[common], help="make a token; it is shown this once")
    create.add_argument("slug", metavar="TENANT", help=WHOSE)
    create.add_argument("name", help="for people: the program that will use it")
    create.add_argument("--role", default="viewer", choices=["viewer", "responder", "admin"])
    create.add_argument(
        "--scope", action="append", default=[], help="may be repeated; without it, all that the role allows"
    )
    create.add_argument("--days", type=int, metavar="N", help="expires after so many days; without it, never")
    create.add_argument("--per-minute", type=int, default=120, metavar="N", help="requests in a minute (default: 120)")
    create.add_argument("--json", action="store_true")
    create.set_defaults(run=create_token, needs_installation=True)
    listing = token.add_parser("list", parents=[common], help="list a tenant's tokens")
    listing.add_argument("slug", metavar="TENANT", help=WHOSE)
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(run=list_tokens, needs_installation=True)
    revoke = token.add_parser("revoke", parents=[common], help="take a token away, at once")
    revoke.add_argument("slug", metavar="TENANT", help=WHOSE)
    revoke.add_argument("token", help="its prefix (sre_…), or its name")
    revoke.set_defaults(run=revoke_token, needs_installation=True)


def create_token(options: argparse.Namespace) -> int:
    """Make a token and print it."""
    from django.utils import timezone

    from copilot import tokens
    from copilot.models import Role

    tenant = find_tenant(options.slug)
    expires_at = None
    if options.days is not None:
        if not 1 <= options.days <= 3650:
            raise Problem(f"--days: 1 to 3650, not {options.days}", code=2)
        expires_at = timezone.now() + timedelta(days=options.days)
    try:
        made = tokens.make(
            tenant.id,
            options.name,
            role=Role(options.role),
            scopes=options.scope,
            expires_at=expires_at,
            per_minute=options.per_minute,
            actor=actor(),
        )
    except tokens.Impossible as error:
        raise Problem(str(error), code=2) from None
    if options.json:
        print_json({**_shown(made.row), "token": made.text})
        return 0
    print(made.text)
    print(f"\n{made.row.name}: {made.row.role}, {', '.join(made.row.scopes)}; {_until(made.row)}.")
    print("Keep it now: it is not shown again, and only a hash of it is stored.")
    return 0


def list_tokens(options: argparse.Namespace) -> int:
    """List a tenant's tokens, those in use first."""
    from copilot.guard.tenancy import tenant_scope
    from copilot.models import ApiToken

    tenant = find_tenant(options.slug)
    with tenant_scope(tenant.id):
        rows = sorted(ApiToken.objects.all(), key=lambda one: (one.revoked_at is not None, one.name, one.prefix))
    if options.json:
        print_json([_shown(one) for one in rows])
        return 0
    from rich.console import Console

    headings = ("prefix", "name", "scopes", "last used", "state")
    shown = [
        (
            one.prefix,
            f"{one.name}\n({one.role})",
            "\n".join(one.scopes),
            _time(one.last_used_at) or "never",
            _until(one),
        )
        for one in rows
    ]
    Console().print(table(headings, shown, whole=("prefix", "scopes", "last used")))
    return 0


def revoke_token(options: argparse.Namespace) -> int:
    """Take a token away."""
    from copilot import tokens

    tenant = find_tenant(options.slug)
    try:
        row = tokens.revoke(tenant.id, options.token, actor=actor())
    except tokens.Impossible as error:
        raise Problem(str(error)) from None
    print(f"token {row.name} ({row.prefix}) is revoked")
    return 0


def _shown(row: ApiToken) -> dict[str, Any]:
    return {
        "prefix": row.prefix,
        "name": row.name,
        "role": row.role,
        "scopes": row.scopes,
        "per_minute": row.per_minute,
        "created_at": row.created_at.isoformat() if row.created_at else None,
        "created_by": row.created_by,
        "last_used_at": row.last_used_at.isoformat() if row.last_used_at else None,
        "expires_at": row.expires_at.isoformat() if row.expires_at else None,
        "revoked_at": row.revoked_at.isoformat() if row.revoked_at else None,
    }


def _until(row: ApiToken) -> str:
    if row.revoked_at:
        return f"revoked {_time(row.revoked_at)} by {row.revoked_by}"
    return f"expires {_time(row.expires_at)}" if row.expires_at else "does not expire"


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""
