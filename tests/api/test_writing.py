"""What programs tell by REST: changes, services, verdicts and causes; once, however often it is sent."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import close_old_connections
from django.utils import timezone

from copilot.guard.tenancy import tenant_scope
from copilot.models import ChangeRecord, Confirmation, Feedback, Incident, KeptAnswer, Role, Service, ServiceDependency
from copilot.stages import changes
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from tests.api.conftest import Client
    from tests.flow.admin_world import World

pytestmark = pytest.mark.usefixtures("hints")
DEPLOY = {"service": "acme-payments", "version": "v43", "environment": "production", "author": "dana"}


def test_a_change_is_recorded_in_the_words_of_the_webhook_and_moves_on(acme: World, portal: Client) -> None:
    begun = portal.post("/changes", json={**DEPLOY, "id": "run-7", "status": "running"})
    ended = portal.post("/changes", json={**DEPLOY, "id": "run-7", "status": "success"})

    assert (begun.status_code, begun.json()["status"], begun.json()["title"]) == (
        201, "in_progress", "acme-payments v43 to production",
    )  # fmt: skip
    assert (ended.json()["id"], ended.json()["status"], ended.json()["service"]) == (
        begun.json()["id"], "succeeded", "acme-payments",
    )  # fmt: skip
    assert portal.get(f"/changes/{ended.json()['id']}").json() == ended.json()
    assert [one["title"] for one in portal.get("/changes?service=acme-payments").json()["items"]] == [
        "acme-payments v43 to production"
    ]


def test_what_the_webhook_would_refuse_is_refused(portal: Client) -> None:
    answer = portal.post("/changes", json={**DEPLOY, "status": "perhaps"})

    assert (answer.status_code, answer.json()["errors"][0]["message"]) == (
        422,
        "`status` must be one of succeeded, failed, cancelled, in_progress, pending, rolled_back, got 'perhaps'",
    )


def test_pages_of_changes_of_one_moment_leave_none_out(acme: World, portal: Client) -> None:
    now = timezone.now()
    with tenant_scope(acme.tenant.id):
        ChangeRecord.objects.all().delete()
        for number in range(5):
            ChangeRecord.objects.create(
                source="x", dedupe_key=str(number), kind="deployment", at=now, title=f"v{number}"
            )
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        body = portal.get(f"/changes?limit=2{f'&cursor={cursor}' if cursor else ''}").json()
        seen += [one["title"] for one in body["items"]]
        cursor = body["next_cursor"]

    assert seen == ["v4", "v3", "v2", "v1", "v0"]


# --- the same request twice -----------------------------------------------------------------------------------------------


def test_the_same_key_gives_the_same_answer_and_does_it_once(acme: World, portal: Client) -> None:
    send: Callable[[], Any] = lambda: portal.post(  # noqa: E731
        "/investigations", json={"problem": "acme-payments is slow"}, headers={"Idempotency-Key": "k1"}
    )

    first, again = send(), send()

    assert (first.status_code, first.content, first.headers["Location"]) == (
        again.status_code, again.content, again.headers["Location"],
    )  # fmt: skip
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    with tenant_scope(acme.tenant.id):
        assert Incident.objects.count() == 2


def test_a_key_serves_one_request_only_and_one_token_only(
    acme: World, portal: Client, program: Callable[..., Client]
) -> None:
    key = {"Idempotency-Key": "k1"}
    portal.post("/changes", json=DEPLOY, headers=key)

    other_body = portal.post("/changes", json={**DEPLOY, "version": "v44"}, headers=key)
    other_token = program(acme.tenant, Role.RESPONDER).post("/changes", json={**DEPLOY, "version": "v45"}, headers=key)

    assert (other_body.status_code, other_body.json()["type"]) == (422, "urn:sre-copilot:problem:key-reused")
    assert other_token.status_code == 201


def test_of_two_at_once_one_works_and_the_other_is_told_to_wait(
    acme: World, portal: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, may_go_on = threading.Event(), threading.Event()
    recorded = changes.record_change

    def slow(event: Any) -> Any:
        entered.set()
        assert may_go_on.wait(PATIENCE)
        return recorded(event)

    monkeypatch.setattr("copilot.web.api.changes.record_change", slow)

    def send() -> Any:
        try:
            return portal.post("/changes", json=DEPLOY, headers={"Idempotency-Key": "k1"})
        finally:
            close_old_connections()

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(send)
        assert entered.wait(PATIENCE)
        second = send()
        may_go_on.set()
        done = first.result(PATIENCE)
    third = send()

    assert (second.status_code, second.headers["Retry-After"]) == (409, "1")
    assert (done.status_code, third.status_code, third.content) == (201, 201, done.content)
    with tenant_scope(acme.tenant.id):
        assert ChangeRecord.objects.filter(version="v43").count() == 1


def test_many_at_once_do_it_once(acme: World, portal: Client) -> None:
    def send(_: int) -> int:
        answer = portal.post(
            "/investigations", json={"problem": "acme-payments is slow"}, headers={"Idempotency-Key": "k1"}
        )
        return int(answer.status_code)

    with ThreadPoolExecutor(8) as pool:
        statuses = set(pool.map(send, range(24)))

    assert 202 in statuses
    assert statuses <= {202, 409}
    with tenant_scope(acme.tenant.id):
        assert Incident.objects.filter(source="asked").count() == 1


def test_a_refused_request_leaves_its_key_free_and_a_dead_one_is_taken_over(acme: World, portal: Client) -> None:
    key = {"Idempotency-Key": "k1"}
    refused = portal.post("/changes", json={**DEPLOY, "status": "perhaps"}, headers=key)
    accepted = portal.post("/changes", json=DEPLOY, headers=key)
    with tenant_scope(acme.tenant.id):
        # As a process leaves it that died in the middle of the work.
        KeptAnswer.objects.update(status=None, lease_until=timezone.now())
    again = portal.post("/changes", json=DEPLOY, headers=key)

    assert [one.status_code for one in (refused, accepted, again)] == [422, 201, 201]
    with tenant_scope(acme.tenant.id):
        KeptAnswer.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert portal.post("/changes", json={**DEPLOY, "version": "v9"}, headers=key).status_code == 201


# --- topology -------------------------------------------------------------------------------------------------------------


def test_a_service_is_put_with_what_it_needs_and_what_was_seen_stays(acme: World, portal: Client) -> None:
    with tenant_scope(acme.tenant.id):
        seen = Service.objects.create(name="cache")
        ServiceDependency.objects.create(caller=acme.service, callee=seen, source="linkerd")

    new = portal.put("/services/mailer", json={"namespace": "mail", "needs": ["queue"]})
    changed = portal.put("/services/acme-checkout", json={"channel": "#checkout", "needs": ["mailer"]})
    placed = portal.put("/services/acme-checkout", json={"paths": ["services/checkout"]})
    misplaced = portal.put("/services/acme-checkout", json={"paths": ["services/*/checkout"]})
    assert (placed.status_code, placed.json()["paths"]) == (200, ["services/checkout"])
    assert (misplaced.status_code, misplaced.json()["errors"][0]["where"]) == (422, "body.paths")
    again = portal.put("/services/acme-checkout", json={"channel": "#checkout"})

    assert (new.status_code, changed.status_code) == (201, 200)
    shown = [
        [(one["callee"], one["source"], one["is_stale"]) for one in answer.json()["needs"]]
        for answer in (changed, again)
    ]
    assert shown == [[("cache", "linkerd", False), ("mailer", "declared", False)]] * 2
    assert (changed.json()["namespace"], changed.json()["channel"]) == ("acme", "#checkout")
    topology = portal.get("/topology").json()
    assert topology["services"] == ["acme-checkout", "acme-payments", "cache", "mailer", "queue"]
    assert ("mailer", "queue", "declared") in [
        (one["caller"], one["callee"], one["source"]) for one in topology["edges"]
    ]
    impact = portal.get("/services/queue/impact?symptom=acme-checkout").json()
    assert impact == {
        "service": "queue", "direct": ["mailer"], "all": {"mailer": 1, "acme-checkout": 2}, "user_facing": [],
        "path": ["acme-checkout", "mailer", "queue"],
    }  # fmt: skip
    assert [
        portal.get(f"/services/{path}").status_code for path in ("nobody/impact", "queue/impact?symptom=nobody")
    ] == [404, 404]
    assert [one["name"] for one in portal.get("/services?limit=2").json()["items"]] == [
        "acme-checkout",
        "acme-payments",
    ]


def test_two_services_cannot_be_one_pagerduty_service(portal: Client) -> None:
    answer = portal.put("/services/mailer", json={"pagerduty_id": "Pacme"})

    assert (answer.status_code, answer.json()["errors"]) == (
        422, [{"where": "body.pagerduty_id", "message": "Pacme is already acme-checkout"}],
    )  # fmt: skip


# --- feedback -------------------------------------------------------------------------------------------------------------


def test_each_person_has_one_changeable_verdict(acme: World, portal: Client) -> None:
    path = f"/hypotheses/{acme.hypothesis.id}/verdict"
    with tenant_scope(acme.tenant.id):
        Feedback.objects.all().delete()

    portal.put(path, json={"value": "up"})
    changed = portal.put(path, json={"value": "down", "reason": "wrong cause", "words": "it was the cache"})
    portal.put(path, json={"value": "up", "person": "dana@example.org", "person_name": "Dana"})

    assert (changed.status_code, changed.json()["value"]) == (200, "down")
    with tenant_scope(acme.tenant.id):
        prefix = portal.token[:12]
        assert sorted(Feedback.objects.values_list("person", "person_name", "value", "reason")) == [
            (f"api/{prefix}", "admin 0 (API)", "down", "wrong cause"),
            (f"api/{prefix}/dana@example.org", "Dana", "up", ""),
        ]
    assert portal.delete(f"{path}?person=dana@example.org").status_code == 204
    with tenant_scope(acme.tenant.id):
        assert Feedback.objects.count() == 1


def test_the_cause_is_a_hypothesis_or_words_and_can_be_taken_back(acme: World, portal: Client) -> None:
    path = f"/incidents/{acme.incident.id}/cause"

    nothing = portal.put(path, json={"words": "  "})
    words = portal.put(path, json={"words": "a cable was pulled"})
    one_of_ours = portal.put(path, json={"hypothesis_id": str(acme.hypothesis.id)})

    assert [one.status_code for one in (nothing, words, one_of_ours)] == [422, 200, 200]
    assert nothing.json()["detail"].startswith("body: say which hypothesis it was"), "in our words, not the framework's"
    assert portal.get(f"/incidents/{acme.incident.id}/report").json()["hypotheses"][0]["is_confirmed"] is True
    assert portal.delete(path).status_code == 204
    with tenant_scope(acme.tenant.id):
        assert not Confirmation.objects.exists()


# --- runbooks -------------------------------------------------------------------------------------------------------------


def test_a_runbook_is_uploaded_found_read_and_taken_out_of_use(portal: Client) -> None:
    text = "---\nservices: [acme-payments]\n---\n# Pool exhausted\n\nWaits for connections.\n\n## Steps\n\n1. Raise the pool size.\n"
    first = portal.post("/runbooks", json={"name": "pool.md", "text": text})
    second = portal.post("/runbooks", json={"name": "pool.md", "text": text.replace("Raise", "Double")})
    path = f"/runbooks/{first.json()['id']}"

    assert (first.status_code, first.json()["title"], first.json()["version"]) == (201, "Pool exhausted", 1)
    assert (second.json()["id"], second.json()["version"]) == (first.json()["id"], 2)
    found = portal.get("/runbooks/search?q=connection+pool+exhausted").json()["items"]
    assert [(one["title"], one["steps"]) for one in found] == [("Pool exhausted", ["Double the pool size."])]
    assert portal.get(f"{path}/text.md").text == second.json()["text"]
    assert [one["title"] for one in portal.get("/runbooks?service=acme-payments").json()["items"]] == ["Pool exhausted"]
    others = portal.get("/runbooks?service=acme-checkout").json()["items"]
    assert [one["title"] for one in others] == ["acme pool"]
    assert portal.delete(path).status_code == 204
    assert portal.get(path).status_code == 404


# --- bounds ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "status", "name"),
    [
        ({"content": b"{}", "headers": {"Content-Type": "text/plain"}}, 415, "unsupported-media-type"),
        ({"content": b"\xff{}", "headers": {"Content-Type": "application/json"}}, 422, "invalid"),
        ({"content": b"[" * 200_000, "headers": {"Content-Type": "application/json"}}, 422, "invalid"),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 422, "invalid"),
        (
            {"content": b'{"service": "\\ud800", "version": "1"}', "headers": {"Content-Type": "application/json"}},
            422,
            "invalid",
        ),
        ({"content": b" " * 262_145, "headers": {"Content-Type": "application/json"}}, 413, "too-large"),
        (
            {"content": (b" " * 65_536 for _ in range(5)), "headers": {"Content-Type": "application/json"}},
            413,
            "too-large",
        ),
    ],
)
def test_what_is_not_json_or_too_much_is_refused_before_it_is_read(
    portal: Client, sent: dict[str, Any], status: int, name: str
) -> None:
    answer = portal.post("/changes", **sent)

    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:sre-copilot:problem:{name}")
