"""Show a process's metrics to Prometheus, on a port of their own.

A worker's numbers are made in its pool's processes, and added up by files that all of them write; how much work waits is asked of
the database when Prometheus asks, by beat alone, as every worker would know another answer.
"""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import GaugeMetricFamily
    from prometheus_client.registry import CollectorRegistry

FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def share_between_processes() -> None:
    """Let this process and those it forks write their numbers to one folder; call before prometheus_client is imported."""
    if not os.environ.get(FOLDER):
        os.environ[FOLDER] = tempfile.mkdtemp(prefix="copilot-metrics-")


def forget_process(pid: int) -> None:
    """Drop the gauges of a process of the pool that has ended; its counters stay, or they would fall."""
    if os.environ.get(FOLDER):
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]


def serve(port: int, *, backlog: bool = False) -> None:
    """Answer on a port in a thread of this process, with how much work waits where that is wanted.

    :raises OSError: where the port is taken.
    """
    from prometheus_client import REGISTRY, start_http_server
    from prometheus_client.registry import CollectorRegistry

    registry: CollectorRegistry = REGISTRY
    if os.environ.get(FOLDER):
        from prometheus_client.multiprocess import MultiProcessCollector

        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    if backlog:
        registry.register(Backlog())
    start_http_server(port, registry=registry)


class Backlog:
    """Ask the database how much waits, each time that Prometheus asks."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield nothing where the database does not answer: an absent number is alarmed about, a wrong one is believed."""
        from django.db import Error, connection
        from prometheus_client.core import GaugeMetricFamily

        from copilot import observe
        from copilot.backlog import waiting

        try:
            found = waiting()
        except Error as error:
            observe.logger(__name__).warning("the backlog cannot be asked for", error=type(error).__name__)
            return
        finally:
            connection.close()
        yield GaugeMetricFamily(
            "copilot_queue_age_seconds", "Age of the oldest delivery or run that nobody works on.", found.age_seconds
        )
        yield GaugeMetricFamily("copilot_runs_late", "Unfinished runs older than the limit.", found.late_runs)
        yield GaugeMetricFamily("copilot_runs_unfinished", "Runs that have not ended.", found.unfinished_runs)

    def describe(self) -> list[GaugeMetricFamily]:
        """Return nothing: registering must not ask the database."""
        return []
