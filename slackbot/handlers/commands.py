"""The `/sre` command: acknowledged at once, answered to the person alone unless they share it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from copilot import investigations
from copilot.observe import logger
from slackbot import troubles
from slackbot.afterwards import afterwards
from slackbot.blocks import replies
from slackbot.blocks.parts import unescape
from slackbot.handlers import deeds, grammar, lookups, owed, setting_up
from slackbot.handlers.deeds import Done
from slackbot.handlers.lookups import Misunderstood
from slackbot.handlers.visitor import visitor

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from slack_bolt import Ack, App, BoltContext

    from slackbot.handlers.deeds import Following
    from slackbot.handlers.lookups import Reply
    from slackbot.handlers.visitor import Visitor

log = logger(__name__)
# What is told as it stands; anything else is a fault of ours.
REFUSALS = (Misunderstood, LookupError, investigations.Refused)


def register(app: App) -> None:
    """Attach the command, and the windows that its answers open."""
    app.command("/sre")(_sre)
    deeds.register(app)
    setting_up.register(app)


def _sre(ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
    who = visitor(body, context)
    text = unescape(str(body.get("text") or ""))
    asked = grammar.understand(text)
    # Written down before Slack is told that we have it: a process that dies then loses neither deed nor answer.
    if grammar.is_deed(asked):
        done = _done(who, asked, body)
        debt = owed.owe(who, text, done=done.told) if done.told else None
        following = partial(_tell, who, asked, done.following, debt)
    else:
        following = partial(_tell, who, asked, partial(_looked_up, who, asked, body), owed.owe(who, text))
    ack()
    afterwards(following)


def _done(who: Visitor, asked: grammar.Asked, body: dict[str, Any]) -> Done:
    """Do what was asked for; what went wrong is told after the acknowledgement, as everything is."""
    try:
        return DEEDS[asked.word](who, asked.rest, body)
    except REFUSALS as problem:
        return Done(partial(_raise, problem), _sentence(problem))
    except Exception as problem:  # noqa: BLE001 - `_made` finds words for it, and logs it
        return Done(partial(_raise, problem))


def _raise(problem: Exception) -> Reply | None:
    raise problem


def _tell(who: Visitor, asked: grammar.Asked, following: Following, debt: owed.Owed | None) -> None:
    """Answer what this process took in, unless a worker took it over while it waited its turn; a window is owed nothing."""
    if debt is not None:
        mine = owed.begin(debt)
        if mine is not None:
            _give(who, asked, following, mine)
        return
    reply, to_all = _made(asked, following)
    if reply is not None:
        blocks, text = reply
        who.tell(text, blocks, to_all=to_all)


def give(tenant_id: UUID, reply_id: UUID) -> None:
    """Answer a command in place of a process that died, or that Slack did not listen to; no deed is done again."""
    taken = owed.take_over(tenant_id, reply_id)
    if taken is None:
        return
    who, mine = taken
    asked = grammar.understand(mine.words)
    if mine.may_have_arrived:
        log.warning("slack answer to a channel may have arrived; it is not sent twice", command=asked.word)
        owed.settle(mine)
        return
    if mine.done:
        # It may be a refusal, and those are told to the person alone.
        _give(who, replace(asked, share=False), partial(replies.said, mine.done), mine)
    else:
        _give(who, asked, partial(_looked_up, who, asked, {"text": mine.words}), mine)


def _give(who: Visitor, asked: grammar.Asked, following: Following, mine: owed.Owed) -> None:
    """Make the answer and send it to the person, or to everyone where they share it; it is owed until Slack has taken it."""
    reply, to_all = _made(asked, following)
    if reply is not None:
        blocks, text = reply
        if to_all:
            owed.note_sending(mine)
        try:
            who.deliver(text, blocks, to_all=to_all)
        except Exception as failure:
            trouble = troubles.understood(failure)
            # Whether a channel was told cannot be known where Slack said nothing.
            if trouble is not None and trouble.retryable and not (to_all and trouble.code == "unreachable"):
                log.warning("slack answer put off", error=trouble.code, command=asked.word)
                owed.put_off(mine, trouble)
                return
            log.warning("slack answer not delivered", error=f"{type(failure).__name__}: {failure}"[:200])
            if trouble is None:
                owed.settle(mine)
                raise
    owed.settle(mine)


def _made(asked: grammar.Asked, following: Following) -> tuple[Reply | None, bool]:
    """Return the answer, and whether all may see it; nothing where a window said it all."""
    try:
        return following(), asked.share
    except REFUSALS as problem:
        return replies.said(_sentence(problem)), False
    except Exception:
        log.exception("slash command failed", command=asked.word)
        return replies.said("Something went wrong on our side; it is in the log. Please try again."), False


def _sentence(problem: Exception) -> str:
    """Return why something cannot be done; what a command line would say without a capital is a sentence here."""
    told = str(problem.args[0]) if problem.args else "That was not understood."
    return f"{told[:1].upper()}{told[1:]}"


def _looked_up(who: Visitor, asked: grammar.Asked, body: dict[str, Any]) -> Reply | None:
    if grammar.is_deed(asked):
        raise Misunderstood("That was done; what came of it cannot be told any more. `/sre status` shows what is open.")
    if asked.is_known:
        return ANSWERS[asked.word](who, asked.rest, body)
    number, _ = grammar.number(asked.word)
    if number is not None:
        return lookups.incident(who, asked.word, body)
    if asked.meant:
        raise Misunderstood(f"I know no “{asked.word}”. Did you mean `/sre {f'{asked.meant} {asked.rest}'.strip()}`?")
    raise Misunderstood(f"I know no “{asked.word}”. `/sre help` tells what I can do.")


def _help(_who: Visitor, _rest: str, _body: dict[str, Any]) -> Reply:
    return replies.help_reply(grammar.HELP)


ANSWERS: dict[str, Callable[[Visitor, str, dict[str, Any]], Reply | None]] = {
    "help": _help,
    "status": lookups.status,
    "incident": lookups.incident,
    "why": lookups.why,
    "evidence": lookups.evidence,
    "similar": lookups.similar,
    "changes": lookups.changes,
    "runbook": lookups.runbook,
    "topology": lookups.topology,
    "digest": setting_up.digest,
    "link": setting_up.link,
    "connect": setting_up.connect,
}
# What changes something is done first, and tells then what came of it.
DEEDS: dict[str, Callable[[Visitor, str, dict[str, Any]], Done]] = {
    "investigate": deeds.investigate,
    "feedback": deeds.feedback,
    "resolve": deeds.resolve,
    "postmortem": deeds.draft,
    "topology": deeds.topology,
}
