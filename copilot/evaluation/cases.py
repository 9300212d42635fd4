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
    if not folder.is_dir():
        raise NoCases(f"{folder}: there is no such folder")
    if (folder / "case.json").is_file():
        return (Place(_set_of(folder.parent), folder.name, folder),)
    sets = [folder] if _of(folder) else sorted(one for one in folder.glob("*") if one.is_dir() and _of(one))
    if only is not None:
        known = ", ".join(map(_set_of, sets)) or "none"
        sets = [one for one in sets if _set_of(one) == only]
        if not sets:
            raise NoCases(f"--set: there is no set {only!r} below {folder} (known: {known})")
    found: list[Place] = []
    for one in sets:
        places = [Place(_set_of(one), case.name, case) for case in _of(one)]
        found += places if limit is None else _spread(places, limit)
    if not found:
        raise NoCases(
            f"{folder}: holds no recorded case; expected case.json, ID/case.json, cases/ID/case.json or SET/cases/ID/case.json"
        )
    return tuple(found)


def _of(folder: Path) -> list[Path]:
    """Return the folders of the cases of a set: SET/cases/ID, or SET/ID."""
    found = sorted(folder.glob("cases/*/case.json")) or sorted(folder.glob("*/case.json"))
    return [one.parent for one in found]


def _set_of(folder: Path) -> str:
    """Return the name of the set that a folder of cases is of."""
    folder = folder.resolve()
    return folder.parent.name if folder.name == "cases" else folder.name


def _spread(places: list[Place], limit: int) -> list[Place]:
    """Return so many cases, evenly chosen: the first ones may all be alike."""
    if len(places) <= limit:
        return places
    return [places[index * len(places) // limit] for index in range(limit)]
