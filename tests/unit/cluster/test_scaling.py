"""Autoscalers and disruption budgets."""

from __future__ import annotations

from .shop import Shop, ago


def test_an_autoscaler_whose_target_does_not_exist() -> None:
    shop = Shop()
    shop.get("HorizontalPodAutoscaler", "payments")["spec"]["scaleTargetRef"]["name"] = "payment"

    assert shop.said() == [
        (
            "workload/shop/payments",
            "ScaleTargetMissing",
            "autoscaler payments scales deployment payment, which does not exist; nearest: payments",
        )
    ]


def test_an_autoscaler_that_wants_more_than_it_may() -> None:
    shop = Shop()
    autoscaler = shop.get("HorizontalPodAutoscaler", "payments")
    autoscaler["status"]["currentReplicas"] = 6
    autoscaler["status"]["conditions"][2] = {
        "type": "ScalingLimited",
        "status": "True",
        "reason": "TooManyReplicas",
        "lastTransitionTime": ago(60),
    }

    assert shop.said() == [
        ("workload/shop/payments", "TooManyReplicas", "autoscaler payments wants more than its maximum of 6 replicas")
    ]


def test_an_autoscaler_at_its_maximum_that_is_content() -> None:
    shop = Shop()
    shop.get("HorizontalPodAutoscaler", "payments")["status"]["currentReplicas"] = 6

    assert shop.said() == []


def test_an_autoscaler_without_metrics() -> None:
    shop = Shop()
    shop.get("HorizontalPodAutoscaler", "payments")["status"]["conditions"][1] = {
        "type": "ScalingActive",
        "status": "False",
        "reason": "FailedGetResourceMetric",
        "message": "no metrics returned",
    }

    assert shop.said() == [
        ("workload/shop/payments", "AutoscalerWithoutMetrics", "autoscaler payments: no metrics returned")
    ]


def test_an_autoscaler_that_cannot_read_its_target_s_scale() -> None:
    shop = Shop()
    shop.get("HorizontalPodAutoscaler", "payments")["status"]["conditions"][0] = {
        "type": "AbleToScale",
        "status": "False",
        "reason": "FailedGetScale",
        "message": "the server is busy",
    }

    assert shop.said() == [("workload/shop/payments", "FailedGetScale", "autoscaler payments: the server is busy")]


def test_an_autoscaler_that_is_switched_off() -> None:
    shop = Shop()
    shop.get("HorizontalPodAutoscaler", "payments")["status"]["conditions"][1] = {
        "type": "ScalingActive",
        "status": "False",
        "reason": "ScalingDisabled",
    }

    assert shop.said() == []


def test_an_autoscaler_of_the_first_version_tells_its_conditions_in_an_annotation() -> None:
    shop = Shop()
    autoscaler = shop.get("HorizontalPodAutoscaler", "payments")
    del autoscaler["status"]["conditions"]
    autoscaler["metadata"]["annotations"] = {
        "autoscaling.alpha.kubernetes.io/conditions": '[{"type":"ScalingActive","status":"False","reason":"FailedGetObjectMetric","message":"no such metric"}]'
    }

    assert shop.said() == [
        ("workload/shop/payments", "AutoscalerWithoutMetrics", "autoscaler payments: no such metric")
    ]


def test_an_autoscaler_by_use_over_containers_that_request_nothing() -> None:
    shop = Shop()
    shop.template()["containers"][0]["resources"] = {}

    assert shop.said() == [
        (
            "workload/shop/payments",
            "AutoscalerWithoutRequests",
            "autoscaler payments scales by the use of cpu, and deployment payments requests none for app",
        )
    ]


def test_an_autoscaler_by_use_over_containers_that_have_limits() -> None:
    shop = Shop()
    shop.template()["containers"][0]["resources"] = {"limits": {"cpu": "1"}}

    assert shop.said() == []


def test_a_disruption_budget_that_is_not_met() -> None:
    shop = Shop()
    shop.get("PodDisruptionBudget", "payments")["status"] = {
        "disruptionsAllowed": 0,
        "currentHealthy": 1,
        "desiredHealthy": 2,
        "expectedPods": 2,
    }

    assert shop.said() == [
        (
            "workload/shop/payments",
            "DisruptionBlocked",
            "disruption budget payments allows none: 1 of 2 pods that it wants are healthy",
        )
    ]


def test_a_disruption_budget_that_allows_none_while_all_is_well() -> None:
    shop = Shop()
    shop.get("PodDisruptionBudget", "payments")["status"] = {
        "disruptionsAllowed": 0,
        "currentHealthy": 2,
        "desiredHealthy": 2,
        "expectedPods": 2,
    }

    assert shop.said() == []


def test_a_disruption_budget_that_selects_nothing() -> None:
    shop = Shop()
    budget = shop.get("PodDisruptionBudget", "payments")
    budget["spec"]["selector"]["matchLabels"] = {"app": "payment"}
    budget["status"] = {"expectedPods": 0}

    assert shop.said() == [
        (
            "component/shop/disruption budget payments",
            "BudgetSelectsNothing",
            "disruption budget payments selects app=payment, no pod has it",
        )
    ]
