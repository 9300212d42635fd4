"""The page on which an admin enters a source's secrets: reached by a link from Slack that works once, for a few minutes.

What is entered goes the same way as from Slack's window: it is sealed, tested, and the person is told in Slack how it went.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from django.template.loader import render_to_string

from copilot import connections
from copilot.models import Role, Tenant
from copilot.observe import logger
from integrations import registry
from slackbot import installs
from slackbot.afterwards import afterwards
from slackbot.blocks import connecting
from slackbot.handlers import entering
from slackbot.handlers.visitor import Visitor
from slackbot.installs import grants

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from integrations.base import Integration
    from slackbot.models import SlackGrant

log = logger(__name__)
COOKIE = "copilot-connect"


@dataclass(frozen=True, slots=True)
class Shown:
    """Hold a page: its markup, the status, and the cookie that the form must come back with, where it is new."""

    page: str
    status: int = 200
    cookie: str = ""


@dataclass(frozen=True, slots=True)
class Invitation:
    """Hold what a link is for: who may enter what."""

    grant: SlackGrant
    who: Visitor
    integration: Integration


def show(token: str) -> Shown:
    """Return the form that a link leads to; opening it does not use the link up.

    :raises LinkRefused: where the link does not work, or the person may not do this any more.
    """
    invited = _invited(token)
    cookie = secrets.token_urlsafe(24)
    return Shown(_form(invited, token, cookie), cookie=cookie)


def submit(token: str, cookie: str, entered: Mapping[str, str]) -> Shown:
    """Seal what was entered, and return what connecting gave; a wrong value is said beside its field, and the link stays good.

    :raises LinkRefused: as `show` does, and where the form is not of this browser.
    """
    invited = _invited(token)
    if not cookie or not secrets.compare_digest(_mark(token, cookie), entered.get("mark", "")):
        raise grants.LinkRefused("This form was not opened in this browser. Open the link from Slack again.")
    values = entering.values_of(
        invited.integration,
        said=lambda name: entered.get(name, "").replace("\r\n", "\n").strip(),
        is_ticked=lambda name: entered.get(name) == connecting.TRUE,
    )
    tenant_id, kind = invited.who.tenant_id, invited.integration.slug
    try:
        connections.examine(tenant_id, kind, values)
    except connections.WrongValue as problem:
        return Shown(_form(invited, token, cookie, entered=entered, problem=problem), status=422)
    grants.use(invited.grant)
    opened = connections.connect(tenant_id, kind, values, actor=invited.grant.actor)
    afterwards(partial(_test, invited.who, invited.integration.title, opened.connection_id))
    made = {"title": invited.integration.title, "webhook_url": opened.webhook_url, "generated": opened.generated}
    return Shown(render_to_string("slackbot/connected.html", made))


def _invited(token: str) -> Invitation:
    grant = grants.form(token)
    integration = registry.integrations().get(grant.subject)
    installation = installs.of_connection(grant.tenant_id, grant.connection_id) if grant.connection_id else None
    if integration is None or installation is None or not installation.is_active:
        raise grants.LinkRefused("What this link was for is not connected any more. Type /sre connect in Slack again.")
    who = Visitor(
        installation=installation,
        client=installation.client(),
        person=grant.person,
        name=grant.actor,
        channel=grant.channel,
        thread_ts="",
        response_url="",
        trigger_id="",
        is_guest=False,
    )
    refused = who.refusal(Role.ADMIN)
    if refused:
        raise grants.LinkRefused(refused)
    return Invitation(grant, who, integration)


def _mark(token: str, cookie: str) -> str:
    """Return what the form carries to show that it was opened in the browser with this cookie."""
    return hashlib.sha256(f"{token}\n{cookie}".encode()).hexdigest()


def _form(
    invited: Invitation,
    token: str,
    cookie: str,
    *,
    entered: Mapping[str, str] | None = None,
    problem: connections.WrongValue | None = None,
) -> str:
    """Return the form; after a wrong value with what was entered, but for secrets."""
    fields = entering.fields_of(invited.who.tenant_id, invited.integration)
    if entered is not None:
        fields = [
            one if one.shape.startswith("secret") else replace(one, value=entered.get(one.name, "")) for one in fields
        ]
    problems = {field.partition(".")[0]: _sentence(said) for field, said in problem.problems} if problem else {}
    known = {one.name for one in fields}
    context: dict[str, Any] = {
        "title": invited.integration.title,
        "tenant": Tenant.objects.get(id=invited.who.tenant_id),
        "fields": [(one, problems.get(one.name, "")) for one in fields],
        "others": [said for name, said in problems.items() if name not in known]
        or ([str(problem)] if problem and not problems else []),
        "has_problems": problem is not None,
        "mark": _mark(token, cookie),
        "yes": connecting.TRUE,
    }
    return render_to_string("slackbot/connect.html", context)


def _sentence(said: str) -> str:
    said = said.removeprefix("Value error, ")
    return said[:1].upper() + said[1:]


def _test(who: Visitor, title: str, connection_id: UUID) -> None:
    """Test what was connected, and tell the person in Slack."""
    try:
        health = connections.check(who.tenant_id, connection_id)
        works, detail = health.works, health.detail
    except LookupError as gone:
        works, detail = False, str(gone)
    blocks, text = connecting.told_message(title, works=works, detail=detail)
    who.tell(text, blocks)


__all__ = ["COOKIE", "Shown", "show", "submit"]
