"""Past incidents like this one, and how often people accepted which cause: the history that scoring weighs."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, Exists, OuterRef, Q
from rapidfuzz import fuzz

from copilot.knowledge.briefing import SimilarIncident
from copilot.models import Confirmation, EvidenceRecord, Feedback, FeedbackValue, Hypothesis, Incident
from scoring.evidence import Acceptance, CauseKind, Precedent
from scoring.similarity import ALIKE, COMPARED, similarity

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from copilot.models import Run
    from scoring.similarity import Signature

SHOWN = 3
# What the same kind of cause, and words that are alike, add to the likeness of an incident that is shown.
SAME_KIND = 0.2
SAME_WORDS = 0.2
ALIKE_IN_WORDS = 0.8


@dataclass(frozen=True, slots=True)
class _Past:
    incident: Incident
    similarity: float
    why: str


def _signatures(runs: Iterable[UUID]) -> dict[UUID, Signature]:
    """Return the evidence signature of each run."""
    found: dict[UUID, set[tuple[str, str]]] = defaultdict(set)
    rows = EvidenceRecord.objects.filter(run__in=list(runs), direction="for").exclude(kind="change")
    for run, service, indicator in rows.values_list("run", "service", "indicator"):
        found[run].add((service, indicator))
    return {run: frozenset(pairs) for run, pairs in found.items()}


def _past(incident: Incident, signature: Signature, *, before: datetime, least: float = ALIKE) -> list[_Past]:
    """Return the tenant's earlier incidents that are at least so much alike, the most alike first."""
    candidates = list(
        Incident.objects.filter(started_at__lt=before)
        .exclude(id=incident.id)
        .select_related("service")
        .prefetch_related("runs")
        .order_by("-started_at")[:COMPARED]
    )
    newest = {one.id: max(one.runs.all(), key=lambda run: run.sequence, default=None) for one in candidates}
    signatures = _signatures(run.id for run in newest.values() if run)
    found: list[_Past] = []
    for other in candidates:
        run = newest[other.id]
        score, reasons = similarity(
            same_service=other.display_service == incident.display_service,
            same_symptom=bool(incident.symptom) and other.symptom == incident.symptom,
            signature=signature,
            other=signatures.get(run.id, frozenset()) if run else frozenset(),
        )
        if score >= least:
            found.append(_Past(other, score, ", ".join(reasons)))
    found.sort(key=lambda past: (-past.similarity, -past.incident.number))
    return found


def precedents(incident: Incident, signature: Signature) -> tuple[Precedent, ...]:
    """Return what people settled on, or turned down, in similar past incidents of this tenant.

    A confirmed cause counts as confirmed and speaks against the incident's other hypotheses. Without a confirmation, a
    hypothesis counts by the majority of its verdicts.
    """
    past = _past(incident, signature, before=incident.started_at)
    by_incident = {one.incident.id: one for one in past}
    confirmations = {
        c.incident_id: c for c in Confirmation.objects.filter(incident__in=by_incident).select_related("hypothesis")
    }
    hypotheses = (
        Hypothesis.objects.filter(run__incident__in=by_incident)
        .annotate(
            up=Count("feedback", filter=Q(feedback__value=FeedbackValue.UP)),
            down=Count("feedback", filter=Q(feedback__value=FeedbackValue.DOWN)),
        )
        .values_list("run__incident", "service", "cause_kind", "up", "down")
    )
    votes: dict[UUID, dict[tuple[str, str], int]] = defaultdict(lambda: defaultdict(int))
    for incident_id, service, kind, up, down in hypotheses:
        votes[incident_id][service, kind] += up - down
    found: set[Precedent] = set()
    for incident_id, one in by_incident.items():
        confirmation = confirmations.get(incident_id)
        settled = (
            (confirmation.hypothesis.service, confirmation.hypothesis.cause_kind)
            if confirmation and confirmation.hypothesis
            else None
        )
        age = max(0.0, (incident.started_at - one.incident.started_at).total_seconds() / 86_400)
        causes = dict(votes[incident_id])
        if settled:
            causes.setdefault(settled, 0)
        for (service, kind), vote in causes.items():
            is_confirmed = (service, kind) == settled if confirmation else vote > 0
            if not confirmation and vote == 0:
                continue
            found.add(
                Precedent(
                    service=service,
                    cause_kind=CauseKind(kind),
                    similarity=round(one.similarity, 6),
                    age_days=round(age, 3),
                    confirmed=is_confirmed,
                    reference=f"INC-{one.incident.number}",
                )
            )
    return tuple(sorted(found, key=lambda p: (p.reference, p.service, p.cause_kind.value)))


def acceptances(incident: Incident) -> tuple[Acceptance, ...]:
    """Return how often people of this tenant accepted and rejected each cause, by service and kind, by kind, and in all.

    A person counts once a hypothesis, whether they pressed 👍, confirmed it, or both. This incident's own are left out: its
    ranking must not feed on what people said of it.
    """
    counts: dict[tuple[str, CauseKind | None], list[int]] = defaultdict(lambda: [0, 0])

    def count(service: str, kind: str, *, accepted: bool, times: int) -> None:
        for key in ((service, CauseKind(kind)), ("", CauseKind(kind)), ("", None)):
            counts[key][0 if accepted else 1] += times

    verdicts = (
        Feedback.objects.exclude(hypothesis__run__incident=incident)
        .values("hypothesis__service", "hypothesis__cause_kind", "value")
        .annotate(times=Count("id"))
        .order_by()
    )
    for row in verdicts:
        count(
            row["hypothesis__service"],
            row["hypothesis__cause_kind"],
            accepted=row["value"] == FeedbackValue.UP,
            times=row["times"],
        )
    confirmed = (
        Confirmation.objects.exclude(incident=incident)
        .filter(hypothesis__isnull=False)
        .exclude(
            Exists(Feedback.objects.filter(hypothesis=OuterRef("hypothesis"), person=OuterRef("person"), value="up"))
        )
        .values("hypothesis__service", "hypothesis__cause_kind")
        .annotate(times=Count("id"))
        .order_by()
    )
    for settled in confirmed:
        count(settled["hypothesis__service"], settled["hypothesis__cause_kind"], accepted=True, times=settled["times"])
    return tuple(
        sorted(
            (Acceptance(service, kind, accepted, rejected) for (service, kind), (accepted, rejected) in counts.items()),
            key=lambda a: (a.service, a.cause_kind.value if a.cause_kind else ""),
        )
    )


def _kinds(incidents: Iterable[UUID]) -> dict[UUID, str]:
    """Return the kind of cause of each incident: the confirmed one's, else that of its newest look's lead."""
    wanted = list(incidents)
    leads = (
        Hypothesis.objects.filter(run__incident__in=wanted, rank=1)
        .order_by("run__incident", "run__sequence")
        .values_list("run__incident", "cause_kind")
    )
    settled = Confirmation.objects.filter(incident__in=wanted, hypothesis__isnull=False)
    return dict(leads) | dict(settled.values_list("incident", "hypothesis__cause_kind"))


def _also_alike(one: _Past, incident: Incident, kinds: dict[UUID, str]) -> _Past | None:
    """Return a past incident with what its kind of cause and its words add, or None where it is not like this one.

    The ranking's own measure (service, symptom, signals) decides what counts as precedent; this one only what is shown.
    """
    kind = kinds.get(one.incident.id, "")
    is_same_kind = bool(kind) and kind == kinds.get(incident.id)
    words = fuzz.token_sort_ratio(_words(incident), _words(one.incident)) / 100
    is_alike_in_words = words >= ALIKE_IN_WORDS
    score = min(1.0, one.similarity + SAME_KIND * is_same_kind + SAME_WORDS * words * is_alike_in_words)
    if score < ALIKE:
        return None
    reasons = (
        one.why,
        f"same kind of cause ({kind})" if is_same_kind else "",
        "alike in words" if is_alike_in_words else "",
    )
    return _Past(one.incident, score, ", ".join(filter(None, reasons)))


def _words(incident: Incident) -> str:
    return f"{incident.title} {incident.symptom}".casefold()


def similar_incidents(incident: Incident, run: Run | None) -> tuple[SimilarIncident, ...]:
    """Return the most similar past incidents, why they are similar, and what fixed them."""
    if run is None:
        return ()
    signature = _signatures([run.id]).get(run.id, frozenset())
    before = _past(incident, signature, before=incident.started_at, least=0.0)
    kinds = _kinds([incident.id, *(one.incident.id for one in before)])
    past = [alike for one in before if (alike := _also_alike(one, incident, kinds))]
    past = sorted(past, key=lambda one: (-one.similarity, -one.incident.number))[:SHOWN]
    confirmations = {
        c.incident_id: c
        for c in Confirmation.objects.filter(incident__in=[p.incident.id for p in past]).select_related("hypothesis")
    }
    found = []
    for one in past:
        confirmation = confirmations.get(one.incident.id)
        cause = confirmation.hypothesis.statement if confirmation and confirmation.hypothesis else ""
        found.append(
            SimilarIncident(
                number=one.incident.number,
                title=one.incident.title,
                started_at=one.incident.started_at,
                similarity=one.similarity,
                why=one.why,
                cause=cause,
                words=confirmation.words if confirmation else "",
            )
        )
    return tuple(found)
