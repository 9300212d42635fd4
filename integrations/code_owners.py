"""CODEOWNERS of GitHub and GitLab: who answers for a path, and by that what a change touches of a service.

https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners
https://docs.gitlab.com/user/project/codeowners/reference/
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from integrations.base import Rejected
from integrations.payload import text, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from integrations.base import ServiceScope
    from integrations.questions import Questions
    from scoring.observations import Change

# A larger file, or more rules, is read in part: nobody keeps one by hand.
MOST_BYTES = 256 * 1024
MOST_RULES = 2000
MOST_OWNERS = 6
_MOST_FILES = 300
_LONGEST_PATTERN = 500
# An answer is kept so long (seconds), and of so many repositories.
KEPT_SECONDS = 600.0
_KEPT = 256
# `[Section][2] @default`, perhaps with `^` before it.
_SECTION = re.compile(r"^\^?\[(?P<name>[^\]]{1,200})\](?:\[\d+\])?(?P<owners>.*)$")


@dataclass(frozen=True, slots=True)
class Rule:
    """Hold one line: the pattern, who owns what it matches (nobody, where it says so), and its section."""

    pattern: str
    owners: tuple[str, ...]
    section: str
    spec: GitIgnoreSpecPattern

    def matches(self, path: str) -> bool:
        """Return whether a path is meant; `docs/*` means the files of that folder, and not those of folders in it."""
        if self.pattern.endswith("/*") and "**" not in self.pattern:
            return PurePosixPath(f"/{path}").match(f"/{self.pattern.lstrip('/')}")
        return self.spec.match_file(path) is not None


@dataclass(frozen=True, slots=True)
class CodeOwners:
    """Hold the rules of a file; of several that match, the last one of each section counts."""

    rules: tuple[Rule, ...] = ()

    def of(self, path: str) -> tuple[str, ...]:
        """Return who owns a path, nobody where no rule says."""
        found: dict[str, tuple[str, ...]] = {}
        for rule in self.rules:
            if rule.matches(path):
                found[rule.section] = rule.owners
        return tuple(dict.fromkeys(owner for owners in found.values() for owner in owners))[:MOST_OWNERS]

    def told(self, change: Change, paths: Sequence[str]) -> Change:
        """Return a change with who owns its files, and what of the repository is its service's."""
        if not change.files and not paths:
            return change
        return replace(
            change,
            paths=tuple(paths),
            owners=tuple(" ".join(self.of(file)) for file in change.files[:_MOST_FILES]) if self.rules else (),
            kept_by=" ".join(dict.fromkeys(owner for path in paths for owner in self.of(f"{path.strip('/')}/x"))),
        )


def parse(written: str) -> CodeOwners:
    """Return the rules of a file; lines that cannot be read are passed over, as GitHub does."""
    rules: list[Rule] = []
    section, defaults = "", ()  # type: tuple[str, tuple[str, ...]]
    for line in written.splitlines():
        plain = re.sub(r"(?<!\\)(?:^|\s)#.*$", "", line).strip()
        if not plain:
            continue
        if head := _SECTION.match(plain):
            section, defaults = head["name"].strip().lower(), tuple(head["owners"].split())
            continue
        pattern, *owners = re.split(r"(?<!\\)\s+", plain)
        # CODEOWNERS has no negations and no ranges of letters.
        if pattern.startswith("!") or "[" in pattern or len(pattern) > _LONGEST_PATTERN:
            continue
        try:
            spec = GitIgnoreSpecPattern(pattern)
        except ValueError:
            continue
        rules.append(Rule(pattern, tuple(owners) or defaults, section, spec))
        if len(rules) == MOST_RULES:
            break
    return CodeOwners(tuple(rules))


class Cache:
    """Keep for a while what was read of a repository with the same credentials; a process's own, and the truth of nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[str, ...], tuple[float, CodeOwners]] = OrderedDict()

    def get(self, key: tuple[str, ...], read: Callable[[], CodeOwners]) -> CodeOwners:
        """Return what is kept, else what is read now."""
        with self._lock:
            held = self._held.get(key)
        if held and time.monotonic() - held[0] < KEPT_SECONDS:
            return held[1]
        found = read()
        with self._lock:
            self._held[key] = (time.monotonic(), found)
            while len(self._held) > _KEPT:
                self._held.popitem(last=False)
        return found


cache = Cache()


@dataclass(frozen=True, slots=True)
class Repository:
    """Be one repository whose CODEOWNERS is read once a change with files is to be told."""

    name: str
    address: str
    bearer: str
    services: Sequence[ServiceScope]
    questions: Questions
    places: Sequence[str]
    read: Callable[[str], Mapping[str, Any]]

    def told(self, changes: Iterable[Change]) -> Iterator[Change]:
        """Yield the changes with what they touch: whose their files are, and which paths are the service's."""
        paths = {service.name: service.paths for service in self.services}
        owners: CodeOwners | None = None
        for change in changes:
            if owners is None and change.files:
                owners = self.questions.ask(f"CODEOWNERS of {self.name}", self._owners) or CodeOwners()
            yield (owners or CodeOwners()).told(change, paths.get(change.entity.name, ()))

    def _owners(self) -> CodeOwners:
        # What one token may read is no other's: the key holds a hash of it.
        key = (self.address, self.name, hashlib.sha256(self.bearer.encode()).hexdigest())
        return cache.get(key, self._read)

    def _read(self) -> CodeOwners:
        for place in self.places:
            try:
                answer = self.read(place)
            except Rejected:
                continue  # it is not there: the next place
            return parse(_content(answer))
        return CodeOwners()


def _content(answer: Mapping[str, Any]) -> str:
    """Return the text of a file as both vendors send it, in base64; an empty one where it is too large."""
    if (whole(answer, "size") or 0) > MOST_BYTES:
        return ""
    try:
        return base64.b64decode(text(answer, "content")[: 2 * MOST_BYTES]).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""
