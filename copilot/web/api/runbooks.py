"""Runbooks by REST: the list, a search, one as it was written, uploading one, and taking one out of use."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from django.db.models import Q
from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from copilot.guard.tenancy import tenant_scope
from copilot.knowledge import memory, runbook_search
from copilot.models import Runbook, Scope
from copilot.runbooks import library, origins
from copilot.web.api.idempotency import REFUSALS, Done, Key, once
from copilot.web.api.incidents import AS_MARKDOWN
from copilot.web.api.paging import Cursor, Limit, Page, page
from copilot.web.api.problems import invalid, not_found
from copilot.web.api.replies import TAGGED, reply, reply_markdown
from copilot.web.api.route import Asking, needs, router
from copilot.web.api.shapes import NO_NUL
from copilot.web.db import in_db

if TYPE_CHECKING:
    from copilot.tokens import Caller

routes = router("runbooks")
READ = needs(Scope.RUNBOOKS_READ)
WRITE = needs(Scope.RUNBOOKS_WRITE)


class RunbookIn(BaseModel):
    """Be a Markdown document; front matter may name services, kinds of cause and keywords. The same name is the same runbook."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(
        min_length=4,
        max_length=200,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*\.md$",
        description="A file name, e.g. `oom.md`.",
    )
    text: str = Field(min_length=1, max_length=200_000, pattern=NO_NUL)


class RunbookLine(BaseModel):
    """Be what a runbook is, without its text."""

    id: UUID
    title: str
    services: list[str] = Field(description="Those that it is for; none: any.")
    causes: list[str]
    keywords: list[str]
    source: str = Field(description="A folder, repository, address, `upload` or `starter`.")
    path: str
    link: str
    version: int
    written_at: datetime | None
    read_at: datetime


class RunbookBody(RunbookLine):
    """Be a runbook with its text; `notes` say what in an upload was not understood."""

    text: str
    notes: list[str] = []


class FoundBody(BaseModel):
    """Be a runbook that fits a question: its best section, and that section's steps word for word."""

    id: UUID
    title: str
    source: str
    link: str
    read_at: datetime
    heading: str
    excerpt: str
    steps: list[str]


class FoundList(BaseModel):
    """Be the runbooks that fit, the best first."""

    items: list[FoundBody]


def runbook_line(row: Runbook) -> RunbookLine:
    """Return a runbook in the API's words, without its text."""
    return RunbookLine(
        id=row.id,
        title=row.title,
        services=[str(one) for one in row.services],
        causes=[str(one) for one in row.causes],
        keywords=[str(one) for one in row.keywords],
        source=row.source,
        path=row.path,
        link=row.link,
        version=row.version,
        written_at=row.written_at,
        read_at=row.read_at,
    )


@routes.get("/runbooks", openapi_extra=READ, operation_id="listRunbooks")
async def list_runbooks(
    caller: Asking,
    *,
    service: Annotated[
        str | None, Query(max_length=200, pattern=NO_NUL, description="For this service, or for any.")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[RunbookLine]:
    """List the runbooks in use by title."""
    wanted = Q(removed_at=None)
    if service is not None:
        wanted &= Q(services=[]) | Q(services__contains=[service])

    def work() -> Page[RunbookLine]:
        with tenant_scope(caller.tenant_id):
            return page(
                Runbook.objects.filter(wanted),
                kind="runbooks",
                order=("title", "id"),
                limit=limit,
                cursor=cursor,
                show=runbook_line,
            )

    return await run_in_threadpool(in_db(work))


@routes.get("/runbooks/search", openapi_extra=READ, operation_id="searchRunbooks")
async def search_runbooks(
    caller: Asking,
    q: Annotated[
        str, Query(min_length=1, max_length=500, pattern=NO_NUL, description="A question, a symptom, an error.")
    ],
    *,
    limit: Annotated[int, Query(ge=1, le=20)] = 5,
) -> FoundList:
    """Search the runbooks: by words with their synonyms, and by meaning where there is an embedder."""

    def work() -> FoundList:
        found = runbook_search.search(caller.tenant_id, q, most=limit, memory=memory.configured())
        return FoundList(
            items=[
                FoundBody(
                    id=one.id,
                    title=one.title,
                    source=one.source,
                    link=one.link,
                    read_at=one.read_at,
                    heading=one.heading,
                    excerpt=one.text[:2000],
                    steps=list(one.steps),
                )
                for one in found
            ]
        )

    return await run_in_threadpool(in_db(work))


@routes.get(
    "/runbooks/{runbook_id}",
    openapi_extra=READ,
    operation_id="showRunbook",
    response_model=RunbookBody,
    responses=TAGGED,
)
async def show_runbook(request: Request, caller: Asking, runbook_id: UUID) -> Response:
    """Show a runbook with its text as it was read."""
    return reply(request, await run_in_threadpool(in_db(_read), caller, runbook_id))


@routes.get(
    "/runbooks/{runbook_id}/text.md",
    openapi_extra=READ,
    operation_id="readRunbook",
    response_class=Response,
    responses=AS_MARKDOWN,
)
async def read_runbook(request: Request, caller: Asking, runbook_id: UUID) -> Response:
    """Return a runbook's text as it was read, as Markdown."""
    return reply_markdown(request, (await run_in_threadpool(in_db(_read), caller, runbook_id)).text)


def _find(runbook_id: UUID) -> Runbook:
    row = Runbook.objects.filter(id=runbook_id, removed_at=None).first()
    if row is None:
        raise not_found("runbook")
    return row


def _read(caller: Caller, runbook_id: UUID) -> RunbookBody:
    with tenant_scope(caller.tenant_id):
        row = _find(runbook_id)
        return RunbookBody(**runbook_line(row).model_dump(), text=library.text_of(row))


@routes.post(
    "/runbooks",
    openapi_extra={**WRITE, "x-refusals": REFUSALS},
    operation_id="uploadRunbook",
    status_code=201,
    response_model=RunbookBody,
)
async def upload_runbook(request: Request, caller: Asking, told: RunbookIn, key: Key = None) -> Response:
    """Upload a runbook; one of the same name gets a new version. Secrets in it are replaced before it is stored."""

    def prepare() -> origins.Origin:
        try:
            return origins.read_upload(told.name, told.text.encode())
        except origins.Unreadable as error:
            raise invalid([("body.text", str(error))]) from None

    def work(origin: origins.Origin) -> Done:
        changes = library.bring_up_to_date(caller.tenant_id, origin, by=caller.actor)
        row = Runbook.objects.get(source=origin.source, path=origin.found[0].path)
        body = RunbookBody(**runbook_line(row).model_dump(), text=library.text_of(row), notes=changes.notes)
        return Done(201, body, location=f"/api/v1/runbooks/{row.id}")

    return await once(request, caller, key, prepare, work)


@routes.delete(
    "/runbooks/{runbook_id}",
    openapi_extra=WRITE,
    operation_id="removeRunbook",
    status_code=204,
    response_class=Response,
)
async def remove_runbook(caller: Asking, runbook_id: UUID) -> Response:
    """Take a runbook out of use; its versions stay."""

    def work() -> None:
        with tenant_scope(caller.tenant_id):
            library.remove(caller.tenant_id, [_find(runbook_id)], by=caller.actor)

    await run_in_threadpool(in_db(work))
    return Response(status_code=204)
