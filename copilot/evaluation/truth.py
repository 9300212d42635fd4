"""The answers to recorded cases; nothing opens them before the rankings are made."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from copilot.evaluation.cases import Place


@dataclass(frozen=True, slots=True)
class Truth:
    """Hold what was wrong in a case: the entity, and where known the column that shows it, the kind and the commit."""

    entity: str
    indicator: str | None
    kind: str
    commit: str | None


def is_there(place: Place) -> bool:
    """Say whether a case has an answer, without opening it."""
    return (place.directory / "truth.json").is_file()


def read(place: Place) -> Truth | None:
    """Return the answer to a case, None where it is not there."""
    path = place.directory / "truth.json"
    if not path.is_file():
        return None
    value = json.loads(path.read_text(encoding="utf-8"))
    commit = value.get("root_cause_commit", "none") if "root_cause_commit" in value else None
    return Truth(
        entity=str(value.get("root_cause_service") or ""),
        indicator=value.get("root_cause_metric") or None,
        kind=str(value.get("fault_kind") or ""),
        commit="none" if "root_cause_commit" in value and not commit else commit,
    )
