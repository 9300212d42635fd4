"""Requests to agents as rows: put, taken under a lease, answered once, and given up at their deadline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from copilot import observe
from copilot.agent import observed
from copilot.agent.protocol import Failed, Failure, Handed, Looked, Observed, Offered, Surveyed, read_request
from copilot.guard import vault
from copilot.guard.observed import redacted
from copilot.guard.redact import Redactor
from copilot.guard.tenancy import tenant_scope
from copilot.models import Agent, AgentRequest, AgentRequestState, Tenant
from copilot.relay.bell import ring
from scoring.frozen import plain_observation

if TYPE_CHECKING:
    from uuid import UUID

    from copilot.agent.protocol import Answer, Answered, Poll, Request
    from copilot.relay.tokens import Bearer

OPEN = (AgentRequestState.WAITING, AgentRequestState.TAKEN)
# How long a silent agent keeps what it took: it renews while it works, twice within.
LEASE = timedelta(seconds=6)
# A request that ended an agent so often is not handed out again: it may be what ends it.
MAX_ATTEMPTS = 3
KEPT = timedelta(days=3)


class Gone(Exception):
    """Say that a request does not wait for this answer: it is answered, given up, taken by another process, or no agent's own."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Hold how a request stands for whoever asked."""

    state: str
    attempt: int
    reason: str
    answer: bytes | None


def put(
    tenant_id: UUID, agent_id: UUID, connection_id: UUID | None, request: Request, *, seconds: float, max_bytes: int
) -> UUID:
    """Write a request down and return its id; from then on the agent finds it."""
    with tenant_scope(tenant_id):
        row = AgentRequest.objects.create(
            tenant_id=tenant_id,
            agent_id=agent_id,
            connection_id=connection_id,
            request=request.model_dump(mode="json"),
            deadline=timezone.now() + timedelta(seconds=seconds),
            max_bytes=max_bytes,
        )
        ring(agent_id)
    return row.id


def greet(who: Bearer, poll: Poll) -> None:
    """Note what an agent says of itself, and renew the leases of what it works at."""
    with tenant_scope(who.tenant_id):
        agent = Agent.objects.filter(id=who.agent_id)
        agent.exclude(instance=poll.instance).update(instance=poll.instance, started_at=Now())
        agent.update(
            last_seen_at=Now(),
            token_id=who.token_id,
            version=poll.version,
            sources=[one.model_dump(mode="json") for one in poll.sources],
        )
        if poll.working:
            mine = AgentRequest.objects.filter(agent_id=who.agent_id, instance=poll.instance, id__in=poll.working)
            mine.filter(state=AgentRequestState.TAKEN).update(lease_until=Now() + LEASE)


def take(who: Bearer, instance: UUID, capacity: int) -> list[Handed]:
    """Hand over what waits for an agent, and what a process took that has gone silent; the oldest first."""
    if capacity < 1:
        return []
    now = timezone.now()
    with tenant_scope(who.tenant_id):
        mine = AgentRequest.objects.filter(agent_id=who.agent_id, state__in=OPEN, deadline__gt=Now())
        free = mine.filter(Q(state=AgentRequestState.WAITING) | Q(lease_until__lte=Now()))
        free.filter(attempt__gte=MAX_ATTEMPTS).update(
            state=AgentRequestState.FAILED,
            finished_at=Now(),
            reason=f"the agent was lost {MAX_ATTEMPTS} times while it worked at this",
        )
        rows = list(free.order_by("created_at").select_for_update(skip_locked=True, of=("self",))[:capacity])
        AgentRequest.objects.filter(id__in=[row.id for row in rows]).update(
            state=AgentRequestState.TAKEN, attempt=F("attempt") + 1, instance=instance, lease_until=Now() + LEASE
        )
    return [
        Handed(
            id=row.id,
            attempt=row.attempt + 1,
            seconds=max(0.1, (row.deadline - now).total_seconds()),
            max_bytes=row.max_bytes,
            request=row.request,
        )
        for row in rows
    ]


def accept(who: Bearer, request_id: UUID, answered: Answered, *, size: int) -> None:
    """Take an answer in: read strictly, redacted, sealed, and only from the process that holds the request.

    The same answer twice is taken once. One that cannot be read ends the request all the same, with the reason.

    :raises Gone: where the request does not wait for it.
    """
    with tenant_scope(who.tenant_id):
        row = AgentRequest.objects.filter(id=request_id, agent_id=who.agent_id).first()
    if row is None or row.instance != answered.instance or row.attempt != answered.attempt:
        raise Gone
    if row.state in {AgentRequestState.ANSWERED, AgentRequestState.FAILED}:
        return
    answer: Answer = answered.answer
    if size > row.max_bytes:
        answer = _refused(f"the agent's answer has {size // 1024} KiB; {row.max_bytes // 1024} KiB are allowed")
    try:
        plain = _plain(answer, row.request, Redactor(vault.redaction_key(who.tenant_id)))
    except ValueError as wrong:
        answer = _refused(f"the agent's answer cannot be used: {wrong}")
        plain = answer.model_dump(mode="json")
    failure = answer.failure if isinstance(answer, (Failed, Observed)) else None
    state = AgentRequestState.FAILED if isinstance(answer, Failed) else AgentRequestState.ANSWERED
    with tenant_scope(who.tenant_id):
        taken = AgentRequest.objects.filter(id=row.id, attempt=row.attempt, state=AgentRequestState.TAKEN)
        if not taken.filter(deadline__gt=Now()).update(
            state=state,
            answer=vault.seal(who.tenant_id, plain),
            answer_bytes=size,
            reason=failure.reason if failure else "",
            finished_at=Now(),
        ):
            raise Gone
        ring(row.id)
    observe.agent_requests.labels(row.kind, state.value).inc()


def refuse(who: Bearer, request_id: UUID, reason: str) -> None:
    """End a request whose answer was not even read: too large, or not of the protocol."""
    with tenant_scope(who.tenant_id):
        AgentRequest.objects.filter(id=request_id, agent_id=who.agent_id, state=AgentRequestState.TAKEN).update(
            state=AgentRequestState.FAILED, reason=reason[:1000], finished_at=Now()
        )
        ring(request_id)


def look_at(tenant_id: UUID, request_id: UUID) -> Waiting:
    """Return how a request stands."""
    with tenant_scope(tenant_id):
        row = AgentRequest.objects.get(id=request_id)
    return Waiting(row.state, row.attempt, row.reason, bytes(row.answer) if row.answer is not None else None)


def close(tenant_id: UUID, request_id: UUID) -> None:
    """Give a request up if it is still open, and forget its answer: it was read, or nobody will read it."""
    with tenant_scope(tenant_id):
        mine = AgentRequest.objects.filter(id=request_id)
        given_up = mine.filter(state__in=OPEN).update(
            state=AgentRequestState.EXPIRED, finished_at=Now(), reason="no answer before the deadline"
        )
        mine.update(answer=None)
    if given_up:
        observe.agent_requests.labels("any", AgentRequestState.EXPIRED.value).inc()


def tidy() -> int:
    """Give up what is overdue, forget answers that nobody came for, and drop old requests; return how many were dropped."""
    dropped = 0
    for tenant_id in Tenant.objects.values_list("id", flat=True):
        with tenant_scope(tenant_id):
            rows = AgentRequest.objects.filter(deadline__lte=Now() - timedelta(minutes=1))
            rows.filter(state__in=OPEN).update(
                state=AgentRequestState.EXPIRED, finished_at=Now(), reason="nobody waits for this any more"
            )
            rows.filter(answer__isnull=False).update(answer=None)
            dropped += rows.filter(created_at__lt=Now() - KEPT).delete()[0]
    return dropped


def _refused(reason: str) -> Failed:
    return Failed(failure=Failure(code="rejected", reason=reason[:1000], retryable=False))


_FITTING = {
    "gather": "observed", "look": "looked", "survey": "surveyed", "tools": "offered", "tool": "looked", "check": "checked",
}  # fmt: skip


def _plain(answer: Answer, request: Any, redactor: Redactor) -> dict[str, Any]:
    """Return an answer as JSON, after it was read as what was asked for and redacted.

    :raises ValueError: where it is something else.
    """
    if isinstance(answer, Failed):
        return Failed(failure=_redacted_failure(answer.failure, redactor)).model_dump(mode="json")
    asked = read_request(request)
    fitting = _FITTING[asked.do]
    if answer.result != fitting:
        raise ValueError(f"{asked.do} was asked, and {answer.result} answered")
    if isinstance(answer, Observed):
        found = [redacted(one, redactor) for one in observed.read(answer.observations, kind=asked.kind)]
        failure = _redacted_failure(answer.failure, redactor) if answer.failure else None
        return Observed(observations=[plain_observation(one) for one in found], failure=failure).model_dump(mode="json")
    if isinstance(answer, Looked):
        return {**answer.model_dump(mode="json"), "rows": redactor.data(answer.rows)}
    if isinstance(answer, Offered):
        shown: dict[str, Any] = redactor.data(answer.model_dump(mode="json"))
        return shown
    if isinstance(answer, Surveyed):
        # A stranger's words: read as what they are, or refused.
        answer.survey(kind=asked.kind)
        plain: dict[str, Any] = redactor.data(answer.model_dump(mode="json"))
        return plain
    return answer.model_copy(update={"detail": redactor.text(answer.detail)[:2000]}).model_dump(mode="json")


def _redacted_failure(failure: Failure, redactor: Redactor) -> Failure:
    return failure.model_copy(update={"reason": redactor.text(failure.reason)[:1000]})
