"""Investigations by REST: report a problem, look again, follow by polling or by events, read what was found."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from django.utils import timezone
from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from copilot import investigations
from copilot.guard.tenancy import tenant_scope
from copilot.knowledge import report
from copilot.models import Run, Scope
from copilot.web.api import shapes
from copilot.web.api.idempotency import REFUSALS, Done, Key, once
from copilot.web.api.incidents import AS_BOTH, AS_MARKDOWN, find, read_briefing, read_report
from copilot.web.api.paging import Cursor, Limit, Page, page
from copilot.web.api.problems import Problem, invalid, not_found
from copilot.web.api.replies import TAGGED, reply, reply_markdown, wants_markdown
from copilot.web.api.route import Asking, needs, router
from copilot.web.api.shapes import NO_NUL, Moment
from copilot.web.db import in_db

if TYPE_CHECKING:
    from copilot.knowledge.briefing import Briefing
    from copilot.stages.problems import Reading
    from copilot.tokens import Caller

routes = router("investigations")
READ = needs(Scope.INCIDENTS_READ)
WRITE = {**needs(Scope.INVESTIGATIONS_WRITE), "x-refusals": REFUSALS}
LONGEST_WINDOW = timedelta(hours=4)
OLDEST = timedelta(days=30)


class WindowIn(BaseModel):
    """Say when it was: trouble began at `start`; what comes after `end` is not looked at."""

    model_config = ConfigDict(extra="forbid")

    start: Moment = Field(description="At most 30 days ago.")
    end: Moment | None = Field(default=None, description="At most 4 hours after the start; now where it is not said.")


class ProblemIn(BaseModel):
    """Be a problem: in plain words, by an explicit scope, or both."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "anyOf": [{"required": ["problem"]}, {"required": ["service"]}, {"required": ["labels"]}],
            "examples": [
                {"problem": "checkout answers with 5xx since the last deploy"},
                {"service": "checkout", "labels": {"alertname": "HighErrorRate", "severity": "critical"}},
            ],
        },
    )

    problem: str | None = Field(
        default=None, min_length=1, max_length=2000, pattern=NO_NUL, description="What is wrong."
    )
    service: str | None = Field(
        default=None, min_length=1, max_length=120, pattern=NO_NUL, description="Which service, where it is known."
    )
    labels: (
        dict[
            Annotated[str, Field(min_length=1, max_length=100, pattern=NO_NUL)],
            Annotated[str, Field(max_length=500, pattern=NO_NUL)],
        ]
        | None
    ) = Field(default=None, max_length=50, description="The alert's labels, e.g. `alertname`, `namespace`, `severity`.")
    window: WindowIn | None = None
    anew: bool = Field(default=False, description="Open an incident of its own, even where one of the service is open.")

    @model_validator(mode="after")
    def _says_something(self) -> ProblemIn:
        if not (self.problem or "").strip() and not (self.service or "").strip() and not self.labels:
            raise ValueError("say what is wrong in `problem`, or where in `service` or `labels`")
        return self


class Understood(BaseModel):
    """Be what the words were understood to say."""

    service: str | None = Field(description="Null where no service that is set up is named.")
    how: str = Field(description="By what the service was found.")
    namespace: str
    pods: list[str]
    indicators: list[str] = Field(description="Families of indicators that the words speak of: `errors`, `memory` …")
    domains: list[str] = Field(
        description="`credentials`, `database`, `network`, `kubernetes`, `changes`, `logs`, `metrics`; the likeliest first."
    )


class Opened(BaseModel):
    """Be an investigation that was begun."""

    id: UUID
    incident_id: UUID
    incident: str = Field(description="As people say it, e.g. `INC-42`.")
    stage: str
    joined: str = Field(
        description="Why the report joined an incident that was open; empty where it opened one, or one is looked at again."
    )
    understood: Understood | None = Field(description="Null where an incident is looked at again.")


@routes.post(
    "/investigations", openapi_extra=WRITE, operation_id="reportProblem", status_code=202, response_model=Opened
)
async def report_problem(request: Request, caller: Asking, told: ProblemIn, key: Key = None) -> Response:
    """Report a problem; an incident is opened, and its investigation begins.

    Where an incident of the service is open, the report joins it, and `joined` says so: the investigation is then another look
    at that incident, or its look of the last five minutes. `anew` or a `window` opens an incident of its own.

    What the words are about is found by rules: names of services, workloads, pods and namespaces. Where they leave it open, the
    language model is asked, if there is one. Where several services may be meant, the answer is 422 with the `choices`; name one
    in `service`.
    """
    words = told.problem or ""
    scope = investigations.Scope(
        service=(told.service or "").strip(),
        labels=told.labels or {},
        **(_window(told.window) if told.window else {}),
    )

    def prepare() -> Reading:
        try:
            return investigations.understand(caller.tenant_id, words=words, scope=scope)
        except investigations.Unclear as error:
            choices = [{"service": one.name, "why": one.why} for one in error.choices]
            raise Problem(422, "unclear", str(error), more={"choices": choices}) from None
        except investigations.Refused as error:
            raise invalid([("body.problem", str(error))]) from None

    def work(reading: Reading) -> Done:
        try:
            reported = investigations.report(
                caller.tenant_id, reading=reading, scope=scope, asked_by=caller.actor, anew=told.anew
            )
        except investigations.Refused as error:
            raise invalid([("body.problem", str(error))]) from None
        return _opened(reported.run, reading, joined=reported.joined)

    return await once(request, caller, key, prepare, work)


def _window(told: WindowIn) -> dict[str, datetime]:
    """Return the times of a window.

    :raises Problem: where they make no sense.
    """
    now = timezone.now()
    if told.start > now or told.start < now - OLDEST:
        raise invalid([("body.window.start", "is in the future, or more than 30 days ago")])
    if told.end is None:
        return {"start": told.start}
    if not timedelta(0) < told.end - told.start <= LONGEST_WINDOW:
        raise invalid([("body.window.end", "is not after the start, or more than 4 hours after it")])
    return {"start": told.start, "end": told.end}


def _opened(run: Run, reading: Reading | None, *, joined: str = "") -> Done:
    understood = reading and Understood(
        service=reading.service.name if reading.service else None,
        how=reading.how,
        namespace=reading.namespace,
        pods=list(reading.pods),
        indicators=list(reading.families),
        domains=list(reading.domains),
    )
    body = Opened(
        id=run.id,
        incident_id=run.incident_id,
        incident=f"INC-{run.incident.number}",
        stage=run.stage,
        joined=joined,
        understood=understood,
    )
    return Done(202, body, location=f"/api/v1/investigations/{run.id}")


@routes.post(
    "/incidents/{incident_id}/investigations",
    openapi_extra=WRITE,
    operation_id="lookAgain",
    status_code=202,
    response_model=Opened,
)
async def look_again(request: Request, caller: Asking, incident_id: UUID, key: Key = None) -> Response:
    """Look at an incident again; where a look is under way, it is that one."""

    def work(_: None) -> Done:
        try:
            run_id = investigations.investigate_again(caller.tenant_id, incident_id, asked_by=caller.actor)
        except LookupError:
            raise not_found("incident") from None
        return _opened(Run.objects.select_related("incident").get(id=run_id), None)

    return await once(request, caller, key, lambda: None, work)


@routes.get("/investigations", openapi_extra=READ, operation_id="listInvestigations")
async def list_investigations(
    caller: Asking, *, limit: Limit = 50, cursor: Cursor = None
) -> Page[shapes.InvestigationBody]:
    """List investigations, the newest first."""

    def work() -> Page[shapes.InvestigationBody]:
        with tenant_scope(caller.tenant_id):
            return page(
                Run.objects.all(),
                kind="investigations",
                order=("-created_at", "-id"),
                limit=limit,
                cursor=cursor,
                show=shapes.investigation_body,
            )

    return await run_in_threadpool(in_db(work))


class StageBody(BaseModel):
    """Be a stage that is done."""

    stage: str
    started_at: datetime
    finished_at: datetime
    seconds: float


class InvestigationDetail(shapes.InvestigationBody):
    """Be how far an investigation has come."""

    incident: shapes.IncidentBody
    stages: list[StageBody]
    sources: list[shapes.SourceBody]
    verdict: str = Field(description="Empty until ranked.")


@routes.get(
    "/investigations/{investigation_id}",
    openapi_extra=READ,
    operation_id="showInvestigation",
    response_model=InvestigationDetail,
    responses=TAGGED,
)
async def show_investigation(request: Request, caller: Asking, investigation_id: UUID) -> Response:
    """Show how far an investigation has come; poll it until `is_finished`, or follow its events."""

    def work() -> InvestigationDetail:
        with tenant_scope(caller.tenant_id):
            run = _run(investigation_id)
            return InvestigationDetail(
                **shapes.investigation_body(run).model_dump(),
                incident=shapes.incident_body(find(run.incident_id)),
                stages=[
                    StageBody(
                        stage=one.stage, started_at=one.started_at, finished_at=one.finished_at, seconds=one.seconds
                    )
                    for one in run.results.order_by("started_at")
                ],
                sources=[shapes.source_body(one) for one in run.sources.order_by("name")],
                verdict=run.ranking.verdict if hasattr(run, "ranking") else "",
            )

    return reply(request, await run_in_threadpool(in_db(work)))


@routes.get(
    "/investigations/{investigation_id}/report",
    openapi_extra=READ,
    operation_id="reportInvestigation",
    response_model=shapes.ReportBody,
    responses=AS_BOTH,
)
async def report_investigation(request: Request, caller: Asking, investigation_id: UUID) -> Response:
    """Return what this look found, as JSON, or as Markdown with `Accept: text/markdown`."""
    if wants_markdown(request):
        return reply_markdown(request, report.write(await _briefing(caller, investigation_id)))

    def work() -> shapes.ReportBody:
        with tenant_scope(caller.tenant_id):
            return read_report(caller, _run(investigation_id).incident_id, investigation_id)

    return reply(request, await run_in_threadpool(in_db(work)))


@routes.get(
    "/investigations/{investigation_id}/report.md",
    openapi_extra=READ,
    operation_id="reportInvestigationMarkdown",
    response_class=Response,
    responses=AS_MARKDOWN,
)
async def report_investigation_markdown(request: Request, caller: Asking, investigation_id: UUID) -> Response:
    """Return what this look found, as Markdown."""
    return reply_markdown(request, report.write(await _briefing(caller, investigation_id)))


async def _briefing(caller: Caller, investigation_id: UUID) -> Briefing:
    def work() -> Briefing:
        with tenant_scope(caller.tenant_id):
            return read_briefing(caller, _run(investigation_id).incident_id, investigation_id)

    return await run_in_threadpool(in_db(work))


def _run(investigation_id: UUID) -> Run:
    row = Run.objects.filter(id=investigation_id).first()
    if row is None:
        raise not_found("investigation")
    return row
