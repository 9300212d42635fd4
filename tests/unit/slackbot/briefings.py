"""Made-up briefings in every state that the product can show."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from copilot.knowledge.briefing import (
    Briefing,
    HypothesisLine,
    Impact,
    RelatedLine,
    RunbookQuote,
    SimilarIncident,
    SourceLine,
    StageLine,
    TimelineLine,
    Verdicts,
)
from scoring.evidence import CauseKind, Direction, Evidence, EvidenceKind, Factor, Plot
from scoring.observations import Entity, EntityKind

TENANT = UUID("00000000-0000-4000-8000-000000000001")
INCIDENT = UUID("00000000-0000-4000-8000-000000000042")
RUN = UUID("00000000-0000-4000-8000-000000000043")
BEGAN = datetime(2026, 11, 20, 14, 2, tzinfo=UTC)
ONSET = BEGAN.timestamp() - 90
PAYMENTS = Entity(EntityKind.SERVICE, "payments", "shop", "payments")
CHECKOUT = Entity(EntityKind.SERVICE, "checkout", "shop", "checkout")
CATALOG = Entity(EntityKind.SERVICE, "catalog", "shop", "catalog")
GRAFANA = "https://grafana.example/explore?left=%7B%7D"


def plot(quiet: float, loud: float, unit: str, *, onset: float = ONSET) -> Plot:
    """A series of one hour that leaves its baseline at the onset, with some deterministic noise."""
    times = tuple(onset - 3000 + 30 * step for step in range(116))
    values = tuple(
        (quiet if at < onset else quiet + (loud - quiet) * min(1.0, (at - onset) / 120))
        * (1 + 0.06 * math.sin(at / 47))
        for at in times
    )
    return Plot(times, values, unit, baseline=quiet, baseline_low=quiet * 0.85, baseline_high=quiet * 1.15, onset=onset)


RUNBOOK = RunbookQuote(
    id=UUID("00000000-0000-4000-8000-000000000044"),
    title="Memory leak",
    steps=("Roll back: `kubectl rollout undo deployment/checkout`.", *(f"Step {number}" for number in range(2, 8))),
    source="ops.git",
    path="leak.md",
    link="https://wiki.example/leak",
    version=2,
    written_at=datetime(2026, 3, 4, tzinfo=UTC),
    read_at=BEGAN,
    why="it is about memory saturation",
)
LATENCY = Evidence(
    id="E1",
    kind=EvidenceKind.METRIC,
    entity=CHECKOUT,
    indicator="latency_p95",
    statement="checkout p95 latency 2.4 s, was 180 ms (×13)",
    severity=0.95,
    direction=Direction.FOR,
    source="prometheus",
    onset=ONSET,
    is_symptom=True,
    value=2.4,
    baseline=0.18,
    unit="seconds",
    query='histogram_quantile(0.95, sum(rate(http_request_duration_seconds_bucket{job="checkout"}[2m])) by (le))',
    link="https://prometheus.example/graph?g0.expr=checkout",
    plot=plot(0.18, 2.4, "seconds"),
)
ERRORS = replace(
    LATENCY,
    id="E2",
    indicator="error_ratio",
    statement="checkout errors 6.1 % of requests, was 0.2 % (×30)",
    severity=0.7,
    unit="ratio",
    plot=plot(0.002, 0.061, "ratio"),
)
POOL = replace(
    LATENCY,
    id="E3",
    entity=PAYMENTS,
    indicator="pool_utilisation",
    statement="payments connection pool 100 % in use, was 41 %",
    severity=0.9,
    onset=ONSET - 60,
    is_symptom=False,
    unit="ratio",
    cause_kinds=(CauseKind.CONNECTION_SATURATION,),
    plot=plot(0.41, 1.0, "ratio", onset=ONSET - 60),
)
ROLLOUT = Evidence(
    id="E4",
    kind=EvidenceKind.CHANGE,
    entity=PAYMENTS,
    indicator="deployment",
    statement="payments v2.14.0 rolled out (was v2.13.2): “Right-size the DB pool”",
    severity=0.6,
    direction=Direction.FOR,
    source="kubernetes",
    onset=ONSET - 240,
    author="mira",
    link="https://github.example/shop/payments/commit/4f2c1a9",
    change_key="4f2c1a9",
)
ROLLOUT_AGAIN = replace(ROLLOUT, id="E5", source="github", link="https://github.example/shop/payments/deployments/881")
INNOCENT = replace(
    ROLLOUT,
    id="E6",
    entity=CATALOG,
    statement="catalog v5.1.0 rolled out (was v5.0.9)",
    author="tom",
    onset=ONSET - 180,
    direction=Direction.CONTEXT,
    link="https://github.example/shop/catalog/commit/91ab02",
    change_key="91ab02",
)
WAITS = replace(
    LATENCY,
    id="E7",
    kind=EvidenceKind.LOG,
    entity=PAYMENTS,
    indicator="log",
    statement="payments logs “timed out waiting for a connection from the pool” 412 times, was 0",
    severity=0.8,
    source="kubernetes",
    onset=ONSET - 30,
    is_symptom=False,
    link="",
    plot=None,
)
CALM = replace(
    LATENCY,
    id="E8",
    entity=CATALOG,
    indicator="latency_p95",
    statement="catalog p95 latency 41 ms, unchanged",
    severity=0.0,
    direction=Direction.AGAINST,
    is_symptom=False,
    onset=None,
    plot=None,
)


def factors(signal: float, timing: float, precedent: float, quality: float, people: float) -> tuple[Factor, ...]:
    """The five factors, each with an interval of ±0.08."""

    def one(name: str, weight: float, value: float, reason: str) -> Factor:
        return Factor(name, weight, value, max(0.0, value - 0.08), min(1.0, value + 0.08), reason)  # type: ignore[arg-type]

    return (
        one("signal strength", 0.25, signal, "connection pool at 100 %, 11 MADs above its median for 6 min"),
        one("temporal correlation", 0.20, timing, "began 1 min before the symptom; the rollout came 3 min earlier"),
        one("precedent frequency", 0.20, precedent, "confirmed in 2 of 3 similar incidents"),
        one("evidence quality", 0.20, quality, "3 independent sources agree; payments is called by checkout"),
        one("human validation", 0.15, people, "no verdicts yet on this cause for payments"),
    )


FIRST = HypothesisLine(
    id=UUID("00000000-0000-4000-8000-0000000000a1"),
    rank=1,
    service="payments",
    entity="payments",
    cause_kind="bad deploy",
    statement="The rollout of payments v2.14.0 shrank its connection pool; checkout waits for payments",
    origin="rule",
    confidence=0.735,
    low=0.65,
    high=0.82,
    factors=factors(0.9, 0.95, 0.62, 0.8, 0.5),
    supporting=("E3", "E4", "E7"),
    contradicting=(),
    next_check="kubectl rollout undo deployment/payments -n shop, then watch E3 fall",
    verdicts=Verdicts(),
    is_confirmed=False,
)
SECOND = replace(
    FIRST,
    id=UUID("00000000-0000-4000-8000-0000000000a2"),
    rank=2,
    cause_kind="database connections",
    statement="payments-db refuses connections",
    origin="precedent",
    confidence=0.41,
    low=0.3,
    high=0.52,
    factors=factors(0.5, 0.6, 0.3, 0.3, 0.35),
    supporting=("E3",),
    contradicting=("E8",),
    next_check="compare max_connections of payments-db with connections in use",
)
THIRD = replace(
    FIRST,
    id=UUID("00000000-0000-4000-8000-0000000000a3"),
    rank=3,
    service="catalog",
    entity="catalog",
    statement="The rollout of catalog v5.1.0",
    origin="model",
    confidence=0.22,
    low=0.14,
    high=0.3,
    factors=factors(0.05, 0.7, 0.1, 0.1, 0.2),
    supporting=("E6",),
    contradicting=("E8",),
    next_check="",
)
SOURCES = (
    SourceLine("github", "answered", 0.31, 4, ""),
    SourceLine("kubernetes", "answered", 0.62, 37, ""),
    SourceLine("prometheus", "answered", 0.44, 61, ""),
    SourceLine("pagerduty", "failed", 2.0, 0, "did not answer within 2 s"),
)

LIKELY = Briefing(
    tenant_id=TENANT,
    incident_id=INCIDENT,
    run_id=RUN,
    number=42,
    title="Checkout p95 latency above 1 s for 5 min",
    service="checkout",
    service_is_known=True,
    channel="checkout",
    status="triggered",
    severity="critical",
    priority="P1",
    urgency="high",
    assignees=("Ada Lovelace",),
    source="pagerduty",
    url="https://acme.pagerduty.com/incidents/Q1",
    labels=(("alertname", "CheckoutSlow"),),
    started_at=BEGAN,
    acknowledged_at=None,
    acknowledged_by="",
    resolved_at=None,
    resolved_by="",
    muted_until=None,
    run_sequence=1,
    asked_by="",
    stage="done",
    error="",
    sources=SOURCES,
    stages=(StageLine("gather", BEGAN, BEGAN + timedelta(seconds=2)),),
    evidence=(LATENCY, ERRORS, POOL, ROLLOUT, ROLLOUT_AGAIN, INNOCENT, WAITS, CALM),
    hypotheses=(FIRST, SECOND, THIRD),
    verdict="likely cause",
    explanation="payments is clear of the second by 0.33, and its change precedes the effect",
    missing=(),
    next_check="",
    weighed_light=("catalog v5.1.0 (tom): no indicator of catalog moved, and checkout's slow calls go to payments",),
    gaps=("loki: logs of checkout: not connected",),
    scoring_version="5",
    model_note="",
    model="claude-sonnet-5-5",
    dollars=0.0123,
    seconds=2.8,
    confirmed_words="",
    confirmed_by="",
    similar=(
        SimilarIncident(
            17,
            "Checkout slow",
            BEGAN - timedelta(days=24),
            0.83,
            "same service, same symptom",
            "payments pool too small",
            "rolled payments back",
        ),
        SimilarIncident(9, "Checkout errors", BEGAN - timedelta(days=80), 0.41, "same service", ""),
    ),
    timeline=(TimelineLine(BEGAN, "Paged: Checkout p95 latency above 1 s"),),
)
FRESH = replace(
    LIKELY, stage="open", sources=(), stages=(), evidence=(), hypotheses=(), verdict="", explanation="", weighed_light=(),
    gaps=(), scoring_version="", model="", dollars=0.0, seconds=0.0, similar=(),
)  # fmt: skip
WORKING = replace(
    FRESH,
    stage="gather",
    sources=(
        SourceLine("github", "answered", 0.31, 4, ""),
        SourceLine("kubernetes", "partial", 0.62, 37, "logs of 1 of 3 pods are gone"),
        SourceLine("pagerduty", "failed", 2.0, 0, "did not answer within 2 s"),
        SourceLine("prometheus", "asking", 0.0, 0, ""),
    ),
)
POSSIBLE = replace(
    LIKELY, verdict="possible causes", explanation="the first two are 0.04 apart",
    hypotheses=(replace(FIRST, low=0.38, high=0.55), replace(SECOND, low=0.33, high=0.52)),
)  # fmt: skip
INCONCLUSIVE = replace(
    LIKELY,
    verdict="inconclusive",
    explanation="no suspect moved before the symptom",
    hypotheses=(replace(SECOND, rank=1, low=0.18, high=0.36),),
    missing=("metrics of payments-db", "logs of checkout: not connected"),
    next_check="look at payments-db connections in the database console",
    weighed_light=(),
)
NO_FAULT = replace(
    LIKELY, verdict="no fault seen", explanation="p95 latency was within its usual range for the whole hour; the alert may have recovered",
    hypotheses=(), evidence=(CALM,), weighed_light=(), next_check="check the alert rule's threshold and window",
)  # fmt: skip
RULES_ONLY = replace(LIKELY, model_note="ANTHROPIC_API_KEY is not set", model="", dollars=0.0)
FAILED = replace(
    FRESH, stage="failed", error="gather was tried 8 times: OperationalError: the database went away", sources=SOURCES
)
ACKNOWLEDGED = replace(
    LIKELY, status="acknowledged", acknowledged_at=BEGAN + timedelta(minutes=2), acknowledged_by="Ada Lovelace"
)
JUDGED = replace(
    ACKNOWLEDGED,
    hypotheses=(
        replace(FIRST, verdicts=Verdicts(up=("ada", "bo"), down=("cy",), reasons=("wrong service: it was the cache",))),
        SECOND,
        replace(THIRD, verdicts=Verdicts(down=("ada",))),
    ),
)
CONFIRMED = replace(
    JUDGED,
    hypotheses=(replace(FIRST, is_confirmed=True, verdicts=Verdicts(up=("ada",))), SECOND, THIRD),
    confirmed_by="ada",
)
RESOLVED = replace(
    ACKNOWLEDGED, status="resolved", resolved_at=BEGAN + timedelta(minutes=29), resolved_by="Ada Lovelace"
)
RESOLVED_OTHERWISE = replace(RESOLVED, confirmed_words="The payment provider throttled us", confirmed_by="bo")
AGAIN = replace(
    LIKELY,
    run_sequence=2,
    ranked_sequence=2,
    asked_by="bo",
    since_last=("the same lead, now 0.65–0.82, was 0.41–0.60", "new: payments connection pool 100 % in use, was 41 %"),
)
LOOKING_AGAIN = replace(
    LIKELY, run_sequence=2, ranked_sequence=1, ranked_at=BEGAN, asked_by="bo", stage="gather", sources=WORKING.sources
)
FAILED_AGAIN = replace(LOOKING_AGAIN, stage="failed", error=FAILED.error, sources=SOURCES)
UNKNOWN_SERVICE = replace(
    INCONCLUSIVE, service="mystery-api", service_is_known=False, channel="", url="", source="alertmanager"
)
RELATED = tuple(
    RelatedLine(
        id=UUID(int=0x4000_8000_0000_0000_0000 + place),
        title=f"{name} fires",
        service=service,
        severity="warning",
        url="",
        rule=rule,
        started_at=BEGAN + timedelta(minutes=place),
        is_firing=is_firing,
        split_into=split,
        split_by="ada" if split else "",
    )
    for place, (name, service, rule, is_firing, split) in enumerate(
        (
            ("CheckoutErrors", "checkout", "same service, 1 min after its page", True, None),
            ("PoolExhausted", "payments", "checkout needs payments, 2 min after its page", False, None),
            ("MailQueue", "mail", "storm: 7 alerts within 2 min", True, 43),
        )
    )
)
ACCOMPANIED = replace(LIKELY, related=RELATED)
STORM = replace(
    LIKELY,
    related=tuple(
        replace(RELATED[0], id=UUID(int=0x4000_8000_0000_0000_1000 + n), service=f"service-{n % 9}", title=f"alert {n}")
        for n in range(194)
    ),
)
IMPACT = Impact("payments", ("checkout", "payments"), 3, 1, ("web",))
IMPACTED = replace(LIKELY, impact=IMPACT)
MUTED = replace(LIKELY, muted_until=BEGAN + timedelta(hours=1))

STATES: dict[str, Briefing] = {
    "fresh": FRESH,
    "working": WORKING,
    "likely": LIKELY,
    "possible": POSSIBLE,
    "inconclusive": INCONCLUSIVE,
    "no fault": NO_FAULT,
    "rules only": RULES_ONLY,
    "failed": FAILED,
    "acknowledged": ACKNOWLEDGED,
    "judged": JUDGED,
    "confirmed": CONFIRMED,
    "resolved": RESOLVED,
    "resolved otherwise": RESOLVED_OTHERWISE,
    "again": AGAIN,
    "looking again": LOOKING_AGAIN,
    "failed again": FAILED_AGAIN,
    "unknown service": UNKNOWN_SERVICE,
    "muted": MUTED,
    "accompanied": ACCOMPANIED,
    "storm": STORM,
    "impacted": IMPACTED,
}
