"""What the model may answer, and the part of it that we believe."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from copilot.llm import words
from scoring.evidence import Candidate, CauseKind, Origin, said

if TYPE_CHECKING:
    from copilot.guard.redact import Redactor
    from copilot.llm.prompt import Brief
    from scoring.observations import Entity

HYPOTHESES = 6
STATEMENT_CHARACTERS = 200
CHECK_CHARACTERS = 160


class AnswerError(ValueError):
    """Say that an answer is not the JSON that was asked for."""


class ProposedCause(BaseModel):
    """One possible root cause."""

    model_config = ConfigDict(extra="ignore")

    entity: str = Field(
        description="Where the fault began: an `entity` string of the document, exactly as written there."
    )
    cause_kind: CauseKind
    statement: str = Field(description="One plain sentence of at most 200 characters.")
    evidence_for: list[str] = Field(description="Ids of the supporting observations; at least one.")
    evidence_against: list[str] = Field(description="Ids of the observations that speak against it.")
    next_check: str = Field(description="One short sentence: which observation would settle it.")


class Answer(BaseModel):
    """Up to six possible root causes, the likeliest first; an empty list where the evidence carries none."""

    model_config = ConfigDict(extra="ignore")

    hypotheses: list[ProposedCause]


class _Listed(BaseModel):
    """The answer with its hypotheses as yet unread: one that is wrong must not spoil the others."""

    model_config = ConfigDict(extra="ignore")

    hypotheses: list[Any]


class _Unfounded(ValueError):
    """Say why a hypothesis does not stand on what was given."""


@dataclass(frozen=True, slots=True)
class Believed:
    """Hold the candidates that stand on evidence that was given, and of each other hypothesis its place and why it fell."""

    candidates: tuple[Candidate, ...]
    dropped: tuple[str, ...]


@cache
def schema() -> dict[str, Any]:
    """Return the answer's JSON schema in the form the API takes.

    It is the same for every incident: a schema with the incident's own ids would be compiled anew by the API at each
    call and would break the cached prefix. Ids and entities are therefore checked here, where it counts anyway.
    """
    from anthropic import transform_schema

    return transform_schema(Answer)


def read(text: str, *, brief: Brief, redactor: Redactor) -> Believed:
    """Return what is believed of the model's answer.

    A hypothesis falls where it does not follow the schema, where it names an entity or an evidence id that was not in the
    brief, or no evidence for itself; the others stand.

    :raises AnswerError: where the answer as a whole does not follow the schema, or none of its hypotheses does.
    """
    try:
        listed = _Listed.model_validate_json(text).hypotheses[:HYPOTHESES]
    except ValidationError as error:
        raise AnswerError(_first(error, "")) from None
    hosts = {entity.name for entity in brief.entities.values()}
    found: dict[tuple[str, CauseKind], Candidate] = {}
    dropped: list[str] = []
    malformed: list[str] = []
    for place, item in enumerate(listed):
        where = f"hypotheses.{place}"
        try:
            candidate = _believed(ProposedCause.model_validate(item), brief, redactor, hosts)
        except ValidationError as error:
            malformed.append(_first(error, where))
            # Of what the model wrote only our own names go into a log.
            field = next((str(part) for part in error.errors(include_input=False)[0]["loc"]), "it")
            dropped.append(f"{where}: {field} is not as agreed")
        except _Unfounded as fault:
            dropped.append(f"{where}: {fault}")
        else:
            found.setdefault((candidate.entity.key, candidate.cause_kind), candidate)
    if listed and len(malformed) == len(listed):
        raise AnswerError(malformed[0])
    return Believed(tuple(found.values()), tuple(dropped))


def _first(error: ValidationError, prefix: str) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(filter(None, (prefix, *(str(part) for part in first["loc"])))) or "the whole"
    return f"{where}: {first['msg']}"


def _believed(proposed: ProposedCause, brief: Brief, redactor: Redactor, hosts: set[str]) -> Candidate:
    """Return a hypothesis as a candidate.

    :raises _Unfounded: where it does not stand on what was given.
    """
    entity = brief.entities.get(proposed.entity)
    named_for, named_against = set(proposed.evidence_for), set(proposed.evidence_against)
    if entity is None:
        raise _Unfounded("it names an entity that was not given")
    if not (named_for | named_against) <= brief.evidence:
        raise _Unfounded("it names evidence that was not given")
    # An observation on both sides says nothing.
    supporting, contradicting = named_for - named_against, named_against - named_for
    if not supporting:
        raise _Unfounded("it names no evidence for itself")
    return Candidate(
        entity=entity,
        cause_kind=proposed.cause_kind,
        statement=_statement(proposed, entity, redactor, hosts),
        supporting=tuple(sorted(supporting, key=_order)),
        contradicting=tuple(sorted(contradicting, key=_order)),
        origin=Origin.MODEL,
        next_check=_sentence(proposed.next_check, redactor, hosts, CHECK_CHARACTERS),
    )


def _statement(proposed: ProposedCause, entity: Entity, redactor: Redactor, hosts: set[str]) -> str:
    """Return the model's sentence, or our own where nothing harmless is left of it."""
    told = _sentence(proposed.statement, redactor, hosts, STATEMENT_CHARACTERS)
    return told or f"{said(proposed.cause_kind).capitalize()} at {entity}"


def _sentence(text: str, redactor: Redactor, hosts: set[str], limit: int) -> str:
    """Return the text made harmless; nothing of it where it holds a command, which only code may show to people."""
    cleaned = words.harmless(text[: 10 * limit], redactor, limit=limit, hosts=hosts)
    return "" if words.is_command(cleaned) or words.is_command(text[: 10 * limit]) else cleaned


def _order(evidence_id: str) -> tuple[int, str]:
    """Return a key that puts E2 before E10."""
    digits = "".join(one for one in evidence_id if one.isdigit())
    return (int(digits) if digits.isascii() and digits else 0, evidence_id)
