"""The `/sre` commands of admins: connect a vendor, link a service to its channel, time the digest; each with its windows."""

from __future__ import annotations

from calendar import day_name
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.exceptions import ValidationError
from slack_sdk.errors import SlackApiError, SlackClientError

from copilot import connections
from copilot.guard.tenancy import tenant_scope
from copilot.models import AuditEntry, Connection, ConnectionHealth, Role, Service, Tenant, is_time_zone
from copilot.observe import logger
from copilot.stages.services import closest_services, named_service
from integrations import registry
from slackbot import channels, troubles
from slackbot.afterwards import afterwards
from slackbot.blocks import asking, connecting, notice_modal, replies
from slackbot.handlers import entering, grammar, lookups
from slackbot.handlers.deeds import allowed
from slackbot.handlers.lookups import Misunderstood
from slackbot.handlers.visitor import entered, visitor
from slackbot.installs import grants

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slack_bolt import Ack, App, BoltContext

    from integrations.base import Integration
    from slackbot.blocks.parts import Block
    from slackbot.handlers.lookups import Reply
    from slackbot.handlers.visitor import Visitor

log = logger(__name__)
HEALTH = {
    ConnectionHealth.WORKS: "works",
    ConnectionHealth.FAILING: "does not work",
    ConnectionHealth.WAITING: "nothing received yet",
    ConnectionHealth.UNKNOWN: "not tested yet",
}


def register(app: App) -> None:
    """Attach the windows."""
    app.action("connect_kind")(_chosen)
    app.action("connect_test")(_tested)
    app.view("connect")(_connected)
    app.view("link")(_linked)
    app.view("digest")(_digest_set)


# connect -------------------------------------------------------------------------------------------------------------


def connect(who: Visitor, rest: str, _body: dict[str, Any]) -> Reply | None:
    """Answer `/sre connect`: a window that asks what to connect, or `/sre connect prometheus` with its form."""
    allowed(who, Role.ADMIN)
    wanted = rest.strip().casefold()
    for kind, one in _connectable():
        if wanted in {kind, one.title.casefold()}:
            who.show(_form_of(who, kind, one, who.channel))
            return None
    with tenant_scope(who.tenant_id):
        known = {one.kind: one for one in Connection.objects.filter(name="default")}
    choices = [
        connecting.Choice(kind, one.title, _health(known[kind]) if kind in known else "")
        for kind, one in _connectable()
    ]
    who.show(connecting.choose_modal(choices, channel=who.channel))
    return None


def _connectable() -> Iterable[tuple[str, Integration]]:
    return sorted(registry.integrations().items(), key=lambda pair: pair[1].title.casefold())


def _health(row: Connection) -> str:
    said = HEALTH.get(ConnectionHealth(row.health), row.health)
    if not row.is_enabled:
        said = "switched off"
    return f"{said}: {row.health_detail}" if row.health == ConnectionHealth.FAILING and row.health_detail else said


def _chosen(ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
    """Put the form of the chosen kind in the window."""
    ack()
    afterwards(partial(_form, visitor(body, context), body))


def _form(who: Visitor, body: dict[str, Any]) -> None:
    view = body.get("view") or {}
    if who.refusal(Role.ADMIN):
        who.replace(view, notice_modal("Connect", who.refusal(Role.ADMIN)))
        return
    kind = str(((body.get("actions") or [{}])[0].get("selected_option") or {}).get("value") or "")
    integration = registry.integrations().get(kind)
    if integration is None:
        who.replace(view, notice_modal("Connect", "There is nothing of this kind to connect."))
        return
    # A window tells nothing of the channel that it was opened in.
    who.replace(view, _form_of(who, kind, integration, str(view.get("private_metadata") or "")))


def _form_of(who: Visitor, kind: str, integration: Integration, channel: str) -> Block:
    """Return the form of one kind; where secrets are entered, with a link to the page that hides them."""
    fields = entering.fields_of(who.tenant_id, integration)
    page = ""
    if any(one.shape.startswith("secret") for one in fields):
        page = grants.form_link(
            who.tenant_id,
            subject=kind,
            connection_id=who.installation.connection_id,
            person=who.person,
            actor=f"slack: {who.name}",
            channel=channel,
        )
    return connecting.form_modal(kind, integration.title, fields, page=page)


def _connected(ack: Ack, body: dict[str, Any], view: dict[str, Any], context: BoltContext) -> None:
    """Seal what was entered, say what to do with it, and test it."""
    who = visitor(body, context)
    integration = registry.integrations().get(str(view.get("private_metadata") or ""))
    first = next((str(one["block_id"]) for one in view.get("blocks") or [] if one.get("type") == "input"), "")
    refused = who.refusal(Role.ADMIN)
    if refused or integration is None:
        ack(response_action="errors", errors={first: refused or "There is nothing of this kind to connect."})
        return
    try:
        opened = connections.connect(
            who.tenant_id, integration.slug, entering.values_in(view, integration), actor=f"slack: {who.name}"
        )
    except connections.WrongValue as problem:
        known = set(integration.Credentials.model_fields)
        errors = {field if field in known else first: message for field, message in problem.problems}
        ack(response_action="errors", errors=errors or {first: str(problem)})
        return
    made = connecting.connected_modal(
        integration.title,
        str(opened.connection_id),
        webhook_url=opened.webhook_url,
        generated=opened.generated,
    )
    ack(response_action="update", view=made)
    afterwards(partial(_test, who, {**made, "id": view.get("id")}, opened.connection_id))


def _tested(ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
    """Test the connection again."""
    ack()
    afterwards(partial(_test_again, visitor(body, context), body))


def _test_again(who: Visitor, body: dict[str, Any]) -> None:
    view = body.get("view") or {}
    if who.refusal(Role.ADMIN):
        return
    try:
        connection_id = UUID(str((body.get("actions") or [{}])[0].get("value") or ""))
    except ValueError:
        return
    who.replace(view, connecting.with_result(view, works=None))
    _test(who, view, connection_id)


def _test(who: Visitor, view: dict[str, Any], connection_id: UUID) -> None:
    try:
        health = connections.check(who.tenant_id, connection_id)
        works, detail = health.works, health.detail
    except LookupError as gone:
        works, detail = False, str(gone)
    who.replace(view, connecting.with_result(view, works=works, detail=detail))


# link ----------------------------------------------------------------------------------------------------------------


def link(who: Visitor, rest: str, _body: dict[str, Any]) -> Reply | None:
    """Answer `/sre link checkout #shop`; what is not said is asked in a window."""
    allowed(who, Role.ADMIN)
    name, _, last = rest.rpartition(" ")
    wanted = grammar.channel(last) if name and last.startswith(("#", "<#")) else ""
    words = name if wanted else rest
    with tenant_scope(who.tenant_id):
        services = [(one.id, one.name) for one in Service.objects.order_by("name")]
        service = named_service(words) if words else None
        closest = [] if service or not words else closest_services(words, most=1)
    if not services:
        raise Misunderstood(
            "No services are set up yet: an admin adds them on the admin page, or `copilot service add`."
        )
    if words and service is None:
        # Slack's own way of writing a channel, `<#C1|shop>`, is none that a person types.
        there = f"#{last.rpartition('|')[2].strip('<#>')}" if wanted else "#channel"
        more = f" Did you mean `/sre link {closest[0][0].name} {there}`?" if closest else ""
        raise Misunderstood(f"I know no service “{words}”.{more}")
    if service is None or not wanted:
        who.show(asking.link_modal(services, chosen=service.id if service else None, here=who.channel))
        return None
    shown = _link(who, service.id, wanted)
    return replies.said(f"{service.name}'s incidents come in {shown} from now on.")


def _link(who: Visitor, service_id: int, channel: str) -> str:
    """Let a service's incidents be shown in a channel; return the channel's name.

    :raises Misunderstood: where the channel or the service is not to be had.
    """
    try:
        found = channels.find(who.client, channel)
        if found is None:
            raise Misunderstood(f"I see no channel #{channel}. If it is private, invite me to it first.")
        about = who.client.conversations_info(channel=found).get("channel") or {}
    except (SlackApiError, SlackClientError, OSError) as failure:
        trouble = troubles.understood(failure)
        raise Misunderstood(trouble.words if trouble else "Slack did not answer; please try again.") from failure
    if about.get("is_archived"):
        raise Misunderstood(f"#{about.get('name') or channel} is archived.")
    name = f"#{about.get('name') or found}"[:100]
    with tenant_scope(who.tenant_id):
        service = Service.objects.filter(id=service_id).first()
        if service is None:
            raise Misunderstood("This service is gone; choose another.")
        Service.objects.filter(id=service_id).update(channel=name)
        AuditEntry.objects.create(actor=who.name, action="link channel", target=service.name, detail={"channel": name})
    return name


def _linked(ack: Ack, body: dict[str, Any], view: dict[str, Any], context: BoltContext) -> None:
    """Link what was chosen."""
    who = visitor(body, context)
    try:
        allowed(who, Role.ADMIN)
        _link(who, int(entered(view, "service") or 0), entered(view, "channel"))
    except Misunderstood as problem:
        ack(response_action="errors", errors={"channel": str(problem)})
        return
    ack()


# digest --------------------------------------------------------------------------------------------------------------


def digest(who: Visitor, rest: str, body: dict[str, Any]) -> Reply | None:
    """Answer `/sre digest`, or `/sre digest settings` with a window that asks when it comes."""
    if rest.strip().lower() != "settings":
        return lookups.digest(who, rest, body)
    allowed(who, Role.ADMIN)
    tenant = Tenant.objects.get(id=who.tenant_id)
    made = asking.digest_modal(
        day=tenant.digest_day,
        hour=tenant.digest_hour,
        zone=tenant.time_zone,
        channel=who.installation.default_channel,
    )
    who.show(made)
    return None


def _digest_set(ack: Ack, body: dict[str, Any], view: dict[str, Any], context: BoltContext) -> None:
    """Note when the digest comes."""
    who = visitor(body, context)
    chosen, zone = entered(view, "day"), entered(view, "zone")
    day = None if chosen == asking.NO_DAY else int(chosen)
    hour = int(entered(view, "hour"))
    try:
        allowed(who, Role.ADMIN)
        is_time_zone(zone)
    except (Misunderstood, ValidationError) as problem:
        said = problem.messages[0] if isinstance(problem, ValidationError) else str(problem)
        ack(response_action="errors", errors={"zone": said})
        return
    with tenant_scope(who.tenant_id):
        Tenant.objects.filter(id=who.tenant_id).update(digest_day=day, digest_hour=hour, time_zone=zone)
        AuditEntry.objects.create(
            actor=who.name, action="set digest", target="digest", detail={"day": day, "hour": hour, "zone": zone}
        )
    when = "No digest is posted." if day is None else f"It comes on {day_name[day]}s from {hour:02}:00 ({zone})."
    ack(response_action="update", view=notice_modal("Weekly digest", when))
