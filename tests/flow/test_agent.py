"""An agent is asked through rows: its answers reach the run, and whatever goes wrong is said in words and in time."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from django.db import connection as database
from django.db.models.functions import Now
from django.utils import timezone

from copilot import connections
from copilot.agent import loop, sources
from copilot.agent.protocol import MAX_POLL_BYTES, Check, Poll
from copilot.guard.http.deadline import Deadline
from copilot.guard.redact import Redactor
from copilot.guard.tenancy import tenant_scope
from copilot.models import Agent, AgentRequest, AgentToken, AuditEntry, Connection, Incident, Run, Service, SourceCall
from copilot.relay import asking, queue, states, tokens
from copilot.stages.claim import Claim
from copilot.stages.gather import gather as gather_stage
from copilot.stages.plan import new_plan
from copilot.tools import calling
from copilot.tools.kinds import sources as source_tools
from copilot.tools.tool import Reach
from copilot.web import agents as web
from integrations import registry
from integrations.base import Rejected, Scope, ServiceScope, SourceError, TimedOut, Unauthorised, Unreachable
from scoring.observations import Change, ChangeKind, Entity, EntityKind, Gap, Window
from tests.flow.agent_world import InProcess, Inside, line, settings_of, state
from tests.waiting import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from starlette.testclient import TestClient

    from copilot.models import Tenant

__all__ = ["line"]
SCOPE = Scope(
    service=ServiceScope(name="web", namespace="shop", selector="app=web"),
    neighbours=(ServiceScope(name="db"),),
    alert_title="High latency",
    alert_labels={"severity": "critical"},
)
WINDOW = Window(start=1_699_999_000.0, end=1_700_000_600.0, alert_at=1_700_000_000.0, alert_for=60.0)


class Played:
    """One tenant's agent, its connection, and both sides of the line."""

    def __init__(self, tenant: Tenant, inside: Inside, api: TestClient, folder: Path) -> None:
        self.tenant, self.inside, self.api, self.folder = tenant, inside, api, folder
        self.made = tokens.make(tenant.id, "cluster", actor="test")
        opened = connections.connect_through(tenant.id, "prometheus", "cluster", actor="test")
        self.connection_id = opened.connection_id
        self.settings = settings_of(folder, self.made.token)
        self.links: list[InProcess] = []
        self.restart()

    def restart(self, token: str = "") -> loop.Agent:
        """A new process of the same agent."""
        self.settings = settings_of(self.folder, token or self.made.token)
        self.link = InProcess(self.settings, self.api)
        self.links.append(self.link)
        self.agent = loop.Agent(self.settings, link=self.link)
        return self.agent

    @property
    def way(self) -> asking.Via:
        return asking.Via(self.tenant.id, self.made.agent_id, self.connection_id, "prometheus", "default")

    def row(self) -> Agent:
        with tenant_scope(self.tenant.id):
            return Agent.objects.get(id=self.made.agent_id)

    def requests(self) -> list[AgentRequest]:
        with tenant_scope(self.tenant.id):
            return list(AgentRequest.objects.order_by("created_at"))

    def state(self) -> states.State:
        with tenant_scope(self.tenant.id):
            return states.state_of(Agent.objects.get(id=self.made.agent_id))

    def age_lease(self) -> None:
        """Let the time of a lease pass."""
        with tenant_scope(self.tenant.id):
            AgentRequest.objects.update(lease_until=Now() - timedelta(seconds=1))

    @contextmanager
    def asked(self, seconds: float = PATIENCE, what: Callable[..., Any] | None = None) -> Iterator[Any]:
        """Ask in a thread of its own, as the gather stage does."""

        def ask() -> Any:
            try:
                return what() if what else asking.gather(self.way, SCOPE, WINDOW, seconds=seconds)
            finally:
                database.close()

        with ThreadPoolExecutor(max_workers=1) as pool:
            before = len(self.requests())
            future = pool.submit(ask)
            until(lambda: future.done() or len(self.requests()) > before, what="the request to be written down")
            yield future


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch) -> Inside:
    one = Inside()
    known = {**registry.integrations(), "prometheus": one}
    monkeypatch.setattr(registry, "integrations", lambda: known)
    return one


@pytest.fixture(autouse=True)
def fresh_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "pace", web.Pace())


@pytest.fixture
def played(committed_db: str, tenant: Tenant, inside: Inside, line: TestClient, tmp_path: Path) -> Iterator[Played]:
    one = Played(tenant, inside, line, tmp_path)
    yield one
    # An answer that is still on its way when the line closes would hang it for ever: whoever works is waited for.
    inside.go.set()
    # Those of earlier processes, too: who cannot send tries again until the request's time is over.
    for link in one.links:
        link.cut = False
    for thread in threading.enumerate():
        if thread.name.startswith("request-"):
            thread.join(60)


@pytest.fixture
def claim(played: Played) -> Claim:
    now = timezone.now()
    with tenant_scope(played.tenant.id):
        service = Service.objects.create(name="web", namespace="shop")
        incident = Incident.objects.create(
            number=1,
            service=service,
            title="High latency",
            source="pagerduty",
            dedupe_key="P1",
            alert_at=now,
            started_at=now,
            last_event_at=now,
        )
        run = Run.objects.create(incident=incident, plan=new_plan())
    return Claim(played.tenant.id, run.id, incident.id, "gather", 1, 1, run.plan)


def test_what_the_agent_gathers_is_what_the_run_gets(played: Played) -> None:
    played.agent.turn()
    with played.asked() as answer:
        assert played.agent.turn() == 1
        found, failure = answer.result(PATIENCE)

    assert found == played.inside.says
    assert failure is None
    # The very scope and window, and the credentials that only the agent has.
    assert played.inside.asked == [(SCOPE, WINDOW)]
    assert played.inside.credentials[0].url == "https://inside.example.org"
    (row,) = played.requests()
    assert (row.state, row.attempt, row.answer) == ("answered", 1, None)


def test_a_run_asks_through_the_agent_and_shows_it_as_a_source(played: Played, claim: Claim) -> None:
    played.agent.turn()
    with played.asked(what=lambda: gather_stage(claim, lambda: None)) as outcome:
        assert played.agent.turn() == 1
        assert outcome.result(PATIENCE).output["sources_asked"] == ["prometheus"]

    with tenant_scope(played.tenant.id):
        call = SourceCall.objects.get()
        assert (call.name, call.status, call.observations) == ("Prometheus", "partial", 1)
        assert Connection.objects.get(id=played.connection_id).health == "works"


def test_a_failure_keeps_what_was_said_before_it_and_its_reason(played: Played) -> None:
    played.agent.turn()
    played.inside.fails = Unauthorised("the credentials may not read this (403)", retryable=False)
    with played.asked() as answer:
        played.agent.turn()
        found, failure = answer.result(PATIENCE)

    assert found == played.inside.says
    assert isinstance(failure, Unauthorised)
    assert failure.reason == "the credentials may not read this (403)"


def test_secrets_leave_the_cluster_redacted(played: Played) -> None:
    played.agent.turn()
    played.inside.says = [state("web-1", "env DB_PASSWORD=correct-horse-battery")]
    with played.asked() as answer:
        played.agent.turn()
        played.agent.finish(PATIENCE)
        ((found,), _) = answer.result(PATIENCE)

    assert "correct-horse" not in found.detail
    assert "<password:" in found.detail
    assert "correct-horse" not in json.dumps([row.request for row in played.requests()])


def test_looks_and_tests_go_the_same_way(played: Played) -> None:
    played.agent.turn()
    with played.asked(
        what=lambda: asking.look(played.way, "count", {"count": 2}, SCOPE, WINDOW, seconds=PATIENCE)
    ) as answer:
        played.agent.turn()
        seen = answer.result(PATIENCE)
    assert (seen.query, [row["n"] for row in seen.rows]) == ("count", [0, 1])
    assert "hunter2secret" not in str(seen.rows)

    with played.asked(what=lambda: connections.check(played.tenant.id, played.connection_id)) as answer:
        played.agent.turn()
        health = answer.result(PATIENCE)
    assert (health.works, health.detail) == (True, "through the agent: 12 targets are up")


def test_a_conversation_looks_through_the_agent(played: Played) -> None:
    played.agent.turn()
    with tenant_scope(played.tenant.id):
        row = Connection.objects.get(id=played.connection_id)
        tool = next(source_tools._of(played.inside, row))
    reach = Reach(played.tenant.id, SCOPE, WINDOW, (), Deadline(20))

    def ask(arguments: dict[str, Any]) -> Any:
        return calling.call(tool, reach, arguments, actor="test", via="conversation")

    with played.asked(what=lambda: ask({"count": 1})) as answer:
        played.agent.turn()
        looked = answer.result(PATIENCE)
    assert (looked.query, [row["n"] for row in looked.rows], looked.origin) == ("count", [0], "Prometheus")
    tokens.revoke(played.tenant.id, played.row(), actor="test")
    played.agent.turn()
    refused = ask({"count": 1}).refused
    assert refused.startswith("agent cluster cannot be asked (no token): every token of it is revoked")
    assert Redactor(b"k" * 32).text(refused) == refused, "a card shows it as it stands"


# --- who may come -------------------------------------------------------------------------------------------------------


def test_an_agent_never_sees_another_tenants_requests(
    played: Played, other_tenant: Tenant, inside: Inside, line: TestClient, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = Played(other_tenant, inside, line, tmp_path / "other")
    played.agent.turn()
    other.agent.turn()
    with played.asked() as answer:
        assert other.agent.turn() == 0
        (row,) = played.requests()
        # Nor can it answer, or end, a request whose id it knows.
        instance = str(other.row().instance)
        body = {"attempt": 1, "instance": instance, "answer": {"result": "checked", "works": True, "detail": ""}}
        refused = post(line, f"/agent/v1/answers/{row.id}", other.made.token, body)
        too_much = post(line, f"/agent/v1/answers/{row.id}", other.made.token, b"x" * 5_000_000)
        assert (refused.status_code, too_much.status_code) == (409, 413)
        assert played.requests()[0].state == "waiting"
        assert played.agent.turn() == 1
        assert answer.result(PATIENCE)[0] == inside.says
    assert other.requests() == []


def test_two_agents_of_a_tenant_get_their_own_requests_alone(played: Played) -> None:
    second = tokens.make(played.tenant.id, "second", actor="test")
    played.agent.turn()
    with played.asked() as answer:
        agent = loop.Agent(
            settings_of(played.folder, second.token),
            link=InProcess(settings_of(played.folder, second.token), played.api),
        )
        assert agent.turn() == 0
        assert played.agent.turn() == 1
        answer.result(PATIENCE)


def post(line: TestClient, path: str, token: str, body: Any) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return line.post(path, content=content, headers={"Authorization": f"Bearer {token}"})


def said(**values: Any) -> dict[str, Any]:
    return {**Poll(version="1", instance=uuid4(), capacity=1).model_dump(mode="json"), **values}


@pytest.mark.parametrize(
    "header", ["", "Bearer ", "Bearer nonsense", "Basic cpa_", "Bearer cpa_00000000_" + "A" * 43, "Bearer \xff"]
)
def test_a_stranger_is_refused(played: Played, line: TestClient, header: str) -> None:
    answer = line.post("/agent/v1/poll", json=said(), headers=[(b"Authorization", header.encode("latin-1"))])
    assert answer.status_code == 401
    assert played.row().refused_at is None


def test_a_revoked_token_is_refused_and_doctor_says_so(played: Played) -> None:
    played.agent.turn()
    assert played.state().word == "connected"
    assert tokens.revoke(played.tenant.id, played.row(), actor="test") == (played.made.label,)

    played.agent.turn()
    assert (played.agent.standing.state, played.agent.working) == ("refused", 0)
    assert played.agent.standing.detail.startswith("this token was revoked on ")
    assert (played.state().word, played.state().works) == ("no token", False)

    anew = tokens.make(played.tenant.id, "cluster", actor="test")
    assert played.state().word == "stale token"
    assert played.made.label in played.state().detail
    # Nobody waits for an agent that is known not to come.
    with pytest.raises(Unreachable, match=r"agent cluster cannot be asked \(stale token\)"):
        asking.gather(played.way, SCOPE, WINDOW, seconds=PATIENCE)
    assert played.requests() == []

    played.restart(anew.token).turn()
    assert (played.agent.standing.state, played.state().word) == ("connected", "connected")


def test_who_has_an_old_token_cannot_make_a_living_agent_look_dead(played: Played, line: TestClient) -> None:
    anew = tokens.make(played.tenant.id, "cluster", actor="test")
    tokens.revoke(played.tenant.id, played.row(), actor="test", label=played.made.label)
    played.restart(anew.token).turn()
    assert post(line, "/agent/v1/poll", played.made.token, said()).status_code == 401
    assert played.row().refused_at is not None
    assert (played.state().word, played.state().works) == ("connected", True)
    assert f"another process comes with an old token: token {played.made.label} was revoked" in played.state().detail
    with played.asked() as answer:
        played.agent.turn()
        assert answer.result(PATIENCE)[0] == played.inside.says


def test_an_expired_token_is_refused(played: Played) -> None:
    made = tokens.make(played.tenant.id, "cluster", actor="test", days=1)
    AgentToken.objects.filter(label=made.label).update(expires_at=Now() - timedelta(minutes=1))
    with pytest.raises(tokens.Refused, match="this token expired on "):
        tokens.bearer(made.token)


def test_a_token_is_rotated_without_a_gap_and_kept_as_a_hash(played: Played) -> None:
    second = tokens.make(played.tenant.id, "cluster", actor="test")
    assert second.others == (played.made.label,)
    assert {tokens.bearer(one.token).agent_id for one in (played.made, second)} == {played.made.agent_id}
    tokens.revoke(played.tenant.id, played.row(), actor="test", label=played.made.label)
    with pytest.raises(tokens.Refused):
        tokens.bearer(played.made.token)
    assert tokens.bearer(second.token).tenant_id == played.tenant.id

    assert second.token not in repr(second)
    assert all(second.token.encode() not in bytes(one.token_hash) for one in AgentToken.objects.all())
    with tenant_scope(played.tenant.id):
        trail = str(list(AuditEntry.objects.values_list("action", "target", "detail")))
    assert "make agent token" in trail
    assert second.token not in trail


def test_a_poll_that_waits_ends_when_its_token_is_revoked(played: Played, line: TestClient) -> None:
    with ThreadPoolExecutor(max_workers=1) as pool:
        waiting = pool.submit(post, line, "/agent/v1/poll", played.made.token, said(wait_seconds=20))
        until(lambda: played.row().last_seen_at, what="the poll")
        tokens.revoke(played.tenant.id, played.row(), actor="test")
        assert waiting.result(PATIENCE).status_code == 401
    assert played.row().refused_reason.startswith(f"token {played.made.label} was revoked on ")


def test_an_agent_that_comes_too_often_is_told_so(
    played: Played, line: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "PACE", 5)
    answers = [post(line, "/agent/v1/poll", played.made.token, said()) for _ in range(web.PACE + 1)]
    assert [one.status_code for one in answers] == [200] * web.PACE + [429]
    assert answers[-1].headers["Retry-After"] == "5"


# --- what goes wrong on the way -----------------------------------------------------------------------------------------


def test_an_agent_that_was_never_seen_is_not_waited_for(played: Played) -> None:
    with pytest.raises(Unreachable, match=r"agent cluster cannot be asked \(never seen\): it has never come"):
        asking.gather(played.way, SCOPE, WINDOW, seconds=PATIENCE)
    assert played.requests() == []


def test_an_agent_that_went_silent_is_not_waited_for(played: Played) -> None:
    played.agent.turn()
    with tenant_scope(played.tenant.id):
        Agent.objects.update(last_seen_at=Now() - timedelta(minutes=5))
    with pytest.raises(Unreachable, match=r"\(silent\): last seen 5 min ago"):
        asking.gather(played.way, SCOPE, WINDOW, seconds=PATIENCE)


def test_cut_off_in_the_middle_the_run_goes_on_at_its_deadline(played: Played) -> None:
    played.agent.turn()
    played.inside.go.clear()
    with played.asked(seconds=PATIENCE) as answer:
        played.agent.turn()
        assert played.inside.begun.wait(PATIENCE)
        played.link.cut = True
        later = SimpleNamespace(monotonic=lambda: time.monotonic() + 600)
        with (
            pytest.MonkeyPatch.context() as patch,
            pytest.raises(TimedOut, match="agent cluster took the request and did not answer within 120 s"),
        ):
            patch.setattr(asking, "time", later)
            answer.result(PATIENCE)
    assert [row.state for row in played.requests()] == ["expired"]

    # The line is back: the late answer is dropped without harm, and the agent goes on.
    played.link.cut = False
    played.inside.go.set()
    assert played.agent.finish(PATIENCE)
    assert [(row.state, row.answer) for row in played.requests()] == [("expired", None)]
    with played.asked() as answer:
        assert played.agent.turn() == 1
        assert answer.result(PATIENCE)[0] == played.inside.says


def test_a_request_outlives_the_process_that_took_it(played: Played) -> None:
    played.agent.turn()
    played.inside.go.clear()
    with played.asked(seconds=PATIENCE) as answer:
        played.agent.turn()
        assert played.inside.begun.wait(PATIENCE)
        # Killed: nothing of it is heard again. Another process comes, and waits for the lease.
        played.link.cut = True
        killed = played.agent
        played.restart().turn()
        assert played.agent.working == 0
        played.age_lease()
        played.inside.go.set()
        assert played.agent.turn() == 1
        assert answer.result(PATIENCE)[0] == played.inside.says
    (row,) = played.requests()
    assert (row.state, row.attempt) == ("answered", 2)
    killed.finish(0)


def test_a_lease_is_renewed_while_the_agent_works(played: Played) -> None:
    played.agent.turn()
    played.inside.go.clear()
    with played.asked(seconds=PATIENCE) as answer:
        played.agent.turn()
        assert played.inside.begun.wait(PATIENCE)
        played.age_lease()
        # The poll renews before anything is handed out: the same process does not get it twice.
        assert played.agent.turn() == 0
        played.inside.go.set()
        answer.result(PATIENCE)
    assert [row.attempt for row in played.requests()] == [1]


def test_a_request_that_ends_its_agent_again_and_again_is_given_up(played: Played) -> None:
    played.agent.turn()
    who = tokens.bearer(played.made.token)
    with played.asked(seconds=PATIENCE) as answer:
        for attempt in range(1, queue.MAX_ATTEMPTS + 1):
            (handed,) = queue.take(who, uuid4(), 1)
            assert handed.attempt == attempt
            played.age_lease()
        assert queue.take(who, uuid4(), 1) == []
        with pytest.raises(SourceError, match="the agent was lost 3 times while it worked at this"):
            answer.result(PATIENCE)


def test_an_answer_is_taken_once_and_from_its_holder_alone(played: Played, line: TestClient) -> None:
    played.agent.turn()
    who, instance = tokens.bearer(played.made.token), uuid4()
    with played.asked(seconds=PATIENCE, what=lambda: asking.check(played.way, seconds=PATIENCE)) as answer:
        (handed,) = queue.take(who, instance, 1)
        path = f"/agent/v1/answers/{handed.id}"
        body = {
            "attempt": 1,
            "instance": str(instance),
            "answer": {"result": "checked", "works": True, "detail": "fine"},
        }
        foreign = post(line, path, played.made.token, {**body, "instance": str(uuid4())})
        late = post(line, path, played.made.token, {**body, "attempt": 2})
        assert (foreign.status_code, late.status_code) == (409, 409)
        assert [post(line, path, played.made.token, body).status_code for _ in range(2)] == [204, 204]
        assert answer.result(PATIENCE).detail == "through the agent: fine"
    assert post(line, f"/agent/v1/answers/{uuid4()}", played.made.token, body).status_code == 409


# --- outside of the types -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (
            {"do": "exec", "kind": "kubernetes", "command": "rm -rf /"},
            "the agent does nothing but what its types allow",
        ),
        (
            {"do": "gather", "kind": "prometheus", "url": "http://169.254.169.254/"},
            "what its types allow: gather.scope: Field required",
        ),
        ("gather", "what its types allow"),
        ({"do": "check", "kind": "../../etc/passwd"}, "what its types allow: check.kind: String should match pattern"),
        (
            {"do": "check", "kind": "kubernetes"},
            "the agent holds no kubernetes called default; it has: prometheus (default)",
        ),
        ({"do": "check", "kind": "prometheus", "name": "secret"}, "the agent holds no prometheus called secret"),
    ],
    ids=["verb", "field", "form", "kind", "absent", "name"],
)
def test_a_request_outside_the_types_is_refused_by_the_agent_and_said(
    played: Played, request_: Any, reason: str
) -> None:
    played.agent.turn()

    def plant(way: asking.Via) -> None:
        with tenant_scope(played.tenant.id):
            AgentRequest.objects.update(request=request_)

    with played.asked(what=lambda: asking.check(played.way, seconds=PATIENCE)) as answer:
        plant(played.way)
        assert played.agent.turn() == 1
        with pytest.raises(SourceError) as refused:
            answer.result(PATIENCE)
    assert reason in refused.value.reason
    assert played.inside.asked == []
    (row,) = played.requests()
    assert row.state == "failed"
    assert reason in row.reason
    # It lives on.
    with played.asked() as answer:
        assert played.agent.turn() == 1
        answer.result(PATIENCE)


def test_a_look_outside_its_arguments_is_refused(played: Played) -> None:
    played.agent.turn()
    for arguments, reason in (
        ({"count": "many"}, "count: "),
        ({"count": 1, "shell": "sh"}, "shell: "),
        ({"count": 11}, "too many"),
    ):
        with played.asked(
            what=lambda a=arguments: asking.look(played.way, "count", a, SCOPE, WINDOW, seconds=PATIENCE)
        ) as answer:
            played.agent.turn()
            with pytest.raises(Rejected, match=reason):
                answer.result(PATIENCE)


BAD = {
    "another source's words": [{"type": "Gap", "source": "pagerduty", "question": "q", "reason": "r"}],
    "a link that is none": [{"type": "State", "entity": {"kind": "pod", "name": "a", "namespace": "", "owner": ""},
                             "condition": "x", "source": "prometheus", "link": "javascript:alert(1)"}],
    "an unknown kind": [{"type": "Command", "run": "sh"}],
    "an unknown field": [{"type": "Gap", "source": "prometheus", "question": "q", "reason": "r", "more": 1}],
    "numbers that are none": [{"type": "Series", "entity": {"kind": "pod", "name": "a"}, "indicator": "x", "unit": "count",
                               "times": "AAAA", "values": "", "source": "prometheus"}],
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_an_answer_that_no_source_gives_is_refused(played: Played, line: TestClient, name: str) -> None:
    played.agent.turn()
    who, instance = tokens.bearer(played.made.token), uuid4()
    with played.asked(seconds=PATIENCE) as answer:
        (handed,) = queue.take(who, instance, 1)
        body = {"attempt": 1, "instance": str(instance), "answer": {"result": "observed", "observations": BAD[name]}}
        assert post(line, f"/agent/v1/answers/{handed.id}", played.made.token, body).status_code == 204
        with pytest.raises(Rejected, match="the agent's answer cannot be used: observation 0: "):
            answer.result(PATIENCE)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"attempt": 1}', b"[" * 60_000, b"\xff\xfe"])
def test_what_is_not_of_the_protocol_ends_the_request_with_a_reason(
    played: Played, line: TestClient, body: bytes
) -> None:
    played.agent.turn()
    who = tokens.bearer(played.made.token)
    with played.asked(seconds=PATIENCE) as answer:
        (handed,) = queue.take(who, uuid4(), 1)
        assert post(line, f"/agent/v1/answers/{handed.id}", played.made.token, body).status_code == 422
        with pytest.raises(SourceError, match="the agent's answer cannot be used"):
            answer.result(PATIENCE)
    assert post(line, "/agent/v1/poll", played.made.token, body).status_code == 422


def test_an_answer_over_the_cap_is_refused(played: Played, line: TestClient) -> None:
    played.agent.turn()
    who = tokens.bearer(played.made.token)
    with played.asked(seconds=PATIENCE) as answer:
        (handed,) = queue.take(who, uuid4(), 1)
        huge = b" " * (4_194_304 + 2048)
        assert post(line, f"/agent/v1/answers/{handed.id}", played.made.token, huge).status_code == 413
        with pytest.raises(SourceError, match="cannot be used: more than 4096 KiB"):
            answer.result(PATIENCE)
    assert post(line, "/agent/v1/poll", played.made.token, b" " * (MAX_POLL_BYTES + 1)).status_code == 413


def test_the_agent_itself_leaves_out_what_does_not_fit_and_says_so(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    from copilot.config import config

    monkeypatch.setattr(asking, "config", lambda: config().model_copy(update={"agent_answer_bytes": 65_536}))
    subject = Entity(EntityKind.SERVICE, "web")
    played.inside.says = [
        Change(subject, ChangeKind.CONFIG, float(n), f"change {n}", "prometheus", detail="x " * 4000) for n in range(20)
    ]
    played.agent.turn()
    with played.asked() as answer:
        played.agent.turn()
        found, _ = answer.result(PATIENCE)
    assert found[:-1] == played.inside.says[:7]
    assert found[-1] == Gap(
        "prometheus", "the rest of the answer", "13 observations were left out: an agent's answer is limited to 64 KiB"
    )


# --- the loop -----------------------------------------------------------------------------------------------------------


def test_the_agent_waits_longer_with_each_failure_and_begins_anew_when_it_is_heard(played: Played) -> None:
    played.link.cut = True
    pauses = []
    for _ in range(12):
        played.agent.turn()
        pauses.append(played.agent._pause())
    assert all(0.5 <= pause / min(30.0, 0.5 * 2**n) <= 1.0 for n, pause in enumerate(pauses))
    assert played.agent.standing.state == "unreachable"
    played.link.cut = False
    played.agent.turn()
    assert (played.agent.standing.state, played.agent._pause()) == ("connected", 0.0)


def test_told_to_stop_it_finishes_what_it_began(played: Played) -> None:
    played.agent.turn()
    played.inside.go.clear()
    with played.asked() as answer:
        played.agent.turn()
        assert played.inside.begun.wait(PATIENCE)
        played.agent.stop()
        threading.Timer(0.3, played.inside.go.set).start()
        played.agent.run()
        assert answer.result(PATIENCE)[0] == played.inside.says
    assert (played.agent.working, played.agent.standing.state) == (0, "stopping")


def test_what_it_reaches_is_told_with_the_next_poll(played: Played) -> None:
    played.agent.check_sources()
    played.agent.turn()
    assert played.row().sources == [
        {"kind": "prometheus", "name": "default", "works": True, "detail": "12 targets are up"}
    ]
    assert played.state().detail == "version 0.1.0, seen 0 s ago; reaches prometheus works"


def test_old_requests_are_dropped_and_their_answers_before(played: Played) -> None:
    request_id = queue.put(
        played.tenant.id, played.made.agent_id, None, Check(kind="prometheus"), seconds=5, max_bytes=65_536
    )
    with tenant_scope(played.tenant.id):
        AgentRequest.objects.update(deadline=Now() - timedelta(minutes=2), answer=b"sealed")
    assert queue.tidy() == 0
    found = queue.look_at(played.tenant.id, request_id)
    assert (found.state, found.answer) == ("expired", None)
    with tenant_scope(played.tenant.id):
        AgentRequest.objects.update(created_at=Now() - timedelta(days=4))
    assert queue.tidy() == 1
    assert played.requests() == []


# --- connecting ---------------------------------------------------------------------------------------------------------


def test_a_connection_through_an_agent_holds_no_credentials(played: Played) -> None:
    from copilot.guard import vault

    with tenant_scope(played.tenant.id):
        row = Connection.objects.get(id=played.connection_id)
    assert vault.unseal(row.tenant_id, row.sealed) == {}
    for kind, name, reason in (
        ("pagerduty", "cluster", "PagerDuty is not asked through an agent"),
        ("kubernetes", "elsewhere", "there is no agent 'elsewhere' \\(known: cluster\\)"),
    ):
        with pytest.raises(connections.WrongValue, match=reason):
            connections.connect_through(played.tenant.id, kind, name, actor="test")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("sources: []", "sources: List should have at least 1 item"),
        ("sources: [{kind: pagerduty}, {kind: pagerduty}]", "two sources of one kind have the same name"),
        ("sources: [{kind: nothing}]", "there is no integration 'nothing'"),
        ("sources: [{kind: alertmanager}]", "alertmanager is no source that can be asked"),
        ("sources: [{kind: prometheus, credentials: {url: 'x', bearer_token: '@absent'}}]", "bearer_token: absent cannot be read"),
        ("sources: [{kind: prometheus, password: hunter2}]", "sources.0.password: Extra inputs are not permitted"),
        (": :", "is not YAML"),
    ],
)  # fmt: skip
def test_a_wrong_file_of_sources_is_told_without_its_values(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(text)
    with pytest.raises(sources.WrongSources) as wrong:
        sources.load(path)
    assert reason in str(wrong.value)
    assert "hunter2" not in str(wrong.value)


def test_a_secret_of_a_source_is_read_from_its_file_at_each_use(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(
        "sources: [{kind: prometheus, credentials: {url: 'http://prometheus:9090', bearer_token: '@token'}}]"
    )
    for secret in ("first", "second"):
        (tmp_path / "token").write_text(f"{secret}\n")
        assert sources.load(path)["prometheus", "default"].credentials.bearer_token.get_secret_value() == secret


def test_a_restart_is_seen_as_another_process(played: Played) -> None:
    played.agent.turn()
    first = played.row()
    played.restart().turn()
    second = played.row()
    assert first.instance != second.instance
    assert first.started_at is not None
    assert second.started_at is not None
    assert second.started_at > first.started_at
