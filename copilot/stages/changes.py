"""Events of changes to rows: a deployment and its later statuses move one row."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from django.db.models import Q

from copilot.models import ChangeRecord
from copilot.stages.services import match_service, reference_name
from scoring.observations import Change, ChangeKind, Entity, EntityKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from integrations.base import Event


MOST_FILES = 300
LONGEST_PATH = 500


def record_change(event: Event) -> ChangeRecord:
    """Insert or update the row of a change."""
    change = event.change
    if change is None:
        raise ValueError(f"a change event of {event.source} carries no change")
    service = match_service(event.service)
    started = datetime.fromtimestamp(change.at, tz=UTC)
    values = {
        "service": service,
        "service_name": reference_name(event.service)[:200],
        "namespace": event.service.namespace[:63],
        "kind": change.kind.value,
        "title": change.title[:500],
        "author": change.author[:200],
        "link": change.link,
        "version": change.version[:200],
        "previous_version": change.previous_version[:200],
        "environment": event.labels.get("environment", "")[:100],
        "status": change.status[:40],
        "detail": change.detail,
        "key": change.key[:300],
        "files": [file[:LONGEST_PATH] for file in change.files[:MOST_FILES]],
    }
    row, is_new = ChangeRecord.objects.get_or_create(
        source=event.source, dedupe_key=event.dedupe_key[:300], defaults={**values, "at": started}
    )
    if not is_new:
        # A change acts from when its work begins. While it waits (for an approval, say) the time moves; once it has begun,
        # a later status does not.
        at = started if row.status == "pending" else row.at
        ChangeRecord.objects.filter(id=row.id).update(**{name: value for name, value in values.items() if value}, at=at)
    return row


def changes_between(start: datetime, end: datetime, *, services: Iterable[int], names: Iterable[str]) -> list[Change]:
    """Return the reported changes of these services in a time, in scoring's words."""
    rows = (
        ChangeRecord.objects.filter(at__gte=start, at__lte=end)
        .filter(Q(service__in=list(services)) | Q(service__isnull=True, service_name__in=list(names)))
        .exclude(environment__in=("staging", "development", "dev", "test", "preview"))
        .select_related("service")
        .order_by("at", "id")[:200]
    )
    return [
        Change(
            entity=row.service.entity
            if row.service
            else Entity(EntityKind.SERVICE, row.service_name, row.namespace, row.service_name),
            kind=ChangeKind(row.kind),
            at=row.at.timestamp(),
            title=row.title,
            source=row.source,
            author=row.author,
            link=row.link,
            version=row.version,
            previous_version=row.previous_version,
            status=row.status,
            detail=row.detail,
            key=row.key,
            files=tuple(row.files),
            paths=tuple(row.service.paths) if row.service else (),
        )
        for row in rows
    ]
