"""An investigation's progress as server-sent events: each stage as it ends, then the result; resumable, and cheap to listen to."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from fastapi import Header
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from copilot.flow import ENDED
from copilot.guard.tenancy import tenant_scope
from copilot.models import Run, Scope
from copilot.web.api.problems import Problem, not_found
from copilot.web.api.route import Asking, needs, router
from copilot.web.db import in_db

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from copilot.tokens import Caller

routes = router("investigations")
POLL_SECONDS = 1.0
# Proxies close what is silent for a minute or so.
KEEP_ALIVE_SECONDS = 15.0
# Then the client comes again by itself, and is asked for its token again.
LONGEST_SECONDS = 900.0
RETRY_MILLISECONDS = 2000
MOST_LISTENERS = 20
END = "end"
# One event, as OpenAPI describes streams: what stands after `data:` is JSON.
EVENT = {
    "type": "object",
    "properties": {
        "event": {"type": "string", "enum": ["progress", "stage", "result"]},
        "id": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json"},
        "retry": {"type": "integer"},
    },
}
_listeners: Counter[UUID] = Counter()


@dataclass(frozen=True, slots=True)
class Told:
    """Hold what there is to tell of a run: its ended stages by their place in the plan, its sources, and how it ended."""

    stages: tuple[tuple[int, dict[str, Any]], ...]
    progress: dict[str, Any]
    result: dict[str, Any] | None


@routes.get(
    "/investigations/{investigation_id}/events",
    openapi_extra=needs(Scope.INCIDENTS_READ),
    operation_id="followInvestigation",
    response_class=Response,
    responses={
        200: {
            "description": "Events `progress` (what is being done, without an id), `stage` (a stage ended) and `result` (the last"
            " one). After a break, `Last-Event-ID` leaves out what was told.",
            "content": {"text/event-stream": {"schema": EVENT}},
        },
        204: {"description": "All was told already: do not come again."},
    },
)
async def follow(
    caller: Asking,
    investigation_id: UUID,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", max_length=40)] = None,
) -> Response:
    """Follow an investigation until it ends."""
    first = await run_in_threadpool(in_db(_read), caller.tenant_id, investigation_id)
    if last_event_id == END and first.result is not None:
        return Response(status_code=204)
    if _listeners[caller.token_id] >= MOST_LISTENERS:
        raise Problem(
            429, "too-many-listeners", f"this token follows {MOST_LISTENERS} already", headers={"Retry-After": "5"}
        )
    return StreamingResponse(
        _stream(
            caller, investigation_id, first, int(last_event_id) if last_event_id and last_event_id.isdecimal() else 0
        ),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _stream(caller: Caller, run_id: UUID, told: Told, last: int) -> AsyncIterator[str]:
    """Yield events; between two looks at the rows no database connection is held."""
    _listeners[caller.token_id] += 1
    ends_at = time.monotonic() + LONGEST_SECONDS
    spoken_at = time.monotonic()
    progress: dict[str, Any] = {}
    try:
        yield f"retry: {RETRY_MILLISECONDS}\n\n"
        while True:
            events = [_event("stage", data, str(place)) for place, data in told.stages if place > last]
            last = max([last, *(place for place, _ in told.stages)])
            if told.result is not None:
                events.append(_event("result", told.result, END))
            elif told.progress != progress:
                progress = told.progress
                events.append(_event("progress", progress))
            for one in events:
                yield one
            now = time.monotonic()
            if told.result is not None or now > ends_at:
                return
            if events:
                spoken_at = now
            elif now - spoken_at >= KEEP_ALIVE_SECONDS:
                spoken_at = now
                yield ": still here\n\n"
            await asyncio.sleep(POLL_SECONDS)
            told = await run_in_threadpool(in_db(_read), caller.tenant_id, run_id)
    finally:
        _listeners[caller.token_id] -= 1
        if _listeners[caller.token_id] <= 0:
            del _listeners[caller.token_id]


def _read(tenant_id: UUID, run_id: UUID) -> Told:
    """Return what there is to tell of a run.

    :raises Problem: where there is none.
    """
    with tenant_scope(tenant_id):
        run = Run.objects.select_related("incident").filter(id=run_id).first()
        if run is None:
            raise not_found("investigation")
        results = {one.stage: one for one in run.results.all()}
        sources = list(run.sources.order_by("name").values("name", "status"))
        result = _result(run) if run.stage in ENDED else None
    planned = run.plan.get("stages") or list(results)
    return Told(
        stages=tuple(
            (
                place,
                {
                    "stage": stage,
                    "seconds": results[stage].seconds,
                    "finished_at": results[stage].finished_at.isoformat(),
                },
            )
            for place, stage in enumerate(planned, start=1)
            if stage in results
        ),
        progress={"stage": run.stage, "sources": sources},
        result=result,
    )


def _result(run: Run) -> dict[str, Any]:
    ranking = getattr(run, "ranking", None)
    lead = run.hypotheses.order_by("rank").first()
    return {
        "investigation_id": str(run.id),
        "incident": f"INC-{run.incident.number}",
        "stage": run.stage,
        "error": run.error,
        "verdict": ranking.verdict if ranking else "",
        "lead": {"statement": lead.statement, "low": lead.low, "high": lead.high} if lead else None,
        "report": f"/api/v1/investigations/{run.id}/report",
    }


def _event(name: str, data: dict[str, Any], identifier: str = "") -> str:
    head = f"id: {identifier}\n" if identifier else ""
    return f"{head}event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
