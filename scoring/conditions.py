"""The detector for states: what each known condition of an object means, how bad it is and what to check next."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scoring.evidence import CauseKind
from scoring.observations import EntityKind

if TYPE_CHECKING:
    from scoring.observations import State

_K = CauseKind


@dataclass(frozen=True, slots=True)
class Condition:
    """Describe a condition: what it means in words, its severity in [0, 1] and the cause kinds it hints at, best first."""

    words: str
    severity: float
    kinds: tuple[CauseKind, ...] = ()


# Severities: 0.9 and above, it does not run; 0.7, it is breaking; 0.5, it limps; 0.3, worth a line; 0, part of normal life.
_CONDITIONS: Final[dict[str, Condition]] = {
    # containers
    "OOMKilled": Condition("was killed: out of memory", 0.95, (_K.MEMORY_SATURATION,)),
    "CrashLoopBackOff": Condition("keeps crashing", 0.95, (_K.CRASH_LOOP,)),
    "ImagePullBackOff": Condition("cannot pull its image", 0.95, (_K.IMAGE,)),
    "ErrImagePull": Condition("cannot pull its image", 0.95, (_K.IMAGE,)),
    "ErrImageNeverPull": Condition("may not pull its image, and the node does not have it", 0.95, (_K.IMAGE,)),
    "InvalidImageName": Condition("has an invalid image name", 0.95, (_K.IMAGE, _K.CONFIG_CHANGE)),
    "ImageInspectError": Condition("has an image that cannot be read", 0.95, (_K.IMAGE,)),
    "RegistryUnavailable": Condition("cannot reach its image registry", 0.9, (_K.IMAGE,)),
    "CreateContainerConfigError": Condition(
        "lacks a ConfigMap, a Secret or a key that its specification names", 0.95, (_K.CONFIG_CHANGE, _K.CREDENTIALS)
    ),
    "CreateContainerError": Condition("cannot be created", 0.9, (_K.CONFIG_CHANGE,)),
    "RunContainerError": Condition("cannot be started", 0.9, (_K.CONFIG_CHANGE,)),
    "ContainerCannotRun": Condition("cannot be started", 0.9, (_K.CONFIG_CHANGE,)),
    "StartError": Condition("cannot be started", 0.9, (_K.CONFIG_CHANGE,)),
    "Error": Condition("ended with an error", 0.7, (_K.CRASH_LOOP,)),
    "BackOff": Condition("is restarted with growing pauses", 0.8, (_K.CRASH_LOOP,)),
    "DeadlineExceeded": Condition("ran past its deadline", 0.6, (_K.HUMAN_OR_JOB,)),
    "FailedPostStartHook": Condition("failed in its start hook", 0.7, (_K.CRASH_LOOP,)),
    "FailedPreStopHook": Condition("failed in its stop hook", 0.3),
    # pods
    "FailedScheduling": Condition("finds no node to run on", 0.85, (_K.SCHEDULING,)),
    "Unschedulable": Condition("finds no node to run on", 0.85, (_K.SCHEDULING,)),
    "Unhealthy": Condition("fails its probe", 0.7, (_K.CRASH_LOOP,)),
    "ProbeError": Condition("cannot be probed", 0.6, (_K.CRASH_LOOP,)),
    "ContainersNotReady": Condition("has containers that are not ready", 0.5, (_K.CRASH_LOOP,)),
    "NotReady": Condition("is not ready", 0.6, (_K.CRASH_LOOP,)),
    "Evicted": Condition("was evicted", 0.8, (_K.NODE_FAILURE, _K.MEMORY_SATURATION)),
    "Preempted": Condition("gave way to a pod of higher priority", 0.6, (_K.SCHEDULING,)),
    "Preempting": Condition("pushes out a pod of lower priority", 0.3, (_K.SCHEDULING,)),
    "NodeLost": Condition("is on a node that is lost", 0.9, (_K.NODE_FAILURE,)),
    "PodFailed": Condition("failed", 0.7, (_K.CRASH_LOOP,)),
    "PodUnknown": Condition("is in an unknown state", 0.6, (_K.NODE_FAILURE,)),
    "Failed": Condition("failed", 0.7, (_K.CRASH_LOOP,)),
    "Pending": Condition("waits to be started", 0.5, (_K.SCHEDULING,)),
    "Unknown": Condition("is in an unknown state", 0.6, (_K.NODE_FAILURE,)),
    "FailedCreatePodSandBox": Condition("gets no sandbox (network or runtime)", 0.8, (_K.NETWORK_PARTITION,)),
    "NetworkNotReady": Condition("has no network on its node", 0.85, (_K.NODE_FAILURE, _K.NETWORK_PARTITION)),
    "FailedKillPod": Condition("cannot be stopped", 0.4, (_K.NODE_FAILURE,)),
    "ExceededGracePeriod": Condition("did not stop in its grace period", 0.3),
    # volumes
    "FailedMount": Condition("cannot mount a volume", 0.85, (_K.STORAGE, _K.CONFIG_CHANGE)),
    "FailedAttachVolume": Condition("cannot attach a volume", 0.85, (_K.STORAGE,)),
    "FailedMapVolume": Condition("cannot map a volume", 0.85, (_K.STORAGE,)),
    "VolumeResizeFailed": Condition("cannot grow a volume", 0.6, (_K.STORAGE,)),
    "ProvisioningFailed": Condition("gets no volume", 0.85, (_K.STORAGE,)),
    "FailedBinding": Condition("finds no volume to bind", 0.8, (_K.STORAGE,)),
    "Lost": Condition("lost its volume", 0.9, (_K.STORAGE,)),
    # workloads
    "ProgressDeadlineExceeded": Condition("has a rollout that does not get on", 0.85, (_K.BAD_DEPLOY,)),
    "ReplicaFailure": Condition("cannot create its replicas", 0.85, (_K.SCHEDULING,)),
    "FailedCreate": Condition("cannot create its pods", 0.85, (_K.SCHEDULING,)),
    "MinimumReplicasUnavailable": Condition("has fewer replicas than it needs", 0.7, (_K.CRASH_LOOP,)),
    "ReplicasUnavailable": Condition("has fewer replicas than it needs", 0.7, (_K.CRASH_LOOP,)),
    "ScaledToZero": Condition("is scaled to zero", 0.8, (_K.HUMAN_OR_JOB, _K.CONFIG_CHANGE)),
    "BackoffLimitExceeded": Condition("failed as often as it may", 0.8, (_K.HUMAN_OR_JOB, _K.CRASH_LOOP)),
    "FailedDaemonPod": Condition("has a daemon pod that fails", 0.6, (_K.CRASH_LOOP,)),
    "NoEndpoints": Condition("has no ready endpoints", 0.85, (_K.CONFIG_CHANGE, _K.CRASH_LOOP)),
    "FailedToUpdateEndpoint": Condition("has endpoints that cannot be updated", 0.4),
    # autoscalers and quota
    "ScalingLimited": Condition("is at the limit of its autoscaler", 0.6, (_K.CPU_SATURATION, _K.TRAFFIC_SURGE)),
    "TooManyReplicas": Condition("is at the most replicas its autoscaler allows", 0.6, (_K.TRAFFIC_SURGE,)),
    "FailedGetScale": Condition("has an autoscaler that finds no target", 0.5, (_K.CONFIG_CHANGE,)),
    "FailedGetResourceMetric": Condition("has an autoscaler without metrics", 0.4, (_K.CONFIG_CHANGE,)),
    "FailedComputeMetricsReplicas": Condition("has an autoscaler that cannot compute", 0.4, (_K.CONFIG_CHANGE,)),
    "QuotaExhausted": Condition("is used up", 0.5, (_K.SCHEDULING,)),
    "ExceededQuota": Condition("went over its quota", 0.85, (_K.SCHEDULING,)),
    # nodes
    "NodeNotReady": Condition("is not ready", 0.95, (_K.NODE_FAILURE,)),
    "NodeStatusUnknown": Condition("stopped reporting", 0.95, (_K.NODE_FAILURE,)),
    "KubeletNotReady": Condition("has a kubelet that is not ready", 0.9, (_K.NODE_FAILURE,)),
    "MemoryPressure": Condition("runs out of memory", 0.85, (_K.MEMORY_SATURATION, _K.NODE_FAILURE)),
    "DiskPressure": Condition("runs out of disk", 0.85, (_K.DISK_SATURATION, _K.NODE_FAILURE)),
    "PIDPressure": Condition("runs out of process ids", 0.8, (_K.THREAD_SATURATION, _K.NODE_FAILURE)),
    "NetworkUnavailable": Condition("has no network", 0.9, (_K.NETWORK_PARTITION, _K.NODE_FAILURE)),
    "NodeHasInsufficientMemory": Condition("runs out of memory", 0.85, (_K.MEMORY_SATURATION, _K.NODE_FAILURE)),
    "NodeHasDiskPressure": Condition("runs out of disk", 0.85, (_K.DISK_SATURATION, _K.NODE_FAILURE)),
    "SystemOOM": Condition("killed a process: out of memory", 0.9, (_K.MEMORY_SATURATION,)),
    "EvictionThresholdMet": Condition("starts to evict pods", 0.75, (_K.NODE_FAILURE,)),
    "FreeDiskSpaceFailed": Condition("cannot free disk space", 0.7, (_K.DISK_SATURATION,)),
    "NodeNotSchedulable": Condition("takes no new pods", 0.3, (_K.HUMAN_OR_JOB, _K.SCHEDULING)),
    "SchedulingDisabled": Condition("takes no new pods", 0.3, (_K.HUMAN_OR_JOB, _K.SCHEDULING)),
    "Cordoned": Condition("takes no new pods", 0.3, (_K.HUMAN_OR_JOB, _K.SCHEDULING)),
    "Rebooted": Condition("was rebooted", 0.7, (_K.NODE_FAILURE,)),
    # certificates
    "CertificateExpired": Condition("has an expired certificate", 0.95, (_K.CREDENTIALS,)),
    "FailedToRetrieveImagePullSecret": Condition("has no pull secret", 0.4, (_K.IMAGE, _K.CREDENTIALS)),
    # normal life
    **dict.fromkeys(
        (
            "Completed", "Succeeded", "Running", "Ready", "Available", "Progressing", "NewReplicaSetAvailable", "Healthy",
            "Pulling", "Pulled", "Created", "Started", "Scheduled", "Killing", "SuccessfulCreate", "SuccessfulDelete",
            "ScalingReplicaSet", "SuccessfulRescale", "MinimumReplicasAvailable", "PodInitializing", "ContainerCreating",
            "NodeReady", "NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID", "Starting",
            "RegisteredNode", "LeaderElection", "SawCompletedJob", "ReadyForNewScale", "ScaleDownStabilized",
            "ValidMetricFound", "DesiredWithinRange", "WaitForFirstConsumer", "SuccessfulAttachVolume",
        ),
        Condition("is as it should be", 0.0),
    ),
}  # fmt: skip
_BY_WORD: Final = {re.sub(r"[^a-z0-9]", "", word.lower()): condition for word, condition in _CONDITIONS.items()}

# Words that mean something worse when they are said of a node.
_OF_NODES: Final = {
    "notready": Condition("is not ready", 0.95, (_K.NODE_FAILURE,)),
    "unknown": Condition("stopped reporting", 0.95, (_K.NODE_FAILURE,)),
}
# A node that hosts nothing of what is looked at.
_ELSEWHERE: Final = 0.3

# What the detail says more precisely than the condition's own word. The first match decides.
_DETAILS: Final[tuple[tuple[re.Pattern[str], tuple[str, ...], Condition], ...]] = tuple(
    (re.compile(pattern, re.IGNORECASE), words, condition)
    for pattern, words, condition in (
        (
            r"pull(ing)? image|image pull|manifest unknown|pull access denied|errimage",
            ("BackOff", "Failed"),
            Condition("cannot pull its image", 0.95, (_K.IMAGE,)),
        ),
        (
            r"exceeded quota|quota",
            ("FailedCreate", "ReplicaFailure", "FailedScheduling"),
            Condition("is held back by a quota", 0.9, (_K.SCHEDULING,)),
        ),
        (
            r"forbidden|admission webhook|serviceaccount",
            ("FailedCreate", "ReplicaFailure"),
            Condition("may not create its pods", 0.85, (_K.CONFIG_CHANGE, _K.CREDENTIALS)),
        ),
        (
            r"persistentvolumeclaim|unbound",
            ("FailedScheduling", "Unschedulable"),
            Condition("waits for a volume", 0.85, (_K.STORAGE,)),
        ),
        (
            r"configmap|secret",
            ("FailedMount",),
            Condition("lacks a ConfigMap or Secret that it mounts", 0.9, (_K.CONFIG_CHANGE, _K.CREDENTIALS)),
        ),
        (
            r"out of memory|oomkilled",
            ("Error", "BackOff"),
            Condition("ran out of memory", 0.9, (_K.MEMORY_SATURATION,)),
        ),
        (
            r"ephemeral.?storage|disk",
            ("Evicted",),
            Condition("was evicted for its use of disk", 0.8, (_K.DISK_SATURATION, _K.NODE_FAILURE)),
        ),
        (r"\bmemory\b", ("Evicted",), Condition("was evicted for its use of memory", 0.8, (_K.MEMORY_SATURATION,))),
        (
            r"no (such host|route)|i/o timeout|network",
            ("FailedCreatePodSandBox",),
            Condition("gets no network", 0.85, (_K.NETWORK_PARTITION,)),
        ),
    )
)
_UNKNOWN_WARNING: Final = 0.3
# A condition that has passed says less about now.
_PASSED: Final = 0.7
# Every pod that starts fails a probe or two.
_PROBES: Final = frozenset({"unhealthy", "probeerror"})
_PATIENCE: Final = 3


def normalised(word: str) -> str:
    """Return a condition's word without case, spaces and punctuation, and without `=True`."""
    return re.sub(r"[^a-z0-9]", "", re.sub(r"[=:]\s*true$", "", word.strip(), flags=re.IGNORECASE).lower())


_DETAIL_WORDS: Final = tuple(
    (pattern, frozenset(normalised(word) for word in words), condition) for pattern, words, condition in _DETAILS
)


def interpret(state: State) -> Condition:
    """Return what a state means; severity 0 means that it is part of normal life.

    Unknown conditions of type `Normal` (an event's type, in the attributes) mean nothing; other unknown ones are worth a line.
    """
    word = normalised(state.condition)
    known = _BY_WORD.get(word)
    for pattern, words, refined in _DETAIL_WORDS:
        if word in words and pattern.search(state.detail):
            known = refined
            break
    if known is None:
        kind = state.attributes.get("type", "").lower()
        known = Condition(
            f"reports {state.condition.strip() or 'a condition'}", 0.0 if kind == "normal" else _UNKNOWN_WARNING
        )
    if state.entity.kind is EntityKind.NODE and word in _OF_NODES:
        known = _OF_NODES[word]
    if state.attributes.get("hosts_pods_in_scope") == "no":
        known = Condition(known.words, known.severity * _ELSEWHERE, known.kinds)
    if word in _PROBES and state.count < _PATIENCE:
        known = Condition(known.words, known.severity * 0.5, known.kinds)
    if state.active or known.severity == 0.0:
        return known
    return Condition(known.words, known.severity * _PASSED, known.kinds)
