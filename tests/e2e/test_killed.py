"""Any process may be killed at any instant: the run goes on, and Slack shows it once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.e2e import sources
from tests.e2e.customer import Customer, join, post_ids, words
from tests.waiting import PATIENCE, until

if TYPE_CHECKING:
    from tests.e2e.stack import Stack

pytestmark = [pytest.mark.xdist_group("e2e"), pytest.mark.slow]

STAGES = ("open", "gather", "propose", "rank", "post")
FOLLOWING = {"open": "gather", "gather": "propose", "propose": "rank", "rank": "post", "post": "done"}


@pytest.fixture(scope="module")
def customer(stack: Stack, replay: sources.Replay) -> Customer:
    return join(stack, "killed", *replay.sources.connections, services=sources.services())


def page(customer: Customer, replay: sources.Replay, title: str) -> str:
    """Page with a symptom of its own, so that no earlier incident takes it in."""
    return customer.page(title=f"{title} on checkout", created_at=replay.alert_at)


def assert_it_is_told_once(customer: Customer, pagerduty_id: str) -> None:
    """The run is done, with each stage's result once, one message in the channel, and nothing twice in its thread."""
    row = customer.wait_until_shown(pagerduty_id)
    stages = customer.stack.rows(
        "SELECT stage FROM copilot_stageresult WHERE run_id = %s ORDER BY started_at", row["run_id"]
    )
    assert [one["stage"] for one in stages] == list(STAGES)
    (hypotheses,) = customer.stack.rows(
        "SELECT count(*) AS n, count(DISTINCT rank) AS ranks FROM copilot_hypothesis WHERE run_id = %s", row["run_id"]
    )
    assert hypotheses["n"] == hypotheses["ranks"] > 0
    (root,) = customer.roots(row["number"])
    assert "Likely cause" in words(root)
    thread = customer.thread(root)
    ids = post_ids([root, *thread])
    assert len(ids) == len(set(ids))
    assert sum("pieces of evidence" in words(one) for one in thread) == 1
    files = [one["files"][0]["title"] for one in thread if one.get("files")]
    assert len(files) == len(set(files)) > 0
    posts = customer.stack.rows("SELECT key, ts FROM slackbot_slackpost WHERE incident_id = %s", row["id"])
    assert all(one["ts"] for one in posts)
    # Whatever is in the thread is known to us: nothing was posted by an attempt that was forgotten.
    assert len(thread) + 1 == len(posts)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("process", ["worker", "api", "beat", "slack"])
def test_a_process_killed_at_a_stage_is_not_noticed_in_slack(
    process: str, stage: str, stack: Stack, customer: Customer, replay: sources.Replay
) -> None:
    """The stage's work is done, outside calls included, and its result is about to be written: the worst moment."""
    with stack.held("copilot_run", f"OLD.stage = '{stage}' AND NEW.stage = '{FOLLOWING[stage]}'") as gate:
        pagerduty_id = page(customer, replay, f"{process} {stage}")
        gate.wait_until_reached()
        stack.kill(process)
    stack.start(process)
    stack.let_pauses_end()

    assert_it_is_told_once(customer, pagerduty_id)


def test_a_worker_killed_while_a_source_is_being_asked(
    stack: Stack, customer: Customer, replay: sources.Replay
) -> None:
    with replay.silence("prometheus"):
        replay.asked.clear()
        pagerduty_id = page(customer, replay, "asking")
        until(lambda: "prometheus" in replay.asked, what="the question to Prometheus")
        customer.wait_for(pagerduty_id, "gather")
        stack.kill("worker")
    stack.start("worker")
    stack.let_pauses_end()

    assert_it_is_told_once(customer, pagerduty_id)


@pytest.mark.parametrize("key", ["root", "evidence"])
def test_a_worker_killed_after_slack_took_a_message_and_before_its_name_was_saved(
    key: str, stack: Stack, customer: Customer, replay: sources.Replay
) -> None:
    """The nastiest moment: the message is there, and no row knows it. It is found again, and adopted."""
    before = len(customer.messages())
    with stack.held("slackbot_slackpost", f"OLD.key = '{key}' AND OLD.ts = '' AND NEW.ts <> ''") as gate:
        pagerduty_id = page(customer, replay, f"adopted {key}")
        gate.wait_until_reached()
        messages = customer.messages()
        assert len(messages) == before + 1
        said = customer.thread(messages[-1])
        assert len(said) == (1 if key == "evidence" else 0)
        stack.kill("worker")
    (row,) = stack.rows(
        "SELECT p.ts, p.attempted_at FROM slackbot_slackpost p JOIN copilot_incident i ON i.id = p.incident_id"
        " WHERE i.dedupe_key = %s AND p.key = %s",
        pagerduty_id,
        key,
    )
    assert row["ts"] == ""
    assert row["attempted_at"] is not None
    stack.start("worker")
    stack.let_pauses_end()

    assert_it_is_told_once(customer, pagerduty_id)
    assert len(customer.messages()) == before + 1
    assert customer.messages()[-1]["ts"] == messages[-1]["ts"]


def test_a_chart_whose_upload_was_cut_short_is_not_uploaded_twice(
    stack: Stack, customer: Customer, replay: sources.Replay
) -> None:
    with stack.held("slackbot_slackpost", "OLD.key LIKE 'chart%%' AND OLD.ts = '' AND NEW.ts <> ''") as gate:
        pagerduty_id = page(customer, replay, "chart")
        gate.wait_until_reached()
        stack.kill("worker")
    stack.start("worker")
    stack.let_pauses_end()

    assert_it_is_told_once(customer, pagerduty_id)


def test_an_api_killed_before_it_answered_takes_the_same_delivery_again(
    stack: Stack, customer: Customer, replay: sources.Replay
) -> None:
    event = customer.event(incident="QAPIKILLED0001", title="killed api on checkout", created_at=replay.alert_at)
    with ThreadPoolExecutor(max_workers=1) as pool:
        with stack.locked("copilot_delivery") as wait_until_reached:
            sent = pool.submit(customer.send, event, delivery="D-API-KILLED")
            wait_until_reached()
            stack.kill("api")
        with pytest.raises(httpx.TransportError):
            sent.result(timeout=PATIENCE)
    assert stack.rows("SELECT 1 FROM copilot_delivery WHERE external_id = 'D-API-KILLED'") == []
    stack.start("api")

    again = customer.send(event, delivery="D-API-KILLED")

    assert again.status_code == 202
    assert_it_is_told_once(customer, "QAPIKILLED0001")
    assert len(stack.rows("SELECT 1 FROM copilot_delivery WHERE external_id = 'D-API-KILLED'")) == 1


def test_everything_killed_at_once_goes_on_where_it_was(
    stack: Stack, customer: Customer, replay: sources.Replay
) -> None:
    with stack.held("copilot_run", "OLD.stage = 'propose' AND NEW.stage = 'rank'") as gate:
        pagerduty_id = page(customer, replay, "everything")
        gate.wait_until_reached()
        for process in stack.processes:
            stack.kill(process)
        stack.broker.stop()
    stack.broker.start()
    stack.start(*stack.processes)
    stack.let_pauses_end()

    assert_it_is_told_once(customer, pagerduty_id)


def asked_still(stack: Stack, pagerduty_id: str) -> list[str]:
    """Return the sources that have not answered the incident's run yet."""
    rows = stack.rows(
        "SELECT s.source FROM copilot_sourcecall s JOIN copilot_run r ON r.id = s.run_id"
        " JOIN copilot_incident i ON i.id = r.incident_id WHERE i.dedupe_key = %s AND s.status = 'asking' ORDER BY s.source",
        pagerduty_id,
    )
    return [row["source"] for row in rows]


def test_a_worker_that_froze_and_woke_up_late_changes_nothing(
    stack: Stack, customer: Customer, replay: sources.Replay
) -> None:
    """Its lease went to another worker meanwhile, so that its result does not count."""
    with replay.silence("prometheus"):
        replay.asked.clear()
        pagerduty_id = page(customer, replay, "frozen")
        until(lambda: "prometheus" in replay.asked, what="the question to Prometheus")
        customer.wait_for(pagerduty_id, "gather")
        # The others' answers are written down: a process that is frozen with a row locked is another story (tests/flow/test_flow.py).
        until(lambda: asked_still(stack, pagerduty_id) == ["prometheus"], what="the other answers")
        stack.freeze("worker")
    try:
        stack.start_another_worker()
        assert_it_is_told_once(customer, pagerduty_id)
        told = customer.incident(pagerduty_id)
        evidence = stack.rows("SELECT id FROM copilot_evidence WHERE run_id = %s ORDER BY id", told and told["run_id"])
    finally:
        stack.thaw("worker")
    until(
        lambda: "a late worker's result was thrown away" in stack.processes["worker"].last_words(1000),
        what="the late worker to learn that it is late",
    )

    assert customer.incident(pagerduty_id) == told
    assert_it_is_told_once(customer, pagerduty_id)
    again = stack.rows("SELECT id FROM copilot_evidence WHERE run_id = %s ORDER BY id", told and told["run_id"])
    assert again == evidence
