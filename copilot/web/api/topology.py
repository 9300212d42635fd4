"""Topology by REST: the services, what each needs, and who said so."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from django.db.models import Prefetch
from django.utils import timezone
from fastapi import Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from copilot import services
from copilot.guard.tenancy import tenant_scope
from copilot.models import Scope, Service, ServiceDependency, ServiceKind
from copilot.models.service import CHANNEL
from copilot.topology import reading
from copilot.web.api.idempotency import REFUSALS, Done, Key, once
from copilot.web.api.paging import Cursor, Limit, Page, page
from copilot.web.api.problems import invalid, not_found
from copilot.web.api.replies import TAGGED, reply
from copilot.web.api.route import Asking, needs, router
from copilot.web.api.shapes import NO_NUL, Words
from copilot.web.db import in_db

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from django.db.models import QuerySet

routes = router("topology")
READ = needs(Scope.TOPOLOGY_READ)
# No slash: names stand in addresses. No NUL: PostgreSQL keeps none.
NAME = r"^[^\x00/\s]([^\x00/]*[^\x00/\s])?$"
Name = Annotated[str, Field(min_length=1, max_length=120, pattern=NAME)]
InPath = Annotated[str, Path(min_length=1, max_length=120, pattern=NAME, description="The service's name.")]
MOST_EDGES = 20_000
SIGHTED = ("source", "detail", "first_seen_at", "last_seen_at", "is_stale")


InQuery = Annotated[
    str, Query(max_length=120, pattern=NO_NUL, description="A service that shows symptoms: the way from it is told.")
]


class ServiceIn(BaseModel):
    """Be what a service is; what is not given stays as it is."""

    model_config = ConfigDict(extra="forbid")

    pagerduty_id: str | None = Field(default=None, max_length=40, pattern=NO_NUL)
    namespace: str | None = Field(default=None, max_length=63, pattern=NO_NUL, description="In Kubernetes.")
    workload: str | None = Field(default=None, max_length=253, pattern=NO_NUL, description="In Kubernetes.")
    selector: str | None = Field(
        default=None, max_length=500, pattern=NO_NUL, description='Prometheus label matchers, e.g. `job="checkout"`.'
    )
    channel: str | None = Field(
        default=None, max_length=100, pattern=CHANNEL, description="In Slack: `#incidents`, or an id."
    )
    repository: str | None = Field(default=None, max_length=200, pattern=NO_NUL, description="`owner/name`")
    paths: list[Annotated[Words, Field(max_length=300)]] | None = Field(
        default=None,
        max_length=50,
        description="Folders of the repository with its own code, e.g. `services/checkout`.",
    )
    owners: list[Annotated[Words, Field(max_length=200)]] | None = Field(default=None, max_length=50)
    needs: list[Name] | None = Field(
        default=None,
        max_length=200,
        description="All services that it calls, by name; those that do not exist are made. It takes the place of what was"
        " declared before; what a source has seen stays.",
    )


class Edge(BaseModel):
    """Say that one service needs another, who said so, and when; an arrow that several sources see stands once for each."""

    caller: str
    callee: str
    source: str = Field(
        description="`declared`, `file`, or the source that has seen it, e.g. `kubernetes environment`."
    )
    detail: str = Field(description="Where it was seen, or why it is needed.")
    first_seen_at: datetime
    last_seen_at: datetime
    is_stale: bool = Field(
        description="Its source was asked since and has not seen it for a week: it is shown, and not used; after a month it is"
        " deleted."
    )


class Impact(BaseModel):
    """Say who is hurt when a service fails."""

    service: str
    direct: list[str] = Field(description="Those that call it.")
    all: dict[str, int] = Field(description="All that depend on it, with the number of calls between.")
    user_facing: list[str] = Field(description="Those among them that users meet first hand.")
    path: list[str] = Field(description="The way from the service named by `symptom` down to this one; empty for none.")


class ServiceBody(BaseModel):
    """Be one service."""

    name: str
    kind: ServiceKind
    entrance: str = Field(description="Who says that users meet it first hand; empty: nobody.")
    origin: str = Field(description="The source that found it; empty where people set it up.")
    seen_at: datetime | None = Field(description="When a source last saw it.")
    pagerduty_id: str
    namespace: str
    workload: str
    selector: str
    channel: str
    repository: str
    paths: list[str]
    owners: list[str]
    needs: list[Edge]
    created_at: datetime


class TopologyBody(BaseModel):
    """Be all services of a tenant by name, and every arrow between two."""

    services: list[str]
    edges: list[Edge]


def service_body(row: Service, edges: Iterable[Edge]) -> ServiceBody:
    """Return a service in the API's words."""
    return ServiceBody(
        name=row.name,
        kind=ServiceKind(row.kind),
        entrance=row.entrance,
        origin=row.origin,
        seen_at=row.seen_at,
        paths=[str(one) for one in row.paths],
        owners=[str(one) for one in row.owners],
        needs=list(edges),
        created_at=row.created_at,
        **{field: getattr(row, field) for field in services.FIELDS},
    )


def _arrows() -> QuerySet[ServiceDependency]:
    rows = ServiceDependency.objects.select_related("caller", "callee")
    return rows.order_by("caller__name", "callee__name", "source")


def _edges(**of: Any) -> list[Edge]:
    return _told(_arrows().filter(**of)[:MOST_EDGES], reading.asked_at(), timezone.now())


def _told(rows: Iterable[ServiceDependency], asked: dict[str, datetime], now: datetime) -> list[Edge]:
    """Return arrows in the API's words; `asked` is when each sort of source last answered."""
    return [
        Edge(
            caller=row.caller.name,
            callee=row.callee.name,
            **{field: getattr(reading.sighting(row, asked, now), field) for field in SIGHTED},
        )
        for row in rows
    ]


@routes.get("/topology", openapi_extra=READ, operation_id="showTopology", response_model=TopologyBody, responses=TAGGED)
async def show_topology(request: Request, caller: Asking) -> Response:
    """Show who needs whom: every service, and every arrow with who said so."""

    def work() -> TopologyBody:
        with tenant_scope(caller.tenant_id):
            names = list(Service.objects.order_by("name").values_list("name", flat=True)[:MOST_EDGES])
            return TopologyBody(services=names, edges=_edges())

    return reply(request, await run_in_threadpool(in_db(work)))


@routes.get("/services", openapi_extra=READ, operation_id="listServices")
async def list_services(caller: Asking, *, limit: Limit = 50, cursor: Cursor = None) -> Page[ServiceBody]:
    """List the services by name."""

    def work() -> Page[ServiceBody]:
        with tenant_scope(caller.tenant_id):
            asked, now = reading.asked_at(), timezone.now()
            return page(
                Service.objects.prefetch_related(Prefetch("dependencies", _arrows())),
                kind="services",
                order=("name",),
                limit=limit,
                cursor=cursor,
                show=lambda row: service_body(row, _told(row.dependencies.all(), asked, now)),
            )

    return await run_in_threadpool(in_db(work))


@routes.get(
    "/services/{name}", openapi_extra=READ, operation_id="showService", response_model=ServiceBody, responses=TAGGED
)
async def show_service(request: Request, caller: Asking, name: InPath) -> Response:
    """Show a service."""
    return reply(request, await run_in_threadpool(in_db(_read), caller.tenant_id, name))


def _read(tenant_id: UUID, name: str) -> ServiceBody:
    with tenant_scope(tenant_id):
        row = Service.objects.filter(name=name).first()
        if row is None:
            raise not_found("service")
        return service_body(row, _edges(caller=row))


@routes.get("/services/{name}/impact", openapi_extra=READ, operation_id="showImpact")
async def show_impact(caller: Asking, name: InPath, symptom: InQuery = "") -> Impact:
    """Show who is hurt when a service fails, and the way down to it from one that shows symptoms."""

    def work() -> Impact:
        graph = reading.read(caller.tenant_id)
        if name not in graph or (symptom and symptom not in graph):
            raise not_found("service")
        radius = graph.blast_radius(name)
        return Impact(
            service=name,
            direct=list(radius.direct),
            all=dict(radius.all),
            user_facing=list(radius.user_facing),
            path=list(graph.path(symptom, name)) if symptom else [],
        )

    return await run_in_threadpool(in_db(work))


@routes.put(
    "/services/{name}",
    openapi_extra={**needs(Scope.TOPOLOGY_WRITE), "x-refusals": REFUSALS},
    operation_id="putService",
    response_model=ServiceBody,
    responses={201: {"model": ServiceBody, "description": "The service is new."}},
)
async def put_service(request: Request, caller: Asking, name: InPath, told: ServiceIn, key: Key = None) -> Response:
    """Add a service, or change just what is given."""
    values = told.model_dump(exclude_none=True, exclude={"needs"})

    def work(_: None) -> Done:
        try:
            row, is_new = services.put(
                caller.tenant_id,
                name,
                values,
                needs=told.needs or (),
                needs_only=told.needs is not None,
                actor=caller.actor,
            )
        except services.WrongService as error:
            raise invalid([(f"body.{field}", text) for field, text in error.problems]) from None
        return Done(201 if is_new else 200, service_body(row, _edges(caller=row)))

    return await once(request, caller, key, lambda: None, work)
