"""The detector for states: an object's condition is looked up, made exact by its detail and weighed by what it is said of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from scoring.evidence import CauseKind
from scoring.meanings import CONDITIONS, Condition
from scoring.observations import EntityKind

if TYPE_CHECKING:
    from scoring.observations import State

_K = CauseKind

_BY_WORD: Final = {re.sub(r"[^a-z0-9]", "", word.lower()): condition for word, condition in CONDITIONS.items()}

# Words that mean something worse when they are said of a node.
_OF_NODES: Final = {
    "notready": Condition("is not ready", 0.95, (_K.NODE_FAILURE,)),
    "unknown": Condition("stopped reporting", 0.95, (_K.NODE_FAILURE,)),
}
# A node that hosts nothing of what is looked at.
_ELSEWHERE: Final = 0.3

# What the detail says more precisely than the condition's own word. The first match decides.
_DETAILS: Final[tuple[tuple[re.Pattern[str], tuple[str, ...], Condition], ...]] = tuple(
    (re.compile(pattern, re.IGNORECASE), words, condition)
    for pattern, words, condition in (
        (
            r"pull(ing)? image|image pull|manifest unknown|pull access denied|errimage",
            ("BackOff", "Failed"),
            Condition("cannot pull its image", 0.95, (_K.IMAGE,)),
        ),
        (
            r"exceeded quota|quota",
            ("FailedCreate", "ReplicaFailure", "FailedScheduling"),
            Condition("is held back by a quota", 0.9, (_K.SCHEDULING,)),
        ),
        (
            r"forbidden|admission webhook|serviceaccount",
            ("FailedCreate", "ReplicaFailure"),
            Condition("may not create its pods", 0.85, (_K.CONFIG_CHANGE, _K.CREDENTIALS)),
        ),
        (
            # One of nearly that name does exist.
            r"; nearest: ",
            ("HostUnknown",),
            Condition("calls a service by a wrong name", 0.85, (_K.CONFIG_CHANGE, _K.DNS_FAULT)),
        ),
        (
            r"persistentvolumeclaim|unbound",
            ("FailedScheduling", "Unschedulable"),
            Condition("waits for a volume", 0.85, (_K.STORAGE,)),
        ),
        (
            r"configmap|secret",
            ("FailedMount",),
            Condition("lacks a ConfigMap or Secret that it mounts", 0.9, (_K.CONFIG_CHANGE, _K.CREDENTIALS)),
        ),
        (
            # The kubelet ended it, not a fault that the program stumbled on.
            r"ended by its (liveness|startup) probe",
            ("CrashLoopBackOff",),
            Condition(
                "is ended by its probe, again and again", 0.95, (_K.FAILING_PROBE, _K.CRASH_LOOP), inherited=True
            ),
        ),
        (
            r"ended by its (liveness|startup) probe",
            ("Error",),
            Condition("was ended by its probe", 0.75, (_K.FAILING_PROBE, _K.CRASH_LOOP), inherited=True),
        ),
        (
            r"out of memory|oomkilled",
            ("Error", "BackOff"),
            Condition("ran out of memory", 0.9, (_K.MEMORY_SATURATION,)),
        ),
        (
            r"ephemeral.?storage|disk",
            ("Evicted",),
            Condition("was evicted for its use of disk", 0.8, (_K.DISK_SATURATION, _K.NODE_FAILURE)),
        ),
        (r"\bmemory\b", ("Evicted",), Condition("was evicted for its use of memory", 0.8, (_K.MEMORY_SATURATION,))),
        (
            r"no (such host|route)|i/o timeout|network",
            ("FailedCreatePodSandBox",),
            Condition("gets no network", 0.85, (_K.NETWORK_PARTITION,)),
        ),
    )
)
_UNKNOWN_WARNING: Final = 0.3
# A condition that has passed says less about now.
_PASSED: Final = 0.7
# What is known to be well again says still less: most things fail once or twice while they start.
_SETTLED: Final = 0.3
# Every pod that starts fails a probe or two.
_PROBES: Final = frozenset({"unhealthy", "probeerror"})
_PATIENCE: Final = 3


def normalised(word: str) -> str:
    """Return a condition's word without case, spaces and punctuation, and without `=True`."""
    return re.sub(r"[^a-z0-9]", "", re.sub(r"[=:]\s*true$", "", word.strip(), flags=re.IGNORECASE).lower())


_DETAIL_WORDS: Final = tuple(
    (pattern, frozenset(normalised(word) for word in words), condition) for pattern, words, condition in _DETAILS
)


def interpret(state: State) -> Condition:
    """Return what a state means; severity 0 means that it is part of normal life.

    Unknown conditions of type `Normal` (an event's type, in the attributes) mean nothing; other unknown ones are worth a line.
    """
    word = normalised(state.condition)
    known = _BY_WORD.get(word)
    for pattern, words, refined in _DETAIL_WORDS:
        if word in words and pattern.search(state.detail):
            known = refined
            break
    if known is None:
        kind = state.attributes.get("type", "").lower()
        known = Condition(
            f"reports {state.condition.strip() or 'a condition'}", 0.0 if kind == "normal" else _UNKNOWN_WARNING
        )
    if state.entity.kind is EntityKind.NODE and word in _OF_NODES:
        known = _OF_NODES[word]
    if state.attributes.get("hosts_pods_in_scope") == "no":
        known = Condition(known.words, known.severity * _ELSEWHERE, known.kinds)
    if word in _PROBES and state.count < _PATIENCE:
        known = Condition(known.words, known.severity * 0.5, known.kinds)
    if state.active or known.severity == 0.0:
        return known
    passed = _SETTLED if state.attributes.get("settled") == "yes" else _PASSED
    return Condition(known.words, known.severity * passed, known.kinds)
