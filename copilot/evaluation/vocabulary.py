"""The words of recorded sets: how they spell entities, and what they call a kind of fault."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from copilot.evaluation.vocabulary_kubernetes import CONDITIONS, DETAILS, KINDS, QUOTAS
from scoring.evidence import CauseKind, EvidenceKind
from scoring.observations import EntityKind, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from integrations.recorded import RecordedCase
    from scoring.evidence import Candidate, Evidence
    from scoring.observations import Entity

_K = CauseKind
CHANGES: Final = frozenset({_K.BAD_DEPLOY, _K.CONFIG_CHANGE, _K.DATABASE_LOCKS})

# By so much a vague word may be worse than an exact one and yet tell less.
_EXACT: Final = 0.3

# Which vocabulary a set speaks, by the name that its cases give it.
_METRIC_KINDS: Final[dict[str, dict[CauseKind, str]]] = {
    "rcd-sockshop": {_K.CPU_SATURATION: "cpu_hog", _K.MEMORY_SATURATION: "memory_leak"},
    "nezha": {
        _K.CPU_SATURATION: "cpu_contention", _K.NETWORK_LATENCY: "network_delay", _K.NETWORK_LOSS: "network_delay",
        _K.FAILING_DEPENDENCY: "network_delay", _K.CRASH_LOOP: "exception", _K.BAD_DEPLOY: "exception",
        _K.CONFIG_CHANGE: "return", _K.HUMAN_OR_JOB: "return",
    },
}  # fmt: skip
_KUBERNETES: Final = "cloudopsbench"
# Where no condition says more, the kind of cause decides.
_BY_CAUSE: Final[dict[CauseKind, str]] = {
    _K.CPU_SATURATION: "pod_cpu_overload", _K.MEMORY_SATURATION: "oom_killed", _K.NODE_FAILURE: "kubelet_unavailable",
    _K.IMAGE: "incorrect_image_reference", _K.SCHEDULING: "node_selector_mismatch", _K.DNS_FAULT: "service_dns_resolution_failure",
    _K.CREDENTIALS: "mysql_invalid_credentials", _K.DATABASE_CONNECTIONS: "db_connection_exhaustion",
    _K.CONNECTION_SATURATION: "db_connection_exhaustion", _K.DATABASE_REPLICATION: "db_read_only",
    _K.NETWORK_PARTITION: "gateway_misroute",
}  # fmt: skip


def labels(dataset: str) -> tuple[str, ...]:
    """Return the kinds of fault that a set tells apart; empty where its words are not known."""
    if dataset == _KUBERNETES:
        return KINDS
    return tuple(sorted(set(_METRIC_KINDS.get(dataset, {}).values())))


def spelt(case: RecordedCase, entity: Entity) -> str | None:
    """Return how a case spells an entity, None where its lists do not have it."""
    known = case.entities
    for name in (entity.name, entity.service):
        if name in known:
            return name
    if entity.kind is EntityKind.COMPONENT and case.namespace in known:
        return case.namespace
    for name in (entity.service, entity.name):
        # A pod's or a replica's name begins with that of its service; a short name is the beginning of a long one.
        longer = [one for one in known if re.fullmatch(rf"{re.escape(one)}-\w+(-\w+)?", name)]
        if longer:
            return max(longer, key=len)
        shorter = [one for one in known if one.startswith(f"{name}-")]
        if len(shorter) == 1:
            return shorter[0]
    return None


def entity(case: RecordedCase, candidate: Candidate, cited: Iterable[Evidence]) -> str | None:
    """Return which of a case's entities a candidate blames."""
    if case.namespace in case.entities and case.namespace:
        leading = next(iter(_ordered(cited)), None)
        if leading is not None and _quota(leading):
            return case.namespace
    return spelt(case, candidate.entity)


def label(case: RecordedCase, candidate: Candidate, cited: list[Evidence], name: str) -> str | None:
    """Return what the case's set calls the fault that a candidate tells of, None where it has no word for it."""
    if case.dataset == _KUBERNETES:
        return _kubernetes(case, candidate, cited, name)
    return _METRIC_KINDS.get(case.dataset, {}).get(candidate.cause_kind)


def _kubernetes(case: RecordedCase, candidate: Candidate, cited: list[Evidence], name: str) -> str:
    # A statement is cut to a line's length; the observation has all of its words.
    details = {(one.entity, one.condition): one.detail for one in case.observations if isinstance(one, State)}
    for item in _ordered(cited):
        text = f"{item.statement}\n{details.get((item.entity, item.indicator), '')}"
        for pattern, kind in DETAILS.get(item.indicator, ()):
            if pattern.search(text):
                return kind
        if item.indicator in CONDITIONS:
            return CONDITIONS[item.indicator]
    logs = "\n".join(item.statement for item in cited if item.kind is EvidenceKind.LOG)
    for pattern, kind in DETAILS["log"]:
        if pattern.search(logs):
            return kind
    if name in case.nodes:
        return "node_network_packet_loss" if candidate.cause_kind is _K.NETWORK_LOSS else "node_network_delay"
    return _BY_CAUSE.get(candidate.cause_kind, "pod_network_delay")


def _ordered(cited: Iterable[Evidence]) -> list[Evidence]:
    """Return the states among what is cited, the worst first, an exact word before a vague one that is a little worse."""
    states = [item for item in cited if item.kind is EvidenceKind.STATE]
    return sorted(
        states, key=lambda item: (-item.severity - (_EXACT if item.indicator in CONDITIONS else 0.0), item.id)
    )


def _quota(item: Evidence) -> bool:
    return item.indicator in QUOTAS or "exceeded quota" in item.statement
