"""A real agent process asks a real Prometheus: the same observations as without it, little memory, and a death in the middle."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import uvicorn
from django.db import connection as database
from fastapi import FastAPI

from copilot import connections, observe
from copilot.cli import doctor, main
from copilot.guard.http import HttpDoor
from copilot.guard.tenancy import tenant_scope
from copilot.models import AgentRequest
from copilot.relay import asking, tokens
from copilot.web import agents as web
from integrations.base import TimedOut
from integrations.prometheus import Prometheus, PrometheusCredentials
from scoring.frozen import plain_observation
from tests.integrations.prometheus_world import SERVICES, WINDOW, scope, shop
from tests.servers.fixtures import start_prometheus
from tests.servers.processes import free_port, running
from tests.waiting import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from uuid import UUID

    from copilot.models import Tenant
    from tests.servers.fixtures import StartPrometheus

__all__ = ["start_prometheus"]
pytestmark = pytest.mark.xdist_group("prometheus")

# The whole process: Python, the libraries of both sources, and what it holds of the answers.
MEMORY_MIB = 128


@pytest.fixture
def service(committed_db: str) -> Iterator[str]:
    """The api process's routes for agents, on a port of this process."""
    application = FastAPI()
    application.include_router(web.router)
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(application, port=port, log_level="warning", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started, what="the service")
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(PATIENCE)


@pytest.fixture
def tarpit() -> Iterator[str]:
    """A source that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def agent(folder: Path, url: str, token_file: Path, health: int) -> Iterator[subprocess.Popen[bytes]]:
    def ready() -> bool:
        try:
            return bool(standing(health)["state"] == "connected")
        except OSError:
            return False

    environment = {
        "COPILOT_AGENT_URL": url,
        "COPILOT_AGENT_TOKEN_FILE": str(token_file),
        "COPILOT_AGENT_SOURCES": str(folder / "agent.yaml"),
        "COPILOT_AGENT_HEALTH_PORT": str(health),
        # A poll that waits has been let in: a token that was revoked meanwhile is told to the next one.
        "COPILOT_AGENT_WAIT_SECONDS": "2",
        "COPILOT_LOG_LEVEL": "INFO",
    }
    command = [sys.executable, "-m", "copilot", "agent"]
    with running(command, log=folder / "agent.log", ready=ready, environment=environment) as process:
        yield process


def standing(port: int) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=PATIENCE) as answer:
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:
        return dict(json.load(error))


def test_it_asks_a_real_prometheus_dies_in_the_middle_and_comes_again(
    tenant: Tenant, service: str, tarpit: str, start_prometheus: StartPrometheus, tmp_path: Path
) -> None:
    url = start_prometheus(shop())
    made = tokens.make(tenant.id, "cluster", actor="test")
    (tmp_path / "token").write_text(made.token)
    (tmp_path / "agent.yaml").write_text(
        json.dumps(
            {
                "sources": [
                    {"kind": "prometheus", "credentials": {"url": url}},
                    {"kind": "prometheus", "name": "slow", "credentials": {"url": tarpit}},
                ]
            }
        )
    )
    ways = {
        name: asking.Via(tenant.id, made.agent_id, through(tenant, name), "prometheus", name)
        for name in ("default", "slow")
    }
    direct = HttpDoor(deadline_seconds=PATIENCE, allowed_private=[ip_network("127.0.0.0/8")])
    expected = list(Prometheus().gather(direct, PrometheusCredentials(url=url), scope(*SERVICES), WINDOW))

    health = free_port()
    with agent(tmp_path, service, tmp_path / "token", health) as process:
        found, failure = asking.gather(ways["default"], scope(*SERVICES), WINDOW, seconds=PATIENCE)
        assert failure is None
        assert sorted(map(str, map(plain_observation, found))) == sorted(map(str, map(plain_observation, expected)))
        assert len(found) > 50
        assert psutil.Process(process.pid).memory_info().rss / 2**20 < MEMORY_MIB

        # Killed in the middle of a request: whoever asked hears so at the deadline.
        outcome: list[Exception] = []
        asker = threading.Thread(target=ask, args=(ways["slow"], outcome))
        asker.start()
        until(lambda: state_of_newest(tenant) == "taken", what="the agent to take the request")
        process.send_signal(signal.SIGKILL)
        asker.join(PATIENCE)
        assert [type(one) for one in outcome] == [TimedOut]
        assert "took the request and did not answer within 8 s" in str(outcome[0])

    with agent(tmp_path, service, tmp_path / "token", health) as process:
        again, _ = asking.gather(ways["default"], scope(*SERVICES), WINDOW, seconds=PATIENCE)
        assert len(again) == len(expected)
        assert [row["detail"].startswith("connected: version 0.1.0") for row in doctor.agents_of(tenant)] == [True]

        # A stale token: refused within a poll's time, said on both sides; a new one in the file is enough.
        with tenant_scope(tenant.id):
            row = AgentRequest.objects.order_by("-created_at").select_related("agent")[0].agent
        second = tokens.make(tenant.id, "cluster", actor="test")
        tokens.revoke(tenant.id, row, actor="test", label=made.label)
        until(lambda: standing(health)["state"] == "refused", what="the agent to be refused")
        assert [row["detail"].split(":")[0] for row in doctor.agents_of(tenant)] == ["stale token"]
        (tmp_path / "token").write_text(second.token)
        until(lambda: standing(health)["state"] == "connected", what="the agent to be let in again")

        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0

    log = (tmp_path / "agent.log").read_text()
    assert made.token not in log
    assert second.token not in log


def through(tenant: Tenant, name: str) -> UUID:
    return connections.connect_through(tenant.id, "prometheus", "cluster", actor="test", name=name).connection_id


def ask(way: asking.Via, outcome: list[Exception]) -> None:
    try:
        asking.gather(way, scope(*SERVICES), WINDOW, seconds=8)
    except Exception as error:
        outcome.append(error)
    finally:
        database.close()


def state_of_newest(tenant: Tenant) -> str:
    with tenant_scope(tenant.id):
        row = AgentRequest.objects.order_by("-created_at").first()
    return row.state if row and row.request["name"] == "slow" else ""


def test_once_says_by_its_exit_code_how_it_went(
    tenant: Tenant, service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = tokens.make(tenant.id, "cluster", actor="test")
    (tmp_path / "agent.yaml").write_text("sources: [{kind: prometheus, credentials: {url: 'http://127.0.0.1:9'}}]")
    # The test process keeps its own log and signals.
    monkeypatch.setattr(observe, "set_up", lambda _: None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    def once(**values: str) -> int:
        given = {
            "COPILOT_AGENT_URL": service,
            "COPILOT_AGENT_TOKEN": made.token,
            "COPILOT_AGENT_WAIT_SECONDS": "0",
            "COPILOT_AGENT_SOURCES": str(tmp_path / "agent.yaml"),
            **values,
        }
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        return main(["agent", "--once"])

    assert once() == 0
    assert once(COPILOT_AGENT_URL="http://127.0.0.1:9") == 1
    assert once(COPILOT_AGENT_TOKEN="cpa_00000000_" + "x" * 43) == 3
    assert once(COPILOT_AGENT_SOURCES="absent.yaml") == 2
    assert once(COPILOT_AGENT_CAPACITY="many") == 2
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "copilot: absent.yaml cannot be read: No such file or directory"
    assert told[1].startswith("copilot: the agent's settings are wrong: capacity: ")


def test_the_process_imports_neither_django_nor_celery_nor_slack() -> None:
    script = (
        "import sys, copilot.cli.agent, copilot.agent.loop, copilot.agent.health\n"
        "from integrations import registry\n"
        "registry.integrations()\n"
        "print([one for one in ('django', 'celery', 'slack_bolt', 'slack_sdk', 'psycopg', 'anthropic', 'pandas', 'scipy')"
        " if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
