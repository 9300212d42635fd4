"""The plan of a run, frozen into its row at the start, so that later settings and releases do not change it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from copilot import tracing
from copilot.config import config
from copilot.models import Stage
from scoring.version import VERSION

if TYPE_CHECKING:
    from datetime import datetime

STAGES = (Stage.OPEN, Stage.GATHER, Stage.PROPOSE, Stage.RANK, Stage.POST)


def new_plan(*, until: datetime | None = None, limited: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the plan of a run that starts now, and looks at nothing after `until`; `limited` is what limits say of it."""
    settings = config()
    traceparent = tracing.here()
    return {
        "stages": [stage.value for stage in STAGES],
        "scoring": VERSION,
        "gather_seconds": settings.gather_seconds,
        "calls": settings.calls_per_run,
        "look_back_minutes": settings.look_back_minutes,
        "model": settings.model if settings.anthropic_api_key else "",
        "economy": "",
        "limited": [],
        **(limited or {}),
        "until": until.timestamp() if until else None,
        **({tracing.TRACEPARENT: traceparent} if traceparent else {}),
    }


def stage_after(plan: dict[str, Any], stage: str) -> Stage:
    """Return the stage that follows in a plan, `done` after the last."""
    stages = plan["stages"]
    position = stages.index(stage) + 1
    return Stage(stages[position]) if position < len(stages) else Stage.DONE
