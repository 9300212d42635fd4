"""Runbooks that alerts brought along (the `runbook_url` of a Prometheus rule), found again by service, number or words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rapidfuzz import fuzz

from copilot.guard.tenancy import tenant_scope
from copilot.models import Incident

if TYPE_CHECKING:
    from uuid import UUID

LABEL = "runbook_url"
LOOKED_AT = 1000
CLOSE = 60.0


@dataclass(frozen=True, slots=True)
class AlertRunbook:
    """Hold a runbook's address, the service and alert that named it, and the newest incident of that alert."""

    url: str
    service: str
    alert: str
    incident: int


def alert_runbooks(tenant_id: UUID, words: str, *, most: int = 5) -> tuple[AlertRunbook, ...]:
    """Return the runbooks whose alert or service is meant by the words, the closest first; all of them for no words.

    Closeness is rapidfuzz's `token_set_ratio` over service and alert, in [0, 100]; 60 is close enough.
    """
    with tenant_scope(tenant_id):
        rows = Incident.objects.filter(labels__has_key=LABEL).select_related("service").order_by("-number")[:LOOKED_AT]
        found: dict[tuple[str, str], AlertRunbook] = {}
        for row in rows:
            url = str(row.labels[LABEL])
            if url:
                found.setdefault(
                    (url, row.display_service),
                    AlertRunbook(url, row.display_service, row.symptom or row.title, row.number),
                )
    said = " ".join(words.casefold().split())
    if not said:
        return tuple(found.values())[:most]
    scored = [(fuzz.token_set_ratio(said, f"{one.service} {one.alert}".casefold()), one) for one in found.values()]
    return tuple(one for close, one in sorted(scored, key=lambda pair: -pair[0]) if close >= CLOSE)[:most]


__all__ = ["AlertRunbook", "alert_runbooks"]
