"""`copilot doctor`: each connection with its place, and of each that fails what was seen and what to do."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from copilot import connections
from copilot.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

    from copilot.models import Tenant

KEYS = {"api_key": "a-key", "application_key": "an-app-key"}


class Vendors(BaseHTTPRequestHandler):
    """Answer as a path says."""

    def do_GET(self) -> None:
        status, answer = {
            "metrics": (200, {"from": "1", "metrics": ["trace.http.request.hits"]}),
            "summary.json": (200, {"status": {"description": "All Systems Operational"}, "components": []}),
        }.get(self.path.split("?")[0].rpartition("/")[2], (404, {}))
        if "/refuses/" in self.path:
            status, answer = 403, {"errors": ["Forbidden"]}
        if "/broken/" in self.path:
            status, answer = 503, {}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (the base's own name)
        """Say nothing."""


@contextmanager
def vendors() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Vendors)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def doctor(tenant: Tenant, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    capsys.readouterr()
    code = main(["doctor", tenant.slug, "--json"])
    said = capsys.readouterr().out
    # Logs may come before: here they go to the same place.
    rows = {row["connection"]: row for row in json.loads(said[said.index("[\n") :])}
    assert code == (0 if all(row["works"] for row in rows.values()) else 1)
    return rows


def test_each_connection_has_a_place_and_each_that_fails_a_word_about_what_to_do(
    committed_db: str, tenant: Tenant, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("copilot.cli.find_installation", lambda _: None)

    def connect(kind: str, name: str, **values: str) -> None:
        connections.connect(tenant.id, kind, values, actor="test", name=name)

    def page(at: str) -> str:
        return f"[{{url: '{at}', name: github, services: ['*']}}]"

    with vendors() as url:
        connect("datadog", "well", **KEYS, api_url=f"{url}/well")
        connect("datadog", "hooks")
        connect("datadog", "refused", **KEYS, api_url=f"{url}/refuses")
        connect("statuspage", "well", pages=page(f"{url}/well"))
        connect("statuspage", "broken", pages=page(f"{url}/broken"))
        connect("prometheus", "gone", url="http://127.0.0.1:1")
        rows = doctor(tenant, capsys)

    assert {name: (row["place"], row["works"]) for name, row in rows.items()} == {
        "datadog (well)": ("webhooks, evidence, conversations", True),
        "datadog (hooks)": ("webhooks", True),
        "datadog (refused)": ("webhooks, evidence, conversations", False),
        "statuspage (well)": ("evidence", True),
        "statuspage (broken)": ("evidence", False),
        "prometheus (gone)": ("evidence, conversations", False),
    }
    said = {name: row["detail"] for name, row in rows.items()}
    assert said["datadog (well)"] == "answers queries; metrics with service:*: 1"
    assert said["datadog (refused)"] == (
        "Datadog answered /api/v1/metrics with 403: Forbidden; check how this connection signs in, and what it may read"
    )
    assert said["statuspage (well)"] == "github: All Systems Operational"
    assert said["statuspage (broken)"] == "github failed on api/v2/summary.json (503); try again in a while"
    assert said["prometheus (gone)"] == (
        "127.0.0.1:1 does not accept connections (connection refused): is the address right, is the service up?"
    )
    assert "a-key" not in json.dumps(rows)
