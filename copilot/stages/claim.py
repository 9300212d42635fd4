"""What a stage is handed and what it hands back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uuid import UUID


@dataclass(frozen=True, slots=True)
class Claim:
    """Hold a run that this worker may work on: its stage, and the fencing number under which the result counts."""

    tenant_id: UUID
    run_id: UUID
    incident_id: UUID
    stage: str
    attempt: int
    stage_attempts: int
    plan: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Hold a stage's result: `output` goes into its row, `write` runs in the transaction that ends the stage."""

    output: dict[str, Any] = field(default_factory=dict)
    write: Callable[[], None] | None = None


Progress = Callable[[], None]
