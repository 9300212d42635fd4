"""The `/sre` command: acknowledged at once, answered to the person alone unless they share it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from copilot import investigations
from copilot.observe import logger
from slackbot.blocks import replies
from slackbot.handlers import deeds, grammar, lookups, setting_up
from slackbot.handlers.lookups import Misunderstood
from slackbot.handlers.visitor import visitor

if TYPE_CHECKING:
    from collections.abc import Callable

    from slack_bolt import Ack, App, BoltContext

    from slackbot.handlers.lookups import Reply
    from slackbot.handlers.visitor import Visitor

log = logger(__name__)


def register(app: App) -> None:
    """Attach the command, and the windows that its answers open."""
    app.command("/sre")(_sre)
    deeds.register(app)
    setting_up.register(app)


def _sre(ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
    # First of all: Slack waits three seconds, our answer may take longer.
    ack()
    who = visitor(body, context)
    asked = grammar.understand(str(body.get("text") or ""))
    try:
        reply = _answer(who, asked, body)
    except (Misunderstood, LookupError, investigations.Refused) as problem:
        blocks, text = replies.said(str(problem.args[0]) if problem.args else "That was not understood.")
        who.tell(text, blocks)
        return
    except Exception:
        log.exception("slash command failed", command=asked.word)
        blocks, text = replies.said("Something went wrong on our side; it is in the log. Please try again.")
        who.tell(text, blocks)
        return
    # What opened a window needs no words.
    if reply is not None:
        blocks, text = reply
        who.tell(text, blocks, to_all=asked.share)


def _answer(who: Visitor, asked: grammar.Asked, body: dict[str, Any]) -> Reply | None:
    if asked.is_known:
        return ANSWERS[asked.word](who, asked.rest, body)
    number, _ = grammar.number(asked.word)
    if number is not None:
        return lookups.incident(who, asked.word, body)
    if asked.meant:
        raise Misunderstood(f"I know no “{asked.word}”. Did you mean `/sre {f'{asked.meant} {asked.rest}'.strip()}`?")
    raise Misunderstood(f"I know no “{asked.word}”. `/sre help` tells what I can do.")


def _help(_who: Visitor, _rest: str, _body: dict[str, Any]) -> Reply:
    return replies.help_reply(grammar.COMMANDS)


ANSWERS: dict[str, Callable[[Visitor, str, dict[str, Any]], Reply | None]] = {
    "help": _help,
    "status": lookups.status,
    "incident": lookups.incident,
    "why": lookups.why,
    "similar": lookups.similar,
    "changes": lookups.changes,
    "runbook": lookups.runbook,
    "digest": lookups.digest,
    "investigate": deeds.investigate,
    "feedback": deeds.feedback,
    "resolve": deeds.resolve,
    "postmortem": deeds.draft,
    "link": setting_up.link,
    "connect": setting_up.connect,
}
