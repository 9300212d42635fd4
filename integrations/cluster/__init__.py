"""What is wrong in a cluster, read from raw Kubernetes objects; live answers and recorded ones go through the same functions.

`find(Cluster.of({"Pod": […], "Service": […], …}))` yields a State for each condition. Objects are the API's JSON, keyed by
their kind; a kind that was not read is left out, and then nothing counts as missing. Nothing here raises on odd objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.cluster import scheduling
from integrations.cluster.cluster import Cluster, ServiceOf, by_label
from integrations.cluster.words import Word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scoring.observations import State

__all__ = ["Cluster", "ServiceOf", "Word", "by_label", "find"]

# One function for each topic, in this order.
FINDERS = (scheduling.find,)


def find(cluster: Cluster) -> Iterator[State]:
    """Yield what is wrong in a cluster."""
    for finder in FINDERS:
        yield from finder(cluster)
