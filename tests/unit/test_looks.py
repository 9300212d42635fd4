"""What a later look at an incident found that the earlier did not, in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from copilot.knowledge.looks import Lead, Look, since
from tests.unit.slackbot import briefings

AT = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)
LEAD = Lead("payments", "bad deploy", "The rollout of payments v2.14.0", 0.65, 0.82)
BEFORE = Look(AT, "likely cause", LEAD, (briefings.LATENCY, briefings.ROLLOUT), frozenset({"PagerDuty"}))


def test_nothing_new_is_said_in_one_line() -> None:
    assert since(BEFORE, BEFORE) == ("nothing new: the same lead, range and signals",)
    wobble = replace(BEFORE, lead=replace(LEAD, low=0.66, high=0.81))
    assert since(BEFORE, wobble) == ("nothing new: the same lead, range and signals",)


def test_a_range_that_moved_is_told_with_what_it_was() -> None:
    now = replace(BEFORE, lead=replace(LEAD, low=0.74, high=0.88))
    assert since(BEFORE, now) == ("the same lead, now 0.74–0.88, was 0.65–0.82",)


def test_another_lead_and_another_verdict_are_told() -> None:
    other = Lead("payments-db", "database connections", "payments-db refuses connections", 0.5, 0.6)
    assert since(BEFORE, replace(BEFORE, verdict="possible causes", lead=other)) == (
        "verdict possible causes, was likely cause",
        "another lead; it was: The rollout of payments v2.14.0 (0.65–0.82)",
    )
    assert since(replace(BEFORE, lead=None), BEFORE) == (
        "a lead, where there was none: The rollout of payments v2.14.0",
    )
    assert since(BEFORE, replace(BEFORE, lead=None)) == ("no lead any more; it was: The rollout of payments v2.14.0",)


def test_signals_that_came_and_went_are_told_but_no_change_goes_away() -> None:
    now = replace(BEFORE, evidence=(briefings.POOL, briefings.CALM))
    assert since(BEFORE, now) == (
        "new: payments connection pool 100 % in use, was 41 %",
        "no longer seen: checkout p95 latency 2.4 s, was 180 ms (×13)",
    )


def test_many_new_signals_are_counted_after_three() -> None:
    many = tuple(replace(briefings.POOL, id=f"E{n}", indicator=f"signal {n}") for n in range(5))
    assert since(BEFORE, replace(BEFORE, evidence=(*BEFORE.evidence, *many)))[-1] == "new: 2 more"


def test_sources_that_answer_now_or_no_longer_are_told() -> None:
    assert since(BEFORE, replace(BEFORE, silent=frozenset({"GitHub"}))) == (
        "PagerDuty has answered this time",
        "GitHub did not answer this time",
    )
