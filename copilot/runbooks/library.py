"""A tenant's runbooks in PostgreSQL: brought up to date with their sources, listed, shown, removed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.utils import timezone

from copilot import observe
from copilot.guard import vault
from copilot.guard.redact import Redactor
from copilot.guard.tenancy import tenant_scope
from copilot.models import AuditEntry, Runbook, RunbookChunk, RunbookTerm, RunbookVersion
from copilot.runbooks import document
from copilot.runbooks.words import searchable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from copilot.runbooks.document import Document, Section
    from copilot.runbooks.origins import Found, Origin

log = observe.logger(__name__)

LONGEST_TERM = 200
# Any number that is ours alone; the second key is the tenant's.
SYNC_LOCK = 726_355
# What is indexed at which weight: title and keywords A, heading, services and causes B, the text D (PostgreSQL's letters).
_INDEX = """
UPDATE copilot_runbookchunk SET search =
    setweight(to_tsvector('english', %s), 'A') || setweight(to_tsvector('english', %s), 'B') || setweight(to_tsvector('english', %s), 'D')
WHERE id = %s
"""
_COUNT_TERMS = """
INSERT INTO copilot_runbookterm (tenant_id, word, chunks)
SELECT %s, word, ndoc FROM ts_stat('SELECT search FROM copilot_runbookchunk') WHERE length(word) <= %s
"""


class NoSuchRunbook(LookupError):
    """Say that no runbook, or more than one, is meant."""


@dataclass(slots=True)
class Changes:
    """Hold what bringing a source up to date did: titles by what happened to them, and what was not understood."""

    source: str
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_nothing(self) -> bool:
        """Return whether all was as it is."""
        return not (self.added or self.changed or self.removed)


def bring_up_to_date(tenant_id: UUID, origin: Origin, *, by: str) -> Changes:
    """Store what a source holds: new documents are added, others get a version, and those gone from a whole source are removed.

    Told apart by the hash of their text: run again, it changes nothing. All of it is one transaction, one at a time a tenant.
    """
    changes = Changes(origin.source, notes=list(origin.notes))
    redactor = Redactor(vault.redaction_key(tenant_id))
    with tenant_scope(tenant_id):
        _wait_for_turn(tenant_id)
        known = {row.path: row for row in Runbook.objects.filter(source=origin.source)}
        for one in origin.found:
            row = known.get(one.path)
            if row is not None and row.removed_at is not None and not origin.restores:
                continue
            _take_in(row, one, origin.source, redactor, changes, by=by)
        if origin.whole:
            there = {one.path for one in origin.found}
            gone = [row for path, row in known.items() if path not in there and row.removed_at is None]
            _take_away(gone)
            changes.removed.extend(row.title for row in gone)
        if not changes.is_nothing:
            _count_terms(tenant_id)
            AuditEntry.objects.create(
                actor=by,
                action="update runbooks",
                target=origin.source,
                detail={"added": changes.added, "changed": changes.changed, "removed": changes.removed},
            )
    if redactor.count:
        changes.notes.append(f"{redactor.count} secrets or personal data were replaced: a runbook is no place for them")
    return changes


def _wait_for_turn(tenant_id: UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [SYNC_LOCK, str(tenant_id)])


def _take_in(row: Runbook | None, found: Found, source: str, redactor: Redactor, changes: Changes, *, by: str) -> None:
    text = redactor.text(found.text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    if row is not None and row.content_hash == digest and row.removed_at is None:
        link = document.read(text, name=found.path).link or found.link
        if row.link != link:
            row.link = link
            row.save(update_fields=["link"])
        changes.unchanged.append(row.title)
        return
    read = document.read(text, name=found.path)
    changes.notes.extend(f"{found.path}: {note}" for note in read.notes)
    is_new = row is None
    row = row or Runbook(source=source, path=found.path, version=0)
    now = timezone.now()
    row.title, row.link = read.title, read.link or found.link
    row.services, row.causes, row.keywords = list(read.services), list(read.causes), list(read.keywords)
    row.written_at = read.written_at or found.written_at
    row.read_at, row.removed_at = now, None
    is_other_text = row.content_hash != digest
    row.content_hash = digest
    row.version += is_other_text
    row.save()
    if is_other_text:
        RunbookVersion.objects.create(
            runbook=row,
            number=row.version,
            text=text,
            content_hash=digest,
            revision=found.revision,
            written_at=row.written_at,
            read_at=now,
            read_by=by,
        )
    _split(row, read)
    (changes.added if is_new else changes.changed).append(row.title)


def _split(row: Runbook, read: Document) -> None:
    """Store a runbook's sections anew, and index them."""
    RunbookChunk.objects.filter(runbook=row).delete()
    sections = read.sections or (document.Section("", ""),)
    chunks = RunbookChunk.objects.bulk_create(
        RunbookChunk(
            tenant_id=row.tenant_id,
            runbook=row,
            position=position,
            heading=one.heading,
            text=one.text,
            steps=list(one.steps),
        )
        for position, one in enumerate(sections[:1000])
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            _INDEX, [[*_indexed(row, one), chunk.id] for one, chunk in zip(sections, chunks, strict=False)]
        )


def _indexed(row: Runbook, section: Section) -> tuple[str, str, str]:
    """Return what is indexed of a section at the weights A, B and D."""
    return (
        searchable(" \n".join((row.title, *row.keywords))),
        searchable(" \n".join((section.heading, *row.services, *row.causes))),
        searchable(section.text),
    )


def _take_away(rows: Iterable[Runbook]) -> None:
    for row in rows:
        row.removed_at = timezone.now()
        row.save(update_fields=["removed_at"])
        row.chunks.all().delete()


def _count_terms(tenant_id: UUID) -> None:
    """Count anew in how many sections each word is."""
    RunbookTerm.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_TERMS, [tenant_id, LONGEST_TERM])


def remove(tenant_id: UUID, runbooks: Iterable[Runbook], *, by: str) -> None:
    """Take runbooks out of use; their versions stay."""
    with tenant_scope(tenant_id):
        _wait_for_turn(tenant_id)
        rows = [row for row in runbooks if row.removed_at is None]
        _take_away(rows)
        _count_terms(tenant_id)
        for row in rows:
            AuditEntry.objects.create(
                actor=by, action="remove runbook", target=row.title, detail={"source": row.source}
            )


def named(tenant_id: UUID, words: str) -> Runbook:
    """Return the runbook of an id, a beginning of one (six characters or more), a title or a path.

    :raises NoSuchRunbook: where none, or several, are meant; lists them.
    """
    with tenant_scope(tenant_id):
        rows = Runbook.objects.filter(removed_at=None)
        found = [row for row in rows if len(words) >= 6 and str(row.id).startswith(words.lower())]
        found = found or [row for row in rows if words.casefold() in {row.title.casefold(), row.path.casefold()}]
        found = found or [row for row in rows if words.casefold() in row.title.casefold()]
    if len(found) == 1:
        return found[0]
    if not found:
        raise NoSuchRunbook(f"there is no runbook {words!r}; `copilot runbook list` shows what there is")
    several = ", ".join(f"{row.title} ({str(row.id)[:8]})" for row in found[:10])
    raise NoSuchRunbook(f"{words!r} may be several: {several}; name one by its id")


def text_of(runbook: Runbook) -> str:
    """Return the newest version's text, in the tenant's scope."""
    with tenant_scope(runbook.tenant_id), transaction.atomic():
        return runbook.versions.order_by("-number").values_list("text", flat=True).first() or ""


__all__ = ["Changes", "NoSuchRunbook", "bring_up_to_date", "named", "remove", "text_of"]
