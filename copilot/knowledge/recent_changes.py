"""What changed at a service of late: changes that were reported to us, and those that investigations saw."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from django.db.models import Q

from copilot.guard.tenancy import tenant_scope
from copilot.models import ChangeRecord, EvidenceRecord, Service
from scoring.frozen import thaw_evidence

if TYPE_CHECKING:
    from uuid import UUID

    from scoring.evidence import Evidence

MOST = 200
# As in scoring.changes: a pipeline's message and the rollout that it starts are some minutes apart.
SAME_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """Hold one change: when, what, whose, who told of it, and the newest incident that looked at it."""

    at: datetime
    title: str
    author: str
    link: str
    status: str
    source: str
    detail: str = ""
    incident: int | None = None


def recent_changes(tenant_id: UUID, service: Service, *, since: datetime, until: datetime) -> tuple[ChangeLine, ...]:
    """Return the service's changes in a time, the newest first.

    One change that several sources saw is told once: reported changes first, then what investigations saw that is not within
    three minutes of a reported one.
    """
    with tenant_scope(tenant_id):
        reported = [
            _reported(row)
            for row in ChangeRecord.objects.filter(at__gte=since, at__lte=until)
            .filter(Q(service=service) | Q(service__isnull=True, service_name__iexact=service.name))
            .order_by("-at")[:MOST]
        ]
        seen = [
            (thaw_evidence(row.payload), row.run.incident.number)
            for row in EvidenceRecord.objects.filter(
                kind="change", service=service.name, onset__gte=since, onset__lte=until
            )
            .select_related("run__incident")
            .order_by("-run__created_at", "position")[:MOST]
        ]
    lines = list(reported)
    for evidence, number in seen:
        line = _seen(evidence, number)
        place = next((at for at, other in enumerate(lines) if _is_same(line, other)), None)
        if place is None:
            lines.append(line)
        else:
            lines[place] = _together(lines[place], line)
    return tuple(sorted(lines, key=lambda line: (line.at, line.title), reverse=True))


def _is_same(one: ChangeLine, other: ChangeLine) -> bool:
    apart = abs((one.at - other.at).total_seconds())
    if one.source == other.source:
        # What was reported is seen by an investigation as it was reported.
        return apart < 1 or bool(one.link and one.link == other.link)
    return apart <= SAME_SECONDS


def _together(known: ChangeLine, seen: ChangeLine) -> ChangeLine:
    """Return a change as both sightings know it."""
    return replace(
        known,
        author=known.author or seen.author,
        link=known.link or seen.link,
        detail=known.detail or seen.detail,
        incident=max(known.incident or 0, seen.incident or 0) or None,
    )


def _reported(row: ChangeRecord) -> ChangeLine:
    versions = f"{row.previous_version} → {row.version}" if row.version and row.previous_version else ""
    return ChangeLine(row.at, row.title, row.author, row.link, row.status, row.source, row.detail or versions)


def _seen(evidence: Evidence, number: int) -> ChangeLine:
    return ChangeLine(
        at=datetime.fromtimestamp(evidence.onset or 0.0, tz=UTC),
        title=evidence.indicator or evidence.statement,
        author=evidence.author,
        link=evidence.link,
        status="",
        source=evidence.source,
        detail=evidence.detail,
        incident=number,
    )


__all__ = ["ChangeLine", "recent_changes"]
