"""What each known condition of an object means: its words, how bad it is, and the cause kinds that it hints at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from scoring.evidence import CauseKind

_K = CauseKind


@dataclass(frozen=True, slots=True)
class Condition:
    """Describe a condition: what it means in words, its severity in [0, 1] and the cause kinds it hints at, best first.

    `inherited` says that an object shows it because something that it needs fails: a node, a volume, the scheduler, a quota, a
    service that it calls. It tells that the object is unwell, not that the fault is its own.
    """

    words: str
    severity: float
    kinds: tuple[CauseKind, ...] = ()
    inherited: bool = False


# Severities: 0.9 and above, it does not run; 0.7, it is breaking; 0.5, it limps; 0.3, worth a line; 0, part of normal life.
CONDITIONS: Final[dict[str, Condition]] = {
    # containers
    "OOMKilled": Condition("was killed: out of memory", 0.95, (_K.MEMORY_SATURATION,)),
    "CrashLoopBackOff": Condition("keeps crashing", 0.95, (_K.CRASH_LOOP,), inherited=True),
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
    "Error": Condition("ended with an error", 0.7, (_K.CRASH_LOOP,), inherited=True),
    "BackOff": Condition("is restarted with growing pauses", 0.8, (_K.CRASH_LOOP,), inherited=True),
    "DeadlineExceeded": Condition("ran past its deadline", 0.6, (_K.HUMAN_OR_JOB,)),
    "FailedPostStartHook": Condition("failed in its start hook", 0.7, (_K.CRASH_LOOP,), inherited=True),
    "FailedPreStopHook": Condition("failed in its stop hook", 0.3),
    # pods
    "FailedScheduling": Condition("finds no node to run on", 0.85, (_K.SCHEDULING,)),
    "Unschedulable": Condition("finds no node to run on", 0.85, (_K.SCHEDULING,)),
    "Unhealthy": Condition("fails its probe", 0.7, (_K.FAILING_PROBE,), inherited=True),
    "ProbeError": Condition("cannot be probed", 0.6, (_K.FAILING_PROBE,), inherited=True),
    "ContainersNotReady": Condition("has containers that are not ready", 0.5, (_K.CRASH_LOOP,), inherited=True),
    "NotReady": Condition("is not ready", 0.6, (_K.CRASH_LOOP,), inherited=True),
    "Evicted": Condition("was evicted", 0.8, (_K.NODE_FAILURE, _K.MEMORY_SATURATION), inherited=True),
    "Preempted": Condition("gave way to a pod of higher priority", 0.6, (_K.SCHEDULING,)),
    "Preempting": Condition("pushes out a pod of lower priority", 0.3, (_K.SCHEDULING,)),
    "NodeLost": Condition("is on a node that is lost", 0.9, (_K.NODE_FAILURE,), inherited=True),
    "PodFailed": Condition("failed", 0.7, (_K.CRASH_LOOP,), inherited=True),
    "PodUnknown": Condition("is in an unknown state", 0.6, (_K.NODE_FAILURE,), inherited=True),
    "Failed": Condition("failed", 0.7, (_K.CRASH_LOOP,), inherited=True),
    "Pending": Condition("waits to be started", 0.5, (_K.SCHEDULING,), inherited=True),
    "Unknown": Condition("is in an unknown state", 0.6, (_K.NODE_FAILURE,), inherited=True),
    "FailedCreatePodSandBox": Condition("gets no sandbox (network or runtime)", 0.8, (_K.NETWORK_PARTITION,), inherited=True),
    "NetworkNotReady": Condition("has no network on its node", 0.85, (_K.NODE_FAILURE, _K.NETWORK_PARTITION), inherited=True),
    "FailedKillPod": Condition("cannot be stopped", 0.4, (_K.NODE_FAILURE,), inherited=True),
    "ExceededGracePeriod": Condition("did not stop in its grace period", 0.3),
    # volumes
    "FailedMount": Condition("cannot mount a volume", 0.85, (_K.STORAGE, _K.CONFIG_CHANGE)),
    "FailedAttachVolume": Condition("cannot attach a volume", 0.85, (_K.STORAGE,), inherited=True),
    "FailedMapVolume": Condition("cannot map a volume", 0.85, (_K.STORAGE,)),
    "VolumeResizeFailed": Condition("cannot grow a volume", 0.6, (_K.STORAGE,)),
    "ProvisioningFailed": Condition("gets no volume", 0.85, (_K.STORAGE,)),
    "FailedBinding": Condition("finds no volume to bind", 0.8, (_K.STORAGE,)),
    "Lost": Condition("lost its volume", 0.9, (_K.STORAGE,)),
    # workloads
    "ProgressDeadlineExceeded": Condition("has a rollout that does not get on", 0.85, (_K.BAD_DEPLOY,), inherited=True),
    "ReplicaFailure": Condition("cannot create its replicas", 0.85, (_K.SCHEDULING,), inherited=True),
    "FailedCreate": Condition("cannot create its pods", 0.85, (_K.SCHEDULING,)),
    "MinimumReplicasUnavailable": Condition("has fewer replicas than it needs", 0.7, (_K.CRASH_LOOP,), inherited=True),
    "ReplicasUnavailable": Condition("has fewer replicas than it needs", 0.7, (_K.CRASH_LOOP,), inherited=True),
    "ScaledToZero": Condition("is scaled to zero", 0.8, (_K.HUMAN_OR_JOB, _K.CONFIG_CHANGE)),
    "BackoffLimitExceeded": Condition("failed as often as it may", 0.8, (_K.HUMAN_OR_JOB, _K.CRASH_LOOP), inherited=True),
    "FailedDaemonPod": Condition("has a daemon pod that fails", 0.6, (_K.CRASH_LOOP,), inherited=True),
    "NoEndpoints": Condition("has no ready endpoints", 0.85, (_K.CONFIG_CHANGE, _K.CRASH_LOOP), inherited=True),
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
    "NodeNotReady": Condition("is not ready", 0.95, (_K.NODE_FAILURE,), inherited=True),
    "NodeStatusUnknown": Condition("stopped reporting", 0.95, (_K.NODE_FAILURE,), inherited=True),
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
    # what was tried from outside, and what does not agree
    "Unreachable": Condition("cannot be reached", 0.8, (_K.NETWORK_PARTITION, _K.CRASH_LOOP), inherited=True),
    "PartlyUnreachable": Condition("cannot always be reached", 0.5, (_K.NETWORK_LOSS, _K.CRASH_LOOP), inherited=True),
    "CredentialsDiffer": Condition("signs in with other credentials than its database knows", 0.9, (_K.CREDENTIALS, _K.CONFIG_CHANGE)),
    # what vendors say of themselves
    "VendorOutage": Condition("reports an outage", 0.85, (_K.THIRD_PARTY,)),
    "VendorDegraded": Condition("reports that it is degraded", 0.6, (_K.THIRD_PARTY,)),
    "VendorMaintenance": Condition("is under maintenance", 0.4, (_K.THIRD_PARTY,)),
    # scheduling, told apart
    "InsufficientCpu": Condition("finds no node with enough CPU left", 0.9, (_K.SCHEDULING, _K.CPU_SATURATION)),
    "InsufficientMemory": Condition("finds no node with enough memory left", 0.9, (_K.SCHEDULING, _K.MEMORY_SATURATION)),
    "InsufficientPods": Condition("finds only nodes that run as many pods as they may", 0.9, (_K.SCHEDULING,)),
    "InsufficientResource": Condition("finds no node with the resources it requests", 0.9, (_K.SCHEDULING,)),
    "NodeSelectorMismatch": Condition("has a node selector that no node meets", 0.95, (_K.SCHEDULING, _K.CONFIG_CHANGE)),
    "NodeAffinityMismatch": Condition("has a node affinity that no node meets", 0.95, (_K.SCHEDULING, _K.CONFIG_CHANGE)),
    "PodAffinityUnmet": Condition("finds no node beside the pods it must be near to", 0.9, (_K.SCHEDULING, _K.CONFIG_CHANGE)),
    "PodAntiAffinityConflict": Condition("finds no node without the pods it must not be near to", 0.95, (_K.SCHEDULING, _K.CONFIG_CHANGE)),
    "TopologySpreadUnmet": Condition("finds no node within its topology spread", 0.9, (_K.SCHEDULING, _K.CONFIG_CHANGE)),
    "UntoleratedTaint": Condition("finds only nodes with a taint that it does not tolerate", 0.95, (_K.SCHEDULING, _K.CONFIG_CHANGE)),
    "NodesCordoned": Condition("finds only cordoned nodes", 0.95, (_K.SCHEDULING, _K.HUMAN_OR_JOB)),
    "HostPortTaken": Condition("finds its host port taken on every node", 0.9, (_K.SCHEDULING, _K.CONFIG_CHANGE)),
    "VolumeUnbound": Condition("waits for a volume", 0.85, (_K.STORAGE,), inherited=True),
    "VolumeElsewhere": Condition("has a volume on another node or in another zone", 0.9, (_K.STORAGE, _K.SCHEDULING)),
    "NodeMissing": Condition("is assigned to a node that does not exist", 0.95, (_K.NODE_FAILURE, _K.SCHEDULING)),
    "NodesNotReady": Condition("finds only nodes that are not ready", 0.85, (_K.NODE_FAILURE, _K.SCHEDULING), inherited=True),
    "NotScheduled": Condition("is looked at by no scheduler", 0.85, (_K.SCHEDULING, _K.NODE_FAILURE), inherited=True),
    "SchedulingGated": Condition("waits behind a scheduling gate", 0.8, (_K.SCHEDULING, _K.HUMAN_OR_JOB)),
    # images, told apart
    "ImageNotFound": Condition("names an image that its registry does not have", 0.95, (_K.IMAGE, _K.BAD_DEPLOY)),
    "ImagePullUnauthorised": Condition("may not pull its image", 0.95, (_K.IMAGE, _K.CREDENTIALS)),
    "PullSecretMissing": Condition("names a pull secret that does not exist", 0.5, (_K.IMAGE, _K.CREDENTIALS)),
    "RegistryNameUnresolved": Condition("names a registry whose name does not resolve", 0.95, (_K.IMAGE, _K.DNS_FAULT)),
    "RegistryUnreachable": Condition("cannot reach its image registry", 0.9, (_K.IMAGE, _K.NETWORK_PARTITION)),
    "RegistryRateLimited": Condition("is refused by its registry for too many pulls", 0.9, (_K.IMAGE,)),
    "ImagePlatformMismatch": Condition("has an image for another platform than its node's", 0.95, (_K.IMAGE, _K.BAD_DEPLOY)),
    # containers
    "CommandNotFound": Condition("has a command that its image does not have", 0.95, (_K.CONFIG_CHANGE, _K.BAD_DEPLOY)),
    "CommandNotExecutable": Condition("has a command that may not be executed", 0.95, (_K.CONFIG_CHANGE, _K.BAD_DEPLOY)),
    "MemoryLimitTooLow": Condition("has a memory limit too low to start in", 0.95, (_K.MEMORY_SATURATION, _K.CONFIG_CHANGE)),
    "StuckStarting": Condition("does not get beyond starting", 0.8, (_K.STORAGE, _K.NODE_FAILURE), inherited=True),
    "StuckTerminating": Condition("does not go", 0.5, (_K.NODE_FAILURE,), inherited=True),
    "PortConflict": Condition("has two containers on one port", 0.9, (_K.CONFIG_CHANGE,)),
    "VolumePermissionDenied": Condition("may not write to its volume", 0.9, (_K.STORAGE, _K.CONFIG_CHANGE)),
    "DnsOverridden": Condition("asks other name servers than the cluster's", 0.7, (_K.DNS_FAULT, _K.CONFIG_CHANGE)),
    # probes
    "LivenessProbeFailing": Condition("fails its liveness probe", 0.75, (_K.FAILING_PROBE,), inherited=True),
    "ReadinessProbeFailing": Condition("fails its readiness probe", 0.7, (_K.FAILING_PROBE,), inherited=True),
    "StartupProbeFailing": Condition("fails its startup probe", 0.7, (_K.FAILING_PROBE,), inherited=True),
    **{
        f"{kind.title()}Probe{fault}": Condition(f"has a {kind} probe {words}", 0.95, (_K.CONFIG_CHANGE, _K.FAILING_PROBE))
        for kind in ("liveness", "readiness", "startup")
        for fault, words in (("PortMismatch", "of a wrong port"), ("ProtocolMismatch", "of a wrong protocol"))
    },
    "LivenessProbeTooEager": Condition("has a liveness probe that does not wait for its start", 0.9, (_K.CONFIG_CHANGE, _K.FAILING_PROBE)),
    # references
    "MissingConfigMap": Condition("names a ConfigMap that does not exist", 0.95, (_K.CONFIG_CHANGE,)),
    "MissingSecret": Condition("names a Secret that does not exist", 0.95, (_K.CREDENTIALS, _K.CONFIG_CHANGE)),
    "MissingKey": Condition("names a key that its ConfigMap or Secret does not have", 0.95, (_K.CONFIG_CHANGE, _K.CREDENTIALS)),
    "MissingServiceAccount": Condition("names a service account that does not exist", 0.95, (_K.CONFIG_CHANGE, _K.CREDENTIALS)),
    "MissingClaim": Condition("names a volume claim that does not exist", 0.9, (_K.STORAGE, _K.CONFIG_CHANGE), inherited=True),
    "MissingPriorityClass": Condition("names a priority class that does not exist", 0.9, (_K.CONFIG_CHANGE, _K.SCHEDULING)),
    # workloads and jobs
    "RolloutPaused": Condition("has a rollout that is paused", 0.4, (_K.HUMAN_OR_JOB, _K.BAD_DEPLOY)),
    "DaemonPodsMissing": Condition("does not run on every node", 0.6, (_K.SCHEDULING, _K.NODE_FAILURE)),
    "GoverningServiceMissing": Condition("names a governing service that does not exist", 0.8, (_K.CONFIG_CHANGE, _K.DNS_FAULT)),
    "PodSecurityViolated": Condition("has pods that the namespace's security level refuses", 0.9, (_K.CONFIG_CHANGE,)),
    "CreationForbidden": Condition("may not create its pods", 0.85, (_K.CONFIG_CHANGE, _K.CREDENTIALS)),
    "JobFailed": Condition("failed", 0.7, (_K.HUMAN_OR_JOB,), inherited=True),
    "JobSuspended": Condition("is suspended", 0.4, (_K.HUMAN_OR_JOB,)),
    "CronJobSuspended": Condition("is suspended", 0.3, (_K.HUMAN_OR_JOB,)),
    "BadSchedule": Condition("has a schedule that cannot be read", 0.7, (_K.CONFIG_CHANGE, _K.HUMAN_OR_JOB)),
    "MissedStart": Condition("was not started when it was due", 0.6, (_K.HUMAN_OR_JOB,)),
    # services and routes
    "SelectorMismatch": Condition("has a service that selects no pod", 0.95, (_K.CONFIG_CHANGE,)),
    "ServiceWithoutPods": Condition("has a service for pods that are not there", 0.4, (_K.CONFIG_CHANGE,)),
    "SelectorElsewhere": Condition("has a service that selects other pods", 0.85, (_K.CONFIG_CHANGE,)),
    "ServiceMissing": Condition("is called by its name, and no service bears it", 0.85, (_K.CONFIG_CHANGE, _K.DNS_FAULT), inherited=True),
    "EndpointsStale": Condition("has endpoints that nobody keeps up", 0.8, (_K.NODE_FAILURE,), inherited=True),
    "NoReadyEndpoints": Condition("has a service without a ready pod", 0.6, (_K.CRASH_LOOP,), inherited=True),
    "TargetPortMismatch": Condition("has a service that sends to a port nobody listens on", 0.9, (_K.CONFIG_CHANGE,)),
    "ServiceProtocolMismatch": Condition("has a service of another protocol than its pods", 0.9, (_K.CONFIG_CHANGE,)),
    "LoadBalancerPending": Condition("gets no address from its load balancer", 0.5, (_K.NETWORK_PARTITION, _K.THIRD_PARTY)),
    "HostUnknown": Condition("calls a service that does not exist", 0.3, (_K.CONFIG_CHANGE, _K.DNS_FAULT)),
    "HostPortUnknown": Condition("calls a port that the service does not have", 0.85, (_K.CONFIG_CHANGE,)),
    "RouteMisdirected": Condition("is reached by no route: that of its name leads elsewhere", 0.85, (_K.CONFIG_CHANGE,)),
    "BackendMissing": Condition("leads to a service that does not exist", 0.85, (_K.CONFIG_CHANGE,)),
    "BackendPortMissing": Condition("leads to a port that the service does not have", 0.85, (_K.CONFIG_CHANGE,)),
    "IngressClassMissing": Condition("has a class that nobody serves", 0.6, (_K.CONFIG_CHANGE,)),
    "TlsSecretMissing": Condition("has no certificate", 0.8, (_K.CREDENTIALS, _K.CONFIG_CHANGE)),
    "GatewayNotAccepted": Condition("is not accepted by its gateway controller", 0.8, (_K.CONFIG_CHANGE,)),
    "GatewayClassMissing": Condition("has a class that nobody serves", 0.8, (_K.CONFIG_CHANGE,)),
    "GatewayMissing": Condition("belongs to a gateway that does not exist", 0.8, (_K.CONFIG_CHANGE,)),
    "RouteNotAccepted": Condition("is not accepted by its gateway", 0.8, (_K.CONFIG_CHANGE,)),
    # storage
    "ClaimPending": Condition("has a claim that gets no volume", 0.8, (_K.STORAGE,)),
    "StorageClassMissing": Condition("has a claim of a storage class that does not exist", 0.9, (_K.STORAGE, _K.CONFIG_CHANGE)),
    "ClaimClassMismatch": Condition("has a claim of another storage class than its volume", 0.9, (_K.STORAGE, _K.CONFIG_CHANGE)),
    "ClaimTooLarge": Condition("has a claim larger than any volume", 0.9, (_K.STORAGE, _K.CONFIG_CHANGE)),
    "ClaimAccessModeMismatch": Condition("has a claim with an access mode that no volume offers", 0.9, (_K.STORAGE, _K.CONFIG_CHANGE)),
    "ClaimSelectorMismatch": Condition("has a claim whose selector no volume meets", 0.9, (_K.STORAGE, _K.CONFIG_CHANGE)),
    "VolumeTaken": Condition("has a claim whose volume is bound to another", 0.9, (_K.STORAGE, _K.CONFIG_CHANGE)),
    "VolumeMissing": Condition("has a claim whose volume does not exist", 0.9, (_K.STORAGE,)),
    "VolumeFailed": Condition("failed", 0.85, (_K.STORAGE,)),
    "VolumeResizePending": Condition("has a volume that is still to grow", 0.3, (_K.STORAGE,)),
    # scaling
    "ScaleTargetMissing": Condition("has an autoscaler whose target does not exist", 0.5, (_K.CONFIG_CHANGE,)),
    "AutoscalerWithoutMetrics": Condition("has an autoscaler without metrics", 0.4, (_K.CONFIG_CHANGE,)),
    "AutoscalerWithoutRequests": Condition("has an autoscaler that cannot tell its use", 0.4, (_K.CONFIG_CHANGE,)),
    "DisruptionBlocked": Condition("has fewer healthy pods than its disruption budget wants", 0.4, (_K.CRASH_LOOP,), inherited=True),
    "BudgetSelectsNothing": Condition("selects no pod", 0.2, (_K.CONFIG_CHANGE,)),
    # nodes and the control plane
    "NodeTainted": Condition("takes only pods that tolerate its taint", 0.25, (_K.HUMAN_OR_JOB, _K.SCHEDULING)),
    "NodeFull": Condition("runs as many pods as it may", 0.5, (_K.SCHEDULING,)),
    "KubeletDown": Condition("has no running kubelet", 0.97, (_K.NODE_FAILURE,)),
    "ContainerRuntimeDown": Condition("has no running container runtime", 0.97, (_K.NODE_FAILURE,)),
    "KubeProxyDown": Condition("has no running kube-proxy", 0.95, (_K.NODE_FAILURE, _K.NETWORK_PARTITION)),
    "NetworkPluginDown": Condition("has no running network plugin", 0.95, (_K.NODE_FAILURE, _K.NETWORK_PARTITION)),
    "SchedulerDown": Condition("has no running scheduler", 0.95, (_K.NODE_FAILURE, _K.SCHEDULING)),
    "ControllerManagerDown": Condition("has no running controller manager", 0.9, (_K.NODE_FAILURE,)),
    "ApiServerDown": Condition("has no running API server", 0.95, (_K.NODE_FAILURE,)),
    "EtcdDown": Condition("has no running etcd", 0.95, (_K.NODE_FAILURE, _K.STORAGE)),
    "ClusterDnsDown": Condition("has no ready pod: names do not resolve", 0.95, (_K.DNS_FAULT,)),
    "NodeServiceDown": Condition("has a service that does not run", 0.6, (_K.NODE_FAILURE,)),
    "SystemPodDown": Condition("has a pod of the cluster's own that is not ready", 0.5, (_K.NODE_FAILURE,)),
    # network policies: whether they are enforced, the API does not tell
    "PolicyDeniesAll": Condition("is cut off by a network policy", 0.5, (_K.NETWORK_PARTITION, _K.CONFIG_CHANGE)),
    "PolicyBlocksPort": Condition("is cut off from its own port by network policies", 0.7, (_K.NETWORK_PARTITION, _K.CONFIG_CHANGE)),
    "PolicyBlocksNames": Condition("is cut off from the name service by network policies", 0.7, (_K.DNS_FAULT, _K.CONFIG_CHANGE)),
    "PolicySelectsNothing": Condition("selects no pod", 0.2, (_K.CONFIG_CHANGE,)),
    # admission, quota and access
    "WebhookServiceMissing": Condition("calls a service that does not exist", 0.7, (_K.CONFIG_CHANGE,)),
    "WebhookWithoutEndpoints": Condition(
        "calls a service without a ready pod", 0.7, (_K.FAILING_DEPENDENCY, _K.CONFIG_CHANGE), inherited=True
    ),
    "AdmissionWebhookUnavailable": Condition(
        "is refused: an admission webhook is silent", 0.85, (_K.FAILING_DEPENDENCY, _K.CONFIG_CHANGE), inherited=True
    ),
    "AdmissionDenied": Condition("is refused by an admission rule", 0.85, (_K.CONFIG_CHANGE,)),
    **{
        f"{what}QuotaExceeded": Condition(f"is held back by a quota of {words}", 0.92, (_K.SCHEDULING, _K.CONFIG_CHANGE))
        for what, words in (
            ("Pod", "pods"), ("Cpu", "CPU"), ("Memory", "memory"), ("Service", "services"), ("Storage", "storage"),
            ("Object", "objects"),
        )
    },
    "QuotaWantsResources": Condition("is refused: its pods name no resources", 0.9, (_K.CONFIG_CHANGE, _K.SCHEDULING)),
    "LimitRangeViolated": Condition("is refused: outside the limit range", 0.9, (_K.CONFIG_CHANGE, _K.SCHEDULING)),
    "AccountForbidden": Condition("may not do what it tries", 0.8, (_K.CREDENTIALS, _K.CONFIG_CHANGE)),
    "RoleMissing": Condition("grants a role that does not exist", 0.4, (_K.CREDENTIALS, _K.CONFIG_CHANGE)),
    "BindingSubjectMissing": Condition("grants to an account that does not exist", 0.2, (_K.CREDENTIALS, _K.CONFIG_CHANGE)),
    # normal life
    **dict.fromkeys(
        (
            "Completed", "Succeeded", "Running", "Ready", "Available", "Progressing", "NewReplicaSetAvailable", "Healthy",
            "Pulling", "Pulled", "Created", "Started", "Scheduled", "Killing", "SuccessfulCreate", "SuccessfulDelete",
            "ScalingReplicaSet", "SuccessfulRescale", "MinimumReplicasAvailable", "PodInitializing", "ContainerCreating",
            "NodeReady", "NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID", "Starting",
            "RegisteredNode", "LeaderElection", "SawCompletedJob", "ReadyForNewScale", "ScaleDownStabilized",
            "ValidMetricFound", "DesiredWithinRange", "WaitForFirstConsumer", "SuccessfulAttachVolume",
            # What kubelets write at every start.
            "InvalidDiskCapacity", "DNSConfigForming",
        ),
        Condition("is as it should be", 0.0),
    ),
}  # fmt: skip

# What follows from any failing probe, and says nothing of a container that ends.
UNREADY: Final = frozenset(
    {
        "NotReady", "ContainersNotReady", "MinimumReplicasUnavailable", "ReplicasUnavailable", "NoEndpoints", "NoReadyEndpoints",
        "DisruptionBlocked",
    }
)  # fmt: skip
