"""Twelve sources of which half misbehave: the thread is complete in time, names who failed, and memory stays bounded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

import pytest

from copilot import connections
from copilot.guard.tenancy import tenant_scope
from copilot.knowledge import incident_reader
from copilot.models import Connection, Run, SourceCall
from slackbot.blocks import evidence_message, root_card
from tests.flow.test_correlate import event, happen
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from copilot.models import Service, Tenant

pytestmark = pytest.mark.usefixtures("hints")

SECONDS = 10.0
LARGE = 50 * 1024 * 1024
MIB = 1024 * 1024
# One process of its own, as a worker is: what the tests beside this one left in memory does not count.
WORKER = """
import sys, time, uuid
import django
django.setup()
from copilot import celery, flow
celery._load()
begun = time.monotonic()
stage = flow.advance(uuid.UUID(sys.argv[1]), uuid.UUID(sys.argv[2]))
seconds = time.monotonic() - begun
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(stage.value, round(seconds, 2), int(peak.split()[1]) // 1024)
"""


class Sources(BaseHTTPRequestHandler):
    """Be any number of sources, each under a path of its own that says how it behaves."""

    protocol_version = "HTTP/1.1"
    over: ClassVar[threading.Event] = threading.Event()
    sent: ClassVar[list[int]] = []

    def do_GET(self) -> None:
        behaviour = self.path.split("/")[1]
        if behaviour == "silent":
            self.over.wait(60)
        elif behaviour == "drips":
            self._drip()
        elif behaviour == "broken":
            self._answer(500, b"Internal Server Error", "text/plain")
        elif behaviour == "large":
            self._pour()
        else:
            self._answer(200, self._metrics(), "application/json")

    def _metrics(self) -> bytes:
        if "/label/" in self.path:
            return json.dumps({"status": "success", "data": ["http_requests_total"]}).encode()
        now = time.time()
        metric = {"__name__": "http_requests_total", "job": "checkout", "copilot_question": "0"}
        values = [[now - 60 * ago, "0.2"] for ago in range(60, 0, -1)]
        answer = {"resultType": "matrix", "result": [{"metric": metric, "values": values}]}
        return json.dumps({"status": "success", "data": answer}).encode()

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _drip(self) -> None:
        """Send a byte now and then: no time-out of a single read ever passes."""
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        while not self.over.wait(0.1):
            self._write(b" ")

    def _pour(self) -> None:
        """Send 50 MiB of valid JSON whose length nothing announces."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        piece = b'"' + b"x" * 65533 + b'",'
        self._chunk(b'{"status":"success","data":[')
        count = 0
        while count * len(piece) < LARGE and self._chunk(piece):
            count += 1
        self.sent.append(count * len(piece))
        if count * len(piece) >= LARGE:
            self._chunk(b'""]}')
            self._chunk(b"")

    def _chunk(self, piece: bytes) -> bool:
        return self._write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")

    def _write(self, data: bytes) -> bool:
        try:
            self.wfile.write(data)
            self.wfile.flush()
        except OSError:
            self.close_connection = True
            return False
        return True

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (the base's own name)
        """Say nothing."""


@contextmanager
def serving() -> Iterator[str]:
    Sources.over.clear()
    Sources.sent.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sources)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        Sources.over.set()
        server.shutdown()
        server.server_close()


HANG = {"Prometheus (silent)", "GitHub (drips)", "Kubernetes (silent)"}
FAIL = {"Prometheus (broken)", "GitHub (broken)", "Prometheus (large)"}
WELL = {f"Prometheus (well {number})" for number in range(6)}


def connect_all(tenant: Tenant, url: str) -> None:
    """Make twelve connections: of all three HTTP libraries that the door guards, some behave badly."""

    def connect(kind: str, name: str, **values: str) -> None:
        connections.connect(tenant.id, kind, values, actor="test", name=name)

    connect("prometheus", "silent", url=f"{url}/silent/1")
    connect("github", "drips", base_url=f"{url}/drips/2", token="t", repositories="acme/checkout")
    connect("kubernetes", "silent", url=f"{url}/silent/3", token="t")
    connect("prometheus", "broken", url=f"{url}/broken/4")
    connect("github", "broken", base_url=f"{url}/broken/5", token="t", repositories="acme/checkout")
    connect("prometheus", "large", url=f"{url}/large/6")
    for number in range(6):
        connect("prometheus", f"well {number}", url=f"{url}/well/{number}")


def texts_of(blocks: object) -> str:
    return json.dumps(blocks, ensure_ascii=False)


def test_a_run_is_complete_in_time_names_who_failed_and_stays_small(
    committed_db: str, tenant: Tenant, checkout: Service
) -> None:
    with tenant_scope(tenant.id):
        checkout.repository = "acme/checkout"
        checkout.save()
    (moved,) = happen(tenant, event(title="High p95 latency on checkout", started_minute=0))
    assert moved.run_id is not None
    with tenant_scope(tenant.id):
        run = Run.objects.get(id=moved.run_id)
        Run.objects.filter(id=run.id).update(plan={**run.plan, "gather_seconds": SECONDS})
    with serving() as url:
        connect_all(tenant, url)
        done = subprocess.run(
            [sys.executable, "-c", WORKER, str(tenant.id), str(run.id)],
            env={**os.environ, "DATABASE_URL": committed_db},
            capture_output=True, text=True, timeout=2 * PATIENCE, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    stage, seconds, peak = done.stdout.split()[-3:]

    # Complete within the sources' deadline and what ranking and writing take on a busy machine; the hanging ones hang for 60 s.
    assert stage == "done"
    assert SECONDS <= float(seconds) < SECONDS + 17
    assert int(peak) < 512
    # Each large answer was cut off at the cap; beyond it is what lay in the buffers of sockets.
    assert Sources.sent
    assert max(Sources.sent) < 24 * MIB

    with tenant_scope(tenant.id):
        calls = {one.name: (one.status, one.detail) for one in SourceCall.objects.filter(run_id=run.id)}
        assert max(SourceCall.objects.values_list("seconds", flat=True)) < SECONDS + 1
        failing = set(Connection.objects.filter(failing_since__isnull=False).values_list("kind", "name"))
    assert {name for name, (status, _) in calls.items() if status == "failed"} == HANG | FAIL
    assert {name for name, (status, _) in calls.items() if status != "failed"} == WELL
    assert all("did not answer" in calls[name][1] for name in HANG)
    assert "500" in calls["Prometheus (broken)"][1]
    assert "500" in calls["GitHub (broken)"][1]
    assert "more than 16 MiB" in calls["Prometheus (large)"][1]
    assert len(failing) == 6

    # What people see in Slack: the card's last line, and the thread's evidence, each with every name.
    briefing = incident_reader.read(tenant.id, run.incident_id)
    card, thread = texts_of(root_card(briefing)[0]), texts_of(evidence_message(briefing)[0])
    for name in HANG | FAIL:
        assert name in card
        assert name in thread
    assert "is being asked" not in card
    assert briefing.verdict in {"inconclusive", "no fault seen", "possible causes", "likely cause"}
