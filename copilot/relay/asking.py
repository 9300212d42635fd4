"""Ask a source through an agent: write the request down, wait for its answer, and never longer than the deadline."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection as database
from pydantic import TypeAdapter, ValidationError

from copilot.agent import observed
from copilot.agent.protocol import (
    Answer,
    AskSurvey,
    AskTool,
    AskTools,
    Check,
    Checked,
    Failed,
    Gather,
    Look,
    Looked,
    Observed,
    Offered,
    OfferedTool,
    Surveyed,
    asked_scope,
    asked_window,
    told,
)
from copilot.config import config
from copilot.guard import vault
from copilot.guard.tenancy import tenant_scope
from copilot.models import Agent, AgentRequestState
from copilot.relay import queue, states
from copilot.relay.bell import bell
from integrations.base import Health, Rejected, Seen, SourceError, TimedOut, Unreachable

if TYPE_CHECKING:
    from uuid import UUID

    from copilot.agent.protocol import Request
    from copilot.guard.http import Meter
    from copilot.models import Connection
    from integrations.base import Scope
    from integrations.survey import Survey
    from scoring.observations import Observation, Window

# Between two looks at the row while its bell is not heard, short beside what a source takes; and while it is.
LOOK_SECONDS = 0.15
HEARD_SECONDS = 2.0
# Kept back from the deadline, so that who asked hears our reason before losing patience.
MARGIN_SECONDS = 0.5
_ANSWER: TypeAdapter[Answer] = TypeAdapter(Answer)


@dataclass(frozen=True, slots=True)
class Via:
    """Name a source behind an agent."""

    tenant_id: UUID
    agent_id: UUID
    connection_id: UUID
    kind: str
    name: str


def via(connection: Connection) -> Via | None:
    """Return the way to a connection's source, None where the service asks it itself."""
    if connection.agent_id is None:
        return None
    return Via(connection.tenant_id, connection.agent_id, connection.pk, connection.kind, connection.name)


def gather(
    way: Via, scope: Scope, window: Window, *, seconds: float, meter: Meter | None = None
) -> tuple[list[Observation], SourceError | None]:
    """Return what the source said, and why it did not say all of it; `meter` counts the bytes of the answer.

    :raises SourceError: where it said nothing.
    """
    asked = Gather(kind=way.kind, name=way.name, scope=asked_scope(scope), window=asked_window(window))
    answer = _answer(way, asked, seconds=seconds, meter=meter)
    if not isinstance(answer, Observed):
        raise _unexpected(way)
    failure = answer.failure.error() if answer.failure else None
    return observed.read(answer.observations, kind=way.kind), failure


def look(way: Via, name: str, arguments: dict[str, Any], scope: Scope, window: Window, *, seconds: float) -> Seen:
    """Return what a look saw.

    :raises SourceError: where it cannot be answered.
    """
    asked = Look(
        kind=way.kind,
        name=way.name,
        look=name,
        arguments=arguments,
        scope=asked_scope(scope),
        window=asked_window(window),
    )
    answer = _answer(way, asked, seconds=seconds)
    if not isinstance(answer, Looked):
        raise _unexpected(way)
    return Seen(query=answer.query, rows=tuple(answer.rows), link=answer.link, note=answer.note)


def survey(way: Via, scope: Scope, window: Window, *, seconds: float) -> Survey:
    """Return which services the source knows, and who needs whom.

    :raises SourceError: where it said nothing; an agent from before it could be asked refuses.
    """
    asked = AskSurvey(kind=way.kind, name=way.name, scope=asked_scope(scope), window=asked_window(window))
    answer = _answer(way, asked, seconds=seconds)
    if not isinstance(answer, Surveyed):
        raise _unexpected(way)
    try:
        return answer.survey(kind=way.kind)
    except ValueError as wrong:
        raise SourceError(f"the agent's answer was refused: {wrong}", retryable=False) from None


def tools(way: Via, *, seconds: float) -> tuple[OfferedTool, ...]:
    """Return which tools an outside server offers, of those that the agent's file names.

    :raises SourceError: where it cannot be asked; an agent from before it could be asked refuses.
    """
    answer = _answer(way, AskTools(kind=way.kind, name=way.name), seconds=seconds)
    if not isinstance(answer, Offered):
        raise _unexpected(way)
    return answer.tools


def tool(way: Via, name: str, arguments: dict[str, Any], *, seconds: float) -> Seen:
    """Return what a tool of an outside server answers.

    :raises SourceError: where it is not offered, refuses, or cannot be asked.
    """
    try:
        asked = AskTool(kind=way.kind, name=way.name, tool=name, arguments=arguments)
    except ValidationError as wrong:
        raise Rejected(f"{name[:64]} cannot be asked so through an agent: {told(wrong)}", retryable=False) from None
    answer = _answer(way, asked, seconds=seconds)
    if not isinstance(answer, Looked):
        raise _unexpected(way)
    return Seen(query=answer.query, rows=tuple(answer.rows), link=answer.link, note=answer.note)


def check(way: Via, *, seconds: float) -> Health:
    """Return whether the source answers the agent.

    :raises SourceError: where the agent cannot be asked.
    """
    answer = _answer(way, Check(kind=way.kind, name=way.name), seconds=seconds)
    if not isinstance(answer, Checked):
        raise _unexpected(way)
    return Health(answer.works, f"through the agent: {answer.detail}")


def _answer(way: Via, request: Request, *, seconds: float, meter: Meter | None = None) -> Answer:
    """Return the agent's answer.

    :raises SourceError: what the agent answered instead, or why it did not.
    """
    until = time.monotonic() + max(0.5, seconds - MARGIN_SECONDS)
    with tenant_scope(way.tenant_id):
        agent = Agent.objects.get(id=way.agent_id)
        state = states.state_of(agent)
    if not state.works:
        # Not waited for: whoever is paged should not lose the deadline to an agent that is not there.
        # In brackets: what stands behind `token:` is taken for one, and would be redacted on the card.
        raise Unreachable(f"agent {agent.name} cannot be asked ({state.word}): {state.detail}")
    request_id = queue.put(
        way.tenant_id,
        way.agent_id,
        way.connection_id,
        request,
        seconds=until - time.monotonic(),
        max_bytes=config().agent_answer_bytes,
    )
    rung = threading.Event()
    try:
        with bell.waiting(request_id, rung.set):
            while True:
                rung.clear()
                found = queue.look_at(way.tenant_id, request_id)
                if found.answer is not None or found.state not in queue.OPEN:
                    break
                left = until - time.monotonic()
                if left <= 0:
                    raise TimedOut(_why_late(agent.name, found, seconds))
                rung.wait(min(HEARD_SECONDS if bell.is_heard else LOOK_SECONDS, left))
    finally:
        queue.close(way.tenant_id, request_id)
    if found.answer is None:
        raise SourceError(f"agent {agent.name}: {found.reason or 'no answer before the deadline'}")
    if meter is not None:
        meter.take(len(found.answer))
    answer = _ANSWER.validate_python(vault.unseal(way.tenant_id, found.answer))
    if isinstance(answer, Failed):
        raise answer.failure.error()
    return answer


def _why_late(name: str, found: queue.Waiting, seconds: float) -> str:
    if found.state == AgentRequestState.WAITING:
        return f"agent {name} did not take the request within {seconds:g} s"
    times = f" (taken {found.attempt} times)" if found.attempt > 1 else ""
    return f"agent {name} took the request{times} and did not answer within {seconds:g} s: was it cut off or stopped?"


def _unexpected(way: Via) -> SourceError:
    return SourceError(f"the agent answered something else than {way.kind} was asked", retryable=False)


def give_back_connection() -> None:
    """Close the database connection of a thread that asked; Django ties connections to threads."""
    database.close()
