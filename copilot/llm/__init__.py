"""The one door to Anthropic: redacted evidence goes out, hypotheses that cite it come back, within a budget."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from copilot.config import config
from copilot.guard import vault
from copilot.guard.http.deadline import Deadline
from copilot.guard.redact import Redactor
from copilot.llm import answer, budget, client, prompt
from copilot.llm.client import Outcome, Reply
from copilot.observe import logger

if TYPE_CHECKING:
    from uuid import UUID

    from anthropic import Anthropic

    from scoring.evidence import Candidate, Evidence
    from scoring.observations import Dependency, Entity, Gap

log = logger(__name__)

# Where another model may do better: this one will not, cannot, or has no room at the moment.
ASK_ANOTHER = frozenset(
    {Outcome.REFUSED, Outcome.OVERLOADED, Outcome.RATE_LIMITED, Outcome.UNKNOWN_MODEL, Outcome.MALFORMED}
)


@dataclass(frozen=True, slots=True)
class Proposals:
    """Hold what the model contributed.

    `candidates` cite only evidence that was given. `note` is empty where the model contributed, and otherwise says for
    people why it did not. `dropped` says of each hypothesis that fell why it did: another form than was agreed, an entity or
    evidence that was not given, or none.
    """

    candidates: tuple[Candidate, ...] = ()
    note: str = ""
    model: str = ""
    dropped: tuple[str, ...] = ()


def propose(
    tenant_id: UUID,
    run_id: UUID,
    *,
    subject: Entity,
    title: str,
    evidence: tuple[Evidence, ...],
    rule_candidates: tuple[Candidate, ...] = (),
    dependencies: tuple[Dependency, ...] = (),
    gaps: tuple[Gap, ...] = (),
) -> Proposals:
    """Return the model's hypotheses, or why there are none; the model's trouble is never raised.

    Opens tenant scopes of its own for the usage rows and must not be called inside one: it asks between them.

    :raises django.db.Error: where the usage rows cannot be written; no money is spent without them.
    """
    settings = config()
    if settings.anthropic_api_key is None:
        return Proposals(note="no ANTHROPIC_API_KEY")
    if not evidence:
        return Proposals(note="there is no evidence to show the model")
    redactor = Redactor(vault.redaction_key(tenant_id))
    brief = prompt.write(
        redactor=redactor,
        subject=subject,
        title=title,
        evidence=evidence,
        rule_candidates=rule_candidates,
        dependencies=dependencies,
        gaps=gaps,
    )
    # Before the clock starts: the first call of a process imports the SDK.
    through = client.client()
    deadline = Deadline(settings.model_seconds)
    note = ""
    for model in dict.fromkeys(filter(None, (settings.model, settings.fallback_model))):
        try:
            reply, call = _ask(through, tenant_id, run_id, model=model, brief=brief, deadline=deadline)
        except budget.BudgetError as refusal:
            return Proposals(note=note or str(refusal), model=model)
        if reply.outcome is Outcome.ANSWERED:
            try:
                return _read(reply, model=model, brief=brief, redactor=redactor)
            except answer.AnswerError as error:
                log.warning("model_answer_malformed", model=model, request_id=reply.request_id, reason=str(error))
                reply = replace(reply, outcome=Outcome.MALFORMED)
                budget.relabel(tenant_id, call, reply.outcome.value)
        note = note or in_words(reply)
        if reply.outcome not in ASK_ANOTHER or deadline.remaining() <= 0:
            break
    return Proposals(note=note, model=model)


def in_words(reply: Reply) -> str:
    """Return why a reply helps nobody, for people."""
    detail = f" ({reply.detail})" if reply.detail else ""
    return {
        Outcome.REFUSED: f"the model refused{detail}",
        Outcome.MAX_TOKENS: "the model's answer was longer than COPILOT_MODEL_MAX_TOKENS allows",
        Outcome.CONTEXT_EXCEEDED: "the evidence is more than the model can read at once",
        Outcome.CUT_OFF: "the model's answer was cut off",
        Outcome.OVERLOADED: f"the model is overloaded{detail}",
        Outcome.RATE_LIMITED: "the model's rate limit is reached (429)",
        Outcome.TIMED_OUT: f"the model did not answer within {config().model_seconds:g} s",
        Outcome.UNREACHABLE: "the model's API cannot be reached",
        Outcome.UNAUTHORISED: f"the model's API refused the key{detail}: check ANTHROPIC_API_KEY",
        Outcome.UNKNOWN_MODEL: "the model is not known to the API: check COPILOT_MODEL",
        Outcome.REJECTED: f"the model's API refused the request{detail}",
        Outcome.BROKEN: "the model's answer made no sense",
        Outcome.MALFORMED: "the model's answer was not in the agreed form",
        Outcome.STOPPED: f"the model stopped without an answer{detail}",
    }.get(reply.outcome, "the model did not answer")


def _ask(
    through: Anthropic, tenant_id: UUID, run_id: UUID, *, model: str, brief: prompt.Brief, deadline: Deadline
) -> tuple[Reply, int]:
    """Reserve, ask, settle: the bill is in a row, whose id is returned too, before anyone looks at the answer.

    :raises copilot.llm.budget.BudgetError: where there is no money for it.
    """
    limit = config().model_max_tokens
    call = budget.reserve(
        tenant_id,
        run_id,
        model=model,
        prompt=prompt.SYSTEM + brief.text,
        max_tokens=limit,
        prompt_version=prompt.PROMPT_VERSION,
    )
    reply = client.ask(
        through,
        model=model,
        system=prompt.SYSTEM,
        question=brief.text,
        schema=answer.schema(),
        max_tokens=limit,
        deadline=deadline,
    )
    outcome = f"{reply.outcome.value}: {reply.detail}" if reply.detail else reply.outcome.value
    budget.settle(
        tenant_id,
        call,
        model=model,
        outcome=outcome,
        tokens=reply.tokens,
        request_id=reply.request_id,
        seconds=reply.seconds,
    )
    return reply, call


def _read(reply: Reply, *, model: str, brief: prompt.Brief, redactor: Redactor) -> Proposals:
    """Return what is believed of an answer.

    :raises copilot.llm.answer.AnswerError: where it is not in the agreed form.
    """
    believed = answer.read(reply.text, brief=brief, redactor=redactor)
    if believed.dropped:
        log.warning("model_hypotheses_dropped", model=model, request_id=reply.request_id, dropped=believed.dropped)
    note = ""
    if not believed.candidates:
        note = "the model cited evidence that it was not given" if believed.dropped else "the model had nothing to add"
    return Proposals(candidates=believed.candidates, note=note, model=model, dropped=believed.dropped)


__all__ = ["Proposals", "in_words", "propose"]
