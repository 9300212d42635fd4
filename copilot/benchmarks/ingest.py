"""How many signed webhooks one api process makes durable, and how long each waits, with the load on the same cores."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import psycopg

from copilot import embedded
from copilot.benchmarks import load
from copilot.benchmarks.installation import free_port, installation, serving
from copilot.benchmarks.machine import machine, resident, spread
from copilot.supervisor import answers

if TYPE_CHECKING:
    from copilot.benchmarks.installation import Installation

SECRET = "benchmark-webhook-secret"  # noqa: S105 - signs what this benchmark itself sends
PEERS = "a bare FastAPI endpoint with one psycopg insert: 2,000-2,300/s; Keep: 86/s, its backlog in memory"


def _connected(installed: Installation) -> str:
    """Make a tenant with a connected PagerDuty and return its webhook address."""
    return installed.run(
        "-c",
        "import django; django.setup()\n"
        "from copilot import connections\nfrom copilot.models import Tenant\n"
        "tenant = Tenant.objects.create(slug='benchmark')\n"
        f"opened = connections.connect(tenant.id, 'pagerduty', {{'webhook_secret': {SECRET!r}}}, actor='benchmark')\n"
        "print(opened.webhook_url)",
    ).split()[-1]


def measure(*, webhooks: int, connections: int, rounds: int, rate: float, seconds_at_rate: float) -> dict[str, Any]:
    """Return the figures: the best and median rate of some rounds, the spread at a steady rate, and the yardstick's rate."""
    figures: dict[str, Any] = {"machine": machine(), "peers": PEERS}
    port = free_port()
    with installation(COPILOT_PUBLIC_URL=f"http://127.0.0.1:{port}") as installed:
        url = _connected(installed)
        body = load.page(incident="PGR0VU2", service="PF9KMXH", title="A little bump in the road")
        ready = answers(f"http://127.0.0.1:{port}/health/ready")
        environment = {**installed.environment, "COPILOT_DATABASE_POOL": "8"}
        with serving("copilot.asgi:api", environment, port, ready) as pid:
            load.send(url, SECRET, body=body, count=500, connections=connections)
            outcomes = [
                load.send(url, SECRET, body=body, count=webhooks, connections=connections) for _ in range(rounds)
            ]
            steady = load.send(
                url, SECRET, body=body, count=int(rate * seconds_at_rate), connections=connections, rate=rate
            )
            figures["api_mib"] = round(resident([pid]), 1)
        sent = 500 + rounds * webhooks + len(steady.latencies)
        figures["statuses"] = dict(sum((one.statuses for one in (*outcomes, steady)), start=type(steady.statuses)()))
        figures["durable"] = _count(installed.servers, "copilot_delivery")
        figures["sent"] = sent
        figures["bare_per_second"] = round(_bare(installed.servers, body, webhooks=webhooks, connections=connections))
    rates = sorted(one.rate for one in outcomes)
    figures["per_second"] = [round(rate) for rate in rates]
    figures["median_per_second"] = round(rates[len(rates) // 2])
    at_rate = spread(steady.latencies)
    figures["steady"] = {
        "rate": rate,
        "p50_ms": round(at_rate.median * 1e3, 1),
        "p95_ms": round(at_rate.p95 * 1e3, 1),
        "p99_ms": round(at_rate.p99 * 1e3, 1),
        "max_ms": round(at_rate.largest * 1e3, 1),
    }
    return figures


def _count(servers: embedded.Servers, table: str) -> int:
    with psycopg.connect(embedded.as_role(servers.superuser_url, "postgres", "copilot")) as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - our own table's name  # type: ignore[arg-type]
    return int(row[0]) if row else 0


def _bare(servers: embedded.Servers, body: bytes, *, webhooks: int, connections: int) -> float:
    """Return the yardstick's rate on this machine, under the same load."""
    superuser = embedded.as_role(servers.superuser_url, "postgres", "copilot")
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute("CREATE TABLE bare (id bigserial PRIMARY KEY, body bytea, at timestamptz DEFAULT now())")
    port = free_port()

    def ready() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    with serving("copilot.benchmarks.bare:app", {"COPILOT_BARE_DATABASE_URL": superuser}, port, ready):
        url = f"http://127.0.0.1:{port}/"
        load.send(url, SECRET, body=body, count=500, connections=connections)
        return load.send(url, SECRET, body=body, count=webhooks, connections=connections).rate
