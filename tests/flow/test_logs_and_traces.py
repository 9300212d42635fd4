"""A page on checkout: what log and trace stores say, over HTTP and through the real stages, becomes a hypothesis that cites it."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from copilot import connections, flow
from copilot.guard.tenancy import tenant_scope
from copilot.models import EvidenceRecord, Hypothesis, Service, ServiceDependency, SourceCall, Stage
from integrations.base import Action
from tests.flow.test_correlate import START, event, happen
from tests.integrations import test_elasticsearch, test_jaeger, test_loki, test_tempo
from tests.integrations.traces_world import Shop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from copilot.models import Tenant
    from tests.integrations.door import Answer

    World = Callable[[str, str, Mapping[str, str], bytes], Answer]

pytestmark = pytest.mark.usefixtures("hints")

ALERT = START.timestamp()
SHOP = Shop(every=6.0, begin=ALERT - 7200, broken_since=ALERT - 240)
EXHAUSTED = "ERROR connection pool exhausted after 30001 ms, password=hunter2horse order {number}"
# A warning that comes all the time, and an error that came with the incident.
LOGS = [
    *((ALERT - 3600 + 90 * number, f"WARN retrying charge {number}") for number in range(50)),
    *((ALERT - 230 + 10 * number, EXHAUSTED.format(number=number)) for number in range(40)),
]


@contextmanager
def serving(worlds: Mapping[str, World]) -> Iterator[str]:
    """Serve each world under a path of its own, on a thread of this process."""

    class Source(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            name, _, path = self.path.removeprefix("/").partition("/")
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, _, answer = worlds[name](self.command, f"http://{name}/{path}", dict(self.headers), body)
            sent = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Source)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def loki() -> World:
    streams = [{"namespace": "shop", "app": name} for name in ("checkout", "payments")]
    return test_loki.World(streams=streams, logs={'{namespace="shop",app="payments"}': LOGS})


def elasticsearch() -> World:
    documents = [
        (at, {"message": line.partition(" ")[2], "log": {"level": line.partition(" ")[0]}}) for at, line in LOGS
    ]
    of_payments, of_others = test_elasticsearch.World(documents), test_elasticsearch.World()
    return lambda method, url, headers, body: (of_payments if b'["payments"]' in body else of_others)(
        method, url, headers, body
    )


def jaeger() -> World:
    return test_jaeger.world(SHOP)


def tempo() -> World:
    return test_tempo.World(SHOP)


@pytest.fixture
def shop(tenant: Tenant, checkout: Service) -> None:
    with tenant_scope(tenant.id):
        payments = Service.objects.create(name="payments", namespace="shop", workload="payments")
        ServiceDependency.objects.create(caller=checkout, callee=payments)


@pytest.mark.parametrize(
    ("logs", "traces", "template"),
    [
        ("loki", "jaeger", "ERROR connection pool exhausted after <n> ms"),
        ("elasticsearch", "tempo", "connection pool exhausted after <n> ms"),
    ],
)
@pytest.mark.usefixtures("committed_db", "shop")
def test_the_first_hypothesis_cites_the_log_template_and_the_slow_edge(
    tenant: Tenant, logs: str, traces: str, template: str
) -> None:
    made: dict[str, Any] = {"loki": loki, "elasticsearch": elasticsearch, "jaeger": jaeger, "tempo": tempo}
    moved, _ = happen(
        tenant,
        event(title="High p95 latency on checkout", started_minute=0),
        event(Action.RESOLVED, minute=5, started_minute=0),
    )
    assert moved.run_id is not None
    with serving({logs: made[logs](), traces: made[traces]()}) as url:
        for kind in (logs, traces):
            connections.connect(tenant.id, kind, {"url": f"{url}/{kind}"}, actor="test")
        assert flow.advance(tenant.id, moved.run_id) == Stage.DONE

    with tenant_scope(tenant.id):
        calls = {one.source: (one.status, one.detail) for one in SourceCall.objects.filter(run_id=moved.run_id)}
        evidence = {one.reference: one for one in EvidenceRecord.objects.filter(run_id=moved.run_id)}
        first = Hypothesis.objects.filter(run_id=moved.run_id).order_by("rank")[0]
    assert {source: status for source, (status, _) in calls.items()} == {logs: "answered", traces: "answered"}, calls
    assert (first.service, first.cause_kind) == ("payments", "connection saturation")
    cited = [evidence[one] for one in first.supporting]
    line = next(one for one in cited if one.kind == "log")
    assert line.source == logs
    assert line.statement.startswith(f"payments: new log line, 40 times: “{template}")
    edge = next(one for one in cited if one.source == traces and one.indicator == "latency_p50")
    assert edge.statement.startswith("checkout median latency to payments 2 s, was ")
    assert "retrying charge" not in " ".join(one.statement for one in cited)
    # What a line gave away is gone before anything is stored.
    assert "hunter2horse" not in json.dumps([one.payload for one in evidence.values()])
