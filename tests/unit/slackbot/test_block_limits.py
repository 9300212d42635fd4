"""That Slack takes every message and window, in every state and whatever outsiders write, and that none of it comes alive."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.models.metadata import EntityPayload, IncidentEntityFields

from copilot.knowledge.briefing import (
    Briefing,
    HypothesisLine,
    Impact,
    RelatedLine,
    RunbookQuote,
    SimilarIncident,
    SourceLine,
    Verdicts,
)
from scoring.evidence import CauseKind, Direction, Evidence, EvidenceKind, Factor
from scoring.observations import Entity, EntityKind
from slackbot import blocks
from slackbot.blocks import words
from slackbot.blocks.parts import fallback, safe_link
from slackbot.local.blocks import check_message_blocks, check_view
from slackbot.local.entities import PRESENTED, UNFURLED, mistakes
from tests.unit.slackbot import briefings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

from tests.unit.slackbot.every_message import all_entities, all_messages, all_views, links_of

# That Slack takes it -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def schema(shared: Path) -> Any:
    """Slack's own types of blocks, as JSON Schema."""
    path = shared / "vendor" / "specs" / "slack-knownblock.generated.schema.json"
    if not path.is_file():
        pytest.skip(f"no Block Kit schema: {path.name} is absent")
    return jsonschema_rs.Draft7Validator(json.loads(path.read_text()))


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


CHECKS = {"unfurled": UNFURLED, "presented": PRESENTED}


@pytest.mark.parametrize("state", briefings.STATES)
def test_slack_takes_every_work_object_in_every_state(state: str) -> None:
    for kind, entity in all_entities(briefings.STATES[state]):
        assert mistakes(CHECKS[kind], entity, "") == []
        # Slack's own classes know every name that is sent, but the severity that its pages tell of.
        known = EntityPayload(**entity["entity_payload"])
        assert known.to_dict() == entity["entity_payload"]
        assert set(entity["entity_payload"]["fields"]) - IncidentEntityFields.attributes <= {"severity"}


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
        impact=draw(
            st.none()
            | st.builds(
                Impact,
                cause=HOSTILE,
                path=st.lists(HOSTILE, max_size=9).map(tuple),
                hurt=st.integers(0, 10**6),
                direct=st.integers(0, 9),
                user_facing=WORDS,
            )
        ),
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
        runbooks=draw(
            st.lists(
                st.builds(
                    RunbookQuote,
                    id=st.just(briefings.RUN),
                    title=HOSTILE,
                    steps=st.lists(HOSTILE, min_size=1, max_size=7).map(tuple),
                    source=HOSTILE,
                    path=HOSTILE,
                    link=LINKS,
                    version=st.integers(1, 9),
                    written_at=st.none() | MOMENTS,
                    read_at=MOMENTS,
                    why=HOSTILE,
                ),
                max_size=3,
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
    for kind, entity in all_entities(briefing):
        assert mistakes(CHECKS[kind], entity, "") == []
        # Slack parses the values that are marked as Markdown alone, and none is.
        payload = entity["entity_payload"]
        assert not any("format" in field for field in (*payload["fields"].values(), *payload["custom_fields"]))


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
