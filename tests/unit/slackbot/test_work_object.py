"""An incident as a Work Object: what the pane beside a shared link tells."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from slackbot.blocks.work_object import details_entity
from tests.unit.slackbot import briefings

if TYPE_CHECKING:
    from copilot.knowledge.briefing import Briefing


def fields_of(briefing: Briefing) -> dict[str, tuple[str, str]]:
    """The pane's own fields: each with its label and what it says."""
    entity = details_entity(
        briefing,
        address="https://copilot.example.org/slack/incidents/acme/42",
        thread="https://acme.slack.com/archives/C1/p1",
        updated_at=datetime(2026, 11, 21, 14, 8, tzinfo=UTC),
    )
    return {one["key"]: (one["label"], one["value"]) for one in entity["entity_payload"]["custom_fields"]}


def test_the_pane_tells_of_changes_as_the_card_does_who_made_them_and_when() -> None:
    assert fields_of(briefings.LIKELY)["changed"][1] == (
        "payments v2.14.0 rolled out (was v2.13.2): “Right-size the DB pool” by mira — 4 min before the onset; "
        "catalog v5.1.0 rolled out (was v5.0.9) by tom — 3 min before the onset"
    )


def test_the_pane_says_who_confirmed_the_cause_and_asks_for_no_check_then() -> None:
    assert fields_of(briefings.CONFIRMED)["confirmed"] == (
        "Confirmed cause, by ada",
        "The rollout of payments v2.14.0 shrank its connection pool; checkout waits for payments",
    )
    assert "next_check" not in fields_of(briefings.CONFIRMED)
    assert "next_check" in fields_of(briefings.LIKELY)
