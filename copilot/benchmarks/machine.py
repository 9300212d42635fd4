"""What a measurement was taken on, and how samples are summed up."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Sequence


def machine() -> str:
    """Return the machine in one line: processor, cores, memory, system, Python, and how busy it was already."""
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{model}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, load before {os.getloadavg()[0]:.2f}"
    )


@dataclass(frozen=True, slots=True)
class Spread:
    """Hold the median, the 95th and 99th percentile and the largest of some samples (nearest rank)."""

    count: int
    median: float
    p95: float
    p99: float
    largest: float


def spread(samples: Sequence[float]) -> Spread:
    """Return how samples are spread.

    :raises ValueError: where there are none.
    """
    if not samples:
        raise ValueError("there are no samples")
    ordered = sorted(samples)

    def at(share: float) -> float:
        return ordered[min(len(ordered) - 1, round(share * len(ordered) + 0.5) - 1)]

    return Spread(len(ordered), at(0.5), at(0.95), at(0.99), ordered[-1])


def resident(pids: Sequence[int]) -> float:
    """Return the proportional set size of processes and their children, in MiB: shared pages count once."""
    total = 0
    for pid in pids:
        try:
            root = psutil.Process(pid)
            for process in (root, *root.children(recursive=True)):
                total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total / 2**20


def processor_seconds(pids: Sequence[int]) -> float:
    """Return the processor time that processes and their children have used so far."""
    total = 0.0
    for pid in pids:
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            times = process.cpu_times()
            total += times.user + times.system
    return total
