"""Read GitHub's webhooks: which of them tell of a change of the running system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from integrations import pushes
from integrations.base import BadPayload, Event, EventKind, Inbound, ServiceReference
from integrations.github import deployments, published
from integrations.payload import decode, given_time, link, part, parts, required_part, required_text, text, time_of

if TYPE_CHECKING:
    from scoring.observations import Change

Payload = Mapping[str, Any]

_IGNORED: Mapping[str, str] = {
    "ping": "a test of the webhook",
    "workflow_run": "a workflow run is told by the deployment it makes",
    "check_run": "a check changes nothing that runs",
    "create": "a new branch or tag changes nothing that runs until it is deployed",
}


def read(inbound: Inbound, *, source: str) -> Event:
    """Return the event of a webhook.

    :raises BadPayload: where the body cannot be understood; the text names the field.
    """
    payload = decode(_json(inbound))
    name = inbound.headers.get("x-github-event", "").strip() or _guessed(payload)
    if name == "deployment":
        return _deployment(payload, None, inbound.received_at, source)
    if name == "deployment_status":
        status = required_part(payload, "deployment_status", "deployment_status")
        state = required_text(status, "state", "deployment_status.state", longest=50)
        if state == "inactive":
            return _ignored(payload, name, "a newer deployment has taken this one's place", inbound.received_at, source)
        return _deployment(payload, status, inbound.received_at, source)
    if name == "release" and text(payload, "action") == "published":
        return _release(payload, inbound.received_at, source)
    if name == "pull_request":
        return _pull_request(payload, inbound.received_at, source)
    if name == "push":
        return _push(payload, inbound.received_at, source)
    action = text(payload, "action")
    reason = _IGNORED.get(
        name, f"GitHub's event {name or 'without a name'}{f' ({action})' if action else ''} is no change"
    )
    return _ignored(payload, name, reason, inbound.received_at, source)


def _json(inbound: Inbound) -> bytes:
    """Return the JSON of a body, also where the webhook is set to the form content type (GitHub's own default)."""
    if not inbound.headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded"):
        return inbound.body
    try:
        fields = parse_qs(inbound.body.decode("ascii"), max_num_fields=10)
    except ValueError:
        raise BadPayload("the body must be a form with the field `payload`") from None
    if "payload" not in fields:
        raise BadPayload("the body must be a form with the field `payload`, and it is missing")
    return fields["payload"][0].encode("utf-8", "replace")


def _guessed(payload: Payload) -> str:
    """Return the event's name by what the payload holds, for a proxy that drops headers."""
    return next(
        (name for name in ("deployment_status", "deployment", "release", "pull_request") if part(payload, name)), ""
    )


def _deployment(payload: Payload, status: Payload | None, received_at: float, source: str) -> Event:
    deployment = required_part(payload, "deployment", "deployment")
    key = required_text(deployment, "id", "deployment.id", longest=100)
    required_text(deployment, "sha", "deployment.sha", longest=100)
    repository = _repository(payload)
    created_at = given_time(deployment, "created_at", "deployment.created_at", default=received_at)
    told_at = (
        given_time(status, "created_at", "deployment_status.created_at", default=received_at) if status else created_at
    )
    change = deployments.change(
        deployment,
        status or {"state": "pending"},
        repository=repository,
        service=repository.rpartition("/")[2],
        source=source,
        at=_started(payload, status, created_at),
        default_branch=text(part(payload, "repository"), "default_branch"),
    )
    environment = text(deployment, "environment")
    labels = {"environment": environment} if environment else {}
    return Event(
        source=source,
        kind=EventKind.CHANGE,
        event_type="deployment_status" if status else "deployment",
        dedupe_key=key,
        occurred_at=told_at,
        started_at=created_at,
        title=change.title,
        service=ServiceReference(name=change.entity.name, repository=repository, labels=labels),
        actor=text(part(payload, "sender"), "login") or change.author,
        url=change.link,
        text=text(status, "description") if status else text(deployment, "description"),
        labels=labels,
        change=change,
    )


def _started(payload: Payload, status: Payload | None, created_at: float) -> float:
    """Return when the deployment began to act.

    A deployment may wait hours for an approval before it begins, so the job's own start is better than its creation.
    """
    if status is None:
        return created_at
    began = time_of(part(payload, "check_run"), "started_at")
    if began is None and text(status, "state") == "in_progress":
        began = time_of(status, "created_at")
    return max(created_at, began) if began is not None else created_at


def _release(payload: Payload, received_at: float, source: str) -> Event:
    release = required_part(payload, "release", "release")
    required_text(release, "tag_name", "release.tag_name", longest=200)
    key = required_text(release, "id", "release.id", longest=100)
    repository = _repository(payload)
    at = given_time(release, "published_at", "release.published_at", default=received_at)
    name = repository.rpartition("/")[2]
    change = published.release(release, repository=repository, service=name, source=source, at=at)
    return _published(payload, change, f"release-{key}", "release", repository, text(release, "body"))


def _pull_request(payload: Payload, received_at: float, source: str) -> Event:
    if text(payload, "action") != "closed":
        return _ignored(
            payload, "pull_request", "a pull request changes nothing until it is merged", received_at, source
        )
    pull = required_part(payload, "pull_request", "pull_request")
    if pull.get("merged") is False or pull.get("merged_at") is None:
        return _ignored(payload, "pull_request", "a pull request was closed and not merged", received_at, source)
    at = given_time(pull, "merged_at", "pull_request.merged_at", default=received_at)
    if published.merged_at(pull) is None:
        reason = "a pull request was merged into a branch that is not the default one"
        return _ignored(payload, "pull_request", reason, received_at, source)
    key = required_text(pull, "id", "pull_request.id", longest=100)
    required_text(pull, "number", "pull_request.number", longest=20)
    repository = _repository(payload)
    name = repository.rpartition("/")[2]
    change = published.pull_request(pull, repository=repository, service=name, source=source, at=at)
    return _published(payload, change, f"pull-request-{key}", "pull_request", repository, text(pull, "body"))


def _push(payload: Payload, received_at: float, source: str) -> Event:
    repository = part(payload, "repository")
    if reason := pushes.why_not(payload, text(repository, "default_branch")):
        return _ignored(payload, "push", reason, received_at, source)
    name = _repository(payload)
    sha = required_text(payload, "after", "after", longest=100)
    change = pushes.change(
        payload,
        repository=name,
        source=source,
        at=received_at,
        author=text(part(payload, "pusher"), "name") or text(part(payload, "sender"), "login"),
        link=link(payload, "compare"),
        commits=len(parts(payload, "commits")),
    )
    return _published(payload, change, f"push-{sha}", "push", name, "")


def _published(payload: Payload, change: Change, key: str, event_type: str, repository: str, body: str) -> Event:
    return Event(
        source=change.source,
        kind=EventKind.CHANGE,
        event_type=event_type,
        dedupe_key=key,
        occurred_at=change.at,
        started_at=change.at,
        title=change.title,
        service=ServiceReference(name=change.entity.name, repository=repository),
        actor=text(part(payload, "sender"), "login") or change.author,
        url=change.link,
        text=body[:10_000],
        change=change,
    )


def _repository(payload: Payload) -> str:
    repository = required_part(payload, "repository", "repository")
    return required_text(repository, "full_name", "repository.full_name", longest=200)


def _ignored(payload: Payload, name: str, reason: str, received_at: float, source: str) -> Event:
    repository = text(part(payload, "repository"), "full_name")
    return Event(
        source=source,
        kind=EventKind.IGNORED,
        event_type=name[:200],
        dedupe_key=text(part(payload, "deployment"), "id")[:200],
        occurred_at=received_at,
        started_at=received_at,
        service=ServiceReference(name=repository.rpartition("/")[2], repository=repository),
        actor=text(part(payload, "sender"), "login"),
        reason=reason,
    )
