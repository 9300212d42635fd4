"""Where runbooks are read from: a folder, a file, an archive, a web address, a Git repository."""

from __future__ import annotations

import io
import lzma
import os
import re
import subprocess
import tempfile
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from copilot.config import config
from copilot.guard.http import HttpDoor, translate

if TYPE_CHECKING:
    from collections.abc import Iterator

SUFFIXES = (".md", ".markdown", ".mdown")
MAX_BYTES = 1_048_576
MOST_FILES = 5000
MAX_ARCHIVE_BYTES = 64 * MAX_BYTES
FETCH_SECONDS = 20.0
CLONE_SECONDS = 300
# Neither a server's own helpers nor a path in a redirect may choose how Git speaks.
GIT_PROTOCOLS = "https:ssh:git:file"
_PASSED_OVER = {"node_modules", "vendor", ".git"}
# What reading a damaged archive may raise, by how its entries are packed.
_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError, ValueError)
_GITHUB = re.compile(r"^https://github\.com/(?P<repository>[^/]+/[^/]+)/blob/(?P<path>.+)$")


class Unreadable(Exception):
    """Say what could not be read, and what to do."""


@dataclass(frozen=True, slots=True)
class Found:
    """Hold one document as its source has it: where within the source, its text, and what the source knows about it."""

    path: str
    text: str
    link: str = ""
    revision: str = ""
    written_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Hold a source's name and its documents.

    `whole` says that a document which is not among them is gone; `restores` that one which a person removed comes back.
    """

    source: str
    found: tuple[Found, ...]
    whole: bool
    notes: tuple[str, ...] = ()
    restores: bool = True


def is_repository(place: str) -> bool:
    """Return whether an address is a Git repository's: `git+…`, `….git`, `git@host:path` or `ssh://`."""
    return place.startswith(("git+", "git@", "ssh://", "git://")) or place.rstrip("/").endswith(".git")


def read(place: str, *, reference: str = "", folder: str = "") -> Origin:
    """Return what is at a place: a Git repository, a web address, a folder, an archive or a file.

    `reference` is a repository's branch or tag, `folder` the part of it that has the runbooks.

    :raises Unreadable: where it is nothing of these, or cannot be read.
    """
    if is_repository(place):
        return read_repository(place.removeprefix("git+"), reference=reference, folder=folder)
    if place.startswith(("http://", "https://")):
        return read_address(place)
    path = Path(place).expanduser()
    if path.is_dir():
        return read_folder(path)
    if path.is_file():
        return read_file(path)
    raise Unreadable(f"{place} is neither a folder, a file, a web address nor a Git repository (git+ADDRESS)")


def read_folder(folder: Path) -> Origin:
    """Return the Markdown files below a folder; hidden folders and those of installed packages are passed over."""
    notes: list[str] = []
    found = tuple(
        Found(name, text, written_at=datetime.fromtimestamp(path.stat().st_mtime, tz=UTC))
        for name, path in _walk(folder)
        if (text := _text(path, name, notes)) is not None
    )
    if not found:
        raise Unreadable(f"there is no Markdown file below {folder}; runbooks end in {', '.join(SUFFIXES)}")
    return Origin(str(folder.resolve()), found, whole=True, notes=tuple(notes))


def read_file(path: Path) -> Origin:
    """Return one Markdown file, or what an archive of them holds.

    :raises Unreadable: where it is neither.
    """
    if path.suffix.lower() == ".zip":
        return read_archive(path.read_bytes(), source=str(path.resolve()))
    if path.suffix.lower() not in SUFFIXES:
        raise Unreadable(
            f"{path} is no Markdown: runbooks end in {', '.join(SUFFIXES)}, or come as a .zip of such files"
        )
    notes: list[str] = []
    text = _text(path, path.name, notes)
    if text is None:
        raise Unreadable(notes[0])
    written = datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)
    # A file belongs to its folder: added alone or with the folder, it is the same runbook.
    return Origin(str(path.resolve().parent), (Found(path.name, text, written_at=written),), whole=False)


def read_upload(name: str, data: bytes) -> Origin:
    """Return what a person uploaded: a Markdown file, or an archive of them as Notion and Confluence export.

    :raises Unreadable: where it is neither.
    """
    if name.lower().endswith(".zip"):
        return read_archive(data, source="upload", whole=False)
    if not name.lower().endswith(SUFFIXES):
        raise Unreadable(
            f"{name} is no Markdown: runbooks end in {', '.join(SUFFIXES)}, or come as a .zip of such files"
        )
    notes: list[str] = []
    text = _decoded(data, name, notes)
    if text is None:
        raise Unreadable(notes[0])
    return Origin("upload", (Found(PurePosixPath(name.replace("\\", "/")).name, text),), whole=False)


def read_archive(data: bytes, *, source: str, whole: bool = True) -> Origin:
    """Return the Markdown files of a zip archive; archives within it, as Notion makes them for large spaces, are opened once.

    :raises Unreadable: where it is damaged, too large unpacked, or has no Markdown.
    """
    notes: list[str] = []
    found: list[Found] = []
    try:
        for entry, content in _unpacked(data, _Room(MAX_ARCHIVE_BYTES)):
            text = _decoded(content, entry.filename, notes)
            if text is not None:
                found.append(Found(entry.filename[-500:], text, written_at=_written(entry)))
    except _DAMAGED as error:
        raise Unreadable(f"the archive cannot be read: {error}") from error
    if not found:
        raise Unreadable("there is no Markdown in the archive; export the space as Markdown")
    if len(found) > MOST_FILES:
        notes.append(f"only the first {MOST_FILES} of its {len(found)} files were read")
    return Origin(source, tuple(found[:MOST_FILES]), whole=whole, notes=tuple(notes))


class _Room:
    """Hold how many bytes may still be unpacked, archives within an archive counted with it."""

    def __init__(self, left: int) -> None:
        self._left = left

    def take(self, size: int) -> None:
        """Take room for an archive's entries.

        :raises Unreadable: where there is not enough.
        """
        self._left -= size
        if self._left < 0:
            raise Unreadable(f"the archive is larger than {MAX_ARCHIVE_BYTES // 2**20} MiB unpacked; split it")


def _unpacked(data: bytes, room: _Room, *, is_inner: bool = False) -> Iterator[tuple[zipfile.ZipInfo, bytes]]:
    """Yield the Markdown entries of an archive, and of those within it, with their bytes."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        # No entry is read beyond the size that it announces.
        room.take(sum(entry.file_size for entry in archive.infolist()))
        for entry in archive.infolist():
            name = entry.filename.lower()
            if name.endswith(".zip") and not is_inner:
                yield from _unpacked(archive.read(entry), room, is_inner=True)
            elif name.endswith(SUFFIXES) and not entry.is_dir() and "__macosx" not in name:
                yield entry, archive.read(entry)


def _written(entry: zipfile.ZipInfo) -> datetime | None:
    """Return when an entry was written; some programs leave zeros there."""
    try:
        return datetime(*entry.date_time, tzinfo=UTC)
    except ValueError:
        return None


def read_address(address: str) -> Origin:
    """Return the Markdown at a web address, through the guarded door; a page of GitHub is read as its raw file.

    :raises Unreadable: where nothing comes, or a web page does.
    """
    import httpx

    raw = _GITHUB.sub(r"https://raw.githubusercontent.com/\g<repository>/\g<path>", address)
    door = HttpDoor(
        deadline_seconds=FETCH_SECONDS, max_bytes=MAX_BYTES, allowed_private=config().allowed_private_networks
    )
    try:
        with door.client(raw, headers={"Accept": "text/markdown, text/plain"}) as client:
            answer = client.get(raw).raise_for_status()
    except Exception as error:
        problem = translate(error, "the address")
        raise Unreadable(f"{_shown(address)}: {problem.reason}") from error
    if "html" in answer.headers.get("Content-Type", ""):
        raise Unreadable(
            f"{_shown(address)} is a web page; give the address of its Markdown, or export it and add the file"
        )
    written = _http_date(answer)
    notes: list[str] = []
    text = _decoded(answer.content, address, notes)
    if text is None:
        raise Unreadable(notes[0])
    parts = urlsplit(str(httpx.URL(address).copy_with(username=None, password=None, query=None, fragment=None)))
    source = urlunsplit((parts.scheme, parts.netloc, str(PurePosixPath(parts.path).parent), "", ""))
    return Origin(
        source, (Found(PurePosixPath(parts.path).name or "index", text, _shown(address), "", written),), whole=False
    )


def read_repository(address: str, *, reference: str = "", folder: str = "") -> Origin:
    """Return the Markdown of a Git repository, each file with its last commit's date and its page on the web.

    :raises Unreadable: where it cannot be cloned; says what Git said.
    """
    with _clone(address, reference) as clone:
        revision = _git(clone, "rev-parse", "HEAD").strip()
        root = (clone / folder).resolve()
        if not root.is_relative_to(clone.resolve()) or not root.is_dir():
            raise Unreadable(f"there is no folder {folder!r} in {_shown(address)}")
        dates = _commit_dates(clone)
        notes: list[str] = []
        found = []
        for name, path in _walk(root):
            text = _text(path, name, notes)
            if text is not None:
                whole_name = path.relative_to(clone.resolve()).as_posix()
                page = _page(address, revision, whole_name)
                found.append(Found(name, text, page, revision, dates.get(whole_name)))
    if not found:
        raise Unreadable(f"there is no Markdown in {_shown(address)}{f' below {folder}' if folder else ''}")
    source = _shown(address) + (f"#{folder.strip('/')}" if folder else "")
    return Origin(source, tuple(found), whole=True, notes=tuple(notes))


@contextmanager
def _clone(address: str, reference: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="copilot-runbooks-") as temporary:
        clone = Path(temporary) / "clone"
        wanted = ["--branch", reference] if reference else []
        # Without the files' older contents, but with all commits: their dates are wanted.
        _git(
            None,
            "clone",
            "--quiet",
            "--no-tags",
            "--single-branch",
            "--filter=blob:none",
            *wanted,
            "--",
            address,
            str(clone),
        )
        yield clone.resolve()


def _git(folder: Path | None, *words: str) -> str:
    where = ["-C", str(folder)] if folder else []
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": GIT_PROTOCOLS, "LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603 - our own words, and an address behind `--`
            ["git", *where, *words],  # noqa: S607 - wherever the machine has it
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=CLONE_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise Unreadable("there is no `git` here: install it, or add a folder that holds a clone") from error
    except subprocess.TimeoutExpired as error:
        raise Unreadable(f"git did not finish in {CLONE_SECONDS} s") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith(("fatal:", "error:", "remote:"))]
        said = re.sub(r"(?<=://)[^/@\s]+@", "", lines[0] if lines else done.stderr.strip())
        raise Unreadable(f"git {words[0]} failed: {said}")
    return done.stdout


def _commit_dates(clone: Path) -> dict[str, datetime]:
    """Return when each file was last changed."""
    found: dict[str, datetime] = {}
    at: datetime | None = None
    for line in _git(clone, "-c", "core.quotePath=false", "log", "--format=%x00%cI", "--name-only").splitlines():
        if line.startswith("\x00"):
            at = datetime.fromisoformat(line[1:])
        elif line and at is not None:
            found.setdefault(line, at)
    return found


def _page(address: str, revision: str, path: str) -> str:
    """Return where a file of a well-known host is read, at this revision."""
    web = re.sub(r"^(?:ssh://)?git@([^:/]+)[:/]", r"https://\1/", address)
    parts = urlsplit(web)
    base = f"https://{parts.hostname}{parts.path.removesuffix('.git').rstrip('/')}"
    if parts.hostname == "github.com":
        return f"{base}/blob/{revision}/{path}"
    if parts.hostname and "gitlab" in parts.hostname:
        return f"{base}/-/blob/{revision}/{path}"
    return ""


def _shown(address: str) -> str:
    """Return an address without what logs in and what was asked."""
    parts = urlsplit(address)
    if not parts.scheme or not parts.hostname:
        return address
    host = parts.hostname + (f":{parts.port}" if parts.port else "")
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def _walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the Markdown files below a folder with their names within it, in order; links out of it are not followed."""
    count, root = 0, folder.resolve()
    for where, folders, files in os.walk(root):
        folders[:] = sorted(one for one in folders if not one.startswith(".") and one not in _PASSED_OVER)
        for name in sorted(files):
            path = Path(where) / name
            if name.lower().endswith(SUFFIXES) and path.resolve().is_relative_to(root):
                count += 1
                if count > MOST_FILES:
                    raise Unreadable(
                        f"there are more than {MOST_FILES} Markdown files below {folder}; name a folder in it"
                    )
                yield path.relative_to(root).as_posix(), path


def _text(path: Path, name: str, notes: list[str]) -> str | None:
    if path.stat().st_size > MAX_BYTES:
        notes.append(f"{name} is larger than {MAX_BYTES // 2**20} MiB and was passed over")
        return None
    return _decoded(path.read_bytes(), name, notes)


def _decoded(data: bytes, name: str, notes: list[str]) -> str | None:
    if len(data) > MAX_BYTES:
        notes.append(f"{name} is larger than {MAX_BYTES // 2**20} MiB and was passed over")
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
        notes.append(f"{name} is not UTF-8; it was read as Windows-1252")
    if "\x00" in text:
        notes.append(f"{name} is no text: it has bytes of zero")
        return None
    if not text.strip():
        notes.append(f"{name} is empty")
        return None
    return text


def _http_date(answer: object) -> datetime | None:
    try:
        found = parsedate_to_datetime(answer.headers["Last-Modified"])  # type: ignore[attr-defined]
    except (KeyError, ValueError, TypeError):
        return None
    # "-0000" says that the zone is not known; HTTP's times are in UTC.
    return found if found.tzinfo else found.replace(tzinfo=UTC)


__all__ = [
    "Found",
    "Origin",
    "Unreadable",
    "read",
    "read_address",
    "read_archive",
    "read_file",
    "read_folder",
    "read_upload",
]
