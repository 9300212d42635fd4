"""Conversation: a mention in a thread, a message in the agent pane, Slack's own Stop, and feedback on answers."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from slack_sdk.errors import SlackClientError

from copilot import conversation
from copilot.models import FeedbackValue, Question, Role
from copilot.observe import logger
from slackbot.afterwards import afterwards
from slackbot.blocks.answer import FEEDBACK
from slackbot.blocks.parts import unescape
from slackbot.handlers import looking_at
from slackbot.handlers.visitor import visitor
from slackbot.models import SlackPost

if TYPE_CHECKING:
    from slack_bolt import Ack, App, BoltContext

    from slackbot.handlers.visitor import Visitor

log = logger(__name__)
FACE = "slack"
_MENTION = re.compile(r"<@([A-Z0-9]+)(?:\|[^>]*)?>")
_STOP = re.compile(r"(?:please\s+)?(?:stop|cancel|halt)[.! ]*", re.IGNORECASE)


def register(app: App) -> None:
    """Attach the listeners."""
    app.event("app_mention")(_mentioned)
    app.event("message")(_messaged)
    app.event("agent_session_stopped")(_stopped)
    app.action(FEEDBACK)(_judged)


def _mentioned(body: dict[str, Any], context: BoltContext) -> None:
    """Answer a mention in its thread."""
    _take_in(body, context)


def _messaged(body: dict[str, Any], context: BoltContext) -> None:
    """Answer what is written to the app alone; messages in channels are none of ours unless they mention us."""
    event = body.get("event") or {}
    if event.get("channel_type") == "im":
        _take_in(body, context)


def _take_in(body: dict[str, Any], context: BoltContext) -> None:
    event = body.get("event") or {}
    who = visitor(body, context)
    # Edits, joins and what bots write, ourselves among them, are no questions.
    if event.get("subtype") not in {None, "file_share", "thread_broadcast"} or event.get("bot_id") or not who.person:
        return
    words = _words(str(event.get("text") or ""), who.installation.bot_user_id)
    thread_ts = str(event.get("thread_ts") or event.get("ts") or "")
    thread = f"{who.channel}/{thread_ts}"
    if _STOP.fullmatch(words):
        conversation.stop(who.tenant_id, face=FACE, thread=thread)
        return
    may_look = not who.refusal(Role.RESPONDER)
    # In the pane, "this" is what the person looks at beside it.
    looked_at = looking_at.incident_in(who, event.get("app_context"))
    # An answer has a place; where a mention stands in a channel and a pane at once, it is still one question.
    with who.once("question", who.channel, str(event.get("ts"))) as is_new:
        if not is_new:
            return
        posted = SlackPost.objects.filter(key="root", channel=who.channel, ts=thread_ts)
        question_id = conversation.ask(
            who.tenant_id,
            conversation.Asked(
                text=words or "help",
                person=who.person,
                person_name=who.name,
                face=FACE,
                thread=thread,
                place={
                    "channel": who.channel,
                    "thread_ts": thread_ts,
                    "user": who.person,
                    "team": str(event.get("user_team") or event.get("team") or who.installation.team_id),
                },
                may_look=may_look,
                incident_id=posted.values_list("incident_id", flat=True).first(),
                looked_at=looked_at,
            ),
        )
    # The question is in the rows: Slack may be told now that we have it, and whoever finds it there answers it.
    afterwards(partial(_begin, who, thread_ts, words, question_id))


def _begin(who: Visitor, thread_ts: str, words: str, question_id: UUID) -> None:
    # In this order: an answer ends with "no longer at work", and may be whole in a moment.
    _show_working(who, thread_ts, words)
    conversation.answer_soon(who.tenant_id, question_id)


def _words(text: str, bot_user_id: str) -> str:
    """Return what was written without the mention of us, and as it was typed."""
    text = _MENTION.sub(lambda match: "" if match[1] == bot_user_id else f"@{match[1]}", text)
    return " ".join(unescape(text).split())


def _show_working(who: Visitor, thread_ts: str, words: str) -> None:
    """Show at once that somebody is at it, with Slack's own Stop; an app that is no agent yet goes without."""
    try:
        who.client.agents_sessions_setStatus(
            channel_id=who.channel, thread_ts=thread_ts, status="processing", title=words[:200] or None
        )
    except (SlackClientError, OSError) as failure:
        log.info("slack session not shown", error=str(failure)[:200])


def _stopped(body: dict[str, Any], context: BoltContext) -> None:
    """Stop what is under way in the thread; its answer says so where it stood."""
    event = body.get("event") or {}
    who = visitor(body, context)
    conversation.stop(who.tenant_id, face=FACE, thread=f"{event.get('channel')}/{event.get('thread_ts')}")
    afterwards(partial(_show_stopped, who, event))


def _show_stopped(who: Visitor, event: dict[str, Any]) -> None:
    try:
        who.client.agents_sessions_setStatus(
            channel_id=str(event.get("channel")), thread_ts=str(event.get("thread_ts")), status="active"
        )
    except (SlackClientError, OSError) as failure:
        log.info("slack session not shown", error=str(failure)[:200])


def _judged(ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
    """Note what a person says of an answer; anyone who may read it may say so."""
    who = visitor(body, context)
    afterwards(partial(who.tell, _noted(who, body)))
    ack()


def _noted(who: Visitor, body: dict[str, Any]) -> str:
    """Write down what was said of an answer, and return words for it."""
    verdict, _, question = str(_first(body).get("value") or "").partition(":")
    try:
        question_id = UUID(question)
        value = FeedbackValue(verdict)
    except ValueError:
        return "This button carries nothing that we know; the message may be of an older version."
    with who.once("action", who.trigger_id, verdict, question) as is_new:
        if not is_new:
            return "That was noted already."
        if not Question.objects.filter(id=question_id).exists():
            return "This answer is gone."
        now = conversation.judge(who.tenant_id, question_id, person=who.person, person_name=who.name, value=value)
    return {"": "Taken back.", "up": "👍 noted, thank you.", "down": "👎 noted, thank you."}[now]


def _first(body: dict[str, Any]) -> dict[str, Any]:
    found = body.get("actions")
    return found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else {}
