"""A small shop with six services, and the series of one incident: payments' pool shrinks, checkout pages, catalog is innocent."""

from __future__ import annotations

import numpy as np

from scoring.observations import (
    Change,
    ChangeKind,
    Dependency,
    Entity,
    EntityKind,
    Note,
    Observation,
    Series,
    Window,
    Worse,
)

NOW = 1_780_000_000.0
ALERT_AT = NOW - 120
ALERT_FOR = 300.0
# The alert had been pending for five minutes; checkout got slow a minute before, payments a minute before that.
SYMPTOM_AT = ALERT_AT - ALERT_FOR - 60
CAUSE_AT = SYMPTOM_AT - 60
ROLLOUT_AT = CAUSE_AT - 60
WINDOW = Window(start=ALERT_AT - 3600, end=NOW, alert_at=ALERT_AT, alert_for=ALERT_FOR)
NAMES = ("web", "catalog", "cart", "checkout", "payments", "orders")
CALLS = (
    ("web", "catalog"),
    ("web", "cart"),
    ("web", "checkout"),
    ("checkout", "payments"),
    ("checkout", "cart"),
    ("checkout", "orders"),
)


def service(name: str) -> Entity:
    return Entity(EntityKind.SERVICE, name, "shop")


def series(
    name: str,
    indicator: str,
    unit: str,
    usual: float,
    *,
    then: float | None = None,
    since: float = 0.0,
    noise: float = 0.05,
    seed: int = 0,
    worse: Worse = Worse.HIGH,
    limit: float | None = None,
    peer: str | None = None,
    until: float = np.inf,
    step: float = 60.0,
) -> Series:
    """Make a minute-by-minute series around `usual`, around `then` from `since` on."""
    times = np.arange(WINDOW.start, WINDOW.end + 1, step)
    around = np.random.default_rng([seed, *f"{name}{indicator}{peer or ''}".encode()])
    values = np.full(times.shape, usual)
    if then is not None:
        values[(times >= since) & (times < until)] = then
    values = np.abs(values * (1 + noise * around.standard_normal(times.shape)))
    if unit == "ratio":
        values = np.minimum(values, 1.0)
    return Series(
        entity=service(name),
        indicator=indicator,
        unit=unit,
        times=times,
        values=values,
        source="prometheus",
        worse=worse,
        limit=limit,
        query=f'{indicator}{{service="{name}"}}',
        peer=None if peer is None else service(peer),
    )


def usual(name: str, *, seed: int = 0) -> list[Observation]:
    """Make the golden signals of a service on a quiet day."""
    return [
        series(name, "latency_p95", "seconds", 0.12, seed=seed),
        series(name, "latency_p50", "seconds", 0.03, seed=seed),
        series(name, "error_ratio", "ratio", 0.002, noise=0.3, seed=seed),
        series(name, "request_rate", "requests/s", 40.0, worse=Worse.EITHER, seed=seed),
        series(name, "cpu_utilisation", "ratio", 0.3, noise=0.08, seed=seed),
        series(name, "memory_utilisation", "ratio", 0.5, noise=0.01, seed=seed),
    ]


def calls() -> list[Observation]:
    return [Dependency(service(caller), service(callee), "kubernetes") for caller, callee in CALLS]


def deploy(name: str, version: str, at: float, *, previous: str = "", source: str = "deploys") -> Change:
    return Change(
        entity=service(name),
        kind=ChangeKind.DEPLOYMENT,
        at=at,
        title=f"{name} {version}",
        source=source,
        author="dana",
        version=version,
        previous_version=previous,
        key=f"{name}@{version}",
    )


def alert(text: str = "checkout p95 latency above 1 s", name: str = "checkout") -> Note:
    return Note(service(name), text, ALERT_AT, "pagerduty")


def quiet_day(*, seed: int = 0) -> list[Observation]:
    made: list[Observation] = [alert(), *calls()]
    for name in NAMES:
        made += usual(name, seed=seed)
    return made


def incident(*, seed: int = 0, changes: bool = True) -> list[Observation]:
    """Make the demo's incident: a rollout of payments shrinks its connection pool."""
    moved = {
        ("payments", "latency_p95"),
        ("payments", "latency_p50"),
        ("checkout", "latency_p95"),
        ("checkout", "latency_p50"),
        ("checkout", "error_ratio"),
        ("web", "latency_p95"),
    }
    made = [
        one
        for one in quiet_day(seed=seed)
        if not (isinstance(one, Series) and (one.entity.name, one.indicator) in moved)
    ]
    made += [
        series(
            "payments", "pool_utilisation", "ratio", 0.46, then=1.0, since=CAUSE_AT, noise=0.03, limit=1.0, seed=seed
        ),
        series("payments", "connection_wait", "seconds", 0.002, then=0.6, since=CAUSE_AT, seed=seed),
        series("payments", "latency_p95", "seconds", 0.09, then=0.95, since=CAUSE_AT, seed=seed),
        series("payments", "latency_p50", "seconds", 0.03, then=0.4, since=CAUSE_AT, seed=seed),
        series("checkout", "latency_p95", "seconds", 0.18, then=2.4, since=SYMPTOM_AT, seed=seed),
        series("checkout", "latency_p50", "seconds", 0.06, then=0.9, since=SYMPTOM_AT, seed=seed),
        series("checkout", "error_ratio", "ratio", 0.002, then=0.12, since=SYMPTOM_AT + 60, noise=0.2, seed=seed),
        series("web", "latency_p95", "seconds", 0.25, then=1.6, since=SYMPTOM_AT + 60, seed=seed),
    ]
    if changes:
        made += [
            deploy("payments", "v2.14.0", ROLLOUT_AT, previous="v2.13.2"),
            deploy("payments", "v2.14.0", ROLLOUT_AT + 15, previous="v2.13.2", source="kubernetes"),
            deploy("catalog", "v2.3.1", ROLLOUT_AT + 10, previous="v2.3.0"),
        ]
    return made
