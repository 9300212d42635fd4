"""A briefing: all that a person is shown of an incident, as plain frozen data that every face and the command line share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from copilot.knowledge.placeholders import UNKNOWN, Values, fill

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from scoring.evidence import Evidence, Factor


@dataclass(frozen=True, slots=True)
class SourceLine:
    """Hold how one source answered; `status` is asking, answered, partial or failed."""

    name: str
    status: str
    seconds: float
    observations: int
    detail: str


@dataclass(frozen=True, slots=True)
class StageLine:
    """Hold how long a finished stage took."""

    stage: str
    started_at: datetime
    finished_at: datetime

    @property
    def seconds(self) -> float:
        """Return the stage's length."""
        return (self.finished_at - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Hold the tally of a hypothesis: who said 👍 and who 👎 (names for people), with 👎 reasons."""

    up: tuple[str, ...] = ()
    down: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HypothesisLine:
    """Hold one ranked hypothesis with its factors, evidence references and what people said of it."""

    id: UUID
    rank: int
    service: str
    entity: str
    cause_kind: str
    statement: str
    origin: str
    confidence: float
    low: float
    high: float
    factors: tuple[Factor, ...]
    supporting: tuple[str, ...]
    contradicting: tuple[str, ...]
    next_check: str
    verdicts: Verdicts
    is_confirmed: bool


@dataclass(frozen=True, slots=True)
class SimilarIncident:
    """Hold a past incident like this one: why it is like it, and what fixed it."""

    number: int
    title: str
    started_at: datetime
    similarity: float
    why: str
    cause: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class RunbookQuote:
    """Hold a runbook's steps, word for word, with where they are from, when they were written and read, and why they are shown.

    `values` are what the incident fills into their placeholders where they are shown.
    """

    id: UUID
    title: str
    steps: tuple[str, ...]
    source: str
    path: str
    link: str
    version: int
    written_at: datetime | None
    read_at: datetime
    why: str
    values: Values = UNKNOWN

    @property
    def filled_in(self) -> tuple[str, ...]:
        """Return the placeholders that the incident fills in, each with its value: `<namespace> = shop`."""
        parts = (part for step in self.steps for part in fill(step, self.values) if part.was)
        return tuple(dict.fromkeys(f"{part.was} = {part.text}" for part in parts))

    @property
    def origin(self) -> str:
        """Return source and date in words; the starter set's is the day on which it was last gone through."""
        is_starter = self.source == "starter"
        place, done = ("the starter set", "reviewed") if is_starter else (self.source, "written")
        dated = f"{done} {self.written_at:%Y-%m-%d}" if self.written_at else f"read {self.read_at:%Y-%m-%d}"
        return f"{place}, {self.path}, {dated}"


@dataclass(frozen=True, slots=True)
class TimelineLine:
    """Hold one thing that happened: a page, an acknowledgement, a change, a verdict."""

    at: datetime
    text: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class RelatedLine:
    """Hold an alert that joined the incident: why it did, and whether it still fires."""

    id: UUID
    title: str
    service: str
    severity: str
    url: str
    rule: str
    started_at: datetime
    is_firing: bool
    split_into: int | None = None
    split_by: str = ""


@dataclass(frozen=True, slots=True)
class Impact:
    """Hold what the suspected service means for others: the way from the symptom down to it, and how many depend on it.

    `path` is empty where the symptom is the cause's own, `direct` are those of the `hurt` that call it themselves.
    """

    cause: str
    path: tuple[str, ...]
    hurt: int
    direct: int
    user_facing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Briefing:
    """Hold an incident as it now stands, with its newest run.

    `stage` is the newest run's (open, gather, propose, rank, post, done, failed), or empty where there is none. `verdict` is
    empty until the ranking is there. `model_note` says why the model did not contribute, empty where it did. `dollars` is
    what the model cost, `seconds` the time from page to ranking.

    While a later look is under way, or where it failed, the ranking and the evidence are the last finished look's, and
    `ranked_at` is its time; stage, sources and `asked_by` are always the newest run's. `since_last` says in lines what a
    later look found that the one before it did not. `confirmed_earlier` is the confirmed cause where it is a hypothesis of
    another look than the one that is shown. `same_lead` holds the numbers of other open incidents with the same lead.
    `limited` says which limits of the tenant the newest look came to, and what it did without.
    `onset` is the ranking's, in Unix seconds: the one clock from which changes are counted.
    """

    tenant_id: UUID
    incident_id: UUID
    run_id: UUID | None
    number: int
    title: str
    service: str
    service_is_known: bool
    channel: str
    status: str
    severity: str
    priority: str
    urgency: str
    assignees: tuple[str, ...]
    source: str
    url: str
    labels: tuple[tuple[str, str], ...]
    started_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str
    resolved_at: datetime | None
    resolved_by: str
    muted_until: datetime | None
    run_sequence: int
    asked_by: str
    stage: str
    error: str
    sources: tuple[SourceLine, ...]
    stages: tuple[StageLine, ...]
    evidence: tuple[Evidence, ...]
    hypotheses: tuple[HypothesisLine, ...]
    verdict: str
    explanation: str
    missing: tuple[str, ...]
    next_check: str
    weighed_light: tuple[str, ...]
    gaps: tuple[str, ...]
    scoring_version: str
    model_note: str
    model: str
    dollars: float
    seconds: float
    confirmed_words: str
    confirmed_by: str
    similar: tuple[SimilarIncident, ...]
    timeline: tuple[TimelineLine, ...]
    ranked_at: datetime | None = None
    ranked_sequence: int = 0
    since_last: tuple[str, ...] = ()
    confirmed_earlier: str = ""
    related: tuple[RelatedLine, ...] = ()
    same_lead: tuple[int, ...] = ()
    runbooks: tuple[RunbookQuote, ...] = ()
    impact: Impact | None = None
    limited: tuple[str, ...] = ()
    routing: str = ""
    onset: float | None = None

    @property
    def begun(self) -> float:
        """Return when the trouble began: the ranking's onset, else the earliest symptom's, else the incident's start."""
        if self.onset is not None:
            return self.onset
        return min((one.onset for one in self.symptoms if one.onset is not None), default=self.started_at.timestamp())

    def lead(self, change: Evidence) -> float | None:
        """Return how many seconds before the onset a change was made, by whichever source saw it first."""
        same = [one for one in self.changes if one.change_key == change.change_key] if change.change_key else [change]
        at = min((one.onset for one in same if one.onset is not None), default=None)
        return None if at is None else self.begun - at

    @property
    def is_looking_again(self) -> bool:
        """Return whether what is shown is an earlier look's, as a later one is under way or failed."""
        return bool(self.verdict) and self.ranked_sequence not in {0, self.run_sequence}

    @property
    def is_working(self) -> bool:
        """Return whether the newest run is still under way."""
        return self.stage not in {"", "done", "failed"}

    @property
    def symptoms(self) -> tuple[Evidence, ...]:
        """Return the evidence that matches what fired."""
        return tuple(one for one in self.evidence if one.is_symptom)

    @property
    def changes(self) -> tuple[Evidence, ...]:
        """Return the changes, as evidence."""
        return tuple(one for one in self.evidence if one.kind.value == "change")
