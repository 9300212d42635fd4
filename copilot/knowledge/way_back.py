"""The way back from a change: what it altered, and the command that undoes it where there is one."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from scoring.evidence import CauseKind
from scoring.observations import EntityKind

if TYPE_CHECKING:
    from copilot.knowledge.briefing import Briefing, HypothesisLine
    from scoring.evidence import Evidence

CHANGES = {CauseKind.BAD_DEPLOY.value, CauseKind.CONFIG_CHANGE.value}
IN_CLUSTER = {EntityKind.SERVICE, EntityKind.WORKLOAD}


def changes_behind(briefing: Briefing, hypothesis: HypothesisLine) -> list[Evidence]:
    """Return the sightings of the change that a hypothesis blames, the telling one first; nothing where it blames none."""
    if hypothesis.cause_kind not in CHANGES:
        return []
    known = {one.id: one for one in briefing.changes}
    blamed = next((known[one] for one in hypothesis.supporting if one in known), None)
    if blamed is None:
        return []
    same = [one for one in briefing.changes if blamed.change_key and one.change_key == blamed.change_key] or [blamed]
    return sorted(same, key=lambda one: (not one.detail, not one.link, one.id))


def altered(sightings: list[Evidence]) -> str:
    """Return what the change altered, e.g. `DB_POOL_SIZE 20 → 5`, or nothing where no source says."""
    return next((one.detail for one in sightings if one.detail), "")


def telling(sightings: list[Evidence]) -> list[Evidence]:
    """Return the sightings that say themselves what the change altered; all of them where none does."""
    return [one for one in sightings if one.detail] or sightings


def undone(sightings: list[Evidence]) -> Evidence | None:
    """Return the sighting that the command takes back: the rollout as the cluster itself tells it."""
    in_cluster = (one for one in sightings if one.source == "kubernetes" and one.entity.kind in IN_CLUSTER)
    return next((one for one in in_cluster if one.entity.service), None)


def command(sightings: list[Evidence]) -> str:
    """Return the command that takes the change back, or nothing where it is not a rollout in a cluster.

    Names come from outside, and a person will paste this into a shell: they are quoted.
    """
    seen = undone(sightings)
    if seen is None:
        return ""
    # A source that reports the deployment often knows the namespace where the rollout's own sighting does not.
    namespace = next((one.entity.namespace for one in (seen, *sightings) if one.entity.namespace), "")
    where = f" -n {shlex.quote(namespace)}" if namespace else ""
    return f"kubectl{where} rollout undo deployment/{shlex.quote(seen.entity.service)}"


__all__ = ["altered", "changes_behind", "command", "telling", "undone"]
