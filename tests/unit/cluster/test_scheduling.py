"""Why a pod finds no node, told apart."""

from __future__ import annotations

from .shop import Shop, ago, container, event


def test_a_node_selector_that_no_node_meets() -> None:
    shop = Shop()
    shop.unplaced(
        "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector. preemption: 0/2 nodes are available: 2 Preemption is not helpful",
        nodeSelector={"disk": "nvme"},
    )

    assert shop.said("NodeSelectorMismatch") == [
        (
            "pod/shop/payments-5c-new",
            "NodeSelectorMismatch",
            "pod payments-5c-new finds no node: its nodeSelector disk=nvme matches none of 2 nodes; disk is ssd there (0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.)",
        )
    ]


def test_a_node_selector_on_a_label_that_no_node_has() -> None:
    shop = Shop()
    shop.unplaced(
        "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.", nodeSelector={"gpu": "yes"}
    )

    assert shop.said("NodeSelectorMismatch") == [
        (
            "pod/shop/payments-5c-new",
            "NodeSelectorMismatch",
            "pod payments-5c-new finds no node: its nodeSelector gpu=yes matches none of 2 nodes; no node has the label gpu (0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.)",
        )
    ]


def test_a_required_node_affinity_that_no_node_meets() -> None:
    shop = Shop()
    required = {
        "nodeSelectorTerms": [{"matchExpressions": [{"key": "disk", "operator": "In", "values": ["nvme", "optane"]}]}]
    }
    shop.unplaced(
        "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.",
        affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}},
    )

    assert shop.said("NodeAffinityMismatch") == [
        (
            "pod/shop/payments-5c-new",
            "NodeAffinityMismatch",
            "pod payments-5c-new finds no node: its node affinity (disk in (nvme, optane)) matches none of 2 nodes (0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.)",
        )
    ]


def test_a_node_affinity_that_some_node_meets_leaves_the_next_reason() -> None:
    shop = Shop()
    required = {
        "nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-2"]}]}]
    }
    shop.unplaced(
        "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't match Pod's node affinity/selector.",
        affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}},
    )

    assert shop.said("InsufficientCpu", "NodeAffinityMismatch") == [
        (
            "pod/shop/payments-5c-new",
            "InsufficientCpu",
            "pod payments-5c-new finds no node: too little cpu is left on 1 node of 2; it requests 0.1 cores, the largest node offers 4 cores in all (0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't match Pod's node affinity/selector.)",
        )
    ]


def test_too_little_cpu() -> None:
    shop = Shop()
    shop.unplaced(
        "0/2 nodes are available: 2 Insufficient cpu.", containers=[container(resources={"requests": {"cpu": "6"}})]
    )

    assert shop.said("InsufficientCpu") == [
        (
            "pod/shop/payments-5c-new",
            "InsufficientCpu",
            "pod payments-5c-new finds no node: too little cpu is left on 2 nodes of 2; it requests 6 cores, the largest node offers 4 cores in all (0/2 nodes are available: 2 Insufficient cpu.)",
        )
    ]


def test_too_little_memory_where_another_node_is_kept_for_the_control_plane() -> None:
    shop = Shop()
    shop.get("Node", "node-1")["spec"]["unschedulable"] = True
    shop.get("Node", "node-1")["metadata"]["labels"]["node-role.kubernetes.io/control-plane"] = ""
    shop.unplaced(
        "0/2 nodes are available: 1 node(s) were unschedulable, 1 Insufficient memory.",
        containers=[container(resources={"requests": {"memory": "16Gi"}})],
    )

    assert shop.said("InsufficientMemory") == [
        (
            "pod/shop/payments-5c-new",
            "InsufficientMemory",
            "pod payments-5c-new finds no node: too little memory is left on 1 node of 2; it requests 16 GiB, the largest node offers 8 GiB in all (0/2 nodes are available: 1 node(s) were unschedulable, 1 Insufficient memory.)",
        )
    ]


def test_every_node_full_of_pods() -> None:
    shop = Shop()
    shop.unplaced("0/2 nodes are available: 2 Too many pods.")

    assert shop.said("InsufficientPods") == [
        (
            "pod/shop/payments-5c-new",
            "InsufficientPods",
            "pod payments-5c-new finds no node: no room for another pod on 2 nodes of 2 (0/2 nodes are available: 2 Too many pods.)",
        )
    ]


def test_a_resource_that_no_node_has() -> None:
    shop = Shop()
    shop.unplaced("0/2 nodes are available: 2 Insufficient nvidia.com/gpu.")

    assert shop.said("InsufficientResource") == [
        (
            "pod/shop/payments-5c-new",
            "InsufficientResource",
            "pod payments-5c-new finds no node: a resource that it requests is not left on 2 nodes of 2 (0/2 nodes are available: 2 Insufficient nvidia.com/gpu.)",
        )
    ]


def test_pods_it_must_not_be_near_to_on_every_node() -> None:
    shop = Shop()
    shop.unplaced("0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules.")

    assert shop.said("PodAntiAffinityConflict") == [
        (
            "pod/shop/payments-5c-new",
            "PodAntiAffinityConflict",
            "pod payments-5c-new finds no node: a pod that its anti-affinity keeps away from runs on 2 nodes of 2 (0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules.)",
        )
    ]


def test_pods_it_must_be_near_to_on_no_node() -> None:
    shop = Shop()
    shop.unplaced("0/2 nodes are available: 2 node(s) didn't match pod affinity rules.")

    assert shop.said("PodAffinityUnmet") == [
        (
            "pod/shop/payments-5c-new",
            "PodAffinityUnmet",
            "pod payments-5c-new finds no node: no pod that its affinity asks for runs on 2 nodes of 2 (0/2 nodes are available: 2 node(s) didn't match pod affinity rules.)",
        )
    ]


def test_a_topology_spread_that_leaves_no_node() -> None:
    shop = Shop()
    shop.unplaced("0/2 nodes are available: 2 node(s) didn't match pod topology spread constraints.")

    assert shop.said("TopologySpreadUnmet") == [
        (
            "pod/shop/payments-5c-new",
            "TopologySpreadUnmet",
            "pod payments-5c-new finds no node: its topology spread constraints leave out 2 nodes of 2 (0/2 nodes are available: 2 node(s) didn't match pod topology spread constraints.)",
        )
    ]


def test_taints_that_it_does_not_tolerate() -> None:
    shop = Shop()
    for name in ("node-1", "node-2"):
        shop.get("Node", name)["spec"]["taints"] = [{"key": "dedicated", "value": "batch", "effect": "NoSchedule"}]
    shop.unplaced(
        "0/2 nodes are available: 2 node(s) had untolerated taint {dedicated: batch}.",
        tolerations=[{"key": "dedicated", "value": "web", "effect": "NoSchedule"}],
    )

    assert shop.said("UntoleratedTaint") == [
        (
            "pod/shop/payments-5c-new",
            "UntoleratedTaint",
            "pod payments-5c-new finds no node: taints that it does not tolerate are on 2 of all 2 nodes: dedicated=batch:NoSchedule (0/2 nodes are available: 2 node(s) had untolerated taint {dedicated: batch}.)",
        )
    ]


def test_cordoned_nodes() -> None:
    shop = Shop()
    for name in ("node-1", "node-2"):
        shop.get("Node", name)["spec"]["unschedulable"] = True
    shop.unplaced("0/2 nodes are available: 2 node(s) were unschedulable.")

    assert shop.said("NodesCordoned") == [
        (
            "pod/shop/payments-5c-new",
            "NodesCordoned",
            "pod payments-5c-new finds no node: cordoned are all 2 nodes: node-1, node-2 (0/2 nodes are available: 2 node(s) were unschedulable.)",
        )
    ]


def test_the_only_node_that_it_may_run_on_is_cordoned() -> None:
    shop = Shop()
    shop.get("Node", "node-2")["spec"]["unschedulable"] = True
    shop.unplaced(
        "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) were unschedulable.",
        nodeSelector={"kubernetes.io/hostname": "node-2"},
    )

    assert shop.said("NodesCordoned", "NodeSelectorMismatch") == [
        (
            "pod/shop/payments-5c-new",
            "NodesCordoned",
            "pod payments-5c-new finds no node: cordoned are the 1 that it may run on: node-2 (0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) were unschedulable.)",
        )
    ]


def test_a_host_port_that_is_taken() -> None:
    shop = Shop()
    shop.unplaced("0/2 nodes are available: 2 node(s) didn't have free ports for the requested pod ports.")

    assert shop.said("HostPortTaken") == [
        (
            "pod/shop/payments-5c-new",
            "HostPortTaken",
            "pod payments-5c-new finds no node: its host port is taken on 2 nodes of 2 (0/2 nodes are available: 2 node(s) didn't have free ports for the requested pod ports.)",
        )
    ]


def test_a_claim_that_is_not_bound() -> None:
    shop = Shop()
    shop.unplaced(
        "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
        volumes=[{"persistentVolumeClaim": {"claimName": "data"}}],
    )

    assert shop.said("VolumeUnbound") == [
        (
            "pod/shop/payments-5c-new",
            "VolumeUnbound",
            "pod payments-5c-new finds no node: its volume claim data is not bound (0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims.)",
        )
    ]


def test_a_claim_that_does_not_exist() -> None:
    shop = Shop()
    shop.unplaced('0/2 nodes are available: persistentvolumeclaim "dada" not found.')

    assert shop.said("MissingClaim") == [
        (
            "pod/shop/payments-5c-new",
            "MissingClaim",
            'pod payments-5c-new finds no node: a volume claim that it names does not exist (0/2 nodes are available: persistentvolumeclaim "dada" not found.)',
        )
    ]


def test_a_volume_in_another_zone() -> None:
    shop = Shop()
    shop.unplaced("0/2 nodes are available: 2 node(s) had volume node affinity conflict.")

    assert shop.said("VolumeElsewhere") == [
        (
            "pod/shop/payments-5c-new",
            "VolumeElsewhere",
            "pod payments-5c-new finds no node: its volume is bound elsewhere than 2 nodes of 2 (0/2 nodes are available: 2 node(s) had volume node affinity conflict.)",
        )
    ]


def test_a_node_that_does_not_exist() -> None:
    shop = Shop()
    shop.unplaced("")["spec"]["nodeName"] = "node-9"

    assert shop.said("NodeMissing") == [
        (
            "pod/shop/payments-5c-new",
            "NodeMissing",
            "pod payments-5c-new is assigned to node node-9, and there is no such node",
        )
    ]


def test_no_scheduler_that_says_anything() -> None:
    shop = Shop()
    new = shop.unplaced("")
    new["metadata"]["creationTimestamp"] = ago(300)
    del new["status"]["conditions"]

    assert shop.said("NotScheduled") == [
        (
            "pod/shop/payments-5c-new",
            "NotScheduled",
            "pod payments-5c-new has been pending for 300 s and no scheduler has looked at it",
        )
    ]


def test_a_new_pod_is_given_time_to_be_placed() -> None:
    shop = Shop()
    new = shop.unplaced("")
    new["metadata"]["creationTimestamp"] = ago(10)
    del new["status"]["conditions"]

    assert shop.said("NotScheduled") == []


def test_a_scheduling_gate() -> None:
    shop = Shop()
    new = shop.unplaced("", schedulingGates=[{"name": "quota.example.org/wait"}])
    new["status"]["conditions"][0]["reason"] = "SchedulingGated"

    assert shop.said("SchedulingGated") == [
        (
            "pod/shop/payments-5c-new",
            "SchedulingGated",
            "pod payments-5c-new waits for its scheduling gates quota.example.org/wait",
        )
    ]


def test_an_unknown_reason_keeps_the_vendor_s_word() -> None:
    shop = Shop()
    shop.unplaced("0/2 nodes are available: 2 node(s) were in a bad mood.")

    assert shop.said("Unschedulable") == [
        (
            "pod/shop/payments-5c-new",
            "Unschedulable",
            "pod payments-5c-new finds no node: the scheduler does not say why (0/2 nodes are available: 2 node(s) were in a bad mood.)",
        )
    ]


def test_without_a_condition_the_scheduler_s_event_tells() -> None:
    shop = Shop()
    del shop.unplaced("")["status"]["conditions"]
    shop.add(
        "Event", event("Pod", "payments-5c-new", "FailedScheduling", "0/2 nodes are available: 2 Insufficient cpu.")
    )

    assert shop.said("InsufficientCpu") == [
        (
            "pod/shop/payments-5c-new",
            "InsufficientCpu",
            "pod payments-5c-new finds no node: too little cpu is left on 2 nodes of 2; it requests 0.1 cores, the largest node offers 4 cores in all (0/2 nodes are available: 2 Insufficient cpu.)",
        )
    ]


def test_nodes_that_the_cluster_itself_keeps_pods_off() -> None:
    shop = Shop()
    for name, key in (("node-1", "node.kubernetes.io/unreachable"), ("node-2", "node.kubernetes.io/memory-pressure")):
        shop.get("Node", name)["spec"]["taints"] = [{"key": key, "effect": "NoSchedule"}]
    shop.unplaced("0/2 nodes are available: 2 node(s) had untolerated taint {node.kubernetes.io/unreachable: }.")

    assert shop.said("NodesNotReady", "UntoleratedTaint") == [
        (
            "pod/shop/payments-5c-new",
            "NodesNotReady",
            "pod payments-5c-new finds no node: not ready are 2 of all 2 nodes: node-1, node-2 (node.kubernetes.io/unreachable:NoSchedule, node.kubernetes.io/memory-pressure:NoSchedule) (0/2 nodes are available: 2 node(s) had untolerated taint {node.kubernetes.io/unreachable: }.)",
        )
    ]


def test_a_node_with_a_taint_of_its_own_does_not_wait_to_get_well() -> None:
    shop = Shop()
    for name in ("node-1", "node-2"):
        shop.get("Node", name)["spec"]["taints"] = [
            {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"},
            {"key": "dedicated", "value": "batch", "effect": "NoSchedule"},
        ]
    shop.unplaced("0/2 nodes are available: 2 node(s) had untolerated taint {dedicated: batch}.")

    assert [word for _, word, _ in shop.said("NodesNotReady", "UntoleratedTaint")] == ["UntoleratedTaint"]


def test_what_the_nodes_no_longer_show_kept_the_pod_away_when_the_scheduler_looked() -> None:
    shop = Shop()
    shop.get("Node", "node-2")["spec"]["unschedulable"] = True
    # The cordon is still there, the taint on node-1 has been taken away since.
    shop.unplaced(
        "0/2 nodes are available: 1 node(s) had untolerated taint {broken: true}, 1 node(s) were unschedulable."
    )

    assert [word for _, word, _ in shop.said("NodesCordoned", "UntoleratedTaint")] == ["UntoleratedTaint"]
