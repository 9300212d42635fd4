"""What the thread says: evidence, related alerts, similar incidents, the resolution; and the digest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from slackbot import blocks
from slackbot.blocks import modals
from slackbot.plain_text import block_text, message_text
from tests.unit.slackbot import briefings, digests
from tests.unit.slackbot.every_message import card

if TYPE_CHECKING:
    pass


REST = """\
Weighed and found light
  • catalog v5.1.0 (tom): no indicator of catalog moved, and checkout's slow calls go to payments
Could not be seen
  • ❌ pagerduty did not answer within 2 s
  • loki: logs of checkout: not connected"""


def test_the_evidence_is_a_table_by_what_it_says_and_below_it_what_was_not_seen() -> None:
    made, text = blocks.evidence_message(briefings.LIKELY)
    assert text == "INC-42: 8 pieces of evidence"
    (table,) = [one for one in made if one["type"] == "data_table"]
    assert [cell["text"] for cell in table["rows"][0]] == ["No.", "What was seen", "Kind", "Since"]
    assert (table["caption"], table["page_size"]) == ("Evidence (8)", 10)
    assert (
        message_text({"blocks": made})
        == f"""\
Evidence (8)
  E1  ·  checkout p95 latency 2.4 s, was 180 ms (×13)  ·  prometheus  ·  symptom  ·  14:00 UTC
  E2  ·  checkout errors 6.1 % of requests, was 0.2 % (×30)  ·  prometheus  ·  symptom  ·  14:00 UTC
  E4  ·  payments v2.14.0 rolled out (was v2.13.2): “Right-size the DB pool” by mira — 4 min before the onset  ·  kubernetes  ·  change  ·  13:56 UTC
  E5  ·  payments v2.14.0 rolled out (was v2.13.2): “Right-size the DB pool” by mira — 4 min before the onset  ·  github  ·  change  ·  13:56 UTC
  E6  ·  catalog v5.1.0 rolled out (was v5.0.9) by tom — 3 min before the onset  ·  kubernetes  ·  change  ·  13:57 UTC
  E3  ·  payments connection pool 100 % in use, was 41 %  ·  prometheus  ·  for  ·  13:59 UTC
  E7  ·  payments logs “timed out waiting for a connection from the pool” 412 times, was 0  ·  kubernetes  ·  for  ·  14:00 UTC
  E8  ·  catalog p95 latency 41 ms, unchanged  ·  prometheus  ·  against  ·  –
{REST}"""
    )


def test_a_table_stays_within_what_slack_takes_of_one() -> None:
    many = tuple(replace(briefings.WAITS, id=f"E{n}", statement="x" * 300, source="y" * 60) for n in range(9, 200))
    made, _ = blocks.evidence_message(replace(briefings.LIKELY, evidence=(*briefings.LIKELY.evidence, *many)))
    (table,) = [one for one in made if one["type"] == "data_table"]
    cells = [
        block_text(cell) if cell["type"] == "rich_text" else cell["text"] for row in table["rows"][1:] for cell in row
    ]
    assert 30 < len(table["rows"]) <= 61
    assert sum(map(len, cells)) <= 10_000
    assert f"and {199 - (len(table['rows']) - 1)} more, which weigh less" in message_text({"blocks": made})


def test_without_evidence_there_is_no_table() -> None:
    made, _ = blocks.evidence_message(replace(briefings.LIKELY, evidence=()))
    assert "🔍 No evidence was found" in message_text({"blocks": made})
    assert "data_table" not in {one["type"] for one in made}


def test_where_there_are_no_tables_the_evidence_is_lists_of_the_same() -> None:
    made, text = blocks.evidence_lists(briefings.LIKELY)
    assert text == "INC-42: 8 pieces of evidence"
    assert (
        message_text({"blocks": made})
        == f"""\
🔍 Evidence (8)
Symptoms
  • E1 checkout p95 latency 2.4 s, was 180 ms (×13), since 14:00 UTC  ·  prometheus
  • E2 checkout errors 6.1 % of requests, was 0.2 % (×30), since 14:00 UTC  ·  prometheus
Changes
  • E4 payments v2.14.0 rolled out (was v2.13.2): “Right-size the DB pool” by mira — 4 min before the onset  ·  kubernetes
  • E5 payments v2.14.0 rolled out (was v2.13.2): “Right-size the DB pool” by mira — 4 min before the onset  ·  github
  • E6 catalog v5.1.0 rolled out (was v5.0.9) by tom — 3 min before the onset  ·  kubernetes
Speaks for a fault
  • E3 payments connection pool 100 % in use, was 41 %, since 13:59 UTC  ·  prometheus
  • E7 payments logs “timed out waiting for a connection from the pool” 412 times, was 0, since 14:00 UTC  ·  kubernetes
Speaks against one
  • E8 catalog p95 latency 41 ms, unchanged  ·  prometheus
{REST}"""
    )


def test_what_is_over_is_told_from_when_to_when() -> None:
    over = replace(briefings.LATENCY, until=briefings.ONSET + 120)
    briefing = replace(briefings.LIKELY, evidence=(over,))
    (table,) = [one for one in blocks.evidence_message(briefing)[0] if one["type"] == "data_table"]
    (lists, *_) = blocks.evidence_lists(briefing)[0]

    assert block_text(table["rows"][1][3]) == "14:00 UTC–14:02 UTC"
    assert "E1 checkout p95 latency 2.4 s, was 180 ms (×13), 14:00 UTC–14:02 UTC  ·  prometheus" in block_text(lists)


def test_a_service_that_fails_by_itself_is_not_called_a_dependency() -> None:
    own = replace(briefings.FIRST, cause_kind="failing dependency")
    said = message_text({"blocks": modals.why_blocks(replace(briefings.LIKELY, hypotheses=(own,)), own)})

    assert "Fault of its own at payments." in said
    assert "ependency" not in said


def test_similar_incidents_tell_what_fixed_them() -> None:
    said = message_text({"blocks": blocks.similar_message(briefings.LIKELY)[0]})
    assert "INC-17 Checkout slow, 2026-10-27 (similarity 0.83: same service, same symptom)" in said
    assert "it was: payments pool too small “rolled payments back”" in said
    assert "its cause was never confirmed" in said


def test_on_resolve_each_hypothesis_and_something_else_can_be_chosen() -> None:
    made, _ = blocks.resolution_message(briefings.RESOLVED)
    (row,) = [block for block in made if block["type"] == "actions"]
    assert [(one["action_id"], one["text"]["text"]) for one in row["elements"]] == [
        ("confirm_1", "1 · payments: bad deploy"),
        ("confirm_2", "2 · payments: database connections"),
        ("confirm_3", "3 · catalog: bad deploy"),
        ("confirm_other", "Something else"),
    ]


def test_related_alerts_are_a_line_each_with_the_rule_by_which_they_joined() -> None:
    assert "🔗 2 related alerts, 1 still firing: one line each in the thread" in card("accompanied")
    assert (
        message_text({"blocks": blocks.related_message(briefings.ACCOMPANIED)[0]})
        == """\
🔗 2 related alerts, 1 still firing
checkout: CheckoutErrors fires (warning)  ·  same service, 1 min after its page  [ Not related ]
payments: PoolExhausted fires (warning) — over  ·  checkout needs payments, 2 min after its page  [ Not related ]
Not related by ada: MailQueue fires is INC-43"""
    )


def test_of_a_storm_the_first_are_told_and_the_others_counted_by_service_with_a_menu() -> None:
    made, _ = blocks.related_message(briefings.STORM)
    said = message_text({"blocks": made})
    assert said.count("[ Not related ]") == 15
    assert "and 179 more: service-0 20, service-1 20, service-2 20, service-3 20," in said
    (menu,) = [one["accessory"] for one in made if one.get("accessory", {}).get("type") == "static_select"]
    assert len(menu["options"]) == 100


def test_a_digest_says_in_a_few_lines_how_a_week_went() -> None:
    made, said = blocks.digest_message(digests.WEEK)
    assert said == "12 incidents in 7 days, 9 in the 7 days before."
    assert (
        message_text({"blocks": made})
        == """\
📊 12 incidents in 7 days
─────────────────────────
From 2026-11-13 14:02 UTC to 2026-11-20 14:02 UTC; 9 in the 7 days before.
  • Services: checkout 7, payments 5
  • Median times: first hypotheses after 3.4 s, acknowledged after 2 min, resolved after 31 min
  • Acceptance: 75 % of verdicts are 👍 (6 of 8); the confirmed cause was the first hypothesis in 4 of 5
  • Without a confirmed cause: 6 of 11 resolved
  • Kept out of the channel: 31 related alerts joined an open incident
Noisiest alerts
  • checkout: HighLatency — 6 incidents, joined others 1 time
  • mail: QueueLong — joined others 9 times
Recurring causes, confirmed within 90 days
  • Bad deploy at payments: INC-17, INC-40
1 still open · the model cost $0.42"""
    )


def test_a_quiet_week_is_told_in_a_line() -> None:
    assert blocks.digest_message(digests.QUIET)[1] == "0 incidents in 7 days: all quiet."


def test_where_there_is_much_evidence_what_hypotheses_cite_is_kept() -> None:
    many = tuple(replace(briefings.WAITS, id=f"E{n}", severity=0.1) for n in range(20, 70))
    cited = replace(briefings.FIRST, supporting=("E3", "E69"), contradicting=("E68",))
    briefing = replace(briefings.LIKELY, evidence=(*briefings.LIKELY.evidence, *many), hypotheses=(cited,))
    said = message_text({"blocks": blocks.evidence_lists(briefing)[0]})
    assert "• E69 " in said
    assert "• E68 " in said
    assert (
        "and 30 more, which weigh less; all are on the incident's page in the admin and in its report by REST" in said
    )


def test_what_speaks_against_is_shown_however_much_evidence_there_is() -> None:
    many = tuple(replace(briefings.WAITS, id=f"E{n}", statement="x" * 300, severity=0.9) for n in range(20, 120))
    (against,) = (one for one in briefings.LIKELY.evidence if one.id == "E8")
    mild = replace(against, severity=0.0)
    briefing = replace(briefings.LIKELY, evidence=(*briefings.LIKELY.evidence[:-1], *many, mild), hypotheses=())
    assert "• E8 catalog p95 latency 41 ms, unchanged" in message_text({"blocks": blocks.evidence_lists(briefing)[0]})
    assert "E8  ·  catalog p95 latency 41 ms, unchanged" in message_text(
        {"blocks": blocks.evidence_message(briefing)[0]}
    )
