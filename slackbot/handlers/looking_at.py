"""What a person looks at beside the app's pane: Slack tells the channel or thread, and the pane's questions follow it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from slack_sdk.errors import SlackClientError

from copilot.guard.tenancy import tenant_scope
from copilot.models import Incident, IncidentStatus
from copilot.observe import logger
from slackbot.afterwards import afterwards
from slackbot.handlers.visitor import visitor
from slackbot.models import SlackPost
from slackbot.wording import clip

if TYPE_CHECKING:
    from uuid import UUID

    from slack_bolt import App, BoltContext

    from slackbot.handlers.visitor import Visitor

log = logger(__name__)
PROMPTS = (
    {"title": "Why?", "message": "Why is this happening?"},
    {"title": "What changed?", "message": "What changed before it began?"},
    {"title": "Seen before?", "message": "Have we seen this before?"},
    {"title": "What next?", "message": "What should I check next?"},
)
ENTITIES = 8
# Slack takes four prompts: all that is asked of one incident, or one question for each of several.
MOST = 4


@dataclass(frozen=True, slots=True)
class Seen:
    """Hold an incident that is shown where a person looks."""

    id: UUID
    number: int
    service: str


def register(app: App) -> None:
    """Attach the listener."""
    app.event("app_context_changed")(_changed)


def _changed(body: dict[str, Any], context: BoltContext) -> None:
    """Offer questions that fit what the person looks at now."""
    afterwards(partial(offer, visitor(body, context), (body.get("event") or {}).get("context")))


def offer(who: Visitor, view: Any) -> None:
    """Offer questions in the pane; without a thread, as Slack asks where the whole pane is meant."""
    seen = incidents_in(who, view)
    if not who.channel:
        # Slack told what is looked at, but not whose pane that is beside.
        log.info("slack named no pane", incidents=len(seen))
        return
    try:
        who.client.assistant_threads_setSuggestedPrompts(
            channel_id=who.channel, title=_title(seen), prompts=[dict(one) for one in _prompts(seen)]
        )
    except (SlackClientError, OSError) as failure:
        log.info("slack prompts not shown", error=str(failure)[:200])


def _title(seen: list[Seen]) -> str:
    if len(seen) == 1:
        return f"Ask about INC-{seen[0].number} ({clip(seen[0].service, 60)})"
    return "Ask about an incident of this channel" if seen else "Ask about an incident"


def _prompts(seen: list[Seen]) -> list[dict[str, str]]:
    """Return the questions; each names its incident, so that the answer does, too."""
    if not seen:
        return list(PROMPTS)
    if len(seen) == 1:
        name = f"INC-{seen[0].number}"
        return [
            {"title": f"Why {name}?", "message": f"Why is {name} happening?"},
            {"title": "What changed?", "message": f"What changed before {name} began?"},
            {"title": "Seen before?", "message": f"Have we seen anything like {name} before?"},
            {"title": "What next?", "message": f"What should I check next for {name}?"},
        ]
    return [
        {"title": f"Why INC-{one.number} ({clip(one.service, 30)})?", "message": f"Why is INC-{one.number} happening?"}
        for one in seen[:MOST]
    ]


def incident_in(who: Visitor, view: Any) -> UUID | None:
    """Return the incident that a person looks at; None where it is none, or not clear which."""
    seen = incidents_in(who, view)
    return seen[0].id if len(seen) == 1 else None


def incidents_in(who: Visitor, view: Any) -> list[Seen]:
    """Return the incidents that Slack's context leads to: the one of the thread, else the open ones of the channel, newest first."""
    entities = view.get("entities") if isinstance(view, dict) else None
    if not isinstance(entities, list) or who.is_guest:
        return []
    # Slack puts what matters most first.
    for one in entities[:ENTITIES]:
        if not isinstance(one, dict) or one.get("team_id") not in {None, "", who.installation.team_id}:
            continue
        channel, ts = _place(one)
        found = _shown(who, channel, ts) if channel else []
        if found:
            return found
    return []


def _place(entity: dict[str, Any]) -> tuple[str, str]:
    """Return the channel and message that one thing of the context is about; a canvas or list is about none."""
    value = entity.get("value")
    if entity.get("type") == "slack#/types/channel_id" and isinstance(value, str):
        return value, ""
    if entity.get("type") == "slack#/types/message_context" and isinstance(value, dict):
        return str(value.get("channel_id") or ""), str(value.get("thread_ts") or value.get("message_ts") or "")
    return "", ""


def _shown(who: Visitor, channel: str, ts: str) -> list[Seen]:
    with tenant_scope(who.tenant_id):
        posts = SlackPost.objects.filter(channel=channel).exclude(ts="")
        # Any of our messages in a thread tells whose thread it is.
        thread = posts.filter(ts=ts).values_list("incident_id", flat=True).first() if ts else None
        rows = Incident.objects.select_related("service")
        if thread is not None:
            rows = rows.filter(id=thread)
        else:
            rows = rows.filter(id__in=posts.filter(key="root").values("incident_id"))
            rows = rows.exclude(status=IncidentStatus.RESOLVED)
        return [Seen(one.id, one.number, one.display_service) for one in rows.order_by("-started_at")[:MOST]]


__all__ = ["PROMPTS", "incident_in", "offer", "register"]
