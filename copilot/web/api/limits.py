"""Limits by REST: what the tenant may use, what is used of it, and when it last came to an end. They are set by people."""

from __future__ import annotations

from datetime import datetime

from fastapi import Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from copilot import usage
from copilot.models import Scope, Tenant
from copilot.web.api.replies import TAGGED, reply
from copilot.web.api.route import Asking, needs, router
from copilot.web.db import in_db

routes = router("limits")


class LimitBody(BaseModel):
    """Be one limit."""

    name: str = Field(
        description="`dollars_per_day`, `runs_per_hour`, `webhooks_per_minute`, `evidence_megabytes` or `tool_calls_per_day`."
    )
    limit: float = Field(description="0 is no limit, but for the dollars, where it is no model.")
    is_own: bool = Field(description="Whether it was set for this tenant; else it is the deployment's.")
    used: float | None = Field(description="In the present day, hour or minute, UTC; null where nothing adds up.")
    is_reached: bool
    last_reached_at: datetime | None
    last_reached: str = Field(description="What was done without then; empty where it never was reached.")


class LimitsBody(BaseModel):
    """Be all limits of the tenant."""

    items: list[LimitBody]


@routes.get(
    "/limits",
    openapi_extra=needs(Scope.INCIDENTS_READ),
    operation_id="showLimits",
    response_model=LimitsBody,
    responses=TAGGED,
)
async def show_limits(request: Request, caller: Asking) -> Response:
    """Show what the tenant may use, and what it does."""

    def work() -> LimitsBody:
        standings = usage.read(Tenant.objects.get(id=caller.tenant_id))
        return LimitsBody(items=[_body(one) for one in standings])

    return reply(request, await run_in_threadpool(in_db(work)))


def _body(one: usage.Standing) -> LimitBody:
    return LimitBody(
        name=one.limit.value,
        limit=one.bound,
        is_own=one.is_own,
        used=one.spent,
        is_reached=one.is_reached,
        last_reached_at=one.last.last_at if one.last else None,
        last_reached=one.last.detail if one.last else "",
    )
