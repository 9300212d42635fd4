"""Two looks at one incident: what the later one found that the earlier did not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scoring.evidence import Direction

if TYPE_CHECKING:
    from datetime import datetime

    from copilot.models import Hypothesis
    from scoring.evidence import Evidence

MOST = 3
# Ranges that moved by less than this say the same.
SAME = 0.03


@dataclass(frozen=True, slots=True)
class Lead:
    """Hold the first hypothesis of a look."""

    service: str
    cause_kind: str
    statement: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Look:
    """Hold what a finished look found: its verdict, lead and evidence, and the sources that did not answer."""

    at: datetime
    verdict: str
    lead: Lead | None
    evidence: tuple[Evidence, ...]
    silent: frozenset[str]


def lead_of(hypotheses: list[Hypothesis]) -> Lead | None:
    """Return the first of ranked hypotheses."""
    first = next((one for one in hypotheses if one.rank == 1), None)
    return Lead(first.service, first.cause_kind, first.statement, first.low, first.high) if first else None


def since(before: Look, now: Look) -> tuple[str, ...]:
    """Return in a few lines what changed between two looks; one line says so where nothing did."""
    lines = [*_lead(before, now), *_evidence(before, now), *_sources(before, now)]
    return tuple(lines) or ("nothing new: the same lead, range and signals",)


def _lead(before: Look, now: Look) -> list[str]:
    lines = [f"verdict {now.verdict}, was {before.verdict}"] if now.verdict != before.verdict else []
    was, is_now = before.lead, now.lead
    if was is None or is_now is None:
        if is_now is not None:
            lines.append(f"a lead, where there was none: {is_now.statement}")
        elif was is not None:
            lines.append(f"no lead any more; it was: {was.statement}")
        return lines
    if (was.service, was.cause_kind) != (is_now.service, is_now.cause_kind):
        lines.append(f"another lead; it was: {was.statement} ({_range(was)})")
    elif max(abs(was.low - is_now.low), abs(was.high - is_now.high)) >= SAME:
        lines.append(f"the same lead, now {_range(is_now)}, was {_range(was)}")
    return lines


def _range(lead: Lead) -> str:
    return f"{lead.low:.2f}–{lead.high:.2f}"


def _evidence(before: Look, now: Look) -> list[str]:
    """Return the signals that are new, and those that are gone, the most severe first."""
    known = {_key(one) for one in before.evidence if _speaks(one)}
    seen = {_key(one) for one in now.evidence if _speaks(one)}
    new = [one for one in now.evidence if _speaks(one) and _key(one) not in known]
    gone = [one for one in before.evidence if _speaks(one) and _key(one) not in seen and one.kind.value != "change"]
    return [*_listed("new", new), *_listed("no longer seen", gone)]


def _listed(said: str, found: list[Evidence]) -> list[str]:
    ranked = sorted(found, key=lambda one: (-one.severity, one.id))
    lines = [f"{said}: {one.statement}" for one in ranked[:MOST]]
    return [*lines, f"{said}: {len(ranked) - MOST} more"] if len(ranked) > MOST else lines


def _speaks(one: Evidence) -> bool:
    return one.direction is Direction.FOR or one.kind.value == "change"


def _key(one: Evidence) -> tuple[str, str, str]:
    return (one.kind.value, one.entity.key, one.change_key or one.indicator)


def _sources(before: Look, now: Look) -> list[str]:
    lines = [f"{name} has answered this time" for name in sorted(before.silent - now.silent)]
    return lines + [f"{name} did not answer this time" for name in sorted(now.silent - before.silent)]


__all__ = ["Lead", "Look", "lead_of", "since"]
