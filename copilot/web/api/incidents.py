"""Incidents by REST: the list, one, its report, its timeline, and the draft of its post-mortem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

from django.db.models import Q
from fastapi import Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from copilot.guard.tenancy import tenant_scope
from copilot.knowledge import incident_reader, postmortem, report
from copilot.models import Incident, Run, Scope
from copilot.web.api import shapes
from copilot.web.api.paging import Cursor, Limit, Page, page
from copilot.web.api.problems import not_found
from copilot.web.api.replies import MARKDOWN, TAGGED, reply, reply_markdown, wants_markdown
from copilot.web.api.route import Asking, needs, router
from copilot.web.db import in_db

if TYPE_CHECKING:
    from copilot.knowledge.briefing import Briefing
    from copilot.tokens import Caller

routes = router("incidents")
READ = needs(Scope.INCIDENTS_READ)
Status = Literal["triggered", "acknowledged", "resolved", "open"]
AS_MARKDOWN: dict[int | str, dict[str, Any]] = {
    **TAGGED,
    200: {"content": {MARKDOWN: {"schema": {"type": "string"}}}},
}
AS_BOTH: dict[int | str, dict[str, Any]] = {
    **TAGGED,
    200: {"content": {"application/json": {}, MARKDOWN: {"schema": {"type": "string"}}}},
}


@routes.get("/incidents", openapi_extra=READ, operation_id="listIncidents")
async def list_incidents(
    request: Request,
    caller: Asking,
    *,
    status: Annotated[Status | None, Query(description="`open` is all but `resolved`.")] = None,
    service: Annotated[
        str | None, Query(max_length=200, pattern=shapes.NO_NUL, description="The service's name.")
    ] = None,
    number: Annotated[int | None, Query(ge=1, le=2_147_483_647, description="42 for INC-42.")] = None,
    started_after: Annotated[shapes.Moment | None, Query()] = None,
    started_before: Annotated[shapes.Moment | None, Query()] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[shapes.IncidentBody]:
    """List incidents, the newest first."""
    del request
    wanted = Q()
    if status == "open":
        wanted &= ~Q(status="resolved")
    elif status:
        wanted &= Q(status=status)
    if service is not None:
        wanted &= Q(service__name__iexact=service) | Q(service__isnull=True, service_name__iexact=service)
    if number is not None:
        wanted &= Q(number=number)
    if started_after is not None:
        wanted &= Q(started_at__gte=started_after)
    if started_before is not None:
        wanted &= Q(started_at__lt=started_before)

    def work() -> Page[shapes.IncidentBody]:
        with tenant_scope(caller.tenant_id):
            return page(
                Incident.objects.select_related("service").filter(wanted),
                kind="incidents",
                order=("-number",),
                limit=limit,
                cursor=cursor,
                show=shapes.incident_body,
            )

    return await run_in_threadpool(in_db(work))


@routes.get(
    "/incidents/{incident_id}",
    openapi_extra=READ,
    operation_id="showIncident",
    response_model=shapes.IncidentDetail,
    responses=TAGGED,
)
async def show_incident(request: Request, caller: Asking, incident_id: UUID) -> Response:
    """Show an incident with its investigations, the newest first."""

    def work() -> shapes.IncidentDetail:
        with tenant_scope(caller.tenant_id):
            row = find(incident_id)
            return shapes.incident_detail(row, list(row.runs.order_by("-sequence")[:50]))

    return reply(request, await run_in_threadpool(in_db(work)))


@routes.get(
    "/incidents/{incident_id}/report",
    openapi_extra=READ,
    operation_id="reportIncident",
    response_model=shapes.ReportBody,
    responses=AS_BOTH,
)
async def report_incident(request: Request, caller: Asking, incident_id: UUID) -> Response:
    """Return what was found: ranked causes with their factors, the evidence, and what could not be seen.

    As JSON, or as Markdown with `Accept: text/markdown`.
    """
    if wants_markdown(request):
        return reply_markdown(request, report.write(await _briefing(caller, incident_id)))
    return reply(request, await run_in_threadpool(in_db(read_report), caller, incident_id))


@routes.get(
    "/incidents/{incident_id}/report.md",
    openapi_extra=READ,
    operation_id="reportIncidentMarkdown",
    response_class=Response,
    responses=AS_MARKDOWN,
)
async def report_incident_markdown(request: Request, caller: Asking, incident_id: UUID) -> Response:
    """Return the report as Markdown."""
    return reply_markdown(request, report.write(await _briefing(caller, incident_id)))


@routes.get(
    "/incidents/{incident_id}/timeline",
    openapi_extra=READ,
    operation_id="showTimeline",
    response_model=shapes.Timeline,
    responses=TAGGED,
)
async def show_timeline(request: Request, caller: Asking, incident_id: UUID) -> Response:
    """Return what happened in order of time: pages, changes, looks, verdicts, each with who told of it."""
    return reply(request, shapes.timeline(await _briefing(caller, incident_id)))


@routes.get(
    "/incidents/{incident_id}/postmortem.md",
    openapi_extra=READ,
    operation_id="draftPostmortem",
    response_class=Response,
    responses=AS_MARKDOWN,
)
async def draft_postmortem(request: Request, caller: Asking, incident_id: UUID) -> Response:
    """Return the draft of a post-mortem as Markdown: what is known is filled in, what only people know is asked for."""
    return reply_markdown(request, postmortem.draft(await _briefing(caller, incident_id)))


def find(incident_id: UUID) -> Incident:
    """Return an incident of the open scope's tenant.

    :raises Problem: where there is none.
    """
    row = Incident.objects.select_related("service").filter(id=incident_id).first()
    if row is None:
        raise not_found("incident")
    return row


def read_report(caller: Caller, incident_id: UUID, run_id: UUID | None = None) -> shapes.ReportBody:
    """Return the report of an incident as it stands, or of one look at it.

    :raises Problem: where there is none.
    """
    with tenant_scope(caller.tenant_id):
        row = find(incident_id)
        briefing = incident_reader.read(caller.tenant_id, incident_id, run_id=run_id)
        run = Run.objects.filter(id=briefing.run_id).first() if briefing.run_id else None
        return shapes.report_body(row, run, briefing)


def read_briefing(caller: Caller, incident_id: UUID, run_id: UUID | None = None) -> Briefing:
    """Return the briefing of an incident as it stands, or of one look at it.

    :raises Problem: where there is none.
    """
    try:
        return incident_reader.read(caller.tenant_id, incident_id, run_id=run_id)
    except incident_reader.NoSuchIncident:
        raise not_found("incident") from None


async def _briefing(caller: Caller, incident_id: UUID) -> Briefing:
    return await run_in_threadpool(in_db(read_briefing), caller, incident_id)
