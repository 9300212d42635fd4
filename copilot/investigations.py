"""Investigations that people ask for: open one by hand, look again, keep it quiet, wait for its end."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import close_old_connections
from django.db.models.functions import Now
from django.utils import timezone

from copilot.flow import ENDED
from copilot.guard.tenancy import tenant_scope
from copilot.hints import Work, hint_after_commit
from copilot.models import AuditEntry, Incident, IncidentStatus, Run
from copilot.stages.correlate import lock_tenant, next_number, split, start_run
from copilot.stages.services import named_service

if TYPE_CHECKING:
    from uuid import UUID


# The source of an incident that no alert opened.
BY_HAND = "asked"


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


def investigate(tenant_id: UUID, *, words: str, asked_by: str) -> UUID:
    """Open an incident by hand, for a service or a description in words, and return its id.

    :raises Refused: where there are no words.
    """
    words = " ".join(words.split())
    if not words:
        raise Refused("say what to investigate: a service, or what is wrong in a few words")
    now = timezone.now()
    with tenant_scope(tenant_id):
        lock_tenant(tenant_id)
        service = named_service(words)
        is_name_only = service is not None and words.casefold() == service.name.casefold()
        incident = Incident.objects.create(
            number=next_number(),
            service=service,
            service_name="" if service else words[:200],
            title=f"Is {words} well?" if is_name_only else words[:500],
            status=IncidentStatus.ACKNOWLEDGED,
            source=BY_HAND,
            dedupe_key=f"asked/{now.timestamp()}/{asked_by}"[:300],
            started_at=now,
            alert_at=now,
            acknowledged_at=now,
            acknowledged_by=asked_by[:200],
            last_event_at=now,
            publish_wanted_at=now,
        )
        AuditEntry.objects.create(actor=asked_by, action="investigate", target=f"INC-{incident.number}")
        run = start_run(incident, asked_by=asked_by)
        hint_after_commit(Work.ADVANCE, tenant_id, run.id)
    return incident.id


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
                f"{name} follows its alert in {incident.source}: resolve it there, and it is resolved here, too."
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
