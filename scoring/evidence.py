"""What we make of observations: evidence, candidates, factors, scores and a verdict, all frozen."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from scoring.observations import Dependency, Entity, Gap, Window


class EvidenceKind(StrEnum):
    """Say what sort of observation the evidence was made from."""

    METRIC = "metric"
    STATE = "state"
    LOG = "log"
    CHANGE = "change"
    NOTE = "note"


class Direction(StrEnum):
    """Say whether evidence speaks for a fault at its entity, against one, or sets the scene."""

    FOR = "for"
    AGAINST = "against"
    CONTEXT = "context"


class CauseKind(StrEnum):
    """Name the kinds of root cause; the words that candidates, precedents and feedback share."""

    BAD_DEPLOY = "bad deploy"
    CONFIG_CHANGE = "config change"
    CPU_SATURATION = "cpu saturation"
    MEMORY_SATURATION = "memory saturation"
    DISK_SATURATION = "disk saturation"
    NETWORK_SATURATION = "network saturation"
    CONNECTION_SATURATION = "connection saturation"
    THREAD_SATURATION = "thread saturation"
    CRASH_LOOP = "crash loop"
    FAILING_PROBE = "failing probe"
    FAILING_DEPENDENCY = "failing dependency"
    NETWORK_LATENCY = "network latency"
    NETWORK_LOSS = "network loss"
    NETWORK_PARTITION = "network partition"
    DNS_FAULT = "dns fault"
    TRAFFIC_SURGE = "traffic surge"
    SCHEDULING = "scheduling or quota"
    IMAGE = "image or registry"
    NODE_FAILURE = "node or zone failure"
    STORAGE = "storage"
    CREDENTIALS = "certificate or credentials"
    DATABASE_LOCKS = "database locks"
    DATABASE_SLOW_QUERY = "database slow query"
    DATABASE_REPLICATION = "database replication"
    DATABASE_CONNECTIONS = "database connections"
    QUEUE_BACKLOG = "queue backlog"
    THIRD_PARTY = "third party"
    HUMAN_OR_JOB = "human or job action"
    NO_FAULT = "no fault"


def said(cause_kind: str) -> str:
    """Return a kind of cause as people say it of a service: that others depend on what fails is no word for what ails it."""
    return "fault of its own" if cause_kind == CauseKind.FAILING_DEPENDENCY else str(cause_kind)


class Origin(StrEnum):
    """Say who proposed a candidate."""

    RULE = "rule"
    PRECEDENT = "precedent"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Plot:
    """Hold a series thinned for a chart: at most 240 points, its baseline and its onset, in `unit`."""

    times: tuple[float, ...]
    values: tuple[float, ...]
    unit: str
    baseline: float | None = None
    baseline_low: float | None = None
    baseline_high: float | None = None
    onset: float | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Hold an observation that says something.

    `id` is `E1`, `E2` … in a total, stable order. `onset` is in Unix seconds; `severity` in [0, 1]; `freshness` is the age of
    the newest sample at the end of the window, in seconds. `statement` is one line with numbers and units. `cause_kinds` are
    the kinds that this evidence hints at. `change_key` joins sightings of one change by several sources. `until` is the end of a
    departure that is over, in Unix seconds. `detail` says what a change altered, e.g. `DB_POOL_SIZE 20 → 5`.
    """

    id: str
    kind: EvidenceKind
    entity: Entity
    indicator: str
    statement: str
    severity: float
    direction: Direction
    source: str
    onset: float | None = None
    is_symptom: bool = False
    value: float | None = None
    baseline: float | None = None
    unit: str = ""
    query: str = ""
    link: str = ""
    author: str = ""
    freshness: float = 0.0
    cause_kinds: tuple[CauseKind, ...] = ()
    peer: Entity | None = None
    change_key: str = ""
    deviation: float = 0.0
    sustained: float = 0.0
    until: float | None = None
    detail: str = ""
    plot: Plot | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """Hold one possible root cause: what broke, how, and the ids of the evidence for and against it."""

    entity: Entity
    cause_kind: CauseKind
    statement: str
    supporting: tuple[str, ...]
    contradicting: tuple[str, ...] = ()
    origin: Origin = Origin.RULE
    next_check: str = ""


FactorName = Literal[
    "signal strength", "temporal correlation", "precedent frequency", "evidence quality", "human validation"
]


@dataclass(frozen=True, slots=True)
class Factor:
    """Hold one of the five factors: value and interval in [0, 1], its weight, and why in one line."""

    name: FactorName
    weight: float
    value: float
    low: float
    high: float
    reason: str


@dataclass(frozen=True, slots=True)
class Score:
    """Hold a candidate with its five factors and their weighted sum, `confidence` in [`low`, `high`].

    `is_lead` says that something connects it with what fired: only then may it be suggested to people.
    """

    candidate: Candidate
    factors: tuple[Factor, ...]
    confidence: float
    low: float
    high: float
    is_lead: bool = True


class Verdict(StrEnum):
    """Say what the ranking amounts to."""

    LIKELY = "likely cause"
    POSSIBLE = "possible causes"
    INCONCLUSIVE = "inconclusive"
    NO_FAULT = "no fault seen"


@dataclass(frozen=True, slots=True, order=True)
class Precedent:
    """Hold one similar past incident and the cause that people settled on there (`confirmed`) or turned down.

    `similarity` is in [0, 1], `age_days` counts from then to the start of this incident. `service` names the cause's service.
    """

    service: str
    cause_kind: CauseKind
    similarity: float
    age_days: float
    confirmed: bool
    reference: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Acceptance:
    """Hold how often people accepted (👍, confirmed) and rejected (👎) a cause.

    `service` and `cause_kind` both set: this cause for this service; only `cause_kind`: the kind in the tenant; neither: the
    whole tenant. Counts include those of the narrower levels.
    """

    service: str
    cause_kind: CauseKind | None
    accepted: int
    rejected: int


@dataclass(frozen=True, slots=True)
class RankInputs:
    """Hold all that a ranking depends on; freezing it makes the ranking reproducible.

    `looked_at` is the number of series that were examined, of which the evidence holds those that say something.
    """

    window: Window
    subject: Entity
    evidence: tuple[Evidence, ...]
    candidates: tuple[Candidate, ...]
    dependencies: tuple[Dependency, ...] = ()
    gaps: tuple[Gap, ...] = ()
    precedents: tuple[Precedent, ...] = ()
    acceptances: tuple[Acceptance, ...] = ()
    sources_asked: tuple[str, ...] = ()
    looked_at: int = 0


@dataclass(frozen=True, slots=True)
class Ranking:
    """Hold the ranked scores, the verdict, and for an open verdict what is missing and what to check next.

    `explanation` says in one line why the verdict is what it is. `version` names the mathematics and its constants.
    """

    version: str
    verdict: Verdict
    scores: tuple[Score, ...]
    onset: float
    explanation: str
    missing: tuple[str, ...] = ()
    next_check: str = ""
    weighed_light: tuple[str, ...] = field(default=())
