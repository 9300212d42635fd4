"""What rules answer from an incident's rows, in every state that there is."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from copilot.answers import Line
from copilot.conversation import rules
from copilot.conversation.matching import Topic
from copilot.knowledge.briefing import Briefing
from slackbot.blocks.answer import closing_blocks, line_block, whole_message
from slackbot.local.blocks import check_message_blocks
from tests.unit.slackbot import briefings

STATES = {name: value for name, value in vars(briefings).items() if isinstance(value, Briefing)}


@pytest.mark.parametrize("topic", [*Topic, None])
@pytest.mark.parametrize("state", STATES, ids=str.lower)
def test_every_topic_has_an_answer_in_every_state_that_slack_takes(state: str, topic: Topic | None) -> None:
    briefing = STATES[state]
    made = rules.answer(topic, briefing)

    assert made.lines
    assert all(line.text and len(line.text) <= 300 for line in made.lines)
    known = {source.id for source in made.sources}
    assert {cite for line in made.lines for cite in line.cites} <= known
    blocks, text = whole_message("00000000-0000-4000-8000-000000000099", made)
    assert check_message_blocks(blocks) == []
    assert text
    for line in made.lines:
        assert check_message_blocks([line_block(line)]) == []


def test_a_time_is_shown_in_each_readers_own_zone_and_what_is_no_time_as_it_stands() -> None:
    told, *_ = rules.answer(Topic.CHANGES, briefings.LIKELY).lines
    assert line_block(told)["elements"][0]["elements"] == [
        {"type": "text", "text": "2 changes around the onset ("},
        {
            "type": "date",
            "timestamp": 1795183200,
            "format": "{date_short_pretty} {time}",
            "fallback": "2026-11-20 14:00 UTC",
        },
        {"type": "text", "text": "), the nearest first:"},
    ]
    to_the_second = line_block(Line("at 2026-11-20 14:00:30 UTC, not 2026-13-40 14:00 UTC"))
    assert to_the_second["elements"][0]["elements"] == [
        {"type": "text", "text": "at "},
        {
            "type": "date",
            "timestamp": 1795183230,
            "format": "{date_short_pretty} {time_secs}",
            "fallback": "2026-11-20 14:00 UTC",
        },
        {"type": "text", "text": ", not 2026-13-40 14:00 UTC"},
    ]


def test_why_gives_the_hypotheses_with_their_ranges_and_evidence() -> None:
    made = rules.answer(Topic.WHY, briefings.LIKELY)
    first = briefings.LIKELY.hypotheses[0]

    (line,) = [one for one in made.lines if one.text.startswith("1. ")]
    assert f"({first.low:.2f}–{first.high:.2f})" in line.text
    assert line.cites == first.supporting[:6]


def test_a_confirmed_cause_comes_first_and_leaves_no_check() -> None:
    settled = replace(briefings.FIRST, is_confirmed=True)
    briefing = replace(briefings.LIKELY, hypotheses=(settled, briefings.SECOND), confirmed_by="ada")
    line = Line(
        "Cause confirmed by ada: The rollout of payments v2.14.0 shrank its connection pool; checkout waits for payments",
        ("E3", "E4", "E7"),
    )

    assert rules.answer(Topic.WHY, briefing).lines[0] == line
    assert rules.answer(Topic.NEXT, briefing).lines == (
        line,
        Line("Way back: kubectl -n shop rollout undo deployment/payments", ("E4",)),
    )


def test_changes_tell_who_and_how_long_before_the_onset() -> None:
    made = rules.answer(Topic.CHANGES, briefings.LIKELY)

    told = [line for line in made.lines if line.kind == "bullet"]
    assert told
    assert [line.text for line in told] == [
        "3 min before the onset: catalog v5.1.0 rolled out (was v5.0.9), by tom",
        "4 min before the onset: payments v2.14.0 rolled out (was v2.13.2): “Right-size the DB pool”, by mira",
    ]
    assert [line.cites for line in told] == [("E6",), ("E4",)]


def test_a_question_with_two_parts_gets_both_answered() -> None:
    made = rules.reply("what changed and have we seen this before?", briefings.LIKELY)
    said = [line.text for line in made.lines]

    assert said[0] == "2 changes around the onset (2026-11-20 14:00 UTC), the nearest first:"
    assert "Seen before:" in said
    assert [source.id for source in made.cited()] == ["E6", "E4"]


def test_rolling_back_what_the_first_cause_blames_is_answered_from_it() -> None:
    rollout = replace(briefings.ROLLOUT, indicator="payments v2.14.0 deployed", detail="DB_POOL_SIZE 20 → 5")
    known = tuple(rollout if one.id == rollout.id else one for one in briefings.LIKELY.evidence)
    made = rules.reply("should I roll back payments?", replace(briefings.LIKELY, evidence=known))

    assert [(line.text, line.cites) for line in made.lines] == [
        (
            (
                "Yes, that is the likely cause: 1. The rollout of payments v2.14.0 shrank its connection pool; checkout waits for"
                " payments (0.65–0.82)"
            ),
            ("E3", "E4", "E7"),
        ),
        ("What it changed: DB_POOL_SIZE 20 → 5", ("E4",)),
        ("Way back: kubectl -n shop rollout undo deployment/payments", ("E4",)),
    ]


def test_what_a_change_altered_is_cited_from_the_source_that_tells_it() -> None:
    telling = replace(briefings.ROLLOUT_AGAIN, detail="DB_POOL_SIZE 20 → 5")
    known = (*(one for one in briefings.LIKELY.evidence if one.id != telling.id), telling)
    made = rules.reply("should I roll back payments?", replace(briefings.LIKELY, evidence=known))

    (line,) = [line for line in made.lines if line.text.startswith("What it changed")]
    assert (line.text, line.cites) == ("What it changed: DB_POOL_SIZE 20 → 5", ("E5",))


def test_the_way_back_cites_the_rollout_that_it_takes_back() -> None:
    announced = replace(briefings.ROLLOUT, id="E2", source="deploys", detail="")
    rollout = replace(briefings.ROLLOUT, id="E4", detail="DB_POOL_SIZE 20 → 5")
    others = (one for one in briefings.LIKELY.evidence if one.id not in {"E2", "E4"})
    made = rules.reply(
        "should I roll back payments?", replace(briefings.LIKELY, evidence=(announced, *others, rollout))
    )

    (line,) = [line for line in made.lines if line.text.startswith("Way back")]
    assert line.cites == ("E4",)


def test_rolling_back_what_was_found_light_is_advised_against_with_the_reason() -> None:
    light = ("catalog v5.1.0 deployed 3 min before the onset, but nothing at catalog left its baseline",)
    briefing = replace(briefings.LIKELY, hypotheses=briefings.LIKELY.hypotheses[:2], weighed_light=light)
    made = rules.reply("should I roll back catalog?", briefing)

    assert [(line.text, line.cites) for line in made.lines] == [
        (
            (
                "Nothing that was seen speaks for rolling catalog back. It was weighed and found light: catalog v5.1.0 deployed"
                " 3 min before the onset, but nothing at catalog left its baseline."
            ),
            ("E6",),
        ),
        (
            (
                "What is suspected instead: 1. The rollout of payments v2.14.0 shrank its connection pool; checkout waits for payments"
                " (0.65–0.82)"
            ),
            ("E3", "E4", "E7"),
        ),
    ]


def test_rolling_back_a_version_means_its_service() -> None:
    made = rules.reply("revert v5.1.0?", replace(briefings.LIKELY, hypotheses=briefings.LIKELY.hypotheses[:2]))

    assert made.lines[0].text.startswith("Nothing that was seen speaks for rolling catalog back.")


def test_rolling_back_what_did_not_change_is_told_as_that() -> None:
    made = rules.reply("should we roll back checkout", briefings.LIKELY)

    assert made.lines[0].text == "I see no change at checkout that could be rolled back."


def test_a_rollback_of_nothing_in_particular_is_answered_for_what_is_suspected() -> None:
    made = rules.reply("should we roll back?", briefings.LIKELY)
    nothing = rules.reply("should we roll back?", replace(briefings.NO_FAULT, evidence=()))

    assert made.lines[0].text.startswith("Yes, that is the likely cause: 1. The rollout of payments")
    assert nothing.lines[0].text == "No change is suspected, so nothing that was seen speaks for a rollback."


def test_a_cause_that_is_only_possible_is_no_yes() -> None:
    made = rules.reply("roll back payments?", briefings.POSSIBLE)

    assert made.lines[0].text.startswith(
        "Perhaps: it is a possible cause, and none is clearly ahead: 1. The rollout of payments"
    )
    assert made.lines[-1].text == f"Check first: {briefings.POSSIBLE.hypotheses[0].next_check}"


def test_a_source_that_failed_is_told_once_as_what_is_missing() -> None:
    silent = replace(
        briefings.LIKELY,
        missing=(
            "pagerduty did not answer incidents: did not answer within 2 s",
            "no data shows the symptom at checkout",
        ),
        gaps=("pagerduty: incidents – did not answer within 2 s",),
    )

    assert [line.text for line in rules.answer(Topic.GAPS, silent).lines] == [
        "I can't see:",
        "pagerduty: did not answer within 2 s",
        "no data shows the symptom at checkout",
    ]


def test_after_an_all_clear_nothing_is_suspected() -> None:
    clear = replace(briefings.NO_FAULT, hypotheses=briefings.LIKELY.hypotheses)
    why = [line.text for line in rules.answer(Topic.WHY, clear).lines]
    status = [line.text for line in rules.answer(Topic.STATUS, clear).lines]

    assert why[1] == "What else moved at that time:"
    assert status[-1].startswith("No fault seen: p95 latency was within its usual range")
    assert [line.text for line in rules.answer(Topic.NEXT, clear).lines] == [
        "Next check: check the alert rule's threshold and window"
    ]


def test_one_thing_is_told_as_one() -> None:
    made = rules.answer(Topic.SYMPTOMS, replace(briefings.LIKELY, evidence=(briefings.WAITS,)))

    assert made.lines[0].text == "1 thing speaks for a fault:"


def test_the_alerts_runbook_is_linked_and_an_absent_one_is_told() -> None:
    labels = (("runbook_url", "https://runbooks.example/checkout"),)
    found = rules.answer(Topic.RUNBOOK, replace(briefings.LIKELY, labels=labels))
    absent = rules.answer(Topic.RUNBOOK, replace(briefings.LIKELY, labels=()))

    assert found.cited()[0].link == "https://runbooks.example/checkout"
    assert absent.lines[0].kind == "unknown"


def test_a_stored_runbook_is_quoted_where_the_alert_names_none() -> None:
    made = rules.answer(Topic.RUNBOOK, replace(briefings.LIKELY, labels=(), runbooks=(briefings.RUNBOOK,)))

    assert made.lines[0].text == (
        "The runbook “Memory leak” says (ops.git, leak.md, written 2026-03-04; shown as it is about memory saturation):"
    )
    assert made.lines[1].text == "Roll back: `kubectl rollout undo deployment/checkout`."
    assert made.cited()[0].link == "https://wiki.example/leak"


def test_a_question_that_was_not_matched_says_what_can_be_asked() -> None:
    made = rules.answer(None, briefings.LIKELY)

    assert made.lines[0].text.startswith("I can't see that")
    assert made.lines[1].text == rules.CAN


def test_across_incidents_the_open_ones_are_listed() -> None:
    assert [line.text for line in rules.across([(42, "checkout", "slow")], 1).lines] == [
        "1 open incident. Name one, e.g. “why INC-42”:",
        "INC-42 checkout: slow",
    ]
    assert [line.text for line in rules.across([], 0).lines] == ["No incidents are open."]


@pytest.mark.parametrize(
    "text", ["<!channel> @here", "x" * 5000, "\u202e\u0000", "`code` *bold* <https://evil.test|x>", ""]
)
def test_whatever_the_rows_hold_slack_takes_the_answer_and_parses_nothing(text: str) -> None:
    hostile = replace(briefings.LIKELY, title=text, service=text, explanation=text, next_check=text, missing=(text,))
    for topic in Topic:
        blocks, _ = whole_message("00000000-0000-4000-8000-000000000099", rules.answer(topic, hostile))

        assert check_message_blocks(blocks) == []
        written = json.dumps([block for block in blocks if block["type"] not in {"rich_text", "context"}])
        assert "evil" not in written


def test_the_feedback_buttons_carry_the_answers_id() -> None:
    blocks = closing_blocks("00000000-0000-4000-8000-000000000099", rules.answer(Topic.HELP, briefings.LIKELY))

    (buttons,) = blocks[-1]["elements"]
    assert buttons["positive_button"]["value"] == "up:00000000-0000-4000-8000-000000000099"
    assert buttons["negative_button"]["value"] == "down:00000000-0000-4000-8000-000000000099"
