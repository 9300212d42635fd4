"""Read GitLab's webhooks: which of them tell of a change of the running system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from integrations import pushes
from integrations.base import Event, EventKind, Inbound, ServiceReference
from integrations.gitlab import made
from integrations.payload import (
    decode,
    given_time,
    link,
    part,
    parts,
    required_part,
    required_text,
    text,
    time_of,
    whole,
)
from scoring.observations import Change, ChangeKind, Entity, EntityKind

if TYPE_CHECKING:
    from collections.abc import Callable

Payload = Mapping[str, Any]

_IGNORED: Mapping[str, str] = {
    "tag_push": "a new tag changes nothing that runs until it is deployed",
    "build": "a job is told by the deployment it makes",
}
# Of a job: it waits for a person, or never ran.
_NOT_RUN = frozenset({"manual", "skipped", "created", "scheduled", "waiting_for_resource", "preparing", ""})
_MOST_ENVIRONMENTS = 10


def read(inbound: Inbound, *, source: str) -> tuple[Event, ...]:
    """Return the events of a webhook; a pipeline may deploy to several environments.

    :raises BadPayload: where the body cannot be understood; the text names the field.
    """
    payload = decode(inbound.body)
    kind = text(payload, "object_kind")
    readers: Mapping[str, Callable[[_Hook], tuple[Event, ...]]] = {
        "deployment": _deployment,
        "merge_request": _merge_request,
        "release": _release,
        "pipeline": _pipeline,
        "feature_flag": _flag,
        "push": _push,
    }
    hook = _Hook(payload, kind, inbound.received_at, source)
    if reader := readers.get(kind):
        return reader(hook)
    return hook.ignored(_IGNORED.get(kind, f"GitLab's event {kind[:100] or 'without a kind'} is no change"))


class _Hook:
    """Be one webhook with what all of them have."""

    def __init__(self, payload: Payload, kind: str, received_at: float, source: str) -> None:
        self.payload = payload
        self.kind = kind
        self.received_at = received_at
        self.source = source
        self.project = part(payload, "project")
        self.attributes = part(payload, "object_attributes")
        self.user = text(part(payload, "user"), "username", "name")

    @property
    def path(self) -> str:
        return required_text(
            required_part(self.payload, "project", "project"),
            "path_with_namespace",
            "project.path_with_namespace",
            longest=200,
        )

    @property
    def service(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def default_branch(self) -> str:
        return text(self.project, "default_branch")

    def event(self, change: Change, key: str, *, at: float, environment: str = "", body: str = "") -> Event:
        labels = {"environment": environment} if environment else {}
        return Event(
            source=self.source,
            kind=EventKind.CHANGE,
            event_type=self.kind,
            dedupe_key=key,
            occurred_at=at,
            started_at=change.at,
            title=change.title,
            service=ServiceReference(name=change.entity.name, repository=self.path, labels=labels),
            actor=self.user or change.author,
            url=change.link,
            text=body[:10_000],
            labels=labels,
            change=change,
        )

    def ignored(self, reason: str) -> tuple[Event, ...]:
        path = text(self.project, "path_with_namespace")[:200]
        return (
            Event(
                source=self.source,
                kind=EventKind.IGNORED,
                event_type=self.kind[:200],
                dedupe_key="",
                occurred_at=self.received_at,
                started_at=self.received_at,
                service=ServiceReference(name=path.rpartition("/")[2], repository=path),
                actor=self.user,
                reason=reason,
            ),
        )


def _push(hook: _Hook) -> tuple[Event, ...]:
    if reason := pushes.why_not(hook.payload, hook.default_branch):
        return hook.ignored(reason)
    # GitLab lists the last twenty commits, and counts them all.
    listed = parts(hook.payload, "commits")
    change = pushes.change(
        hook.payload,
        repository=hook.path,
        source=hook.source,
        at=hook.received_at,
        author=text(hook.payload, "user_username", "user_name"),
        link=link(listed[-1], "url"),
        commits=max(whole(hook.payload, "total_commits_count") or 0, len(listed)),
    )
    return (hook.event(change, f"push-{change.version[:100]}", at=hook.received_at),)


def _deployment(hook: _Hook) -> tuple[Event, ...]:
    payload = hook.payload
    status = required_text(payload, "status", "status", longest=40)
    key = required_text(payload, "deployment_id", "deployment_id", longest=100)
    sha = made.commit_of(link(payload, "commit_url")) or required_text(payload, "short_sha", "short_sha", longest=100)
    at = given_time(payload, "status_changed_at", "status_changed_at", default=hook.received_at)
    environment = text(payload, "environment")[:100]
    change = made.deployment(
        project=hook.path,
        service=hook.service,
        source=hook.source,
        at=at,
        sha=sha,
        ref=text(payload, "ref"),
        environment=environment,
        status=status,
        author=hook.user,
        link=link(payload, "deployable_url"),
        words=text(payload, "commit_title"),
        default_branch=hook.default_branch,
    )
    return (hook.event(change, f"deployment-{key}", at=at, environment=environment),)


def _merge_request(hook: _Hook) -> tuple[Event, ...]:
    attributes = hook.attributes
    if text(attributes, "action") != "merge":
        return hook.ignored("a merge request changes nothing until it is merged")
    if hook.default_branch and text(attributes, "target_branch") != hook.default_branch:
        return hook.ignored("a merge request was merged into a branch that is not the default one")
    key = required_text(attributes, "id", "object_attributes.id", longest=100)
    number = required_text(attributes, "iid", "object_attributes.iid", longest=20)
    at = time_of(attributes, "merged_at", "updated_at") or hook.received_at
    change = made.merge_request(
        project=hook.path,
        service=hook.service,
        source=hook.source,
        at=at,
        number=number,
        title=text(attributes, "title"),
        sha=text(attributes, "merge_commit_sha", "squash_commit_sha") or text(part(attributes, "last_commit"), "id"),
        author=text(part(part(attributes, "last_commit"), "author"), "name") or hook.user,
        link=link(attributes, "url"),
    )
    return (hook.event(change, f"merge-request-{key}", at=at, body=text(attributes, "description")),)


def _release(hook: _Hook) -> tuple[Event, ...]:
    payload = hook.payload
    if text(payload, "action") not in {"create", ""}:
        return hook.ignored("an edited or deleted release changes nothing that runs")
    tag = required_text(payload, "tag", "tag", longest=200)
    key = required_text(payload, "id", "id", longest=100)
    at = given_time(payload, "released_at", "released_at", default=hook.received_at)
    commit = part(payload, "commit")
    change = made.release(
        project=hook.path,
        service=hook.service,
        source=hook.source,
        at=at,
        tag=tag,
        name=text(payload, "name"),
        author=text(part(commit, "author"), "name"),
        link=link(payload, "url"),
        sha=text(commit, "id"),
    )
    return (hook.event(change, f"release-{key}", at=at, body=text(payload, "description")),)


def _pipeline(hook: _Hook) -> tuple[Event, ...]:
    """Return one change for each environment that a job of the pipeline deploys to."""
    attributes = hook.attributes
    jobs: dict[str, Payload] = {}
    for job in parts(hook.payload, "builds"):
        target = part(job, "environment")
        name = text(target, "name")[:100]
        runs = text(job, "status") not in _NOT_RUN and text(target, "action") in {"start", ""}
        if name and runs:
            jobs[name] = job
    if not jobs:
        return hook.ignored("a pipeline that deploys nothing changes nothing that runs")
    key = required_text(attributes, "id", "object_attributes.id", longest=60)
    sha = required_text(attributes, "sha", "object_attributes.sha", longest=100)
    events = []
    for environment, job in sorted(jobs.items())[:_MOST_ENVIRONMENTS]:
        at = time_of(job, "started_at", "created_at") or time_of(attributes, "created_at") or hook.received_at
        change = made.deployment(
            project=hook.path,
            service=hook.service,
            source=hook.source,
            at=at,
            sha=sha,
            ref=text(attributes, "ref"),
            environment=environment,
            status=text(job, "status"),
            author=text(part(job, "user"), "username", "name") or hook.user,
            link=link(attributes, "url"),
            words=text(part(hook.payload, "commit"), "title"),
            default_branch=hook.default_branch,
        )
        told_at = time_of(job, "finished_at") or at
        events.append(hook.event(change, f"pipeline-{key}-{environment}", at=told_at, environment=environment))
    return tuple(events)


def _flag(hook: _Hook) -> tuple[Event, ...]:
    """Return the change of a feature flag; GitLab does not say when, nor in which environment."""
    attributes = hook.attributes
    key = required_text(attributes, "id", "object_attributes.id", longest=60)
    name = required_text(attributes, "name", "object_attributes.name", longest=200)
    state = "on" if attributes.get("active") is True else "off"
    change = Change(
        entity=Entity(EntityKind.SERVICE, hook.service),
        kind=ChangeKind.FLAG,
        at=hook.received_at,
        title=f"flag {name} turned {state}",
        source=hook.source,
        author=hook.user,
        link=link(hook.project, "web_url"),
        status="succeeded",
        detail=f"flag {name} {'off → on' if state == 'on' else 'on → off'}",
    )
    return (hook.event(change, f"flag-{key}-{state}-{hook.received_at:.0f}", at=hook.received_at),)
