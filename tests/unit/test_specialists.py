"""Which specialists the router chooses by an alert's class, whom it leaves out, and how it says so."""

from __future__ import annotations

import pytest

from copilot.specialists import CLASSES, route
from integrations.base import Category
from integrations.registry import integrations

K, M, L, CH, DB, N, CR = (
    Category.KUBERNETES, Category.METRICS, Category.LOGS, Category.CHANGES, Category.DATABASE, Category.NETWORK, Category.CREDENTIALS,
)  # fmt: skip


@pytest.mark.parametrize(
    ("title", "labels", "first", "left_out"),
    [
        ("Pod shop/checkout-0 is crash looping", {"alertname": "KubePodCrashLooping"}, (K, L, CH, M), ()),
        ("payments was OOMKilled", {}, (K, L, CH, M), ()),
        ("checkout has been in ImagePullBackOff", {}, (K, CH, CR), (L,)),
        ("pod checkout-1 is Pending: 0/3 nodes are available", {}, (K, CH, M), (L, N)),
        ("Namespace quota is used up", {"alertname": "KubeQuotaFullyUsed"}, (K, CH, M), (L, N)),
        ("the certificate of shop.example.org expires", {"alertname": "CertManagerCertExpirySoon"}, (CR, K, L, CH), ()),
        ("too many connections to postgres", {}, (DB, M, L, CH), ()),
        ("High p95 latency on checkout", {}, (M, CH, L, N, K), ()),
        ("the volume is filling", {"alertname": "KubePersistentVolumeFillingUp"}, (K, M), (N,)),
        ("CoreDNSDown", {}, (N, K, M, CH), ()),
        ("it is broken", {}, (), ()),
    ],
)
def test_the_alerts_class_chooses(
    title: str, labels: dict[str, str], first: tuple[Category, ...], left_out: tuple[Category, ...]
) -> None:
    routing = route(title, labels)

    assert (routing.first, routing.left_out) == (first, left_out)


def test_the_choice_is_explained_in_words() -> None:
    crash = route("Pod shop/checkout-0 is crash looping", {"alertname": "KubePodCrashLooping"})
    pending = route("a pod of checkout is Pending", {})
    unknown = route("it is broken", {})

    assert crash.why == (
        "kubernetes + logs + changes + metrics first because of “KubePodCrashLooping” (a pod that keeps stopping)"
    )
    assert pending.why == (
        "kubernetes + changes + metrics first because of “pod of checkout is Pending” (pods that are not placed)"
        "; not logs or network: a pod that was never placed has written no log and made no call"
    )
    assert unknown.why == "all: nothing in the alert names a sort of trouble"


@pytest.mark.parametrize(
    "title",
    [
        "pods pending, and checkout answers with 5xx",  # users feel it: anything may be the cause
        "ImagePullBackOff; the certificate of the registry expired",  # two classes
        "image-resizer is down",  # a name, no class
        "orders pending: the queue grows",
        "vendor API quota exceeded, calls are slow",
    ],
)
def test_where_more_than_one_thing_may_be_meant_nobody_is_left_out(title: str) -> None:
    assert route(title, {}).left_out == ()


def test_a_service_called_like_a_class_does_not_make_one() -> None:
    assert route("down", {"alertname": "TargetDown", "service": "image-pull-cache"}).first == ()


def test_a_source_is_left_out_only_when_it_knows_nothing_else() -> None:
    routing = route("a pod of checkout is Pending", {})

    asked = [slug for slug, one in integrations().items() if one.gathers and routing.asks(one.categories)]

    assert set(asked) >= {"datadog", "github", "gitlab", "kubernetes", "pagerduty", "prometheus"}
    assert not set(asked) & {"elasticsearch", "jaeger", "loki", "statuspage", "tempo"}


def test_sources_are_ordered_by_the_router_where_not_all_can_be_asked() -> None:
    known = integrations()
    sources = [known[slug] for slug in ("github", "kubernetes", "loki", "prometheus", "statuspage")]

    ordered = [one.slug for one in route("too many connections to postgres", {}).ordered(sources)]

    assert ordered == ["prometheus", "kubernetes", "loki", "github", "statuspage"]


def test_every_source_says_what_it_knows_about_and_what_asking_it_costs() -> None:
    for slug, one in integrations().items():
        assert bool(one.categories) == bool(one.gathers or one.looks or one.has_outside_tools), slug
        assert one.gather_cost >= 1, slug
        assert all(look.cost >= 1 and look.per_minute >= 1 for look in one.looks), slug


def test_nobody_is_both_first_and_left_out() -> None:
    for one in CLASSES:
        assert not set(one.first) & set(one.left_out), one.words
        assert bool(one.left_out) == bool(one.reason), one.words
