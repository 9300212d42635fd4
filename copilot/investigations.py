"""Investigations that people ask for: open one by hand, look again, keep it quiet, wait for its end."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import close_old_connections
from django.db.models.functions import Now
from django.utils import timezone

from copilot.flow import ENDED
from copilot.guard.tenancy import tenant_scope
from copilot.hints import Work, hint_after_commit
from copilot.llm import choosing
from copilot.models import AuditEntry, Incident, IncidentStatus, Run, Service, Stage
from copilot.stages import problems
from copilot.stages.correlate import lock_tenant, next_number, split, start_run
from copilot.stages.problems import Choice, Reading
from copilot.stages.services import closest_services, match_service, reference_name
from integrations import registry
from integrations.base import ServiceReference

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

# How many services the model may choose from, where the words name none.
MOST_OFFERED = 200
# The source of an incident that no alert opened.
BY_HAND = "asked"
# A report of what was looked at within this time is answered by that look.
FRESH = timedelta(minutes=5)


class Refused(ValueError):
    """Say in words why something cannot be done now."""


def investigate_again(tenant_id: UUID, incident_id: UUID, *, asked_by: str) -> UUID:
    """Start another run of an incident and return its id; a run that is under way is left to finish.

    :raises LookupError: where there is no such incident.
    """
    with tenant_scope(tenant_id):
        lock_tenant(tenant_id)
        incident = Incident.objects.filter(id=incident_id).first()
        if incident is None:
            raise LookupError("there is no such incident")
        under_way = incident.runs.exclude(stage__in=ENDED).first()
        run = under_way or start_run(incident, asked_by=asked_by[:200] or "someone")
        if under_way is None:
            AuditEntry.objects.create(actor=asked_by, action="investigate again", target=f"INC-{incident.number}")
        hint_after_commit(Work.ADVANCE, tenant_id, run.id)
        return run.id


@dataclass(frozen=True, slots=True)
class Scope:
    """Hold what a program may say of a problem beside words: a service by name, an alert's labels, and when it was."""

    service: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    start: datetime | None = None
    end: datetime | None = None


class Unclear(Exception):
    """Say that the words may mean several services, or that the named one is not known; `choices` may be meant."""

    def __init__(self, text: str, choices: tuple[Choice, ...]) -> None:
        super().__init__(text)
        self.choices = choices


def understand(tenant_id: UUID, *, words: str, scope: Scope) -> Reading:
    """Return what a problem is about: by what the scope says, by rules, and only where they leave it open by the model.

    Must not be called inside a tenant's scope, as it may ask the outside.

    :raises Unclear: where people have to choose.
    :raises Refused: where nothing is said.
    """
    words = " ".join(words.split())
    with tenant_scope(tenant_id):
        if (stated := _by_scope(words, scope)) is not None:
            return stated
        if not words:
            raise Refused("say what to investigate: a service, or what is wrong in a few words")
        reading = problems.read(words)
        names = [one.name for one in reading.choices] or list(
            Service.objects.order_by("name").values_list("name", flat=True)[:MOST_OFFERED]
        )
    if reading.service is not None:
        return reading
    chosen = choosing.choose(tenant_id, words=words, names=names)
    if chosen:
        with tenant_scope(tenant_id):
            service = Service.objects.filter(name=chosen).first()
        return replace(reading, service=service, how="the model read it so", choices=())
    if reading.choices:
        one, *more = reading.choices
        meant = "several services: name one" if more else f"{one.name}: name it"
        raise Unclear(f"the words may mean {meant} in `service`", reading.choices)
    return reading


def _by_scope(words: str, scope: Scope) -> Reading | None:
    """Return the reading of an explicit scope; None where it leaves the question to the words.

    :raises Unclear: where it names a service that is not set up.
    """
    service = match_service(_reference(scope))
    if service is None and words and not scope.service:
        return None
    if service is None and not scope.service and not scope.labels:
        return None
    title = words or scope.labels.get("alertname", "") or scope.service
    if service is None and scope.service and Service.objects.exists():
        near = tuple(Choice(one.name, "its name is like the one given") for one, _ in closest_services(scope.service))
        raise Unclear(f"there is no service {scope.service!r}: name one that is set up, or set it up", near)
    read = problems.read(title) if title else Reading("")
    how = f"the scope names {service.name}" if service else "no service of this name is set up"
    return replace(read, words=title, service=service, how=how, choices=())


def investigate(tenant_id: UUID, *, words: str, asked_by: str, anew: bool = False) -> Reported:
    """Open an incident by hand, for a service or a description in words; who asked works on it.

    Where an incident of the service is open it is joined, as a `report` does, unless it shall be one `anew`.

    :raises Refused: where there are no words.
    """
    words = " ".join(words.split())
    if not words:
        raise Refused("say what to investigate: a service, or what is wrong in a few words")
    with tenant_scope(tenant_id):
        lock_tenant(tenant_id)
        reading = problems.read(words)
        incident = _open_one(reading, Scope()) if reading.service and not anew else None
        if incident is None:
            return Reported(_open(reading, Scope(), asked_by=asked_by, is_acknowledged=True))
        return _join(incident, reading, Scope(), asked_by=asked_by)


@dataclass(frozen=True, slots=True)
class Reported:
    """Hold what came of a report: the look to follow, and, where an open incident was joined, which and why.

    `looks_again` says whether that look is a new one: one of the last minutes answers what was asked.
    """

    run: Run
    joined: str = ""
    looks_again: bool = True


def report(tenant_id: UUID, *, reading: Reading, scope: Scope, asked_by: str, anew: bool = False) -> Reported:
    """Take in a problem that a program reports, as it was understood (`understand`).

    A service has one open incident: a report of it joins the one that moved last, and is looked at anew there, unless a look of
    the last minutes answers it. `anew` opens another, and so does a report of a time of its own, which that incident's look
    would not see. Nobody works on what a program opened.

    :raises Refused: where it says nothing.
    """
    if not (reading.words or reference_name(_reference(scope))):
        raise Refused("say what to investigate: a service, or what is wrong in a few words")
    with tenant_scope(tenant_id):
        lock_tenant(tenant_id)
        incident = None if anew or scope.start or scope.end else _open_one(reading, scope)
        if incident is None:
            return Reported(_open(reading, scope, asked_by=asked_by, is_acknowledged=False))
        return _join(incident, reading, scope, asked_by=asked_by)


def _join(incident: Incident, reading: Reading, scope: Scope, *, asked_by: str) -> Reported:
    """Join an open incident: its look of the last minutes answers, else it is looked at again. Runs inside the scope and lock."""
    name, service = f"INC-{incident.number}", incident.display_service
    AuditEntry.objects.create(
        actor=asked_by, action="report", target=name, detail={"words": reading.words, "labels": dict(scope.labels)}
    )
    last = incident.runs.order_by("-sequence").first()
    is_fresh = last is not None and last.stage != Stage.FAILED and last.created_at > timezone.now() - FRESH
    known = last if last is not None and (is_fresh or last.stage not in ENDED) else None
    run = known or start_run(incident, asked_by=asked_by[:200])
    hint_after_commit(Work.ADVANCE, incident.tenant_id, run.id)
    since = f"{incident.started_at:%Y-%m-%d %H:%M} UTC"
    told = f"{name} of {service} is open since {since}; `anew` opens another incident"
    return Reported(run, joined=told, looks_again=known is None)


def _open_one(reading: Reading, scope: Scope) -> Incident | None:
    """Return the open incident of the service that a report is about, the one that moved last where there are several."""
    name = _unknown_service(reading, scope)
    of = {"service": reading.service} if reading.service else {"service": None, "service_name": name}
    still_open = Incident.objects.exclude(status=IncidentStatus.RESOLVED).filter(**of).select_related("service")
    return still_open.order_by("-last_event_at", "-number").first()


def _open(reading: Reading, scope: Scope, *, asked_by: str, is_acknowledged: bool) -> Run:
    """Insert an incident that no alert opened, with its first run; runs inside the tenant's scope and lock."""
    now = timezone.now()
    service = reading.service
    words = reading.words or reference_name(_reference(scope))
    is_name_only = service is not None and words.casefold() == service.name.casefold()
    incident = Incident.objects.create(
        number=next_number(),
        service=service,
        service_name="" if service else _unknown_service(reading, scope),
        title=f"Is {words} well?" if is_name_only else words[:500],
        status=IncidentStatus.ACKNOWLEDGED if is_acknowledged else IncidentStatus.TRIGGERED,
        symptom=scope.labels.get("alertname", "")[:300],
        severity=scope.labels.get("severity", "")[:20],
        labels=dict(scope.labels),
        source=BY_HAND,
        dedupe_key=f"asked/{now.timestamp()}/{asked_by}"[:300],
        started_at=scope.start or now,
        alert_at=scope.start or now,
        acknowledged_at=now if is_acknowledged else None,
        acknowledged_by=asked_by[:200] if is_acknowledged else "",
        last_event_at=now,
        publish_wanted_at=now,
    )
    AuditEntry.objects.create(actor=asked_by, action="investigate", target=f"INC-{incident.number}")
    run = start_run(incident, asked_by=asked_by, until=scope.end)
    hint_after_commit(Work.ADVANCE, incident.tenant_id, run.id)
    return run


def _unknown_service(reading: Reading, scope: Scope) -> str:
    """Return what stands for a service that is not set up."""
    return (reference_name(_reference(scope)) or reading.words)[:200]


def _reference(scope: Scope) -> ServiceReference:
    return ServiceReference(name=scope.service, namespace=scope.labels.get("namespace", ""), labels=dict(scope.labels))


def _vendor(source: str) -> str:
    """Return what people call the source of an alert."""
    known = registry.integrations().get(source)
    return known.title if known is not None else source


def resolve(tenant_id: UUID, incident_id: UUID, *, by: str, anyway: bool = False) -> None:
    """Close an incident that was opened by hand; one that follows an alert is closed where the alert is, or here `anyway`.

    :raises LookupError: where there is no such incident.
    :raises Refused: where it is closed already, or follows an alert.
    """
    now = timezone.now()
    with tenant_scope(tenant_id):
        lock_tenant(tenant_id)
        incident = Incident.objects.filter(id=incident_id).first()
        if incident is None:
            raise LookupError("there is no such incident")
        name = f"INC-{incident.number}"
        if incident.status == IncidentStatus.RESOLVED:
            raise Refused(f"{name} is resolved already.")
        if incident.source != BY_HAND and not anyway:
            raise Refused(
                f"{name} follows its alert in {_vendor(incident.source)}: resolve it there, and it is resolved here, too."
                f" If the alert is gone there: `/sre resolve {incident.number} anyway`."
            )
        Incident.objects.filter(id=incident_id).update(
            status=IncidentStatus.RESOLVED,
            resolved_at=now,
            resolved_by=by[:200],
            last_event_at=now,
            publish_wanted_at=now,
            publish_not_before=Now(),
        )
        AuditEntry.objects.create(actor=by, action="resolve", target=name, detail={"anyway": anyway})


def reopen(tenant_id: UUID, incident_id: UUID, *, by: str) -> UUID:
    """Open a resolved incident again and look once more; return the run's id.

    :raises LookupError: where there is no such incident.
    :raises Refused: where it is open.
    """
    now = timezone.now()
    with tenant_scope(tenant_id):
        lock_tenant(tenant_id)
        incident = Incident.objects.filter(id=incident_id).first()
        if incident is None:
            raise LookupError("there is no such incident")
        if incident.status != IncidentStatus.RESOLVED:
            raise Refused(f"INC-{incident.number} is open.")
        Incident.objects.filter(id=incident_id).update(
            status=IncidentStatus.ACKNOWLEDGED if incident.acknowledged_at else IncidentStatus.TRIGGERED,
            resolved_at=None,
            resolved_by="",
            last_event_at=now,
            publish_wanted_at=now,
            publish_not_before=Now(),
        )
        AuditEntry.objects.create(actor=by, action="reopen", target=f"INC-{incident.number}")
        run = incident.runs.exclude(stage__in=ENDED).first() or start_run(incident, asked_by=by[:200])
        hint_after_commit(Work.ADVANCE, tenant_id, run.id)
        return run.id


def not_related(tenant_id: UUID, alert_id: UUID, *, by: str) -> UUID:
    """Give a related alert an incident of its own, look at it, and return the incident's id; asked again it returns the same.

    :raises LookupError: where there is no such alert.
    """
    with tenant_scope(tenant_id):
        lock_tenant(tenant_id)
        moved = split(alert_id, by=by)
        if moved.incident_id is None:
            raise LookupError("there is no such related alert")
        if moved.run_id:
            number = Incident.objects.values_list("number", flat=True).get(id=moved.incident_id)
            AuditEntry.objects.create(actor=by, action="not related", target=f"INC-{number}")
            hint_after_commit(Work.ADVANCE, tenant_id, moved.run_id)
        return moved.incident_id


def mute(tenant_id: UUID, incident_id: UUID, *, seconds: float, by: str) -> None:
    """Keep an incident quiet for a time: its message is still kept true, but nothing new is posted.

    :raises LookupError: where there is no such incident.
    """
    with tenant_scope(tenant_id):
        until = timezone.now() + timedelta(seconds=seconds)
        found = Incident.objects.filter(id=incident_id).update(
            muted_until=until, publish_wanted_at=timezone.now(), publish_not_before=Now()
        )
        if not found:
            raise LookupError("there is no such incident")
        AuditEntry.objects.create(
            actor=by, action="mute", target=f"incident {incident_id}", detail={"seconds": seconds}
        )


def wait_for(tenant_id: UUID, incident_id: UUID, *, seconds: float) -> str:
    """Wait until the incident's newest run has ended; return its stage then, or at the end of the time."""
    deadline = time.monotonic() + seconds
    while True:
        close_old_connections()
        with tenant_scope(tenant_id):
            stage = (
                Run.objects.filter(incident_id=incident_id)
                .order_by("-sequence")
                .values_list("stage", flat=True)
                .first()
            )
        if stage in ENDED or time.monotonic() > deadline:
            return stage or ""
        time.sleep(0.1)
