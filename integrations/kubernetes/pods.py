"""Pods: phases, readiness, what their containers wait for and how they last ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.kubernetes import fields
from integrations.kubernetes.snapshot import SOURCE
from scoring.observations import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.kubernetes.api import Object
    from integrations.kubernetes.ownership import Owners
    from scoring.observations import Entity, Window

# Normal steps of a start; they count as trouble only when they take longer than this.
STARTING = frozenset({"ContainerCreating", "PodInitializing"})
STARTING_SECONDS = 300.0
_MAX_MESSAGE = 400


def states(pods: list[Object], owners: Owners, window: Window) -> Iterator[State]:
    """Yield the conditions of pods that are, or in the window were, not well."""
    for pod in pods:
        if fields.text(pod, "metadata", "deletionTimestamp"):
            # It is told to go: what its containers do on the way says nothing.
            continue
        entity = owners.pod_entity(pod)
        query = f"kubectl -n {entity.namespace} describe pod {entity.name}"
        yield from _pod(pod, entity, query, window)
        for kind in ("initContainerStatuses", "containerStatuses"):
            for status in fields.parts(pod, "status", kind):
                yield from _container(pod, status, entity, query, window)


def is_unwell(pod: Object) -> bool:
    """Return whether a pod should work and does not: not ready, or a container waiting or ended with an error."""
    if fields.text(pod, "status", "phase") == "Succeeded" or fields.text(pod, "metadata", "deletionTimestamp"):
        return False
    ready = fields.condition(pod, "Ready").get("status") == "True"
    return not ready


def _pod(pod: Object, entity: Entity, query: str, window: Window) -> Iterator[State]:
    phase = fields.text(pod, "status", "phase")
    attributes = _attributes(pod)
    scheduled = fields.condition(pod, "PodScheduled")
    if phase == "Pending" and scheduled.get("status") == "False":
        yield State(
            entity, fields.text(scheduled, "reason") or "Unschedulable", SOURCE,
            at=fields.seconds(scheduled.get("lastTransitionTime")), detail=_short(fields.text(scheduled, "message")),
            query=query, attributes=attributes,
        )  # fmt: skip
    elif phase in {"Failed", "Unknown"}:
        at = _last_end(pod) or fields.seconds(fields.condition(pod, "Ready").get("lastTransitionTime"))
        if at is None or at >= window.start:
            reason = fields.text(pod, "status", "reason") or f"Pod{phase}"
            detail = _short(fields.text(pod, "status", "message")) or f"pod is {phase.lower()}"
            yield State(entity, reason, SOURCE, at=at, detail=detail, query=query, attributes=attributes)
    elif phase == "Running":
        ready = fields.condition(pod, "Ready")
        if ready.get("status") == "False":
            detail = _short(fields.text(ready, "message")) or "pod is running, but not ready"
            at = fields.seconds(ready.get("lastTransitionTime"))
            yield State(entity, "NotReady", SOURCE, at=at, detail=detail, query=query, attributes=attributes)


def _container(pod: Object, status: Object, entity: Entity, query: str, window: Window) -> Iterator[State]:
    name, restarts = fields.text(status, "name"), fields.number(status, "restartCount")
    attributes = {
        **_attributes(pod), "container": name, "image": fields.text(status, "image"), "restarts": str(restarts),
    }  # fmt: skip
    waiting = fields.part(status, "state", "waiting")
    reason = fields.text(waiting, "reason")
    if reason:
        created = fields.seconds(fields.text(pod, "metadata", "creationTimestamp"))
        if reason not in STARTING or (created is not None and window.end - created > STARTING_SECONDS):
            detail = f"container {name}: {_short(fields.text(waiting, 'message')) or 'waiting'}"
            since = fields.seconds(fields.part(status, "lastState", "terminated").get("finishedAt"))
            yield State(
                entity, reason, SOURCE, at=since or created, detail=detail, count=max(1, restarts), query=query,
                attributes=attributes,
            )  # fmt: skip
    job = fields.controller(pod)[0] == "Job"
    for key in ("state", "lastState"):
        ended = fields.part(status, key, "terminated")
        if not ended:
            continue
        code = fields.number(ended, "exitCode")
        at = fields.seconds(ended.get("finishedAt"))
        clean = code == 0 and (key == "state" or job or fields.text(ended, "reason") == "Completed")
        if clean or (at is not None and at < window.start):
            continue
        signal = fields.number(ended, "signal")
        words = f"container {name} ended with exit code {code}{f' (signal {signal})' if signal else ''}"
        message = _short(fields.text(ended, "message"))
        yield State(
            entity, fields.text(ended, "reason") or "Error", SOURCE, at=at,
            detail=f"{words}, {restarts} restarts{f': {message}' if message else ''}", count=max(1, restarts),
            active=key == "state", query=query, attributes={**attributes, "exit_code": str(code)},
        )  # fmt: skip


def _attributes(pod: Object) -> dict[str, str]:
    node = fields.text(pod, "spec", "nodeName")
    return {"node": node} if node else {}


def _last_end(pod: Object) -> float | None:
    ends = [
        fields.seconds(fields.part(status, "state", "terminated").get("finishedAt"))
        for status in fields.parts(pod, "status", "containerStatuses")
    ]
    return max((end for end in ends if end is not None), default=None)


def _short(message: str) -> str:
    return " ".join(message.split())[:_MAX_MESSAGE]
