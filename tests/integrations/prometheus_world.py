"""A shop's past as Prometheus scraped it: `payments` runs out of connections ten minutes before the alert."""

from __future__ import annotations

from integrations.base import Scope, ServiceScope
from scoring.observations import Window
from tests.servers.prometheus import Past

SCRAPE = 15
START = 1_780_000_200.0  # divisible by 15 and 30
ALERT = START + 3600
END = ALERT + 300
ONSET = ALERT - 600
WINDOW = Window(start=START, end=END, alert_at=ALERT, alert_for=120)
SERVICES = ("checkout", "payments", "catalog", "cart", "shipping", "frontend")
BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


def pod(name: str) -> str:
    return f"{name}-7f65d78dcf-xv6cx"


def scope(*names: str, selector: str = "") -> Scope:
    services = [ServiceScope(name=name, namespace="shop", workload=name, selector=selector) for name in names]
    return Scope(service=services[0], neighbours=tuple(services[1:]))


def times() -> list[float]:
    return [float(at) for at in range(int(START) - 600, int(END) + SCRAPE, SCRAPE)]


def since_onset(quiet: float, loud: float) -> list[tuple[float, float]]:
    return [(at, loud if at >= ONSET else quiet) for at in times()]


def shop() -> Past:
    """Return six services with HTTP, container, pool and node metrics; each names itself in another way."""
    past = Past()
    naming = {
        "checkout": {"job": "checkout"},
        "payments": {"namespace": "shop", "pod": pod("payments"), "instance": "10.0.0.2:8080"},
        "catalog": {"namespace": "shop", "service": "catalog"},
        "cart": {"job": "shop/cart"},
        "shipping": {"service_name": "shipping"},
        "frontend": {"namespace": "shop", "app": "frontend"},
    }
    slow = {"checkout": (0.08, 2.0), "payments": (0.04, 1.8), "frontend": (0.09, 2.2)}
    for name, labels in naming.items():
        quiet, loud = slow.get(name, (0.03, 0.03))
        past.histogram(
            "http_request_duration_seconds",
            {**labels, "code": "200"},
            [(at, 20.0) for at in times()],
            seconds=dict(since_onset(quiet, loud)),
            bounds=BOUNDS,
        )
        past.counter("http_requests_total", {**labels, "code": "200"}, [(at, 20.0) for at in times()])
        containers(past, name)
    past.counter("http_requests_total", {**naming["checkout"], "code": "503"}, since_onset(0.0, 5.0))
    own = naming["payments"]
    past.add("hikaricp_connections_active", {**own, "pool": "main"}, since_onset(4.0, 5.0))
    past.add("hikaricp_connections_max", {**own, "pool": "main"}, since_onset(20.0, 5.0))
    past.add("hikaricp_connections_pending", {**own, "pool": "main"}, since_onset(0.0, 14.0))
    past.counter(
        "http_client_request_duration_seconds_count",
        {"job": "checkout", "server_address": "payments.shop.svc"},
        [(at, 10.0) for at in times()],
    )
    for edge in (*BOUNDS, float("inf")):
        word = "+Inf" if edge == float("inf") else f"{edge:g}"
        rates = [(at, 10.0 if edge >= (1.8 if at >= ONSET else 0.04) else 0.0) for at in times()]
        labels = {"job": "checkout", "server_address": "payments.shop.svc", "le": word}
        past.counter("http_client_request_duration_seconds_bucket", labels, rates)
    nodes(past)
    return past


def containers(past: Past, name: str) -> None:
    labels = {"namespace": "shop", "pod": pod(name), "container": "app"}
    past.counter("container_cpu_usage_seconds_total", labels, [(at, 0.25) for at in times()])
    past.counter("container_cpu_usage_seconds_total", {**labels, "container": ""}, [(at, 0.25) for at in times()])
    past.add("container_memory_working_set_bytes", labels, [(at, 400e6) for at in times()])
    past.add("kube_pod_container_resource_limits", {**labels, "resource": "memory"}, [(at, 800e6) for at in times()])
    past.add("kube_pod_container_resource_limits", {**labels, "resource": "cpu"}, [(at, 0.5) for at in times()])
    past.add("kube_pod_container_status_restarts_total", labels, since_onset(0.0, 2.0 if name == "payments" else 0.0))
    past.add(
        "kube_deployment_status_replicas_unavailable",
        {"namespace": "shop", "deployment": name},
        since_onset(0.0, 1.0 if name == "payments" else 0.0),
    )


def nodes(past: Past) -> None:
    for number in (1, 2):
        labels = {"instance": f"10.1.0.{number}:9100"}
        past.add("node_uname_info", {**labels, "nodename": f"worker-{number}"}, [(at, 1.0) for at in times()])
        past.counter("node_cpu_seconds_total", {**labels, "mode": "idle", "cpu": "0"}, [(at, 0.75) for at in times()])
        past.add("node_memory_MemAvailable_bytes", labels, [(at, 2e9 * number) for at in times()])
        past.add("node_memory_MemTotal_bytes", labels, [(at, 8e9) for at in times()])
        past.add(
            "kube_node_status_condition",
            {"node": f"worker-{number}", "condition": "Ready", "status": "true"},
            [(at, 1.0) for at in times()],
        )
