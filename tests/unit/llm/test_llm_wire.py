"""What goes over the wire to Claude, and what comes of wires that break."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from tests.unit.llm import wire
from tests.unit.llm.incident import Asked, hypothesis

if TYPE_CHECKING:
    from copilot.models import Tenant

MAIN, FALLBACK = "claude-sonnet-5-5", "claude-haiku-5-5"
Claude = Callable[..., list[httpx2.Request]]


@pytest.fixture
def claude(configure: Callable[..., None]) -> Callable[..., list[httpx2.Request]]:
    """Answer requests with the given answers, one after another, the last for ever; gives the requests."""

    def start(*answers: Any, **settings: object) -> list[httpx2.Request]:
        asked: list[httpx2.Request] = []

        def answer(request: httpx2.Request) -> httpx2.Response:
            asked.append(request)
            one = answers[min(len(asked), len(answers)) - 1]
            made = one() if callable(one) else one
            if isinstance(made, Exception):
                raise made
            assert isinstance(made, httpx2.Response)
            return made

        configure(ANTHROPIC_API_KEY="test-key", **settings)
        wire.put_in(answer)
        return asked

    return start


def whole(**usage: int) -> Callable[[], httpx2.Response]:
    """Return a maker of a good answer."""
    text = json.dumps({"hypotheses": [hypothesis()]})
    return lambda: wire.stream(wire.begins(**usage), wire.says(text), wire.ends())


def error(status: int, kind: str) -> Callable[[], httpx2.Response]:
    """Return a maker of an error that the SDK does not try again."""
    body = {"type": "error", "error": {"type": kind, "message": "made up"}, "request_id": "req_e"}
    return lambda: httpx2.Response(status, json=body, headers={"request-id": "req_e", "x-should-retry": "false"})


def test_it_asks_for_json_of_one_constant_schema(claude: Claude, ask: Asked) -> None:
    asked = claude(whole())

    ask()
    ask(title="another incident", evidence=ask.parts["evidence"][:2])

    first, second = (json.loads(request.content) for request in asked)
    assert first["output_config"]["format"]["type"] == "json_schema"
    schema = first["output_config"]["format"]["schema"]
    assert schema["required"] == ["hypotheses"]
    assert schema["additionalProperties"] is False
    # Another schema or system text would miss the cache of the one before.
    assert second["output_config"] == first["output_config"]
    assert second["system"] == first["system"]
    assert second["messages"] != first["messages"]


def test_it_marks_the_constant_text_for_the_cache_and_nothing_of_the_incident(claude: Claude, ask: Asked) -> None:
    asked = claude(whole())

    ask()

    body = json.loads(asked[0].content)
    assert [block["cache_control"] for block in body["system"]] == [{"type": "ephemeral", "ttl": "1h"}]
    assert [list(block) for block in body["messages"][0]["content"]] == [["type", "text"]]
    assert "cache_control" not in body
    system = body["system"][0]["text"]
    for mark in ("E1", "checkout", "payments", "2026", str(ask.tenant_id), str(ask.run_id)):
        assert mark not in system


def test_it_gives_the_model_no_tools(claude: Claude, ask: Asked) -> None:
    asked = claude(whole())

    ask()

    assert set(json.loads(asked[0].content)) == {
        "max_tokens",
        "messages",
        "model",
        "output_config",
        "stream",
        "system",
    }


def test_it_bills_each_kind_of_token_at_its_own_price(claude: Claude, ask: Asked) -> None:
    claude(whole(input_tokens=1000, cache_creation_input_tokens=2000, cache_read_input_tokens=4000))

    ask()

    (call,) = ask.calls()
    assert (call.input_tokens, call.output_tokens, call.cache_write_tokens, call.cache_read_tokens) == (
        1000,
        10,
        2000,
        4000,
    )
    # Per million: $3 input, $15 output, $6 written to the cache for an hour, $0.30 read from it.
    assert call.dollars == Decimal("0.003") + Decimal("0.00015") + Decimal("0.012") + Decimal("0.0012")
    assert call.request_id == "req_1"


def test_it_names_the_category_of_a_refusal(claude: Claude, ask: Asked) -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "no"}
    refusal = wire.ends("refusal", stop_details=details)
    claude(lambda: wire.stream(wire.begins(input_tokens=500), refusal), COPILOT_FALLBACK_MODEL="")

    assert ask().note == "the model refused (cyber)"

    assert [(call.outcome, call.input_tokens) for call in ask.calls()] == [("refusal: cyber", 500)]


def test_it_takes_an_overload_in_the_middle_of_a_stream_for_what_it_is(claude: Claude, ask: Asked) -> None:
    overload = wire.event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    asked = claude(lambda: wire.stream(wire.begins(input_tokens=700), overload), whole())

    proposals = ask()

    assert (len(proposals.candidates), proposals.model) == (1, FALLBACK)
    assert len(asked) == 2
    assert [(call.outcome, call.input_tokens) for call in ask.calls()] == [("overloaded", 700), ("end_turn", 0)]


@pytest.mark.parametrize(
    ("parts", "outcome"),
    [
        ([wire.begins(input_tokens=9), httpx2.ReadError("reset")], "cut off"),
        ([wire.begins(input_tokens=9), wire.says('{"hypo')], "cut off"),
        ([wire.begins(input_tokens=9), b"event: message_delta\ndata: {\n\n"], "cut off"),
        ([wire.begins(input_tokens=9), wire.event("content_block_delta", index=7, delta={})], "broken answer"),
        ([wire.begins(input_tokens=9), httpx2.ReadTimeout("silence")], "timed out"),
    ],
)
def test_it_keeps_the_bill_of_a_stream_that_breaks(
    claude: Claude, ask: Asked, parts: list[bytes | Exception], outcome: str
) -> None:
    claude(
        lambda: httpx2.Response(
            200, headers={"content-type": "text/event-stream", "request-id": "r"}, stream=wire.Parts(parts)
        )
    )

    proposals = ask()

    assert proposals.candidates == ()
    assert proposals.note
    assert [(call.outcome, call.input_tokens, call.request_id) for call in ask.calls()] == [(outcome, 9, "r")]


def test_it_counts_what_was_written_of_an_answer_without_an_end(claude: Claude, ask: Asked) -> None:
    claude(lambda: wire.stream(wire.begins(input_tokens=9), wire.says("x" * 1000)))

    ask()

    # A thousand characters at 2.5 a token, where the API had said 1 at the beginning.
    assert [call.output_tokens for call in ask.calls()] == [401]


def test_it_takes_an_answer_whose_connection_breaks_after_the_end(claude: Claude, ask: Asked) -> None:
    text = json.dumps({"hypotheses": [hypothesis()]})
    parts: list[bytes | Exception] = [wire.begins(), wire.says(text), wire.ends(), httpx2.ReadError("reset")]
    claude(lambda: httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=wire.Parts(parts)))

    assert len(ask().candidates) == 1


def test_it_stops_an_answer_that_does_not_end(claude: Claude, ask: Asked) -> None:
    claude(
        lambda: wire.stream(wire.begins(input_tokens=9), *[wire.says("x" * 20_000)] * 50), COPILOT_MODEL_MAX_TOKENS=256
    )

    assert ask().note == "the model's answer made no sense"

    assert [(call.outcome, call.input_tokens) for call in ask.calls()] == [("broken answer: the answer did not end", 9)]


@pytest.mark.parametrize(
    ("answer", "note"),
    [
        (error(401, "authentication_error"), "the model's API refused the key (401): check ANTHROPIC_API_KEY"),
        (error(403, "permission_error"), "the model's API refused the key (403): check ANTHROPIC_API_KEY"),
        (error(404, "not_found_error"), "the model is not known to the API: check COPILOT_MODEL"),
        (error(400, "invalid_request_error"), "the model's API refused the request (400)"),
        (error(413, "request_too_large"), "the model's API refused the request (413)"),
        (error(500, "api_error"), "the model is overloaded (500)"),
        (error(529, "overloaded_error"), "the model is overloaded (529)"),
        (error(504, "timeout_error"), "the model did not answer within 45 s"),
        (
            lambda: httpx2.Response(302, headers={"location": "http://elsewhere.test/"}),
            "the model's API refused the request",
        ),
        (lambda: httpx2.Response(200, text="<html>Log in</html>"), "the model's answer was cut off"),
    ],
)
def test_it_says_what_is_wrong_and_never_raises(
    claude: Claude, ask: Asked, answer: Callable[[], httpx2.Response], note: str
) -> None:
    asked = claude(answer, COPILOT_FALLBACK_MODEL="")

    proposals = ask()

    assert (proposals.candidates, proposals.note) == ((), note)
    assert len(asked) == 1
    assert [call.dollars for call in ask.calls()] == [Decimal(0)]


def test_it_says_that_the_api_cannot_be_reached(claude: Claude, ask: Asked) -> None:
    asked = claude(httpx2.ConnectError("refused"))

    assert ask().note == "the model's API cannot be reached"

    assert len(asked) == 3


def test_it_asks_nothing_without_a_key(ask: Asked, configure: Callable[..., None]) -> None:
    configure(ANTHROPIC_API_KEY="")

    assert ask().note == "no ANTHROPIC_API_KEY"

    assert ask.calls() == []


def test_it_asks_nothing_without_evidence(claude: Claude, ask: Asked) -> None:
    asked = claude(whole())

    assert ask(evidence=()).note == "there is no evidence to show the model"

    assert (asked, ask.calls()) == ([], [])


def test_it_asks_outside_of_any_transaction(claude: Claude, committed_db: str, tenant: Tenant) -> None:
    from django.db import connection

    from tests.unit.llm.conftest import make_run
    from tests.unit.llm.incident import evidence, payments

    inside: list[bool] = []

    def answer() -> httpx2.Response:
        inside.append(connection.in_atomic_block)
        return whole()()

    claude(answer)
    run = make_run(tenant)

    Asked(tenant.id, run.id, {"subject": payments, "title": "x", "evidence": evidence()})()

    assert inside == [False]


def test_it_leaves_the_sdk_unloaded_where_there_is_no_key() -> None:
    code = (
        "import sys, django; django.setup(); import copilot.llm as llm; from uuid import UUID;"
        "from scoring.observations import Entity, EntityKind;"
        "said = llm.propose(UUID(int=1), UUID(int=2), subject=Entity(EntityKind.SERVICE, 'x'), title='', evidence=());"
        "print(said.note, 'anthropic' in sys.modules, 'httpx2' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", f"import tests.environment; {code}"], capture_output=True, text=True, check=True
    )

    assert done.stdout == "no ANTHROPIC_API_KEY False False\n"
