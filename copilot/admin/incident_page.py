"""All that the admin shows of one incident, read from its rows."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Sum

from copilot.limits import said_by
from copilot.models import (
    Confirmation,
    EvidenceRecord,
    Feedback,
    FeedbackValue,
    Hypothesis,
    Incident,
    ModelCall,
    RankingRecord,
    RelatedAlert,
    Run,
    SourceCall,
    Stage,
    StageResult,
)
from scoring.evidence import said
from scoring.frozen import thaw_factor

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from scoring.evidence import Factor


@dataclass(frozen=True, slots=True)
class Bar:
    """Hold a value in [0, 1] with its interval, as lengths of a drawing 100 wide."""

    value: float
    low: float
    high: float

    @property
    def point(self) -> float:
        """Return where the value lies."""
        return _length(self.value)

    @property
    def start(self) -> float:
        """Return where the interval begins."""
        return _length(self.low)

    @property
    def reach(self) -> float:
        """Return how long the interval is; never so short that it cannot be seen."""
        return max(_length(self.high) - _length(self.low), 0.8)


@dataclass(frozen=True, slots=True)
class FactorView:
    """Hold one of the five factors, and what it adds to the confidence."""

    factor: Factor
    bar: Bar

    @property
    def share(self) -> float:
        """Return what the factor adds."""
        return self.factor.weight * self.factor.value


@dataclass(frozen=True, slots=True)
class HypothesisView:
    """Hold one hypothesis with its factors, and what people said of it."""

    row: Hypothesis
    bar: Bar
    factors: tuple[FactorView, ...]
    feedback: tuple[Feedback, ...]
    is_confirmed: bool

    @property
    def kind(self) -> str:
        """Return the kind of cause as people say it."""
        return said(self.row.cause_kind)

    @property
    def up(self) -> int:
        """Return how many said 👍."""
        return sum(one.value == FeedbackValue.UP for one in self.feedback)

    @property
    def down(self) -> int:
        """Return how many said 👎."""
        return len(self.feedback) - self.up


@dataclass(frozen=True, slots=True)
class RunView:
    """Hold one investigation."""

    run: Run
    ranking: RankingRecord | None
    hypotheses: tuple[HypothesisView, ...]
    evidence: tuple[EvidenceRecord, ...]
    sources: tuple[SourceCall, ...]
    stages: tuple[StageResult, ...]
    gaps: tuple[str, ...]
    calls: tuple[ModelCall, ...]
    limited: tuple[str, ...]

    @property
    def seconds(self) -> float | None:
        """Return the time from the run's beginning to its ranking, where there is one."""
        ranked = next((one.finished_at for one in self.stages if one.stage == Stage.RANK), None)
        return (ranked - self.run.created_at).total_seconds() if ranked else None

    @property
    def is_working(self) -> bool:
        """Return whether the run is under way."""
        return self.run.stage not in {Stage.DONE, Stage.FAILED}


@dataclass(frozen=True, slots=True)
class Page:
    """Hold an incident, one of its runs, and what happened when."""

    incident: Incident
    shown: RunView | None
    runs: tuple[Run, ...]
    confirmation: Confirmation | None
    related: tuple[RelatedAlert, ...]
    timeline: tuple[tuple[datetime, str], ...]
    dollars: float


def read(incident: Incident, *, sequence: int | None = None) -> Page:
    """Return the page of an incident with its newest run, or with the run of this number where there is one."""
    runs = tuple(Run.objects.filter(incident=incident).order_by("sequence"))
    chosen = next((run for run in runs if run.sequence == sequence), runs[-1] if runs else None)
    confirmation = Confirmation.objects.filter(incident=incident).select_related("hypothesis").first()
    spent = ModelCall.objects.filter(run__incident=incident).aggregate(sum=Sum("dollars"))["sum"]
    return Page(
        incident=incident,
        shown=_run(chosen, confirmation) if chosen else None,
        runs=runs,
        confirmation=confirmation,
        related=tuple(RelatedAlert.objects.filter(incident=incident).select_related("split_into")),
        timeline=tuple(_timeline(incident, runs, chosen, confirmation)),
        dollars=float(spent or 0),
    )


def _run(run: Run, confirmation: Confirmation | None) -> RunView:
    stages = tuple(StageResult.objects.filter(run=run).order_by("started_at", "pk"))
    gathered: dict[str, Any] = next((one.output for one in stages if one.stage == Stage.GATHER), {})
    given: dict[UUID, list[Feedback]] = defaultdict(list)
    for one in Feedback.objects.filter(hypothesis__run=run).order_by("created_at", "pk"):
        given[one.hypothesis_id].append(one)
    return RunView(
        run=run,
        ranking=RankingRecord.objects.filter(run=run).defer("inputs", "outcome").first(),
        hypotheses=tuple(
            HypothesisView(
                row=row,
                bar=Bar(row.confidence, row.low, row.high),
                factors=tuple(
                    FactorView(factor, Bar(factor.value, factor.low, factor.high))
                    for factor in (thaw_factor(one) for one in row.factors)
                ),
                feedback=tuple(given[row.pk]),
                is_confirmed=confirmation is not None and confirmation.hypothesis_id == row.pk,
            )
            for row in Hypothesis.objects.filter(run=run).order_by("rank")
        ),
        evidence=tuple(EvidenceRecord.objects.filter(run=run).defer("payload").order_by("position")),
        sources=tuple(SourceCall.objects.filter(run=run).order_by("source", "name")),
        stages=stages,
        gaps=tuple(str(line) for line in gathered.get("gap_lines", ())),
        calls=tuple(ModelCall.objects.filter(run=run).order_by("created_at", "pk")),
        limited=said_by(run.plan, gathered),
    )


def _timeline(
    incident: Incident, runs: tuple[Run, ...], shown: Run | None, confirmation: Confirmation | None
) -> list[tuple[datetime, str]]:
    lines: list[tuple[datetime, str]] = [(incident.alert_at, f"Paged: {incident.title}")]
    for event in incident.events.exclude(action="triggered").order_by("occurred_at"):
        by = f" by {event.actor}" if event.actor else ""
        lines.append((event.occurred_at, f"{event.action.replace('_', ' ').capitalize()}{by}"))
    for run in runs:
        asked = f", asked by {run.asked_by}" if run.asked_by else ""
        lines.append((run.created_at, f"Investigation {run.sequence} began{asked}"))
        if run.finished_at:
            how = "failed" if run.stage == Stage.FAILED else "was done"
            lines.append((run.finished_at, f"Investigation {run.sequence} {how}"))
    if shown:
        changes = EvidenceRecord.objects.filter(run=shown, kind="change", onset__isnull=False)
        lines.extend((one.onset, one.statement) for one in changes.only("onset", "statement") if one.onset)
    if confirmation:
        cause = confirmation.hypothesis.statement if confirmation.hypothesis else confirmation.words
        lines.append((confirmation.updated_at, f"{confirmation.person_name or confirmation.person} confirmed: {cause}"))
    return sorted(lines)


def _length(share: float) -> float:
    return round(min(max(share, 0.0), 1.0) * 100, 1)
