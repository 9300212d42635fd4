"""A stretch of time in numbers: how many incidents, how fast the first hypotheses were, and whether people agreed with them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING

from django.db.models import Count, Q, Sum

from copilot.guard.tenancy import tenant_scope
from copilot.models import Confirmation, Feedback, Hypothesis, Incident, ModelCall, RankingRecord, RelatedAlert

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

MOST = 5
# A cause recurs where it was confirmed at least twice within this time before the end.
RECURRING = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Noisy:
    """Hold an alert that came often: as incidents of its own, and as alerts that joined others."""

    service: str
    alert: str
    incidents: int
    joined: int


@dataclass(frozen=True, slots=True)
class Recurring:
    """Hold a cause that was confirmed more than once within ninety days, and in which incidents."""

    service: str
    cause_kind: str
    incidents: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Digest:
    """Hold a stretch of time in numbers; medians are in seconds, None where there was nothing to measure.

    `first_right` of `confirmed` counts incidents whose confirmed cause was the first hypothesis; `answered` counts those
    with a confirmed cause of any sort, of `resolved`. `up` and `down` are verdicts given in this time.
    """

    since: datetime
    until: datetime
    incidents: int
    before: int
    resolved: int
    still_open: int
    related: int
    first_hypotheses: float | None
    acknowledged: float | None
    lasted: float | None
    up: int
    down: int
    answered: int
    confirmed: int
    first_right: int
    services: tuple[tuple[str, int], ...]
    noisiest: tuple[Noisy, ...]
    recurring: tuple[Recurring, ...]
    dollars: float

    @property
    def acceptance(self) -> float | None:
        """Return the share of 👍 among verdicts, None where nobody gave one."""
        given = self.up + self.down
        return self.up / given if given else None


def read(tenant_id: UUID, *, since: datetime, until: datetime) -> Digest:
    """Return the digest of the incidents that began in a time, and of the verdicts given in it."""
    with tenant_scope(tenant_id):
        incidents = list(Incident.objects.filter(started_at__gte=since, started_at__lt=until).select_related("service"))
        ids = [one.id for one in incidents]
        ranked = RankingRecord.objects.filter(run__incident__in=ids, run__sequence=1).select_related("run")
        firsts = [(one.created_at - one.run.created_at).total_seconds() for one in ranked]
        verdicts = Feedback.objects.filter(updated_at__gte=since, updated_at__lt=until).aggregate(
            up=Count("id", filter=Q(value="up")), down=Count("id", filter=Q(value="down"))
        )
        confirmations = list(Confirmation.objects.filter(incident__in=ids).select_related("hypothesis"))
        joined = list(
            RelatedAlert.objects.filter(started_at__gte=since, started_at__lt=until, split_into=None).values_list(
                "service_name", "title"
            )
        )
        return Digest(
            since=since,
            until=until,
            incidents=len(incidents),
            before=Incident.objects.filter(started_at__gte=since - (until - since), started_at__lt=since).count(),
            resolved=sum(one.resolved_at is not None for one in incidents),
            still_open=sum(one.resolved_at is None for one in incidents),
            related=len(joined),
            first_hypotheses=_median(firsts),
            acknowledged=_median(
                (one.acknowledged_at - one.started_at).total_seconds()
                for one in incidents
                if one.acknowledged_at and one.source != "asked"
            ),
            lasted=_median((one.resolved_at - one.started_at).total_seconds() for one in incidents if one.resolved_at),
            up=verdicts["up"],
            down=verdicts["down"],
            answered=len(confirmations),
            confirmed=sum(one.hypothesis is not None for one in confirmations),
            first_right=sum(one.hypothesis is not None and one.hypothesis.rank == 1 for one in confirmations),
            services=tuple(_most(Counter(one.display_service for one in incidents))),
            noisiest=_noisiest(incidents, joined),
            recurring=_recurring(until, set(ids)),
            dollars=float(
                ModelCall.objects.filter(created_at__gte=since, created_at__lt=until).aggregate(t=Sum("dollars"))["t"]
                or 0
            ),
        )


def _median(seconds: Iterable[float]) -> float | None:
    found = list(seconds)
    return median(found) if found else None


def _most(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST]


def _noisiest(incidents: list[Incident], joined: list[tuple[str, str]]) -> tuple[Noisy, ...]:
    """Return the alerts that came at least twice, the most frequent first."""
    own = Counter((one.display_service, one.symptom or one.title) for one in incidents if one.source != "asked")
    others = Counter(joined)
    found = [Noisy(*key, incidents=own[key], joined=others[key]) for key in own.keys() | others.keys()]
    often = [one for one in found if one.incidents + one.joined > 1]
    return tuple(
        sorted(often, key=lambda one: (-(one.incidents + one.joined), -one.incidents, one.service, one.alert))[:MOST]
    )


def _recurring(until: datetime, of_now: set[UUID]) -> tuple[Recurring, ...]:
    """Return the causes that were confirmed before and again in this time."""
    found: dict[tuple[str, str], list[tuple[int, bool]]] = {}
    rows = Hypothesis.objects.filter(
        confirmations__incident__started_at__gte=until - RECURRING, confirmations__incident__started_at__lt=until
    ).values_list("service", "cause_kind", "confirmations__incident__number", "confirmations__incident_id")
    for service, kind, number, incident in rows:
        found.setdefault((service, kind), []).append((number, incident in of_now))
    again = [
        Recurring(service, kind, tuple(sorted(number for number, _ in seen)))
        for (service, kind), seen in found.items()
        if len(seen) > 1 and any(is_now for _, is_now in seen)
    ]
    return tuple(sorted(again, key=lambda one: (-len(one.incidents), one.service, one.cause_kind))[:MOST])


__all__ = ["Digest", "Noisy", "Recurring", "read"]
