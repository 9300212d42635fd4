"""Open the files of a recorded case, and never one that holds the answer."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

# What one file may unpack to; a small archive can hold a very large text.
MAX_BYTES = 256 * 1024 * 1024
_FORBIDDEN = ("truth", "answer", "label", "solution")


class BadCase(ValueError):
    """Refuse a case; the text names the file and what was expected."""


class Forbidden(BadCase):
    """Refuse to open a file that holds, or by its name may hold, the answer."""


@dataclass(frozen=True, slots=True)
class Table:
    """Hold a table of numbers: a column of times in Unix seconds and named columns, NaN where nothing was recorded."""

    times: NDArray[np.float64]
    columns: tuple[str, ...]
    values: NDArray[np.float64]


class Folder:
    """Be the only way to the files of a case; names lead no further than its own folder and its set's `reference`."""

    def __init__(self, directory: Path) -> None:
        self.directory = Path(directory)
        if not self.directory.is_dir():
            raise BadCase(f"{directory}: there is no such folder; give the folder of one recorded case")

    def names(self) -> tuple[str, ...]:
        """Return the names of the files that may be read."""
        return tuple(sorted(one.name for one in self.directory.iterdir() if one.is_file() and is_open(one.name)))

    def path(self, name: str) -> Path | None:
        """Return where a file lies, None where there is none.

        :raises Forbidden: where the name speaks of the answer or leads out of the case and its references.
        """
        parts = Path(name).parts
        if not parts or Path(name).is_absolute() or ".." in parts or not all(is_open(part) for part in parts):
            raise Forbidden(f"{name}: a reader of cases does not open this")
        if parts[0] == "reference":
            # A set keeps its normal periods and its topology beside the cases: <set>/cases/<id>, <set>/<id>, <set>/reference.
            for home in (self.directory, self.directory.parent, self.directory.parent.parent):
                if (home / name).is_file():
                    return home / name
            return None
        found = self.directory / name
        return found if found.is_file() else None

    def text(self, name: str) -> str | None:
        """Return a file's text, unpacked where it ends in .gz, None where there is none.

        :raises BadCase: where it cannot be read or is too large.
        """
        found = self.path(name)
        if found is None:
            return None
        try:
            with found.open("rb") as raw:
                body = (gzip.GzipFile(fileobj=raw) if name.endswith(".gz") else raw).read(MAX_BYTES + 1)
        except (OSError, EOFError) as error:
            raise BadCase(f"{found}: cannot be read: {error}") from error
        if len(body) > MAX_BYTES:
            raise BadCase(f"{found}: is over {MAX_BYTES // 2**20} MiB")
        return body.decode("utf-8", errors="replace")

    def json(self, name: str) -> Any:
        """Return a JSON file's value, None where there is no file.

        :raises BadCase: where it is no JSON.
        """
        text = self.text(name)
        if text is None:
            return None
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BadCase(f"{self.directory / name}: is no JSON: {error}") from error

    def lines(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield the objects of a file with one JSON object a line; broken lines are left out."""
        for line in (self.text(name) or "").splitlines():
            try:
                value = json.loads(line) if line.strip() else None
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict):
                yield value

    def rows(self, name: str) -> Iterator[dict[str, str]]:
        """Yield the rows of a CSV file by their columns' names."""
        for row in csv.DictReader(io.StringIO(self.text(name) or "")):
            yield {key: value or "" for key, value in row.items() if isinstance(key, str)}

    def table(self, name: str) -> Table | None:
        """Return a CSV file of numbers whose first column is the time, None where there is none.

        :raises BadCase: where it has no header or no times.
        """
        text = self.text(name)
        if text is None:
            return None
        reader = csv.reader(io.StringIO(text))
        header = next(reader, [])
        rows = [row for row in reader if row]
        if len(header) < 2 or not rows:
            raise BadCase(f"{self.directory / name}: expected a header, `timestamp` first, and rows of numbers")
        values = np.array([_numbers(row, len(header)) for row in rows], dtype=np.float64)
        known = np.isfinite(values[:, 0])
        if not known.any():
            raise BadCase(f"{self.directory / name}: the column {header[0]!r} holds no Unix seconds")
        values = values[known]
        order = np.argsort(values[:, 0], kind="stable")
        return Table(values[order, 0], tuple(header[1:]), values[order, 1:])


def is_open(name: str) -> bool:
    """Say whether a file's name is free of words for the answer."""
    return not any(word in name.lower() for word in _FORBIDDEN)


def number(value: object) -> float:
    """Return a number from JSON or text, NaN where it is none."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan


def _numbers(row: Sequence[str], width: int) -> list[float]:
    found = [number(cell) if cell else math.nan for cell in row[:width]]
    return found + [math.nan] * (width - len(found))
