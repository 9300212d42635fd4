"""What changed at a service of late: changes that were reported to us, and those that investigations saw, each told once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from django.db.models import Q

from copilot.guard.tenancy import tenant_scope
from copilot.models import ChangeRecord, EvidenceRecord, Service
from scoring import sightings
from scoring.frozen import thaw_evidence
from scoring.sightings import Sighting

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from scoring.evidence import Evidence

MOST = 200
# Of one change, the words of who did it say more than of who announced it, or of who only saw it.
_DID, _ANNOUNCED, _SEEN = range(3)
# How a change went, the most telling first: a deployment that one source calls failed did not succeed.
_TELLING = ("failed", "rolled_back", "cancelled")


@dataclass(frozen=True, slots=True)
class Source:
    """Hold who told of a change, and where it is seen there."""

    name: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """Hold one change: when, what, whose, who told of it, and the newest incident that looked at it."""

    at: datetime
    title: str
    author: str
    link: str
    status: str
    sources: tuple[Source, ...]
    detail: str = ""
    incident: int | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """Hold one source's word of a change: the line that it makes by itself, what it is known by, and how much it says."""

    line: ChangeLine
    sighting: Sighting
    weight: int

    @property
    def order(self) -> tuple[float, int, str, tuple[str, ...]]:
        """Return a key that puts tellings into a total order, earliest first."""
        one, seen = self.line, self.sighting
        named = (seen.kind or "", seen.key, seen.version, seen.environment, seen.status)
        return seen.at, self.weight, seen.source, (one.title, *named, one.link, one.author, one.status, one.detail)


def recent_changes(tenant_id: UUID, service: Service, *, since: datetime, until: datetime) -> tuple[ChangeLine, ...]:
    """Return the service's changes in a time, the newest first.

    One change that several sources told of is one line with all of them; which are one change is said in scoring.sightings, and
    the order of their arrival plays no part.
    """
    with tenant_scope(tenant_id):
        told = [
            _reported(row, service.name)
            for row in ChangeRecord.objects.filter(at__gte=since, at__lte=until)
            .filter(Q(service=service) | Q(service__isnull=True, service_name__iexact=service.name))
            .order_by("-at", "id")[:MOST]
        ]
        told += [
            _seen(thaw_evidence(row.payload), row.run.incident.number, service.name)
            for row in EvidenceRecord.objects.filter(
                kind="change", service=service.name, onset__gte=since, onset__lte=until
            )
            .select_related("run__incident")
            .order_by("-run__created_at", "position")[:MOST]
        ]
    return timeline(told)


def timeline(told: Iterable[Told]) -> tuple[ChangeLine, ...]:
    """Return one line for each change, the newest first."""
    once = sightings.groups(_each_once(told), lambda one: one.sighting, lambda one: one.order)
    lines = [_together(group) for group in once]
    return tuple(sorted(lines, key=lambda line: (line.at, line.title, line.detail), reverse=True))


def _each_once(told: Iterable[Told]) -> list[Told]:
    """Return what each source told of a moment once: what was reported is seen by every investigation as it was reported."""
    known: list[Told] = []
    for one in sorted(told, key=lambda one: (one.weight == _SEEN, one.order)):
        place = next((place for place, other in enumerate(known) if _is_repeated(one, other)), None)
        if place is None:
            known.append(one)
        else:
            known[place] = replace(known[place], line=_both(known[place].line, one.line))
    return known


def _is_repeated(one: Told, known: Told) -> bool:
    if one.weight != _SEEN or one.sighting.source != known.sighting.source:
        return False
    return abs(one.sighting.at - known.sighting.at) < 1 or bool(one.line.link and one.line.link == known.line.link)


def _together(group: list[Told]) -> ChangeLine:
    """Return a change as all its sources together know it."""
    first, *others = sorted(group, key=lambda one: (one.weight, one.order))
    line = first.line
    for other in others:
        line = _both(line, other.line)
    statuses = [one.line.status for one in sorted(group, key=lambda one: (one.weight, one.order))]
    bad = next((word for word in _TELLING if word in statuses), "")
    return replace(line, status=bad or line.status)


def _both(line: ChangeLine, other: ChangeLine) -> ChangeLine:
    """Return a line with what another one of the same change knows besides."""
    sources = dict.fromkeys((*line.sources, *other.sources))
    # A source that gives an address is not told again without.
    linked = {source.name for source in sources if source.link}
    return replace(
        line,
        author=line.author or other.author,
        link=line.link or other.link,
        status=line.status or other.status,
        detail=line.detail or other.detail,
        sources=tuple(source for source in sources if source.link or source.name not in linked),
        incident=max(line.incident or 0, other.incident or 0) or None,
    )


def _reported(row: ChangeRecord, service: str) -> Told:
    versions = f"{row.previous_version} → {row.version}" if row.version and row.previous_version else ""
    # The title tells where to already.
    told = "; ".join(part for part in row.detail.split("; ") if part != f"environment {row.environment}")
    line = ChangeLine(
        row.at, row.title, row.author, row.link, row.status, (Source(row.source, row.link),), told or versions
    )
    announces = row.status in sightings.ANNOUNCED
    return Told(line, replace(row.sighting, service=service), _ANNOUNCED if announces else _DID)


def _seen(evidence: Evidence, number: int, service: str) -> Told:
    at = evidence.onset or 0.0
    line = ChangeLine(
        at=datetime.fromtimestamp(at, tz=UTC),
        title=evidence.indicator or evidence.statement,
        author=evidence.author,
        link=evidence.link,
        status="",
        sources=(Source(evidence.source, evidence.link),),
        detail=evidence.detail,
        incident=number,
    )
    # The key of a change begins with its service and may end in a number that tells twins apart.
    key = evidence.change_key.removeprefix(f"{evidence.entity.service}:").partition("#")[0]
    return Told(line, Sighting(service, None, at, evidence.source, key=key), _SEEN)


__all__ = ["ChangeLine", "Source", "Told", "recent_changes", "timeline"]
