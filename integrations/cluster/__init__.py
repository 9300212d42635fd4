"""What is wrong in a cluster, read from raw Kubernetes objects; live answers and recorded ones go through the same functions.

`find(Cluster.of({"Pod": […], "Service": […], …}))` yields a State for each condition. Objects are the API's JSON, keyed by
their kind; a kind that was not read is left out, and then nothing counts as missing. Nothing here raises on odd objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.cluster import (
    accounts,
    addresses,
    admission,
    complaints,
    config_routes,
    jobs,
    needs,
    nodes,
    pods,
    policies,
    probes,
    quotas,
    references,
    routes,
    scaling,
    scheduling,
    services,
    settings,
    storage,
    workloads,
)
from integrations.cluster.addresses import dependencies
from integrations.cluster.cluster import Cluster, ServiceOf, by_label
from integrations.cluster.words import Word
from scoring.observations import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scoring.observations import Dependency

__all__ = ["Cluster", "ServiceOf", "Word", "by_label", "dependencies", "find"]

# One function for each topic, in this order.
FINDERS = (
    nodes.find, quotas.find, pods.find, scheduling.find, probes.find, references.find, workloads.find, jobs.find,
    services.find, settings.find, addresses.find, routes.find, config_routes.find, storage.find, scaling.find,
    policies.find, admission.find, accounts.find, complaints.find,
)  # fmt: skip


def find(cluster: Cluster) -> Iterator[State | Dependency]:
    """Yield what is wrong in a cluster, and whom a condition makes depend on whom."""
    states: list[State] = []
    for finder in FINDERS:
        for one in finder(cluster):
            if isinstance(one, State):
                states.append(one)
            yield one
    yield from needs.find(states)
