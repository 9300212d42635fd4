"""Which stores services use: what a client is told by its store says something of the store, not of the client."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from scoring.evidence import CauseKind
from scoring.observations import EntityKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scoring.observations import Dependency, Entity

# A store that refuses a sign-in is well; who signs in is not.
SAID_OF_CLIENTS: Final = frozenset({CauseKind.CREDENTIALS})
# How databases are called where nothing tells what they are.
_NAMED: Final = re.compile(
    r"sql|postgres|mongo|maria|percona|oracle|cassandra|cockroach|dynamo|(^|[^a-z])(db|database|pg|rds)($|[^a-z])",
    re.IGNORECASE,
)


def is_store(entity: Entity) -> bool:
    """Say whether an entity is a database, by its kind or by its name."""
    return entity.kind is EntityKind.DATABASE or (
        entity.kind is not EntityKind.NODE and _NAMED.search(entity.service) is not None
    )


def used(dependencies: Iterable[Dependency]) -> Mapping[str, Entity]:
    """Return the one store that each service calls; who calls several, or is a store itself, is left out."""
    called: dict[str, dict[str, Entity]] = {}
    for dependency in sorted(dependencies):
        if is_store(dependency.callee) and not is_store(dependency.caller):
            called.setdefault(dependency.caller.service, {})[dependency.callee.service] = dependency.callee
    return {service: next(iter(stores.values())) for service, stores in called.items() if len(stores) == 1}
