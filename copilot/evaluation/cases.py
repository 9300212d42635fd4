"""Find recorded cases below a folder: one case, one set of cases, or several sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class NoCases(ValueError):
    """Say that a folder holds no recorded case; the text says what was looked for."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Say where a case lies and of which set it is."""

    set: str
    case: str
    directory: Path


def find(folder: Path, *, only: str | None = None, limit: int | None = None) -> tuple[Place, ...]:
    """Return the cases below a folder in a stable order, at most `limit` of each set.

    :raises NoCases: where there are none.
    """
    if (folder / "case.json").is_file():
        return (Place(folder.parent.parent.name or folder.name, folder.name, folder),)
    sets = (
        [folder] if (folder / "cases").is_dir() else sorted(one for one in folder.glob("*") if (one / "cases").is_dir())
    )
    sets = [one for one in sets if any((one / "cases").glob("*/case.json"))]
    if only is not None:
        known = ", ".join(one.name for one in sets) or "none"
        sets = [one for one in sets if one.name == only]
        if not sets:
            raise NoCases(f"--set: there is no set {only!r} below {folder} (known: {known})")
    found: list[Place] = []
    for one in sets:
        places = [
            Place(one.name, case.parent.name, case.parent) for case in sorted((one / "cases").glob("*/case.json"))
        ]
        found += places if limit is None else _spread(places, limit)
    if not found:
        raise NoCases(
            f"{folder}: holds no recorded case; expected case.json, cases/ID/case.json or SET/cases/ID/case.json"
        )
    return tuple(found)


def _spread(places: list[Place], limit: int) -> list[Place]:
    """Return so many cases, evenly chosen: the first ones may all be alike."""
    if len(places) <= limit:
        return places
    return [places[index * len(places) // limit] for index in range(limit)]
