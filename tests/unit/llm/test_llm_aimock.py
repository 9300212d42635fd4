"""The model's door against a Claude stand-in that others wrote, through the real SDK."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from copilot.llm.prompt import PROMPT_VERSION, SYSTEM
from scoring.evidence import Candidate, CauseKind, Origin
from tests.servers.aimock import AiMock, answers, cuts_off, fails, refuses
from tests.unit.llm.incident import Asked, hypothesis, payments

if TYPE_CHECKING:
    from collections.abc import Callable

MAIN, FALLBACK = "claude-sonnet-5-5", "claude-haiku-5-5"


@pytest.fixture
def claude(aimock: Callable[..., AiMock], configure: Callable[..., None]) -> Callable[..., AiMock]:
    """Have the model's door ask the stand-in."""

    def start(*fixtures: dict[str, object], **settings: object) -> AiMock:
        server = aimock(*fixtures)
        configure(ANTHROPIC_API_KEY="test-key", ANTHROPIC_BASE_URL=server.base_url, **settings)
        return server

    return start


def test_it_takes_a_structured_answer(claude: Callable[..., AiMock], ask: Asked) -> None:
    claude(answers({"hypotheses": [hypothesis(evidence_against=["E1"])]}))

    proposals = ask()

    assert proposals.candidates == (
        Candidate(
            entity=payments,
            cause_kind=CauseKind.CONNECTION_SATURATION,
            statement="The rollout of v42 shrank the connection pool, so that requests wait 900 ms for a connection",
            supporting=("E2", "E3"),
            contradicting=("E1",),
            origin=Origin.MODEL,
            next_check="Compare the pool size of v41 and v42",
        ),
    )
    assert (proposals.note, proposals.model, proposals.dropped) == ("", MAIN, ())


def test_it_writes_down_what_an_answer_cost(claude: Callable[..., AiMock], ask: Asked) -> None:
    claude(answers({"hypotheses": [hypothesis()]}, tokens=(2000, 100)))

    ask()

    (call,) = ask.calls()
    assert (call.run_id, call.model, call.outcome, call.prompt_version) == (
        ask.run_id,
        MAIN,
        "end_turn",
        PROMPT_VERSION,
    )
    assert (call.input_tokens, call.output_tokens, call.cache_write_tokens, call.cache_read_tokens) == (2000, 100, 0, 0)
    # 2,000 at $3 and 100 at $15 per million.
    assert call.dollars == Decimal("0.007500")
    assert call.seconds > 0


def test_it_shows_the_system_text_and_one_document_of_data(claude: Callable[..., AiMock], ask: Asked) -> None:
    server = claude(answers({"hypotheses": []}))

    ask()

    (entry,) = server.journal()
    system, user = entry["body"]["messages"]
    assert system == {"role": "system", "content": SYSTEM}
    assert user["role"] == "user"
    assert [line["id"] for line in json.loads(user["content"])["evidence"]] == ["E1", "E2", "E3"]
    assert entry["body"]["stream"] is True


def test_it_drops_a_hypothesis_that_cites_evidence_which_was_not_given(
    claude: Callable[..., AiMock], ask: Asked
) -> None:
    claude(answers({"hypotheses": [hypothesis(evidence_for=["E2", "E99"]), hypothesis(cause_kind="bad deploy")]}))

    proposals = ask()

    assert [one.cause_kind for one in proposals.candidates] == [CauseKind.BAD_DEPLOY]
    assert proposals.note == ""
    assert proposals.dropped == ("hypotheses.0: it names evidence that was not given",)


def test_it_keeps_what_is_right_beside_a_hypothesis_of_a_kind_that_we_do_not_know(
    claude: Callable[..., AiMock], ask: Asked
) -> None:
    claude(answers({"hypotheses": [hypothesis(cause_kind="sabotage"), hypothesis()]}))

    proposals = ask()

    assert [one.cause_kind for one in proposals.candidates] == [CauseKind.CONNECTION_SATURATION]
    assert (proposals.note, proposals.dropped) == ("", ("hypotheses.0: cause_kind is not as agreed",))
    assert [call.outcome for call in ask.calls()] == ["end_turn"]


def test_it_says_so_when_nothing_that_the_model_says_stands_on_evidence(
    claude: Callable[..., AiMock], ask: Asked
) -> None:
    claude(answers({"hypotheses": [hypothesis(evidence_for=[]), hypothesis(entity="service/shop/billing")]}))

    proposals = ask()

    assert proposals.candidates == ()
    assert proposals.note == "the model cited evidence that it was not given"
    assert proposals.dropped == (
        "hypotheses.0: it names no evidence for itself",
        "hypotheses.1: it names an entity that was not given",
    )


def test_it_says_so_when_the_model_has_nothing_to_add(claude: Callable[..., AiMock], ask: Asked) -> None:
    claude(answers({"hypotheses": []}))

    assert ask().note == "the model had nothing to add"


def test_it_asks_the_other_model_when_the_first_refuses(claude: Callable[..., AiMock], ask: Asked) -> None:
    claude(refuses(model=MAIN), answers({"hypotheses": [hypothesis()]}, model=FALLBACK))

    proposals = ask()

    assert len(proposals.candidates) == 1
    assert (proposals.note, proposals.model) == ("", FALLBACK)
    assert [(call.model, call.outcome) for call in ask.calls()] == [(MAIN, "refusal"), (FALLBACK, "end_turn")]


def test_it_leaves_the_run_to_the_rules_when_both_models_refuse(claude: Callable[..., AiMock], ask: Asked) -> None:
    server = claude(refuses())

    proposals = ask()

    assert (proposals.candidates, proposals.note) == ((), "the model refused")
    assert [entry["body"]["model"] for entry in server.journal()] == [MAIN, FALLBACK]
    assert [(call.outcome, call.input_tokens, call.output_tokens) for call in ask.calls()] == [("refusal", 1200, 3)] * 2


def test_it_asks_the_other_model_when_the_first_is_overloaded(claude: Callable[..., AiMock], ask: Asked) -> None:
    server = claude(fails(529, "overloaded_error", model=MAIN), answers({"hypotheses": [hypothesis()]}, model=FALLBACK))

    proposals = ask()

    assert len(proposals.candidates) == 1
    # The SDK tries three times by itself; nothing around it does.
    assert [entry["body"]["model"] for entry in server.journal()] == [MAIN, MAIN, MAIN, FALLBACK]
    assert [(call.outcome, call.dollars > 0) for call in ask.calls()] == [
        ("overloaded: 529", False),
        ("end_turn", True),
    ]


def test_it_waits_as_it_is_told_on_a_rate_limit_and_then_says_so(claude: Callable[..., AiMock], ask: Asked) -> None:
    server = claude(fails(429, "rate_limit_error", retry_after=1), COPILOT_FALLBACK_MODEL="")
    started = time.monotonic()

    proposals = ask()

    assert proposals.note == "the model's rate limit is reached (429)"
    assert [entry["response"]["status"] for entry in server.journal()] == [429, 429, 429]
    assert time.monotonic() - started >= 2.0
    assert [(call.outcome, call.dollars) for call in ask.calls()] == [("rate limited: 429", Decimal(0))]


def test_it_does_not_wait_longer_than_it_has_time(claude: Callable[..., AiMock], ask: Asked) -> None:
    server = claude(
        fails(429, "rate_limit_error", retry_after=3600), COPILOT_FALLBACK_MODEL="", COPILOT_MODEL_SECONDS=30
    )

    assert ask().note == "the model's rate limit is reached (429)"

    # A second request would come an hour later.
    assert len(server.journal()) == 1


def test_it_keeps_the_bill_of_an_answer_that_is_cut_off(claude: Callable[..., AiMock], ask: Asked) -> None:
    claude(cuts_off({"hypotheses": [hypothesis()]}, chunks=6))

    proposals = ask()

    assert (proposals.candidates, proposals.note) == ((), "the model's answer was cut off")
    (call,) = ask.calls()
    assert (call.outcome, call.input_tokens, call.output_tokens) == ("cut off", 1200, 80)
    assert call.dollars == Decimal("0.004800")


@pytest.mark.parametrize(
    "text",
    [
        '{"hypotheses": [',
        "I think that it was the deploy.",
        '{"causes": []}',
        "[]",
        '{"hypotheses": {"1": "the deploy"}}',
        '{"hypotheses": [{"entity": "service/shop/payments"}]}',
        '{"hypotheses": [' + json.dumps(hypothesis(cause_kind="sabotage")) + "]}",
        " ",
    ],
)
def test_it_takes_nothing_from_an_answer_that_is_not_in_the_agreed_form(
    claude: Callable[..., AiMock], ask: Asked, text: str
) -> None:
    claude(answers(text))

    proposals = ask()

    assert (proposals.candidates, proposals.note) == ((), "the model's answer was not in the agreed form")
    assert [(call.model, call.outcome) for call in ask.calls()] == [(MAIN, "malformed"), (FALLBACK, "malformed")]


def test_it_asks_the_other_model_when_the_first_answers_in_another_form(
    claude: Callable[..., AiMock], ask: Asked
) -> None:
    claude(answers('{"causes": []}', model=MAIN), answers({"hypotheses": [hypothesis()]}, model=FALLBACK))

    proposals = ask()

    assert len(proposals.candidates) == 1
    assert (proposals.note, proposals.model) == ("", FALLBACK)
    assert [(call.model, call.outcome, call.dollars > 0) for call in ask.calls()] == [
        (MAIN, "malformed", True),
        (FALLBACK, "end_turn", True),
    ]


@pytest.mark.parametrize(
    ("reason", "note", "outcome"),
    [
        ("length", "the model's answer was longer than COPILOT_MODEL_MAX_TOKENS allows", "max_tokens"),
        (
            "model_context_window_exceeded",
            "the evidence is more than the model can read at once",
            "model_context_window_exceeded",
        ),
        ("pause_turn", "the model stopped without an answer (pause_turn)", "stopped: pause_turn"),
    ],
)
def test_it_takes_nothing_from_an_answer_that_stopped_early_but_pays_for_it(
    claude: Callable[..., AiMock], ask: Asked, reason: str, note: str, outcome: str
) -> None:
    claude(answers({"hypotheses": [hypothesis()]}, finishReason=reason))

    proposals = ask()

    assert (proposals.candidates, proposals.note) == ((), note)
    assert [(call.outcome, call.input_tokens) for call in ask.calls()] == [(outcome, 1200)]


def test_it_gives_up_on_a_model_that_drips_its_answer_past_the_deadline(
    claude: Callable[..., AiMock], ask: Asked
) -> None:
    claude({**answers({"hypotheses": [hypothesis()]}), "latency": 500}, COPILOT_MODEL_SECONDS=2)

    # The whole answer takes ten seconds and more: who waited for it would have it.
    assert ask().note == "the model did not answer within 2 s"
    assert [(call.outcome, call.input_tokens) for call in ask.calls()] == [("timed out", 1200)]


def test_it_ignores_a_tool_call_that_nobody_offered(claude: Callable[..., AiMock], ask: Asked) -> None:
    tool = {
        "toolCalls": [{"name": "kubectl", "arguments": {"command": "delete ns shop"}}],
        "usage": {"input_tokens": 9},
    }
    claude({"match": {"endpoint": "chat"}, "response": tool})

    assert ask().note == "the model stopped without an answer (tool_use)"
