"""Nodes, what makes them nodes, and the cluster's own parts."""

from __future__ import annotations

from .shop import Shop, ago, pod, thing


def test_a_node_that_is_not_ready() -> None:
    shop = Shop()
    shop.get("Node", "node-1")["status"]["conditions"][0] = {
        "type": "Ready",
        "status": "False",
        "reason": "KubeletNotReady",
        "message": "kubelet is shutting down",
    }

    assert shop.said() == [("node/node-1", "NotReady", "not ready: kubelet is shutting down")]


def test_a_node_whose_kubelet_stopped_reporting() -> None:
    shop = Shop()
    shop.get("Node", "node-1")["status"]["conditions"][0] = {
        "type": "Ready",
        "status": "Unknown",
        "reason": "NodeStatusUnknown",
        "message": "Kubelet stopped posting node status.",
    }

    assert shop.said() == [
        ("node/node-1", "NotReady", "state unknown: Kubelet stopped posting node status."),
        ("node/node-1", "KubeletDown", "node node-1: Kubelet stopped posting node status."),
    ]


def test_a_node_whose_container_runtime_is_down() -> None:
    shop = Shop()
    shop.get("Node", "node-1")["status"]["conditions"][0] = {
        "type": "Ready",
        "status": "False",
        "reason": "KubeletNotReady",
        "message": "container runtime is down",
    }

    assert shop.said() == [
        ("node/node-1", "NotReady", "not ready: container runtime is down"),
        ("node/node-1", "ContainerRuntimeDown", "node node-1: container runtime is down"),
    ]


def test_a_node_whose_runtime_gives_no_version() -> None:
    shop = Shop()
    broken = shop.get("Node", "node-1")
    broken["status"]["conditions"][0] = {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}
    broken["status"]["nodeInfo"] = {"containerRuntimeVersion": "containerd://Unknown"}

    assert shop.said() == [
        ("node/node-1", "NotReady", "state unknown: it says no more"),
        ("node/node-1", "ContainerRuntimeDown", "node node-1: its runtime gives no version"),
    ]


def test_a_node_without_its_network_plugin() -> None:
    shop = Shop()
    shop.get("Node", "node-1")["status"]["conditions"][0] = {
        "type": "Ready",
        "status": "False",
        "message": "container network is not ready: cni plugin not initialized",
    }

    assert shop.said() == [
        ("node/node-1", "NotReady", "not ready: container network is not ready: cni plugin not initialized"),
        ("node/node-1", "NetworkPluginDown", "node node-1: container network is not ready: cni plugin not initialized"),
    ]


def test_a_node_that_runs_out_of_disk() -> None:
    shop = Shop()
    shop.get("Node", "node-2")["status"]["conditions"][2] = {
        "type": "DiskPressure",
        "status": "True",
        "message": "kubelet has disk pressure",
    }

    assert shop.said() == [("node/node-2", "DiskPressure", "kubelet has disk pressure")]


def test_a_node_that_is_cordoned() -> None:
    shop = Shop()
    shop.get("Node", "node-1")["spec"]["unschedulable"] = True

    assert shop.said() == [("node/node-1", "SchedulingDisabled", "cordoned: no new pods are placed here")]


def test_a_control_plane_that_takes_no_pods() -> None:
    shop = Shop()
    shop.get("Node", "node-1")["spec"] = {
        "unschedulable": True,
        "taints": [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}],
    }
    shop.get("Node", "node-1")["metadata"]["labels"]["node-role.kubernetes.io/control-plane"] = ""

    assert shop.said() == []


def test_a_node_with_a_taint_of_somebody_s_own() -> None:
    shop = Shop()
    shop.get("Node", "node-1")["spec"]["taints"] = [{"key": "maintenance", "effect": "NoExecute", "timeAdded": ago(30)}]

    assert shop.said() == [
        ("node/node-1", "NodeTainted", "tainted maintenance:NoExecute: only pods that tolerate it are placed here")
    ]


def test_a_node_that_is_full() -> None:
    shop = Shop()
    shop.get("Node", "node-2")["status"]["allocatable"]["pods"] = "1"

    assert shop.said() == [("node/node-2", "NodeFull", "runs 1 of at most 1 pods")]


def test_a_kubelet_that_does_not_run() -> None:
    shop = Shop()
    shop.get("NodeService", "node-1/kubelet")["status"] = {"active": "inactive (dead)", "since": ago(120)}

    assert shop.said() == [("node/node-1", "KubeletDown", "kubelet on node node-1 is inactive (dead)")]


def test_other_services_of_a_node_that_do_not_run() -> None:
    shop = Shop()
    for name in (
        "containerd",
        "kube-proxy",
        "kube-scheduler",
        "kube-controller-manager",
        "kube-apiserver",
        "etcd",
        "chronyd",
    ):
        shop.add(
            "NodeService",
            thing(
                f"node-1/{name}", "", spec={"node": "node-1", "service": f"{name}.service"}, status={"active": "failed"}
            ),
        )

    assert shop.said() == [
        ("node/node-1", "ContainerRuntimeDown", "containerd.service on node node-1 is failed"),
        ("node/node-1", "KubeProxyDown", "kube-proxy.service on node node-1 is failed"),
        ("node/node-1", "SchedulerDown", "kube-scheduler.service on node node-1 is failed"),
        ("node/node-1", "ControllerManagerDown", "kube-controller-manager.service on node node-1 is failed"),
        ("node/node-1", "ApiServerDown", "kube-apiserver.service on node node-1 is failed"),
        ("node/node-1", "EtcdDown", "etcd.service on node node-1 is failed"),
        ("node/node-1", "NodeServiceDown", "chronyd.service on node node-1 is failed"),
    ]


def test_a_lease_that_a_kubelet_no_longer_renews() -> None:
    shop = Shop()
    shop.get("Lease", "node-1")["spec"]["renewTime"] = ago(300)

    assert shop.said() == [("node/node-1", "KubeletDown", "lease node-1 was last renewed 300 s before this was read")]


def test_a_lease_that_the_scheduler_no_longer_renews() -> None:
    shop = Shop()
    shop.get("Lease", "kube-scheduler")["spec"]["renewTime"] = ago(300)

    assert shop.said() == [
        (
            "component/kube-system/kube-scheduler",
            "SchedulerDown",
            "lease kube-scheduler was last renewed 300 s before this was read",
        )
    ]


def test_parts_of_the_cluster_that_are_not_ready() -> None:
    shop = Shop()
    shop.unready("kube-proxy")
    shop.unready("kube-scheduler")

    assert shop.said() == [
        ("node/node-1", "KubeProxyDown", "pod kube-proxy-x of kube-system on node node-1 is not ready"),
        ("node/node-1", "SchedulerDown", "pod kube-scheduler-node-1 of kube-system on node node-1 is not ready"),
        ("pod/kube-system/kube-proxy-x", "NotReady", "pod is running, but not ready"),
        ("pod/kube-system/kube-scheduler-node-1", "NotReady", "pod is running, but not ready"),
    ]


def test_another_pod_of_the_cluster_that_is_not_ready() -> None:
    shop = Shop()
    shop.add("Pod", pod("metrics-1", "metrics", ("ReplicaSet", "metrics-55c8d9f5b"), namespace="kube-system"))
    shop.unready("metrics")

    assert shop.said() == [
        ("pod/kube-system/metrics-1", "SystemPodDown", "pod metrics-1 of kube-system on node node-1 is not ready"),
        ("pod/kube-system/metrics-1", "NotReady", "pod is running, but not ready"),
    ]


def test_a_name_service_without_a_ready_pod() -> None:
    shop = Shop()
    shop.unready("coredns")

    assert shop.said() == [
        ("workload/kube-system/coredns", "ClusterDnsDown", "coredns: none of 1 pod is ready, so names do not resolve"),
        ("pod/kube-system/coredns-1", "NotReady", "pod is running, but not ready"),
    ]


def test_a_name_service_with_one_ready_pod_of_two() -> None:
    shop = Shop()
    shop.add("Pod", pod("coredns-2", "coredns", ("ReplicaSet", "coredns-77c8d9f5b"), namespace="kube-system"))
    shop.unready("coredns")[0]["status"]["conditions"][1]["status"] = "True"

    assert shop.said() == [("pod/kube-system/coredns-2", "NotReady", "pod is running, but not ready")]
