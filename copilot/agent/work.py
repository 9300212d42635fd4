"""One request: read as one of the types or refused, asked of the source through the guarded door, answered whatever happens."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from copilot import observe
from copilot.agent import observed, sources
from copilot.agent.protocol import (
    MAX_OBSERVATIONS,
    MAX_ROWS,
    Answer,
    AskSurvey,
    AskTool,
    AskTools,
    Checked,
    Failed,
    Failure,
    Gather,
    Look,
    Looked,
    Misspoken,
    Observed,
    Offered,
    OfferedTool,
    Surveyed,
    failure_of,
    read_request,
    told,
)
from copilot.guard.http import HttpDoor
from copilot.guard.http.errors import recognised
from copilot.guard.observed import redacted
from copilot.guard.redact import Redactor
from integrations.base import SourceError
from integrations.mcp import Mcp

if TYPE_CHECKING:
    from copilot.agent.protocol import Handed, Request
    from copilot.agent.sources import Source
    from copilot.config import AgentConfig
    from integrations.base import Door
    from scoring.observations import Observation

log = observe.logger(__name__)

USER_AGENT = "sre-copilot-agent"
# Kept back from what the service gave, for the way of the answer.
MARGIN_SECONDS = 1.0
CHECK_SECONDS = 10.0


def redactor_of(token: str) -> Redactor:
    """Return what takes secrets out before anything leaves the cluster; equal secrets look equal to one token's readers."""
    return Redactor(hashlib.sha256(b"copilot/agent/redact/v1/" + token.encode()).digest())


def door_of(settings: AgentConfig, seconds: float) -> HttpDoor:
    """Return the way to a source."""
    return HttpDoor(
        deadline_seconds=seconds,
        max_bytes=settings.max_source_bytes,
        allowed_private=settings.allowed_private_networks,
        user_agent=USER_AGENT,
    )


def work(handed: Handed, settings: AgentConfig, redactor: Redactor) -> Answer:
    """Return the answer to a request; never raises, and is done by the request's deadline as far as sources can be stopped."""
    try:
        request = read_request(handed.request)
    except Misspoken as wrong:
        log.warning("a request outside of what an agent does was refused", request=str(handed.id), reason=str(wrong))
        return _refused(f"the agent does nothing but what its types allow: {wrong}")
    try:
        source = _source(request, settings)
        door = door_of(settings, max(0.5, handed.seconds - MARGIN_SECONDS))
        return _done(request, source, door, redactor, max_bytes=handed.max_bytes)
    except _Refused as refused:
        return _refused(str(refused))
    except Exception as error:  # noqa: BLE001 - every failure becomes words
        return Failed(failure=_failure(error, request.kind))


def _done(request: Request, source: Source, door: Door, redactor: Redactor, *, max_bytes: int) -> Answer:
    match request:
        case Gather():
            return _gathered(request, source, door, redactor, max_bytes=max_bytes)
        case Look():
            return _looked(request, source, door, redactor)
        case AskSurvey():
            return _surveyed(request, source, door, redactor)
        case AskTools():
            return _offered(source, door, redactor)
        case AskTool():
            return _told_by(request, source, door, redactor)
        case _:
            return _checked(source, door, redactor)


class _Refused(Exception):
    """Say that a request is one that this agent will not carry out."""


def check(source: Source, settings: AgentConfig, redactor: Redactor) -> Checked:
    """Return whether a source answers; never raises."""
    try:
        return _checked(source, door_of(settings, CHECK_SECONDS), redactor)
    except Exception as error:  # noqa: BLE001 - every failure becomes words
        return Checked(works=False, detail=_failure(error, source.kind).reason)


def _source(request: Request, settings: AgentConfig) -> Source:
    known = sources.load(settings.sources)
    found = known.get((request.kind, request.name))
    if found is None:
        names = ", ".join(f"{kind} ({name})" for kind, name in known) or "none"
        raise _Refused(f"the agent holds no {request.kind} called {request.name}; it has: {names}")
    return found


def _gathered(request: Gather, source: Source, door: Door, redactor: Redactor, *, max_bytes: int) -> Observed:
    found: list[Observation] = []
    failure: Failure | None = None
    try:
        # One by one, so that what a source said before it failed is kept.
        told_of = source.integration.gather(door, source.credentials, request.scope.scope(), request.window.window())
        found.extend(redacted(one, redactor) for one in told_of)
    except Exception as error:  # noqa: BLE001 - every failure becomes words
        failure = _failure(error, source.kind)
    # The gap that may be added at the end counts as well.
    written = observed.written(found[: MAX_OBSERVATIONS - 1], kind=source.kind, max_bytes=max_bytes)
    return Observed(observations=written, failure=failure)


def _looked(request: Look, source: Source, door: Door, redactor: Redactor) -> Answer:
    one = next((look for look in source.integration.looks if look.name == request.look), None)
    if one is None:
        raise _Refused(f"{source.kind} has no look called {request.look}")
    try:
        arguments = one.arguments.model_validate(request.arguments)
    except ValidationError as wrong:
        raise _Refused(f"{request.look}: {told(wrong)}") from None
    scope, window = request.scope.scope(), request.window.window()
    seen = source.integration.look(door, source.credentials, scope, window, arguments)
    rows: list[dict[str, Any]] = [redactor.data(dict(row)) for row in seen.rows[:MAX_ROWS]]
    cut = f"; the first {MAX_ROWS} of {len(seen.rows)} rows" if len(seen.rows) > MAX_ROWS else ""
    return Looked(query=seen.query[:8000], rows=rows, link=seen.link[:2000], note=(seen.note + cut)[:2000])


def _surveyed(request: AskSurvey, source: Source, door: Door, redactor: Redactor) -> Answer:
    if not source.integration.surveys:
        raise _Refused(f"{source.kind} does not tell who needs whom")
    told_of = source.integration.survey(door, source.credentials, request.scope.scope(), request.window.window())
    calls = tuple(replace(one, detail=redactor.text(one.detail)[:300]) for one in told_of.calls)
    gaps = tuple(replace(one, reason=redactor.text(one.reason)) for one in told_of.gaps)
    return Surveyed.of(replace(told_of, calls=calls, gaps=gaps))


def _offered(source: Source, door: Door, redactor: Redactor) -> Offered:
    return Offered(
        tools=tuple(
            OfferedTool(
                name=one.name,
                description=redactor.text(one.description),
                arguments=redactor.data(dict(one.schema)),
                refusal=one.refusal[:300],
            )
            for one in _server(source).listed(door, source.credentials)
        )
    )


def _told_by(request: AskTool, source: Source, door: Door, redactor: Redactor) -> Looked:
    # Whether the agent's file names the tool, and the server says that it only reads, is looked up anew there.
    seen = _server(source).asked(door, source.credentials, request.tool, request.arguments)
    rows: list[dict[str, Any]] = [redactor.data(dict(row)) for row in seen.rows[:MAX_ROWS]]
    return Looked(query=redactor.text(seen.query)[:8000], rows=rows, link=seen.link[:2000], note=seen.note[:2000])


def _server(source: Source) -> Mcp:
    if not isinstance(source.integration, Mcp):
        raise _Refused(f"{source.kind} has no tools of its own")
    return source.integration


def _checked(source: Source, door: Door, redactor: Redactor) -> Checked:
    health = source.integration.check(door, source.credentials)
    return Checked(works=health.works is not False, detail=redactor.text(health.detail)[:2000])


def _failure(error: Exception, kind: str) -> Failure:
    known = error if isinstance(error, SourceError) else recognised(error)
    if known is not None:
        return failure_of(known)
    if isinstance(error, sources.WrongSources):
        return Failure(code="refused", reason=f"the agent's sources are wrong: {error}"[:1000], retryable=False)
    log.error("a source failed unexpectedly", source=kind, exc_info=error)
    return Failure(code="source", reason=f"answered something unexpected ({type(error).__name__})")


def _refused(reason: str) -> Failed:
    return Failed(failure=Failure(code="refused", reason=reason[:1000], retryable=False))
