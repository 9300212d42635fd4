"""The thread's message of evidence: a table to sort and leaf through, or the same as lists where there is no table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scoring.evidence import Direction
from slackbot.blocks import words
from slackbot.blocks.changes import change_words
from slackbot.blocks.parts import (
    Block,
    Element,
    bullets,
    coded,
    context,
    emoji,
    fallback,
    line,
    link,
    moment,
    plain,
    rich,
    safe_link,
    text,
)
from slackbot.blocks.progress import MOST_SILENT, source_line
from slackbot.wording import clip, counted

if TYPE_CHECKING:
    from copilot.knowledge.briefing import Briefing
    from scoring.evidence import Evidence

# In lists; more is not read.
MOST_LISTED = 28
MOST_GAPS = 16
# Slack takes a hundred rows and ten thousand characters in a table; a page of it is read at once.
MOST_ROWS, PAGE = 60, 10
MOST_CHARACTERS = 9000
STATEMENT = 160
ALL_IS = "all are on the incident's page in the admin and in its report by REST"
COLUMNS = ("No.", "What was seen", "Kind", "Since")


def evidence_message(briefing: Briefing) -> tuple[list[Block], str]:
    """Return the evidence as a table; then what was found light and what could not be asked."""
    if not briefing.evidence:
        return evidence_lists(briefing)
    table, shown = _table(briefing)
    return _message(briefing, [table], shown)


def evidence_lists(briefing: Briefing) -> tuple[list[Block], str]:
    """Return the same as lists, for workspaces that take no tables."""
    kept = words.weightiest(briefing, MOST_LISTED)
    parts = []
    for title, found in _groups(briefing):
        shown = [one for one in found if one.id in kept]
        if shown:
            parts.append(line(text(title, bold=True)))
            parts.append(bullets(*(_evidence_line(one, briefing) for one in shown)))
    return _message(briefing, [rich(_title(briefing), *parts)], len(kept))


def _title(briefing: Briefing) -> Element:
    count = len(briefing.evidence)
    return line(emoji("mag"), text(f" Evidence ({count})" if count else " No evidence was found", bold=True))


def _message(briefing: Briefing, blocks: list[Block], shown: int) -> tuple[list[Block], str]:
    count = len(briefing.evidence)
    if count > shown:
        blocks.append(context(plain(f"and {count - shown} more, which weigh less; {ALL_IS}")))
    if briefing.weighed_light:
        blocks.append(
            rich(
                line(text("Weighed and found light", bold=True)),
                bullets(*(line(text(clip(one, 240))) for one in briefing.weighed_light[:8])),
            )
        )
    gaps = _gaps(briefing)
    if gaps:
        blocks.append(rich(line(text("Could not be seen", bold=True)), bullets(*gaps)))
    return blocks, fallback(f"{words.name(briefing)}: {counted(count, 'piece of evidence', 'pieces of evidence')}")


def _groups(briefing: Briefing) -> list[tuple[str, list[Evidence]]]:
    """Return all evidence by what it says, the most telling first."""
    return [
        ("Symptoms", [one for one in briefing.evidence if one.is_symptom]),
        ("Changes", [one for one in briefing.evidence if not one.is_symptom and words.is_change(one)]),
        ("Speaks for a fault", _others(briefing, Direction.FOR)),
        ("Speaks against one", _others(briefing, Direction.AGAINST)),
        ("Context", _others(briefing, Direction.CONTEXT)),
    ]


KINDS = {
    "Symptoms": "symptom",
    "Changes": "change",
    "Speaks for a fault": "for",
    "Speaks against one": "against",
    "Context": "context",
}


def _table(briefing: Briefing) -> tuple[Block, int]:
    """Return the table of what weighs most, as far as Slack takes it, and how many rows it has."""
    rows = {one.id: _row(KINDS[title], one, briefing) for title, found in _groups(briefing) for one in found}
    kept: set[str] = set()
    left = MOST_CHARACTERS
    for name in words.weightiest(briefing, MOST_ROWS):
        left -= sum(_length(cell) for cell in rows[name])
        if left < 0:
            break
        kept.add(name)
    shown = [row for name, row in rows.items() if name in kept]
    return {
        "type": "data_table",
        "caption": f"Evidence ({len(briefing.evidence)})",
        "page_size": PAGE,
        "rows": [[_raw(one) for one in COLUMNS], *shown],
    }, len(shown)


def _row(kind: str, one: Evidence, briefing: Briefing) -> list[Element]:
    said = change_words(one, briefing) if words.is_change(one) else [text(clip(one.statement, STATEMENT))]
    at = words.when(one)
    return [
        _raw(clip(one.id, 8) or "?"),
        # Threads are narrow: the source is no column of its own.
        rich(line(*said, *_seen_in(one))),
        _raw(kind),
        rich(line(moment(at), *_until(one))) if at is not None else _raw("–"),
    ]


def _until(one: Evidence) -> list[Element]:
    """Return until when, for what is over."""
    end = words.instant(one.until)
    return [text("–"), moment(end)] if end is not None else []


def _raw(words: str) -> Element:
    return {"type": "raw_text", "text": words}


def _length(cell: Element) -> int:
    """Return the characters of a cell, as Slack counts them or more."""
    if cell["type"] == "raw_text":
        return len(cell["text"])
    parts = [part for section in cell["elements"] for part in section["elements"]]
    return sum(len(part.get("text") or part.get("fallback") or "") for part in parts)


def _others(briefing: Briefing, direction: Direction) -> list[Evidence]:
    return [
        one
        for one in briefing.evidence
        if not one.is_symptom and not words.is_change(one) and one.direction is direction
    ]


def _evidence_line(one: Evidence, briefing: Briefing) -> Element:
    if words.is_change(one):
        return line(text(one.id, code=True), text(" "), *change_words(one, briefing), *_seen_in(one))
    elements = [text(one.id, code=True), text(f" {clip(one.statement, 240)}")]
    at = words.when(one)
    if at is not None:
        over = _until(one)
        elements.extend((text(", " if over else ", since "), moment(at), *over))
    return line(*elements, *_seen_in(one))


def _seen_in(one: Evidence) -> list[Element]:
    """Return the source, linked to where the evidence was seen."""
    source = clip(one.source, 40) or "source"
    return [text("  ·  "), link(one.link, source) if safe_link(one.link) else text(source, italic=True)]


def _gaps(briefing: Briefing) -> list[Element]:
    failed = [one for one in briefing.sources if one.status == "failed"][:MOST_SILENT]
    # That a whole source gave nothing is among the gaps as well; it is told once.
    others = [one for one in briefing.gaps if not any(f": {source.name} – " in one for source in failed)]
    return [source_line(one) for one in failed] + [
        line(*coded(clip(one, 240))) for one in others[: MOST_GAPS - len(failed)]
    ]


__all__ = ["evidence_lists", "evidence_message"]
