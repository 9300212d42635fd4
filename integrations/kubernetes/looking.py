"""Small questions to a cluster in a conversation: objects of the namespaces in scope, shortened, and the end of a log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from integrations.base import Category, Look, OutOfScope, Seen
from integrations.cluster import fields
from integrations.kubernetes import snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from integrations.kubernetes.api import Api, Object, Resource

OBJECTS = 25
LINES = 60
LINE = 300
LIMIT_BYTES = 64 * 1024
# What tells of an incident. Secrets and config maps are not among them, nor is what containers have in their environment.
READABLE: Mapping[str, Resource] = {
    one.plural: one
    for one in (
        snapshot.PODS, snapshot.DEPLOYMENTS, snapshot.REPLICASETS, snapshot.STATEFULSETS, snapshot.DAEMONSETS, snapshot.EVENTS,
        snapshot.SERVICES, snapshot.AUTOSCALERS, snapshot.JOBS, snapshot.CRON_JOBS, snapshot.QUOTAS, snapshot.CLAIMS,
        snapshot.INGRESSES, snapshot.NODES,
    )
}  # fmt: skip
ObjectName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]{0,253}$")]


class Objects(BaseModel):
    """Ask for objects of one kind."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal[
        "pods", "deployments", "replicasets", "statefulsets", "daemonsets", "events", "services",
        "horizontalpodautoscalers", "jobs", "cronjobs", "resourcequotas", "persistentvolumeclaims", "ingresses", "nodes",
    ]  # fmt: skip
    namespace: ObjectName = Field(default="", description="One of the incident's; empty for all of them.")
    containing: ObjectName = Field(default="", description="Part of the name; of events, of the object they are about.")


class Log(BaseModel):
    """Ask for the end of a container's log."""

    model_config = ConfigDict(extra="forbid")

    namespace: ObjectName
    pod: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]
    container: ObjectName = ""
    previous: bool = Field(default=False, description="Of the container before its last restart.")
    lines: int = Field(default=40, ge=1, le=LINES)


LOOKS = (
    Look(
        "objects",
        "List objects of one kind with what tells of their health; at most 25, of the incident's namespaces.",
        Objects,
        cost=4,
    ),
    Look("log", "Read the last lines of one container's log.", Log, category=Category.LOGS),
)


def look(api: Api, namespaces: tuple[str, ...], arguments: Objects | Log) -> Seen:
    """Return what the cluster knows.

    :raises SourceError: where the namespace is not in scope, or the API server does not answer.
    """
    named = arguments.namespace
    if named and named not in namespaces:
        known = ", ".join(namespaces) or "none"
        raise OutOfScope(f"namespace {named!r} is outside this incident; known are: {known}")
    return _log(api, arguments) if isinstance(arguments, Log) else _objects(api, namespaces, arguments)


def _objects(api: Api, namespaces: tuple[str, ...], asked: Objects) -> Seen:
    resource = READABLE[asked.kind]
    where = ("",) if not resource.namespaced else (asked.namespace,) if asked.namespace else namespaces
    found: list[Object] = []
    for namespace in where:
        found.extend(api.list(resource, namespace).items)
    kept = [one for one in found if asked.containing in _subject(asked.kind, one)]
    if asked.kind == "events":
        kept.sort(key=_last_seen, reverse=True)
    place = f" in {', '.join(one for one in where if one)}" if any(where) else ""
    part = f" whose name contains {asked.containing}" if asked.containing else ""
    note = f"{len(kept) - OBJECTS} more were left out" if len(kept) > OBJECTS else ""
    return Seen(
        query=f"list {asked.kind}{place}{part}",
        rows=tuple(_short(asked.kind, one) for one in kept[:OBJECTS]),
        note=note or ("there are none" if not kept else ""),
    )


def _log(api: Api, asked: Log) -> Seen:
    parameters = {"tailLines": str(asked.lines), "limitBytes": str(LIMIT_BYTES), "timestamps": "true"}
    if asked.container:
        parameters["container"] = asked.container
    if asked.previous:
        parameters["previous"] = "true"
    lines = api.log(asked.namespace, asked.pod, **parameters).splitlines()[-asked.lines :]
    of = f"{asked.pod}/{asked.container}" if asked.container else asked.pod
    before = " before its last restart" if asked.previous else ""
    return Seen(
        query=f"last {asked.lines} log lines of {of} in {asked.namespace}{before}",
        rows=tuple({"line": line[:LINE]} for line in lines),
        note="" if lines else "the log is empty",
    )


def _subject(kind: str, one: Object) -> str:
    return fields.text(one, "involvedObject", "name") if kind == "events" else fields.name(one)


def _last_seen(one: Object) -> str:
    return (
        fields.text(one, "lastTimestamp")
        or fields.text(one, "eventTime")
        or fields.text(one, "metadata", "creationTimestamp")
    )


def _short(kind: str, one: Object) -> dict[str, Any]:
    """Return what tells of an object's health: names, counts, conditions, images; nothing of its environment."""
    if kind == "events":
        return {
            "about": f"{fields.text(one, 'involvedObject', 'kind')}/{fields.text(one, 'involvedObject', 'name')}",
            "reason": fields.text(one, "reason"),
            "message": fields.text(one, "message")[:LINE],
            "count": fields.number(one, "count"),
            "last": _last_seen(one),
        }
    made: dict[str, Any] = {
        "name": fields.name(one),
        "namespace": fields.namespace(one),
        "created": fields.text(one, "metadata", "creationTimestamp"),
    }
    if kind == "pods":
        made |= {
            "phase": fields.text(one, "status", "phase"),
            "node": fields.text(one, "spec", "nodeName"),
            "reason": fields.text(one, "status", "reason"),
            "containers": [_container(each) for each in fields.parts(one, "status", "containerStatuses")],
        }
    else:
        counts = ("replicas", "readyReplicas", "updatedReplicas", "availableReplicas", "unavailableReplicas", "currentReplicas",
                  "desiredReplicas", "active", "succeeded", "failed", "desiredNumberScheduled", "numberReady")  # fmt: skip
        status = fields.part(one, "status")
        made["status"] = {name: status[name] for name in counts if isinstance(status.get(name), int)}
        spec = fields.part(one, "spec")
        made["wanted"] = {
            name: spec[name]
            for name in ("replicas", "minReplicas", "maxReplicas", "suspend")
            if isinstance(spec.get(name), (int, bool))
        }
        made["images"] = [
            fields.text(each, "image") for each in fields.parts(one, "spec", "template", "spec", "containers")
        ]
    made["conditions"] = [
        {
            "type": fields.text(each, "type"),
            "status": fields.text(each, "status"),
            "reason": fields.text(each, "reason"),
            "message": fields.text(each, "message")[:LINE],
        }
        for each in fields.parts(one, "status", "conditions")
        if fields.text(each, "status") != "True" or kind == "nodes"
    ]
    return {name: value for name, value in made.items() if value not in ("", [], {})}


def _container(one: Object) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": fields.text(one, "name"),
        "ready": one.get("ready") is True,
        "restarts": fields.number(one, "restartCount"),
        "image": fields.text(one, "image"),
        "waiting": fields.text(one, "state", "waiting", "reason"),
        "message": fields.text(one, "state", "waiting", "message")[:LINE],
        "last_ended": fields.text(one, "lastState", "terminated", "reason"),
        "last_exit_code": fields.number(one, "lastState", "terminated", "exitCode"),
    }
    return {name: value for name, value in made.items() if value not in ("", 0) or name in {"ready", "restarts"}}
