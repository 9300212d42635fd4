"""Answer a question: claim it, ask the model where it can be asked, fall back to rules, show it, write it down."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from django.db import close_old_connections
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from copilot import observe, rounds
from copilot.answers import Answer, Line, source_of, stored
from copilot.config import config
from copilot.conversation import facts, looking, rules
from copilot.faces import face as face_of
from copilot.guard.http.deadline import Deadline
from copilot.guard.tenancy import tenant_scope
from copilot.hints import Work, hint
from copilot.knowledge import incident_reader
from copilot.llm import dialogue
from copilot.models import AnsweredBy, Incident, IncidentStatus, Question, QuestionStatus
from scoring.observations import Entity, EntityKind

if TYPE_CHECKING:
    from uuid import UUID

    from copilot.faces import Telling
    from copilot.knowledge.briefing import Briefing

log = observe.logger(__name__)
# Answers wait for others most of their time; more would hold too many of the web process's connections.
SIDE_BY_SIDE = 3
ATTEMPTS = 3
# A process that took a question in begins at once; only what is older was lost with its process.
GRACE = timedelta(seconds=5)
LISTED = 5
EARLIER = 3
STOP_SECONDS = 0.5


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
    for tenant_id in rounds.with_work():
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
    # Named, as it may have been guessed from where the question was asked.
    telling.step("rows", f"Reading INC-{briefing.number}", status="complete", output=_seen(len(briefing.evidence)))
    conversed = _conversed(question, briefing, telling)
    if conversed.lines or conversed.is_stopped:
        return Answer(
            lines=conversed.lines or (Line("Stopped before there was an answer."),),
            sources=(*(source_of(one) for one in briefing.evidence), *conversed.sources),
            by=AnsweredBy.MODEL,
            note="stopped" if conversed.is_stopped else conversed.note,
            model=conversed.model,
            dollars=conversed.dollars,
            is_stopped=conversed.is_stopped,
        )
    by_rules = replace(rules.reply(question.text, briefing), note=conversed.note, dollars=conversed.dollars)
    return _told(by_rules, telling)


def _conversed(question: Question, briefing: Briefing, telling: Telling) -> dialogue.Conversed:
    if config().anthropic_api_key is None:
        return dialogue.Conversed(note="no ANTHROPIC_API_KEY")
    deadline = Deadline(config().answer_seconds)
    # Who may only look at what the thread shows gets no look-ups beyond it.
    tools = looking.tools(question.tenant_id, briefing, deadline, actor=_asker(question)) if question.may_look else ()
    return dialogue.converse(
        question.tenant_id,
        question.id,
        question=question.text,
        person=question.person_name,
        subject=Entity(EntityKind.SERVICE, briefing.service, "", briefing.service),
        title=briefing.title,
        evidence=briefing.evidence,
        facts={**facts.of(briefing), "earlier": _earlier(question)},
        tools=tools,
        deadline=deadline,
        say=telling.say,
        step=lambda key, title, status, output: telling.step(key, title, status=status, output=output),
        is_stopped=_Stop(question),
    )


def _asker(question: Question) -> str:
    return f"{question.person_name or question.person} (conversation)"


def _earlier(question: Question) -> list[dict[str, Any]]:
    """Return the thread's last questions with their answers, the newest last."""
    with tenant_scope(question.tenant_id):
        before = Question.objects.filter(
            thread=question.thread, incident=question.incident, status=QuestionStatus.ANSWERED
        ).exclude(id=question.id)
        rows = list(before.order_by("-asked_at")[:EARLIER]) if question.thread else []
    return [{"question": row.text[:400], "answer": [line["text"] for line in row.answer][:8]} for row in reversed(rows)]


@dataclass
class _Stop:
    """Say whether the person wants no more; the row is asked twice a second at most."""

    question: Question
    _next: float = 0.0
    _is_wanted: bool = False

    def __call__(self) -> bool:
        now = time.monotonic()
        if not self._is_wanted and now >= self._next:
            self._next = now + STOP_SECONDS
            with tenant_scope(self.question.tenant_id):
                self._is_wanted = Question.objects.filter(id=self.question.id, stop_wanted_at__isnull=False).exists()
        return self._is_wanted


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
