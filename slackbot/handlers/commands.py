"""The `/sre` command: acknowledged at once, answered to the person alone unless they share it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from copilot import investigations
from copilot.observe import logger
from slackbot.afterwards import afterwards
from slackbot.blocks import replies
from slackbot.handlers import deeds, grammar, lookups, setting_up
from slackbot.handlers.lookups import Misunderstood
from slackbot.handlers.visitor import visitor

if TYPE_CHECKING:
    from collections.abc import Callable

    from slack_bolt import Ack, App, BoltContext

    from slackbot.handlers.deeds import Following
    from slackbot.handlers.lookups import Reply
    from slackbot.handlers.visitor import Visitor

log = logger(__name__)


def register(app: App) -> None:
    """Attach the command, and the windows that its answers open."""
    app.command("/sre")(_sre)
    deeds.register(app)
    setting_up.register(app)


def _sre(ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
    who = visitor(body, context)
    asked = grammar.understand(str(body.get("text") or ""))
    following = partial(_answer, who, asked, body)
    if asked.word in DEEDS:
        # Written down before Slack is told that we have it: a process that dies then loses our words, and no deed.
        following = partial(_tell, who, asked, _done(who, asked, body))
    ack()
    afterwards(following)


def _done(who: Visitor, asked: grammar.Asked, body: dict[str, Any]) -> Following:
    """Do what was asked for; what went wrong is told after the acknowledgement, as everything is."""
    try:
        return DEEDS[asked.word](who, asked.rest, body)
    except Exception as problem:  # noqa: BLE001 - `_tell` finds words for it, or logs it
        return partial(_raise, problem)


def _raise(problem: Exception) -> Reply | None:
    raise problem


def _answer(who: Visitor, asked: grammar.Asked, body: dict[str, Any]) -> None:
    _tell(who, asked, lambda: _looked_up(who, asked, body))


def _tell(who: Visitor, asked: grammar.Asked, following: Following) -> None:
    """Answer the person, or everyone where they share it; what cannot be done is told to them alone."""
    try:
        reply = following()
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


def _looked_up(who: Visitor, asked: grammar.Asked, body: dict[str, Any]) -> Reply | None:
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
    "digest": setting_up.digest,
    "link": setting_up.link,
    "connect": setting_up.connect,
}
# What changes something is done first, and tells then what came of it.
DEEDS: dict[str, Callable[[Visitor, str, dict[str, Any]], Following]] = {
    "investigate": deeds.investigate,
    "feedback": deeds.feedback,
    "resolve": deeds.resolve,
    "postmortem": deeds.draft,
}
