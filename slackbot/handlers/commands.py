"""The `/sre` command: acknowledged at once, answered to the person alone unless they share it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from copilot import investigations
from copilot.guard.tenancy import tenant_scope
from copilot.knowledge import incident_reader
from copilot.models import FeedbackValue, Hypothesis, Incident, IncidentStatus, Role
from copilot.observe import logger
from copilot.stages import learn
from slackbot.blocks import replies
from slackbot.handlers import grammar
from slackbot.handlers.visitor import visitor
from slackbot.models import SlackPost

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from slack_bolt import Ack, App, BoltContext

    from slackbot.blocks.parts import Block
    from slackbot.handlers.visitor import Visitor

    Reply = tuple[list[Block], str]

log = logger(__name__)
SHOWN = 15


class Misunderstood(ValueError):
    """Say in words what a command lacks."""


def register(app: App) -> None:
    """Attach the command."""
    app.command("/sre")(_sre)


def _sre(ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
    # First of all: Slack waits three seconds, our answer may take longer.
    ack()
    who = visitor(body, context)
    asked = grammar.understand(str(body.get("text") or ""))
    try:
        blocks, text = _answer(who, asked, body)
    except (Misunderstood, LookupError, investigations.Refused) as problem:
        blocks, text = replies.said(str(problem.args[0]) if problem.args else "That was not understood.")
        who.tell(text, blocks)
        return
    except Exception:
        log.exception("slash command failed", command=asked.word)
        blocks, text = replies.said("Something went wrong on our side; it is in the log. Please try again.")
        who.tell(text, blocks)
        return
    who.tell(text, blocks, to_all=asked.share)


def _answer(who: Visitor, asked: grammar.Asked, body: dict[str, Any]) -> Reply:
    if asked.is_known:
        return ANSWERS[asked.word](who, asked.rest, body)
    number, _ = grammar.number(asked.word)
    if number is not None:
        return _incident(who, asked.word, body)
    if asked.meant:
        raise Misunderstood(f"I know no “{asked.word}”. Did you mean `/sre {f'{asked.meant} {asked.rest}'.strip()}`?")
    raise Misunderstood(f"I know no “{asked.word}”. `/sre help` tells what I can do.")


def _help(_who: Visitor, _rest: str, _body: dict[str, Any]) -> Reply:
    return replies.help_reply(grammar.COMMANDS)


def _status(who: Visitor, _rest: str, _body: dict[str, Any]) -> Reply:
    with tenant_scope(who.tenant_id):
        rows = Incident.objects.exclude(status=IncidentStatus.RESOLVED).select_related("service")
        total = rows.count()
        found = list(rows.order_by("-started_at")[:200])
        mine = {one.id for one in found if _is_mine(who, one)}
        found = sorted(found, key=lambda one: (one.id not in mine, -one.number))[:SHOWN]
        posts = {
            post.incident_id: post for post in SlackPost.objects.filter(incident__in=found, key="root").exclude(ts="")
        }
        leads = {
            row.run.incident_id: row
            for row in Hypothesis.objects.filter(run__incident__in=found, rank=1)
            .select_related("run")
            .order_by("run__sequence")
        }
    lines = [
        replies.OpenIncident(
            number=one.number,
            title=one.title,
            service=one.display_service,
            status=one.status,
            severity=one.severity,
            started_at=one.started_at,
            assignees=tuple(one.assignees),
            is_mine=one.id in mine,
            lead=f"Lead: {leads[one.id].statement}" if one.id in leads else "",
            link=permalink(who, posts.get(one.id)) or one.url,
        )
        for one in found
    ]
    return replies.status_reply(lines, total)


def _is_mine(who: Visitor, incident: Incident) -> bool:
    """Return whether the incident is the asker's: assigned to, or acknowledged by them, or of a service they own."""
    names = {who.person.lower(), who.name.lower()} - {""}
    owners = incident.service.owners if incident.service else []
    people = [*incident.assignees, incident.acknowledged_by, *owners]
    # An assignee is named as PagerDuty does it: in full, or by e-mail address.
    known = {part for one in people for part in (str(one).lower(), str(one).lower().partition("@")[0])}
    return bool(names & known)


def permalink(who: Visitor, post: SlackPost | None) -> str:
    """Return the web address of a posted message."""
    base = who.installation.team_url
    return f"{base.rstrip('/')}/archives/{post.channel}/p{post.ts.replace('.', '')}" if post and base else ""


def _numbered(who: Visitor, words: str, example: str) -> tuple[int, UUID, str]:
    """Return the incident's number and id, and the rest of the words.

    :raises Misunderstood: where no number is given.
    :raises LookupError: where there is no such incident.
    """
    number, rest = grammar.number(words)
    if number is None:
        raise Misunderstood(f"Say which incident, e.g. `{example}`. `/sre status` lists the open ones.")
    return number, incident_reader.find(who.tenant_id, number), rest


def _incident(who: Visitor, rest: str, _body: dict[str, Any]) -> Reply:
    _, incident_id, _ = _numbered(who, rest, "/sre incident 42")
    return replies.incident_reply(incident_reader.read(who.tenant_id, incident_id))


def _why(who: Visitor, rest: str, _body: dict[str, Any]) -> Reply:
    _, incident_id, _ = _numbered(who, rest, "/sre why 42")
    return replies.why_reply(incident_reader.read(who.tenant_id, incident_id))


def _investigate(who: Visitor, rest: str, body: dict[str, Any]) -> Reply:
    refused = who.refusal(Role.RESPONDER)
    if refused:
        raise Misunderstood(refused)
    if not rest:
        raise Misunderstood("Say what to look at: `/sre investigate checkout`, or a few words about what is wrong.")
    with who.once("command", str(body.get("trigger_id"))) as is_new:
        if not is_new:
            raise Misunderstood("That was asked for already.")
        incident_id = investigations.investigate(who.tenant_id, words=rest, asked_by=who.name)
    who.publish(incident_id)
    briefing = incident_reader.read(who.tenant_id, incident_id)
    with tenant_scope(who.tenant_id):
        post = SlackPost.objects.filter(incident_id=incident_id, key="root").exclude(ts="").first()
    channel = briefing.channel or who.installation.default_channel
    return replies.opened_reply(briefing.number, channel, permalink(who, post))


def _feedback(who: Visitor, rest: str, body: dict[str, Any]) -> Reply:
    refused = who.refusal(Role.RESPONDER)
    if refused:
        raise Misunderstood(refused)
    number, incident_id, said = _numbered(who, rest, "/sre feedback 42 up")
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


ANSWERS: dict[str, Callable[[Visitor, str, dict[str, Any]], Reply]] = {
    "help": _help,
    "status": _status,
    "incident": _incident,
    "why": _why,
    "investigate": _investigate,
    "feedback": _feedback,
}
