"""How long detection, candidates and ranking take over very many series, and how much memory, on one core."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from copilot.benchmarks.machine import machine
from scoring.candidates import candidates
from scoring.detect import detect
from scoring.evidence import RankInputs
from scoring.observations import Dependency, Entity, EntityKind, Series, Window
from scoring.rank import rank

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scoring.evidence import Ranking

PEERS = "BARO, N-Sigma and RCD on the recorded incidents: 0.02-0.22 s a case of some hundred series, without logs, states or a graph"
START, STEP, POD_SERIES = 1_700_000_000.0, 60.0, 20
# Indicator, unit, usual value, and whether it is an ever-growing count.
INDICATORS = (
    ("latency_p95", "seconds", 0.2, False),
    ("error_ratio", "ratio", 0.01, False),
    ("request_rate", "requests/s", 50.0, False),
    ("cpu_usage", "cores", 0.5, True),
    ("memory_usage", "bytes", 3e8, False),
)
SUBJECT = Entity(EntityKind.SERVICE, "service-0")


def measure(*, series: int, points: int, rounds: int) -> dict[str, Any]:
    """Measure in a process of its own, bound to one core.

    :raises RuntimeError: where that process failed; the text is what it said.
    """
    on = machine()
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", __name__, str(series), str(points), str(rounds)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the measuring process failed: {done.stderr.strip()[-500:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return {"machine": on, "peers": PEERS, **found}


def world(series: int, points: int) -> tuple[list[Series], list[Dependency], Window]:
    """Return series of many pods: noise and days, counters, gaps, spikes, and one in twenty that leaves its baseline."""
    random = np.random.default_rng(7)
    times = START + STEP * np.arange(points, dtype=np.float64)
    fault = points * 7 // 8
    found = []
    for number in range(series):
        indicator, unit, usual, counter = INDICATORS[number % len(INDICATORS)]
        service = f"service-{number // POD_SERIES}"
        pod = Entity(EntityKind.POD, f"{service}-{number % POD_SERIES // len(INDICATORS)}", "shop", service)
        values = usual * (1.0 + 0.05 * random.standard_normal(points) + 0.2 * np.sin(times / 86_400 * 2 * np.pi))
        if number % 20 == 3:
            values[fault:] *= 3.0
        if number % 20 == 7:
            values[random.integers(points)] *= 20.0
        if number % 20 == 11:
            values[random.random(points) < 0.1] = np.nan
        if counter:
            values = np.cumsum(np.nan_to_num(np.abs(values)) * STEP)
        found.append(Series(pod, indicator, unit, times.copy(), values, "prometheus", counter=counter, query="a query"))
    names = [f"service-{number}" for number in range(-(-series // POD_SERIES))]
    calls = [
        Dependency(Entity(EntityKind.SERVICE, names[(number - 1) // 3]), Entity(EntityKind.SERVICE, name))
        for number, name in enumerate(names)
        if number
    ]
    return found, calls, Window(START, START + STEP * points, START + STEP * (fault + 2))


def once(series: list[Series], calls: list[Dependency], window: Window) -> Ranking:
    """Detect, make candidates and rank, as a run does."""
    detection = detect([*series, *calls], window, subject=SUBJECT)
    made = candidates(detection, window=window, subject=SUBJECT)
    return rank(RankInputs(window, SUBJECT, detection.evidence, made, detection.dependencies, detection.gaps))


def figures(series: int, points: int, rounds: int) -> Iterator[tuple[str, Any]]:
    """Yield what was measured in this process, by name."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    small = world(100, points)
    # Warm: a worker has imported what it needs.
    once(*small)
    before = _peak()
    made = world(series, points)
    wall, processor = [], []
    for _ in range(rounds):
        began, used = time.perf_counter(), time.process_time()
        ranking = once(*made)
        wall.append(time.perf_counter() - began)
        processor.append(time.process_time() - used)
    yield "series", series
    yield "points", points
    yield "rounds", rounds
    yield "seconds", round(sorted(wall)[rounds // 2], 3)
    yield "slowest", round(max(wall), 3)
    yield "processor_seconds", round(sorted(processor)[rounds // 2], 3)
    yield "peak_mib", round(_peak(), 1)
    yield "before_mib", round(before, 1)
    yield "candidates", len(ranking.scores)


def _peak() -> float:
    """Return the most memory that this program ever held, in MiB.

    Not `ru_maxrss`: Linux keeps that over exec, so that it may be what the process held that started this one.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(float(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024


if __name__ == "__main__":
    sys.stdout.write(json.dumps(dict(figures(*map(int, sys.argv[1:4])))))
