"""Read an incident's rows into a briefing."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Q, Sum

from copilot.guard.tenancy import tenant_scope
from copilot.knowledge import looks, placeholders, precedents, runbook_matching
from copilot.knowledge.briefing import (
    Briefing,
    HypothesisLine,
    Impact,
    RelatedLine,
    RunbookQuote,
    SourceLine,
    StageLine,
    TimelineLine,
    Verdicts,
)
from copilot.knowledge.impact import impact_of
from copilot.limits import said_by
from copilot.models import (
    Confirmation,
    Feedback,
    FeedbackValue,
    Hypothesis,
    Incident,
    IncidentStatus,
    ModelCall,
    RankingRecord,
    Run,
    SourceStatus,
    Stage,
)
from scoring.evidence import Verdict
from scoring.frozen import thaw_evidence, thaw_factor

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from scoring.evidence import Evidence


MOST_RELATED = 1000
MOST_SAME = 5
# How many pieces of the lead's evidence are among the words that runbooks are looked for with.
MOST_SAID = 6
# Hypotheses that people are shown.
MOST_SUSPECTS = 3
# Incidents that began further apart than this may share a cause, but hardly one fault.
NEAR = timedelta(hours=4)


class NoSuchIncident(LookupError):
    """Say that a tenant has no incident of that number or id."""


def find(tenant_id: UUID, number: int) -> UUID:
    """Return the id of the incident with this number.

    :raises NoSuchIncident: where there is none.
    """
    with tenant_scope(tenant_id):
        found = Incident.objects.filter(number=number).values_list("id", flat=True).first()
    if found is None:
        raise NoSuchIncident(f"there is no incident {number}")
    return found


def read(tenant_id: UUID, incident_id: UUID, *, run_id: UUID | None = None) -> Briefing:
    """Return the incident with its newest run, as it now stands, or as it stood with one of its runs.

    :raises NoSuchIncident: where there is none.
    """
    with tenant_scope(tenant_id):
        incident = Incident.objects.select_related("service").filter(id=incident_id).first()
        if incident is None:
            raise NoSuchIncident(f"there is no incident {incident_id}")
        runs = incident.runs.filter(id=run_id) if run_id else incident.runs.order_by("-sequence")
        run = runs.first()
        return _briefing(incident, run)


def _briefing(incident: Incident, run: Run | None) -> Briefing:
    ranked = list(
        RankingRecord.objects.filter(run__incident=incident, run__sequence__lte=run.sequence if run else 0)
        .select_related("run")
        .order_by("-run__sequence")[:2]
    )
    ranking = ranked[0] if ranked else None
    # What is shown while a later look is under way is what the last finished one found.
    shown = ranking.run if ranking else run
    hypotheses = list(Hypothesis.objects.filter(run=shown).order_by("rank")) if shown else []
    evidence = tuple(thaw_evidence(e.payload) for e in shown.evidence.order_by("position")) if shown else ()
    confirmation = Confirmation.objects.filter(incident=incident).select_related("hypothesis").first()
    stages = (
        tuple(StageLine(r.stage, r.started_at, r.finished_at) for r in run.results.order_by("started_at"))
        if run
        else ()
    )
    sources = (
        tuple(SourceLine(s.name, s.status, s.seconds, s.observations, s.detail) for s in run.sources.order_by("name"))
        if run
        else ()
    )
    gathered = shown.results.filter(stage=Stage.GATHER).first() if shown else None
    took = next((line.finished_at for line in stages if line.stage == Stage.RANK), None)
    calls = ModelCall.objects.filter(run__incident=incident)
    service = incident.service
    return Briefing(
        tenant_id=incident.tenant_id,
        incident_id=incident.id,
        run_id=run.id if run else None,
        number=incident.number,
        title=incident.title,
        service=incident.display_service,
        service_is_known=service is not None,
        channel=service.channel if service else "",
        status=incident.status,
        severity=incident.severity,
        priority=incident.priority,
        urgency=incident.urgency,
        assignees=tuple(incident.assignees),
        source=incident.source,
        url=incident.url,
        labels=tuple(sorted((str(k), str(v)) for k, v in incident.labels.items())),
        started_at=incident.started_at,
        acknowledged_at=incident.acknowledged_at,
        acknowledged_by=incident.acknowledged_by,
        resolved_at=incident.resolved_at,
        resolved_by=incident.resolved_by,
        muted_until=incident.muted_until,
        run_sequence=run.sequence if run else 0,
        asked_by=run.asked_by if run else "",
        stage=run.stage if run else "",
        error=run.error if run else "",
        sources=sources,
        stages=stages,
        evidence=evidence,
        hypotheses=_hypotheses(hypotheses, confirmation),
        verdict=ranking.verdict if ranking else "",
        explanation=ranking.explanation if ranking else "",
        missing=tuple(ranking.missing) if ranking else (),
        next_check=ranking.next_check if ranking else "",
        weighed_light=tuple(ranking.weighed_light) if ranking else (),
        gaps=tuple(gathered.output.get("gap_lines", ())) if gathered else (),
        onset=float(gathered.output["onset"]) if gathered and "onset" in gathered.output else None,
        routing=str(gathered.output.get("routing", "")) if gathered else "",
        scoring_version=ranking.version if ranking else "",
        model_note=ranking.model_note if ranking else "",
        model=calls.order_by("-created_at").values_list("model", flat=True).first() or "",
        dollars=float(calls.aggregate(total=Sum("dollars"))["total"] or 0),
        seconds=(took - run.created_at).total_seconds() if run and took else 0.0,
        confirmed_words=confirmation.words if confirmation else "",
        confirmed_by=(confirmation.person_name or confirmation.person) if confirmation else "",
        similar=precedents.similar_incidents(incident, shown),
        timeline=tuple(_timeline(incident, shown, confirmation)),
        ranked_at=_ranked_at(ranking) if ranking else None,
        ranked_sequence=ranking.run.sequence if ranking else 0,
        since_last=_since_last(ranked, run, hypotheses, evidence),
        confirmed_earlier=_confirmed_earlier(confirmation, hypotheses),
        related=_related(incident),
        same_lead=_same_lead(incident, hypotheses),
        impact=_impact(incident, shown, hypotheses, ranking),
        runbooks=_runbooks(incident, hypotheses, evidence, ranking.verdict if ranking else ""),
        limited=_limited(run),
    )


def _limited(run: Run | None) -> tuple[str, ...]:
    """Return which limits of the tenant a run came to, in sentences."""
    if run is None:
        return ()
    gathered = run.results.filter(stage=Stage.GATHER).first()
    return said_by(run.plan, gathered.output if gathered else {})


def _impact(
    incident: Incident, run: Run | None, hypotheses: list[Hypothesis], ranking: RankingRecord | None
) -> Impact | None:
    """Return what the lead means for others, where it is suspected enough to act on."""
    if run is None or ranking is None or not hypotheses or ranking.verdict not in {Verdict.LIKELY, Verdict.POSSIBLE}:
        return None
    return impact_of(run, symptom=incident.display_service, cause=hypotheses[0].service)


def _runbooks(
    incident: Incident, hypotheses: list[Hypothesis], evidence: tuple[Evidence, ...], verdict: str
) -> tuple[RunbookQuote, ...]:
    """Return the runbooks to follow. Where nothing is suspected enough to act on, only those that name the service."""
    if not verdict or (verdict == Verdict.NO_FAULT and not hypotheses):
        return ()
    by_id = {one.id: one.statement for one in evidence}
    seen = [by_id[one] for first in hypotheses[:1] for one in first.supporting if one in by_id][:MOST_SAID]
    lead = [one.statement for one in hypotheses[:1]]
    words = ". ".join(filter(None, (incident.title, incident.symptom, *lead, *seen)))
    may_act = verdict in {Verdict.LIKELY, Verdict.POSSIBLE}
    suspected = [(one.service, one.cause_kind) for one in hypotheses] if may_act else []
    quotes = runbook_matching.for_incident(
        incident.tenant_id, service=incident.display_service, words=words, suspected=suspected
    )
    values = placeholders.known(
        evidence,
        verdict=verdict,
        service=incident.display_service,
        suspects=[(one.service, one.supporting) for one in hypotheses[:MOST_SUSPECTS]],
    )
    return tuple(replace(one, values=values) for one in quotes)


def _same_lead(incident: Incident, hypotheses: list[Hypothesis]) -> tuple[int, ...]:
    """Return the numbers of other open incidents, begun within some hours, whose newest lead blames the same thing."""
    lead = next((one for one in hypotheses if one.rank == 1), None)
    if lead is None:
        return ()
    others = (
        Hypothesis.objects.filter(rank=1, run__incident__started_at__range=_around(incident))
        .exclude(run__incident=incident)
        .exclude(run__incident__status=IncidentStatus.RESOLVED)
        .order_by("run__incident__number", "-run__sequence")
        .distinct("run__incident__number")
        .values_list("run__incident__number", "service", "cause_kind")
    )
    same = [number for number, service, kind in others if (service, kind) == (lead.service, lead.cause_kind)]
    return tuple(same[:MOST_SAME])


def _around(incident: Incident) -> tuple[datetime, datetime]:
    return incident.started_at - NEAR, incident.started_at + NEAR


def _related(incident: Incident) -> tuple[RelatedLine, ...]:
    rows = incident.related_alerts.select_related("split_into").order_by("started_at", "dedupe_key")
    return tuple(
        RelatedLine(
            id=row.id,
            title=row.title,
            service=row.service_name,
            severity=row.severity,
            url=row.url,
            rule=row.rule,
            started_at=row.started_at,
            is_firing=row.is_firing,
            split_into=row.split_into.number if row.split_into else None,
            split_by=row.split_by,
        )
        for row in rows[:MOST_RELATED]
    )


def _ranked_at(ranking: RankingRecord) -> datetime:
    return ranking.run.finished_at or ranking.created_at


def _since_last(
    ranked: list[RankingRecord], run: Run | None, hypotheses: list[Hypothesis], evidence: tuple[Evidence, ...]
) -> tuple[str, ...]:
    """Return what the newest look found that the one before it did not; nothing while it is under way, or is the first."""
    if len(ranked) < 2 or run is None or ranked[0].run_id != run.id:
        return ()
    now, before = ranked
    earlier = list(Hypothesis.objects.filter(run=before.run).order_by("rank"))
    was = tuple(thaw_evidence(e.payload) for e in before.run.evidence.order_by("position"))
    return looks.since(_look(before, earlier, was), _look(now, hypotheses, evidence))


def _look(ranking: RankingRecord, hypotheses: list[Hypothesis], evidence: tuple[Evidence, ...]) -> looks.Look:
    silent = ranking.run.sources.filter(status=SourceStatus.FAILED).values_list("name", flat=True)
    return looks.Look(
        _ranked_at(ranking), ranking.verdict, looks.lead_of(hypotheses), evidence, frozenset(str(one) for one in silent)
    )


def _confirmed_earlier(confirmation: Confirmation | None, hypotheses: list[Hypothesis]) -> str:
    """Return the confirmed cause where it is a hypothesis of another look than the one that is shown."""
    if confirmation is None or confirmation.hypothesis is None:
        return ""
    is_shown = any(one.id == confirmation.hypothesis_id for one in hypotheses)
    return "" if is_shown else confirmation.hypothesis.statement


def _hypotheses(rows: Iterable[Hypothesis], confirmation: Confirmation | None) -> tuple[HypothesisLine, ...]:
    rows = list(rows)
    given: dict[UUID, list[Feedback]] = defaultdict(list)
    for one in Feedback.objects.filter(hypothesis__in=rows).order_by("created_at", "id"):
        given[one.hypothesis_id].append(one)
    return tuple(
        HypothesisLine(
            id=row.id,
            rank=row.rank,
            service=row.service,
            entity=row.entity,
            cause_kind=row.cause_kind,
            statement=row.statement,
            origin=row.origin,
            confidence=row.confidence,
            low=row.low,
            high=row.high,
            factors=tuple(thaw_factor(factor) for factor in row.factors),
            supporting=tuple(row.supporting),
            contradicting=tuple(row.contradicting),
            next_check=row.next_check,
            verdicts=Verdicts(
                up=tuple(f.person_name or f.person for f in given[row.id] if f.value == FeedbackValue.UP),
                down=tuple(f.person_name or f.person for f in given[row.id] if f.value == FeedbackValue.DOWN),
                reasons=tuple(
                    ": ".join(part for part in (f.reason, f.words) if part)
                    for f in given[row.id]
                    if f.value == FeedbackValue.DOWN and (f.reason or f.words)
                ),
            ),
            is_confirmed=confirmation is not None and confirmation.hypothesis_id == row.id,
        )
        for row in rows
    )


def _timeline(incident: Incident, run: Run | None, confirmation: Confirmation | None) -> list[TimelineLine]:
    """Return what happened in order of time, each with who told of it."""
    alert = incident.source if incident.source != "asked" else "a person"
    lines = [TimelineLine(incident.alert_at, f"Paged: {incident.title}", alert)]
    for event in incident.events.exclude(action="triggered").order_by("occurred_at"):
        by = f" by {event.actor}" if event.actor else ""
        lines.append(
            TimelineLine(event.occurred_at, f"{event.action.replace('_', ' ').capitalize()}{by}", event.source)
        )
    if incident.resolved_at and not incident.events.filter(action="resolved").exists():
        by = f" by {incident.resolved_by}" if incident.resolved_by else ""
        lines.append(TimelineLine(incident.resolved_at, f"Resolved{by}", "a person"))
    for each in incident.runs.order_by("sequence"):
        if each.finished_at:
            asked = f" again, asked by {each.asked_by}" if each.asked_by else ""
            lines.append(TimelineLine(each.finished_at, f"Investigated{asked}", "copilot"))
    if run:
        failed = run.sources.filter(status=SourceStatus.FAILED)
        lines.extend(
            TimelineLine(run.created_at, f"{one.name} did not answer: {one.detail}", "copilot") for one in failed
        )
        told: set[str] = set()
        for evidence in run.evidence.filter(Q(kind="change") | Q(is_symptom=True)).order_by("position"):
            # One change that two sources saw happened once.
            change = str(evidence.payload.get("change_key") or evidence.reference)
            if evidence.onset and change not in told:
                lines.append(TimelineLine(evidence.onset, evidence.statement, evidence.source))
            told.add(change)
    if confirmation:
        cause = confirmation.hypothesis.statement if confirmation.hypothesis else confirmation.words
        who = confirmation.person_name or confirmation.person
        lines.append(TimelineLine(confirmation.updated_at, f"{who} confirmed: {cause}", "a person"))
    return sorted(lines, key=lambda line: (line.at, line.text))
