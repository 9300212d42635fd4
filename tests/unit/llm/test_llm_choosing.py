"""Which service a report is about, asked of a Claude stand-in that others wrote: a name that was offered, or nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from copilot.guard.tenancy import tenant_scope
from copilot.llm import choosing
from copilot.models import ModelCall
from tests.servers.aimock import AiMock, answers, cuts_off, fails, refuses

if TYPE_CHECKING:
    from collections.abc import Callable

    from copilot.models import Tenant

NAMES = ("checkout", "payments", "ledger")
WORDS = "customers cannot pay since noon; our key is sk-ant-api03-0123456789abcdefghij0123456789abcdefghij"


@pytest.fixture
def choose(
    aimock: Callable[..., AiMock], configure: Callable[..., None], tenant: Tenant
) -> Callable[..., tuple[str, list[str], AiMock]]:
    """Have the stand-in choose; returns the choice, how each call is written down, and the stand-in."""

    def chosen(fixture: dict[str, Any], **settings: object) -> tuple[str, list[str], AiMock]:
        server = aimock(fixture)
        configure(ANTHROPIC_API_KEY="test-key", ANTHROPIC_BASE_URL=server.base_url, **settings)
        name = choosing.choose(tenant.id, words=WORDS, names=NAMES)
        with tenant_scope(tenant.id):
            return name, [call.outcome for call in ModelCall.objects.order_by("id")], server

    return chosen


def test_it_takes_a_name_that_was_offered_and_writes_down_what_it_cost(
    choose: Callable[..., tuple[str, list[str], AiMock]], tenant: Tenant
) -> None:
    name, _, server = choose(answers({"service": "payments"}, tokens=(210, 9)))

    assert name == "payments"
    with tenant_scope(tenant.id):
        (call,) = ModelCall.objects.all()
    assert (call.purpose, call.prompt_version, call.outcome) == (choosing.PURPOSE, choosing.VERSION, "end_turn")
    assert (call.input_tokens, call.output_tokens, call.run_id, call.question_id) == (210, 9, None, None)
    (entry,) = server.journal()
    system, user = entry["body"]["messages"]
    assert system["content"] == choosing.SYSTEM
    document = json.loads(user["content"])
    assert document["services"] == list(NAMES)
    assert document["report"].startswith("customers cannot pay since noon")
    assert "sk-ant" not in user["content"]


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ({"service": "none of them"}, "end_turn"),
        ({"service": "orders"}, "malformed"),
        ({"service": ["payments"]}, "malformed"),
        ({"name": "payments"}, "malformed"),
        ("[]", "malformed"),
        ("payments", "malformed"),
    ],
)
def test_nothing_is_chosen_where_it_names_none_or_what_was_not_offered(
    choose: Callable[..., tuple[str, list[str], AiMock]], said: Any, outcome: str
) -> None:
    assert choose(answers(said))[:2] == ("", [outcome])


@pytest.mark.parametrize(
    ("fixture", "outcome"),
    [
        (refuses(), "refusal"),
        (cuts_off({"service": "payments"}, chunks=2), "cut off"),
        (fails(401, "authentication_error"), "unauthorised: 401"),
    ],
)
def test_nothing_is_chosen_where_the_model_is_in_trouble(
    choose: Callable[..., tuple[str, list[str], AiMock]], fixture: dict[str, Any], outcome: str
) -> None:
    assert choose(fixture)[:2] == ("", [outcome])


def test_nothing_is_asked_without_money(choose: Callable[..., tuple[str, list[str], AiMock]]) -> None:
    name, calls, server = choose(answers({"service": "payments"}), COPILOT_MODEL_DOLLARS_PER_DAY="0.0000001")

    assert (name, calls, server.journal()) == ("", [], [])


def test_who_waits_for_the_answer_waits_no_longer_than_is_said(
    choose: Callable[..., tuple[str, list[str], AiMock]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "SECONDS", 1.0)

    assert choose({**answers({"service": "payments"}), "latency": 2000})[:2] == ("", ["timed out"])
