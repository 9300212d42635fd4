"""Turn GitLab's deployments, merge requests and releases into changes; webhooks and the REST API name their parts apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from integrations.comparison import Compared
from scoring.observations import Change, ChangeKind, Entity, EntityKind

if TYPE_CHECKING:
    from collections.abc import Mapping

# GitLab's states of deployments and jobs, as a change's status is called here.
STATUSES: Mapping[str, str] = {
    "created": "pending",
    "blocked": "pending",
    "pending": "pending",
    "running": "in_progress",
    "success": "succeeded",
    "failed": "failed",
    "canceled": "cancelled",
    "canceling": "cancelled",
}
_SHA = re.compile(r"[0-9a-f]{40,64}")
_TAG = re.compile(r"[A-Za-z_-]*v?\d+(\.\d+)+([-+.][\w.+-]*)?")
_LONGEST_REF = 255


def commit_of(address: str) -> str:
    """Return the commit that an address ends in, else an empty text: webhooks carry a short one besides."""
    last = address.rstrip("/").rpartition("/")[2]
    return last if _SHA.fullmatch(last) else ""


def version(ref: str, sha: str, default_branch: str = "") -> str:
    """Return the tag that was deployed, else the commit: a branch's name says nothing about what runs."""
    return ref[:_LONGEST_REF] if ref and ref != default_branch and _TAG.fullmatch(ref[:_LONGEST_REF]) else sha


def deployment(
    *,
    project: str,
    service: str,
    source: str,
    at: float,
    sha: str,
    ref: str,
    environment: str,
    status: str,
    author: str = "",
    link: str = "",
    words: str = "",
    default_branch: str = "",
    previous: str = "",
    compared: Compared | None = None,
) -> Change:
    """Return the change that a deployment is; `at` is when it began to act, in Unix seconds, `words` what it is about."""
    deployed = version(ref, sha, default_branch)
    shown = deployed[:8] if deployed == sha else deployed
    return _change(
        service,
        (environment and f"environment {environment}", words),
        compared,
        kind=ChangeKind.DEPLOYMENT,
        at=at,
        title=f"{project} {shown} to {environment}" if environment else f"{project} {shown}",
        source=source,
        author=author,
        link=link,
        version=deployed,
        previous_version=previous,
        status=STATUSES.get(status, status),
        key=sha,
    )


def merge_request(
    *,
    project: str,
    service: str,
    source: str,
    at: float,
    number: str,
    title: str,
    sha: str,
    author: str = "",
    link: str = "",
    compared: Compared | None = None,
) -> Change:
    """Return the change that a merged merge request is: not yet what runs, which a deployment of its commit tells."""
    return _change(
        service,
        (f"merge request !{number} {title} merged",),
        compared,
        kind=ChangeKind.OTHER,
        at=at,
        title=f"{project} !{number} {title}".strip(),
        source=source,
        author=author,
        link=link,
        version=sha,
        status="merged",
        key=sha,
    )


def release(
    *,
    project: str,
    service: str,
    source: str,
    at: float,
    tag: str,
    name: str = "",
    author: str = "",
    link: str = "",
    sha: str = "",
    previous: str = "",
    compared: Compared | None = None,
) -> Change:
    """Return the change that a release is."""
    return _change(
        service,
        ("" if name == tag else name,),
        compared,
        kind=ChangeKind.OTHER,
        at=at,
        title=f"{project.rpartition('/')[2]} released {tag}",
        source=source,
        author=author,
        link=link,
        version=tag,
        previous_version=previous,
        status="released",
        key=sha or tag,
    )


def _change(service: str, told: tuple[str, ...], compared: Compared | None, **rest: Any) -> Change:
    """Return a change with its words, and with what lies between it and the one before, where that was compared."""
    compared = compared or Compared()
    return Change(
        entity=Entity(EntityKind.SERVICE, service),
        detail="; ".join(filter(None, (*told, compared.words))),
        files=compared.files,
        diff=compared.diff,
        **rest,
    )
