"""`copilot agent`: be the agent in a customer's cluster; `copilot agent token`: make, list and revoke what it signs in with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from copilot.cli.session import WHOSE, Problem, actor, find_tenant, print_json

if TYPE_CHECKING:
    import argparse

    from copilot.models import Agent

REFUSED = 3


def add(subparsers: Any, common: argparse.ArgumentParser) -> None:
    """Add the commands."""
    agent = subparsers.add_parser(
        "agent",
        parents=[common],
        help="ask Prometheus and Kubernetes from inside a cluster that cannot be reached",
        description="Dial out to the service, take typed read-only requests, ask the sources in COPILOT_AGENT_SOURCES, and"
        " answer. Settings are COPILOT_AGENT_… in the environment.",
    )
    agent.add_argument(
        "--once",
        action="store_true",
        help="poll once, do what there is to do, and exit: 0 well, 1 service not reached, 3 token refused",
    )
    agent.set_defaults(run=run, needs_installation=False)
    token = agent.add_subparsers(metavar="token").add_parser("token", help="what an agent signs in with")
    what = token.add_subparsers(required=True, metavar="WHAT")
    create = what.add_parser("create", parents=[common], help="make a token, and the agent where it is new")
    create.add_argument("slug", metavar="TENANT", help=WHOSE)
    create.add_argument("name", metavar="AGENT", help="lower-case letters, digits and hyphens")
    create.add_argument("--days", type=int, default=None, help="how long it works (default: until it is revoked)")
    create.add_argument("--json", action="store_true")
    create.set_defaults(run=create_token, needs_installation=True)
    listing = what.add_parser("list", parents=[common], help="list a tenant's agents, their states and tokens")
    listing.add_argument("slug", metavar="TENANT", help=WHOSE)
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(run=list_tokens, needs_installation=True)
    revoke = what.add_parser("revoke", parents=[common], help="revoke an agent's tokens, or one of them")
    revoke.add_argument("slug", metavar="TENANT", help=WHOSE)
    revoke.add_argument("name", metavar="AGENT")
    revoke.add_argument("--token", default="", metavar="LABEL", help="this one alone; the label is what `list` shows")
    revoke.set_defaults(run=revoke_tokens, needs_installation=True)


def run(options: argparse.Namespace) -> int:
    """Be an agent until told to stop."""
    import signal

    from pydantic import ValidationError

    from copilot import observe
    from copilot.agent import health, sources
    from copilot.agent.loop import Agent
    from copilot.agent.protocol import told
    from copilot.config import AgentConfig

    observe.set_up("agent")
    try:
        settings = AgentConfig()
        sources.load(settings.sources)
    except ValidationError as wrong:
        raise Problem(f"the agent's settings are wrong: {told(wrong)}", code=2) from None
    except sources.WrongSources as wrong:
        raise Problem(str(wrong), code=2) from None
    if not settings.url:
        raise Problem("COPILOT_AGENT_URL is not set: it is the address of the service's api process", code=2)
    agent = Agent(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: agent.stop())
    if options.once:
        agent.check_sources()
        agent.turn()
        agent.finish(settings.stop_seconds)
        return {"connected": 0, "refused": REFUSED}.get(agent.standing.state, 1)
    if settings.health_port:
        health.serve(agent, settings.health_port)
    agent.run()
    return 0


def create_token(options: argparse.Namespace) -> int:
    """Make a token, and show it this once."""
    from copilot.relay import tokens

    if options.days is not None and options.days < 1:
        raise Problem("--days must be 1 or more", code=2)
    tenant = find_tenant(options.slug)
    try:
        made = tokens.make(tenant.id, options.name, actor=actor(), days=options.days)
    except ValueError as error:
        raise Problem(str(error), code=2) from None
    if options.json:
        print_json(
            {
                "agent": options.name,
                "label": made.label,
                "token": made.token,
                "expires_at": made.expires_at and made.expires_at.isoformat(),
            }
        )
        return 0
    until = f"works until {made.expires_at:%Y-%m-%d %H:%M} UTC" if made.expires_at else "works until it is revoked"
    print(f"token: {made.token}   (shown once; {until})")
    for label in made.others:
        print(
            f"also works: {label}; when the new one is in use: copilot agent token revoke {tenant.slug} {options.name} --token {label}"
        )
    print(f"next: copilot connect {tenant.slug} prometheus --agent {options.name}")
    return 0


def list_tokens(options: argparse.Namespace) -> int:
    """List agents and tokens."""
    from copilot.guard.tenancy import tenant_scope
    from copilot.models import Agent, AgentToken
    from copilot.relay import states
    from copilot.relay.tokens import word_of

    tenant = find_tenant(options.slug)
    rows: list[dict[str, Any]] = []
    with tenant_scope(tenant.id):
        for agent in Agent.objects.order_by("name"):
            state = states.state_of(agent)
            tokens = AgentToken.objects.filter(tenant=tenant, agent_id=agent.pk).order_by("created_at")
            rows.append(
                {
                    "agent": agent.name,
                    "state": state.word,
                    "detail": state.detail,
                    "version": agent.version,
                    "last_seen_at": agent.last_seen_at and agent.last_seen_at.isoformat(),
                    "tokens": [
                        {"label": one.label, "created_at": one.created_at.isoformat(), "state": word_of(one)}
                        for one in tokens
                    ],
                }
            )
    if options.json:
        print_json(rows)
        return 0
    if not rows:
        print(f"{tenant.slug} has no agent yet; `copilot agent token create {tenant.slug} NAME` makes one")
    for row in rows:
        print(f"{row['agent']}: {row['state']}: {row['detail']}")
        for one in row["tokens"]:
            print(f"    {one['label']}  made {one['created_at'][:16]}  {one['state']}")
    return 0


def revoke_tokens(options: argparse.Namespace) -> int:
    """Revoke."""
    from copilot.guard.tenancy import tenant_scope
    from copilot.models import Agent
    from copilot.relay import tokens

    tenant = find_tenant(options.slug)
    with tenant_scope(tenant.id):
        agent: Agent | None = Agent.objects.filter(name=options.name).first()
    if agent is None:
        raise Problem(
            f"{tenant.slug} has no agent {options.name!r}; `copilot agent token list {tenant.slug}` lists them"
        )
    revoked = tokens.revoke(tenant.id, agent, actor=actor(), label=options.token)
    if not revoked:
        raise Problem(f"nothing to revoke: {options.name} has no such token that works")
    print(f"revoked: {', '.join(revoked)}; an agent that uses one is refused within seconds")
    return 0
