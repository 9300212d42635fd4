"""Pods: phases, readiness, what their containers wait for, and how they ended."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from integrations.cluster import fields, images
from integrations.cluster.telling import tell
from integrations.cluster.words import Word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.cluster.cluster import Cluster
    from integrations.cluster.fields import Object
    from scoring.observations import State

# Normal steps of a start; they count as trouble only when they take longer than this.
STARTING = frozenset({"ContainerCreating", "PodInitializing"})
STARTING_SECONDS = 300.0
LEAVING_SECONDS = 300.0
# Why a container that was made could not be started; the message of the runtime tells.
_NOT_STARTED: tuple[tuple[re.Pattern[str], Word], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), word)
    for pattern, word in (
        (r"oom-killed|memory limit too low", Word.LIMIT_TOO_LOW),
        (r"exec format error", Word.IMAGE_PLATFORM_MISMATCH),
        (r"executable file not found|no such file or directory", Word.COMMAND_NOT_FOUND),
        (r"permission denied", Word.COMMAND_NOT_EXECUTABLE),
    )
)
_EXIT_CODES = {126: Word.COMMAND_NOT_EXECUTABLE, 127: Word.COMMAND_NOT_FOUND}
# What ends a container that fails them; the exit codes of SIGTERM and of the SIGKILL after it.
_ENDING = frozenset({"liveness", "startup"})
_BY_SIGNAL = frozenset({137, 143})
# What was said so long before a container's end is of an earlier one (seconds).
_LONGEST_GRACE = 600.0
# As kubelets say it now, and before 1.16.
_KILLED_BY = re.compile(
    r"(?:container |container with id [a-z-]+://)(?P<name>[\w.-]+)(?: |:container )failed (?P<probe>liveness|startup) probe",
    re.IGNORECASE,
)
_VOLUME_REFUSED = re.compile(r"permission denied|read-only file ?system|EACCES|EROFS", re.IGNORECASE)
_MISSING: tuple[tuple[re.Pattern[str], Word], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), word)
    for pattern, word in (
        (r"couldn't find key|non-existent (config|secret) key", Word.MISSING_KEY),
        (r"configmaps? \"([\w.-]+)\" not found", Word.MISSING_CONFIG_MAP),
        (r"secrets? \"([\w.-]+)\" not found", Word.MISSING_SECRET),
        (r"serviceaccounts? \"([\w.-]+)\" not found", Word.MISSING_SERVICE_ACCOUNT),
        (r"persistentvolumeclaims? \"([\w.-]+)\" not found", Word.MISSING_CLAIM),
    )
)


def find(cluster: Cluster) -> Iterator[State]:
    """Yield the conditions of pods that are, or lately were, not well."""
    for pod in cluster.all("Pod"):
        if fields.is_leaving(pod):
            # What its containers do on the way says nothing, unless it does not go.
            yield from _leaving(cluster, pod)
            continue
        yield from _pod(cluster, pod)
        for kind in ("initContainerStatuses", "containerStatuses"):
            for status in fields.parts(pod, "status", kind):
                yield from _waiting(cluster, pod, status)
                yield from _ended(cluster, pod, status)


def is_ready(pod: Object) -> bool:
    """Return whether a pod is ready to serve."""
    return fields.condition(pod, "Ready").get("status") == "True"


def missing(message: str) -> tuple[Word, str] | None:
    """Return what a message of the kubelet misses, with its name, None where it misses nothing."""
    for pattern, word in _MISSING:
        found = pattern.search(message)
        if found:
            return word, found[1] if word is not Word.MISSING_KEY else ""
    return None


def pull_error(cluster: Cluster, pod: Object, waiting: str) -> str:
    """Return the longest that was said about why a pod's image cannot be pulled."""
    said = [
        seen.message
        for seen in cluster.events("Pod", fields.namespace(pod), fields.name(pod))
        if seen.reason in {"Failed", "BackOff", "InspectFailed"} and "image" in seen.message.lower()
    ]
    return max([waiting, *said], key=len)


def _pod(cluster: Cluster, pod: Object) -> Iterator[State]:
    phase, entity, node = fields.text(pod, "status", "phase"), cluster.pod(pod), fields.text(pod, "spec", "nodeName")
    ready = fields.condition(pod, "Ready")
    at = fields.seconds(ready.get("lastTransitionTime"))
    if phase in {"Failed", "Unknown"}:
        at = _last_end(pod) or at
        if not cluster.is_over(at):
            reason = fields.text(pod, "status", "reason") or f"Pod{phase}"
            detail = fields.text(pod, "status", "message") or f"pod is {phase.lower()}"
            yield tell(cluster, reason, entity, "Pod", pod, detail, at=at, node=node)
    elif phase == "Running" and ready.get("status") == "False":
        reason = fields.text(pod, "status", "reason")
        word = reason if reason == "NodeLost" else "NotReady"
        detail = fields.text(ready, "message") or "pod is running, but not ready"
        yield tell(cluster, word, entity, "Pod", pod, detail, at=at, node=node)


def _leaving(cluster: Cluster, pod: Object) -> Iterator[State]:
    told = fields.seconds(fields.part(pod, "metadata").get("deletionTimestamp"))
    if told is None or cluster.at is None or cluster.at - told < LEAVING_SECONDS:
        return
    finalizers = ", ".join(fields.texts(pod, "metadata", "finalizers"))
    detail = f"pod {fields.name(pod)} should have been gone {int(cluster.at - told)} s ago"
    detail += f"; it is held by the finalizers {finalizers}" if finalizers else ""
    node = fields.text(pod, "spec", "nodeName")
    yield tell(cluster, Word.STUCK_TERMINATING, cluster.pod(pod), "Pod", pod, detail, at=told, node=node)


def _waiting(cluster: Cluster, pod: Object, status: Object) -> Iterator[State]:
    waiting = fields.part(status, "state", "waiting")
    reason, message = fields.text(waiting, "reason"), fields.short(fields.text(waiting, "message"))
    if not reason:
        return
    created = fields.created(pod)
    name, restarts = fields.text(status, "name"), fields.number(status, "restartCount")
    word: Word | str = reason
    about = ""
    if reason in STARTING:
        if created is None or cluster.at is None or cluster.at - created <= STARTING_SECONDS:
            return
        word, message = Word.STUCK_STARTING, message or f"{reason} for {int(cluster.at - created)} s"
    elif reason in images.REASONS:
        message = pull_error(cluster, pod, message)
        word = images.why(message) or reason
        message = f"image {_image(pod, name) or fields.text(status, 'image')}: {message or reason}"
    elif (lacking := missing(message)) is not None:
        word, about = lacking
    else:
        word = next(
            (one for pattern, one in _NOT_STARTED if reason.endswith("Error") and pattern.search(message)), reason
        )
    ended = fields.part(status, "lastState", "terminated")
    message = f"{message or 'waiting'}{_by_probe(cluster, pod, name, ended) if reason == 'CrashLoopBackOff' else ''}"
    yield tell(
        cluster, word, cluster.pod(pod), "Pod", pod, f"container {name}: {message}", about=about,
        at=fields.seconds(ended.get("finishedAt")) or created, count=restarts, attributes=_attributes(pod, status, word, reason),
    )  # fmt: skip


def _ended(cluster: Cluster, pod: Object, status: Object) -> Iterator[State]:
    job = fields.controller(pod)[0] == "Job"
    name, restarts = fields.text(status, "name"), fields.number(status, "restartCount")
    # What ends a container again and again goes on, though it waits at the moment.
    is_looping = fields.text(status, "state", "waiting", "reason") == "CrashLoopBackOff"
    for key in ("state", "lastState"):
        ended = fields.part(status, key, "terminated")
        if not ended:
            continue
        code, reason = fields.number(ended, "exitCode"), fields.text(ended, "reason") or "Error"
        at = fields.seconds(ended.get("finishedAt"))
        clean = code == 0 and (key == "state" or job or reason == "Completed")
        if clean or cluster.is_over(at):
            continue
        signal = fields.number(ended, "signal")
        message = fields.short(fields.text(ended, "message"))
        words = f"container {name} ended with exit code {code}{f' (signal {signal})' if signal else ''}"
        words += _by_probe(cluster, pod, name, ended)
        word: Word | str = reason
        if reason in {"Error", "StartError", "ContainerCannotRun"}:
            word = next((one for pattern, one in _NOT_STARTED if reason != "Error" and pattern.search(message)), reason)
            word = _EXIT_CODES.get(code, word)
            if _VOLUME_REFUSED.search(message) and _has_volumes(pod) and word == "Error":
                word = Word.VOLUME_PERMISSION_DENIED
        yield tell(
            cluster, word, cluster.pod(pod), "Pod", pod,
            f"{words}, {restarts} restarts{f': {message}' if message else ''}", at=at, count=restarts,
            active=key == "state" or is_looping, exit_code=str(code), attributes=_attributes(pod, status, word, reason),
        )  # fmt: skip


def _by_probe(cluster: Cluster, pod: Object, name: str, ended: Object) -> str:
    """Return in words that a probe ended a container, "" where none is known to have.

    The kubelet says so (`Killing`: "Container web failed liveness probe, will be restarted"). Where that event is gone, a container that
    ended by the signal to go, or by the kill after it, while its liveness or startup probe failed was ended by that probe.
    """
    if fields.text(ended, "reason") == "OOMKilled":
        return ""
    known = {
        fields.text(one, "name"): one
        for kind in ("containers", "initContainers")
        for one in fields.parts(pod, "spec", kind)
    }
    by_signal = fields.number(ended, "exitCode") in _BY_SIGNAL
    at = fields.seconds(ended.get("finishedAt"))
    for seen in cluster.events("Pod", fields.namespace(pod), fields.name(pod)):
        if at is not None and seen.last is not None and seen.last < at - _LONGEST_GRACE:
            continue
        if seen.reason == "Killing":
            found = _KILLED_BY.search(seen.message)
            if found and found["name"] == name:
                return f", ended by its {found['probe'].lower()} probe"
        elif by_signal and seen.reason in {"Unhealthy", "ProbeError"}:
            probe = seen.message.partition(" ")[0].lower()
            # The event does not name the container: it is the one that has such a probe.
            has = [one for one, spec in known.items() if fields.has(spec, f"{probe}Probe")]
            if probe in _ENDING and (has == [name] or (not has and list(known) == [name])):
                return f", ended by its {probe} probe: {seen.message}"
    return ""


def _attributes(pod: Object, status: Object, word: str, reason: str) -> dict[str, str]:
    return {
        "node": fields.text(pod, "spec", "nodeName"), "container": fields.text(status, "name"),
        "image": fields.text(status, "image"), "restarts": str(fields.number(status, "restartCount")),
        "reason": reason if reason != word else "",
    }  # fmt: skip


def _image(pod: Object, name: str) -> str:
    for kind in ("containers", "initContainers"):
        for container in fields.parts(pod, "spec", kind):
            if fields.text(container, "name") == name:
                return fields.text(container, "image")
    return ""


def _has_volumes(pod: Object) -> bool:
    kinds = ("persistentVolumeClaim", "hostPath", "nfs", "csi")
    return any(fields.has(volume, kind) for volume in fields.parts(pod, "spec", "volumes") for kind in kinds)


def _last_end(pod: Object) -> float | None:
    ends = [
        fields.seconds(fields.part(status, "state", "terminated").get("finishedAt"))
        for status in fields.parts(pod, "status", "containerStatuses")
    ]
    return max((end for end in ends if end is not None), default=None)
