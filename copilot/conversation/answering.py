"""Answer a question: claim it, ask the model where it can be asked, fall back to rules, show it, write it down."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from django.db import close_old_connections
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from copilot import observe
from copilot.answers import Answer, stored
from copilot.config import config
from copilot.conversation import rules
from copilot.conversation.matching import match
from copilot.faces import face as face_of
from copilot.guard.tenancy import tenant_scope
from copilot.hints import Work, hint
from copilot.knowledge import incident_reader
from copilot.models import Incident, IncidentStatus, Question, QuestionStatus, Tenant

if TYPE_CHECKING:
    from uuid import UUID

    from copilot.faces import Telling

log = observe.logger(__name__)
# Answers wait for others most of their time; more would hold too many of the web process's connections.
SIDE_BY_SIDE = 3
ATTEMPTS = 3
# A process that took a question in begins at once; only what is older was lost with its process.
GRACE = timedelta(seconds=5)
LISTED = 5


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=SIDE_BY_SIDE, thread_name_prefix="conversation")


def answer_soon(tenant_id: UUID, question_id: UUID) -> None:
    """Answer in a thread of this process; where the process dies, the sweeper finds the question."""

    def work() -> None:
        close_old_connections()
        try:
            answer(tenant_id, question_id)
        except Exception:
            # It is in the rows, with its reason; the sweeper tries again.
            log.exception("question not answered", question=str(question_id))
        finally:
            close_old_connections()

    _pool().submit(work)


def sweep() -> int:
    """Hint the questions that nobody answers; return how many there are."""
    found = 0
    for tenant_id in Tenant.objects.values_list("id", flat=True):
        with tenant_scope(tenant_id):
            waiting = Question.objects.filter(status=QuestionStatus.WAITING, lease_until__lte=Now() - GRACE)
            ids = list(waiting.values_list("id", flat=True)[:50])
        for question_id in ids:
            hint(Work.ANSWER, tenant_id, question_id)
        found += len(ids)
    return found


def answer(tenant_id: UUID, question_id: UUID) -> bool:
    """Answer a question, if nobody else is at it; return whether this call did.

    :raises Exception: where the answer could not be shown; it is tried again, three times in all.
    """
    lease = timedelta(seconds=config().answer_seconds + 30)
    with tenant_scope(tenant_id):
        claimed = Question.objects.filter(id=question_id, status=QuestionStatus.WAITING, lease_until__lte=Now())
        if not claimed.update(lease_until=Now() + lease, attempt=F("attempt") + 1):
            return False
        question = Question.objects.get(id=question_id)
    try:
        _answer(question)
    except Exception as failure:
        said = f"{type(failure).__name__}: {failure}"[:1000]
        with tenant_scope(tenant_id):
            mine = Question.objects.filter(id=question_id, attempt=question.attempt)
            if question.attempt >= ATTEMPTS:
                mine.update(status=QuestionStatus.FAILED, error=said, answered_at=Now(), lease_until=Now())
            else:
                mine.update(error=said, lease_until=Now() + timedelta(seconds=10 * question.attempt))
        raise
    return True


def _answer(question: Question) -> None:
    started = time.monotonic()
    shown_by = face_of(question.face)
    if shown_by is None:
        raise LookupError(f"there is no face {question.face!r} to show the answer")
    telling = shown_by.telling(question.tenant_id, question.id, question.place)
    made = replace(_made(question, telling), seconds=time.monotonic() - started)
    telling.finish(made)
    with tenant_scope(question.tenant_id):
        status = QuestionStatus.STOPPED if made.is_stopped else QuestionStatus.ANSWERED
        Question.objects.filter(id=question.id, attempt=question.attempt).update(
            **stored(made), status=status, error="", answered_at=timezone.now(), lease_until=Now()
        )


def _made(question: Question, telling: Telling) -> Answer:
    if question.incident_id is None:
        return _told(_across(question), telling)
    telling.step("rows", "Reading the incident")
    briefing = incident_reader.read(question.tenant_id, question.incident_id)
    telling.step("rows", "Reading the incident", status="complete", output=_seen(len(briefing.evidence)))
    note = "no ANTHROPIC_API_KEY" if config().anthropic_api_key is None else ""
    return _told(replace(rules.answer(match(question.text), briefing), note=note), telling)


def _seen(count: int) -> str:
    return f"{count} piece{'' if count == 1 else 's'} of evidence"


def _across(question: Question) -> Answer:
    with tenant_scope(question.tenant_id):
        rows = (
            Incident.objects.exclude(status=IncidentStatus.RESOLVED).select_related("service").order_by("-started_at")
        )
        total = rows.count()
        lines = [(one.number, one.display_service, one.title) for one in rows[:LISTED]]
    return rules.across(lines, total)


def _told(made: Answer, telling: Telling) -> Answer:
    for line in made.lines:
        telling.say(line)
    return made
