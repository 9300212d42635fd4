"""The shop's metrics as Prometheus would have scraped them, named by common practice."""

from __future__ import annotations

import math
import random
import zlib
from statistics import NormalDist
from typing import TYPE_CHECKING

from tests.e2e.shop import (
    CATALOG_ROLLOUT,
    END,
    NAMESPACE,
    NODES,
    PAYMENTS_ROLLOUT,
    POOL,
    SERVICES,
    SHARES,
    START,
    SWITCHED,
    severity,
)
from tests.servers.prometheus import Past

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

SCRAPE = 15
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
TIMES = [float(at) for at in range(int(START), int(END) + 1, SCRAPE)]
OLD_PODS = {
    "payments": ("payments-6c9f7d5b8-4xkzq", "payments-6c9f7d5b8-t2n9w"),
    "catalog": ("catalog-7d8b9c6f5-8lmvc", "catalog-7d8b9c6f5-zq4hd"),
}
ROLLOUTS = {"payments": PAYMENTS_ROLLOUT, "catalog": CATALOG_ROLLOUT}


def noise(*words: object) -> Callable[[], float]:
    """A source of small noise of its own for each series, the same in every run."""
    source = random.Random(zlib.crc32(repr(words).encode()))
    return lambda: source.gauss(0.0, 1.0)


def shop(pods: Mapping[str, tuple[str, ...]]) -> Past:
    """All series; `pods` are the names that the cluster gave."""
    past = Past()
    for name in SERVICES:
        for number, pod in enumerate(pods[name]):
            rollout = ROLLOUTS.get(name)
            times = [at for at in TIMES if rollout is None or at >= rollout + 15]
            _pod(past, name, pod, times)
            if rollout is not None:
                _pod(past, name, OLD_PODS[name][number], [at for at in TIMES if at <= rollout - 15])
        past.add(
            "kube_deployment_status_replicas_unavailable",
            {"namespace": NAMESPACE, "deployment": name},
            [(at, 1.0 if name in ROLLOUTS and 0 <= at - ROLLOUTS[name] < 20 else 0.0) for at in TIMES],
        )
    for number, node in enumerate(NODES):
        _node(past, node, number)
    return past


def _pod(past: Past, name: str, pod: str, times: list[float]) -> None:
    traffic = SERVICES[name]
    place = f"10.42.{zlib.crc32(pod.encode()) % 3}.{zlib.crc32(pod.encode()) % 250 + 2}:8080"
    labels = {"namespace": NAMESPACE, "service": name, "job": name, "pod": pod, "instance": place}
    wobble = noise("rate", pod)
    rates = {at: traffic.rate / traffic.replicas * _day(at) * (1 + 0.03 * wobble()) for at in times}
    past.add("up", labels, [(at, 1.0) for at in times])
    wobble = noise("latency", pod)

    def quantiles(at: float) -> tuple[float, float]:
        bad, jitter = severity(at, traffic.feels), math.exp(0.05 * wobble())
        p50 = _between(traffic.p50, traffic.worst_p50, bad) * jitter
        return p50, max(p50 * 1.05, _between(traffic.p95, traffic.worst_p95, bad) * jitter)

    _histogram(
        past,
        "http_request_duration_seconds",
        {**labels, "method": "POST" if name == "payments" else "GET"},
        rates,
        quantiles,
    )
    wobble = noise("errors", pod)
    shares = {
        at: max(
            0.0,
            _between(traffic.errors, traffic.worst_errors, severity(at, traffic.feels + 30)) * (1 + 0.15 * wobble()),
        )
        for at in times
    }
    past.counter("http_requests_total", {**labels, "code": "200"}, [(at, rates[at] * (1 - shares[at])) for at in times])
    code = "504" if name in {"web", "checkout"} else "503"
    past.counter("http_requests_total", {**labels, "code": code}, [(at, rates[at] * shares[at]) for at in times])
    for callee in traffic.calls:
        _client(past, name, callee, pod, labels, rates)
    if name in POOL:
        _pool(past, name, pod, labels, times)
    _container(past, name, pod, rates)


def _client(
    past: Past, name: str, callee: str, pod: str, labels: Mapping[str, str], rates: Mapping[float, float]
) -> None:
    """What a caller measures of a callee: a little more than the callee itself."""
    other, wobble = SERVICES[callee], noise("client", pod, callee)

    def quantiles(at: float) -> tuple[float, float]:
        bad, jitter = severity(at, other.feels), math.exp(0.05 * wobble())
        p50 = (_between(other.p50, other.worst_p50, bad) + 0.002) * jitter
        return p50, max(p50 * 1.05, (_between(other.p95, other.worst_p95, bad) + 0.004) * jitter)

    share = SHARES[name, callee]
    where = {**labels, "server_address": f"{callee}.{NAMESPACE}.svc", "server_port": "8080"}
    _histogram(
        past, "http_client_request_duration_seconds", where, {at: rate * share for at, rate in rates.items()}, quantiles
    )


def _pool(past: Past, name: str, pod: str, labels: Mapping[str, str], times: Iterable[float]) -> None:
    """HikariCP: the pool of payments shrinks with the rollout, the demand stays."""
    before, after = POOL[name]
    pool, wobble = {**labels, "pool": "HikariPool-1"}, noise("pool", pod)
    size = before if pod in OLD_PODS.get(name, ()) else after
    active, pending, wait, rate = [], [], [], []
    for at in times:
        bad = severity(at, SWITCHED) if after < before else 0.0
        demand = 7.2 * _day(at) + 0.9 * wobble()
        used = min(float(size), max(1.0, demand))
        active.append((at, float(round(used))))
        pending.append((at, float(max(0, round(bad * (29 + 5 * wobble()))))))
        wait.append((at, (0.0021 + 1.42 * bad) * math.exp(0.06 * wobble())))
        rate.append((at, SERVICES[name].rate / 2 * (1 - 0.1 * bad)))
    past.add("hikaricp_connections_active", pool, active)
    past.add("hikaricp_connections_idle", pool, [(at, size - used) for at, used in active])
    past.add("hikaricp_connections_max", pool, [(at, float(size)) for at in times])
    past.add("hikaricp_connections_pending", pool, pending)
    past.counter("hikaricp_connections_acquire_seconds_count", pool, rate)
    past.counter(
        "hikaricp_connections_acquire_seconds_sum",
        pool,
        [(at, speed * wait[place][1]) for place, (at, speed) in enumerate(rate)],
    )


def _container(past: Past, name: str, pod: str, rates: Mapping[float, float]) -> None:
    """cAdvisor and kube-state-metrics."""
    own = {"namespace": NAMESPACE, "pod": pod, "container": name}
    wobble = noise("container", pod)
    busy = {"web": 0.0042, "catalog": 0.0031, "cart": 0.003, "checkout": 0.011, "payments": 0.013, "orders": 0.009}[
        name
    ]
    past.counter(
        "container_cpu_usage_seconds_total",
        own,
        [(at, rate * busy * (1 + 0.05 * wobble())) for at, rate in rates.items()],
    )
    past.add("container_memory_working_set_bytes", own, [(at, 380e6 * (1 + 0.01 * wobble())) for at in rates])
    past.counter(
        "container_network_receive_bytes_total",
        {"namespace": NAMESPACE, "pod": pod, "interface": "eth0"},
        [(at, rate * 2100 * (1 + 0.02 * wobble())) for at, rate in rates.items()],
    )
    past.counter(
        "container_network_transmit_bytes_total",
        {"namespace": NAMESPACE, "pod": pod, "interface": "eth0"},
        [(at, rate * 5400 * (1 + 0.02 * wobble())) for at, rate in rates.items()],
    )
    past.counter("container_cpu_cfs_periods_total", own, [(at, 10.0) for at in rates])
    past.counter("container_cpu_cfs_throttled_periods_total", own, [(at, abs(0.05 * wobble())) for at in rates])
    past.add(
        "kube_pod_container_resource_limits", {**own, "resource": "cpu", "unit": "core"}, [(at, 1.0) for at in rates]
    )
    past.add(
        "kube_pod_container_resource_limits",
        {**own, "resource": "memory", "unit": "byte"},
        [(at, 768e6) for at in rates],
    )
    past.add("kube_pod_container_status_restarts_total", own, [(at, 0.0) for at in rates])
    past.add(
        "kube_pod_status_phase", {"namespace": NAMESPACE, "pod": pod, "phase": "Running"}, [(at, 1.0) for at in rates]
    )
    past.add(
        "kube_pod_status_ready", {"namespace": NAMESPACE, "pod": pod, "condition": "true"}, [(at, 1.0) for at in rates]
    )


def _node(past: Past, node: str, number: int) -> None:
    wobble, labels = noise("node", node), {"instance": f"10.0.1.{number + 11}:9100"}
    past.add("node_uname_info", {**labels, "nodename": node}, [(at, 1.0) for at in TIMES])
    past.counter(
        "node_cpu_seconds_total",
        {**labels, "cpu": "0", "mode": "idle"},
        [(at, 0.68 + 0.015 * wobble()) for at in TIMES],
    )
    past.add("node_memory_MemAvailable_bytes", labels, [(at, 9.1e9 * (1 + 0.01 * wobble())) for at in TIMES])
    past.add("node_memory_MemTotal_bytes", labels, [(at, 16.8e9) for at in TIMES])
    past.add(
        "kube_node_status_condition",
        {"node": node, "condition": "Ready", "status": "true"},
        [(at, 1.0) for at in TIMES],
    )


def _histogram(
    past: Past,
    name: str,
    labels: Mapping[str, str],
    rates: Mapping[float, float],
    quantiles: Callable[[float], tuple[float, float]],
) -> None:
    """A histogram of log-normal durations with this median and p95 at each time."""
    shares: dict[float, list[tuple[float, float]]] = {edge: [] for edge in BOUNDS}
    sums = []
    for at, rate in rates.items():
        p50, p95 = quantiles(at)
        spread = max(0.05, math.log(p95 / p50) / 1.6449)
        durations = NormalDist(math.log(p50), spread)
        for edge in BOUNDS:
            shares[edge].append((at, rate * durations.cdf(math.log(edge))))
        sums.append((at, rate * p50 * math.exp(spread * spread / 2)))
    for edge, rows in shares.items():
        past.counter(f"{name}_bucket", {**labels, "le": f"{edge:g}"}, rows)
    past.counter(f"{name}_bucket", {**labels, "le": "+Inf"}, list(rates.items()))
    past.counter(f"{name}_count", labels, list(rates.items()))
    past.counter(f"{name}_sum", labels, sums)


def _between(normal: float, worst: float, bad: float) -> float:
    return normal * (worst / normal) ** bad if worst else normal


def _day(at: float) -> float:
    """The slow swing of an afternoon."""
    return 1.0 + 0.04 * math.sin((at - START) / 2400)
