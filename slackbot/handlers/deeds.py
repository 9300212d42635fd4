"""The `/sre` commands that do something to an incident: investigate, judge, resolve; and the windows they ask in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

from copilot import investigations
from copilot.guard.tenancy import tenant_scope
from copilot.knowledge import incident_reader
from copilot.models import FeedbackValue, Reason, Role, Service
from copilot.stages import learn
from copilot.stages.services import closest_services, named_service
from slackbot.blocks import asking, notice_modal, replies
from slackbot.handlers.lookups import Misunderstood, numbered, permalink
from slackbot.handlers.visitor import entered, visitor
from slackbot.models import SlackPost

if TYPE_CHECKING:
    from slack_bolt import Ack, App, BoltContext

    from slackbot.handlers.lookups import Reply
    from slackbot.handlers.visitor import Visitor

REASONS = tuple((reason.value, reason.value.capitalize()) for reason in Reason)
# So alike (of 100) is what was mistyped, even in a sentence.
MISTYPED = 75.0
# The keys under which post-mortem drafts are published.
DRAFTS = "postmortem:"
ALREADY = "That was asked for already."


def register(app: App) -> None:
    """Attach the windows."""
    app.view("which_service")(_which_service)
    app.view("investigate")(_investigate_window)
    app.view("feedback")(_feedback_window)


def allowed(who: Visitor, needed: Role) -> None:
    """Go on where the person may do this.

    :raises Misunderstood: with the refusal, where they may not.
    """
    refused = who.refusal(needed)
    if refused:
        raise Misunderstood(refused)


def investigate(who: Visitor, rest: str, body: dict[str, Any]) -> Reply | None:
    """Answer `/sre investigate checkout`; what may be a typing error is asked about, and opens nothing."""
    allowed(who, Role.RESPONDER)
    with tenant_scope(who.tenant_id):
        services = [(one.id, one.name) for one in Service.objects.order_by("name")]
        is_named = named_service(rest) is not None
        closest = [] if is_named else [(one.id, one.name, near) for one, near in closest_services(rest)]
    if not rest:
        who.show(asking.investigate_modal(services))
        return None
    is_mistyped = bool(closest) and closest[0][2] >= MISTYPED
    if not is_named and (is_mistyped or (services and len(rest.split()) == 1)):
        offered = [(key, name) for key, name, _ in closest] or services[:4]
        who.show(asking.which_service_modal(rest, offered))
        return replies.unchosen_reply(rest, closest[0][1] if closest else "")
    return _open(who, rest, "command", str(body.get("trigger_id")))


def _open(who: Visitor, words: str, *key: str) -> Reply:
    """Open an incident by hand, show it, and say where."""
    with who.once(*key) as is_new:
        if not is_new:
            raise Misunderstood(ALREADY)
        incident_id = investigations.investigate(who.tenant_id, words=words, asked_by=who.name)
    who.publish(incident_id)
    briefing = incident_reader.read(who.tenant_id, incident_id)
    with tenant_scope(who.tenant_id):
        post = SlackPost.objects.filter(incident_id=incident_id, key="root").exclude(ts="").first()
    channel = briefing.channel or who.installation.default_channel
    return replies.opened_reply(briefing.number, channel, permalink(who, post))


def _service_name(who: Visitor, key: str) -> str:
    """Return the name of the service that was chosen."""
    with tenant_scope(who.tenant_id):
        return Service.objects.filter(id=int(key)).values_list("name", flat=True).first() or ""


def _which_service(ack: Ack, body: dict[str, Any], view: dict[str, Any], context: BoltContext) -> None:
    """Investigate what was chosen: a service, or the words as they were written."""
    who = visitor(body, context)
    chosen = entered(view, "service")
    words = str(json.loads(view.get("private_metadata") or "{}").get("words") or "")
    _investigated(who, ack, view, words if chosen == asking.AS_WRITTEN else _service_name(who, chosen))


def _investigate_window(ack: Ack, body: dict[str, Any], view: dict[str, Any], context: BoltContext) -> None:
    """Investigate a service, what is wrong in words, or both."""
    who = visitor(body, context)
    chosen, said = entered(view, "service"), entered(view, "words")
    words = " ".join(part for part in (_service_name(who, chosen) if chosen else "", said) if part)
    if not words:
        ack(response_action="errors", errors={"words": "Choose a service, or say what is wrong."})
        return
    _investigated(who, ack, view, words)


def _investigated(who: Visitor, ack: Ack, view: dict[str, Any], words: str) -> None:
    block = "words" if any(one.get("block_id") == "words" for one in view.get("blocks") or []) else "service"
    refused = who.refusal(Role.RESPONDER)
    if refused or not words:
        ack(response_action="errors", errors={block: refused or "This service is gone; choose another."})
        return
    try:
        with who.once("view", str(view.get("id")), str(view.get("hash"))) as is_new:
            incident_id = investigations.investigate(who.tenant_id, words=words, asked_by=who.name) if is_new else None
    except investigations.Refused as problem:
        ack(response_action="errors", errors={block: str(problem)})
        return
    if incident_id is None:
        ack()
        return
    briefing = incident_reader.read(who.tenant_id, incident_id)
    channel = (briefing.channel or who.installation.default_channel).lstrip("#")
    where = f" Its message comes in #{channel}." if channel else ""
    ack(response_action="update", view=notice_modal(f"INC-{briefing.number}", f"Opened INC-{briefing.number}.{where}"))
    who.publish(incident_id)


def feedback(who: Visitor, rest: str, body: dict[str, Any]) -> Reply | None:
    """Answer `/sre feedback 42 up`; without a verdict, ask for one in a window."""
    allowed(who, Role.RESPONDER)
    number, incident_id, said = numbered(who, rest, "/sre feedback 42 up")
    if not said:
        briefing = incident_reader.read(who.tenant_id, incident_id)
        if not briefing.hypotheses:
            raise Misunderstood(f"INC-{number} has no hypotheses.")
        who.show(asking.feedback_modal(briefing, REASONS))
        return None
    value, _, more = said.partition(" ")
    value = {"👍": "up", ":+1:": "up", ":thumbsup:": "up", "👎": "down", ":-1:": "down", ":thumbsdown:": "down"}.get(
        value, value.lower()
    )
    if value not in FeedbackValue.values:
        raise Misunderstood(f"Say up or down: `/sre feedback {number} up`, or `/sre feedback {number} down 2 why not`.")
    first, _, words = more.strip().partition(" ")
    has_rank = first.isascii() and first.isdigit() and len(first) < 3
    rank, words = (int(first), words) if has_rank else (1, more)
    briefing = incident_reader.read(who.tenant_id, incident_id)
    hypothesis = next((one for one in briefing.hypotheses if one.rank == rank), None)
    if hypothesis is None:
        count = len(briefing.hypotheses)
        raise Misunderstood(
            f"INC-{number} has {count or 'no'} hypotheses" + (f", none with number {rank}." if count else ".")
        )
    with who.once("command", str(body.get("trigger_id"))) as is_new:
        if is_new:
            learn.give_verdict(
                who.tenant_id,
                hypothesis.id,
                person=who.person,
                person_name=who.name,
                value=value,
                words=words.strip(),
            )
    who.publish(incident_id)
    return replies.feedback_reply(number, rank, value, hypothesis.statement)


def _feedback_window(ack: Ack, body: dict[str, Any], view: dict[str, Any], context: BoltContext) -> None:
    """Record a verdict, or the confirmed cause."""
    who = visitor(body, context)
    refused = who.refusal(Role.RESPONDER)
    if refused:
        ack(response_action="errors", errors={"verdict": refused})
        return
    chosen, value, said = entered(view, "hypothesis"), entered(view, "verdict"), entered(view, "words")
    try:
        with who.once("view", str(view.get("id")), str(view.get("hash"))) as is_new:
            if is_new and value == "confirm":
                learn.confirm(
                    who.tenant_id,
                    UUID(str(view.get("private_metadata"))),
                    hypothesis_id=UUID(chosen),
                    person=who.person,
                    person_name=who.name,
                    words=said,
                )
            elif is_new:
                learn.give_verdict(
                    who.tenant_id,
                    UUID(chosen),
                    person=who.person,
                    person_name=who.name,
                    value=value,
                    reason=entered(view, "reason") if value == FeedbackValue.DOWN else "",
                    words=said,
                )
    except (LookupError, ValueError) as problem:
        ack(response_action="errors", errors={"verdict": str(problem)})
        return
    ack()
    who.publish(UUID(str(view.get("private_metadata"))))


def resolve(who: Visitor, rest: str, body: dict[str, Any]) -> Reply:
    """Answer `/sre resolve 42`: close what was opened by hand."""
    allowed(who, Role.RESPONDER)
    number, incident_id, said = numbered(who, rest, "/sre resolve 42")
    with who.once("command", str(body.get("trigger_id"))) as is_new:
        if is_new:
            investigations.resolve(who.tenant_id, incident_id, by=who.name, anyway=said.strip().lower() == "anyway")
    who.publish(incident_id)
    return replies.said(f"INC-{number} is resolved. Its thread asks what the cause was.")


def draft(who: Visitor, rest: str, body: dict[str, Any]) -> Reply:
    """Answer `/sre postmortem 42`: a draft as things stand, as a file in the incident's thread."""
    allowed(who, Role.RESPONDER)
    number, incident_id, _ = numbered(who, rest, "/sre postmortem 42")
    asked_for = f"{DRAFTS}{body.get('trigger_id')}"[:120]
    with tenant_scope(who.tenant_id):
        root = SlackPost.objects.filter(incident_id=incident_id, key="root").exclude(ts="").first()
        if root is None:
            raise Misunderstood(f"INC-{number} has no message in Slack yet, and so no thread for a file.")
        # The row is the wish; publishing fulfils it.
        SlackPost.objects.get_or_create(incident_id=incident_id, key=asked_for, defaults={"tenant_id": who.tenant_id})
    who.publish(incident_id)
    return replies.thread_reply(number, "The post-mortem draft is in", permalink(who, root))


__all__ = ["REASONS", "allowed", "draft", "feedback", "investigate", "register", "resolve"]
