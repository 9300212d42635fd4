"""Incident to evidence: ask every connected source, side by side, under one deadline."""

from __future__ import annotations

import math
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from copilot import breakers, observe, tracing
from copilot.config import config
from copilot.guard import vault
from copilot.guard.http import HttpDoor, Meter
from copilot.guard.http.errors import recognised
from copilot.guard.observed import redacted
from copilot.guard.redact import Redactor
from copilot.guard.tenancy import tenant_scope
from copilot.limits import MEGABYTE, limits_for, reached
from copilot.models import (
    AuditEntry,
    Connection,
    EvidenceRecord,
    Incident,
    Limit,
    SourceCall,
    SourceStatus,
)
from copilot.relay import asking
from copilot.specialists import route
from copilot.stages.changes import changes_between
from copilot.stages.claim import Claim, Outcome, Progress
from copilot.stages.economy import most_telling
from copilot.stages.neighbourhood import Neighbourhood, neighbourhood
from copilot.topology import sightings
from integrations import registry
from integrations.base import Scope, SourceError
from scoring.detect import detect
from scoring.frozen import plain
from scoring.observations import Gap, Note, Observation, Window

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from copilot.specialists import Routing
    from integrations.base import Integration
    from scoring.detect import Detection

log = observe.logger(__name__)

# Changes are looked at for longer than metrics: a bad deployment may need an hour to bite.
CHANGES_LOOK_BACK = timedelta(hours=3)
# Between two updates of what people see, while sources are being asked.
PROGRESS_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Source:
    """Hold one connection that is asked: its credentials opened for this one call, or the agent that holds them."""

    connection_id: UUID
    name: str
    integration: Integration
    credentials: Any = None
    way: asking.Via | None = None


@dataclass(slots=True)
class _Answer:
    observations: list[Observation]
    seconds: float
    failure: str = ""
    # True where it was left behind at the deadline.
    is_late: bool = False


def gather(claim: Claim, progress: Progress) -> Outcome:
    """Ask the sources, weigh what they say, and return the evidence."""
    with tenant_scope(claim.tenant_id):
        incident = Incident.objects.select_related("service").get(id=claim.incident_id)
        around = neighbourhood(incident)
        routing = route(incident.title, _labels(incident))
        sources, broken = _sources(claim, routing)
        if claim.plan.get("economy"):
            sources, broken = _few(claim, sources, broken)
        own = _own_observations(incident, around)
    window = _window(incident, claim)
    scope = Scope(
        service=incident.service.scope if incident.service else None,
        neighbours=tuple(service.scope for service in around.neighbours),
        alert_title=incident.title,
        alert_labels=_labels(incident),
        external_url=incident.url,
        dedupe_key=incident.dedupe_key,
    )
    redactor = Redactor(vault.redaction_key(claim.tenant_id))
    meter = Meter(limits_for(claim.tenant_id).evidence_bytes)
    answers = _ask(claim, sources, scope, window, progress, redactor, meter)
    sightings.keep(
        claim.tenant_id,
        [(one.integration.slug, answers[one.name].observations) for one in sources if one.integration.surveys],
        around.known,
        detail=f"seen at INC-{incident.number}",
    )
    observations: list[Observation] = [redacted(one, redactor) for one in (*own, *broken)]
    for source in sources:
        answer = answers[source.name]
        observations.extend(answer.observations)
        if answer.failure:
            observations.append(Gap(source.integration.slug, source.name, answer.failure))
    detection = detect(observations, window, subject=around.subject)
    asked = sorted({source.integration.slug for source in sources})
    output = {
        "window": plain(window),
        "subject": plain(around.subject),
        "dependencies": plain(detection.dependencies),
        "gaps": plain(detection.gaps),
        "gap_lines": [f"{gap.source}: {gap.question} – {gap.reason}" for gap in detection.gaps],
        "onset": detection.onset,
        "looked_at": detection.looked_at,
        "sources_asked": asked,
        "observations": len(observations),
        "limited": [*_spent(claim, meter), *_waited(claim, answers)],
        "routing": routing.why,
        "left_out": [category.value for category in routing.left_out],
        "calls": sum(source.integration.gather_cost for source in sources),
        "seconds": round(max((answers[source.name].seconds for source in sources), default=0.0), 3),
    }
    return Outcome(output=output, write=lambda: _write(claim, incident, detection, output))


def _labels(incident: Incident) -> dict[str, str]:
    return {str(name): str(value) for name, value in incident.labels.items()}


def _window(incident: Incident, claim: Claim) -> Window:
    """Return what is looked at: the plan's time before the alert, until now, or until well after it was resolved."""
    alert = incident.alert_at.timestamp()
    end = timezone.now().timestamp()
    if incident.resolved_at is not None:
        end = min(end, incident.resolved_at.timestamp() + 600)
    # Plans from before a look could have an end do not name one.
    if claim.plan.get("until") is not None:
        end = min(end, claim.plan["until"])
    # A late or repeated look must not drown the incident in what came after it.
    end = min(max(end, alert + 1), alert + 4 * 3600)
    return Window(start=alert - 60 * claim.plan["look_back_minutes"], end=end, alert_at=alert)


def _sources(claim: Claim, routing: Routing) -> tuple[list[_Source], list[Gap]]:
    """Return the tenant's connections that are asked, and a gap for each that cannot be, or that the budget does not cover.

    Whom the alert's class leaves out is not asked: it can say nothing. A budget is spent in the router's order.
    """
    found: list[_Source] = []
    gaps: list[Gap] = []
    left = int(claim.plan.get("calls", 0)) or math.inf
    connections = Connection.objects.filter(is_enabled=True).order_by("kind", "name")
    askable = [
        (one, known) for one in connections if (known := registry.integrations().get(one.kind)) and known.gathers
    ]
    askable.sort(key=lambda pair: routing.place(pair[1].categories))
    for connection, known in askable:
        if not routing.asks(known.categories):
            continue
        name = known.title if connection.name == "default" else f"{known.title} ({connection.name})"
        way = asking.via(connection)
        try:
            values = vault.unseal(connection.tenant_id, connection.sealed)
            values.pop("endpoint_key", None)
            credentials = None if way else known.Credentials.model_validate(values)
        except (vault.SealBroken, ValueError) as error:
            gaps.append(Gap(known.slug, name, f"its credentials cannot be used: {type(error).__name__}"))
            detail = "its credentials cannot be used; enter them again in the admin"
            _note_call(claim, connection, name, SourceStatus.FAILED, detail)
            continue
        if way is None and not known.asks(credentials):
            continue
        if refusal := _refusal(claim, connection, known, left):
            gaps.append(Gap(known.slug, name, refusal))
            _note_call(claim, connection, name, SourceStatus.FAILED, refusal)
            reason = "budget" if known.gather_cost > left else "breaker"
            if reason == "budget":
                reached(Limit.RUN_CALLS, f"{name} {refusal}")
            observe.tool_refusals.labels(known.category.value, "run", reason).inc()
            continue
        left -= known.gather_cost
        found.append(_Source(connection.id, name, known, credentials, way))
        _note_call(claim, connection, name, SourceStatus.ASKING, "")
    return found, gaps


def _few(claim: Claim, sources: list[_Source], gaps: list[Gap]) -> tuple[list[_Source], list[Gap]]:
    """Return the most telling sources, and a gap for each that is not asked; runs inside the tenant's scope."""
    chosen = {
        one.id for one in most_telling(list(Connection.objects.filter(id__in=[one.connection_id for one in sources])))
    }
    left_out = [one for one in sources if one.connection_id not in chosen]
    why = f"not asked: {claim.plan['economy']}"
    SourceCall.objects.filter(run_id=claim.run_id, name__in=[one.name for one in left_out]).update(
        status=SourceStatus.FAILED, detail=why
    )
    for one in left_out:
        observe.tool_refusals.labels(one.integration.category.value, "run", "budget").inc()
    kept = [one for one in sources if one.connection_id in chosen]
    return kept, [*gaps, *(Gap(one.integration.slug, one.name, why) for one in left_out)]


def _spent(claim: Claim, meter: Meter) -> list[str]:
    """Return in words that the run read as much as it may, and record it; empty where it did not."""
    if not meter.is_spent:
        return []
    said = f"the sources gave the {meter.max_bytes // MEGABYTE:,} MB that one run may read, and more was not read"
    with tenant_scope(claim.tenant_id):
        reached(Limit.EVIDENCE, said)
    return [said]


def _waited(claim: Claim, answers: Mapping[str, _Answer]) -> list[str]:
    """Return in words that a run waited as long as its tenant lets it, and record it; empty where it need not have."""
    late = sorted(name for name, answer in answers.items() if answer.is_late)
    seconds = float(claim.plan["gather_seconds"])
    if not late or seconds >= config().gather_seconds:
        return []
    said = f"this tenant's runs wait {seconds:g} s for their sources, and {', '.join(late)} had not answered by then"
    with tenant_scope(claim.tenant_id):
        reached(Limit.RUN_SECONDS, said)
    return [said]


def _refusal(claim: Claim, connection: Connection, known: Integration, left: float) -> str:
    """Return why a source is not asked now, or nothing."""
    if known.gather_cost > left:
        return f"was not asked: the run's budget of {claim.plan['calls']} calls is used up, and the router put others first"
    return breakers.refusal(connection)


def _note_call(claim: Claim, connection: Connection, name: str, status: SourceStatus, detail: str) -> None:
    SourceCall.objects.update_or_create(
        run_id=claim.run_id,
        name=name,
        defaults={
            "tenant_id": claim.tenant_id,
            "connection": connection,
            "source": connection.kind,
            "status": status,
            "observations": 0,
            "seconds": 0.0,
            "detail": detail,
        },
    )


def _own_observations(incident: Incident, around: Neighbourhood) -> list[Observation]:
    """Return what we know ourselves: the alert's words, the declared dependencies, and changes that were reported to us."""
    note = Note(
        entity=around.subject,
        text=incident.title,
        at=incident.alert_at.timestamp(),
        source=incident.source,
        kind="alert",
        link=incident.url,
        labels=_labels(incident),
    )
    changes = changes_between(
        incident.alert_at - CHANGES_LOOK_BACK,
        timezone.now(),
        services=[service.id for service in around.services],
        names=[around.subject.name],
    )
    return [note, *around.dependencies, *changes]


def _ask(
    claim: Claim,
    sources: list[_Source],
    scope: Scope,
    window: Window,
    progress: Progress,
    redactor: Redactor,
    meter: Meter,
) -> dict[str, _Answer]:
    """Ask all sources at once; whoever has not answered at the deadline is left behind."""
    answers: dict[str, _Answer] = {}
    if not sources:
        return answers
    seconds = float(claim.plan["gather_seconds"])
    deadline = time.monotonic() + seconds
    pool = ThreadPoolExecutor(max_workers=len(sources), thread_name_prefix="source")
    try:
        asked: dict[Future[_Answer], _Source] = {
            pool.submit(tracing.carried(_ask_one, source, scope, window, seconds, redactor, meter)): source
            for source in sources
        }
        last_progress = time.monotonic()
        while asked and (left := deadline - time.monotonic()) > 0:
            done, _ = wait(asked, timeout=min(left, PROGRESS_SECONDS), return_when=FIRST_COMPLETED)
            for future in done:
                source = asked.pop(future)
                answers[source.name] = future.result()
                _note_answer(claim, source, answers[source.name])
            # People see who has answered; not more than once a second, and not when all have: the result is next.
            if done and asked and time.monotonic() - last_progress >= PROGRESS_SECONDS:
                progress()
                last_progress = time.monotonic()
        for source in asked.values():
            answers[source.name] = _Answer([], seconds, f"did not answer within {seconds:g} s", is_late=True)
            _note_answer(claim, source, answers[source.name])
    finally:
        # Python cannot stop a thread; the door's deadline ends what is left behind a moment later.
        pool.shutdown(wait=False, cancel_futures=True)
    return answers


def _ask_one(
    source: _Source, scope: Scope, window: Window, seconds: float, redactor: Redactor, meter: Meter | None = None
) -> _Answer:
    """Ask one source in a thread of its own; one that is asked directly touches no table.

    Every failure becomes words, and whatever was said is redacted before anybody sees it.
    """
    settings = config()
    door = HttpDoor(
        deadline_seconds=seconds,
        max_bytes=settings.max_source_bytes,
        allowed_private=settings.allowed_private_networks,
        meter=meter,
    )
    started = time.monotonic()
    observations: list[Observation] = []
    failure = ""
    with tracing.span(f"source {source.integration.slug}", kind="client") as traced:
        try:
            if source.way is not None:
                observations, stopped = asking.gather(source.way, scope, window, seconds=seconds, meter=meter)
                failure = stopped.reason if stopped else ""
            else:
                # One by one, so that what a source said before it failed is kept.
                observations.extend(source.integration.gather(door, source.credentials, scope, window))
        except SourceError as error:
            failure = error.reason
        except Exception as error:
            known = recognised(error)
            failure = known.reason if known else f"answered something unexpected ({type(error).__name__})"
            if known is None:
                log.exception("a source failed unexpectedly", source=source.integration.slug)
        finally:
            if source.way is not None:
                asking.give_back_connection()
        traced.note({"copilot.observations": len(observations)})
        if failure:
            traced.failed("no answer")
    said = [redacted(one, redactor) for one in observations]
    return _Answer(said, time.monotonic() - started, redactor.text(failure))


def _note_answer(claim: Claim, source: _Source, answer: _Answer) -> None:
    gaps = [one for one in answer.observations if isinstance(one, Gap)]
    status = SourceStatus.FAILED if answer.failure else SourceStatus.PARTIAL if gaps else SourceStatus.ANSWERED
    detail = answer.failure or "; ".join(f"{gap.question}: {gap.reason}" for gap in gaps)[:1000]
    observe.source_seconds.labels(source.integration.slug, status.value).observe(answer.seconds)
    outcome = "failed" if answer.failure else "answered"
    observe.tool_seconds.labels(source.integration.category.value, "run", outcome).observe(answer.seconds)
    with tenant_scope(claim.tenant_id):
        SourceCall.objects.filter(run_id=claim.run_id, name=source.name).update(
            status=status,
            observations=len(answer.observations) - len(gaps),
            seconds=answer.seconds,
            detail=detail,
        )
        if answer.failure:
            breakers.failed(source.connection_id, answer.failure)
        else:
            breakers.worked(source.connection_id, f"answered a run in {answer.seconds:.1f} s")


def _write(claim: Claim, incident: Incident, detection: Detection, output: Mapping[str, Any]) -> None:
    """Replace the run's evidence by this attempt's, within the transaction that ends the stage; the audit log gets who was asked."""
    spent = {name: output[name] for name in ("routing", "left_out", "sources_asked", "calls", "seconds")}
    AuditEntry.objects.create(
        actor="copilot",
        action="ask sources",
        target=f"INC-{incident.number}",
        detail={"run": str(claim.run_id), **spent},
    )
    EvidenceRecord.objects.filter(run_id=claim.run_id).delete()
    EvidenceRecord.objects.bulk_create(
        EvidenceRecord(
            tenant_id=claim.tenant_id,
            run_id=claim.run_id,
            reference=one.id,
            position=position,
            kind=one.kind.value,
            service=one.entity.service[:200],
            entity=str(one.entity)[:300],
            indicator=one.indicator[:200],
            statement=one.statement,
            severity=one.severity,
            direction=one.direction.value,
            source=one.source[:60],
            onset=datetime.fromtimestamp(one.onset, tz=UTC) if one.onset else None,
            is_symptom=one.is_symptom,
            link=one.link,
            query=one.query,
            author=one.author[:200],
            payload=plain(one),
        )
        for position, one in enumerate(detection.evidence, start=1)
    )
