"""What the REST API says of incidents, investigations and their findings: the words of its JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field

if TYPE_CHECKING:
    from copilot.knowledge.briefing import Briefing, HypothesisLine, SimilarIncident, SourceLine
    from copilot.models import Incident, Run, SourceCall
    from scoring.evidence import Evidence

# PostgreSQL keeps no NUL in text.
NO_NUL = r"^[^\x00]*$"
Words = Annotated[str, Field(pattern=NO_NUL)]
Share = Annotated[float, Field(ge=0, le=1)]


def in_utc(moment: datetime) -> datetime:
    """Return a time in UTC: PostgreSQL takes offsets of less than 16 hours, RFC 3339 of less than 24.

    :raises ValueError: where it lies outside of the calendar then.
    """
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is outside of the calendar") from None


Moment = Annotated[AwareDatetime, AfterValidator(in_utc)]


class IncidentBody(BaseModel):
    """Be one incident."""

    id: UUID
    number: int
    name: str = Field(description="As people say it, e.g. `INC-42`.")
    title: str
    service: str
    status: str = Field(description="`triggered`, `acknowledged` or `resolved`.")
    severity: str
    priority: str
    urgency: str
    assignees: list[str]
    source: str = Field(description="The integration whose alert opened it; `asked` where a person or program did.")
    url: str
    labels: dict[str, str]
    started_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str
    resolved_at: datetime | None
    resolved_by: str
    muted_until: datetime | None


class InvestigationBody(BaseModel):
    """Be one look at an incident, and how far it has come."""

    id: UUID
    incident_id: UUID
    sequence: int = Field(description="The how manieth look at the incident it is.")
    asked_by: str
    stage: str = Field(description="`open`, `gather`, `propose`, `rank`, `post`; `done` and `failed` end it.")
    is_finished: bool
    error: str
    created_at: datetime
    finished_at: datetime | None


class IncidentDetail(IncidentBody):
    """Be one incident with its investigations, the newest first."""

    investigations: list[InvestigationBody]


class SourceBody(BaseModel):
    """Be how one source answered."""

    name: str
    status: str = Field(description="`asking`, `answered`, `partial` or `failed`.")
    seconds: float
    observations: int
    detail: str


class EvidenceBody(BaseModel):
    """Be one piece of evidence."""

    id: str
    kind: str
    service: str
    entity: str
    indicator: str
    statement: str
    severity: Share
    direction: str
    source: str
    is_symptom: bool
    onset: datetime | None
    link: str
    query: str
    author: str


class FactorBody(BaseModel):
    """Be one of the five factors of a confidence."""

    name: str
    weight: float
    value: Share
    low: Share
    high: Share
    reason: str


class HypothesisBody(BaseModel):
    """Be one ranked root cause."""

    id: UUID
    rank: int
    service: str
    entity: str
    cause_kind: str
    statement: str
    origin: str = Field(
        description="`rule`, `precedent` or `model`: who proposed it. Its score is computed in each case."
    )
    confidence: Share
    low: Share
    high: Share
    factors: list[FactorBody]
    supporting: list[str] = Field(description="Ids of evidence for it.")
    contradicting: list[str] = Field(description="Ids of evidence against it.")
    next_check: str
    up: int = Field(description="How many people say that it helped.")
    down: int
    is_confirmed: bool


class SimilarBody(BaseModel):
    """Be a past incident that resembles this one."""

    number: int
    title: str
    started_at: datetime
    similarity: Share
    why: str
    cause: str


class ReportBody(BaseModel):
    """Be all that was found. While a later look is under way, or where it failed, it is the last finished look's."""

    incident: IncidentBody
    investigation: InvestigationBody | None
    verdict: str = Field(
        description="`likely cause`, `possible causes`, `inconclusive`, `no fault seen`; empty until ranked."
    )
    explanation: str
    hypotheses: list[HypothesisBody]
    evidence: list[EvidenceBody]
    next_check: str
    missing: list[str] = Field(description="What would have to be known for a firmer verdict.")
    gaps: list[str] = Field(description="What could not be seen.")
    weighed_light: list[str]
    sources: list[SourceBody]
    routing: str = Field(description="Which specialists were asked first, who was left out, and why; empty before.")
    similar: list[SimilarBody]
    confirmed_cause: str
    confirmed_by: str
    model_note: str = Field(description="Why the language model did not contribute; empty where it did.")
    limited: list[str] = Field(description="Which limits of the tenant the look came to, and what it did without.")
    scoring_version: str


class TimelineEntry(BaseModel):
    """Be one thing that happened."""

    at: datetime
    text: str
    source: str


class Timeline(BaseModel):
    """Be what happened, in order of time."""

    items: list[TimelineEntry]


def incident_body(row: Incident) -> IncidentBody:
    """Return an incident in the API's words; its service is read along."""
    return IncidentBody(**_incident(row))


def incident_detail(row: Incident, runs: list[Run]) -> IncidentDetail:
    """Return an incident with its investigations."""
    return IncidentDetail(**_incident(row), investigations=[investigation_body(one) for one in runs])


def _incident(row: Incident) -> dict[str, object]:
    return {
        "id": row.id,
        "number": row.number,
        "name": f"INC-{row.number}",
        "title": row.title,
        "service": row.display_service,
        "status": row.status,
        "severity": row.severity,
        "priority": row.priority,
        "urgency": row.urgency,
        "assignees": [str(one) for one in row.assignees],
        "source": row.source,
        "url": row.url,
        "labels": {str(name): str(value) for name, value in row.labels.items()},
        "started_at": row.started_at,
        "acknowledged_at": row.acknowledged_at,
        "acknowledged_by": row.acknowledged_by,
        "resolved_at": row.resolved_at,
        "resolved_by": row.resolved_by,
        "muted_until": row.muted_until,
    }


def investigation_body(run: Run) -> InvestigationBody:
    """Return a run in the API's words."""
    return InvestigationBody(
        id=run.id,
        incident_id=run.incident_id,
        sequence=run.sequence,
        asked_by=run.asked_by,
        stage=run.stage,
        is_finished=run.stage in {"done", "failed"},
        error=run.error,
        created_at=run.created_at,
        finished_at=run.finished_at,
    )


def source_body(one: SourceLine | SourceCall) -> SourceBody:
    """Return how a source answered."""
    return SourceBody(
        name=one.name, status=one.status, seconds=one.seconds, observations=one.observations, detail=one.detail
    )


def report_body(row: Incident, run: Run | None, briefing: Briefing) -> ReportBody:
    """Return a briefing in the API's words."""
    return ReportBody(
        incident=incident_body(row),
        investigation=investigation_body(run) if run else None,
        verdict=briefing.verdict,
        explanation=briefing.explanation,
        hypotheses=[_hypothesis(one) for one in briefing.hypotheses],
        evidence=[_evidence(one) for one in briefing.evidence],
        next_check=briefing.next_check,
        missing=list(briefing.missing),
        gaps=list(briefing.gaps),
        weighed_light=list(briefing.weighed_light),
        sources=[source_body(one) for one in briefing.sources],
        routing=briefing.routing,
        similar=[_similar(one) for one in briefing.similar],
        confirmed_cause=_confirmed(briefing),
        confirmed_by=briefing.confirmed_by,
        model_note=briefing.model_note,
        limited=list(briefing.limited),
        scoring_version=briefing.scoring_version,
    )


def timeline(briefing: Briefing) -> Timeline:
    """Return what happened."""
    return Timeline(items=[TimelineEntry(at=one.at, text=one.text, source=one.source) for one in briefing.timeline])


def _confirmed(briefing: Briefing) -> str:
    shown = next((one.statement for one in briefing.hypotheses if one.is_confirmed), "")
    return shown or briefing.confirmed_words or briefing.confirmed_earlier


def _hypothesis(one: HypothesisLine) -> HypothesisBody:
    return HypothesisBody(
        id=one.id,
        rank=one.rank,
        service=one.service,
        entity=one.entity,
        cause_kind=one.cause_kind,
        statement=one.statement,
        origin=one.origin,
        confidence=one.confidence,
        low=one.low,
        high=one.high,
        factors=[
            FactorBody(
                name=factor.name,
                weight=factor.weight,
                value=factor.value,
                low=factor.low,
                high=factor.high,
                reason=factor.reason,
            )
            for factor in one.factors
        ],
        supporting=list(one.supporting),
        contradicting=list(one.contradicting),
        next_check=one.next_check,
        up=len(one.verdicts.up),
        down=len(one.verdicts.down),
        is_confirmed=one.is_confirmed,
    )


def _evidence(one: Evidence) -> EvidenceBody:
    return EvidenceBody(
        id=one.id,
        kind=one.kind.value,
        service=one.entity.service,
        entity=one.entity.key,
        indicator=one.indicator,
        statement=one.statement,
        severity=one.severity,
        direction=one.direction.value,
        source=one.source,
        is_symptom=one.is_symptom,
        onset=datetime.fromtimestamp(one.onset, tz=UTC) if one.onset is not None else None,
        link=one.link,
        query=one.query,
        author=one.author,
    )


def _similar(one: SimilarIncident) -> SimilarBody:
    return SimilarBody(
        number=one.number,
        title=one.title,
        started_at=one.started_at,
        similarity=one.similarity,
        why=one.why,
        cause=one.cause,
    )
