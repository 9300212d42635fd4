"""Links to incidents: a shared one unfurls to how the incident stands, and opens a pane that tells more.

What a card shows is seen by everyone in the conversation: the incident is looked up in the workspace's own tenant alone, and
nothing is unfurled where people of other organisations read along.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from slack_sdk.errors import SlackApiError, SlackClientError

from copilot.guard.tenancy import tenant_scope
from copilot.knowledge import incident_reader
from copilot.models import Incident, Tenant
from copilot.observe import logger
from slackbot import incident_links, troubles
from slackbot.afterwards import afterwards
from slackbot.blocks.work_object import classic_unfurl, details_entity, unfurl_entity
from slackbot.handlers.lookups import permalink
from slackbot.handlers.visitor import visitor
from slackbot.models import SlackPost

if TYPE_CHECKING:
    from datetime import datetime

    from slack_bolt import App, BoltContext

    from copilot.knowledge.briefing import Briefing
    from slackbot.handlers.visitor import Visitor

log = logger(__name__)
# A message may hold many links; as many cards would bury it.
MOST = 5
NOT_FOUND = {"status": "not_found"}
RESTRICTED = {"status": "restricted"}


@dataclass(frozen=True, slots=True)
class Linked:
    """Hold an incident with the addresses that its card leads to."""

    briefing: Briefing
    address: str
    thread: str
    updated_at: datetime


def register(app: App) -> None:
    """Attach the listeners."""
    app.event("link_shared")(_shared)
    app.event("entity_details_requested")(_requested)


def _shared(body: dict[str, Any], context: BoltContext) -> None:
    """Unfurl what was shared, or is being written."""
    if not body.get("is_ext_shared_channel"):
        afterwards(partial(_unfurl, visitor(body, context), body.get("event") or {}))


def _unfurl(who: Visitor, event: dict[str, Any]) -> None:
    links = event.get("links")
    posted = [str(one.get("url") or "") for one in links if isinstance(one, dict)] if isinstance(links, list) else []
    slug = Tenant.objects.values_list("slug", flat=True).get(id=who.tenant_id)
    found = {
        url: incident_id for url in dict.fromkeys(posted) if (incident_id := incident_links.incident_of(url, slug))
    }
    shown = {url: one for url, incident_id in list(found.items())[:MOST] if (one := _linked(who, slug, incident_id))}
    if not shown:
        return
    entities = [
        unfurl_entity(one.briefing, posted=url, address=one.address, thread=one.thread, updated_at=one.updated_at)
        for url, one in shown.items()
    ]
    try:
        _send(who, event, metadata={"entities": entities})
    except SlackApiError as failure:
        trouble = troubles.understood(failure)
        if trouble is None or trouble.retryable or trouble.is_channel or trouble.is_the_workspace:
            raise
        # Where Work Objects are not switched on for the app, a card in blocks says the same in fewer words.
        log.info("slack takes no work object", error=trouble.code)
        _send(who, event, unfurls={url: classic_unfurl(one.briefing) for url, one in shown.items()})


def _send(who: Visitor, event: dict[str, Any], **content: Any) -> None:
    # A link that is being written has no message yet.
    place = {"unfurl_id": event.get("unfurl_id"), "source": event.get("source")}
    if not all(place.values()):
        place = {"channel": event.get("channel"), "ts": event.get("message_ts")}
    who.client.chat_unfurl(**place, **content)


def _linked(who: Visitor, slug: str, incident_id: UUID) -> Linked | None:
    """Return the incident, where it is this tenant's."""
    with tenant_scope(who.tenant_id):
        row = Incident.objects.filter(id=incident_id).values_list("updated_at", flat=True).first()
        post = SlackPost.objects.filter(incident_id=incident_id, key="root").exclude(ts="").first()
    if row is None:
        return None
    briefing = incident_reader.read(who.tenant_id, incident_id)
    return Linked(
        briefing=briefing,
        address=incident_links.address(slug, incident_id),
        thread=permalink(who, post),
        updated_at=max(row, briefing.ranked_at or row),
    )


def _requested(body: dict[str, Any], context: BoltContext) -> None:
    """Tell more of a card that was opened."""
    afterwards(partial(_present, visitor(body, context), body))


def _present(who: Visitor, body: dict[str, Any]) -> None:
    event = body.get("event") or {}
    try:
        who.client.entity_presentDetails(trigger_id=str(event.get("trigger_id") or ""), **_details(who, body, event))
    except (SlackClientError, OSError) as failure:
        log.warning("slack details not shown", error=str(failure)[:200])


def _details(who: Visitor, body: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
    """Return what the pane shows: the incident, or why not."""
    if body.get("is_ext_shared_channel"):
        return {"error": RESTRICTED}
    slug = Tenant.objects.values_list("slug", flat=True).get(id=who.tenant_id)
    reference = event.get("external_ref")
    try:
        incident_id: UUID | None = UUID(str(reference.get("id"))) if isinstance(reference, dict) else None
    except ValueError:
        incident_id = None
    # Slack's search knows the address alone.
    incident_id = incident_id or incident_links.incident_of(str(event.get("entity_url") or ""), slug)
    one = _linked(who, slug, incident_id) if incident_id else None
    if one is None:
        return {"error": NOT_FOUND}
    made = details_entity(one.briefing, address=one.address, thread=one.thread, updated_at=one.updated_at)
    return {"metadata": made}
