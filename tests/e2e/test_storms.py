"""Accepted means durable: many at once, without a broker, without a database."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.e2e import sources
from tests.e2e.customer import Customer, join, post_ids
from tests.waiting import PATIENCE, until

if TYPE_CHECKING:
    from tests.e2e.stack import Stack

pytestmark = [pytest.mark.xdist_group("e2e"), pytest.mark.slow]


@pytest.fixture(scope="module")
def customer(stack: Stack, replay: sources.Replay) -> Customer:
    return join(stack, "storms", *replay.sources.connections, services=sources.services())


def at_once(customer: Customer, bodies: list[tuple[bytes, str]]) -> list[httpx.Response]:
    """Send deliveries side by side, all starting together."""
    together = threading.Barrier(len(bodies))

    def send(body: bytes, delivery: str) -> httpx.Response:
        headers = customer.signed(body, delivery=delivery)
        with httpx.Client(base_url=customer.stack.api, timeout=PATIENCE) as client:
            together.wait(timeout=PATIENCE)
            return client.post(customer.path, content=body, headers=headers)

    with ThreadPoolExecutor(max_workers=len(bodies)) as pool:
        return [one.result() for one in [pool.submit(send, *body) for body in bodies]]


def assert_told_once(customer: Customer, pagerduty_id: str) -> None:
    row = customer.wait_until_shown(pagerduty_id)
    (root,) = customer.roots(row["number"])
    ids = post_ids([root, *customer.thread(root)])
    assert len(ids) == len(set(ids)) >= 2


def test_the_same_delivery_ten_times_at_once_is_one_incident(customer: Customer, replay: sources.Replay) -> None:
    event = customer.event(incident="QTENTIMES00001", title="ten times on checkout", created_at=replay.alert_at)
    body = json.dumps(event).encode()
    before = len(customer.messages())

    answers = at_once(customer, [(body, "D-TEN-TIMES")] * 10)

    assert [one.status_code for one in answers] == [202] * 10
    # One was new; the nine others are told that it was there.
    assert sorted(one.json()["status"] for one in answers) == ["accepted"] + ["already accepted"] * 9
    assert_told_once(customer, "QTENTIMES00001")
    assert len(customer.messages()) == before + 1
    rows = customer.stack.rows(
        "SELECT (SELECT count(*) FROM copilot_delivery WHERE external_id = 'D-TEN-TIMES') AS deliveries,"
        " (SELECT count(*) FROM copilot_incident WHERE dedupe_key = 'QTENTIMES00001') AS incidents,"
        " (SELECT count(*) FROM copilot_run r JOIN copilot_incident i ON i.id = r.incident_id"
        "  WHERE i.dedupe_key = 'QTENTIMES00001') AS runs"
    )
    assert rows == [{"deliveries": 1, "incidents": 1, "runs": 1}]


def test_one_event_in_ten_deliveries_at_once_is_one_incident(customer: Customer, replay: sources.Replay) -> None:
    """PagerDuty gives each subscription its own delivery id; two subscriptions must not page twice."""
    event = customer.event(incident="QTENIDS0000001", title="ten ids on checkout", created_at=replay.alert_at)
    body = json.dumps(event).encode()

    answers = at_once(customer, [(body, f"D-TEN-IDS-{number}") for number in range(10)])

    assert [(one.status_code, one.json()["status"]) for one in answers] == [(202, "accepted")] * 10
    assert_told_once(customer, "QTENIDS0000001")
    rows = customer.stack.rows("SELECT number FROM copilot_incident WHERE dedupe_key = 'QTENIDS0000001'")
    assert len(rows) == 1


def test_events_out_of_order_end_where_the_newest_says(customer: Customer, replay: sources.Replay) -> None:
    at = replay.alert_at
    page = customer.page(title="order on checkout", at=at, created_at=at)
    customer.wait_until_shown(page)

    customer.page("incident.resolved", incident=page, at=at + 30, created_at=at)
    customer.page("incident.acknowledged", incident=page, at=at + 20, created_at=at)
    until(lambda: not customer.stack.rows("SELECT 1 FROM copilot_delivery WHERE handled_at IS NULL"), what="the inbox")

    assert_told_once(customer, page)
    (row,) = customer.stack.rows("SELECT status, acknowledged_by FROM copilot_incident WHERE dedupe_key = %s", page)
    assert row == {"status": "resolved", "acknowledged_by": "Alice Nguyen"}


def test_webhooks_are_taken_while_the_broker_is_down_and_found_when_it_is_back(
    stack: Stack, customer: Customer, replay: sources.Replay
) -> None:
    stack.broker.stop()
    pages, seconds = [], []
    for title in ("broker gone", "still gone", "gone for good"):
        started = time.monotonic()
        pages.append(customer.page(title=f"{title} on checkout", created_at=replay.alert_at))  # answered 202
        seconds.append(time.monotonic() - started)
    rows = stack.rows("SELECT handled_at FROM copilot_delivery ORDER BY received_at DESC LIMIT 3")
    assert [row["handled_at"] for row in rows] == [None] * 3
    # PagerDuty takes a webhook for lost after five seconds. Were the broker waited for, it would be so each time.
    assert min(seconds) < 4

    stack.broker.start()

    # A worker that lost its broker asks again after two, four, six … seconds, and the sweeper's hint must find it awake.
    for page in pages:
        assert_told_once(customer, page)
    (left,) = stack.rows("SELECT count(*) AS n FROM copilot_delivery WHERE handled_at IS NULL")
    assert left["n"] == 0
    assert stack.processes["worker"].is_alive


def test_a_webhook_is_not_accepted_while_the_database_is_down(
    stack: Stack, customer: Customer, replay: sources.Replay
) -> None:
    event = customer.event(incident="QNODATABASE001", title="no database on checkout", created_at=replay.alert_at)

    with stack.without_database():
        answer = customer.send(event, delivery="D-NO-DATABASE")
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "2"
        assert httpx.get(f"{stack.api}/health/ready", timeout=PATIENCE).status_code == 503
        assert httpx.get(f"{stack.api}/health/live", timeout=PATIENCE).status_code == 200
    assert stack.rows("SELECT 1 FROM copilot_delivery WHERE external_id = 'D-NO-DATABASE'") == []

    # What a vendor does with a 503: it sends the same delivery again.
    again = until(
        lambda: (answer := customer.send(event, delivery="D-NO-DATABASE")).status_code == 202 and answer,
        what="the api to find its database again",
    )
    assert again.json() == {"status": "accepted"}
    assert_told_once(customer, "QNODATABASE001")


def test_a_database_that_hangs_up_in_the_middle_loses_nothing_that_was_accepted(
    stack: Stack, customer: Customer, replay: sources.Replay
) -> None:
    with stack.held("copilot_run", "OLD.stage = 'gather' AND NEW.stage = 'propose'") as gate:
        page = customer.page(title="hung up on checkout", created_at=replay.alert_at)
        gate.wait_until_reached()
        assert stack.hang_up() >= 1
    stack.let_pauses_end()

    assert_told_once(customer, page)
    # The api's pool held dead connections, too: webhooks meet a 503 until all are new, and are sent again.
    stack.kill_and_restart("api")
