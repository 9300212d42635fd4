"""One incident's evidence, indexed: what is wrong where, what followed which change, and who only suffers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scoring import symptoms
from scoring.evidence import CauseKind, Direction, Evidence, EvidenceKind
from scoring.graph import Graph
from scoring.indicators import describe, is_inherited
from scoring.relevance import CLEARED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scoring.observations import Dependency, Entity, Window

# Two onsets closer than this are not told apart: samples are a minute apart, and rates are means over more.
TOLERANCE: Final = 90.0
# A change whose effect takes longer than this to show is not taken for its cause.
EFFECT_WITHIN: Final = 3600.0
# An effect weaker than this may be the rollout itself.
_EFFECT: Final = 0.4
# Weaker than this nothing is disturbed.
_DISTURBED: Final = 0.2
# What is wrong further down explains what is wrong above it only if it is at least this much as strong.
_COMPARABLE: Final = 0.5
# Delays add up on their way to a caller: what is slower by less than this share of what its caller is slower by is not why,
# were it even called a few times within one request.
_PART: Final = 0.25

CHANGE_KINDS: Final = frozenset({CauseKind.BAD_DEPLOY, CauseKind.CONFIG_CHANGE})


class Case:
    """Hold the evidence of one incident by service, with the graph and the onset."""

    def __init__(
        self, evidence: Iterable[Evidence], dependencies: Iterable[Dependency], *, window: Window, subject: Entity
    ) -> None:
        # In the order of their numbers, so that nothing depends on how they are handed over.
        self.evidence = tuple(sorted(evidence, key=lambda item: (len(item.id), item.id)))
        dependencies = tuple(dependencies)
        self.window = window
        self.subject = subject.service
        self.graph = Graph.of(dependencies)
        self.by_id = {item.id: item for item in self.evidence}
        self.onset = symptoms.onset(self.evidence, window)
        self.standing = symptoms.standing(self.evidence)
        self.relieved = symptoms.relieved(self.evidence)
        things = [subject, *(side for one in dependencies for side in (one.caller, one.callee))]
        things += [thing for item in self.evidence for thing in (item.entity, item.peer) if thing is not None]
        self._namespaces = {(thing.service, thing.namespace) for thing in things if thing.namespace}
        self._disturbances: dict[str, list[Evidence]] = {}
        self._changes: dict[str, dict[str, list[Evidence]]] = {}
        for item in self.evidence:
            service = about(item)
            if item.kind is EvidenceKind.CHANGE:
                self._changes.setdefault(service, {}).setdefault(item.change_key or item.id, []).append(item)
            elif item.direction is Direction.FOR and item.severity >= _DISTURBED and item.kind is not EvidenceKind.NOTE:
                self._disturbances.setdefault(service, []).append(item)

    @property
    def services(self) -> tuple[str, ...]:
        """Return the services of which something is disturbed or changed, by name."""
        return tuple(sorted({*self._disturbances, *self._changes}))

    def namespace(self, service: str) -> str:
        """Return the one namespace that is known of a service, else of all that the incident knows; nothing where it is not one."""
        of_it = {namespace for name, namespace in self._namespaces if name == service}
        known = of_it or {namespace for _, namespace in self._namespaces}
        return next(iter(known)) if len(known) == 1 else ""

    def disturbances(self, service: str) -> tuple[Evidence, ...]:
        """Return what is wrong at a service."""
        return tuple(self._disturbances.get(service, ()))

    def changes(self, service: str) -> tuple[tuple[Evidence, ...], ...]:
        """Return the changes of a service, each with all its sightings, earliest first."""
        groups = (tuple(group) for group in self._changes.get(service, {}).values())
        return tuple(sorted(groups, key=lambda group: (began(group), group[0].id)))

    def effects(self, change: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
        """Return what went wrong at a change's own service after it, and is not over while the symptom lasts.

        Nothing follows from a change that touches nothing which could have done it.
        """
        at = began(change)
        if max(item.severity for item in change) < CLEARED:
            return ()
        return tuple(
            item
            for item in self.disturbances(change[0].entity.service)
            if item.severity >= _EFFECT
            and item.cause_kinds != (CauseKind.TRAFFIC_SURGE,)
            and item.onset is not None
            and at - TOLERANCE <= item.onset <= at + EFFECT_WITHIN
            and not self._is_over(item)
        )

    def deeper(self, service: str) -> tuple[Evidence, ...]:
        """Return what is wrong further down the graph and explains what is wrong at `service`; empty if that has own signs.

        A caller suffers from what it calls: latency, errors and full pools travel up. What is wrong further down counts
        where it began no later, is of comparable strength, and is not slower by too little to be why.
        """
        mine = self.disturbances(service)
        loudest = max((item.severity for item in mine), default=0.0)
        if not mine or any(_is_own(item) and item.severity >= _COMPARABLE * loudest for item in mine):
            return ()
        since = earliest(mine)
        # Slowness below does not make a service write an error that speaks of nothing below.
        failing = any(_is_own_error(item) and item.severity >= _COMPARABLE * loudest for item in mine)
        found: list[Evidence] = []
        for below in self.graph.reach(service):
            if self.is_too_little(below, service):
                continue
            theirs = [item for item in self.disturbances(below) if item.severity >= _COMPARABLE * loudest]
            if failing and all(describe(item.indicator).family == "latency" for item in theirs):
                continue
            began_there = earliest(theirs)
            # In a cycle of calls only who was first tells cause from victim.
            patience = -TOLERANCE if self.graph.depends(below, service) else TOLERANCE
            if theirs and (since is None or began_there is None or began_there <= since + patience):
                found += theirs
        return tuple(found)

    def is_too_little(self, below: str, above: str) -> bool:
        """Say whether all that is known of `below` is that it got slower, by far less time than `above` did.

        Delays add up on their way to the caller, so that milliseconds do not make seconds.
        """
        slower = self._slower(below)
        if slower is None or any(
            item.severity >= _EFFECT and _added(item) is None for item in self.disturbances(below)
        ):
            return False
        above_slower = self._slower(above)
        return above_slower is not None and slower < _PART * above_slower

    def _slower(self, service: str) -> float | None:
        """Return by how many seconds a service takes longer, None where its latencies did not move."""
        return max((added for item in self.disturbances(service) if (added := _added(item)) is not None), default=None)

    def needs(self, service: str) -> bool:
        """Say whether what fired is a service itself, or calls it, directly or not."""
        return service == self.subject or self.graph.depends(self.subject, service)

    def connects(self, service: str) -> bool:
        """Say whether a service is connected with the one that fired, by calls either way or by something ill that both need.

        Where one of them is in no call that is known, nobody can say that it is not.
        """
        if service not in self.graph or self.subject not in self.graph:
            return True
        if self.needs(service) or self.graph.depends(service, self.subject):
            return True
        shared = self.graph.reach(self.subject).keys() & self.graph.reach(service).keys()
        return any(self.disturbances(one) for one in shared)

    def steady(self, service: str) -> Evidence | None:
        """Return what says that a service was looked at and nothing of it got worse."""
        said = (item for item in self.evidence if item.entity.service == service and item.indicator == "steady")
        return next(said, None)

    def symptomatic(self) -> dict[str, float]:
        """Return the services whose users feel something, with how much; the one that fired counts double."""
        weights = {
            service: max((item.severity for item in items if _is_felt(item)), default=0.0)
            for service, items in self._disturbances.items()
        }
        weights = {service: weight for service, weight in weights.items() if weight >= _EFFECT}
        weights[self.subject] = 2.0 * max(weights.get(self.subject, 0.0), 0.5)
        return weights

    def _is_over(self, item: Evidence) -> bool:
        return item.until is not None and (bool(self.standing) or item.until < self.onset)


def _added(item: Evidence) -> float | None:
    """Return the seconds by which evidence says that its service takes longer, None where it speaks of something else."""
    if item.kind is not EvidenceKind.METRIC or describe(item.indicator).family != "latency":
        return None
    return None if item.value is None or item.baseline is None else max(0.0, item.value - item.baseline)


def about(item: Evidence) -> str:
    """Return the service that evidence speaks of: what a caller measures of its calls to another is about the other."""
    return item.peer.service if item.peer is not None else item.entity.service


def _is_own(item: Evidence) -> bool:
    """Say whether a sign names a cause that nothing further down could have brought about."""
    return bool(item.cause_kinds) and item.cause_kinds != (CauseKind.FAILING_DEPENDENCY,) and not is_inherited(item)


def _is_own_error(item: Evidence) -> bool:
    """Say whether a sign is an error that a service wrote and that names nothing which it depends on."""
    return item.kind is EvidenceKind.LOG and not item.cause_kinds


def _is_felt(item: Evidence) -> bool:
    """Say whether users feel a sign: latency, errors, or an object of a service that does not work."""
    return describe(item.indicator).golden or (item.kind is EvidenceKind.STATE and is_inherited(item))


def began(items: Iterable[Evidence]) -> float:
    """Return the earliest onset, infinity where none is known."""
    return min((item.onset for item in items if item.onset is not None), default=float("inf"))


def earliest(items: Iterable[Evidence]) -> float | None:
    """Return the earliest onset, or None where none is known."""
    first = began(items)
    return None if first == float("inf") else first
