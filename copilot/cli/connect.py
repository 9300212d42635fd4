"""`copilot connect`: give a tenant a vendor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot.cli.doctor import MARKS
from copilot.cli.session import WHOSE, Problem, actor, find_tenant, print_json
from copilot.cli.terminal import printable

if TYPE_CHECKING:
    import argparse
    from uuid import UUID

    from copilot.connections import Opened

# Faces have pages of their own.
PAGES = {"slack": "docs/slack.md"}


def add(subparsers: Any, common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "connect",
        parents=[common],
        help="connect a tenant to PagerDuty, Prometheus, Kubernetes, GitHub, Slack …",
        description="Connect a tenant to a vendor. Values are sealed; `key=@file` reads a value from a file.",
        epilog="`copilot connect SLUG KIND --fields` lists what a kind takes.",
    )
    parser.add_argument("slug", metavar="TENANT", help=WHOSE)
    parser.add_argument("kind", help="pagerduty, prometheus, kubernetes, slack …; an unknown one lists them all")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="values")
    parser.add_argument("--name", default="default", help="where a tenant has several of one kind")
    parser.add_argument(
        "--agent",
        default="",
        metavar="NAME",
        help="ask it through this agent, which holds the credentials (docs/agent.md)",
    )
    parser.add_argument("--local", action="store_true", help="slack only: the local workspace of this installation")
    parser.add_argument("--fields", action="store_true", help="list the values that this kind takes, and stop")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run, needs_installation=True)


def read_values(pairs: list[str]) -> dict[str, str]:
    """Return `key=value` words as a mapping; `@file` stands for the file's text.

    :raises Problem: where a word has another form, or a file cannot be read.
    """
    values: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise Problem(f"--set takes key=value, not {key!r}", code=2)
        if value.startswith("@"):
            try:
                value = Path(value[1:]).expanduser().read_text(encoding="utf-8")
            except OSError as error:
                raise Problem(f"{key}: {value[1:]} cannot be read: {error.strerror}", code=2) from None
        values[key.strip()] = value
    return values


def run(options: argparse.Namespace) -> int:
    """Connect, test at once, and print what the vendor is given, how the test went, and the page with the steps."""
    from copilot import connections
    from copilot.embedded import read_runtime
    from copilot.faces import face
    from integrations import registry

    if options.fields:
        return list_fields(options)
    tenant = find_tenant(options.slug)
    values = read_values(options.values)
    chosen = face(options.kind)
    if options.local:
        if chosen is None:
            raise Problem("--local is for slack", code=2)
        runtime = read_runtime(options.data)
        values["local"] = values.get("local") or (runtime["slack"] if runtime else "http://127.0.0.1:8001")
    try:
        if chosen is not None:
            made = chosen.connect(tenant.id, values, actor=actor())
            connection_id, webhook_url, generated = made.connection_id, "", {}
            lines = list(made.lines)
        else:
            opened = _opened(options, tenant.id, values)
            connection_id, webhook_url, generated = opened.connection_id, opened.webhook_url, opened.generated
            through = f" through agent {options.agent}" if options.agent else ""
            lines = [f"{tenant.slug} is connected to {registry.get(options.kind).title}{through}"]
    except registry.UnknownIntegration as error:
        raise Problem(f"{error}, slack", code=2) from None
    except ValueError as error:
        raise Problem(str(error), code=2) from None
    health = connections.check(tenant.id, connection_id) if connection_id else None
    if options.json:
        print_json(
            {
                "connection": connection_id and str(connection_id),
                **({"lines": lines} if chosen else {"webhook_url": webhook_url or None, "generated": generated}),
                "works": health and health.works,
                "detail": health and health.detail,
            }
        )
        return 0
    print("\n".join(lines))
    if webhook_url:
        print(f"webhook URL: {webhook_url}   (a secret by itself; paste it there)")
    for field, value in generated.items():
        print(f"{field}: {value}   (shown once; sealed from now on)")
    if health is not None:
        print(printable(f"{MARKS[health.works][0]}: {health.detail}"))
    print(f"its page: {PAGES.get(options.kind) or f'docs/integrations/{options.kind}.md'}")
    return 0


def _opened(options: argparse.Namespace, tenant_id: UUID, values: dict[str, str]) -> Opened:
    """Connect with the values that were given, or through an agent, which has its own."""
    from copilot import connections

    if not options.agent:
        return connections.connect(tenant_id, options.kind, values, actor=actor(), name=options.name)
    if values:
        raise Problem("--agent takes no --set: the agent holds the credentials itself", code=2)
    return connections.connect_through(tenant_id, options.kind, options.agent, actor=actor(), name=options.name)


def list_fields(options: argparse.Namespace) -> int:
    """Print what a kind takes, from its credentials model."""
    from integrations import registry

    if options.kind == "slack":
        print("bot_token, signing_secret, app_token, default_channel, base_url; or install=link; or --local")
        return 0
    try:
        fields = registry.get(options.kind).Credentials.model_fields
    except registry.UnknownIntegration as error:
        raise Problem(f"{error}, slack", code=2) from None
    for name, field in fields.items():
        need = "required" if field.is_required() else "optional"
        print(f"{name:<20} {need:<9} {field.description or ''}")
    return 0
