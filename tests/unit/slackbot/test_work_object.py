"""An incident as a Work Object: what the pane beside a shared link tells."""

from __future__ import annotations

from datetime import UTC, datetime

from slackbot.blocks.work_object import details_entity
from tests.unit.slackbot import briefings


def test_the_pane_tells_of_changes_as_the_card_does_who_made_them_and_when() -> None:
    entity = details_entity(
        briefings.LIKELY,
        address="https://copilot.example.org/slack/incidents/acme/42",
        thread="https://acme.slack.com/archives/C1/p1",
        updated_at=datetime(2026, 11, 21, 14, 8, tzinfo=UTC),
    )

    fields = {one["key"]: one["value"] for one in entity["entity_payload"]["custom_fields"]}
    assert fields["changed"] == (
        "payments v2.14.0 rolled out (was v2.13.2): “Right-size the DB pool” by mira — 4 min before the onset; "
        "catalog v5.1.0 rolled out (was v5.0.9) by tom — 3 min before the onset"
    )
