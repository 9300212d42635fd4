"""Recorded changes: deploys with what their commits altered, commits that nobody deployed, and flags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from integrations import wording
from integrations.recorded.traces import seconds
from scoring.observations import Change, ChangeKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from integrations.recorded.entities import Entities

SOURCE = "changes"
_MOST_DIFF = 40_000


def changes(
    deploys: Sequence[Mapping[str, Any]],
    commits: Sequence[Mapping[str, Any]],
    flags: Sequence[Mapping[str, Any]],
    entities: Entities,
) -> Iterator[Change]:
    """Yield a change for each deploy and flag; a deploy's key is its commit, and its files and diff the commit's."""
    by_hash = {str(one.get("sha") or one.get("hash") or ""): one for one in commits}
    for deploy in deploys:
        at, commit = seconds(deploy.get("timestamp")), str(deploy.get("commit_sha") or deploy.get("commit") or "")
        if at is None:
            continue
        made = by_hash.get(commit, {})
        title = str(made.get("message") or deploy.get("version") or commit)
        yield Change(
            entity=entities.named(str(deploy.get("service", ""))),
            kind=ChangeKind.DEPLOYMENT,
            at=at,
            title=title.splitlines()[0] if title else "",
            source=SOURCE,
            author=str(made.get("author") or deploy.get("actor") or ""),
            version=str(deploy.get("version") or commit[:7]),
            status=str(deploy.get("status") or ""),
            detail=title,
            key=commit,
            files=_files(made),
            diff=str(made.get("diff") or "")[:_MOST_DIFF],
        )
    for flag in flags:
        at = seconds(flag.get("timestamp"))
        if at is None:
            continue
        name, move = str(flag.get("flag", "")), str(flag.get("change", "")).replace("->", " → ")
        yield Change(
            entity=entities.named(str(flag.get("service", ""))),
            kind=ChangeKind.FLAG if name else wording.change_kind(str(flag)),
            at=at,
            title=f"{name} {move}".strip(),
            source=SOURCE,
            author=str(flag.get("actor", "")),
            detail=f"{name} {move}".strip(),
            key=f"flag {name}",
        )


def _files(commit: Mapping[str, Any]) -> tuple[str, ...]:
    files = commit.get("files_changed")
    return tuple(str(one) for one in files) if isinstance(files, list) else ()
