"""Strategies that make observations, evidence and inputs of a ranking, sensible and senseless, and short-cuts to run them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from scoring.candidates import candidates
from scoring.detect import detect
from scoring.evidence import (
    Acceptance,
    Candidate,
    CauseKind,
    Direction,
    Evidence,
    EvidenceKind,
    Origin,
    Precedent,
    RankInputs,
)
from scoring.indicators import INDICATORS
from scoring.observations import (
    Change,
    ChangeKind,
    Dependency,
    Entity,
    EntityKind,
    Gap,
    LogPattern,
    Note,
    Observation,
    Series,
    State,
    Window,
    Worse,
)
from scoring.rank import rank

from . import shop

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scoring.evidence import Factor, Ranking, Score

NAMES = ("web", "checkout", "payments", "orders", "db", "node-1")
SOURCES = ("prometheus", "kubernetes", "deploys", "github", "")

# Shared machines stall: time says nothing about whether a property holds.
thorough = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])

words = st.text(max_size=12)
shares = st.floats(0, 1)
moments = st.floats(shop.WINDOW.start - 7200, shop.WINDOW.end + 600)
# Numbers as broken sources give them.
any_floats = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True), st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 1e308])
)
# Drawn whole: a ranking holds many, and drawing each part of each is slow.
entities = st.sampled_from(
    [
        Entity(kind, name, namespace, owner)
        for kind in (EntityKind.SERVICE, EntityKind.POD, EntityKind.NODE, EntityKind.DATABASE, EntityKind.EXTERNAL)
        for name in NAMES
        for namespace in ("", "shop")
        for owner in ("", "payments", "web")
    ]
)
dependencies = st.builds(Dependency, caller=entities, callee=entities, source=st.sampled_from(SOURCES))
gaps = st.builds(Gap, source=st.sampled_from(SOURCES), question=words, reason=words)
precedents = st.builds(
    Precedent,
    service=st.sampled_from(NAMES),
    cause_kind=st.sampled_from(CauseKind),
    similarity=shares,
    age_days=st.floats(0, 1000),
    confirmed=st.booleans(),
    reference=words,
)
acceptances = st.builds(
    Acceptance,
    service=st.sampled_from(["", *NAMES]),
    cause_kind=st.one_of(st.none(), st.sampled_from(CauseKind)),
    accepted=st.integers(0, 50),
    rejected=st.integers(0, 50),
)


@st.composite
def evidence(draw: st.DrawFn) -> tuple[Evidence, ...]:
    """Draw some items of evidence with ids E1, E2 …"""
    made = []
    for number in range(1, draw(st.integers(0, 10)) + 1):
        kind = draw(st.sampled_from(EvidenceKind))
        change = kind is EvidenceKind.CHANGE
        made.append(
            Evidence(
                id=f"E{number}",
                kind=kind,
                entity=draw(entities),
                indicator=draw(st.sampled_from([*INDICATORS, "steady", "made_up", "OOMKilled"])),
                statement=draw(words),
                severity=draw(shares),
                direction=Direction.CONTEXT if change else draw(st.sampled_from(Direction)),
                source=draw(st.sampled_from(SOURCES)),
                onset=draw(moments) if change else draw(st.one_of(st.none(), moments)),
                is_symptom=not change and draw(st.booleans()),
                freshness=draw(st.floats(0, 4000)),
                cause_kinds=tuple(
                    draw(st.lists(st.sampled_from(CauseKind), min_size=int(change), max_size=2, unique=True))
                ),
                change_key=draw(st.sampled_from(["", "a", "b"])) if change else "",
                until=draw(st.one_of(st.none(), moments)),
            )
        )
    return tuple(made)


@st.composite
def inputs(draw: st.DrawFn) -> RankInputs:
    """Draw all that a ranking depends on."""
    items = draw(evidence())
    ids = [item.id for item in items]
    cited = st.lists(st.sampled_from(ids), max_size=5, unique=True).map(tuple) if ids else st.just(())
    proposed = st.builds(
        Candidate,
        entity=entities,
        cause_kind=st.sampled_from(CauseKind),
        statement=words,
        supporting=cited,
        contradicting=cited,
        origin=st.sampled_from(Origin),
        next_check=words,
    )
    return RankInputs(
        window=shop.WINDOW,
        subject=draw(entities),
        evidence=items,
        candidates=tuple(draw(st.lists(proposed, max_size=6))),
        dependencies=tuple(draw(st.lists(dependencies, max_size=8))),
        gaps=tuple(draw(st.lists(gaps, max_size=3))),
        precedents=tuple(draw(st.lists(precedents, max_size=4))),
        acceptances=tuple(draw(st.lists(acceptances, max_size=4))),
        sources_asked=tuple(draw(st.lists(st.sampled_from(SOURCES), max_size=3))),
        looked_at=draw(st.integers(0, 2000)),
    )


def _array(items: list[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array(items, dtype=np.float64)


broken_series = st.builds(
    Series,
    entity=entities,
    indicator=st.sampled_from([*INDICATORS, "", "made_up"]),
    unit=st.sampled_from(["seconds", "ratio", "bytes", "count", "", "parsecs"]),
    times=st.lists(st.one_of(moments, any_floats), max_size=20).map(_array),
    values=st.lists(any_floats, max_size=20).map(_array),
    source=st.sampled_from(SOURCES),
    worse=st.sampled_from(Worse),
    counter=st.booleans(),
    limit=st.one_of(st.none(), any_floats),
    peer=st.one_of(st.none(), entities),
)
broken_observations: st.SearchStrategy[Observation] = st.one_of(
    broken_series,
    st.builds(
        State,
        entity=entities,
        condition=st.one_of(words, st.sampled_from(["OOMKilled", "BackOff", "FailedScheduling", "Completed"])),
        source=st.sampled_from(SOURCES),
        at=st.one_of(st.none(), any_floats),
        detail=words,
        count=st.integers(-3, 10**9),
        active=st.booleans(),
        attributes=st.dictionaries(
            st.sampled_from(["node", "type", "alert", "indicator"]),
            st.sampled_from(["", "node-1", "Normal", "yes", "latency_p95", "memory_usage"]),
        ),
    ),
    st.builds(
        LogPattern,
        entity=entities,
        template=words,
        count_before=st.integers(-5, 10**9),
        count_during=st.integers(-5, 10**9),
        source=st.sampled_from(SOURCES),
        seconds_before=any_floats,
        seconds_during=any_floats,
        first_seen=st.one_of(st.none(), any_floats),
        last_seen=st.one_of(st.none(), any_floats),
    ),
    st.builds(
        Change,
        entity=entities,
        kind=st.sampled_from(ChangeKind),
        at=st.one_of(moments, any_floats),
        title=words,
        source=st.sampled_from(SOURCES),
        version=words,
        key=words,
        status=words,
        detail=words,
        files=st.lists(words, max_size=2).map(tuple),
        diff=st.one_of(words, st.sampled_from(["-max_size = 50\n+max_size = 5", "-lock()", "+++ b/README.md\n+words"])),
    ),
    st.builds(Note, entity=entities, text=words, at=any_floats, source=st.sampled_from(SOURCES)),
    dependencies,
    gaps,
)


def inputs_of(
    observations: Iterable[Observation],
    *,
    subject: Entity | None = None,
    window: Window = shop.WINDOW,
    history: tuple[Precedent, ...] = (),
    judged: tuple[Acceptance, ...] = (),
    asked: tuple[str, ...] = ("deploys", "kubernetes", "prometheus"),
) -> RankInputs:
    """Run detection and candidates, as a live run does."""
    subject = shop.service("checkout") if subject is None else subject
    detection = detect(observations, window, subject=subject)
    return RankInputs(
        window=window,
        subject=subject,
        evidence=detection.evidence,
        candidates=candidates(detection, window=window, subject=subject, precedents=history),
        dependencies=detection.dependencies,
        gaps=detection.gaps,
        precedents=history,
        acceptances=judged,
        sources_asked=asked,
        looked_at=detection.looked_at,
    )


def ranked(observations: Iterable[Observation], **further: object) -> Ranking:
    return rank(inputs_of(observations, **further))  # type: ignore[arg-type]


def factor(score: Score, name: str) -> Factor:
    return next(one for one in score.factors if one.name == name)


def at_service(ranking: Ranking, name: str) -> Score:
    """Return the best score of a service."""
    return next(score for score in ranking.scores if score.candidate.entity.service == name)
