"""Turn GitHub's merged pull requests and published releases, as webhooks and the REST API both give them, into changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from integrations.comparison import Compared
from integrations.payload import link, part, text, time_of, whole
from scoring.observations import Change, ChangeKind, Entity, EntityKind

if TYPE_CHECKING:
    from collections.abc import Mapping

# What is merged or released is not yet what runs: a deployment of the same commit or tag tells that.
MERGED = "merged"
RELEASED = "released"


def merged_at(pull: Mapping[str, Any]) -> float | None:
    """Return when a pull request was merged into the branch that is deployed, None where it was not.

    Where GitHub does not say which branch is the default one, any counts.
    """
    base = part(pull, "base")
    default = text(part(base, "repo"), "default_branch")
    if default and text(base, "ref") != default:
        return None
    return time_of(pull, "merged_at")


def named(pull: Mapping[str, Any]) -> str:
    """Return a pull request in words: `#12 Tune the pool`."""
    return f"#{text(pull, 'number')} {text(pull, 'title')}".strip()


def pull_request(
    pull: Mapping[str, Any],
    *,
    repository: str,
    service: str,
    source: str,
    at: float,
    compared: Compared | None = None,
) -> Change:
    """Return the change that a merged pull request is; `at` is when it was merged, in Unix seconds."""
    sha = text(pull, "merge_commit_sha")
    # Webhooks tell how much was altered, and not in which files.
    counted = Compared(
        commits=max(whole(pull, "commits") or 0, 0), added=whole(pull, "additions"), removed=whole(pull, "deletions")
    )
    compared = compared or counted
    return Change(
        entity=Entity(EntityKind.SERVICE, service),
        kind=ChangeKind.OTHER,
        at=at,
        title=f"{repository} {named(pull)}",
        source=source,
        author=text(part(pull, "user"), "login"),
        link=link(pull, "html_url"),
        version=sha,
        status=MERGED,
        detail="; ".join(item for item in (f"pull request {named(pull)} merged", compared.words) if item),
        key=sha,
        files=compared.files,
        diff=compared.diff,
    )


def release(
    published: Mapping[str, Any],
    *,
    repository: str,
    service: str,
    source: str,
    at: float,
    previous: str = "",
    compared: Compared | None = None,
) -> Change:
    """Return the change that a release is; `at` is when it was published, in Unix seconds, `previous` the tag before."""
    tag = text(published, "tag_name")
    compared = compared or Compared()
    said = "pre-release" if published.get("prerelease") is True else ""
    name = text(published, "name")
    return Change(
        entity=Entity(EntityKind.SERVICE, service),
        kind=ChangeKind.OTHER,
        at=at,
        title=f"{repository.rpartition('/')[2]} released {tag}",
        source=source,
        author=text(part(published, "author"), "login"),
        link=link(published, "html_url"),
        version=tag,
        previous_version=previous,
        status=RELEASED,
        detail="; ".join(item for item in ("" if name == tag else name, said, compared.words) if item),
        key=tag,
        files=compared.files,
        diff=compared.diff,
    )
