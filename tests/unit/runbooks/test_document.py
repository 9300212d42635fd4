"""Runbooks are read as people and their tools write them."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime

import pytest

from copilot.runbooks import document, origins, starter
from copilot.runbooks.origins import Found, Unreadable, read_archive
from copilot.runbooks.words import parts
from scoring.evidence import CauseKind

OURS = """---
title: Checkout is slow
services: [checkout, cart]
causes: [database slow query, bad_deploy]
keywords: HighLatency, p95 above 2 s
date: 2026-03-04
url: https://wiki.example/checkout
---
# Ignored, as the front matter has a title

Some words before any section.

## Symptoms

Slow pages.

## What to do

1. Look at `pg_stat_activity`:
   ```sql
   # not a heading
   SELECT 1
   ```
2. Roll back: `kubectl rollout undo deployment/checkout`.

- [ ] Tell the channel.

## Contacts

- Alice
"""


def test_front_matter_names_services_causes_and_keywords() -> None:
    read = document.read(OURS, name="checkout.md")

    assert read.title == "Checkout is slow"
    assert read.services == ("checkout", "cart")
    assert read.causes == ("database slow query", "bad deploy")
    assert read.keywords == ("HighLatency", "p95 above 2 s")
    assert read.link == "https://wiki.example/checkout"
    assert read.written_at == datetime(2026, 3, 4, tzinfo=UTC)
    assert read.notes == ()


def test_sections_are_split_at_headings_and_steps_are_taken_word_for_word() -> None:
    read = document.read(OURS, name="checkout.md")

    assert [one.heading for one in read.sections] == ["", "Symptoms", "What to do", "Contacts"]
    assert read.sections[0].text == "Some words before any section."
    assert read.sections[2].steps == (
        "Look at `pg_stat_activity`:\n   ```sql\n   # not a heading\n   SELECT 1\n   ```",
        "Roll back: `kubectl rollout undo deployment/checkout`.",
        "Tell the channel.",
    )
    # A list of people to call is no list of steps.
    assert read.sections[3].steps == ()


def test_notions_export_gives_its_properties_below_the_title_and_its_id_in_the_name() -> None:
    text = (
        "# Redis out of memory\n\nServices: sessions, cart\nTags: redis, eviction\nLast edited time: June 3, 2026 4:05 PM\n"
        "Owner: Platform\n\nCall **Bob**<br/>if unsure.\n\n## Steps\n\n1. Raise `maxmemory`.\n"
    )
    read = document.read(text, name="Redis out of memory 0123456789abcdef0123456789abcdef.md")

    assert read.title == "Redis out of memory"
    assert read.services == ("sessions", "cart")
    assert read.keywords == ("redis", "eviction")
    assert read.written_at == datetime(2026, 6, 3, 16, 5, tzinfo=UTC)
    assert read.sections[0].text == "Owner: Platform\n\nCall **Bob**if unsure."
    assert [one.steps for one in read.sections] == [(), ("Raise `maxmemory`.",)]


def test_confluences_tags_and_comments_go_and_placeholders_stay() -> None:
    text = "<!-- exported -->\n# Drain\n\n<p>Use</p> <ac:link>this</ac:link>:\n\n1. `kubectl drain <node>`<br>\n"
    read = document.read(text, name="drain.md")

    assert read.sections[0].text == "Use this:\n\n1. `kubectl drain <node>`"
    assert read.sections[0].steps == ("`kubectl drain <node>`",)


@pytest.mark.parametrize(
    ("text", "name", "title"),
    [
        ("just words", "nodes/node_not-ready.md", "Node not ready"),
        ("## A section first\n\nwords", "x.md", "A section first"),
        ("\ufeff---\ntitle: With a mark\r\n---\r\nwords", "x.md", "With a mark"),
        ("", "Disk full 0123456789abcdef0123456789abcdef.md", "Disk full"),
    ],
)
def test_the_title_comes_from_front_matter_the_first_heading_or_the_name(text: str, name: str, title: str) -> None:
    assert document.read(text, name=name).title == title


def test_what_is_not_understood_is_told_and_refuses_nothing() -> None:
    broken = document.read("---\nservices: [a, b\n---\n# Words\n\ntext", name="x.md")
    unknown = document.read("---\ncauses: [gremlins]\n---\ntext", name="x.md")

    assert broken.title == "Words"
    assert "no YAML" in broken.notes[0]
    assert unknown.causes == ()
    assert unknown.notes[0].startswith("'gremlins' is no kind of cause; they are: bad deploy, certificate")


def test_a_long_section_is_cut_at_blank_lines_and_loses_nothing() -> None:
    text = "# T\n\n## Long\n\n" + "\n\n".join(f"Paragraph {number} " + "word " * 60 for number in range(12))
    read = document.read(text, name="x.md")

    assert len(read.sections) == 3
    assert all(len(one.text) <= document.SECTION_CHARACTERS for one in read.sections)
    said = " ".join(one.text for one in read.sections)
    assert [f"Paragraph {number} " in said for number in range(12)] == [True] * 12


def test_joined_names_are_taken_apart() -> None:
    assert parts("ImagePullBackOff and OOMKilled, HTTPServer, kubectl") == "Image Pull Back Off OOM Killed HTTP Server"


@pytest.mark.parametrize("found", starter.origin().found, ids=lambda one: one.path)
def test_every_starter_runbook_names_its_causes_and_says_what_to_do(found: Found) -> None:
    read = document.read(found.text, name=found.path)

    assert read.notes == ()
    assert read.causes
    assert set(read.causes) <= {kind.value for kind in CauseKind}
    assert read.keywords
    assert sum(bool(one.steps) for one in read.sections) == 1
    assert all(3 <= len(one.steps) <= 7 for one in read.sections if one.steps)


def test_the_starter_set_has_a_runbook_for_most_kinds_of_cause() -> None:
    told = {cause for found in starter.origin().found for cause in document.read(found.text, name=found.path).causes}

    assert len(starter.origin().found) >= 30
    assert {kind.value for kind in CauseKind} - told == {"no fault"}


@pytest.mark.parametrize(
    "front",
    [
        "date: 2026-13-45",
        "services: " + "[" * 5000,
        "a: &a [x, x]\n"
        + "".join(f"a{n}: &a{n} [*a{n - 1 or ''}, *a{n - 1 or ''}]\n" for n in range(1, 40))
        + "services: *a39",
        "services: {checkout: yes}\ntitle: [a, b]\nlink: {x: y}\nupdated: [2026]",
    ],
    ids=["no such date", "brackets without end", "aliases of aliases", "nested values"],
)
def test_front_matter_that_makes_no_sense_refuses_nothing_and_costs_nothing(front: str) -> None:
    read = document.read(f"---\n{front}\n---\n# Disk full\n\nwords", name="x.md")

    assert (read.title, read.services, read.link, read.written_at) == ("Disk full", (), "", None)


# --- archives -----------------------------------------------------------------------------------------------------------


def packed(entries: dict[str, bytes], *, way: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", way) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return made.getvalue()


@pytest.mark.parametrize("way", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_archive_is_told_in_words(way: int) -> None:
    whole = packed({"disk.md": b"# Disk full\n" + bytes(range(256)) * 40}, way=way)
    begin = whole.index(b"disk.md") + len(b"disk.md")
    damaged = whole[: begin + 20] + b"\xff" * 60 + whole[begin + 80 :]

    with pytest.raises(Unreadable, match="the archive cannot be read"):
        read_archive(damaged, source="x")


def test_an_entry_without_a_date_has_none() -> None:
    whole = bytearray(packed({"disk.md": b"# Disk full"}, way=zipfile.ZIP_STORED))
    for signature, at in ((b"PK\x03\x04", 10), (b"PK\x01\x02", 12)):
        begin = whole.index(signature) + at
        whole[begin : begin + 4] = b"\x00" * 4

    (found,) = read_archive(bytes(whole), source="x").found

    assert (found.text, found.written_at) == ("# Disk full", None)


def test_archives_within_an_archive_share_its_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origins, "MAX_ARCHIVE_BYTES", 10_000)
    inner = packed({"disk.md": b"x" * 4000})
    assert len(inner) < 400

    assert len(read_archive(packed({"1.zip": inner, "2.zip": inner}), source="x").found) == 2
    with pytest.raises(Unreadable, match="larger than"):
        read_archive(packed({f"{n}.zip": inner for n in range(3)}), source="x")
