"""Turn a GitHub deployment and its status, as webhooks and the REST API both give them, into a change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from integrations.comparison import Compared
from integrations.payload import link, part, text
from scoring.observations import Change, ChangeKind, Entity, EntityKind

if TYPE_CHECKING:
    from collections.abc import Mapping

# GitHub's states, as a change's status is called here.
_STATUSES: Mapping[str, str] = {
    "success": "succeeded",
    "failure": "failed",
    "error": "failed",
    "in_progress": "in_progress",
    "queued": "pending",
    "pending": "pending",
    "waiting": "pending",
}

_LONGEST_REF = 255
_TAG = re.compile(r"(refs/tags/.+|[A-Za-z_-]*v?\d+(\.\d+)+([-+.][\w.+-]*)?)")


def version(deployment: Mapping[str, Any], default_branch: str = "") -> str:
    """Return the tag that was deployed, else the commit: a branch's name says nothing about what runs."""
    ref = text(deployment, "ref")[:_LONGEST_REF]
    tag = ref != default_branch and _TAG.fullmatch(ref)
    return ref.removeprefix("refs/tags/") if tag else text(deployment, "sha")


def change(
    deployment: Mapping[str, Any],
    status: Mapping[str, Any] | None,
    *,
    repository: str,
    service: str,
    source: str,
    at: float,
    default_branch: str = "",
    previous: Mapping[str, Any] | None = None,
    compared: Compared | None = None,
    pulls: str = "",
) -> Change:
    """Return the change that a deployment is; `at` is when it began to act, in Unix seconds.

    Without a status it is unknown how the deployment went. `pulls` names the pull requests that it brought.
    """
    environment = text(deployment, "environment")
    state = text(status, "state") if status else ""
    deployed = version(deployment, default_branch)
    shown = deployed[:7] if deployed == text(deployment, "sha") else deployed
    compared = compared or Compared()
    description = text(status, "description") or text(deployment, "description")
    return Change(
        entity=Entity(EntityKind.SERVICE, service),
        kind=ChangeKind.DEPLOYMENT,
        at=at,
        title=f"{repository} {shown} to {environment}" if environment else f"{repository} {shown}",
        source=source,
        author=text(part(deployment, "creator"), "login"),
        link=link(status, "log_url", "target_url", "environment_url"),
        version=deployed,
        previous_version=version(previous, default_branch) if previous else "",
        status=_STATUSES.get(state, state),
        detail="; ".join(
            item for item in (environment and f"environment {environment}", description, pulls, compared.words) if item
        ),
        key=text(deployment, "sha"),
        files=compared.files,
        diff=compared.diff,
    )
