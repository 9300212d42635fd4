"""Ask GitHub what lies between two commits or tags, and what a pull request touched."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from integrations.comparison import Compared, unified
from integrations.payload import parts, text, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from integrations.rest import Rest

# What may stand in the path of a comparison: commits and plain tags.
_REFERENCE = re.compile(r"[0-9A-Za-z][\w.+-]{0,99}", re.ASCII)
# GitHub lists so many commits of a comparison, and so many files of a pull request, on one page.
_PAGE = "100"


def span(before: str, after: str) -> str:
    """Return `before...after` where these are two commits or tags that can be compared, else an empty text."""
    usable = before != after and all(_REFERENCE.fullmatch(one) and ".." not in one for one in (before, after))
    return f"{before}...{after}" if usable else ""


def between(rest: Rest, repository: str, two: str) -> Compared:
    """Return what lies between two versions; GitHub gives at most 300 files, and leaves out the patch of a large one.

    https://docs.github.com/en/rest/commits/commits#compare-two-commits

    :raises SourceError: where there is no answer, or a refusal.
    """
    answer = rest.read(f"/repos/{repository}/compare/{two}", per_page=_PAGE, page="1")
    shas = frozenset(sha for item in parts(answer, "commits") if (sha := text(item, "sha")))
    return _touched(parts(answer, "files"), commits=whole(answer, "total_commits") or 0, shas=shas)


def of_pull(rest: Rest, repository: str, pull: Mapping[str, Any]) -> Compared:
    """Return what a pull request touched, its first hundred files.

    https://docs.github.com/en/rest/pulls/pulls#list-pull-requests-files

    :raises SourceError: where there is no answer, or a refusal.
    """
    number = text(pull, "number")
    return _touched(rest.listed(f"/repos/{repository}/pulls/{number}/files", per_page=_PAGE))


def _touched(files: list[Mapping[str, Any]], *, commits: int = 0, shas: frozenset[str] = frozenset()) -> Compared:
    found = [(path, item) for item in files if (path := text(item, "filename"))]
    counts = [(whole(item, "additions"), whole(item, "deletions")) for _, item in found]
    is_counted = bool(counts) and all(added is not None and gone is not None for added, gone in counts)
    return Compared(
        commits=commits,
        files=tuple(path for path, _ in found),
        diff=unified((path, item.get("patch")) for path, item in found),
        added=sum(added or 0 for added, _ in counts) if is_counted else None,
        removed=sum(gone or 0 for _, gone in counts) if is_counted else None,
        shas=shas,
    )
