"""Runbooks in Slack are quoted, with their source and date."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from copilot.knowledge.placeholders import Values
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


def test_what_the_incident_fills_in_is_bold_and_said_to_be_no_word_of_the_runbook() -> None:
    step = "Undo: `kubectl -n <namespace> rollout undo deployment/<name>`, then look at <pod>."
    quote = replace(briefings.RUNBOOK, steps=(step,), values=Values("shop", "payments"))
    made = blocks.root_card(replace(briefings.LIKELY, runbooks=(quote,)))[0]
    card = message_text({"blocks": made})
    filled = [
        part["text"]
        for block in made
        if block["type"] == "rich_text"
        for part in parts_of(block)
        if (part.get("style") or {}) == {"code": True, "bold": True}
    ]

    assert "Undo: kubectl -n shop rollout undo deployment/payments, then look at <pod>." in card
    assert "Filled in from the incident, in bold: <namespace> = shop, <name> = payments" in card
    assert "What to do, from the runbook Memory leak (ops.git, leak.md, written 2026-03-04)" in card
    assert filled == ["shop", "payments"]


def parts_of(node: object) -> list[dict[str, Any]]:
    """Return all texts of a rich text."""
    if isinstance(node, list):
        return [part for one in node for part in parts_of(one)]
    if not isinstance(node, dict):
        return []
    own = [node] if node.get("type") == "text" else []
    return own + parts_of(node.get("elements", []))


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
