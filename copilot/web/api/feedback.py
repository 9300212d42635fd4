"""Feedback by REST, by the rules of Slack: one changeable verdict a person and hypothesis, one confirmed cause an incident."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from copilot.guard.tenancy import tenant_scope
from copilot.hints import Work, hint_after_commit
from copilot.models import Scope
from copilot.stages import learn
from copilot.web.api.idempotency import REFUSALS, Done, Key, once
from copilot.web.api.incidents import find
from copilot.web.api.problems import not_found
from copilot.web.api.route import Asking, needs, router
from copilot.web.api.shapes import NO_NUL
from copilot.web.db import in_db

if TYPE_CHECKING:
    from copilot.tokens import Caller

routes = router("feedback")
WRITE = {**needs(Scope.FEEDBACK_WRITE), "x-refusals": REFUSALS}
Person = Annotated[
    str | None,
    Query(
        max_length=100,
        pattern=NO_NUL,
        description="Whose verdict it was, as it was given; without it, the token's own.",
    ),
]


class VerdictIn(BaseModel):
    """Be what somebody says of a hypothesis. Without `person` it is the token's own verdict."""

    model_config = ConfigDict(extra="forbid")

    value: Literal["up", "down"]
    reason: Literal["", "wrong cause", "wrong service", "already known", "not enough evidence", "other"] = ""
    words: str = Field(default="", max_length=2000, pattern=NO_NUL)
    person: str | None = Field(
        default=None,
        max_length=100,
        pattern=NO_NUL,
        description="Your own id of the person; each person has one verdict.",
    )
    person_name: str = Field(default="", max_length=120, pattern=NO_NUL, description="For people.")


class VerdictBody(BaseModel):
    """Be the verdict as it stands."""

    hypothesis_id: UUID
    incident_id: UUID
    value: str
    reason: str
    words: str
    person: str = Field(description="As it is kept: a token's people are kept apart from those of Slack.")


class CauseIn(BaseModel):
    """Be the cause of an incident: one of its hypotheses, or something else in words."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"anyOf": [{"required": ["hypothesis_id"]}, {"required": ["words"]}]},
    )

    hypothesis_id: UUID | None = None
    words: str = Field(default="", max_length=2000, pattern=NO_NUL)
    person: str | None = Field(default=None, max_length=100, pattern=NO_NUL)
    person_name: str = Field(default="", max_length=120, pattern=NO_NUL)

    @model_validator(mode="after")
    def _says_something(self) -> CauseIn:
        if self.hypothesis_id is None and not self.words.strip():
            raise ValueError("say which hypothesis it was, or what else in words")
        return self


class CauseBody(BaseModel):
    """Be the confirmed cause as it stands."""

    incident_id: UUID
    hypothesis_id: UUID | None
    words: str
    person: str


def person_of(caller: Caller, said: str | None) -> str:
    """Return the key of a person: a token speaks for its own people, never for a Slack user."""
    return f"api/{caller.prefix}/{said}" if said else f"api/{caller.prefix}"


@routes.put(
    "/hypotheses/{hypothesis_id}/verdict", openapi_extra=WRITE, operation_id="giveVerdict", response_model=VerdictBody
)
async def give_verdict(
    request: Request, caller: Asking, hypothesis_id: UUID, told: VerdictIn, key: Key = None
) -> Response:
    """Say whether a hypothesis helped; said again, it takes the place of what the person said before."""
    person = person_of(caller, told.person)

    def work(_: None) -> Done:
        try:
            incident_id = learn.give_verdict(
                caller.tenant_id,
                hypothesis_id,
                person=person,
                person_name=told.person_name or told.person or caller.actor,
                value=told.value,
                reason=told.reason,
                words=told.words,
            )
        except learn.UnknownHypothesis:
            raise not_found("hypothesis") from None
        hint_after_commit(Work.PUBLISH, caller.tenant_id, incident_id)
        body = VerdictBody(
            hypothesis_id=hypothesis_id,
            incident_id=incident_id,
            value=told.value,
            reason=told.reason,
            words=told.words,
            person=person,
        )
        return Done(200, body)

    return await once(request, caller, key, lambda: None, work)


@routes.delete(
    "/hypotheses/{hypothesis_id}/verdict",
    openapi_extra=needs(Scope.FEEDBACK_WRITE),
    operation_id="withdrawVerdict",
    status_code=204,
    response_class=Response,
)
async def withdraw_verdict(caller: Asking, hypothesis_id: UUID, person: Person = None) -> Response:
    """Take a verdict back."""

    def work() -> None:
        with tenant_scope(caller.tenant_id):
            try:
                incident_id = learn.withdraw_verdict(caller.tenant_id, hypothesis_id, person=person_of(caller, person))
            except learn.UnknownHypothesis:
                raise not_found("hypothesis") from None
            hint_after_commit(Work.PUBLISH, caller.tenant_id, incident_id)

    await run_in_threadpool(in_db(work))
    return Response(status_code=204)


@routes.put(
    "/incidents/{incident_id}/cause", openapi_extra=WRITE, operation_id="confirmCause", response_model=CauseBody
)
async def confirm_cause(
    request: Request, caller: Asking, incident_id: UUID, told: CauseIn, key: Key = None
) -> Response:
    """Say what the cause was; said again, it takes the place of what was said before. Later rankings learn from it."""
    person = person_of(caller, told.person)

    def work(_: None) -> Done:
        find(incident_id)
        try:
            learn.confirm(
                caller.tenant_id,
                incident_id,
                hypothesis_id=told.hypothesis_id,
                person=person,
                person_name=told.person_name or told.person or caller.actor,
                words=told.words,
            )
        except learn.UnknownHypothesis:
            raise not_found("hypothesis of this incident") from None
        hint_after_commit(Work.PUBLISH, caller.tenant_id, incident_id)
        body = CauseBody(incident_id=incident_id, hypothesis_id=told.hypothesis_id, words=told.words, person=person)
        return Done(200, body)

    return await once(request, caller, key, lambda: None, work)


@routes.delete(
    "/incidents/{incident_id}/cause",
    openapi_extra=needs(Scope.FEEDBACK_WRITE),
    operation_id="withdrawCause",
    status_code=204,
    response_class=Response,
)
async def withdraw_cause(caller: Asking, incident_id: UUID) -> Response:
    """Take the confirmed cause back."""

    def work() -> None:
        with tenant_scope(caller.tenant_id):
            find(incident_id)
            learn.withdraw_confirmation(caller.tenant_id, incident_id, person=caller.actor)
            hint_after_commit(Work.PUBLISH, caller.tenant_id, incident_id)

    await run_in_threadpool(in_db(work))
    return Response(status_code=204)
