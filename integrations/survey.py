"""A survey: which services a source knows, and who needs whom, as it is now; apart from any incident."""

from __future__ import annotations

from dataclasses import dataclass

from scoring.observations import Entity, EntityKind, Gap

# What one survey may tell: more is cut, and said to be.
MOST_THINGS = 2000
MOST_CALLS = 10_000
MOST_TEXT = 300
KINDS = (EntityKind.SERVICE, EntityKind.DATABASE, EntityKind.QUEUE, EntityKind.EXTERNAL)


@dataclass(frozen=True, slots=True, order=True)
class Thing:
    """Name a service as a source knows it; `entrance` says where it saw that users come in, e.g. `kubernetes ingress`."""

    name: str
    kind: EntityKind = EntityKind.SERVICE
    namespace: str = ""
    workload: str = ""
    entrance: str = ""

    @classmethod
    def of(cls, entity: Entity) -> Thing:
        """Return the thing that an entity is, where it is one of the topology's sorts; anything else is a service."""
        kind = entity.kind if entity.kind in KINDS else EntityKind.SERVICE
        return cls(entity.service[:MOST_TEXT], kind, entity.namespace)


@dataclass(frozen=True, slots=True, order=True)
class Call:
    """Say that `caller` needs `callee`; `source` begins with the integration's slug, `detail` says where that was seen."""

    caller: Thing
    callee: Thing
    source: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Survey:
    """Hold what a source told, in a stable order.

    `namespaces` are those of which it told all entrances that there are: who has none there, has none any more.
    """

    things: tuple[Thing, ...] = ()
    calls: tuple[Call, ...] = ()
    gaps: tuple[Gap, ...] = ()
    namespaces: tuple[str, ...] = ()

    def bounded(self, source: str) -> Survey:
        """Return it sorted, each thing and call once, and cut where there is too much, which is said by a gap."""
        things, calls = sorted(set(self.things)), sorted(set(self.calls))
        gaps = list(self.gaps)
        for name, found, most in (("services", things, MOST_THINGS), ("calls", calls, MOST_CALLS)):
            if len(found) > most:
                gaps.append(Gap(source, f"all {name}", f"there are {len(found)}; the first {most} by name were taken"))
        return Survey(tuple(things[:MOST_THINGS]), tuple(calls[:MOST_CALLS]), tuple(gaps), self.namespaces)
