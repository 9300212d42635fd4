"""Evidence becomes candidates: possible root causes made by rules and from precedents, and those of a model admitted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from scoring.case import TOLERANCE, Case, began, earliest
from scoring.checks import next_check
from scoring.evidence import Candidate, CauseKind, Direction, Evidence, EvidenceKind, Origin, said
from scoring.indicators import describe, is_inherited
from scoring.meanings import UNREADY
from scoring.observations import Entity, EntityKind
from scoring.relevance import FITS, UNKNOWN
from scoring.standing import earlier, loud
from scoring.units import format_duration, format_onset

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scoring.detect import Detection
    from scoring.evidence import Precedent
    from scoring.observations import Window

# How many causes of one service, and in all, are worth ranking.
_MOST_OF_A_SERVICE: Final = 3
_MOST: Final = 40
# A hint weaker than this is not worth a candidate.
_HINT: Final = 0.25
# Latency and errors say that something is wrong, not what: any more exact hint at the service goes first.
_VAGUE: Final = 0.5
# Each further cause kind of one item of evidence is less likely meant.
_SECOND_THOUGHT: Final = 0.6
# Past incidents less similar than this give no candidate of their own.
_SIMILAR: Final = 0.3
_MOST_CITED: Final = 8
# With nothing disturbed anywhere, so many of the latest changes are kept as leads.
_MOST_LEADS: Final = 3

# What a hint means where the thing itself is of a certain sort.
_BY_ENTITY: Final[dict[EntityKind, dict[CauseKind, CauseKind]]] = {
    EntityKind.DATABASE: {
        CauseKind.FAILING_DEPENDENCY: CauseKind.DATABASE_SLOW_QUERY,
        CauseKind.CONNECTION_SATURATION: CauseKind.DATABASE_CONNECTIONS,
    },
    EntityKind.EXTERNAL: dict.fromkeys(CauseKind, CauseKind.THIRD_PARTY),
    EntityKind.QUEUE: {CauseKind.FAILING_DEPENDENCY: CauseKind.QUEUE_BACKLOG},
    EntityKind.NODE: {
        CauseKind.FAILING_DEPENDENCY: CauseKind.NODE_FAILURE,
        CauseKind.CRASH_LOOP: CauseKind.NODE_FAILURE,
        CauseKind.NETWORK_PARTITION: CauseKind.NODE_FAILURE,
    },
    EntityKind.STORAGE: {CauseKind.FAILING_DEPENDENCY: CauseKind.STORAGE},
    EntityKind.NETWORK: {CauseKind.FAILING_DEPENDENCY: CauseKind.NETWORK_LATENCY},
}


def candidates(
    detection: Detection, *, window: Window, subject: Entity, precedents: Iterable[Precedent] = ()
) -> tuple[Candidate, ...]:
    """Return possible root causes with the evidence for and against each, in a stable order."""
    case = Case(detection.evidence, detection.dependencies, window=window, subject=subject)
    made: list[Candidate] = []
    for service in case.services:
        entity = _entity_of(service, case)
        if _is_only_said(service, entity, case):
            continue
        after_change = list(_from_changes(service, entity, case))
        made += after_change
        # What a change is known not to fit, it does not explain.
        fits = any(_fit(change) >= UNKNOWN and case.effects(change) for change in case.changes(service))
        made += _from_hints(service, entity, case, explained=bool(after_change) and fits)
    if not made:
        made += _leads(case)
    made += _from_precedents(sorted(precedents), made, case)
    return _unique(made)[:_MOST]


def _is_only_said(service: str, entity: Entity, case: Case) -> bool:
    """Say whether all that is known of another's service is its own word, and nobody who calls it is unwell."""
    if entity.kind is not EntityKind.EXTERNAL or any(
        item.kind is not EvidenceKind.STATE for item in case.disturbances(service)
    ):
        return False
    return not any(case.disturbances(other) for other in case.services if service in case.graph.callees.get(other, ()))


def admit(proposals: Iterable[Candidate], evidence: Iterable[Evidence]) -> tuple[Candidate, ...]:
    """Return the candidates that cite evidence which exists, one for each service and cause kind.

    A candidate is dropped whole where it cites an unknown id, supports itself with nothing, or says nothing. A model's
    proposal for the service and cause kind of a rule-made candidate gives that its words; what the rule cites stays, so
    that words move no factor.
    """
    known = {item.id for item in evidence}
    proposals = [
        one
        for one in proposals
        if one.supporting and one.statement.strip() and known.issuperset((*one.supporting, *one.contradicting))
    ]
    admitted = {_cause(one): one for one in _unique(one for one in proposals if one.origin is not Origin.MODEL)}
    for proposal in proposals:
        if proposal.origin is not Origin.MODEL:
            continue
        statement = " ".join(proposal.statement.split())
        own = admitted.get(_cause(proposal))
        if own is None:
            against = tuple(dict.fromkeys(proposal.contradicting))
            admitted[_cause(proposal)] = replace(
                proposal,
                statement=statement,
                supporting=tuple(one for one in dict.fromkeys(proposal.supporting) if one not in against),
                contradicting=against,
                origin=Origin.MODEL,
            )
        elif own.origin is not Origin.MODEL:
            admitted[_cause(proposal)] = replace(
                own, statement=statement, next_check=proposal.next_check.strip() or own.next_check, origin=Origin.MODEL
            )
    return tuple(one for one in admitted.values() if one.supporting)


def _from_changes(service: str, entity: Entity, case: Case) -> Iterable[Candidate]:
    """Return a candidate for each change of a service after which something went wrong there."""
    made = [(change, effects) for change in case.changes(service) if (effects := case.effects(change))]
    # Of several changes of one kind, the one that fits best by what it touches, then the one that its effect followed soonest.
    made.sort(key=lambda pair: (-_fit(pair[0]), abs(began(pair[1]) - began(pair[0])), pair[0][0].id))
    known: dict[CauseKind, float] = {}
    rival = next((change for change, _ in made if _fit(change) >= FITS and began(change) <= case.onset + TOLERANCE), ())
    for change, effects in made:
        if began(change) > case.onset + TOLERANCE:
            continue
        headline = min(effects, key=_exactness)
        gap = began((headline,)) - began(change)
        when = f"{format_duration(gap)} later" if gap > 0.5 else "at once"
        detail = next((f" ({item.detail})" for item in change if item.detail), "")
        kind = change[0].cause_kinds[0]
        if kind is CauseKind.DATABASE_LOCKS and not any(kind in item.cause_kinds for item in effects):
            kind = CauseKind.BAD_DEPLOY
        if _fit(change) < known.setdefault(kind, _fit(change)):
            # Another of its kind fits better, and the two are not both meant.
            continue
        candidate = _candidate(
            entity,
            kind,
            # One delay a sentence: how long before the onset it was made stands with the change, and in the reason of its timing.
            f"{change[0].indicator}{detail} was followed {when} by {_phrase(headline)}",
            (*change, *sorted(effects, key=_exactness)),
            case,
        )
        # That another change does what shows so speaks against one of which nobody knows what it does.
        better = tuple(item.id for item in rival if item.id not in candidate.supporting) if _fit(change) < FITS else ()
        yield replace(candidate, contradicting=(*candidate.contradicting, *better)[:_MOST_CITED])


def _fit(change: tuple[Evidence, ...]) -> float:
    return max(item.severity for item in change)


def _from_hints(service: str, entity: Entity, case: Case, *, explained: bool) -> list[Candidate]:
    """Return a candidate for each cause kind that what is wrong at a service hints at.

    Where a change explains what is wrong (`explained`), only a surge of traffic is another story.
    """
    hints: dict[CauseKind, float] = {}
    citing: dict[CauseKind, list[Evidence]] = {}
    told: set[CauseKind] = set()
    for item in case.disturbances(service):
        kinds = item.cause_kinds or (CauseKind.FAILING_DEPENDENCY,)
        for place, hinted in enumerate(kinds):
            kind = _BY_ENTITY.get(entity.kind, {}).get(hinted, hinted)
            weight = item.severity * _SECOND_THOUGHT**place
            weight *= _VAGUE if hinted is CauseKind.FAILING_DEPENDENCY else 1.0
            hints[kind] = max(hints.get(kind, 0.0), weight)
            if weight >= _HINT and _says_why(item, hinted):
                told.add(kind)
            citing.setdefault(kind, []).append(item)
    if CauseKind.FAILING_PROBE in hints and _is_all_of_the_probe(citing.get(CauseKind.CRASH_LOOP, ())):
        hints.pop(CauseKind.CRASH_LOOP, None)
        told.discard(CauseKind.CRASH_LOOP)
    if explained:
        hints = {kind: weight for kind, weight in hints.items() if kind is CauseKind.TRAFFIC_SURGE}
    elif told:
        hints = {kind: weight for kind, weight in hints.items() if kind in told}
    elif any(kind is not CauseKind.FAILING_DEPENDENCY and weight >= _HINT for kind, weight in hints.items()):
        hints.pop(CauseKind.FAILING_DEPENDENCY, None)
    if CauseKind.TRAFFIC_SURGE in hints and _pressed_from_above(service, case):
        hints.pop(CauseKind.TRAFFIC_SURGE)
    best = sorted(hints.items(), key=lambda hint: (-hint[1], hint[0].value))[:_MOST_OF_A_SERVICE]
    made = []
    for kind, weight in best:
        if weight < _HINT and len(best) > 1:
            continue
        telling = sorted(citing[kind], key=_exactness)
        others = [item for item in sorted(case.disturbances(service), key=_exactness) if item not in telling]
        cited = (*telling, *others)
        made.append(_candidate(entity, kind, _hint_statement(kind, service, cited, case), cited, case))
    return made


def _says_why(item: Evidence, hinted: CauseKind) -> bool:
    """Say whether a hint tells why something is unwell, and not only that it is."""
    return hinted is not CauseKind.FAILING_DEPENDENCY and not (item.kind is EvidenceKind.STATE and is_inherited(item))


def _is_all_of_the_probe(items: Iterable[Evidence]) -> bool:
    """Say whether a failing probe explains what looks like crashes: nothing serves, and what ended was ended by the probe."""
    items = tuple(items)
    ends = any(CauseKind.FAILING_PROBE in item.cause_kinds for item in items)
    follows = {*UNREADY, "BackOff"} if ends else UNREADY
    families = {"availability", "restarts"} if ends else {"availability"}
    return all(
        CauseKind.FAILING_PROBE in item.cause_kinds
        or (
            item.indicator in follows
            if item.kind is EvidenceKind.STATE
            else describe(item.indicator).family in families
        )
        for item in items
    )


def _hint_statement(kind: CauseKind, service: str, cited: tuple[Evidence, ...], case: Case) -> str:
    """Return what is wrong at a service, and since when: by the same signs that its timing is judged by."""
    headline = cited[0]
    fault = (
        f"A fault in {service} itself"
        if kind is CauseKind.FAILING_DEPENDENCY
        else f"{kind.value.capitalize()} at {service}"
    )
    text = f"{fault}: {_phrase(headline)}"
    first = earlier(loud(cited[:_MOST_CITED]), case)
    at = began(first) if first else headline.onset
    if at is not None:
        when = format_onset(case.onset - at)
        is_its_own = headline.onset is not None and when == format_onset(case.onset - headline.onset)
        # Another sign than the one that is told may have come first: then it is the fault that began so early.
        lasts = is_its_own and headline.until is None
        text += f", since {when.removeprefix('at ')}" if lasts else f"; it began {when}"
    return text


def _pressed_from_above(service: str, case: Case) -> bool:
    """Say whether a caller of the service had its own surge of traffic no later."""

    def surge(name: str) -> float | None:
        return earliest(item for item in case.disturbances(name) if CauseKind.TRAFFIC_SURGE in item.cause_kinds)

    mine = surge(service)
    return mine is not None and any(
        theirs <= mine + TOLERANCE
        for other in case.services
        if other != service and case.graph.depends(other, service) and not case.graph.depends(service, other)
        and (theirs := surge(other)) is not None
    )  # fmt: skip


def _leads(case: Case) -> Iterable[Candidate]:
    """Return the latest changes before the onset, where nothing else is known: leads, never likely causes."""
    made = [
        change
        for service in case.services
        for change in case.changes(service)
        if began(change) <= case.onset + TOLERANCE
    ]
    made.sort(key=lambda change: (-began(change), change[0].id))
    for change in made[:_MOST_LEADS]:
        entity = _entity_of(change[0].entity.service, case)
        text = (
            f"{change[0].indicator} {format_onset(case.onset - began(change))}; nothing seen there went wrong after it"
        )
        yield _candidate(entity, change[0].cause_kinds[0], text, change, case)


def _from_precedents(precedents: list[Precedent], made: list[Candidate], case: Case) -> Iterable[Candidate]:
    """Return a candidate for each confirmed cause of similar incidents of which there is any sign now."""
    known = {_cause(one) for one in made}
    for past in sorted(precedents, key=lambda past: (-past.similarity, past.age_days, past)):
        if not past.confirmed or past.similarity < _SIMILAR or (past.service, past.cause_kind) in known:
            continue
        known.add((past.service, past.cause_kind))
        signs = [*case.disturbances(past.service), *(item for group in case.changes(past.service) for item in group)]
        if not signs:
            continue
        reference = f" ({past.reference})" if past.reference else ""
        text = f"{said(past.cause_kind)} at {past.service} was the cause of a similar incident{reference}: now {_phrase(signs[0])}"
        yield replace(
            _candidate(_entity_of(past.service, case), past.cause_kind, text, signs, case), origin=Origin.PRECEDENT
        )


def _candidate(entity: Entity, kind: CauseKind, statement: str, cited: Iterable[Evidence], case: Case) -> Candidate:
    supporting = tuple(dict.fromkeys(item.id for item in cited))[:_MOST_CITED]
    against = [item for item in case.deeper(entity.service) if item.id not in supporting]
    against += [
        item
        for item in case.evidence
        if item.direction is Direction.AGAINST
        and not item.is_symptom
        and item.entity.service == entity.service
        and item.id not in supporting
    ]
    # A command without its namespace asks the wrong one. The candidate's own entity stays as its sources name it.
    where = entity if entity.namespace else replace(entity, namespace=case.namespace(entity.service))
    return Candidate(
        entity=entity,
        cause_kind=kind,
        statement=statement,
        supporting=supporting,
        contradicting=tuple(dict.fromkeys(item.id for item in against))[:_MOST_CITED],
        next_check=next_check(kind, where, [case.by_id[one] for one in supporting]),
    )


def _exactness(item: Evidence) -> tuple[bool, bool, bool, float, int, str]:
    """Order evidence by how exactly it says what is wrong: a full pool before the latency that it makes."""
    exact = any(kind is not CauseKind.FAILING_DEPENDENCY for kind in item.cause_kinds)
    full = item.kind is EvidenceKind.STATE or describe(item.indicator).saturates
    return (not exact, not full, item.kind is EvidenceKind.LOG, -item.severity, len(item.id), item.id)


def _entity_of(service: str, case: Case) -> Entity:
    """Return the entity that stands for a service: itself where something is known of it, else made of its parts' names."""
    things = {item.entity for item in case.evidence} | {item.peer for item in case.evidence if item.peer is not None}
    entities = sorted(thing for thing in things if thing.service == service)
    namespace = next((entity.namespace for entity in entities if entity.namespace), "")
    for entity in entities:
        if entity.name == service and (entity.kind is EntityKind.SERVICE or not entity.owner):
            # Sources that do not know the namespace name the same thing.
            return replace(entity, namespace=entity.namespace or namespace)
    return Entity(EntityKind.SERVICE, service, namespace)


def _phrase(item: Evidence) -> str:
    return item.statement.removeprefix(str(item.entity)).lstrip(" :") or item.statement


def _cause(candidate: Candidate) -> tuple[str, CauseKind]:
    return candidate.entity.service, candidate.cause_kind


def _unique(made: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Return one candidate for each service and cause kind: the first, with what the others cite."""
    merged: dict[tuple[str, CauseKind], Candidate] = {}
    for one in made:
        first = merged.get(_cause(one))
        if first is None:
            merged[_cause(one)] = one
        else:
            both = tuple(dict.fromkeys((*first.supporting, *one.supporting)))
            merged[_cause(one)] = replace(first, supporting=both)
    return tuple(merged.values())
