"""Open the files of a support bundle: texts of bounded size, none that lies outside of its folder."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import TYPE_CHECKING

from integrations.recorded.files import BadCase, is_open

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path, PurePath

MOST_FILES = 20_000
# Of one file so much is read, of the end where it is a log, and of all files together.
MOST_OF_A_FILE = 32 * 2**20
MOST = 512 * 2**20
_ARCHIVES = (".tar", ".tgz", ".zip", ".tar.gz", ".7z", ".xz", ".bz2", ".zst")


@dataclass(frozen=True, slots=True)
class File:
    """Hold a file of a bundle: where it lies in it, its text, and when it was written in Unix seconds.

    `why_not` says why its text was not read.
    """

    path: PurePath
    text: str
    written: float
    why_not: str = ""


def read_folder(directory: Path) -> Iterator[File]:
    """Yield the files below a folder in the order of their paths.

    :raises BadCase: where there is no such folder, or it holds no files.
    """
    if not directory.is_dir():
        hint = "unpack it first and give the folder" if directory.is_file() else "give the folder of a bundle"
        raise BadCase(f"{directory}: there is no such folder; {hint}")
    root = directory.resolve()
    paths = sorted(one for one in root.rglob("*") if one.is_file())
    if not paths:
        raise BadCase(f"{directory}: the folder is empty; expected what kubectl printed, metrics (CSV) or logs")
    read = 0
    for path in paths[:MOST_FILES]:
        name = path.relative_to(root)
        if not path.resolve().is_relative_to(root):
            yield File(name, "", 0.0, "leads out of the bundle")
            continue
        if not is_open(path.name):
            yield File(name, "", 0.0, "by its name it holds an answer")
            continue
        if path.name.endswith(_ARCHIVES):
            yield File(name, "", 0.0, "is packed: unpack it first")
            continue
        if read > MOST:
            yield File(name, "", 0.0, f"the files before it are over {MOST // 2**20} MiB")
            continue
        one = _read(path, name)
        read += len(one.text)
        yield one
    for path in paths[MOST_FILES:]:
        yield File(path.relative_to(root), "", 0.0, f"the bundle holds more than {MOST_FILES} files")


def _read(path: Path, name: PurePath) -> File:
    try:
        written = path.stat().st_mtime
        with path.open("rb") as raw:
            body = (gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw).read(MOST_OF_A_FILE + 1)
    except (OSError, EOFError) as error:
        return File(name, "", 0.0, f"cannot be read: {error}")
    if len(body) > MOST_OF_A_FILE:
        return File(name, "", written, f"is over {MOST_OF_A_FILE // 2**20} MiB")
    if b"\x00" in body[:4096]:
        return File(name, "", written, "is no text")
    text = body.decode("utf-8", errors="replace").removeprefix("\ufeff").replace("\r\n", "\n")
    return File(name, text, written, "" if text.strip() else "is empty")
