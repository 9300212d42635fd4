"""Changes by REST: the list, one, and telling of one, in the same words as the webhook for any CI."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Annotated

from django.db.models import Q
from fastapi import Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from copilot.guard.tenancy import tenant_scope
from copilot.models import ChangeRecord, Scope
from copilot.stages.changes import record_change
from copilot.web.api.idempotency import REFUSALS, Done, Key, once
from copilot.web.api.paging import Cursor, Limit, Page, page
from copilot.web.api.problems import invalid, not_found
from copilot.web.api.replies import TAGGED, reply
from copilot.web.api.route import Asking, needs, router
from copilot.web.api.shapes import NO_NUL, Moment
from copilot.web.db import in_db
from integrations import registry
from integrations.base import BadPayload, Event, Inbound

routes = router("changes")


class ChangeIn(BaseModel):
    """Be a change that is told. Told again with the same `id`, it is the same change, which moves on."""

    model_config = ConfigDict(extra="forbid")

    service: str = Field(min_length=1, max_length=200, pattern=NO_NUL)
    version: str = Field(min_length=1, max_length=200, pattern=NO_NUL)
    environment: str | None = Field(default=None, max_length=100, pattern=NO_NUL)
    status: str | None = Field(
        default=None,
        max_length=40,
        pattern=NO_NUL,
        description="`succeeded` (default), `failed`, `cancelled`, `in_progress`, `pending` or `rolled_back`.",
    )
    kind: str | None = Field(
        default=None,
        max_length=40,
        pattern=NO_NUL,
        description="`deployment` (default), `config`, `flag` and the like.",
    )
    deployed_at: Moment | None = Field(default=None, description="Now where it is not said.")
    author: str | None = Field(default=None, max_length=200, pattern=NO_NUL)
    url: str | None = Field(default=None, max_length=2000, pattern=NO_NUL)
    description: str | None = Field(default=None, max_length=10_000, pattern=NO_NUL)
    commit: str | None = Field(default=None, max_length=200, pattern=NO_NUL)
    previous_version: str | None = Field(default=None, max_length=200, pattern=NO_NUL)
    id: str | None = Field(default=None, max_length=200, pattern=NO_NUL, description="Your own id of the deployment.")


class ChangeBody(BaseModel):
    """Be one change."""

    id: int
    service: str
    namespace: str
    source: str
    kind: str
    at: datetime
    title: str
    author: str
    url: str
    version: str
    previous_version: str
    environment: str
    status: str
    detail: str


def change_body(row: ChangeRecord) -> ChangeBody:
    """Return a change in the API's words."""
    return ChangeBody(
        id=row.id,
        service=row.service.name if row.service else row.service_name,
        namespace=row.namespace,
        source=row.source,
        kind=row.kind,
        at=row.at,
        title=row.title,
        author=row.author,
        url=row.link,
        version=row.version,
        previous_version=row.previous_version,
        environment=row.environment,
        status=row.status,
        detail=row.detail,
    )


@routes.get("/changes", openapi_extra=needs(Scope.CHANGES_READ), operation_id="listChanges")
async def list_changes(
    caller: Asking,
    *,
    service: Annotated[str | None, Query(max_length=200, pattern=NO_NUL, description="The service's name.")] = None,
    since: Annotated[Moment | None, Query()] = None,
    until: Annotated[Moment | None, Query()] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ChangeBody]:
    """List changes that were reported, the newest first."""
    wanted = Q()
    if service is not None:
        wanted &= Q(service__name__iexact=service) | Q(service__isnull=True, service_name__iexact=service)
    if since is not None:
        wanted &= Q(at__gte=since)
    if until is not None:
        wanted &= Q(at__lt=until)

    def work() -> Page[ChangeBody]:
        with tenant_scope(caller.tenant_id):
            return page(
                ChangeRecord.objects.select_related("service").filter(wanted),
                kind="changes",
                order=("-at", "-id"),
                limit=limit,
                cursor=cursor,
                show=change_body,
            )

    return await run_in_threadpool(in_db(work))


@routes.get(
    "/changes/{change_id}",
    openapi_extra=needs(Scope.CHANGES_READ),
    operation_id="showChange",
    response_model=ChangeBody,
    responses=TAGGED,
)
async def show_change(
    request: Request, caller: Asking, change_id: Annotated[int, Path(ge=1, le=2**63 - 1)]
) -> Response:
    """Show a change."""

    def work() -> ChangeBody:
        with tenant_scope(caller.tenant_id):
            row = ChangeRecord.objects.select_related("service").filter(id=change_id).first()
            if row is None:
                raise not_found("change")
            return change_body(row)

    return reply(request, await run_in_threadpool(in_db(work)))


@routes.post(
    "/changes",
    openapi_extra={**needs(Scope.CHANGES_WRITE), "x-refusals": REFUSALS},
    operation_id="recordChange",
    status_code=201,
    response_model=ChangeBody,
)
async def record(request: Request, caller: Asking, told: ChangeIn, key: Key = None) -> Response:
    """Tell of a change: a deployment, a config change, a flag. It is weighed in every investigation of its time and place."""

    def prepare() -> Event:
        # The webhook's own reader: the same words, the same checks, the same row.
        body = told.model_dump_json(exclude_none=True).encode()
        try:
            (event,) = registry.get("deploys").parse(Inbound(headers={}, body=body, received_at=time.time()))
        except BadPayload as error:
            raise invalid([("body", str(error))]) from None
        return event

    def work(event: Event) -> Done:
        row = ChangeRecord.objects.select_related("service").get(id=record_change(event).id)
        return Done(201, change_body(row), location=f"/api/v1/changes/{row.id}")

    return await once(request, caller, key, prepare, work)
