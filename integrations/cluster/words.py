"""The words for what can be wrong with objects of a cluster: how each is seen and what to run next.

Where Kubernetes has a word of its own (`CrashLoopBackOff`, `OOMKilled`, `Evicted`, …), that is used and not listed here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self

# What a person runs next. {ns} is `-n NAMESPACE` (or nothing), {kind}, {name} name the object, {about} what it points at.
_DESCRIBE = "kubectl {ns} describe {kind} {name}"
_YAML = "kubectl {ns} get {kind} {name} -o yaml"
_EVENTS = "kubectl {ns} get events --field-selector involvedObject.name={name}"
_NODES = "kubectl describe nodes"
_NODE_LABELS = "kubectl get nodes --show-labels"
_POD_LABELS = "kubectl {ns} get pods --show-labels"
_QUOTA = "kubectl {ns} describe resourcequota"
_SYSTEM = "kubectl -n kube-system get pods -o wide"


class Word(StrEnum):
    """Name a condition; `seen` says how it is recognised, `check` is the command that shows it."""

    seen: str
    check: str

    def __new__(cls, word: str, seen: str, check: str = _DESCRIBE) -> Self:
        """Make a word that is a plain text and carries how it is seen."""
        made = str.__new__(cls, word)
        made._value_ = word
        made.seen = seen
        made.check = check
        return made

    # fmt: off
    # scheduling
    INSUFFICIENT_CPU = "InsufficientCpu", "the pod is unschedulable: nodes it may run on lack the CPU it requests", _NODES
    INSUFFICIENT_MEMORY = "InsufficientMemory", "the pod is unschedulable: nodes it may run on lack the memory it requests", _NODES
    INSUFFICIENT_PODS = "InsufficientPods", "the pod is unschedulable: nodes already run as many pods as they may", _NODES
    INSUFFICIENT_RESOURCE = "InsufficientResource", "the pod is unschedulable: nodes lack another resource it requests (GPU, ephemeral storage)", _NODES
    NODE_SELECTOR_MISMATCH = "NodeSelectorMismatch", "the pod is unschedulable: its nodeSelector matches no node", _NODE_LABELS
    NODE_AFFINITY_MISMATCH = "NodeAffinityMismatch", "the pod is unschedulable: its required node affinity matches no node", _NODE_LABELS
    POD_AFFINITY_UNMET = "PodAffinityUnmet", "the pod is unschedulable: no node runs the pods that it must be near to", _YAML
    POD_ANTI_AFFINITY_CONFLICT = "PodAntiAffinityConflict", "the pod is unschedulable: every node runs a pod that it must not be near to", _YAML
    TOPOLOGY_SPREAD_UNMET = "TopologySpreadUnmet", "the pod is unschedulable: its topology spread constraints leave no node", _YAML
    UNTOLERATED_TAINT = "UntoleratedTaint", "the pod is unschedulable: the nodes it may run on have a taint that it does not tolerate", "kubectl get nodes -o custom-columns=NAME:.metadata.name,TAINTS:.spec.taints"
    NODES_CORDONED = "NodesCordoned", "the pod is unschedulable: the nodes it may run on are cordoned", "kubectl get nodes"
    HOST_PORT_TAKEN = "HostPortTaken", "the pod is unschedulable: its host port is in use on every node", _YAML
    VOLUME_UNBOUND = "VolumeUnbound", "the pod is unschedulable: a claim of it is not bound to a volume", "kubectl {ns} get pvc"
    VOLUME_ELSEWHERE = "VolumeElsewhere", "the pod is unschedulable: its volume is bound to another node or zone", "kubectl describe pv"
    NODES_NOT_READY = "NodesNotReady", "the pod is unschedulable: nodes it may run on have a taint of their own condition (not ready, unreachable, under pressure)", "kubectl get nodes"
    NODE_MISSING = "NodeMissing", "the pod is assigned to a node that does not exist", "kubectl get nodes"
    NOT_SCHEDULED = "NotScheduled", "the pod is pending for over a minute, and no scheduler has said anything about it", _SYSTEM
    SCHEDULING_GATED = "SchedulingGated", "the pod has a scheduling gate that nobody has removed", _YAML
    # images
    IMAGE_NOT_FOUND = "ImageNotFound", "the pull error says that the registry has no such repository or tag"
    IMAGE_PULL_UNAUTHORISED = "ImagePullUnauthorised", "the pull error says that the registry refuses: no or wrong pull secret"
    PULL_SECRET_MISSING = "PullSecretMissing", "the pod names an image pull secret that does not exist", "kubectl {ns} get secrets"
    REGISTRY_NAME_UNRESOLVED = "RegistryNameUnresolved", "the pull error says that the registry's name does not resolve"
    REGISTRY_UNREACHABLE = "RegistryUnreachable", "the pull error is a time-out, a refused connection or a TLS failure"
    REGISTRY_RATE_LIMITED = "RegistryRateLimited", "the pull error says that too many pulls were made"
    IMAGE_PLATFORM_MISMATCH = "ImagePlatformMismatch", "the pull error says that the image is not built for the node's platform, or exec format error"
    # containers
    COMMAND_NOT_FOUND = "CommandNotFound", "the container cannot start: its command is not in the image (exit code 127)", _YAML
    COMMAND_NOT_EXECUTABLE = "CommandNotExecutable", "the container cannot start: its command may not be executed (exit code 126)", _YAML
    LIMIT_TOO_LOW = "MemoryLimitTooLow", "the container is killed before it starts: its memory limit is below what the runtime needs", _YAML
    STUCK_STARTING = "StuckStarting", "a container has been creating or initialising for over five minutes"
    STUCK_TERMINATING = "StuckTerminating", "an object was told to go and is still there five minutes after its grace period", _YAML
    PORT_CONFLICT = "PortConflict", "two containers of one pod, or one and the sidecar of a mesh, claim the same port", _YAML
    DNS_OVERRIDDEN = "DnsOverridden", "a workload's dnsPolicy is None and its name servers are none of the cluster's", _YAML
    VOLUME_PERMISSION_DENIED = "VolumePermissionDenied", "a container of a pod with volumes ends with `permission denied` or `read-only file system`", "kubectl {ns} logs {name} --previous --tail=50"
    # probes
    LIVENESS_PROBE_FAILING = "LivenessProbeFailing", "kubelet reports failing liveness probes of a pod", _EVENTS
    READINESS_PROBE_FAILING = "ReadinessProbeFailing", "kubelet reports failing readiness probes of a pod that is not ready", _EVENTS
    STARTUP_PROBE_FAILING = "StartupProbeFailing", "kubelet reports failing startup probes of a pod that is not ready", _EVENTS
    LIVENESS_PROBE_PORT_MISMATCH = "LivenessProbePortMismatch", "the liveness probe asks a port that no container of the pod declares, or an unknown port name", _YAML
    READINESS_PROBE_PORT_MISMATCH = "ReadinessProbePortMismatch", "the readiness probe asks a port that no container of the pod declares, or an unknown port name", _YAML
    STARTUP_PROBE_PORT_MISMATCH = "StartupProbePortMismatch", "the startup probe asks a port that no container of the pod declares, or an unknown port name", _YAML
    LIVENESS_PROBE_PROTOCOL_MISMATCH = "LivenessProbeProtocolMismatch", "the liveness probe speaks another protocol than the port: by the kubelet's error, the port's name or the other probes", _YAML
    READINESS_PROBE_PROTOCOL_MISMATCH = "ReadinessProbeProtocolMismatch", "the readiness probe speaks another protocol than the port: by the kubelet's error, the port's name or the other probes", _YAML
    STARTUP_PROBE_PROTOCOL_MISMATCH = "StartupProbeProtocolMismatch", "the startup probe speaks another protocol than the port: by the kubelet's error, the port's name or the other probes", _YAML
    LIVENESS_PROBE_TOO_EAGER = "LivenessProbeTooEager", "the liveness probe ends a container within seconds of its start, and the container restarts", _YAML
    # references
    MISSING_CONFIG_MAP = "MissingConfigMap", "a pod or workload names a ConfigMap that does not exist", "kubectl {ns} get configmap {about}"
    MISSING_SECRET = "MissingSecret", "a pod or workload names a Secret that does not exist", "kubectl {ns} get secret {about}"
    MISSING_KEY = "MissingKey", "a pod or workload names a key that its ConfigMap or Secret does not have", "kubectl {ns} describe configmap,secret"
    MISSING_SERVICE_ACCOUNT = "MissingServiceAccount", "a pod or workload names a ServiceAccount that does not exist", "kubectl {ns} get serviceaccounts"
    MISSING_CLAIM = "MissingClaim", "a pod or workload names a volume claim that does not exist", "kubectl {ns} get pvc"
    MISSING_PRIORITY_CLASS = "MissingPriorityClass", "a workload names a PriorityClass that does not exist", "kubectl get priorityclasses"
    # workloads
    ROLLOUT_PAUSED = "RolloutPaused", "a deployment is paused while its pods are not of its newest revision", "kubectl {ns} rollout status deployment/{name}"
    DAEMON_PODS_MISSING = "DaemonPodsMissing", "a daemon set runs on fewer nodes than it should"
    GOVERNING_SERVICE_MISSING = "GoverningServiceMissing", "a stateful set names a Service that does not exist", "kubectl {ns} get services"
    POD_SECURITY_VIOLATED = "PodSecurityViolated", "pods are refused: they violate the namespace's Pod Security level", "kubectl {ns} get events --field-selector reason=FailedCreate"
    CREATION_FORBIDDEN = "CreationForbidden", "pods are refused as forbidden, for no quota, account or admission rule that is known", "kubectl {ns} get events --field-selector reason=FailedCreate"
    # jobs
    JOB_FAILED = "JobFailed", "a job has the condition Failed", "kubectl {ns} logs job/{name} --tail=50"
    JOB_SUSPENDED = "JobSuspended", "a job is suspended and has not finished", _YAML
    CRON_JOB_SUSPENDED = "CronJobSuspended", "a cron job is suspended", _YAML
    BAD_SCHEDULE = "BadSchedule", "a cron job's schedule or time zone cannot be read", _YAML
    MISSED_START = "MissedStart", "a cron job was not started when it was due (with its deadline and two minutes), or says so itself"
    # services
    SELECTOR_MISMATCH = "SelectorMismatch", "a Service's selector matches no pod, while pods that it seems meant for run", _POD_LABELS
    SERVICE_WITHOUT_PODS = "ServiceWithoutPods", "a Service's selector matches no pod, and nothing that runs or calls it shows that it should", _POD_LABELS
    SELECTOR_ELSEWHERE = "SelectorElsewhere", "a Service selects pods of others, while those of the workload of its name are selected by none", _POD_LABELS
    ENDPOINTS_STALE = "EndpointsStale", "pods of a Service are ready, and its endpoints list none of them", "kubectl {ns} get endpoints {name}"
    NO_READY_ENDPOINTS = "NoReadyEndpoints", "a Service selects pods, and none of them is ready", "kubectl {ns} get endpoints {name}"
    TARGET_PORT_MISMATCH = "TargetPortMismatch", "a Service's targetPort is no port (name or number) of the pods it selects"
    SERVICE_PROTOCOL_MISMATCH = "ServiceProtocolMismatch", "a Service's port has another protocol (TCP, UDP, SCTP) or application protocol than the container's"
    LOAD_BALANCER_PENDING = "LoadBalancerPending", "a Service of type LoadBalancer has had no address for over five minutes"
    SERVICE_MISSING = "ServiceMissing", "an environment variable holds a Service's name that no Service bears, and a workload does", "kubectl {ns} get services"
    HOST_UNKNOWN = "HostUnknown", "an environment variable holds the address of a Service that does not exist", "kubectl {ns} get services"
    HOST_PORT_UNKNOWN = "HostPortUnknown", "an environment variable holds a Service's address with a port that the Service does not have", "kubectl {ns} describe service {about}"
    # routes
    ROUTE_MISDIRECTED = "RouteMisdirected", "a gateway's configuration sends the route of a Service's name to another, and none to that Service", "kubectl {ns} get configmap {name} -o yaml"
    BACKEND_MISSING = "BackendMissing", "an Ingress or route leads to a Service that does not exist"
    BACKEND_PORT_MISSING = "BackendPortMissing", "an Ingress or route leads to a port that the Service does not have"
    INGRESS_CLASS_MISSING = "IngressClassMissing", "an Ingress has no class where there is no default, or one that does not exist", "kubectl get ingressclasses"
    TLS_SECRET_MISSING = "TlsSecretMissing", "an Ingress or Gateway names a TLS Secret that does not exist", "kubectl {ns} get secret {about}"
    GATEWAY_NOT_ACCEPTED = "GatewayNotAccepted", "a Gateway's condition Accepted or Programmed is False, or its listener's"
    GATEWAY_CLASS_MISSING = "GatewayClassMissing", "a Gateway's class does not exist or is not accepted", "kubectl get gatewayclasses"
    GATEWAY_MISSING = "GatewayMissing", "a route names a Gateway or listener that does not exist", "kubectl {ns} get gateways"
    ROUTE_NOT_ACCEPTED = "RouteNotAccepted", "a route's condition Accepted or ResolvedRefs is False"
    # storage
    CLAIM_PENDING = "ClaimPending", "a volume claim is pending, for no reason that is known"
    STORAGE_CLASS_MISSING = "StorageClassMissing", "a volume claim names a class that does not exist, or none where there is no default", "kubectl get storageclasses"
    CLAIM_CLASS_MISMATCH = "ClaimClassMismatch", "a pending claim would fit a volume, but for its storage class", "kubectl get pv"
    CLAIM_TOO_LARGE = "ClaimTooLarge", "a pending claim asks for more than any volume that would fit holds", "kubectl get pv"
    CLAIM_ACCESS_MODE_MISMATCH = "ClaimAccessModeMismatch", "a pending claim asks for an access mode that no volume that would fit has", "kubectl get pv"
    CLAIM_SELECTOR_MISMATCH = "ClaimSelectorMismatch", "a pending claim's selector matches the labels of no volume", "kubectl get pv --show-labels"
    VOLUME_TAKEN = "VolumeTaken", "a pending claim names, or would fit, a volume that is bound to another claim", "kubectl get pv"
    VOLUME_MISSING = "VolumeMissing", "a claim names a volume that does not exist", "kubectl get pv"
    VOLUME_FAILED = "VolumeFailed", "a volume's phase is Failed"
    VOLUME_RESIZE_PENDING = "VolumeResizePending", "a claim has asked for more space, and the volume has not grown"
    # scaling
    SCALE_TARGET_MISSING = "ScaleTargetMissing", "an autoscaler's target does not exist"
    AUTOSCALER_WITHOUT_METRICS = "AutoscalerWithoutMetrics", "an autoscaler's condition ScalingActive is False: it gets no metrics"
    AUTOSCALER_WITHOUT_REQUESTS = "AutoscalerWithoutRequests", "an autoscaler scales on utilisation, and the target's containers request nothing", _YAML
    DISRUPTION_BLOCKED = "DisruptionBlocked", "a disruption budget allows no disruption, and fewer pods are healthy than it wants", "kubectl {ns} describe pdb {name}"
    BUDGET_SELECTS_NOTHING = "BudgetSelectsNothing", "a disruption budget's selector matches no pod", "kubectl {ns} describe pdb {name}"
    # nodes and the control plane
    NODE_TAINTED = "NodeTainted", "a node has a taint NoSchedule or NoExecute beside those of its role and of its conditions"
    NODE_FULL = "NodeFull", "a node runs as many pods as it may"
    KUBELET_DOWN = "KubeletDown", "the kubelet's service is not active, or the node's lease or status is no longer renewed", "systemctl status kubelet"
    CONTAINER_RUNTIME_DOWN = "ContainerRuntimeDown", "the runtime's service is not active, or the node says that its runtime does not answer", "systemctl status containerd"
    KUBE_PROXY_DOWN = "KubeProxyDown", "kube-proxy's service is not active on a node, or its pod there is not ready", _SYSTEM
    NETWORK_PLUGIN_DOWN = "NetworkPluginDown", "the node says that its network plugin is not ready, or the plugin's pod there is not", _SYSTEM
    SCHEDULER_DOWN = "SchedulerDown", "kube-scheduler's service is not active, or its pods are not ready", _SYSTEM
    CONTROLLER_MANAGER_DOWN = "ControllerManagerDown", "kube-controller-manager's service is not active, or its pods are not ready", _SYSTEM
    API_SERVER_DOWN = "ApiServerDown", "kube-apiserver's service is not active, or its pods are not ready", _SYSTEM
    ETCD_DOWN = "EtcdDown", "etcd's service is not active, or its pods are not ready", _SYSTEM
    CLUSTER_DNS_DOWN = "ClusterDnsDown", "no pod of the cluster's name service is ready", _SYSTEM
    NODE_SERVICE_DOWN = "NodeServiceDown", "another service of a node is not active", _SYSTEM
    SYSTEM_POD_DOWN = "SystemPodDown", "another pod of kube-system is not ready", _SYSTEM
    # network policies
    POLICY_DENIES_ALL = "PolicyDeniesAll", "a network policy selects pods and allows no traffic at all in a direction"
    POLICY_BLOCKS_PORT = "PolicyBlocksPort", "the network policies of a Service's pods allow ports, but not the one it sends to"
    POLICY_BLOCKS_NAMES = "PolicyBlocksNames", "network policies allow some egress, but not to port 53"
    POLICY_SELECTS_NOTHING = "PolicySelectsNothing", "a network policy's selector matches no pod"
    # admission
    WEBHOOK_SERVICE_MISSING = "WebhookServiceMissing", "a webhook configuration names a Service that does not exist", "kubectl get {kind} {name} -o yaml"
    WEBHOOK_WITHOUT_ENDPOINTS = "WebhookWithoutEndpoints", "a webhook configuration's Service has no ready pod", "kubectl get {kind} {name} -o yaml"
    ADMISSION_WEBHOOK_UNAVAILABLE = "AdmissionWebhookUnavailable", "creation is refused: an admission webhook could not be called", "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations"
    ADMISSION_DENIED = "AdmissionDenied", "creation is refused by an admission webhook or policy", _EVENTS
    # quota
    POD_QUOTA_EXCEEDED = "PodQuotaExceeded", "creation is refused: the namespace's quota of pods is used up", _QUOTA
    CPU_QUOTA_EXCEEDED = "CpuQuotaExceeded", "creation is refused: the namespace's quota of CPU is used up", _QUOTA
    MEMORY_QUOTA_EXCEEDED = "MemoryQuotaExceeded", "creation is refused: the namespace's quota of memory is used up", _QUOTA
    SERVICE_QUOTA_EXCEEDED = "ServiceQuotaExceeded", "the namespace's quota of Services is used up", _QUOTA
    STORAGE_QUOTA_EXCEEDED = "StorageQuotaExceeded", "creation is refused, or the quota used up: storage or claims", _QUOTA
    OBJECT_QUOTA_EXCEEDED = "ObjectQuotaExceeded", "creation is refused: another quota of the namespace is used up", _QUOTA
    QUOTA_WANTS_RESOURCES = "QuotaWantsResources", "creation is refused: the namespace's quota demands requests or limits that the pods do not name", _QUOTA
    LIMIT_RANGE_VIOLATED = "LimitRangeViolated", "creation is refused: outside the namespace's limit range", "kubectl {ns} describe limitrange"
    # access
    ACCOUNT_FORBIDDEN = "AccountForbidden", "an event or status says that a service account may not do something", "kubectl auth can-i --list --as=system:serviceaccount:{about}"
    ROLE_MISSING = "RoleMissing", "a binding refers to a role that does not exist"
    BINDING_SUBJECT_MISSING = "BindingSubjectMissing", "a binding grants to a service account that does not exist"
    # fmt: on
