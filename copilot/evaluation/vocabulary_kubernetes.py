"""49 kinds of fault of Kubernetes systems, as a recorded set names them, and which condition each shows as."""

from __future__ import annotations

import re
from typing import Final

# Conditions that speak for themselves.
CONDITIONS: Final[dict[str, str]] = {
    "MissingServiceAccount": "missing_service_account",
    "CpuQuotaExceeded": "namespace_cpu_quota_exceeded",
    "MemoryQuotaExceeded": "namespace_memory_quota_exceeded",
    "PodQuotaExceeded": "namespace_pod_quota_exceeded",
    "ServiceQuotaExceeded": "namespace_service_quota_exceeded",
    "StorageQuotaExceeded": "namespace_storage_quota_exceeded",
    "ContainerRuntimeDown": "containerd_unavailable",
    "KubeProxyDown": "kube_proxy_unavailable",
    "SchedulerDown": "kube_scheduler_unavailable",
    "KubeletDown": "kubelet_unavailable",
    "NodeNotReady": "kubelet_unavailable",
    "ScaledToZero": "deployment_zero_replicas",
    "LivenessProbePortMismatch": "liveness_probe_incorrect_port",
    "LivenessProbeProtocolMismatch": "liveness_probe_incorrect_protocol",
    "LivenessProbeTooEager": "liveness_probe_incorrect_timing",
    "ReadinessProbePortMismatch": "readiness_probe_incorrect_port",
    "ReadinessProbeProtocolMismatch": "readiness_probe_incorrect_protocol",
    "CredentialsDiffer": "mysql_invalid_credentials",
    "OOMKilled": "oom_killed",
    "MemoryLimitTooLow": "oom_killed",
    "PortConflict": "service_sidecar_port_conflict",
    "InsufficientCpu": "cpu_capacity_mismatch",
    "InsufficientMemory": "memory_capacity_mismatch",
    "NodeAffinityMismatch": "node_affinity_mismatch",
    "NodeSelectorMismatch": "node_selector_mismatch",
    "NodesCordoned": "node_cordon_mismatch",
    "PodAntiAffinityConflict": "pod_anti_affinity_conflict",
    "UntoleratedTaint": "taint_toleration_mismatch",
    "VolumeTaken": "pv_binding_occupied",
    "ClaimAccessModeMismatch": "pvc_access_mode_mismatch",
    "ClaimTooLarge": "pvc_capacity_mismatch",
    "ClaimSelectorMismatch": "pvc_selector_mismatch",
    "ClaimClassMismatch": "pvc_storage_class_mismatch",
    "StorageClassMissing": "pvc_storage_class_mismatch",
    "DnsOverridden": "service_dns_resolution_failure",
    "HostPortUnknown": "service_env_var_address_mismatch",
    "HostUnknown": "service_env_var_address_mismatch",
    "TargetPortMismatch": "service_port_mapping_mismatch",
    "ServiceProtocolMismatch": "service_protocol_mismatch",
    "SelectorMismatch": "service_selector_mismatch",
    "RegistryNameUnresolved": "image_registry_dns_failure",
    "ImageNotFound": "incorrect_image_reference",
    "InvalidImageName": "incorrect_image_reference",
    "ImagePullUnauthorised": "missing_image_pull_secret",
    "PullSecretMissing": "missing_image_pull_secret",
    "MissingSecret": "missing_secret_binding",
    "VolumePermissionDenied": "volume_mount_permission_denied",
    "RouteMisdirected": "gateway_misroute",
}  # fmt: skip
KINDS: Final = tuple(
    sorted(
        {
            *CONDITIONS.values(), "node_network_delay", "node_network_packet_loss", "pod_cpu_overload", "pod_network_delay",
            "db_connection_exhaustion", "db_read_only", "mysql_invalid_port",
        }
    )
)  # fmt: skip
QUOTAS: Final = frozenset(name for name in CONDITIONS if name.endswith("QuotaExceeded")) | {"QuotaExhausted"}

_IMAGES = (
    (r"no such host|name resolution|dial tcp: lookup|server misbehaving", "image_registry_dns_failure"),
    (r"unauthorized|authentication required|pull access denied|denied|forbidden|no basic auth|401|403", "missing_image_pull_secret"),
    (r"not found|manifest unknown|invalid reference|does not exist|name unknown", "incorrect_image_reference"),
)  # fmt: skip
_PLACES = (
    (r"insufficient cpu", "cpu_capacity_mismatch"),
    (r"insufficient memory", "memory_capacity_mismatch"),
    (r"anti-affinity", "pod_anti_affinity_conflict"),
    (r"node affinity|node selector", "node_selector_mismatch"),
    (r"untolerated taint|taints? that the pod", "taint_toleration_mismatch"),
    (r"persistentvolumeclaim|unbound", "pvc_selector_mismatch"),
    (r"unschedulable", "node_cordon_mismatch"),
)  # fmt: skip
_CREATIONS = (
    (r"serviceaccount", "missing_service_account"),
    (r"exceeded quota.*pods", "namespace_pod_quota_exceeded"),
    (r"exceeded quota.*memory", "namespace_memory_quota_exceeded"),
    (r"exceeded quota.*cpu", "namespace_cpu_quota_exceeded"),
    (r"exceeded quota.*(storage|persistentvolumeclaims)", "namespace_storage_quota_exceeded"),
    (r"exceeded quota.*services", "namespace_service_quota_exceeded"),
)  # fmt: skip
# What a condition says only in its detail; the first match decides.
DETAILS: Final[dict[str, tuple[tuple[re.Pattern[str], str], ...]]] = {
    word: tuple((re.compile(pattern, re.IGNORECASE), kind) for pattern, kind in rules)
    for words, rules in (
        (("ImagePullBackOff", "ErrImagePull", "Failed", "BackOff", "RegistryUnreachable"), _IMAGES),
        (("FailedScheduling", "Unschedulable"), _PLACES),
        (("FailedCreate", "ReplicaFailure", "QuotaExhausted"), (
            *_CREATIONS, (r"\bpods\b", "namespace_pod_quota_exceeded"), (r"memory", "namespace_memory_quota_exceeded"),
            (r"cpu", "namespace_cpu_quota_exceeded"), (r"storage", "namespace_storage_quota_exceeded"),
            (r"services", "namespace_service_quota_exceeded"),
        )),
        (("HostPortUnknown",), ((r"looks for .* on port", "mysql_invalid_port"), (r"mysql|_DB_|POSTGRES", "mysql_invalid_port"))),
        (("CreateContainerConfigError", "FailedMount"), (
            (r"secret", "missing_secret_binding"), (r"permission denied", "volume_mount_permission_denied"),
        )),
        (("NotReady",), ((r"container runtime", "containerd_unavailable"), (r"kubelet", "kubelet_unavailable"))),
        (("Unhealthy",), (
            (r"too many connections", "db_connection_exhaustion"),
            (r"liveness.*(malformed|HTTP|grpc|unimplemented)", "liveness_probe_incorrect_protocol"),
            (r"readiness.*(malformed|grpc|unimplemented)", "readiness_probe_incorrect_protocol"),
        )),
        (("log",), (
            (r"access denied for user", "mysql_invalid_credentials"),
            (r"too many connections", "db_connection_exhaustion"),
            (r"read.?only", "db_read_only"),
            (r"communications link failure|connect timed out", "mysql_invalid_port"),
            (r"unknown ?host|no such host|name resolution|no address|\blookup \S+ on \S+:53", "service_dns_resolution_failure"),
            (r"permission denied", "volume_mount_permission_denied"),
            (r"address already in use|port .* in use", "service_sidecar_port_conflict"),
        )),
    )
    for word in words
}  # fmt: skip
