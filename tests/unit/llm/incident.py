"""The incident that the tests of the model's door talk about."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from scoring.evidence import CauseKind, Direction, Evidence, EvidenceKind
from scoring.observations import Entity, EntityKind

if TYPE_CHECKING:
    from uuid import UUID

    from copilot.llm import Proposals
    from copilot.models import ModelCall

checkout = Entity(EntityKind.SERVICE, "checkout", "shop", "checkout")
payments = Entity(EntityKind.SERVICE, "payments", "shop", "payments")
pod = Entity(EntityKind.POD, "payments-7d9f8-x2x4z", "shop", "payments")
ONSET = 1_793_714_400.0


def evidence() -> tuple[Evidence, ...]:
    """Return three pieces of evidence: a symptom, a saturation and a change."""
    first = Evidence(
        id="E1",
        kind=EvidenceKind.METRIC,
        entity=checkout,
        indicator="latency_p99",
        statement="p99 latency rose from 0.2 s to 4.1 s",
        severity=0.9,
        direction=Direction.FOR,
        source="prometheus",
        onset=ONSET,
        is_symptom=True,
    )
    return (
        first,
        replace(
            first,
            id="E2",
            entity=payments,
            indicator="connection_wait",
            statement="connection wait rose from 1 ms to 900 ms",
            onset=ONSET - 60,
            is_symptom=False,
        ),
        replace(
            first,
            id="E3",
            kind=EvidenceKind.CHANGE,
            entity=payments,
            indicator="deployment",
            statement="payments v42 was rolled out",
            source="kubernetes",
            onset=ONSET - 120,
            is_symptom=False,
        ),
    )


def log_line(text: str, *, id: str = "E9", source: str = "kubernetes", author: str = "") -> Evidence:  # noqa: A002 - the field's name
    """Return a log line of the pod as evidence."""
    return replace(
        evidence()[0],
        id=id,
        kind=EvidenceKind.LOG,
        entity=pod,
        indicator="log",
        statement=text,
        source=source,
        author=author,
        is_symptom=False,
    )


def hypothesis(**changed: Any) -> dict[str, Any]:
    """Return one hypothesis as the model would write it."""
    return {
        "entity": "service/shop/payments",
        "cause_kind": CauseKind.CONNECTION_SATURATION.value,
        "statement": "The rollout of v42 shrank the connection pool, so that requests wait 900 ms for a connection",
        "evidence_for": ["E2", "E3"],
        "evidence_against": [],
        "next_check": "Compare the pool size of v41 and v42",
        **changed,
    }


@dataclass(frozen=True)
class Asked:
    """Ask the model in a tenant's run, and read back what was written down about it."""

    tenant_id: UUID
    run_id: UUID
    parts: dict[str, Any]

    def __call__(self, **changed: Any) -> Proposals:
        """Return what the model proposes."""
        from copilot.llm import propose

        return propose(self.tenant_id, self.run_id, **{**self.parts, **changed})

    def calls(self) -> list[ModelCall]:
        """Return the usage rows, the oldest first."""
        from copilot.guard.tenancy import tenant_scope
        from copilot.models import ModelCall

        with tenant_scope(self.tenant_id):
            return list(ModelCall.objects.order_by("id"))
