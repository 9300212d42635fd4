"""Hostile text in evidence gains nothing, even where the model obeys it: code keeps to what was given."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from scoring.evidence import Candidate, CauseKind, Origin
from tests.servers.aimock import AiMock, answers
from tests.unit.llm.incident import Asked, checkout, evidence, hypothesis, log_line, payments, pod

if TYPE_CHECKING:
    from collections.abc import Callable

CORPUS: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "injections.yaml").read_text(encoding="utf-8"))
HONEST = Candidate(
    entity=payments,
    cause_kind=CauseKind.BAD_DEPLOY,
    statement="v42 of payments is slower than v41",
    supporting=("E2", "E3"),
    origin=Origin.MODEL,
    next_check="Compare both versions under the same load",
)
# What Slack, a terminal or a browser would act on.
ACTIVE = re.compile(
    r"[<>`*~\[\]]|://|@\w|www\.|\.(?:com|test)\b|!(?:channel|here|everyone)|:white_check_mark:|^\s*/|\|\s*(?:sudo|bash|sh)\b|"
    r"\bkubectl\s+delete|(?:^|\s)/(?:sre|remind)\b",
    re.IGNORECASE,
)


@pytest.fixture(params=CORPUS, ids=[case["name"] for case in CORPUS])
def case(request: pytest.FixtureRequest) -> dict[str, Any]:
    """One hostile line with the answer of a model that fell for it."""
    chosen: dict[str, Any] = request.param
    return chosen


def hijacked(case: dict[str, Any]) -> dict[str, Any]:
    """Return the hypothesis of a model that obeys the line."""
    wanted = dict(case["answer"])
    wanted["statement"] = wanted.get("statement", case["line"]) * wanted.pop("repeat", 1)
    return hypothesis(**wanted)


def honest() -> dict[str, Any]:
    return hypothesis(
        cause_kind="bad deploy",
        statement="v42 of payments is slower than v41",
        next_check="Compare both versions under the same load",
    )


def shown(case: dict[str, Any]) -> str:
    text: str = case["line"] * case.get("repeat", 1)
    return text


def test_whatever_the_model_answers_only_given_ids_entities_and_plain_words_get_through(
    case: dict[str, Any], aimock: Callable[..., AiMock], configure: Callable[..., None], ask: Asked
) -> None:
    server = aimock(answers({"hypotheses": [hijacked(case), honest()]}))
    configure(ANTHROPIC_API_KEY="test-key", ANTHROPIC_BASE_URL=server.base_url)

    proposals = ask(evidence=(*evidence(), log_line(shown(case))))

    assert HONEST in proposals.candidates
    assert len(proposals.candidates) + len(proposals.dropped) == 2
    for candidate in proposals.candidates:
        assert candidate.origin is Origin.MODEL
        assert candidate.entity in {checkout, payments, pod}
        assert {*candidate.supporting, *candidate.contradicting} <= {"E1", "E2", "E3", "E9"}
        for text in (candidate.statement, candidate.next_check):
            assert not ACTIVE.search(text), text
            assert not [one for one in text if unicodedata.category(one)[0] == "C"]
            assert unicodedata.is_normalized("NFKC", text.removesuffix("…"))
            assert not [secret for secret in case.get("secrets", ()) if secret in text]
        assert 0 < len(candidate.statement) <= 200
        assert len(candidate.next_check) <= 160


def test_hostile_text_leaves_as_data_alone_and_without_its_secrets(
    case: dict[str, Any], aimock: Callable[..., AiMock], configure: Callable[..., None], ask: Asked
) -> None:
    server = aimock(answers({"hypotheses": []}))
    configure(ANTHROPIC_API_KEY="test-key", ANTHROPIC_BASE_URL=server.base_url)
    text = shown(case)
    rule = Candidate(payments, CauseKind.BAD_DEPLOY, text, ("E3",))

    ask(title=text, evidence=(*evidence(), log_line(text, author=text)), rule_candidates=(rule,))

    (entry,) = server.journal()
    system, user = entry["body"]["messages"]
    document = json.loads(user["content"])
    # The document keeps its shape: the line closes no string, adds no evidence and reaches no other place.
    assert list(document) == ["incident", "entities", "evidence", "dependencies", "gaps", "rules", "left_out"]
    assert [one["id"] for one in document["evidence"]] == ["E1", "E2", "E3", "E9"]
    line = document["evidence"][3]
    assert (line["source"], line["about"], line["kind"]) == ("kubernetes", pod.key, "log")
    assert len(line["statement"]) <= 300
    assert text not in system["content"]
    written = json.dumps(entry, ensure_ascii=False)
    assert not [secret for secret in case.get("secrets", ()) if secret in written]


def test_every_secret_of_the_corpus_is_really_planted() -> None:
    planted = [(case["name"], secret) for case in CORPUS for secret in case.get("secrets", ())]

    assert len(planted) == 7
    assert all(secret in shown(case) for case in CORPUS for secret in case.get("secrets", ()))
