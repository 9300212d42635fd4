"""One turn of a conversation with the model: what it said while it streamed, which look-ups it wants, and the bill."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from copilot.llm.client import Heard, Outcome, Reply, bounded_by, ending, traced, trouble_of
from copilot.observe import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from anthropic import Anthropic

    from copilot.guard.http.deadline import Deadline

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """Hold one look-up that the model wants."""

    id: str
    name: str
    arguments: Any


@dataclass(frozen=True, slots=True)
class Turn:
    """Hold how a turn ended. `content` is what the API wants back as the assistant's part of the conversation."""

    reply: Reply
    calls: tuple[Call, ...] = ()
    content: tuple[dict[str, Any], ...] = ()
    is_stopped: bool = False


def take(
    through: Anthropic,
    *,
    model: str,
    system: str,
    messages: Sequence[dict[str, Any]],
    tools: Sequence[dict[str, Any]],
    may_call: bool,
    max_tokens: int,
    deadline: Deadline,
    hear: Callable[[str], None],
    is_stopped: Callable[[], bool],
) -> Turn:
    """Return one turn; trouble of any kind is a turn too, with the bill as far as it is known. `hear` gets text as it comes."""
    started = time.monotonic()
    heard = Heard()
    stopped = False
    arguments: dict[str, Any] = {"tools": list(tools), "tool_choice": {"type": "auto" if may_call else "none"}}
    with traced(model) as bill:
        try:
            with through.with_options(middleware=[bounded_by(deadline)]).messages.stream(
                model=model,
                max_tokens=max_tokens,
                system=[{"type": "text", "text": system, "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
                messages=list(messages),  # type: ignore[arg-type]
                **(arguments if tools else {}),
            ) as stream:
                heard.request_id = stream.request_id or ""
                has_begun = False
                outcome, detail = Outcome.CUT_OFF, ""
                for event in stream:
                    has_begun = has_begun or event.type == "message_start"
                    if has_begun:
                        heard.message = stream.current_message_snapshot
                    heard.is_whole = heard.is_whole or event.type == "message_stop"
                    if event.type == "text":
                        hear(event.text)
                    if heard.is_whole:
                        continue
                    if deadline.remaining() <= 0:
                        outcome = Outcome.TIMED_OUT
                        break
                    if is_stopped():
                        outcome, detail, stopped = Outcome.STOPPED, "by the person", True
                        break
            if heard.is_whole:
                outcome, detail = ending(heard.message)
        except Exception as error:  # noqa: BLE001 - a stream that makes no sense can raise anything inside the SDK; rules answer then
            outcome, detail = ending(heard.message) if heard.is_whole else trouble_of(error, heard, deadline)
            log.warning(
                "model_turn_failed", model=model, outcome=outcome.value, error=type(error).__name__, detail=detail
            )
        bill(outcome, heard.tokens())
    reply = Reply(
        outcome,
        text=heard.text,
        detail=detail,
        tokens=heard.tokens(),
        request_id=heard.request_id,
        seconds=time.monotonic() - started,
    )
    wants = heard.is_whole and heard.message is not None and heard.message.stop_reason == "tool_use"
    return Turn(reply, _calls(heard) if wants else (), _content(heard) if wants else (), stopped)


def _calls(heard: Heard) -> tuple[Call, ...]:
    blocks = heard.message.content if heard.message else []
    return tuple(Call(one.id, one.name, one.input) for one in blocks if one.type == "tool_use")


def _content(heard: Heard) -> tuple[dict[str, Any], ...]:
    """Return what the model said, as it is sent back; nothing of it that the API did not say itself."""
    blocks = heard.message.content if heard.message else []
    return tuple(
        {"type": "text", "text": one.text}
        if one.type == "text"
        else {"type": "tool_use", "id": one.id, "name": one.name, "input": one.input}
        for one in blocks
        if one.type == "tool_use" or (one.type == "text" and one.text.strip())
    )
