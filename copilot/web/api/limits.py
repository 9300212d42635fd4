"""Limits by REST: what the tenant may use, what is used of it, when it last came to an end; a token that may sets them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from copilot import limits, usage
from copilot.models import Scope, Tenant
from copilot.web.api.problems import invalid
from copilot.web.api.replies import TAGGED, reply
from copilot.web.api.route import Asking, needs, router
from copilot.web.db import in_db

routes = router("limits")


class LimitBody(BaseModel):
    """Be one limit."""

    name: str = Field(
        description="`dollars_per_day`, `runs_per_hour`, `webhooks_per_minute`, `evidence_megabytes`, `tool_calls_per_day`,"
        " `tool_seconds_per_day`, `calls_per_run`, `seconds_per_run` or `dollars_per_incident`."
    )
    limit: float = Field(description="0 is no limit, but for the dollars, where it is no model.")
    is_own: bool = Field(description="Whether it was set for this tenant; else it is the deployment's.")
    used: float | None = Field(description="In the present day, hour or minute, UTC; null where nothing adds up.")
    is_reached: bool
    last_reached_at: datetime | None
    last_reached: str = Field(description="What was done without then; empty where it never was reached.")


class KeptBody(BaseModel):
    """Say how long rows are kept."""

    name: str = Field(description="`keep_days` or `keep_raw_days`.")
    limit: int = Field(description="In days; 0 is for ever.")
    is_own: bool = Field(description="Whether it was set for this tenant; else it is the deployment's.")


class LimitsBody(BaseModel):
    """Be all limits of the tenant."""

    items: list[LimitBody]
    kept: list[KeptBody]


def _whole(what: str) -> Any:
    return Field(
        default=None, ge=0, le=2_147_483_647, strict=True, description=f"{what}; null: as the deployment is set."
    )


class LimitsIn(BaseModel):
    """Be the limits that are to change; what is not given stays as it is."""

    model_config = ConfigDict(extra="forbid")

    dollars_per_day: float | None = Field(
        default=None,
        ge=0,
        strict=True,
        allow_inf_nan=False,
        description="Of the model, by UTC day; 0: the model is not asked; null: as the deployment is set.",
    )
    runs_per_hour: int | None = _whole("0 is no limit")
    webhooks_per_minute: int | None = _whole("0 is no limit")
    evidence_megabytes: int | None = _whole("Of one run; 0 is no limit")
    tool_calls_per_day: int | None = _whole("0 is no limit")
    tool_seconds_per_day: int | None = _whole("0 is no limit")
    calls_per_run: int | None = _whole("Of all sources of one run; 0 is no limit")
    seconds_per_run: float | None = Field(
        default=None,
        ge=1,
        le=120,
        strict=True,
        description="How long one run waits for its sources, never longer than the deployment is set; null: as that.",
    )
    dollars_per_incident: float | None = Field(
        default=None,
        ge=0,
        strict=True,
        allow_inf_nan=False,
        description="Of the model, in the runs of one incident; 0: the model is not asked; null: as the deployment is set.",
    )
    keep_days: int | None = _whole("Older incidents go; 0 is never")
    keep_raw_days: int | None = _whole("Older webhooks as they came go; 0 is never")


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
        return _all(Tenant.objects.get(id=caller.tenant_id))

    return reply(request, await run_in_threadpool(in_db(work)))


@routes.patch(
    "/limits", openapi_extra=needs(Scope.LIMITS_WRITE), operation_id="changeLimits", response_model=LimitsBody
)
async def change_limits(given: LimitsIn, caller: Asking) -> LimitsBody:
    """Change limits of the tenant, for the next run, webhook or look-up; all of those given, or none.

    Needs a token that was made with `--scope limits:write`: a role alone does not bring it.
    """

    def work() -> LimitsBody:
        tenant = Tenant.objects.get(id=caller.tenant_id)
        try:
            limits.change(tenant, given.model_dump(exclude_unset=True), actor=caller.actor)
        except limits.NotALimit as refused:
            raise invalid([(f"body.{refused.name}", refused.why)]) from None
        return _all(tenant)

    return await run_in_threadpool(in_db(work))


def _all(tenant: Tenant) -> LimitsBody:
    bounds = limits.limits_of(tenant)
    return LimitsBody(
        items=[_body(one) for one in usage.read(tenant)],
        kept=[
            KeptBody(name=name, limit=getattr(bounds, name), is_own=getattr(tenant, name) is not None)
            for name in ("keep_days", "keep_raw_days")
        ],
    )


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
