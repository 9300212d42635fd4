"""A tenant with a row of every kind that the admin shows, each marked with a word that tells whose it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.utils import timezone

from copilot import connections, tokens
from copilot.guard.tenancy import tenant_scope
from copilot.models import (
    Agent,
    ApiToken,
    AuditEntry,
    ChangeRecord,
    Confirmation,
    Connection,
    Delivery,
    EventRecord,
    EvidenceRecord,
    Feedback,
    Hypothesis,
    Incident,
    Membership,
    ModelCall,
    Question,
    RankingRecord,
    Role,
    Run,
    Runbook,
    RunbookVersion,
    Service,
    ServiceDependency,
    SourceCall,
    StageResult,
)
from copilot.relay import tokens as agent_tokens
from scoring.evidence import Direction, Evidence, EvidenceKind, Factor
from scoring.frozen import plain
from scoring.observations import Entity, EntityKind

if TYPE_CHECKING:
    from datetime import datetime

    from copilot.models import Tenant

PASSWORD = "correct-horse-battery"
# The word of the tenant of which nothing may be seen.
FOREIGN = "umbrella"
FACTORS = (
    Factor("signal strength", 0.3, 0.82, 0.71, 0.90, "pool waits ×14 over baseline"),
    Factor("temporal correlation", 0.25, 0.95, 0.88, 0.99, "the rollout was 42 s before onset"),
    Factor("precedent frequency", 0.15, 0.40, 0.20, 0.60, "1 similar incident in 30 days"),
    Factor("evidence quality", 0.2, 0.75, 0.66, 0.84, "two sources, fresh"),
    Factor("human validation", 0.1, 0.5, 0.2, 0.8, "nobody said yet"),
)


@dataclass(frozen=True)
class World:
    """What a tenant has."""

    tenant: Tenant
    connection: Connection
    service: Service
    needed: Service
    incident: Incident
    run: Run
    hypothesis: Hypothesis
    delivery: Delivery
    change: ChangeRecord
    call: ModelCall
    question: Question
    entry: AuditEntry
    token: ApiToken
    agent: Agent
    arrow: ServiceDependency
    runbook: Runbook

    @property
    def rows(self) -> tuple[Any, ...]:
        """Every row that has a page."""
        return (
            self.tenant,
            self.connection,
            self.service,
            self.needed,
            self.incident,
            self.delivery,
            self.change,
            self.call,
            self.question,
            self.entry,
            self.token,
            self.agent,
            self.arrow,
            self.runbook,
        )


def login(
    name: str,
    role: Role | None = None,
    tenant: Tenant | None = None,
    *,
    is_superuser: bool = False,
    password: str | None = None,
) -> Any:
    """A login of the admin, with a role in a tenant where one is given."""
    user = get_user_model()(username=name, is_staff=True, is_superuser=is_superuser)
    if password:
        user.set_password(password)
    user.save()
    if tenant and role:
        Membership.objects.create(tenant=tenant, user=user, role=role)
    return user


def furnish(tenant: Tenant, word: str, *, number: int = 1, at: datetime | None = None) -> World:
    """Fill a tenant: whatever people may read carries the word."""
    now = at or timezone.now()
    opened = connections.connect(
        tenant.id, "pagerduty", {"webhook_secret": f"{word}-sealed", "from_email": f"{word}@example.org"}, actor=word
    )
    with tenant_scope(tenant.id):
        connection = Connection.objects.get(pk=opened.connection_id)
        Connection.objects.filter(pk=connection.pk).update(
            health="failing", health_detail=f"{word}: refused (401)", checked_at=now, failing_since=now
        )
        connection.refresh_from_db()
        service = Service.objects.create(
            name=f"{word}-checkout",
            pagerduty_id=f"P{word}"[:40],
            namespace=word,
            workload="checkout",
            channel=f"#{word}",
        )
        needed = Service.objects.create(name=f"{word}-payments", namespace=word)
        arrow = ServiceDependency.objects.create(caller=service, callee=needed)
        incident = incident_of(service, word, number=number, at=now)
        run, hypothesis = investigate(incident, needed, word, at=now)
        delivery = Delivery.objects.create(
            connection=connection,
            external_id=f"{word}-delivery",
            headers={"x-webhook-id": word},
            body=f'{{"event": "{word}"}}'.encode(),
            handled_at=now,
            attempts=3,
            error=f"`event`: {word} is not an object",
        )
        EventRecord.objects.create(
            delivery=delivery,
            incident=incident,
            source="pagerduty",
            kind="incident",
            event_type="incident.acknowledged",
            action="acknowledged",
            dedupe_key=word,
            started_at=now,
            occurred_at=now + timedelta(seconds=40),
            actor=f"{word}-agent",
        )
        change = ChangeRecord.objects.create(
            service=service,
            source="github",
            dedupe_key=word,
            kind="deploy",
            at=now,
            title=f"{word} deploys v2",
            author=f"{word}-dev",
            link=f"https://example.org/{word}",
        )
        call = ModelCall.objects.create(
            run=run,
            purpose="propose",
            model=f"claude-{word}",
            prompt_version="1",
            outcome="end_turn",
            input_tokens=9000,
            output_tokens=700,
            dollars="0.037500",
            seconds=2.1,
        )
        question = Question.objects.create(
            incident=incident,
            face="slack",
            person=f"U{word}",
            person_name=f"{word}-alice",
            text=f"{word}: why?",
            status="answered",
            answered_by="rules",
            answer=[{"text": f"{word}: the pool is full", "cites": ["E1"], "kind": "text"}],
            sources=[
                {"id": "E1", "text": f"{word} waits", "origin": "prometheus", "link": "", "query": f"up{{{word}}}"}
            ],
        )
        runbook = Runbook.objects.create(
            source=f"/srv/{word}",
            path=f"{word}.md",
            title=f"{word} pool",
            services=[service.name],
            content_hash="0" * 64,
            read_at=now,
        )
        RunbookVersion.objects.create(
            runbook=runbook,
            number=1,
            text=f"# {word} pool\n\n1. Raise it.\n",
            content_hash="0" * 64,
            read_at=now,
            read_by=f"{word}-alice",
        )
        entry = AuditEntry.objects.create(actor=f"{word}-actor", action="connect", target=word, detail={"word": word})
    token = tokens.make(tenant.id, f"{word} portal", role=Role.RESPONDER, actor=f"{word}-owner").row
    made = agent_tokens.make(tenant.id, f"{word}-cluster", actor=f"{word}-owner")
    with tenant_scope(tenant.id):
        agent = Agent.objects.get(pk=made.agent_id)
    return World(
        tenant,
        connection,
        service,
        needed,
        incident,
        run,
        hypothesis,
        delivery,
        change,
        call,
        question,
        entry,
        token,
        agent,
        arrow,
        runbook,
    )


def incident_of(service: Service, word: str, *, number: int, at: datetime) -> Incident:
    """An open incident of a service."""
    return Incident.objects.create(
        tenant_id=service.tenant_id,
        number=number,
        service=service,
        title=f"High p95 latency on checkout ({word})",
        symptom=f"{word} latency",
        severity="critical",
        urgency="high",
        priority="P1",
        assignees=[f"{word}-alice"],
        source="pagerduty",
        dedupe_key=f"{word}-{number}",
        url=f"https://{word}.pagerduty.com/incidents/{number}",
        started_at=at,
        alert_at=at,
        last_event_at=at,
    )


def investigate(*arguments: Any, **keywords: Any) -> tuple[Run, Hypothesis]:
    """A finished investigation of an incident, with verdicts of people and a confirmed cause."""
    with tenant_scope(arguments[0].tenant_id):
        return _investigate(*arguments, **keywords)


def _investigate(
    incident: Incident, cause: Service, word: str, *, at: datetime, seconds: float = 2.5
) -> tuple[Run, Hypothesis]:
    run = Run.objects.create(
        incident=incident, stage="done", created_at=at, finished_at=at + timedelta(seconds=seconds + 0.4)
    )
    for stage, begin, end in (("gather", 0.1, 1.6), ("propose", 1.6, seconds - 0.1), ("rank", seconds - 0.1, seconds)):
        StageResult.objects.create(
            run=run,
            stage=stage,
            output={"gap_lines": [f"{word}: no HTTP metrics"]} if stage == "gather" else {},
            started_at=at + timedelta(seconds=begin),
            finished_at=at + timedelta(seconds=end),
        )
    SourceCall.objects.create(
        run=run, source="prometheus", name=f"Prometheus {word}", status="answered", observations=42, seconds=0.61
    )
    SourceCall.objects.create(
        run=run,
        source="kubernetes",
        name=f"Kubernetes {word}",
        status="failed",
        seconds=8.0,
        detail=f"{word}: timed out after 8 s",
    )
    for position, (kind, statement, severity, is_symptom, link) in enumerate(
        (
            (
                "metric",
                f"p95 latency of checkout 2.4 s, was 180 ms (×13) {word}",
                0.95,
                True,
                f"https://prometheus.example.org/graph?g0={word}",
            ),
            (
                "change",
                f"payments rolled out v41 → v42 by {word}-dev, 42 s before onset",
                0.8,
                False,
                "javascript:alert(1)",
            ),
            ("log", f"payments: “connection pool exhausted” ×212 {word}", 0.7, False, ""),
        ),
        start=1,
    ):
        EvidenceRecord.objects.create(
            run=run,
            reference=f"E{position}",
            position=position,
            kind=kind,
            service=cause.name,
            entity=f"service {word}/payments",
            indicator="latency",
            statement=statement,
            severity=severity,
            direction="for",
            source="prometheus" if kind == "metric" else "kubernetes",
            onset=at + timedelta(seconds=position),
            is_symptom=is_symptom,
            link=link,
            query=f'histogram_quantile(0.95, sum by (le) (rate(http_seconds_bucket{{namespace="{word}"}}[2m])))'
            if kind == "metric"
            else "",
            payload=plain(
                Evidence(
                    id=f"E{position}",
                    kind=EvidenceKind(kind),
                    entity=Entity(EntityKind.SERVICE, cause.name, word),
                    indicator="latency",
                    statement=statement,
                    severity=severity,
                    direction=Direction.FOR,
                    source="prometheus" if kind == "metric" else "kubernetes",
                    onset=(at + timedelta(seconds=position)).timestamp(),
                    is_symptom=is_symptom,
                    link=link,
                )
            ),
        )
    RankingRecord.objects.create(
        run=run,
        version="2026.11",
        verdict="likely cause",
        explanation=f"one cause stands out: payments ({word})",
        missing=[f"Kubernetes {word} did not answer"],
        weighed_light=[f"catalog deployed 3 min before onset, but nothing there moved ({word})"],
        next_check=f"look at the pool size in {word}",
        inputs="{}",
        outcome="{}",
        model_note=f"the model was not asked: {word}",
    )
    hypotheses = [
        Hypothesis.objects.create(
            run=run,
            rank=rank,
            service=cause.name,
            entity=f"service {word}/payments",
            cause_kind=kind,
            statement=statement,
            origin=origin,
            confidence=confidence,
            low=low,
            high=high,
            factors=plain(FACTORS),
            supporting=["E1", "E3"],
            contradicting=["E2"],
            next_check=f"kubectl -n {word} rollout undo deploy/payments",
        )
        for rank, kind, statement, origin, confidence, low, high in (
            (
                1,
                "bad deploy",
                f"The rollout of payments v42 shrank its connection pool ({word})",
                "rule",
                0.74,
                0.65,
                0.82,
            ),
            (
                2,
                "connection saturation",
                f"The database refuses connections of payments ({word})",
                "model",
                0.31,
                0.18,
                0.44,
            ),
        )
    ]
    Feedback.objects.create(hypothesis=hypotheses[0], person="U1", person_name=f"{word} Alice", value="up")
    Feedback.objects.create(
        hypothesis=hypotheses[1],
        person="U2",
        person_name=f"{word} Bob",
        value="down",
        reason="wrong cause",
        words=f"{word} was fine",
    )
    Confirmation.objects.create(
        incident=incident, hypothesis=hypotheses[0], words=f"{word} pool", person="U1", person_name=f"{word} Alice"
    )
    return run, hypotheses[0]
