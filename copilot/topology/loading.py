"""Bring a tenant's topology up to date with a file: all of it or nothing, and what the file no longer says is taken away."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.utils import timezone

from copilot import services
from copilot.guard.tenancy import tenant_scope
from copilot.models import AuditEntry, Service, ServiceDependency
from copilot.topology import document as documents
from copilot.topology.graph import FILE
from copilot.topology.records import take_turns

if TYPE_CHECKING:
    from uuid import UUID

    from copilot.topology.document import Document


@dataclass(slots=True)
class Loaded:
    """Hold what a file changed, by name; arrows are pairs of caller and callee."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    drawn: list[tuple[str, str]] = field(default_factory=list)
    removed: list[tuple[str, str]] = field(default_factory=list)


class _Kept(Exception):
    """Undo what was only tried."""


def load(tenant_id: UUID, told: Document, *, actor: str, dry_run: bool = False) -> Loaded:
    """Bring services and arrows up to date; with `dry_run`, say only what that would change.

    Values that the file does not give stay; arrows that an earlier file gave, and this one does not, go. What people declared
    one by one, and what sources have seen, stays.

    :raises WrongTopology: where a need is unknown, or a value is refused.
    """
    loaded = Loaded()
    try:
        with tenant_scope(tenant_id):
            take_turns(tenant_id)
            _load(tenant_id, told, loaded)
            if dry_run:
                raise _Kept  # noqa: TRY301 - the transaction is what it must leave
            AuditEntry.objects.create(
                actor=actor,
                action="load topology",
                target=f"{len(told.entries)} services",
                detail={
                    "added": len(loaded.added),
                    "changed": len(loaded.changed),
                    "arrows drawn": len(loaded.drawn),
                    "arrows removed": len(loaded.removed),
                },
            )
    except _Kept:
        pass
    return loaded


def _load(tenant_id: UUID, told: Document, loaded: Loaded) -> None:
    known = {one.name: one for one in Service.objects.all()}
    problems = documents.unknown(told, known)
    rows = dict(known)
    for entry in told.entries:
        before = known.get(entry.name)
        if before is not None and not before.origin and all(getattr(before, k) == v for k, v in entry.values.items()):
            loaded.unchanged.append(entry.name)
            continue
        try:
            rows[entry.name], is_new = services.save(tenant_id, entry.name, entry.values)
        except services.WrongService as error:
            problems.append((entry.line, f"{entry.name}: {error}"))
            continue
        (loaded.added if is_new else loaded.changed).append(entry.name)
    if problems:
        raise documents.WrongTopology(problems)
    _draw(tenant_id, told, rows, loaded)


def _draw(tenant_id: UUID, told: Document, rows: dict[str, Service], loaded: Loaded) -> None:
    now = timezone.now()
    names = {row.pk: name for name, row in rows.items()}
    wanted = {(entry.name, need.service): need.why for entry in told.entries for need in entry.needs}
    drawn = {(names[one.caller_id], names[one.callee_id]): one for one in ServiceDependency.objects.filter(source=FILE)}
    loaded.removed += sorted(drawn.keys() - wanted.keys())
    ServiceDependency.objects.filter(pk__in=[drawn[pair].pk for pair in loaded.removed]).delete()
    loaded.drawn += sorted(wanted.keys() - drawn.keys())
    ServiceDependency.objects.bulk_create(
        (
            ServiceDependency(
                tenant_id=tenant_id, caller=rows[caller], callee=rows[callee], source=FILE, detail=wanted[caller, callee],
                first_seen_at=now, last_seen_at=now,
            )
            for caller, callee in loaded.drawn
        ),
        batch_size=1000,
    )  # fmt: skip
    kept = wanted.keys() & drawn.keys()
    ServiceDependency.objects.filter(pk__in=[drawn[pair].pk for pair in kept]).update(last_seen_at=now)
    reworded = [drawn[pair] for pair in kept if drawn[pair].detail != wanted[pair]]
    for row in reworded:
        row.detail = wanted[names[row.caller_id], names[row.callee_id]]
    ServiceDependency.objects.bulk_update(reworded, ["detail"], batch_size=500)
