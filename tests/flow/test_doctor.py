"""`copilot doctor`: each connection with its place, and of each that fails what was seen and what to do."""

from __future__ import annotations

import json
import re
import threading
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from copilot import connections
from copilot.cli import main
from copilot.cli.doctor import show
from copilot.guard.tenancy import tenant_scope
from copilot.models import Connection, Delivery

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
    assert code == (1 if any(row["works"] is False for row in rows.values()) else 0)
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
        "datadog (hooks)": ("webhooks", None),
        "datadog (refused)": ("webhooks, evidence, conversations", False),
        "statuspage (well)": ("evidence", True),
        "statuspage (broken)": ("evidence", False),
        "prometheus (gone)": ("evidence, conversations", False),
    }
    said = {name: row["detail"] for name, row in rows.items()}
    assert said["datadog (well)"] == "answers queries; metrics with service:*: 1; no webhook received yet"
    assert said["datadog (refused)"] == (
        "Datadog answered /api/v1/metrics with 403: Forbidden; check how this connection signs in, and what it may read"
    )
    assert said["statuspage (well)"] == "github: All Systems Operational"
    assert said["statuspage (broken)"] == "github failed on api/v2/summary.json (503); try again in a while"
    assert said["prometheus (gone)"] == (
        "127.0.0.1:1 does not accept connections (connection refused): is the address right, is the service up?"
    )
    assert "a-key" not in json.dumps(rows)


def deliver(tenant: Tenant, kind: str, *, ago: timedelta, error: str = "") -> None:
    with tenant_scope(tenant.id):
        Delivery.objects.create(
            connection=Connection.objects.get(kind=kind),
            external_id=str(ago),
            body=b"{}",
            received_at=timezone.now() - ago,
            handled_at=timezone.now(),
            error=error,
        )


def test_what_only_receives_waits_until_something_came(
    committed_db: str, tenant: Tenant, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("copilot.cli.find_installation", lambda _: None)
    connections.connect(tenant.id, "grafana", {}, actor="test")

    row = doctor(tenant, capsys)["grafana"]
    assert row["works"] is None
    assert row["detail"] == (
        "no webhook received yet; to try it: in Grafana, Alerting → Contact points → the contact point → Test"
    )
    with tenant_scope(tenant.id):
        assert Connection.objects.get(kind="grafana").health == "waiting"

    deliver(tenant, "grafana", ago=timedelta(days=2))
    deliver(tenant, "grafana", ago=timedelta(minutes=4, seconds=10))
    row = doctor(tenant, capsys)["grafana"]
    assert row["works"] is True
    assert re.fullmatch(r"last received \d{4}-\d\d-\d\d \d\d:\d\d UTC", row["detail"])

    deliver(tenant, "grafana", ago=timedelta(seconds=3), error="`alerts` must be a list, and it is missing")
    row = doctor(tenant, capsys)["grafana"]
    assert row["works"] is False
    assert ", but it could not be read: `alerts` must be a list, and it is missing; see Deliveries" in row["detail"]


def test_nothing_is_said_of_a_time_whose_deliveries_are_not_kept(tenant: Tenant) -> None:
    opened = connections.connect(tenant.id, "grafana", {}, actor="test")
    with tenant_scope(tenant.id):
        Connection.objects.update(created_at=timezone.now() - timedelta(days=400))

    assert connections.check(tenant.id, opened.connection_id).detail.startswith(
        "no webhook received in the last 30 days;"
    )


def test_connecting_tests_at_once_and_names_the_page_and_the_address(
    committed_db: str, tenant: Tenant, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("copilot.cli.find_installation", lambda _: None)

    assert main(["connect", tenant.slug, "deploys"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{tenant.slug} is connected to Deploys from any CI"
    assert re.fullmatch(
        r"webhook URL: http://\S+/hooks/deploys/\S{32}   \(a secret by itself; paste it there\)", said[1]
    )
    assert said[2].startswith("◌ waits: no webhook received yet; to try it: the `curl` in docs/integrations/deploys.md")
    assert said[3] == "its page: docs/integrations/deploys.md"

    assert main(["connect", tenant.slug, "prometheus", "--set", "url=http://127.0.0.1:1", "--json"]) == 0
    out = capsys.readouterr().out
    row = json.loads(out[out.index("{\n") :])
    assert (row["webhook_url"], row["works"]) == (None, False)
    assert row["detail"].startswith("127.0.0.1:1 does not accept connections")


@pytest.mark.parametrize("columns", [80, 140])
def test_the_table_loses_nothing_in_a_narrow_terminal(columns: int, capsys: pytest.CaptureFixture[str]) -> None:
    long = "grafana (the-contact-point-of-the-platform-team)"
    rows: list[dict[str, Any]] = [
        {"tenant": "acme", "connection": long, "place": "webhooks", "works": None, "detail": "x" * 200},
        {"tenant": "acme", "connection": "slack", "place": "people", "works": False, "detail": "[red]as it is\x1b[2J"},
    ]
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("COLUMNS", str(columns))
        show(rows, with_tenant=True)
    said = capsys.readouterr().out

    assert max(map(len, said.splitlines())) <= columns
    assert "…" not in said
    assert "[red]as it is[2J" in said
    assert said.count("x") == 200
