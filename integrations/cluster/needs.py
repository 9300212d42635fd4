"""What objects that are unwell wait for: nodes, parts of the control plane, quotas. With it, who holds them up explains them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.cluster.words import Word
from scoring.observations import Dependency, EntityKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from scoring.observations import State

# Who shows the one cannot get on while another shows the other; the last says whether they must share a namespace.
_WAITING: tuple[tuple[Word, Word, bool], ...] = (
    (Word.NOT_SCHEDULED, Word.SCHEDULER_DOWN, False),
    (Word.ENDPOINTS_STALE, Word.CONTROLLER_MANAGER_DOWN, False),
    (Word.SERVICE_MISSING, Word.SERVICE_QUOTA_EXCEEDED, True),
    (Word.MISSING_CLAIM, Word.STORAGE_QUOTA_EXCEEDED, True),
)
# Who finds no node waits for those that are unwell.
_UNWELL = frozenset({"NotReady", "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"})


def find(states: Iterable[State]) -> Iterator[Dependency]:
    """Yield what those that are unwell wait for, each once, in a stable order."""
    by_word: dict[str, list[State]] = {}
    for state in states:
        by_word.setdefault(state.condition, []).append(state)
    found: set[Dependency] = set()
    for waits, holds, together in _WAITING:
        for one in by_word.get(waits, ()):
            for other in by_word.get(holds, ()):
                if not together or one.entity.namespace == other.entity.namespace:
                    found.add(Dependency(one.entity, other.entity, one.source))
    nodes = [
        other for word in sorted(_UNWELL) for other in by_word.get(word, ()) if other.entity.kind is EntityKind.NODE
    ]
    for one in by_word.get(Word.NODES_NOT_READY, ()):
        found |= {Dependency(one.entity, other.entity, one.source) for other in nodes}
    yield from sorted(one for one in found if one.caller.service != one.callee.service)
