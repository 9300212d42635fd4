"""What the card says, in every state."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from scoring.evidence import CauseKind, Direction, Evidence
from scoring.observations import Entity, EntityKind
from slackbot import blocks
from slackbot.blocks import asking, modals, replies, words
from slackbot.plain_text import message_text
from tests.unit.slackbot import briefings
from tests.unit.slackbot.every_message import all_messages, card, links_of

if TYPE_CHECKING:
    from copilot.knowledge.briefing import Briefing


# What the card says ------------------------------------------------------------------------------------------------


def test_the_card_of_a_likely_cause() -> None:
    assert (
        card("likely")
        == """\
🔴 INC-42 · checkout · Checkout p95 latency above 1 s for 5 min
───────────────────────────────────────────────────────────────
Triggered  ·  since 14:02 UTC  ·  open in PagerDuty
assigned to Ada Lovelace · critical · P1
────────────────────────────────────────
Likely cause: payments is clear of the second by 0.33, and its change precedes the effect
1. The rollout of payments v2.14.0 shrank its connection pool; checkout waits for payments  0.65–0.82
Evidence: E3, E4, E7
What it changed: see the change
Way back: kubectl -n shop rollout undo deployment/payments
Next check: kubectl rollout undo deployment/payments -n shop, then watch E3 fall
signal ▰▰▰▰▰  ·  timing ▰▰▰▰▰  ·  precedent ▰▰▰▱▱  ·  evidence ▰▰▰▰▱  ·  people ▰▰▰▱▱
[ 👍 ]  [ 👎 ]  [ This was it ]  [ Why? ]
2. payments-db refuses connections (0.30–0.52)  ·  seen before  [ Why? / 👍 Helpful / 👎 Not it / This was it ]
3. The rollout of catalog v5.1.0 (0.14–0.30)  ·  proposed by the model  [ Why? / 👍 Helpful / 👎 Not it / This was it ]
────────────────────────────────────────
What is happening
  • checkout p95 latency 2.4 s, was 180 ms (×13)  E1
  • checkout errors 6.1 % of requests, was 0.2 % (×30)  E2
What changed
  • payments v2.14.0 rolled out (was v2.13.2): “Right-size the DB pool” by mira — 4 min before the onset  E4  E5  ·  kubernetes, github
  • catalog v5.1.0 rolled out (was v5.0.9) by tom — 3 min before the onset  E6
Weighed and found light: catalog v5.1.0 (tom): no indicator of catalog moved, and checkout's slow calls go to payments
[ Investigate again ]  [ Mute 1 h ]
ranked after 2.8 s · asked github, kubernetes, prometheus · did not answer: pagerduty · claude-sonnet-5-5 $0.012"""
    )


def test_the_card_while_it_works_says_which_source_it_asks() -> None:
    assert (
        card("working")
        == """\
🔴 INC-42 · checkout · Checkout p95 latency above 1 s for 5 min
───────────────────────────────────────────────────────────────
Triggered  ·  since 14:02 UTC  ·  open in PagerDuty
assigned to Ada Lovelace · critical · P1
────────────────────────────────────────
⏳ Asking the sources…
  • ✅ github 4 observations in 310 ms
  • ⚠️ kubernetes 37 observations in 620 ms, in part: logs of 1 of 3 pods are gone
  • ❌ pagerduty did not answer within 2 s
  • ⏳ prometheus is being asked
[ Mute 1 h ]
3 of 4 sources have answered; hypotheses follow here"""
    )


def test_an_inconclusive_card_names_the_lead_what_is_missing_and_the_next_check() -> None:
    said = card("inconclusive")
    assert (
        """\
❔ Inconclusive: no suspect moved before the symptom
  • Missing: metrics of payments-db
  • Missing: logs of checkout: not connected
  • Next check: look at payments-db connections in the database console
Strongest lead
1. payments-db refuses connections  0.18–0.36"""
        in said
    )
    assert "Likely cause" not in said


def test_no_fault_seen_names_no_cause() -> None:
    said = card("no fault")
    assert "⚪ No fault seen: p95 latency was within its usual range for the whole hour" in said
    assert "  • Next check: check the alert rule's threshold and window" in said
    assert "This was it" not in said


def test_what_is_as_it_was_is_called_measured_whatever_the_verdict() -> None:
    quiet = replace(
        briefings.LATENCY, direction=Direction.AGAINST, statement="checkout p95 latency 37 ms, as before the alert"
    )
    calm = replace(briefings.POSSIBLE, evidence=(quiet, briefings.ROLLOUT))
    said = message_text({"blocks": blocks.root_card(calm)[0]})

    assert "What was measured\n  • checkout p95 latency 37 ms, as before the alert" in said
    assert "What is happening" not in said


def test_what_was_described_for_no_service_is_told_once_in_the_header() -> None:
    described = replace(briefings.LIKELY, service="nothing works in Spain", title="nothing works in Spain")
    assert blocks.root_card(described)[0][0]["text"]["text"] == "🔴 INC-42 · nothing works in Spain"


def test_after_an_all_clear_what_else_moved_is_a_line_each_and_called_no_lead() -> None:
    clear = replace(briefings.NO_FAULT, hypotheses=briefings.LIKELY.hypotheses[:2])
    said = message_text({"blocks": blocks.root_card(clear)[0]})

    assert "What else moved at that time\n1. The rollout of payments v2.14.0 shrank" in said
    assert "[ 👍 ]" not in said
    assert "What is happening" not in said


def test_the_leads_own_check_is_told_once() -> None:
    lead = replace(briefings.SECOND, rank=1, next_check=briefings.INCONCLUSIVE.next_check)
    said = message_text({"blocks": blocks.root_card(replace(briefings.INCONCLUSIVE, hypotheses=(lead,)))[0]})

    assert said.count(briefings.INCONCLUSIVE.next_check) == 1


def test_where_none_is_clearly_ahead_each_hypothesis_is_told_in_full() -> None:
    said = card("possible")
    assert "2. payments-db refuses connections  0.33–0.52\nEvidence: E3  ·  Against: E8" in said
    assert said.count("[ 👍 ]  [ 👎 ]  [ This was it ]  [ Why? ]") == 2


def test_the_blamed_deployment_says_what_it_altered_and_the_way_back() -> None:
    rollout = replace(briefings.ROLLOUT, detail="DB_POOL_SIZE 20 → 5")
    briefing = replace(briefings.LIKELY, evidence=(briefings.LATENCY, rollout, briefings.ROLLOUT_AGAIN))
    made, _ = blocks.root_card(briefing)
    assert (
        "What it changed: DB_POOL_SIZE 20 → 5\nWay back: kubectl -n shop rollout undo deployment/payments\n"
        in message_text({"blocks": made})
    )
    assert "https://github.example/shop/payments/commit/4f2c1a9" in links_of(made)


def test_what_a_change_altered_links_to_no_source_that_does_not_tell_it() -> None:
    def leads_to(address: str) -> list[str]:
        silent = replace(briefings.ROLLOUT, link="https://deploys.example/17")
        telling = replace(briefings.ROLLOUT_AGAIN, detail="DB_POOL_SIZE 20 → 5", link=address)
        made, _ = blocks.root_card(replace(briefings.LIKELY, evidence=(briefings.LATENCY, telling, silent)))
        (one,) = (
            one
            for block in made
            for part in block.get("elements", ())
            for one in part.get("elements", ())
            if one.get("text") == "DB_POOL_SIZE 20 → 5"
        )
        return list(links_of(one))

    assert leads_to("https://cluster.example/18") == ["https://cluster.example/18"]
    assert leads_to("") == []


def test_the_way_back_is_quoted_for_the_shell_and_told_for_rollouts_in_a_cluster_alone() -> None:
    def said(**changed: Any) -> str:
        rollout = replace(briefings.ROLLOUT, **changed)
        briefing = replace(briefings.LIKELY, evidence=(briefings.LATENCY, rollout))
        return message_text({"blocks": blocks.root_card(briefing)[0]})

    evil = Entity(EntityKind.SERVICE, "x", "shop", "pay; rm -rf /")
    assert "Way back: kubectl -n shop rollout undo deployment/'pay; rm -rf /'" in said(entity=evil)
    assert "Way back" not in said(source="github")
    nowhere = Entity(EntityKind.SERVICE, "payments", "", "payments")
    assert "Way back: kubectl rollout undo deployment/payments\n" in said(entity=nowhere)


def test_while_it_looks_again_what_the_last_look_found_stays() -> None:
    said = card("looking again")
    assert "⏳ Looking again for bo: asking the sources… 3 of 4 sources have answered." in said
    assert "Until then, what the look at 14:02 UTC found:\nLikely cause: payments is clear" in said
    assert "[ Investigate again ]" not in said
    assert "did not answer: " not in said


def test_a_later_look_says_what_changed_since_the_one_before() -> None:
    assert (
        "Since the last look\n  • the same lead, now 0.65–0.82, was 0.41–0.60\n"
        "  • new: payments connection pool 100 % in use, was 41 %\n" in card("again")
    )


def test_a_later_look_that_failed_keeps_what_was_known() -> None:
    said = card("failed again")
    assert "⚠️ The investigation did not finish" in said
    assert "1. The rollout of payments v2.14.0" in said


def test_incidents_with_the_same_lead_are_named_where_there_is_one() -> None:
    said = message_text({"blocks": blocks.root_card(replace(briefings.LIKELY, same_lead=(43, 44)))[0]})
    assert "🔗 The same lead as in INC-43, INC-44: probably one fault" in said
    unsure = replace(briefings.INCONCLUSIVE, same_lead=(43,))
    assert "same lead" not in message_text({"blocks": blocks.root_card(unsure)[0]})


@pytest.mark.parametrize("said", ["👩‍🚒" * 800, "\x00\x07" * 3000, '"' * 3000])
def test_whatever_was_typed_fits_in_what_the_window_carries(said: str) -> None:
    assert len(asking.which_service_modal(said, [])["private_metadata"]) <= 3000


def test_without_a_model_the_card_says_so() -> None:
    assert card("rules only").endswith("did not answer: pagerduty · rules only: ANTHROPIC_API_KEY is not set")


def test_a_run_that_failed_says_so_and_how_to_go_on() -> None:
    said = card("failed")
    assert "⚠️ The investigation did not finish: gather was tried 8 times" in said
    assert "[ Investigate again ]" in said


def test_the_tally_and_the_confirmed_cause_are_seen_at_once() -> None:
    assert "[ 👍 2 ]  [ 👎 1 ]  [ This was it ]  [ Why? ]" in card("judged")
    said = card("confirmed")
    assert "✅ Cause confirmed by ada.\n1. The rollout of payments v2.14.0 shrank" in said
    assert "[ ✓ This was it ]" in said


def test_a_card_whose_cause_was_confirmed_tells_it_in_full_and_no_more_checks() -> None:
    briefing = replace(briefings.CONFIRMED, runbooks=(briefings.RUNBOOK,))
    said = message_text({"blocks": blocks.root_card(briefing)[0]})

    assert "Next check" not in said
    assert "What to do" not in said
    assert "Runbook: Memory leak (ops.git, leak.md, written 2026-03-04); /sre runbook 42 quotes its steps\n" in said
    assert "\nWay back: kubectl -n shop rollout undo deployment/payments\n" in said


def test_where_the_second_was_confirmed_that_is_told_in_full_and_the_first_is_a_line() -> None:
    settled = (briefings.FIRST, replace(briefings.SECOND, is_confirmed=True), briefings.THIRD)
    said = message_text({"blocks": blocks.root_card(replace(briefings.CONFIRMED, hypotheses=settled))[0]})

    assert (
        "✅ Cause confirmed by ada: payments-db refuses connections\n"
        "1. The rollout of payments v2.14.0 shrank its connection pool; checkout waits for payments (0.65–0.82)  [ Why? /"
    ) in said
    assert "\n2. payments-db refuses connections  0.30–0.52  ✅ this was it\n" in said
    assert "Way back" not in said


def test_a_cause_that_an_earlier_look_found_stands_above_what_leads_now() -> None:
    again = replace(briefings.LIKELY, confirmed_earlier="payments v2.14.0 shrank its pool", confirmed_by="ada")
    said = message_text({"blocks": blocks.root_card(again)[0]})

    assert "✅ Cause confirmed by ada: payments v2.14.0 shrank its pool\n1. The rollout of payments v2.14.0" in said
    assert "\nWay back: kubectl -n shop rollout undo deployment/payments\n" in said
    assert "Next check" not in said
    assert said.count("[ This was it ]") == 1


def test_a_cause_in_words_leaves_each_hypothesis_a_line() -> None:
    said = card("resolved otherwise")
    assert "✅ Cause confirmed by bo: The payment provider throttled us\n1. The rollout" in said
    assert "[ This was it ]" not in said


def test_why_says_that_the_cause_was_confirmed_by_whom_and_which() -> None:
    def why(briefing: Briefing) -> str:
        return message_text({"blocks": replies.why_reply(briefing)[0]})

    told = why(briefings.CONFIRMED)
    window = modals.why_modal(briefings.CONFIRMED, briefings.CONFIRMED.hypotheses[1])["blocks"]
    first = "The rollout of payments v2.14.0 shrank its connection pool; checkout waits for payments"

    assert told.splitlines()[2:4] == ["✅ Cause confirmed by ada.", f"{first}  0.65–0.82  ✅ this was it"]
    assert "Next check" not in told
    assert message_text({"blocks": window}).startswith(f"✅ Cause confirmed by ada: {first}\npayments-db refuses")
    assert "✅ Cause confirmed by bo: The payment provider throttled us\n" in why(briefings.RESOLVED_OTHERWISE)
    assert "Cause confirmed" not in why(briefings.LIKELY)


def test_commands_and_rights_are_shown_as_code() -> None:
    check = "Read why: kubectl -n shop logs deployment/payments --previous; watch: up{job='payments'}"
    lead = replace(briefings.SECOND, rank=1, next_check=check)
    made, _ = blocks.root_card(
        replace(briefings.INCONCLUSIVE, hypotheses=(lead,), missing=("cannot list pods: grant `list pods`",))
    )
    assert code_of(made) >= {"kubectl -n shop logs deployment/payments --previous", "up{job='payments'}", "list pods"}


def code_of(node: Any) -> set[str]:
    """Return what is shown as code."""
    if isinstance(node, list):
        return {one for part in node for one in code_of(part)}
    if not isinstance(node, dict):
        return set()
    own = {node["text"]} if node.get("type") == "text" and (node.get("style") or {}).get("code") else set()
    return own | code_of(node.get("elements", []))


def test_a_resolved_card_says_when_by_whom_and_how_long() -> None:
    said = card("resolved")
    assert said.startswith("✅ INC-42")
    assert "Resolved at 14:31 UTC after 29 min" in said
    assert "resolved by Ada Lovelace" in said
    assert "Mute" not in said


def test_only_what_was_opened_by_hand_is_resolved_here() -> None:
    assert "[ Resolve ]" not in card("likely")
    by_hand = replace(briefings.LIKELY, source="asked")
    assert "[ Resolve ]" in message_text({"blocks": blocks.root_card(by_hand)[0]})
    over = replace(briefings.RESOLVED, source="asked")
    assert "[ Resolve ]" not in message_text({"blocks": blocks.root_card(over)[0]})


def test_the_alerts_own_runbook_is_a_button_where_it_is_a_web_address() -> None:
    def buttons(url: str) -> str:
        return message_text({"blocks": blocks.root_card(replace(briefings.LIKELY, labels=(("runbook_url", url),)))[0]})

    assert "[ Runbook ]" in buttons("https://wiki.example/runbooks/latency")
    assert "[ Runbook ]" not in buttons("javascript:alert(1)")


def test_an_unknown_service_is_said_to_be_unknown() -> None:
    assert "No service is set up for “mystery-api”" in card("unknown service")


@pytest.mark.parametrize(
    ("state", "headline"),
    [
        ("fresh", "INC-42 checkout: Checkout p95 latency above 1 s for 5 min (Triggered)"),
        (
            "likely",
            "INC-42 checkout: likely cause 0.65–0.82: The rollout of payments v2.14.0 shrank its connection pool; checkout waits for payments (Triggered)",
        ),
        ("inconclusive", "INC-42 checkout: Checkout p95 latency above 1 s for 5 min. Inconclusive. (Triggered)"),
        ("no fault", "INC-42 checkout: Checkout p95 latency above 1 s for 5 min. No fault seen. (Triggered)"),
        (
            "failed",
            "INC-42 checkout: Checkout p95 latency above 1 s for 5 min. The investigation did not finish.",
        ),
        (
            "resolved otherwise",
            "INC-42 checkout: cause confirmed: The payment provider throttled us (Resolved by Ada Lovelace after 29 min)",
        ),
    ],
)
def test_the_notification_says_the_verdict_first(state: str, headline: str) -> None:
    assert blocks.root_card(briefings.STATES[state])[1] == headline


def test_buttons_carry_ids_and_nothing_else() -> None:
    for briefing in briefings.STATES.values():
        for _, made, _ in all_messages(briefing):
            for block in made:
                for element in block.get("elements", []):
                    if element.get("type") == "button" and "url" not in element:
                        UUID(element["value"])
                for chosen in block.get("accessory", {}).get("options", []):
                    UUID(chosen["value"].rpartition(":")[2])


def test_a_series_is_charted_once_the_symptom_first() -> None:
    assert [one.id for one in words.decisive(briefings.LIKELY)] == ["E1", "E3", "E2"]


def test_the_card_is_a_function_of_the_briefing_alone() -> None:
    assert blocks.root_card(briefings.LIKELY) == blocks.root_card(replace(briefings.LIKELY))


def test_a_change_that_two_sources_saw_is_told_once_with_what_each_knows() -> None:
    nameless = replace(briefings.ROLLOUT, author="", statement="payments rolled out, 4 min before the alert")
    named = replace(briefings.ROLLOUT_AGAIN, statement="payments v2.14.0 deployed, 4 min before the alert")
    briefing = replace(briefings.LIKELY, evidence=(briefings.LATENCY, nameless, named))
    said = message_text({"blocks": blocks.root_card(briefing)[0]})
    assert (
        "What changed\n  • payments v2.14.0 deployed by mira — 4 min before the onset  E4  E5  ·  kubernetes, github\nWeighed"
        in said
    )


def test_a_deployment_tells_of_its_change_before_the_push_that_it_brought() -> None:
    deployed = replace(briefings.ROLLOUT, statement="payments v2.14.0 deployed", cause_kinds=(CauseKind.BAD_DEPLOY,))
    pushed = replace(
        briefings.ROLLOUT_AGAIN, statement="payments 4f2c1a9 changed (merged)", cause_kinds=(CauseKind.HUMAN_OR_JOB,),
        onset=briefings.ONSET - 20,
    )  # fmt: skip
    briefing = replace(briefings.LIKELY, evidence=(briefings.LATENCY, deployed, pushed), hypotheses=())
    said = message_text({"blocks": blocks.root_card(briefing)[0]})
    assert "• payments v2.14.0 deployed by mira — 4 min before the onset  E4  E5  ·  kubernetes, github\n" in said


def test_a_change_says_what_it_altered_and_who_made_it_though_no_source_knows_both() -> None:
    seen = replace(briefings.ROLLOUT, author="", indicator="payments 2.14.0 deployed", detail="DB_POOL_SIZE 20 → 5")
    told = replace(briefings.ROLLOUT_AGAIN, indicator="payments 2.14.0 deployed", detail="")
    briefing = replace(briefings.LIKELY, evidence=(briefings.LATENCY, seen, told))
    said = message_text({"blocks": blocks.root_card(briefing)[0]})
    assert (
        "• payments 2.14.0 deployed (DB_POOL_SIZE 20 → 5) by mira — 4 min before the onset  E4  E5  ·  kubernetes, github\n"
        in said
    )


def test_of_many_symptoms_the_worst_of_each_family_is_shown_first() -> None:
    def symptom(name: str, indicator: str, severity: float) -> Evidence:
        return replace(
            briefings.LATENCY,
            id=name,
            indicator=indicator,
            severity=severity,
            statement=f"{indicator} is bad",
            is_symptom=True,
        )

    briefing = replace(
        briefings.LIKELY,
        evidence=(
            symptom("E1", "latency_p95", 1.0),
            symptom("E2", "latency_p99", 0.9),
            symptom("E3", "latency_p50", 0.8),
            symptom("E4", "error_ratio", 0.3),
        ),
    )
    said = message_text({"blocks": blocks.root_card(briefing)[0]})
    assert "• latency_p95 is bad  E1\n  • error_ratio is bad  E4\n  • latency_p99 is bad  E2\n" in said
