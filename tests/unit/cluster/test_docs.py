"""docs/conditions.md is written by code: run this file as a program to write it anew."""

from __future__ import annotations

from pathlib import Path

from integrations.cluster import Word
from integrations.cluster.telling import command
from scoring.checks import next_check
from scoring.meanings import CONDITIONS, Condition
from scoring.observations import Entity, EntityKind

PAGE = Path(__file__).parents[3] / "docs" / "conditions.md"
INTRODUCTION = """\
# Kubernetes conditions

What can be wrong with the objects of a cluster, how it is seen, which cause it hints at, and what to run next. A live API server
and a recorded cluster go through the same functions (`integrations/cluster`); what each condition means to the ranking stands in
`scoring/meanings.py`. A kind of object that could not be read makes nothing missing: then the incident shows a gap instead.

Severity is in [0, 1]: 0.9 and above, it does not run; 0.7, it is breaking; 0.5, it limps; 0.3, worth a line. A condition that has
passed counts 0.7 times as much; one that is known to be well again only sets the scene. A condition with ↓ tells that an object is
unwell, not why: what fails at something that it needs (its node, a volume, a quota, the scheduler, a service that it calls) explains it.

This page is written from the code: `python -m tests.unit.cluster.test_docs`.

## Conditions that are found by comparing objects

| condition | how it is seen | meaning, severity | cause kinds | next check |
|---|---|---|---|---|
"""
VENDOR = """
## Kubernetes' own words

They are taken from pods' and containers' states, from conditions of objects and from events; the next check is that of the cause
kind, beside the `kubectl` command that each piece of evidence carries.

| condition | meaning, severity | cause kinds | next check |
|---|---|---|---|
"""


def page() -> str:
    """Return what docs/conditions.md should hold."""
    own = {str(word) for word in Word}
    lines = [INTRODUCTION]
    for word in Word:
        meaning = CONDITIONS[str(word)]
        kinds = ", ".join(kind.value for kind in meaning.kinds)
        check = command(word, "KIND", "NAMESPACE", "NAME", "TARGET").replace("kind", "KIND")
        lines.append(
            f"| `{word}` | {cell(word.seen)} | {meaning.words}, {weight(meaning)} | {kinds} | `{cell(check)}` |\n"
        )
    lines.append(VENDOR)
    thing = Entity(EntityKind.WORKLOAD, "NAME", "NAMESPACE", "NAME")
    for name, meaning in CONDITIONS.items():
        if name not in own and meaning.severity > 0.0:
            kinds = ", ".join(kind.value for kind in meaning.kinds)
            check = next_check(meaning.kinds[0], thing, ()) if meaning.kinds else ""
            lines.append(f"| `{name}` | {meaning.words}, {weight(meaning)} | {kinds} | {cell(check)} |\n")
    return "".join(lines)


def weight(meaning: Condition) -> str:
    return f"{meaning.severity:g}{' ↓' if meaning.inherited else ''}"


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def test_the_page_of_conditions_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.unit.cluster.test_docs"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
