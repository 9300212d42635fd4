"""What lies between two versions of the code: how many commits, which files, how many lines, and the diff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# So many files are named in words.
_SHOWN = 5
# So much of a diff is looked at (characters).
LONGEST_DIFF = 40_000


@dataclass(frozen=True, slots=True)
class Compared:
    """Hold what lies between two versions: how many commits, the files and lines that they touch, and the diff.

    `shas` are the commits themselves, as far as the vendor lists them; `added` and `removed` are counts of lines, None where
    the vendor does not tell them.
    """

    commits: int = 0
    files: tuple[str, ...] = ()
    diff: str = ""
    added: int | None = None
    removed: int | None = None
    shas: frozenset[str] = frozenset()

    @property
    def words(self) -> str:
        """Return it in a phrase, empty where nothing was compared."""
        if not self.commits and not self.files:
            return ""
        told = [f"{self.commits} commit{'' if self.commits == 1 else 's'}"] if self.commits else []
        if self.added is not None and self.removed is not None:
            told.append(f"{self.added} line{'' if self.added == 1 else 's'} added and {self.removed} removed")
        if self.files:
            more = f" and {len(self.files) - _SHOWN} more" if len(self.files) > _SHOWN else ""
            told.append(f"files {', '.join(self.files[:_SHOWN])}{more}")
        return ", ".join(told)


def unified(patches: Iterable[tuple[str, object]]) -> str:
    """Return one diff of files' paths and patches, cut to what is looked at; a vendor leaves out the patch of a large file."""
    return "\n".join(f"+++ b/{path}\n{patch}" for path, patch in patches if isinstance(patch, str))[:LONGEST_DIFF]
