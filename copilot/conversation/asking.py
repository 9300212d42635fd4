"""Take a question in, stop its answer, and note what people say of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models.functions import Now

from copilot.answers import Answer, read_back
from copilot.guard.tenancy import tenant_scope
from copilot.models import AnswerFeedback, Incident, IncidentStatus, Question, QuestionStatus

if TYPE_CHECKING:
    from uuid import UUID

LONGEST = 2000
_NUMBER = re.compile(r"\b(?:INC-?|incident\s+#?|#)(\d{1,9})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """Hold a question as a face took it in. `thread` joins questions that follow one another; `place` is the face's own.

    `incident_id` is the incident in whose thread it was asked, `looked_at` the one that the person looked at meanwhile.
    """

    text: str
    person: str
    person_name: str
    face: str
    thread: str
    place: dict[str, Any]
    may_look: bool
    incident_id: UUID | None = None
    looked_at: UUID | None = None


def ask(tenant_id: UUID, asked: Asked) -> UUID:
    """Write a question down and return its id; call it in the transaction that takes it in, so that it is asked once."""
    with tenant_scope(tenant_id):
        # Who looks elsewhere while they ask on still means what their thread is about.
        meant = _named(asked.text) or asked.incident_id or _earlier(asked.thread) or asked.looked_at
        incident_id = meant or _only_open()
        question = Question.objects.create(
            incident_id=incident_id,
            face=asked.face,
            place=asked.place,
            thread=asked.thread[:120],
            person=asked.person[:200],
            person_name=asked.person_name[:200],
            may_look=asked.may_look,
            text=asked.text[:LONGEST],
        )
    return question.id


def _named(text: str) -> UUID | None:
    """Return the incident that the words name by its number."""
    found = _NUMBER.search(text)
    return Incident.objects.filter(number=int(found[1])).values_list("id", flat=True).first() if found else None


def _earlier(thread: str) -> UUID | None:
    """Return what this thread was about the last time."""
    if not thread:
        return None
    earlier = Question.objects.filter(thread=thread[:120], incident__isnull=False).order_by("-asked_at")
    return earlier.values_list("incident_id", flat=True).first()


def _only_open() -> UUID | None:
    """Return the open incident where there is just one: nobody need say which."""
    found = list(Incident.objects.exclude(status=IncidentStatus.RESOLVED).values_list("id", flat=True)[:2])
    return found[0] if len(found) == 1 else None


def stop(tenant_id: UUID, *, face: str, thread: str) -> int:
    """Ask for the answers under way in a thread to stop; return how many there are."""
    with tenant_scope(tenant_id):
        waiting = Question.objects.filter(face=face, thread=thread[:120], status=QuestionStatus.WAITING)
        return waiting.filter(stop_wanted_at__isnull=True).update(stop_wanted_at=Now())


def judge(tenant_id: UUID, question_id: UUID, *, person: str, person_name: str, value: str) -> str:
    """Record what a person says of an answer, or withdraw it where they said the same; return what now stands, or nothing.

    :raises LookupError: where there is no such answer.
    """
    with tenant_scope(tenant_id):
        if not Question.objects.filter(id=question_id).exists():
            raise LookupError("this answer is gone")
        mine = AnswerFeedback.objects.filter(question_id=question_id, person=person)
        if mine.filter(value=value).delete()[0]:
            return ""
        AnswerFeedback.objects.update_or_create(
            tenant_id=tenant_id, question_id=question_id, person=person,
            defaults={"person_name": person_name, "value": value},
        )  # fmt: skip
    return value


def read(tenant_id: UUID, question_id: UUID) -> Answer:
    """Return the answer that a question got.

    :raises LookupError: where there is no such question, or no answer yet.
    """
    with tenant_scope(tenant_id):
        row = Question.objects.filter(id=question_id).exclude(status=QuestionStatus.WAITING).first()
    if row is None:
        raise LookupError("this question has no answer yet")
    return read_back(
        row.answer, row.sources, by=row.answered_by, note=row.note, is_stopped=row.status == QuestionStatus.STOPPED
    )
