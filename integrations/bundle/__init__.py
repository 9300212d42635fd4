"""A support bundle: a folder of what an engineer could collect becomes what the live sources would have said.

What kubectl printed (`get`, `describe`, JSON or YAML, `cluster-info dump`), metrics as CSV or as Prometheus answers, and logs. What a
file is, its content tells; its name and folder only help where the content leaves it open. Nothing is run and nothing is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations import recorded
from integrations.bundle.files import read_folder
from integrations.bundle.reading import Bundle, assemble
from integrations.recorded.files import BadCase

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["BadCase", "Bundle", "read"]


def read(directory: Path, *, about: str = "", at: float | None = None) -> Bundle:
    """Return the bundle in a folder; `about` are the words of whoever asks, `at` is when the alert fired, in Unix seconds.

    A folder with a `case.json` is a recorded case, and read as one.

    :raises BadCase: where there is no such folder, or nothing in it that can be read; the text says what was looked for.
    """
    if (directory / "case.json").is_file():
        return Bundle(recorded.read(directory), (), ())
    return assemble(directory.resolve().name, read_folder(directory), about=about, at=at)
