"""A Slack workspace on this machine, the product's Request URL beside it, and incidents in real rows."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import uvicorn
from django.utils import timezone
from fastapi import FastAPI
from slack_sdk import WebClient

from copilot.guard.tenancy import tenant_scope
from copilot.models import (
    EvidenceRecord,
    Hypothesis,
    Incident,
    ModelCall,
    RankingRecord,
    Run,
    Service,
    SourceCall,
    StageResult,
    Tenant,
)
from scoring.frozen import plain
from slackbot import charts
from slackbot.local.testing import http
from tests.servers.processes import answers, free_port, running
from tests.waiting import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from copilot.knowledge.briefing import Briefing


@dataclass
class Workspace:
    """One team of the local Slack, seen as its people see it."""

    url: str
    team: str

    def _local(self, method: str, path: str, **keywords: Any) -> dict[str, Any]:
        body: dict[str, Any] = http().request(method, f"{self.url}/local/{path}", **keywords).json()
        assert body.get("ok"), body
        return body

    def refused(self, kind: str, person: str = "ada", **more: Any) -> dict[str, Any]:
        """Do what a person does, and is told to do otherwise."""
        body = {"team": self.team, "as": person, "type": kind, **more}
        answer: dict[str, Any] = http().post(f"{self.url}/local/act", json=body).json()
        assert answer.get("ok") is False, answer
        return answer

    def act(self, kind: str, person: str = "ada", **more: Any) -> dict[str, Any]:
        """Do what a person does; unless `wait=0`, all that the product does about it is done afterwards."""
        from slackbot.afterwards import settle

        seen = self._local("POST", "act", json={"team": self.team, "as": person, "type": kind, **more})
        if more.get("wait") != 0:
            settle(PATIENCE)
        return seen

    def channel(self, name: str, **more: Any) -> dict[str, Any]:
        """Make or change a channel."""
        made: dict[str, Any] = self._local("POST", "channels", json={"team": self.team, "name": name, **more})[
            "channel"
        ]
        return made

    def delete_channel(self, name: str) -> None:
        """Delete a channel."""
        self._local("DELETE", f"channels/{name}", params={"team": self.team})

    def messages(self, channel: str, *, thread_ts: str | None = None, person: str = "ada") -> list[dict[str, Any]]:
        """Return what a person sees in a channel, or in a thread."""
        params = {"team": self.team, "channel": channel, "as": person} | ({"thread_ts": thread_ts} if thread_ts else {})
        found: list[dict[str, Any]] = self._local("GET", "messages", params=params)["messages"]
        return found

    def modals(self, person: str = "ada") -> list[dict[str, Any]]:
        """Return the windows a person has open."""
        found: list[dict[str, Any]] = self._local("GET", "views", params={"team": self.team, "as": person})["views"]
        return found

    def fail(self, method: str, error: str, *, times: int = 1, retry_after: int = 1) -> None:
        """Let the next calls of a method fail."""
        body = {"team": self.team, "method": method, "error": error, "times": times, "retry_after": retry_after}
        self._local("POST", "faults", json=body)

    def heal(self) -> None:
        """Let nothing fail any more."""
        self._local("DELETE", "faults")

    def deliveries(self, kind: str = "") -> list[dict[str, Any]]:
        """Return what the workspace sent to the product, and what was answered."""
        found: list[dict[str, Any]] = self._local("GET", "deliveries", params={"team": self.team, "kind": kind})[
            "deliveries"
        ]
        return found


@pytest.fixture(scope="session")
def local_slack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running local Slack, one for all modules: each test has a team of its own there."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        sys.executable,
        "-m",
        "slackbot.local",
        "--port",
        str(port),
        "--event-retries",
        "0.1,0.2,0.3",
        # Slack itself waits for three seconds, which is judged where it is meant: a busy machine is no defect here.
        "--deadline",
        "30",
        "--trigger-seconds",
        "30",
    ]
    log = tmp_path_factory.mktemp("slack") / "slack.log"
    with running(command, log=log, ready=lambda: answers(f"{url}/local/workspace")):
        yield url


@contextmanager
def served(app: FastAPI, port: int) -> Iterator[None]:
    """Serve an application in a thread of this process, so that it shares the test's database."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started, what="the application to be served")
    yield
    server.should_exit = True
    thread.join(PATIENCE)


@pytest.fixture(scope="session")
def drawn_once() -> Iterator[None]:
    """Draw equal evidence once: nearly all stories show the same three series, and tests/unit looks at what is drawn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(charts, "draw", cache(charts.draw))
        yield


@pytest.fixture
def workspace(
    tenant: Tenant, committed_db: str, local_slack: str, drawn_once: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workspace]:
    """The tenant's own Slack workspace, connected, with the product's routes served to it."""
    from copilot import config as configuration
    from slackbot import incident_links, installs
    from slackbot.afterwards import settle
    from slackbot.app import routes
    from slackbot.installs import grants, installation

    port = free_port()
    settings = configuration.config().model_copy(update={"public_url": f"http://127.0.0.1:{port}"})
    monkeypatch.setattr(installation, "config", lambda: settings)
    monkeypatch.setattr(incident_links, "config", lambda: settings)
    monkeypatch.setattr(grants, "config", lambda: settings)
    # A team of this test's own: rows are emptied after each test, the workspace server lives on.
    slug = f"t{time.time_ns()}"
    Tenant.objects.filter(id=tenant.id).update(slug=slug)
    app = FastAPI()
    app.include_router(routes())
    with served(app, port):
        installs.connect(tenant.id, {"local": local_slack, "default_channel": "incidents"}, actor="test")
        there = Workspace(local_slack, slug)
        for channel in ("checkout", "incidents"):
            there.channel(channel, bot=True)
        for person in ("ada", "bo"):
            there._local("POST", "users", json={"team": slug, "name": person})
        yield there
        there.heal()
        # Work goes on after an acknowledgement; the next test empties the rows.
        settle()


def client_of(tenant: Tenant) -> WebClient:
    """A client with the tenant's own token."""
    from slackbot import installs

    found = installs.of_tenant(tenant.id)
    assert found is not None
    return found.client()


def store(tenant: Tenant, briefing: Briefing) -> UUID:
    """Write the rows that read back as this briefing; return the incident's id."""
    with tenant_scope(tenant.id):
        service = None
        if briefing.service_is_known:
            service, _ = Service.objects.get_or_create(name=briefing.service, defaults={"channel": briefing.channel})
        incident = Incident.objects.create(
            number=briefing.number,
            service=service,
            service_name=briefing.service,
            title=briefing.title,
            status=briefing.status,
            severity=briefing.severity,
            priority=briefing.priority,
            urgency=briefing.urgency,
            assignees=list(briefing.assignees),
            source=briefing.source,
            dedupe_key=f"made-up/{briefing.number}",
            url=briefing.url,
            started_at=briefing.started_at,
            alert_at=briefing.started_at,
            acknowledged_at=briefing.acknowledged_at,
            acknowledged_by=briefing.acknowledged_by,
            resolved_at=briefing.resolved_at,
            resolved_by=briefing.resolved_by,
            muted_until=briefing.muted_until,
            last_event_at=briefing.started_at,
        )
        store_run(incident, briefing)
    return incident.id


def store_run(incident: Incident, briefing: Briefing) -> Run:
    """Write one run of the incident; call it in the tenant's scope."""
    now = timezone.now()
    sequence = incident.runs.count() + 1
    run = Run.objects.create(
        incident=incident, sequence=sequence, stage=briefing.stage, error=briefing.error, asked_by=briefing.asked_by,
        created_at=now - timedelta(seconds=4), finished_at=now if briefing.stage in {"done", "failed"} else None,
    )  # fmt: skip
    for source in briefing.sources:
        SourceCall.objects.create(
            run=run, source=source.name, name=source.name, status=source.status, seconds=source.seconds,
            observations=source.observations, detail=source.detail,
        )  # fmt: skip
    for position, one in enumerate(briefing.evidence):
        EvidenceRecord.objects.create(
            run=run, reference=one.id, position=position, kind=one.kind, service=one.entity.service, entity=one.entity.key,
            indicator=one.indicator, statement=one.statement, severity=one.severity, direction=one.direction,
            source=one.source, link=one.link, author=one.author, payload=plain(one), is_symptom=one.is_symptom,
            onset=datetime.fromtimestamp(one.onset, tz=UTC) if one.onset else None,
        )  # fmt: skip
    if briefing.verdict:
        output = {"gap_lines": list(briefing.gaps)}
        for stage, at in (("gather", 2.0), ("rank", 1.2)):
            StageResult.objects.create(
                run=run, stage=stage, output=output, started_at=now - timedelta(seconds=at),
                finished_at=now - timedelta(seconds=at),
            )  # fmt: skip
        RankingRecord.objects.create(
            run=run, version=briefing.scoring_version, verdict=briefing.verdict, explanation=briefing.explanation,
            missing=list(briefing.missing), next_check=briefing.next_check, weighed_light=list(briefing.weighed_light),
            inputs="{}", outcome="{}", model_note=briefing.model_note,
        )  # fmt: skip
    if briefing.model:
        ModelCall.objects.create(
            run=run,
            purpose="propose",
            model=briefing.model,
            prompt_version="1",
            outcome="end_turn",
            dollars=briefing.dollars,
        )
    for line in briefing.hypotheses:
        Hypothesis.objects.create(
            run=run, rank=line.rank, service=line.service, entity=line.entity, cause_kind=line.cause_kind,
            statement=line.statement, origin=line.origin, confidence=line.confidence, low=line.low, high=line.high,
            factors=plain(line.factors), supporting=list(line.supporting), contradicting=list(line.contradicting),
            next_check=line.next_check,
        )  # fmt: skip
    return run


def files_of(messages: list[dict[str, Any]]) -> list[str]:
    """The titles of the files in some messages."""
    return [file["title"] for message in messages for file in message.get("files") or []]
