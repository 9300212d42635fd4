"""Ask the model a question about an incident: turns and look-ups under one deadline and one budget; only cited lines come out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from copilot.answers import Line, Source
from copilot.config import config
from copilot.guard import vault
from copilot.guard.redact import Redactor
from copilot.llm import budget, cited, client, dialogue_prompt, turns
from copilot.llm.client import Outcome
from copilot.observe import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from uuid import UUID

    from anthropic import Anthropic

    from copilot.guard.http.deadline import Deadline
    from scoring.evidence import Evidence
    from scoring.observations import Entity

log = logger(__name__)
PURPOSE = "conversation"
TURNS = 6
LOOKS = 8
MAX_TOKENS = 1500
LINES = 14
RESULT_CHARACTERS = 6_000
# What is left of the time must suffice to write the answer.
WRITING_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Looked:
    """Hold what a look-up saw, or in `refused` why it saw nothing."""

    query: str = ""
    rows: tuple[Any, ...] = ()
    origin: str = ""
    link: str = ""
    note: str = ""
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """Hold one read-only look-up: its name and JSON schema for the model, and the function that runs it."""

    name: str
    description: str
    schema: Mapping[str, Any]
    run: Callable[[Any], Looked]
    title: Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class Conversed:
    """Hold what the model contributed; `note` says for people why that is nothing, or what cut it short."""

    lines: tuple[Line, ...] = ()
    sources: tuple[Source, ...] = ()
    note: str = ""
    model: str = ""
    dollars: float = 0.0
    is_stopped: bool = False
    dropped: int = 0


@dataclass
class _Ear:
    """Gather streamed text into lines, and show each as soon as it is whole."""

    say: Callable[[Line], None]
    read: Callable[[str], Line | None]
    lines: list[Line] = field(default_factory=list)
    dropped: int = 0
    _rest: str = ""

    def hear(self, text: str) -> None:
        """Take in the next piece."""
        *whole, self._rest = (self._rest + text).split("\n")
        for line in whole:
            self._take(line)

    def end(self) -> None:
        """Take in what has no line break after it."""
        rest, self._rest = self._rest, ""
        self._take(rest)

    def _take(self, line: str) -> None:
        if not line.strip():
            return
        read = self.read(line) if len(self.lines) < LINES else None
        if read is None:
            self.dropped += 1
        elif read not in self.lines:
            self.lines.append(read)
            self.say(read)


def converse(
    tenant_id: UUID,
    question_id: UUID,
    *,
    question: str,
    person: str,
    subject: Entity,
    title: str,
    evidence: tuple[Evidence, ...],
    facts: Mapping[str, Any],
    tools: Sequence[Tool],
    deadline: Deadline,
    say: Callable[[Line], None],
    step: Callable[[str, str, str, str], None],
    is_stopped: Callable[[], bool],
) -> Conversed:
    """Return the model's answer, or why there is none; its trouble is never raised.

    `say` is called with each line as it is whole, `step(id, title, status, output)` around each look-up. Opens tenant scopes
    of its own for the usage rows and must not be called inside one.

    :raises django.db.Error: where the usage rows cannot be written; no money is spent without them.
    """
    settings = config()
    if settings.anthropic_api_key is None:
        return Conversed(note="no ANTHROPIC_API_KEY")
    redactor = Redactor(vault.redaction_key(tenant_id))
    text, brief = dialogue_prompt.document(
        redactor=redactor, subject=subject, title=title, evidence=evidence, facts=facts
    )
    opening = [
        {"type": "text", "text": text, "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"type": "text", "text": dialogue_prompt.asked(redactor, question, person)},
    ]
    talk = _Talk(
        tenant_id=tenant_id,
        question_id=question_id,
        redactor=redactor,
        through=client.client(),
        deadline=deadline,
        tools={one.name: one for one in tools},
        step=step,
        is_stopped=is_stopped,
        known=set(brief.evidence),
    )
    hosts = {entity.name for entity in brief.entities.values()}
    ear = _Ear(say, lambda line: cited.read(line, known=talk.known, redactor=redactor, hosts=hosts))
    note = ""
    model = settings.model
    for model in dict.fromkeys(filter(None, (settings.model, settings.fallback_model))):
        note, outcome = talk.through_turns(model, [{"role": "user", "content": opening}], ear)
        # Another model may do better, but not after half an answer has been read.
        if ear.lines or outcome not in ASK_ANOTHER or deadline.remaining() <= 0:
            break
    if not ear.lines and not note:
        note = "the model cited nothing that it was given" if ear.dropped else "the model had nothing to say"
    if ear.dropped:
        log.warning("model_lines_dropped", model=model, dropped=ear.dropped, question=str(question_id))
    return Conversed(
        lines=tuple(ear.lines),
        sources=tuple(talk.sources),
        note=note,
        model=model,
        dollars=talk.dollars,
        is_stopped=talk.was_stopped,
        dropped=ear.dropped,
    )


ASK_ANOTHER = frozenset({Outcome.REFUSED, Outcome.OVERLOADED, Outcome.RATE_LIMITED, Outcome.UNKNOWN_MODEL})


@dataclass
class _Talk:
    """Go through the turns of one answer."""

    tenant_id: UUID
    question_id: UUID
    redactor: Redactor
    through: Anthropic
    deadline: Deadline
    tools: dict[str, Tool]
    step: Callable[[str, str, str, str], None]
    is_stopped: Callable[[], bool]
    known: set[str]
    sources: list[Source] = field(default_factory=list)
    dollars: float = 0.0
    looks: int = 0
    was_stopped: bool = False

    def through_turns(self, model: str, messages: list[dict[str, Any]], ear: _Ear) -> tuple[str, Outcome]:
        """Return why the answer is not whole, or nothing, and how the last turn ended."""
        for number in range(TURNS):
            may_call = bool(self.tools) and number < TURNS - 1 and self.looks < LOOKS
            may_call = may_call and self.deadline.remaining() > WRITING_SECONDS
            try:
                turn = self._take(model, messages, ear, may_call=may_call)
            except budget.BudgetError as refusal:
                return str(refusal), Outcome.REJECTED
            ear.end()
            if turn.is_stopped or self.is_stopped():
                self.was_stopped = True
                return "", Outcome.STOPPED
            if not turn.calls:
                return _words(turn.reply), turn.reply.outcome
            results = [self._looked(call) for call in turn.calls]
            if self.is_stopped():
                self.was_stopped = True
                return "", Outcome.STOPPED
            messages = [
                *messages,
                {"role": "assistant", "content": list(turn.content)},
                {"role": "user", "content": results},
            ]
        return "the model looked for longer than it may", Outcome.STOPPED

    def _take(self, model: str, messages: list[dict[str, Any]], ear: _Ear, *, may_call: bool) -> turns.Turn:
        """Reserve, ask, settle: the bill is in a row before the next turn.

        :raises copilot.llm.budget.BudgetError: where there is no money for it.
        """
        tools = [
            {"name": one.name, "description": one.description, "input_schema": dict(one.schema)}
            for one in self.tools.values()
        ]
        call = budget.reserve(
            self.tenant_id,
            None,
            question_id=self.question_id,
            purpose=PURPOSE,
            model=model,
            prompt=dialogue_prompt.DIALOGUE_SYSTEM + str(messages) + str(tools),
            max_tokens=MAX_TOKENS,
            prompt_version=dialogue_prompt.DIALOGUE_VERSION,
        )
        turn = turns.take(
            self.through,
            model=model,
            system=dialogue_prompt.DIALOGUE_SYSTEM,
            messages=messages,
            tools=tools,
            may_call=may_call,
            max_tokens=MAX_TOKENS,
            deadline=self.deadline,
            hear=ear.hear,
            is_stopped=self.is_stopped,
        )
        reply = turn.reply
        outcome = "tool_use" if turn.calls else reply.outcome.value
        spent = budget.settle(
            self.tenant_id,
            call,
            model=model,
            outcome=f"{outcome}: {reply.detail}" if reply.detail and not turn.calls else outcome,
            tokens=reply.tokens,
            request_id=reply.request_id,
            seconds=reply.seconds,
        )
        self.dollars += float(spent)
        return turn

    def _looked(self, call: turns.Call) -> dict[str, Any]:
        """Run one look-up, and return its result as the model is told it."""
        tool = self.tools.get(call.name)
        answer: dict[str, Any] = {"type": "tool_result", "tool_use_id": call.id}
        if tool is None or self.looks >= LOOKS:
            return {**answer, "content": "this look-up is not available", "is_error": True}
        self.looks += 1
        number = f"Q{self.looks}"
        title = tool.title(call.arguments)
        self.step(number, title, "in_progress", "")
        looked = tool.run(call.arguments)
        if looked.refused:
            self.step(number, title, "error", looked.refused)
            return {**answer, "content": self.redactor.text(looked.refused), "is_error": True}
        seen = looked.note or f"{len(looked.rows)} row{'' if len(looked.rows) == 1 else 's'}"
        self.step(number, title, "complete", seen)
        self.known.add(number)
        self.sources.append(
            Source(
                id=number, text=title, origin=looked.origin, link=looked.link, query=self.redactor.text(looked.query)
            )
        )
        text = dialogue_prompt.result(self.redactor, number, looked.query, looked.rows, looked.note, RESULT_CHARACTERS)
        return {**answer, "content": text}


def _words(reply: client.Reply) -> str:
    from copilot.llm import in_words

    return "" if reply.outcome is Outcome.ANSWERED else in_words(reply)
