"""Feedback: verdicts on hypotheses and the cause that people settle on; both move the ranking of later incidents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone

from copilot import observe
from copilot.guard.tenancy import tenant_scope
from copilot.models import AuditEntry, Confirmation, Feedback, FeedbackValue, Hypothesis, Incident, Reason

if TYPE_CHECKING:
    from uuid import UUID


class UnknownHypothesis(LookupError):
    """Say that a tenant has no hypothesis, or no incident, of this id."""


def _hypothesis(hypothesis_id: UUID) -> Hypothesis:
    found = Hypothesis.objects.select_related("run").filter(id=hypothesis_id).first()
    if found is None:
        raise UnknownHypothesis("this hypothesis is gone: the incident was investigated again")
    return found


def _show(incident_id: UUID) -> None:
    """Ask for the incident to be shown anew; the caller, or the sweeper, publishes."""
    Incident.objects.filter(id=incident_id).update(publish_wanted_at=timezone.now(), publish_not_before=timezone.now())


def give_verdict(
    tenant_id: UUID,
    hypothesis_id: UUID,
    *,
    person: str,
    person_name: str,
    value: str,
    reason: str = "",
    words: str = "",
) -> UUID:
    """Record one person's verdict on a hypothesis, replacing an earlier one; return the incident's id.

    :raises UnknownHypothesis: where there is no such hypothesis.
    :raises ValueError: where the value or the reason is none of the known ones.
    """
    if value not in FeedbackValue.values:
        raise ValueError(f"a verdict is one of {', '.join(FeedbackValue.values)}, not {value!r}")
    if reason and reason not in Reason.values:
        raise ValueError(f"a reason is one of {', '.join(Reason.values)}, not {reason!r}")
    with tenant_scope(tenant_id):
        hypothesis = _hypothesis(hypothesis_id)
        Feedback.objects.update_or_create(
            tenant_id=tenant_id,
            hypothesis=hypothesis,
            person=person,
            defaults={"person_name": person_name[:200], "value": value, "reason": reason, "words": words[:2000]},
        )
        AuditEntry.objects.create(
            actor=person_name or person,
            action=f"verdict {value}",
            target=f"hypothesis {hypothesis.rank} of run {hypothesis.run_id}",
            detail={"hypothesis": str(hypothesis.id), "reason": reason},
        )
        incident_id = hypothesis.run.incident_id
        _show(incident_id)
    observe.feedback_given.labels(value).inc()
    return incident_id


def withdraw_verdict(tenant_id: UUID, hypothesis_id: UUID, *, person: str) -> UUID:
    """Take one person's verdict back; return the incident's id."""
    with tenant_scope(tenant_id):
        hypothesis = _hypothesis(hypothesis_id)
        gone, _ = Feedback.objects.filter(hypothesis=hypothesis, person=person).delete()
        if gone:
            AuditEntry.objects.create(
                actor=person,
                action="verdict withdrawn",
                target=f"hypothesis {hypothesis.rank} of run {hypothesis.run_id}",
            )
        _show(hypothesis.run.incident_id)
        return hypothesis.run.incident_id


def confirm(
    tenant_id: UUID,
    incident_id: UUID,
    *,
    hypothesis_id: UUID | None,
    person: str,
    person_name: str,
    words: str = "",
) -> UUID:
    """Record the cause of an incident: one of its hypotheses, or something else in words. Replaces an earlier one.

    :raises UnknownHypothesis: where the incident, or the hypothesis in it, does not exist.
    :raises ValueError: where neither a hypothesis nor words are given.
    """
    if hypothesis_id is None and not words.strip():
        raise ValueError("say which hypothesis it was, or what else in words")
    with tenant_scope(tenant_id):
        incident = Incident.objects.filter(id=incident_id).first()
        if incident is None:
            raise UnknownHypothesis("there is no such incident")
        hypothesis = _hypothesis(hypothesis_id) if hypothesis_id else None
        if hypothesis and hypothesis.run.incident_id != incident_id:
            raise UnknownHypothesis("this hypothesis belongs to another incident")
        Confirmation.objects.update_or_create(
            tenant_id=tenant_id,
            incident=incident,
            defaults={
                "hypothesis": hypothesis,
                "words": words[:2000],
                "person": person,
                "person_name": person_name[:200],
            },
        )
        AuditEntry.objects.create(
            actor=person_name or person,
            action="cause confirmed",
            target=f"INC-{incident.number}",
            detail={"hypothesis": str(hypothesis_id) if hypothesis_id else None},
        )
        _show(incident_id)
    return incident_id


def withdraw_confirmation(tenant_id: UUID, incident_id: UUID, *, person: str) -> UUID:
    """Take the confirmed cause of an incident back."""
    with tenant_scope(tenant_id):
        gone, _ = Confirmation.objects.filter(incident_id=incident_id).delete()
        if gone:
            AuditEntry.objects.create(actor=person, action="confirmation withdrawn", target=f"incident {incident_id}")
        _show(incident_id)
    return incident_id
