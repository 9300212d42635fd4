"""Runbooks in Slack are quoted, with their source and date."""

from __future__ import annotations

from dataclasses import replace

from slackbot import blocks
from slackbot.blocks.runbooks import runbooks_reply
from slackbot.plain_text import message_text
from tests.unit.slackbot import briefings


def test_the_best_runbooks_steps_are_on_the_card_until_the_incident_is_resolved() -> None:
    quote = briefings.RUNBOOK
    card = message_text({"blocks": blocks.root_card(replace(briefings.LIKELY, runbooks=(quote,)))[0]})
    resolved = replace(briefings.LIKELY, runbooks=(quote,), status="resolved", resolved_at=briefings.BEGAN)

    assert "What to do, from the runbook Memory leak (ops.git, leak.md, written 2026-03-04)" in card
    assert "Roll back: kubectl rollout undo deployment/checkout." in card
    assert "Step 5" in card
    assert "Step 6" not in card
    assert "and 2 more steps in the runbook" in card
    assert "What to do" not in message_text({"blocks": blocks.root_card(resolved)[0]})


def test_what_stands_between_backticks_is_shown_as_code_and_the_link_leads_to_the_runbook() -> None:
    made, _ = runbooks_reply("leak", [], [briefings.RUNBOOK])
    head, steps = made[0]["elements"][:2]

    assert {"type": "link", "url": "https://wiki.example/leak", "text": "Memory leak", "style": {"bold": True}} in head[
        "elements"
    ]
    assert steps["elements"][0]["elements"] == [
        {"type": "text", "text": "Roll back: "},
        {"type": "text", "text": "kubectl rollout undo deployment/checkout", "style": {"code": True}},
        {"type": "text", "text": "."},
    ]
    assert len(steps["elements"]) == 7
