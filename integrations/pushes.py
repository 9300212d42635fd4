"""A push to the branch that is deployed: which files its commits touch, as GitHub and GitLab both tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from integrations.comparison import Compared
from integrations.payload import clean, parts, text
from scoring.observations import Change, ChangeKind, Entity, EntityKind

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEADS = "refs/heads/"
_NOTHING = "0" * 40
MOST_FILES = 300
# What is pushed runs once it is deployed, as what is merged.
PUSHED = "merged"


def why_not(payload: Mapping[str, Any], default_branch: str) -> str:
    """Return why a push changes nothing that will run, empty where it may."""
    branch = text(payload, "ref").removeprefix(_HEADS)
    if not text(payload, "ref").startswith(_HEADS) or text(payload, "after") in {"", _NOTHING}:
        return "a push changes nothing that runs until it is deployed"
    if not default_branch or branch != default_branch:
        return "a push to a branch that is not the default one changes nothing that runs"
    return "" if parts(payload, "commits") else "a push without commits changes nothing"


def change(
    payload: Mapping[str, Any], *, repository: str, source: str, at: float, author: str, link: str, commits: int
) -> Change:
    """Return the change that a push is; `at` is when its last commit was told, in Unix seconds, `commits` how many there are."""
    listed = parts(payload, "commits")
    touched = Compared(commits=commits, files=files(payload))
    title = text(listed[-1], "title", "message").partition("\n")[0][:200] if listed else ""
    sha = text(payload, "after")
    return Change(
        entity=Entity(EntityKind.SERVICE, repository.rpartition("/")[2]),
        kind=ChangeKind.OTHER,
        at=at,
        title=f"{repository} {title}".strip(),
        source=source,
        author=author,
        link=link,
        version=sha,
        status=PUSHED,
        detail="; ".join(words for words in (f"pushed: {title}" if title else "pushed", touched.words) if words),
        key=sha,
        files=touched.files,
    )


def files(payload: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the paths that the commits of a push touch, in the order of the commits."""
    found: dict[str, None] = {}
    for commit in parts(payload, "commits"):
        for name in ("added", "modified", "removed"):
            listed = commit.get(name)
            for path in listed if isinstance(listed, list) else ():
                if isinstance(path, str) and (plain := clean(path)):
                    found[plain[:500]] = None
    return tuple(found)[:MOST_FILES]
