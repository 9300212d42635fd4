"""What the cards, threads and windows say, in every state, and that Slack takes them whatever outsiders write."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.knowledge.alert_runbooks import AlertRunbook
from copilot.knowledge.briefing import Briefing, HypothesisLine, RelatedLine, SimilarIncident, SourceLine, Verdicts
from copilot.knowledge.recent_changes import ChangeLine
from scoring.evidence import CauseKind, Direction, Evidence, EvidenceKind, Factor
from scoring.observations import Entity, EntityKind
from slackbot import blocks
from slackbot.blocks import asking, connecting, replies, words
from slackbot.blocks.parts import fallback, safe_link
from slackbot.handlers import grammar
from slackbot.local.blocks import check_message_blocks, check_view
from slackbot.plain_text import message_text
from tests.unit.slackbot import briefings, digests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Made = list[dict[str, Any]]


def all_messages(briefing: Briefing) -> Iterator[tuple[str, Made, str]]:
    """Every message that the product can build of a briefing."""
    for build in (
        blocks.root_card,
        blocks.evidence_message,
        blocks.similar_message,
        blocks.resolution_message,
        blocks.related_message,
        replies.incident_reply,
        replies.why_reply,
        replies.similar_reply,
    ):
        yield (build.__name__, *build(briefing))
    open_incident = replies.OpenIncident(
        number=briefing.number,
        title=briefing.title,
        service=briefing.service,
        status=briefing.status,
        severity=briefing.severity,
        started_at=briefing.started_at,
        assignees=briefing.assignees,
        is_mine=bool(briefing.number % 2),
        lead=briefing.explanation,
        link=briefing.url,
    )
    yield ("status_reply", *replies.status_reply([open_incident] * 15, 99))
    yield ("opened_reply", *replies.opened_reply(briefing.number, briefing.channel, briefing.url))
    yield ("thread_reply", *replies.thread_reply(briefing.number, "The draft is in", briefing.url))
    yield ("said", *replies.said(briefing.title))
    yield ("feedback_reply", *replies.feedback_reply(briefing.number, 1, "up", briefing.explanation))
    yield ("help_reply", *replies.help_reply(grammar.COMMANDS))
    yield ("unchosen_reply", *replies.unchosen_reply(briefing.title, briefing.service))
    for count in (0, 30):
        changes = [change_line(briefing)] * count
        yield ("changes_reply", *replies.changes_reply(briefing.service, timedelta(hours=2), changes))
    for some in (digests.QUIET, digests.of(briefing)):
        yield ("digest_message", *blocks.digest_message(some))
    runbook = AlertRunbook(briefing.url, briefing.service, briefing.title, briefing.number)
    for found in ([], [runbook] * 5):
        yield ("runbooks_reply", *replies.runbooks_reply(briefing.title, found))


def change_line(briefing: Briefing) -> ChangeLine:
    """A change in which outsiders chose every word."""
    return ChangeLine(
        at=briefing.started_at,
        title=briefing.title,
        author=briefing.acknowledged_by,
        link=briefing.url,
        status=briefing.severity,
        source=briefing.model,
        detail=briefing.explanation,
        incident=briefing.number,
    )


def all_views(briefing: Briefing) -> Iterator[dict[str, Any]]:
    """Every window that the product can build of a briefing."""
    reasons = [("wrong cause", "Wrong cause"), ("other", "Other")]
    for hypothesis in briefing.hypotheses:
        yield blocks.why_modal(briefing, hypothesis)
        yield blocks.reason_modal(
            hypothesis.id, hypothesis.statement, reasons, chosen="other", said=briefing.explanation
        )
    yield blocks.other_cause_modal(briefing)
    yield blocks.notice_modal(briefing.title, briefing.explanation)
    services = [(place, briefing.service) for place in range(120)]
    for few in ([], services[:4]):
        yield asking.which_service_modal(briefing.title, few)
    for some in ([], services):
        yield asking.investigate_modal(some)
    yield asking.link_modal(services, chosen=3, here="C0123456")
    if briefing.hypotheses:
        yield asking.feedback_modal(briefing, reasons)
    choices = [connecting.Choice(f"kind{n}", briefing.service, briefing.title if n % 2 else "") for n in range(20)]
    yield connecting.choose_modal(choices)
    shapes = ("text", "list", "lines", "secret", "secret lines", "number", "flag")
    fields = [
        connecting.Field(
            name=f"field_{shape.replace(' ', '_')}",
            title=briefing.service,
            hint=briefing.explanation,
            shape=shape,
            is_required=bool(place % 2),
            value={"number": "30", "flag": connecting.TRUE}.get(shape, briefing.title),
            is_stored=shape.startswith("secret"),
        )
        for place, shape in enumerate(shapes)
    ]
    yield connecting.form_modal("prometheus", briefing.service, fields, "http://127.0.0.1:8002/admin/")
    made = connecting.connected_modal(
        briefing.service,
        str(briefing.incident_id),
        webhook_url="https://copilot.example.com/hooks/pagerduty/KEY",
        generated={"bearer_token": "s3cret"},
    )
    yield made
    for works in (None, True, False):
        yield connecting.with_result({**made, "id": "V1", "hash": "1.2"}, works=works, detail=briefing.explanation)


def card(state: str) -> str:
    made, _ = blocks.root_card(briefings.STATES[state])
    return message_text({"blocks": made})


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
  • payments v2.14.0 rolled out (was v2.13.2): “Right-size the DB pool” by mira — 4 min before onset  E4  E5
  • catalog v5.1.0 rolled out (was v5.0.9) by tom — 3 min before onset  E6
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
    assert said == "12 incidents in 7 days, 9 in the time as long before it."
    assert (
        message_text({"blocks": made})
        == """\
📊 12 incidents in 7 days
─────────────────────────
From 2026-11-13 to 2026-11-20; 9 in the time as long before it.
  • Services: checkout 7, payments 5
  • Medians: first hypotheses 3.4 s, acknowledgement 2 min, end 31 min
  • Acceptance: 75% of verdicts are 👍 (6 of 8); 4 of 5 confirmed causes were the first hypothesis
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


def test_the_evidence_message_groups_what_was_seen_and_names_what_was_not() -> None:
    made, text = blocks.evidence_message(briefings.LIKELY)
    assert text == "INC-42: 8 pieces of evidence"
    assert (
        message_text({"blocks": made})
        == """\
🔍 Evidence (8)
Symptoms
  • E1 checkout p95 latency 2.4 s, was 180 ms (×13), since 14:00 UTC  ·  prometheus
  • E2 checkout errors 6.1 % of requests, was 0.2 % (×30), since 14:00 UTC  ·  prometheus
Changes
  • E4 payments v2.14.0 rolled out (was v2.13.2): “Right-size the DB pool” by mira — 4 min before onset  ·  kubernetes
  • E5 payments v2.14.0 rolled out (was v2.13.2): “Right-size the DB pool” by mira — 4 min before onset  ·  github
  • E6 catalog v5.1.0 rolled out (was v5.0.9) by tom — 3 min before onset  ·  kubernetes
Speaks for a fault
  • E3 payments connection pool 100 % in use, was 41 %, since 13:59 UTC  ·  prometheus
  • E7 payments logs “timed out waiting for a connection from the pool” 412 times, was 0, since 14:00 UTC  ·  kubernetes
Speaks against one
  • E8 catalog p95 latency 41 ms, unchanged  ·  prometheus
Weighed and found light
  • catalog v5.1.0 (tom): no indicator of catalog moved, and checkout's slow calls go to payments
Could not be seen
  • ❌ pagerduty did not answer within 2 s
  • loki: logs of checkout: not connected"""
    )


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


# That Slack takes it -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def schema(shared: Path) -> Any:
    """Slack's own types of blocks, as JSON Schema."""
    path = shared / "vendor" / "specs" / "slack-knownblock.generated.schema.json"
    if not path.is_file():
        pytest.skip(f"no Block Kit schema: {path.name} is absent")
    return jsonschema.Draft7Validator(json.loads(path.read_text()))


@pytest.mark.parametrize("state", briefings.STATES)
def test_slack_takes_every_message_and_window_in_every_state(state: str, schema: Any) -> None:
    briefing = briefings.STATES[state]
    for name, made, text in all_messages(briefing):
        for block in made:
            schema.validate(block)
        assert check_message_blocks(made) == [], name
        assert 0 < len(text) <= 4000
    for view in all_views(briefing):
        for block in view["blocks"]:
            schema.validate(block)
        assert check_view(view) == []


HOSTILE = st.one_of(
    st.sampled_from(
        [
            "",
            " ",
            "<!channel> <!here> <@U0ADA> <#C0X|general> <https://evil.example|click me>",
            "*bold* _it_ ~no~ `code` ```block``` > quote :fire: @here @channel",
            "&lt;!channel&gt; &amp;",
            "a" * 5000,
            "👩‍🚒" * 800,
            "\u202egnirts desrever\u202c\u200f",
            "line\nbreak\r\n\ttab\x00\x07\x1b[31m",
            "<" * 4000,
            "مرحبا بالعالم " * 300,
            "]]>{{}}%s$(rm -rf /)",
        ]
    ),
    st.text(max_size=400),
)
LINKS = st.one_of(
    st.sampled_from(
        ["", "javascript:alert(1)", "http://", "https://x.example/|a>b", "https://[", "https://e.example/" + "a" * 3000]
    ),
    HOSTILE,
    st.just("https://grafana.example/d/1?var=a&b=c"),
)
UNIT = st.floats(0, 1)
TIMES = st.one_of(st.none(), st.floats(-1e18, 1e18), st.just(briefings.ONSET))
ENTITIES = st.builds(Entity, st.sampled_from(EntityKind), HOSTILE, HOSTILE, HOSTILE)
EVIDENCE = st.builds(
    Evidence,
    id=st.sampled_from([f"E{n}" for n in range(1, 40)]),
    kind=st.sampled_from(EvidenceKind),
    entity=ENTITIES,
    indicator=HOSTILE,
    statement=HOSTILE,
    severity=UNIT,
    direction=st.sampled_from(Direction),
    source=HOSTILE,
    onset=TIMES,
    is_symptom=st.booleans(),
    link=LINKS,
    author=HOSTILE,
)
FACTORS = st.tuples(
    *(
        st.builds(Factor, name=st.just(name), weight=st.just(0.2), value=UNIT, low=UNIT, high=UNIT, reason=HOSTILE)
        for name in words.SHORT
    )
)
HYPOTHESES = st.lists(
    st.builds(
        HypothesisLine,
        id=st.uuids(),
        rank=st.integers(1, 9),
        service=HOSTILE,
        entity=HOSTILE,
        cause_kind=st.sampled_from([kind.value for kind in CauseKind]),
        statement=HOSTILE,
        origin=st.sampled_from(["rule", "precedent", "model"]),
        confidence=UNIT,
        low=UNIT,
        high=UNIT,
        factors=FACTORS,
        supporting=st.lists(HOSTILE, max_size=20).map(tuple),
        contradicting=st.lists(st.just("E1"), max_size=20).map(tuple),
        next_check=HOSTILE,
        verdicts=st.builds(
            Verdicts,
            up=st.lists(HOSTILE, max_size=3).map(tuple),
            down=st.lists(HOSTILE, max_size=3).map(tuple),
            reasons=st.lists(HOSTILE, max_size=3).map(tuple),
        ),
        is_confirmed=st.booleans(),
    ),
    max_size=5,
    unique_by=(lambda one: one.id, lambda one: one.rank),
).map(tuple)
WORDS = st.lists(HOSTILE, max_size=12).map(tuple)
MOMENTS = st.integers(31_536_000, 7_258_118_400).map(lambda at: datetime.fromtimestamp(at, tz=UTC))


@st.composite
def hostile(draw: st.DrawFn) -> Briefing:
    """A briefing in which outsiders chose every word."""
    base = draw(st.sampled_from(list(briefings.STATES.values())))
    return replace(
        base,
        title=draw(HOSTILE),
        service=draw(HOSTILE),
        severity=draw(HOSTILE),
        priority=draw(HOSTILE),
        assignees=draw(WORDS),
        url=draw(LINKS),
        started_at=draw(MOMENTS),
        acknowledged_by=draw(HOSTILE),
        resolved_by=draw(HOSTILE),
        muted_until=draw(st.one_of(st.none(), MOMENTS)),
        asked_by=draw(HOSTILE),
        error=draw(HOSTILE),
        sources=draw(
            st.lists(
                st.builds(
                    SourceLine,
                    name=HOSTILE,
                    status=st.sampled_from(["asking", "answered", "partial", "failed", "new"]),
                    seconds=st.floats(0, 1e6),
                    observations=st.integers(0, 10**9),
                    detail=HOSTILE,
                ),
                max_size=30,
            ).map(tuple)
        ),
        evidence=draw(st.lists(EVIDENCE, max_size=40).map(tuple)),
        hypotheses=draw(HYPOTHESES),
        verdict=draw(st.sampled_from(["", "likely cause", "possible causes", "inconclusive", "no fault seen"])),
        explanation=draw(HOSTILE),
        missing=draw(WORDS),
        next_check=draw(HOSTILE),
        weighed_light=draw(WORDS),
        gaps=draw(WORDS),
        model_note=draw(HOSTILE),
        model=draw(HOSTILE),
        confirmed_words=draw(HOSTILE),
        confirmed_by=draw(HOSTILE),
        confirmed_earlier=draw(HOSTILE),
        since_last=draw(WORDS),
        same_lead=draw(st.lists(st.integers(1, 10**6), max_size=5).map(tuple)),
        related=draw(
            st.lists(
                st.builds(
                    RelatedLine,
                    id=st.uuids(),
                    title=HOSTILE,
                    service=HOSTILE,
                    severity=HOSTILE,
                    url=LINKS,
                    rule=HOSTILE,
                    started_at=MOMENTS,
                    is_firing=st.booleans(),
                    split_into=st.one_of(st.none(), st.integers(1, 10**6)),
                    split_by=HOSTILE,
                ),
                max_size=30,
                unique_by=lambda one: one.id,
            ).map(tuple)
        ),
        labels=draw(st.one_of(st.just(()), LINKS.map(lambda url: (("runbook_url", url),)))),
        similar=draw(
            st.lists(
                st.builds(
                    SimilarIncident,
                    number=st.integers(1, 10**6),
                    title=HOSTILE,
                    started_at=MOMENTS,
                    similarity=UNIT,
                    why=HOSTILE,
                    cause=HOSTILE,
                    words=HOSTILE,
                ),
                max_size=8,
            ).map(tuple)
        ),
    )


def markup_of(value: Any) -> Iterator[str]:
    """Every text that Slack parses as markup."""
    if isinstance(value, dict):
        if value.get("type") == "mrkdwn":
            yield value["text"]
        for inner in value.values():
            yield from markup_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from markup_of(inner)


def links_of(value: Any) -> Iterator[str]:
    """Every link in rich text."""
    if isinstance(value, dict):
        if value.get("type") == "link":
            yield value["url"]
        for inner in value.values():
            yield from links_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from links_of(inner)


LIVE = re.compile(r"<(?!(?:!date\^\d+\^[^<>|]*\||https?://[^<>|\s]+\|)[^<>]*>)")


@settings(max_examples=150, deadline=None)
@given(hostile())
def test_whatever_outsiders_write_slack_takes_it_and_nothing_of_it_comes_alive(briefing: Briefing) -> None:
    for name, made, text in all_messages(briefing):
        assert check_message_blocks(made) == [], name
        assert 0 < len(text) <= 4000, name
        assert "<" not in text, name
        for markup in markup_of(made):
            assert not LIVE.search(markup), (name, markup)
        assert all(safe_link(url) == url for url in links_of(made)), name
        kinds = {element["type"] for element in inline(made)}
        assert kinds <= {"text", "link", "emoji", "date"}, name
    for view in all_views(briefing):
        assert check_view(view) == []
        assert all(not LIVE.search(markup) for markup in markup_of(view))


def inline(value: Any) -> Iterator[dict[str, Any]]:
    """Every inline element of rich text."""
    if isinstance(value, dict):
        if value.get("type") == "rich_text_section":
            yield from value["elements"]
        else:
            for inner in value.values():
                yield from inline(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from inline(inner)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://grafana.example/d/1?a=1&b=2#x", True),
        ("http://10.0.0.1:9090/graph", True),
        ("javascript:alert(1)", False),
        ("https://a.example/ b", False),
        ("https://a.example/|x", False),
        ("https://a.example/>", False),
        ("https://", False),
        ("https://[", False),
        ("https://a.example/\u202e", False),
        ("mailto:a@b.example", False),
        ("https://a.example/" + "a" * 2000, False),
    ],
)
def test_only_plain_web_addresses_become_links(url: str, kept: bool) -> None:
    assert safe_link(url) == (url if kept else "")


def test_a_fallback_keeps_entities_whole_when_it_is_cut() -> None:
    said = fallback("<&>" * 3000)
    assert len(said) <= 3000
    assert re.sub(r"&(?:lt|gt|amp);", "", said) == "…"


def test_times_are_shown_in_the_readers_zone() -> None:
    made, _ = blocks.root_card(replace(briefings.LIKELY, started_at=briefings.BEGAN + timedelta(hours=3)))
    assert "<!date^1795194120^{time} ({ago})|2026-11-20 17:02 UTC>" in json.dumps(made, ensure_ascii=False)


def test_a_change_that_two_sources_saw_is_told_once_with_what_each_knows() -> None:
    nameless = replace(briefings.ROLLOUT, author="", statement="payments rolled out, 4 min before the alert")
    named = replace(briefings.ROLLOUT_AGAIN, statement="payments v2.14.0 deployed, 4 min before the alert")
    briefing = replace(briefings.LIKELY, evidence=(briefings.LATENCY, nameless, named))
    said = message_text({"blocks": blocks.root_card(briefing)[0]})
    assert "What changed\n  • payments v2.14.0 deployed by mira — 4 min before onset  E4  E5\nWeighed" in said


def test_a_change_says_what_it_altered_and_who_made_it_though_no_source_knows_both() -> None:
    seen = replace(briefings.ROLLOUT, author="", indicator="payments 2.14.0 deployed", detail="DB_POOL_SIZE 20 → 5")
    told = replace(briefings.ROLLOUT_AGAIN, indicator="payments 2.14.0 deployed", detail="")
    briefing = replace(briefings.LIKELY, evidence=(briefings.LATENCY, seen, told))
    said = message_text({"blocks": blocks.root_card(briefing)[0]})
    assert "• payments 2.14.0 deployed (DB_POOL_SIZE 20 → 5) by mira — 4 min before onset  E4  E5\n" in said


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


def test_where_there_is_much_evidence_what_hypotheses_cite_is_kept() -> None:
    many = tuple(replace(briefings.WAITS, id=f"E{n}", severity=0.1) for n in range(20, 70))
    cited = replace(briefings.FIRST, supporting=("E3", "E69"), contradicting=("E68",))
    briefing = replace(briefings.LIKELY, evidence=(*briefings.LIKELY.evidence, *many), hypotheses=(cited,))
    said = message_text({"blocks": blocks.evidence_message(briefing)[0]})
    assert "• E69 " in said
    assert "• E68 " in said
    assert "and 30 more, which weigh less" in said
