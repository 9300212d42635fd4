"""Who is held up waits for who holds it up."""

from __future__ import annotations

from integrations.cluster import find
from scoring.observations import Dependency

from .shop import Shop, thing


def waits(shop: Shop) -> set[tuple[str, str]]:
    found = [one for one in find(shop.cluster()) if isinstance(one, Dependency)]
    return {(one.caller.service, one.callee.name) for one in found}


def test_a_pod_that_no_scheduler_looked_at_waits_for_the_scheduler_that_is_down() -> None:
    shop = Shop()
    one = shop.unplaced("")
    one["status"]["conditions"] = []
    shop.add(
        "NodeService",
        thing(
            "node-1/kube-scheduler",
            "",
            spec={"node": "node-1", "service": "kube-scheduler"},
            status={"active": "inactive"},
        ),
    )

    assert waits(shop) == {("payments", "node-1")}


def test_a_pod_that_finds_only_nodes_that_are_not_ready_waits_for_them() -> None:
    shop = Shop()
    for name in ("node-1", "node-2"):
        shop.get("Node", name)["spec"]["taints"] = [{"key": "node.kubernetes.io/unreachable", "effect": "NoSchedule"}]
        shop.get("Node", name)["status"]["conditions"][0] = {"type": "Ready", "status": "Unknown", "message": ""}
    shop.unplaced("0/2 nodes are available: 2 node(s) had untolerated taint {node.kubernetes.io/unreachable: }.")

    assert waits(shop) == {("payments", "node-1"), ("payments", "node-2")}


def test_a_service_that_is_not_there_waits_for_the_quota_that_allows_no_more() -> None:
    shop = Shop()
    shop.drop("Service", "db")
    shop.drop("Endpoints", "db")
    shop.add("ResourceQuota", thing("few", status={"hard": {"services": "2"}, "used": {"services": "2"}}))

    assert shop.said("ServiceMissing") == [
        (
            "workload/shop/db",
            "ServiceMissing",
            "no service bears the name db of statefulset db, which is called by deployment payments",
        )
    ]
    assert waits(shop) == {("db", "quota few")}


def test_a_quota_of_another_namespace_holds_up_nobody_here() -> None:
    shop = Shop()
    shop.drop("Service", "db")
    shop.add("ResourceQuota", thing("few", "other", status={"hard": {"services": "2"}, "used": {"services": "2"}}))

    assert waits(shop) == set()


def test_a_healthy_shop_waits_for_nothing() -> None:
    assert waits(Shop()) == set()
