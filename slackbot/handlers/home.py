"""The app's Home tab, and what its pane offers to be asked."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.utils import timezone
from slack_sdk.errors import SlackClientError

from copilot import connections
from copilot.admin import overview
from copilot.config import config
from copilot.guard.tenancy import tenant_scope
from copilot.models import Connection, Role, Service, Tenant
from copilot.observe import logger
from integrations import registry
from slackbot.afterwards import afterwards
from slackbot.blocks.home import ConnectionLine, SetUpStep, Week, home_view
from slackbot.handlers import looking_at, lookups, setting_up
from slackbot.handlers.visitor import visitor
from slackbot.models import SlackInstallation

if TYPE_CHECKING:
    from slack_bolt import Ack, App, BoltContext

    from slackbot.blocks.parts import Block
    from slackbot.handlers.visitor import Visitor

log = logger(__name__)
PAGING = {"pagerduty", "alertmanager"}
CHANGING = {"github", "deploys"}


def register(app: App) -> None:
    """Attach the listeners."""
    app.event("app_home_opened")(_opened)
    app.action("home_refresh")(_refreshed)
    app.action("home_test")(_tested)
    app.action("home_connect")(_connecting)


def _opened(body: dict[str, Any], context: BoltContext) -> None:
    """Show the Home tab, or offer questions where the pane was opened."""
    who = visitor(body, context)
    event = body.get("event") or {}
    if event.get("tab") == "messages":
        afterwards(partial(looking_at.offer, who, event.get("context")))
    else:
        afterwards(partial(_show, who))


def _refreshed(ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
    ack()
    afterwards(partial(_show, visitor(body, context)))


def _tested(ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
    """Test one connection, and show what was seen."""
    ack()
    afterwards(partial(_test, visitor(body, context), body))


def _test(who: Visitor, body: dict[str, Any]) -> None:
    if who.refusal(Role.ADMIN):
        return
    pressed = (body.get("actions") or [{}])[0]
    try:
        connections.check(who.tenant_id, UUID(str(pressed.get("value"))))
    except (ValueError, LookupError) as problem:
        log.info("no such connection to test", error=str(problem)[:100])
    _show(who)


def _connecting(ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
    """Open the window that asks what to connect."""
    ack()
    afterwards(partial(_connect, visitor(body, context), body))


def _connect(who: Visitor, body: dict[str, Any]) -> None:
    if not who.refusal(Role.ADMIN):
        setting_up.connect(who, "", body)


def _show(who: Visitor) -> None:
    """Publish the person's Home tab."""
    try:
        who.client.views_publish(user_id=who.person, view=view_of(who))
    except (SlackClientError, OSError) as failure:
        log.warning("slack home not shown", error=str(failure)[:200])


def view_of(who: Visitor) -> Block:
    """Return the Home tab of a person; guests of other organisations see no more than that there is one."""
    may_set_up = who.role().may(Role.ADMIN)
    lines, total = ([], 0) if who.is_guest else lookups.open_incidents(who)
    with tenant_scope(who.tenant_id):
        tenant = Tenant.objects.get(id=who.tenant_id)
        (numbers,) = overview.read([tenant])
        rows = [] if who.is_guest else list(Connection.objects.order_by("kind", "name"))
        steps = _steps(rows) if may_set_up else ()
    return home_view(
        tenant=tenant.name or tenant.slug,
        incidents=lines,
        total=total,
        week=Week(numbers.investigated, numbers.median_seconds, numbers.acceptance, numbers.answered),
        connections=[_line(row) for row in rows],
        steps=steps,
        may_set_up=may_set_up,
        shown_at=timezone.now(),
    )


def _line(row: Connection) -> ConnectionLine:
    known = registry.integrations().get(row.kind)
    title = known.title if known else row.kind.capitalize()
    return ConnectionLine(
        id=str(row.id),
        title=title if row.name == "default" else f"{title} ({row.name})",
        health=row.health,
        detail=row.health_detail,
        checked_at=row.checked_at,
        is_enabled=row.is_enabled,
    )


def _steps(rows: list[Connection]) -> tuple[SetUpStep, ...]:
    """Return what makes the product whole, in the order in which it pays; runs inside the tenant's scope."""
    kinds = {row.kind for row in rows if row.is_enabled}
    default = SlackInstallation.objects.filter(connection__is_enabled=True).exclude(default_channel="").exists()
    # Those that a source merely found come in the default channel, and are nobody's to set up.
    mine = Service.objects.filter(origin="")
    services, without = mine.count(), mine.filter(channel="").count()
    return (
        SetUpStep("Pages", bool(kinds & PAGING), "connect PagerDuty or Alertmanager, so that incidents arrive"),
        SetUpStep(
            "A default channel", default, "incidents of services without a channel need one: /sre link, or the admin"
        ),
        SetUpStep("Metrics", "prometheus" in kinds, "connect Prometheus: symptoms and their onset come from it"),
        SetUpStep("The cluster", "kubernetes" in kinds, "connect Kubernetes: rollouts, pod states and logs"),
        SetUpStep("Changes", bool(kinds & CHANGING), "connect GitHub, or send deploys: most incidents follow a change"),
        SetUpStep(
            "Services",
            bool(services) and not without,
            f"{without} of {services} have no channel: /sre link SERVICE #channel"
            if services
            else "none yet: they come with the first pages",
        ),
        SetUpStep(
            "A model",
            config().anthropic_api_key is not None,
            "without ANTHROPIC_API_KEY rules speak alone; whoever runs this deployment sets it",
        ),
    )
