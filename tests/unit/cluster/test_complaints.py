"""Events, weighed against what is so now."""

from __future__ import annotations

from .shop import Shop, ago, event


def test_a_reason_that_is_not_known_keeps_its_word() -> None:
    shop = Shop()
    shop.add("Event", event("Pod", "payments-5c-aaaaa", "FailedPreStopHook", "exec failed", count=3))

    assert shop.said() == [("pod/shop/payments-5c-aaaaa", "FailedPreStopHook", "exec failed")]


def test_normal_events_say_nothing() -> None:
    shop = Shop()
    shop.add("Event", event("Pod", "payments-5c-aaaaa", "Killing", "Stopping container app", type="Normal"))

    assert shop.said() == []


def test_a_volume_that_cannot_be_mounted_for_want_of_a_config_map() -> None:
    shop = Shop()
    for one in shop.unready()[:1]:
        one["status"]["phase"] = "Pending"
    shop.add(
        "Event",
        event(
            "Pod",
            "payments-5c-aaaaa",
            "FailedMount",
            'MountVolume.SetUp failed for volume "x": configmap "more" not found',
            count=5,
        ),
    )

    assert shop.said() == [
        ("pod/shop/payments-5c-bbbbb", "NotReady", "pod is running, but not ready"),
        ("service/shop/payments", "NoReadyEndpoints", "service payments: none of its 2 pods is ready"),
        ("service/shop/payments", "NoReadyEndpoints", "service policy-check: none of its 2 pods is ready"),
        (
            "component/policy",
            "WebhookWithoutEndpoints",
            "webhook check.example.org of policy calls service policy-check of shop, which has no ready pod: all that it watches is refused",
        ),
        (
            "pod/shop/payments-5c-aaaaa",
            "MissingConfigMap",
            'MountVolume.SetUp failed for volume "x": configmap "more" not found',
        ),
    ]


def test_a_sandbox_that_gets_no_network() -> None:
    shop = Shop()
    shop.add(
        "Event",
        event(
            "Pod",
            "payments-5c-gone",
            "FailedCreatePodSandBox",
            'failed to set up sandbox: plugin type="flannel" failed: no route to host',
        ),
    )

    assert shop.said() == [
        (
            "pod/shop/payments-5c-gone",
            "FailedCreatePodSandBox",
            'failed to set up sandbox: plugin type="flannel" failed: no route to host',
        )
    ]


def test_a_reading_of_events_counts_those_of_one_reason_together() -> None:
    shop = Shop()
    shop.add(
        "Event",
        event("Node", "node-1", "SystemOOM", "System OOM encountered, victim process: java", count=2),
        {
            **event("Node", "node-1", "SystemOOM", "System OOM encountered, victim process: node"),
            "metadata": {"name": "other"},
        },
    )

    assert shop.said() == [("node/node-1", "SystemOOM", "System OOM encountered, victim process: java")]


def test_an_event_in_the_words_of_the_newer_api() -> None:
    shop = Shop()
    shop.add(
        "Event",
        {
            "metadata": {"name": "e", "namespace": "shop"},
            "regarding": {"kind": "Service", "name": "payments", "namespace": "shop"},
            "reason": "SyncLoadBalancerFailed",
            "note": "quota exceeded",
            "type": "Warning",
            "eventTime": ago(30),
            "series": {"count": 4, "lastObservedTime": ago(3)},
        },
    )

    assert shop.said() == [("service/shop/payments", "SyncLoadBalancerFailed", "quota exceeded")]


def test_a_claim_s_event_is_told_by_the_claim() -> None:
    shop = Shop()
    shop.get("PersistentVolumeClaim", "data").update(
        {"status": {"phase": "Pending"}, "spec": {"storageClassName": "fast"}}
    )
    shop.add("Event", event("PersistentVolumeClaim", "data", "ProvisioningFailed", "no space"))

    assert shop.said() == [
        (
            "storage/shop/data",
            "ClaimPending",
            "claim data is pending: class fast (csi.example.org) has provided no volume (no space)",
        )
    ]
