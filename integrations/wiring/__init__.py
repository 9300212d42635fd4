"""What does not fit together among a cluster's objects: selectors, ports, probes, addresses, claims, policies and settings.

It works on raw API objects, whoever read them: a live API server or the texts of a support bundle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.wiring import addresses, probes, services, settings, storage
from integrations.wiring.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scoring.observations import State

__all__ = ["Objects", "states"]


def states(objects: Objects) -> Iterator[State]:
    """Yield a state for each thing that is put together wrongly, in a stable order."""
    for check in (services, probes, addresses, settings, storage):
        yield from check.states(objects)
