"""Whatever becomes of the model, the run ends with the rules, and the card says why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e import sources
from tests.e2e.customer import Customer, join, words
from tests.servers.aimock import AiMock, answers, cuts_off, fails, refuses
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.stack import Stack

pytestmark = [pytest.mark.xdist_group("e2e-model"), pytest.mark.slow]

MODEL, FALLBACK = "claude-sonnet-5-5", "claude-haiku-5-5"
HYPOTHESIS = {
    "entity": "service/payments",
    "cause_kind": "connection saturation",
    "statement": "Payments has too few database connections",
    "evidence_for": ["E1"],
    "evidence_against": [],
    "next_check": "Look at the pool",
}


@pytest.fixture(scope="module")
def stack(start_stack: Callable[..., Stack], aimock_server: AiMock) -> Stack:
    return start_stack(ANTHROPIC_API_KEY="sk-ant-of-a-test", ANTHROPIC_BASE_URL=aimock_server.base_url)


@pytest.fixture(scope="module")
def customer(stack: Stack, replay: sources.Replay) -> Customer:
    return join(stack, "trouble", *replay.sources.connections, services=sources.services())


def calls(stack: Stack, run_id: object) -> list[tuple[str, str]]:
    """Return which models were asked in a run, and how each call ended."""
    rows = stack.rows("SELECT model, outcome FROM copilot_modelcall WHERE run_id = %s ORDER BY id", run_id)
    return [(row["model"], row["outcome"]) for row in rows]


TROUBLES: dict[str, tuple[list[dict[str, Any]], str, list[tuple[str, str]]]] = {
    "refusal": ([refuses()], "the model refused", [(MODEL, "refusal"), (FALLBACK, "refusal")]),
    "rate limit": (
        [fails(429, "rate_limit_error", retry_after=1)],
        "the model's rate limit is reached (429)",
        [(MODEL, "rate limited: 429"), (FALLBACK, "rate limited: 429")],
    ),
    "cut-off": (
        [cuts_off({"hypotheses": [HYPOTHESIS]})],
        "the model's answer was cut off",
        [(MODEL, "cut off")],
    ),
    "wrong key": (
        [fails(401, "authentication_error")],
        "the model's API refused the key (401): check ANTHROPIC_API_KEY",
        [(MODEL, "unauthorised: 401")],
    ),
    "no JSON": (
        [answers("It was the database.")],
        "the model's answer was not in the agreed form",
        [(MODEL, "malformed"), (FALLBACK, "malformed")],
    ),
    "evidence of its own": (
        [answers({"hypotheses": [{**HYPOTHESIS, "evidence_for": ["E1", "E999"]}]})],
        "the model cited evidence that it was not given",
        [(MODEL, "end_turn")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("trouble", TROUBLES)
def test_the_run_ends_with_the_rules_and_says_why(
    trouble: str, stack: Stack, customer: Customer, replay: sources.Replay, aimock_server: AiMock
) -> None:
    fixtures, note, asked = TROUBLES[trouble]
    aimock_server.load(*fixtures)

    page = customer.page(title=f"{trouble} on checkout", created_at=replay.alert_at)
    row = customer.wait_until_shown(page)

    shown = stack.incident("trouble", row["number"])
    assert shown["model_note"] == note
    assert {one["origin"] for one in shown["hypotheses"]} == {"rule"}
    assert shown["hypotheses"][0]["service"] == "payments"
    (root,) = customer.roots(row["number"])
    assert f"rules only: {note}" in words(root)
    assert "Likely cause" in words(root)
    assert calls(stack, row["run_id"]) == asked


def test_another_model_is_asked_where_the_first_refuses(
    stack: Stack, customer: Customer, replay: sources.Replay, aimock_server: AiMock
) -> None:
    aimock_server.load(refuses(model=MODEL), answers({"hypotheses": [HYPOTHESIS]}, model=FALLBACK))

    row = customer.wait_until_shown(customer.page(title="another on checkout", created_at=replay.alert_at))

    shown = stack.incident("trouble", row["number"])
    assert shown["model_note"] == ""
    assert [one["statement"] for one in shown["hypotheses"] if one["origin"] == "model"] == [HYPOTHESIS["statement"]]
    assert calls(stack, row["run_id"]) == [(MODEL, "refusal"), (FALLBACK, "end_turn")]
    (root,) = customer.roots(row["number"])
    assert "rules only" not in words(root)


def test_a_worker_killed_while_the_model_speaks_asks_again_and_forgets_no_bill(
    stack: Stack, customer: Customer, replay: sources.Replay, aimock_server: AiMock
) -> None:
    # Slow enough to be killed in: some thirty events, a second apart.
    aimock_server.load({**answers({"hypotheses": [HYPOTHESIS]}), "latency": 1000})
    page = customer.page(title="killed model on checkout", created_at=replay.alert_at)
    until(lambda: calls(stack, customer.wait_for(page, "propose", "gather", "open")["run_id"]), what="the first call")
    stack.kill("worker")
    aimock_server.load(answers({"hypotheses": [HYPOTHESIS]}))
    stack.start("worker")
    stack.let_pauses_end()

    row = customer.wait_until_shown(page)

    first, second = calls(stack, row["run_id"])
    assert first[0] == second[0] == MODEL
    assert first[1] != "end_turn"
    assert second[1] == "end_turn"
    assert len(customer.roots(row["number"])) == 1


def test_what_leaves_for_the_model_is_redacted(
    customer: Customer, replay: sources.Replay, aimock_server: AiMock
) -> None:
    aimock_server.load(answers({"hypotheses": []}))

    page = customer.page(
        title="Latency on checkout, ask ada@example.com, token xoxb-123456789012-abcdefghijklmnop",
        created_at=replay.alert_at,
    )
    customer.wait_until_shown(page)

    (entry,) = aimock_server.journal()
    assert "ada@example.com" not in str(entry["body"])
    assert "xoxb-123456789012" not in str(entry["body"])
    assert "Latency on checkout" in str(entry["body"])
