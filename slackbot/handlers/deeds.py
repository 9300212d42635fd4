"""The `/sre` commands that do something to an incident: investigate, judge, resolve; and the windows they ask in.

Each writes down what was asked for and returns what follows once Slack has its acknowledgement: the words, or a window.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from copilot import investigations
from copilot.guard.tenancy import tenant_scope
from copilot.knowledge import incident_reader
from copilot.models import FeedbackValue, Reason, Role, Service
from copilot.stages import learn
from copilot.stages.problems import doubted
from slackbot import plain_text
from slackbot.afterwards import afterwards
from slackbot.blocks import asking, notice_modal, replies
from slackbot.handlers import grammar
from slackbot.handlers.lookups import Misunderstood, Reply, numbered, permalink
from slackbot.handlers.visitor import entered, ticked, visitor
from slackbot.models import SlackPost
from slackbot.wording import clip

if TYPE_CHECKING:
    from slack_bolt import Ack, App, BoltContext

    from slackbot.handlers.visitor import Visitor

Following = Callable[[], Reply | None]


@dataclass(frozen=True, slots=True)
class Done:
    """Hold what follows once Slack has its acknowledgement, and what is told where the process dies before that.

    `told` is empty where a window follows: it would open within three seconds, or not at all.
    """

    following: Following
    told: str = ""


REASONS = tuple((reason.value, reason.value.capitalize()) for reason in Reason)
# The keys under which post-mortem drafts, and pictures of the topology, are published.
DRAFTS = "postmortem:"
PICTURES = "topology:"
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


def investigate(who: Visitor, rest: str, body: dict[str, Any]) -> Done:
    """Answer `/sre investigate checkout`; what may be a typing error is asked about, and opens nothing."""
    allowed(who, Role.RESPONDER)
    rest, anew = grammar.without(rest, grammar.NEW)
    with tenant_scope(who.tenant_id):
        services = [(one.id, one.name) for one in Service.objects.order_by("name")]
        offered = doubted(rest)
    if not rest:
        return Done(partial(who.show, asking.investigate_modal(services)))
    if offered:

        def ask() -> Reply:
            who.show(asking.which_service_modal(rest, [(one.id, one.name) for one, _ in offered], anew=anew))
            return replies.unchosen_reply(rest, offered[0][0].name if offered[0][1] else "")

        return Done(ask, f"No service is called “{clip(rest, 200)}”, so nothing was opened yet.")
    with who.once("command", str(body.get("trigger_id"))) as is_new:
        if not is_new:
            raise Misunderstood(ALREADY)
        reported = investigations.investigate(who.tenant_id, words=rest, asked_by=who.name, anew=anew)
        name = f"INC-{reported.run.incident.number}"
    told = f"{name} of this service is open already." if reported.joined else f"Opened {name}."
    return Done(partial(_opened, who, rest, reported), told)


def _opened(who: Visitor, words: str, reported: investigations.Reported) -> Reply:
    """Show the incident, and say where it is shown."""
    incident_id = reported.run.incident_id
    who.publish(incident_id)
    briefing = incident_reader.read(who.tenant_id, incident_id)
    with tenant_scope(who.tenant_id):
        post = SlackPost.objects.filter(incident_id=incident_id, key="root").exclude(ts="").first()
    address = permalink(who, post)
    if reported.joined:
        return replies.joined_reply(briefing.number, words, address, looks_again=reported.looks_again)
    return replies.opened_reply(briefing.number, briefing.channel or who.installation.default_channel, address)


def _service_name(who: Visitor, key: str) -> str:
    """Return the name of the service that was chosen."""
    with tenant_scope(who.tenant_id):
        return Service.objects.filter(id=int(key)).values_list("name", flat=True).first() or ""


def _which_service(ack: Ack, body: dict[str, Any], view: dict[str, Any], context: BoltContext) -> None:
    """Investigate what was chosen: a service, or the words as they were written."""
    who = visitor(body, context)
    chosen = entered(view, "service")
    asked = json.loads(view.get("private_metadata") or "{}")
    words = str(asked.get("words") or "")
    words = words if chosen == asking.AS_WRITTEN else _service_name(who, chosen)
    _investigated(who, ack, view, words, anew=bool(asked.get("anew")))


def _investigate_window(ack: Ack, body: dict[str, Any], view: dict[str, Any], context: BoltContext) -> None:
    """Investigate a service, what is wrong in words, or both."""
    who = visitor(body, context)
    chosen, said = entered(view, "service"), entered(view, "words")
    words = " ".join(part for part in (_service_name(who, chosen) if chosen else "", said) if part)
    if not words:
        ack(response_action="errors", errors={"words": "Choose a service, or say what is wrong."})
        return
    _investigated(who, ack, view, words, anew=ticked(view, "anew"))


def _investigated(who: Visitor, ack: Ack, view: dict[str, Any], words: str, *, anew: bool) -> None:
    block = "words" if any(one.get("block_id") == "words" for one in view.get("blocks") or []) else "service"
    refused = who.refusal(Role.RESPONDER)
    if refused or not words:
        ack(response_action="errors", errors={block: refused or "This service is gone; choose another."})
        return
    try:
        with who.once("view", str(view.get("id")), str(view.get("hash"))) as is_new:
            reported = (
                investigations.investigate(who.tenant_id, words=words, asked_by=who.name, anew=anew) if is_new else None
            )
    except investigations.Refused as problem:
        ack(response_action="errors", errors={block: str(problem)})
        return
    if reported is None:
        ack()
        return
    briefing = incident_reader.read(who.tenant_id, reported.run.incident_id)
    name = f"INC-{briefing.number}"
    channel = (briefing.channel or who.installation.default_channel).lstrip("#")
    where = f" Its message comes in #{channel}." if channel else ""
    if reported.joined:
        there = f" in #{channel}" if channel else ""
        told = f"{name} of this service is open already{there}: " + (
            "it is looked at again there." if reported.looks_again else "its look of the last minutes answers this."
        )
        told += f" To open another all the same: /sre investigate {clip(words, 200)} --new"
    else:
        told = f"Opened {name}.{where}"
    ack(response_action="update", view=notice_modal(name, told))
    afterwards(partial(who.publish, reported.run.incident_id))


def feedback(who: Visitor, rest: str, body: dict[str, Any]) -> Done:
    """Answer `/sre feedback 42 up`; without a verdict, ask for one in a window."""
    allowed(who, Role.RESPONDER)
    number, incident_id, said = numbered(who, rest, "/sre feedback 42 up")
    if not said:
        briefing = incident_reader.read(who.tenant_id, incident_id)
        if not briefing.hypotheses:
            raise Misunderstood(f"INC-{number} has no hypotheses.")
        return Done(partial(who.show, asking.feedback_modal(briefing, REASONS)))
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
    return _shown(who, incident_id, replies.feedback_reply(number, rank, value, hypothesis.statement))


def _shown(who: Visitor, incident_id: UUID, reply: Reply) -> Done:
    """Return what shows an incident as it is now, and then says so."""

    def show() -> Reply:
        who.publish(incident_id)
        return reply

    return Done(show, plain_text.message_text({"blocks": reply[0]}))


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
    afterwards(partial(who.publish, UUID(str(view.get("private_metadata")))))


def resolve(who: Visitor, rest: str, body: dict[str, Any]) -> Done:
    """Answer `/sre resolve 42`: close what was opened by hand."""
    allowed(who, Role.RESPONDER)
    number, incident_id, said = numbered(who, rest, "/sre resolve 42")
    with who.once("command", str(body.get("trigger_id"))) as is_new:
        if is_new:
            investigations.resolve(who.tenant_id, incident_id, by=who.name, anyway=said.strip().lower() == "anyway")
    said_so = replies.said(f"INC-{number} is resolved. Its thread asks what the cause was.")
    return _shown(who, incident_id, said_so)


def draft(who: Visitor, rest: str, body: dict[str, Any]) -> Done:
    """Answer `/sre postmortem 42`: a draft as things stand, as a file in the incident's thread."""
    allowed(who, Role.RESPONDER)
    number, incident_id, _ = numbered(who, rest, "/sre postmortem 42")
    root = _wish(who, number, incident_id, f"{DRAFTS}{body.get('trigger_id')}")
    return _shown(who, incident_id, replies.thread_reply(number, "The post-mortem draft is in", permalink(who, root)))


def topology(who: Visitor, rest: str, body: dict[str, Any]) -> Done:
    """Answer `/sre topology 42`: a picture in the incident's thread."""
    allowed(who, Role.RESPONDER)
    number, incident_id, _ = numbered(who, rest, "/sre topology 42")
    root = _wish(who, number, incident_id, f"{PICTURES}{body.get('trigger_id')}")
    return _shown(
        who, incident_id, replies.thread_reply(number, "The picture of who needs whom is in", permalink(who, root))
    )


def _wish(who: Visitor, number: int, incident_id: UUID, key: str) -> SlackPost:
    """Ask for a file in an incident's thread; return the message that the thread belongs to.

    :raises Misunderstood: where the incident has no message yet.
    """
    with tenant_scope(who.tenant_id):
        root = SlackPost.objects.filter(incident_id=incident_id, key="root").exclude(ts="").first()
        if root is None:
            raise Misunderstood(f"INC-{number} has no message in Slack yet, and so no thread for a file.")
        # The row is the wish; publishing fulfils it.
        SlackPost.objects.get_or_create(incident_id=incident_id, key=key[:120], defaults={"tenant_id": who.tenant_id})
    return root


__all__ = [
    "REASONS",
    "Done",
    "Following",
    "allowed",
    "draft",
    "feedback",
    "investigate",
    "register",
    "resolve",
    "topology",
]
