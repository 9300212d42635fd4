"""Webhooks in: what is answered, and what is durable by then."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.db import OperationalError

from copilot import connections
from copilot.embedded import OWNER, as_role
from copilot.guard.tenancy import tenant_scope
from copilot.hints import Work
from copilot.models import ChangeRecord, Connection, Delivery, EventRecord, Incident
from copilot.stages.ingest import ingest
from copilot.stages.services import match_service
from copilot.web import webhooks
from copilot.web.inbox import Inbox
from integrations.base import ServiceReference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.testclient import TestClient

    from copilot.models import Service, Tenant
    from tests.flow.conftest import PagerDuty

pytestmark = pytest.mark.usefixtures("hints")


def deliveries(tenant: Tenant) -> list[Delivery]:
    with tenant_scope(tenant.id):
        return list(Delivery.objects.order_by("received_at"))


@pytest.fixture(autouse=True)
def fresh_inbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "inbox", Inbox())


def test_it_answers_202_with_the_row_committed(
    committed_db: str, tenant: Tenant, pagerduty: PagerDuty, api: TestClient, hints: list[Any]
) -> None:
    answer = pagerduty.send(api, pagerduty.event(), delivery="webhook-1")

    assert (answer.status_code, answer.json()) == (202, {"status": "accepted"})
    (row,) = deliveries(tenant)
    assert row.external_id == "webhook-1"
    assert row.connection_id == pagerduty.connection_id
    assert json.loads(bytes(row.body))["event"]["event_type"] == "incident.triggered"
    assert row.handled_at is None
    assert hints == [(Work.TAKE_IN, tenant.id, None)]


def test_it_keeps_a_retried_delivery_once_and_says_so(
    committed_db: str, tenant: Tenant, pagerduty: PagerDuty, api: TestClient, hints: list[Any]
) -> None:
    event = pagerduty.event()
    answers = [pagerduty.send(api, event, delivery="webhook-1").json()["status"] for _ in range(3)]

    assert answers == ["accepted", "already accepted", "already accepted"]
    assert len(deliveries(tenant)) == 1
    assert len(hints) == 1


def test_the_same_delivery_ten_times_at_once_is_one_incident(
    committed_db: str, tenant: Tenant, pagerduty: PagerDuty, checkout: Service, api: TestClient
) -> None:
    event = pagerduty.event()
    with ThreadPoolExecutor(max_workers=10) as pool:
        answers = list(pool.map(lambda _: pagerduty.send(api, event, delivery="webhook-1"), range(10)))

    assert {answer.status_code for answer in answers} == {202}
    assert sorted(answer.json()["status"] for answer in answers) == ["accepted"] + ["already accepted"] * 9
    ingest(tenant.id)
    with tenant_scope(tenant.id):
        assert Incident.objects.count() == 1


def test_it_keeps_no_header_that_carries_a_secret(
    committed_db: str, tenant: Tenant, pagerduty: PagerDuty, api: TestClient
) -> None:
    pagerduty.send(api, pagerduty.event(), delivery="webhook-1")

    assert deliveries(tenant)[0].headers.keys() <= {"content-type", "user-agent", "x-webhook-id"}


def test_a_wrong_signature_is_401_and_leaves_nothing(
    committed_db: str, tenant: Tenant, pagerduty: PagerDuty, api: TestClient
) -> None:
    body = json.dumps(pagerduty.event()).encode()
    answer = api.post(pagerduty.path, content=body, headers=pagerduty.headers(body, secret="guessed"))

    assert (answer.status_code, answer.json()) == (401, {"detail": "the signature or token is missing or wrong"})
    assert deliveries(tenant) == []


@pytest.mark.parametrize(
    "path", ["/hooks/pagerduty/unknown-key", "/hooks/nonsense/unknown-key", "/hooks/alertmanager/{key}"]
)
def test_an_unknown_key_is_404_and_tells_nothing(
    path: str, committed_db: str, tenant: Tenant, pagerduty: PagerDuty, api: TestClient
) -> None:
    body = json.dumps(pagerduty.event()).encode()
    path = path.format(key=pagerduty.path.rpartition("/")[2])

    answer = api.post(path, content=body, headers=pagerduty.headers(body))

    assert (answer.status_code, answer.json()) == (404, {"detail": "not found"})


def test_a_disabled_connection_is_404(committed_db: str, tenant: Tenant, pagerduty: PagerDuty, api: TestClient) -> None:
    with tenant_scope(tenant.id):
        Connection.objects.update(is_enabled=False)

    assert pagerduty.send(api, pagerduty.event()).status_code == 404


def test_a_body_over_the_cap_is_413(committed_db: str, tenant: Tenant, pagerduty: PagerDuty, api: TestClient) -> None:
    body = b"x" * (1_048_576 + 1)
    announced = api.post(pagerduty.path, content=body, headers=pagerduty.headers(body))
    streamed = api.post(pagerduty.path, content=iter([body[:600_000], body[600_000:]]), headers=pagerduty.headers(body))

    assert (announced.status_code, streamed.status_code) == (413, 413)
    assert deliveries(tenant) == []


def test_our_own_trouble_is_503_so_that_the_vendor_tries_again(
    committed_db: str, pagerduty: PagerDuty, api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any) -> None:
        raise OperationalError("the database is down")

    monkeypatch.setattr("copilot.web.inbox._insert", down)

    answer = pagerduty.send(api, pagerduty.event())

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "2"


@contextmanager
def hanging(url: str) -> Iterator[None]:
    """Hold the inbox so that nobody gets at it, as a database does that has frozen."""
    with psycopg.connect(url) as keeper:
        keeper.execute("LOCK TABLE copilot_delivery IN ACCESS EXCLUSIVE MODE")
        yield
        keeper.rollback()


def test_a_database_that_hangs_while_it_writes_lets_nobody_wait(
    committed_db: str, tenant: Tenant, pagerduty: PagerDuty, api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "DATABASE_SECONDS", 0.3)
    event = pagerduty.event()
    pagerduty.send(api, event, delivery="before")
    with hanging(as_role(committed_db, OWNER)):
        writing = pagerduty.send(api, event, delivery="being written")
        waiting = pagerduty.send(api, event, delivery="behind it")
    assert [(one.status_code, one.headers["Retry-After"]) for one in (writing, waiting)] == [(503, "2")] * 2

    # What vendors do with a 503: they send the same again.
    monkeypatch.setattr(webhooks, "DATABASE_SECONDS", 10.0)
    again = [pagerduty.send(api, event, delivery=name).json()["status"] for name in ("behind it", "being written")]
    assert again == ["accepted", "already accepted"]
    assert sorted(row.external_id for row in deliveries(tenant)) == ["before", "behind it", "being written"]


def test_a_database_that_hangs_at_the_door_lets_nobody_wait(
    committed_db: str, tenant: Tenant, pagerduty: PagerDuty, api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen = threading.Event()
    monkeypatch.setattr(webhooks, "DATABASE_SECONDS", 0.3)
    monkeypatch.setattr("copilot.web.inbox._find_door", lambda _: frozen.wait(20) and None)

    answer = pagerduty.send(api, pagerduty.event())
    frozen.set()

    assert answer.status_code == 503
    assert deliveries(tenant) == []


def test_a_full_inbox_is_429(
    committed_db: str, pagerduty: PagerDuty, api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("copilot.web.inbox.WAITING", 0)

    assert pagerduty.send(api, pagerduty.event()).status_code == 429


def test_a_broker_that_is_down_loses_nothing(
    committed_db: str,
    tenant: Tenant,
    pagerduty: PagerDuty,
    checkout: Service,
    api: TestClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from kombu.exceptions import OperationalError as BrokerDown

    from copilot import celery, flow

    def down(*_: Any, **__: Any) -> None:
        raise BrokerDown("connection refused")

    monkeypatch.undo()
    monkeypatch.setattr(celery.app, "send_task", down)

    answer = pagerduty.send(api, pagerduty.event())
    found = flow.sweep()
    flow.take_in(tenant.id)

    assert answer.status_code == 202
    assert found == 1
    with tenant_scope(tenant.id):
        assert Incident.objects.get().service == checkout
        assert Delivery.objects.get().handled_at is not None


def test_one_batch_may_hold_several_tenants(
    committed_db: str, tenant: Tenant, other_tenant: Tenant, connect_pagerduty: Any, api: TestClient
) -> None:
    both = [connect_pagerduty(tenant), connect_pagerduty(other_tenant)]
    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = list(pool.map(lambda n: both[n % 2].send(api, both[n % 2].event()), range(16)))

    assert {answer.status_code for answer in answers} == {202}
    assert [len(deliveries(tenant)), len(deliveries(other_tenant))] == [8, 8]


def test_a_genuine_but_broken_body_is_kept_with_what_was_wrong(
    committed_db: str, tenant: Tenant, pagerduty: PagerDuty, api: TestClient
) -> None:
    body = b'{"event": {"id": "1"}}'
    answer = api.post(pagerduty.path, content=body, headers=pagerduty.headers(body))
    ingest(tenant.id)

    assert answer.status_code == 202
    (row,) = deliveries(tenant)
    assert row.handled_at is not None
    assert "event_type" in row.error
    assert bytes(row.body) == body


def test_a_delivery_that_fails_on_our_side_is_tried_again_later(
    committed_db: str, tenant: Tenant, pagerduty: PagerDuty, api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    pagerduty.send(api, pagerduty.event())

    def broken(*_: Any) -> None:
        raise OperationalError("deadlock detected")

    monkeypatch.setattr("copilot.stages.ingest.correlate", broken)
    ingest(tenant.id)

    (row,) = deliveries(tenant)
    assert (row.handled_at, row.attempts, row.error) == (None, 1, "OperationalError: deadlock detected")
    assert row.not_before > row.received_at
    with tenant_scope(tenant.id):
        assert EventRecord.objects.count() == 0


def deploys_path(tenant: Tenant) -> str:
    opened = connections.connect(tenant.id, "deploys", {}, actor="test")
    return opened.webhook_url.removeprefix("http://127.0.0.1:8000")


def test_a_deployment_becomes_a_change_of_its_service(
    committed_db: str, tenant: Tenant, checkout: Service, api: TestClient
) -> None:
    body = {
        "service": "checkout",
        "version": "2.14.0",
        "author": "dana",
        "url": "https://ci.example.com/7",
        "status": "succeeded",
    }

    answer = api.post(deploys_path(tenant), json=body)
    ingest(tenant.id)

    assert answer.status_code == 202
    with tenant_scope(tenant.id):
        change = ChangeRecord.objects.get()
    assert (change.service_id, change.version, change.author, change.kind) == (
        checkout.id,
        "2.14.0",
        "dana",
        "deployment",
    )
    assert abs(change.at.timestamp() - time.time()) < 30


def test_a_wrong_deployment_is_told_which_field_is_wrong(committed_db: str, tenant: Tenant, api: TestClient) -> None:
    answer = api.post(
        deploys_path(tenant), json={"service": "checkout", "version": "2.14.0", "deployed_at": "yesterday"}
    )

    assert answer.status_code == 422
    assert "deployed_at" in answer.json()["detail"]
    assert "yesterday" in answer.json()["detail"]
    assert deliveries(tenant) == []


def github_path(tenant: Tenant) -> tuple[str, str]:
    opened = connections.connect(tenant.id, "github", {}, actor="test")
    return opened.webhook_url.removeprefix("http://127.0.0.1:8000"), opened.generated["webhook_secret"]


def send_deployment(api: TestClient, path: str, secret: str, *, state: str | None, at: str) -> None:
    """Send a deployment, or one of its statuses, as GitHub does."""
    import hashlib
    import hmac

    deployment = {
        "id": 7, "sha": "f95f852bd8fca8fcc58a9a2d6c842781e32a215e", "ref": "main", "task": "deploy",
        "environment": "production", "creator": {"login": "dana"}, "created_at": "2026-11-21T08:00:00Z",
        "updated_at": at, "description": "", "url": "https://api.github.com/repos/shop/checkout/deployments/7",
    }  # fmt: skip
    event: dict[str, Any] = {
        "action": "created",
        "deployment": deployment,
        "repository": {"full_name": "shop/checkout", "name": "checkout", "default_branch": "main"},
        "sender": {"login": "dana"},
    }
    if state:
        event["deployment_status"] = {
            "id": 1,
            "state": state,
            "created_at": at,
            "updated_at": at,
            "environment": "production",
        }
    body = json.dumps(event).encode()
    answer = api.post(
        path,
        content=body,
        headers={
            "X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(),
            "X-GitHub-Event": "deployment_status" if state else "deployment",
            "X-GitHub-Delivery": f"{state}-{at}",
            "Content-Type": "application/json",
        },
    )
    assert answer.status_code == 202


def test_a_deployment_that_waited_for_approval_counts_from_when_its_work_began(
    committed_db: str, tenant: Tenant, checkout: Service, api: TestClient
) -> None:
    with tenant_scope(tenant.id):
        type(checkout).objects.update(repository="shop/checkout")
    path, secret = github_path(tenant)
    for state, at in (
        (None, "2026-11-21T08:00:00Z"),
        ("pending", "2026-11-21T08:00:01Z"),
        ("in_progress", "2026-11-21T10:01:00Z"),
        ("success", "2026-11-21T10:03:00Z"),
    ):
        send_deployment(api, path, secret, state=state, at=at)
    ingest(tenant.id)

    with tenant_scope(tenant.id):
        change = ChangeRecord.objects.get()
    assert (change.service_id, change.status) == (checkout.id, "succeeded")
    assert change.at.isoformat() == "2026-11-21T10:01:00+00:00"


@pytest.mark.parametrize(
    "written", ["shop/web-shop", "https://gitlab.com/shop/web-shop", "https://git.test/shop/WEB-shop"]
)
def test_a_service_is_found_by_its_repository_written_with_or_without_its_address(
    tenant: Tenant, checkout: Service, written: str
) -> None:
    with tenant_scope(tenant.id):
        type(checkout).objects.filter(id=checkout.id).update(repository=written)
        assert match_service(ServiceReference(repository="shop/web-shop")) == checkout
        assert match_service(ServiceReference(repository="hop/web-shop")) is None
