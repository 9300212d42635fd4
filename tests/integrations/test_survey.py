"""A survey: what Kubernetes' objects, meshes' metrics and traces say of who needs whom, and what they cannot say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.base import Rejected, Scope, ServiceScope, Unauthorised
from integrations.jaeger import Jaeger
from integrations.kubernetes import Kubernetes, KubernetesCredentials
from integrations.pagerduty import PagerDuty
from integrations.prometheus import Prometheus
from integrations.prometheus.survey import meshes
from integrations.survey import MOST_CALLS, Call, Survey, Thing
from integrations.tempo import Tempo
from scoring.observations import EntityKind
from tests.integrations import test_jaeger, test_prometheus, test_tempo, traces_world
from tests.integrations.door import Answer, FakeDoor
from tests.integrations.test_kubernetes import REFUSED, WINDOW, Cluster

if TYPE_CHECKING:
    from collections.abc import Mapping

Object = dict[str, Any]
SHOP = Scope(service=None, neighbours=(ServiceScope("checkout", "shop", "checkout"),))


def workload(name: str, environment: Mapping[str, str] | None = None, *, image: str = "", **container: Any) -> Object:
    made = {"name": name, "image": image or f"registry.example.org:5000/shop/{name}:1", **container}
    made["env"] = [{"name": key, "value": value} for key, value in (environment or {}).items()]
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [made]}}
    return {"metadata": {"name": name, "namespace": "shop"}, "spec": {"template": template}}


def service(name: str, selects: str = "", **spec: Any) -> Object:
    return {
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"selector": {"app": selects or name}, "ports": [{"port": 80}], **spec},
    }


def named(name: str, **spec: Any) -> Object:
    return {"metadata": {"name": name, "namespace": "shop"}, "spec": spec}


OBJECTS: dict[str, list[Object]] = {
    "services": [service("pay", "payments"), service("web", type="LoadBalancer"), service("checkout"), service("pg", "orders-db")],
    "deployments": [
        workload("web", {"CHECKOUT_URL": "http://checkout:80"}),
        workload(
            "checkout",
            {"PAYMENTS_URL": "http://pay.shop.svc.cluster.local:80/v1", "DB_HOST": "pg", "TOPIC": "web"},
            envFrom=[{"configMapRef": {"name": "settings"}}],
        ),
        workload("payments", {"BANK": "https://hush:hush@api.bank.io/v2", "LEDGER": "postgres://me@ledger.abc.rds.amazonaws.com:5432/x"}),
        workload("scraper"),
    ],
    "statefulsets": [workload("orders-db", image="docker.io/library/postgres:16@sha256:abc"), workload("bus", image="bitnami/kafka:3")],
    "ingresses": [
        named("shop", rules=[{"http": {"paths": [{"backend": {"service": {"name": "checkout", "port": {"number": 80}}}}]}}])
    ],
    "networkpolicies": [
        named(
            "orders-db",
            podSelector={"matchLabels": {"app": "orders-db"}},
            ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "checkout"}}}, {"podSelector": {"matchLabels": {"app": "scraper"}}}]}],
        ),
        named("all", podSelector={}, ingress=[{"from": [{"podSelector": {}}]}]),
        named("out", podSelector={"matchLabels": {"app": "web"}}, egress=[{"to": [{"podSelector": {"matchLabels": {"app": "checkout"}}}]}]),
    ],
    "configmaps": [{"metadata": {"name": "settings", "namespace": "shop"}, "data": {"BUS_ADDR": "bus:9092", "WEB_URL": "http://web"}}],
}  # fmt: skip

WEB = Thing("web", EntityKind.SERVICE, "shop", "web")
CHECKOUT = Thing("checkout", EntityKind.SERVICE, "shop", "checkout")
PAYMENTS = Thing("payments", EntityKind.SERVICE, "shop", "payments")
SCRAPER = Thing("scraper", EntityKind.SERVICE, "shop", "scraper")
ORDERS_DB = Thing("orders-db", EntityKind.DATABASE, "shop", "orders-db")
BUS = Thing("bus", EntityKind.QUEUE, "shop", "bus")
ENVIRONMENT, POLICY = "kubernetes environment", "kubernetes network policy"


def survey(objects: Mapping[str, list[Object]], *, refuse: Mapping[str, Answer] | None = None, **more: Any) -> Survey:
    credentials = KubernetesCredentials.model_validate({"url": "https://k.test:6443", "token": "t0ken", **more})
    return Kubernetes().survey(FakeDoor(Cluster(objects, refuse=refuse)), credentials, SHOP, WINDOW)


# --- Kubernetes ------------------------------------------------------------------------------------------------------


def test_workloads_are_what_their_images_are_and_users_come_in_where_they_are_let_in() -> None:
    found = survey(OBJECTS)

    assert [(one.name, one.kind.value, one.namespace, one.workload, one.entrance) for one in found.things] == [
        ("bus", "queue", "shop", "bus", ""),
        ("checkout", "service", "shop", "checkout", "kubernetes ingress"),
        ("orders-db", "database", "shop", "orders-db", ""),
        ("payments", "service", "shop", "payments", ""),
        ("scraper", "service", "shop", "scraper", ""),
        ("web", "service", "shop", "web", "kubernetes load balancer"),
    ]
    assert (found.namespaces, found.gaps) == (("shop",), ())


def test_addresses_in_the_environment_are_arrows_to_what_stands_behind_them() -> None:
    calls = survey(OBJECTS).calls

    assert [one for one in calls if one.source == ENVIRONMENT] == [
        Call(CHECKOUT, ORDERS_DB, ENVIRONMENT, "DB_HOST of deployment checkout"),
        Call(CHECKOUT, PAYMENTS, ENVIRONMENT, "PAYMENTS_URL of deployment checkout"),
        Call(PAYMENTS, Thing("api.bank.io", EntityKind.EXTERNAL), ENVIRONMENT, "BANK of deployment payments"),
        Call(PAYMENTS, Thing("ledger.abc.rds.amazonaws.com", EntityKind.DATABASE), ENVIRONMENT, "LEDGER of deployment payments"),
        Call(WEB, CHECKOUT, ENVIRONMENT, "CHECKOUT_URL of deployment web"),
    ]  # fmt: skip
    assert "hush" not in repr(calls)


def test_config_maps_are_read_only_where_that_is_granted_and_only_for_names() -> None:
    with_maps = set(survey(OBJECTS, versions=True).calls) - set(survey(OBJECTS).calls)

    assert with_maps == {
        Call(CHECKOUT, BUS, ENVIRONMENT, "BUS_ADDR of deployment checkout"),
        Call(CHECKOUT, WEB, ENVIRONMENT, "WEB_URL of deployment checkout"),
    }


def test_network_policies_tell_what_is_allowed_by_name_and_nothing_of_those_for_all() -> None:
    assert [one for one in survey(OBJECTS).calls if one.source == POLICY] == [
        Call(CHECKOUT, ORDERS_DB, POLICY, "network policy orders-db lets it"),
        Call(SCRAPER, ORDERS_DB, POLICY, "network policy orders-db lets it"),
        Call(WEB, CHECKOUT, POLICY, "network policy out lets it"),
    ]


@pytest.mark.parametrize(
    ("value", "outside"),
    [
        ("https://api.bank.io/v1", "api.bank.io"), ("redis://cache.abc.cache.amazonaws.com:6379", "cache.abc.cache.amazonaws.com"),
        ("http://10.0.0.7:80", ""), ("http://payments.shop:80", ""), ("http://x.shop.svc.cluster.local", ""), ("https://a.example.com", ""),
        ("api.bank.io", ""), ("http://localhost:80", ""), ("http://host.docker.internal", ""), ("https://[broken", ""),
    ],
)  # fmt: skip
def test_a_host_outside_is_told_by_a_whole_address_alone(value: str, outside: str) -> None:
    calls = survey({"deployments": [workload("a", {"X": value})]}).calls

    assert [one.callee.name for one in calls] == ([outside] if outside else [])


def test_a_service_that_stands_for_an_outside_name_is_that_name() -> None:
    outside = named("bank", type="ExternalName", externalName="api.bank.io")

    (call,) = survey({"services": [outside], "deployments": [workload("a", {"BANK_URL": "http://bank"})]}).calls

    assert call.callee == Thing("api.bank.io", EntityKind.EXTERNAL)


def test_what_may_not_be_read_is_a_gap_and_the_rest_is_told() -> None:
    found = survey(OBJECTS, refuse={"ingresses": (403, {}, REFUSED), "configmaps": (403, {}, REFUSED)}, versions=True)

    assert len(found.things) == 6
    # Who let users in is not known: what was known before is not to be taken back.
    assert found.namespaces == ()
    assert [one.question for one in found.gaps] == ["further kinds of objects", "config maps in shop"]


def test_a_cluster_that_lets_nobody_in_raises() -> None:
    refused: Answer = (401, {}, {"kind": "Status", "message": "Unauthorized"})
    with pytest.raises(Unauthorised):
        survey({}, refuse=dict.fromkeys(("deployments", "statefulsets", "daemonsets", "services", "ingresses", "networkpolicies", "httproutes", "gateways", "cronjobs"), refused))  # fmt: skip


def test_without_a_namespace_nothing_is_asked() -> None:
    credentials = KubernetesCredentials.model_validate({"url": "https://k.test:6443", "token": "t0ken"})
    door = FakeDoor(Cluster(OBJECTS))

    found = Kubernetes().survey(door, credentials, Scope(service=None), WINDOW)

    assert ([one.reason for one in found.gaps], door.asked) == (
        ["no namespace is known for the alert: set the service's namespace"], [],
    )  # fmt: skip


def test_the_same_objects_in_any_order_give_the_same_survey() -> None:
    assert survey(OBJECTS) == survey({plural: items[::-1] for plural, items in reversed(OBJECTS.items())})


# --- meshes ----------------------------------------------------------------------------------------------------------


def counted(metric: str, *rows: dict[str, str]) -> Any:
    """A Prometheus that has one mesh's metric, and these series of it."""

    def answer(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        parts = urlsplit(url)
        if parts.path.endswith("/label/__name__/values"):
            return test_prometheus.success([metric])
        asked = parse_qs(parts.query)
        assert metric in asked["query"][0]
        assert asked["time"] == [str(WINDOW.end)]
        result = [{"metric": row, "value": [WINDOW.end, "41.6"]} for row in rows]
        return test_prometheus.success({"resultType": "vector", "result": result})

    return answer


def end(prefix: str, workload: str, namespace: str) -> dict[str, str]:
    return {f"{prefix}_workload": workload, f"{prefix}_workload_namespace": namespace}


@pytest.mark.parametrize(
    ("metric", "rows", "calls"),
    [
        (
            "istio_requests_total",
            [
                {**end("source", "web", "shop"), **end("destination", "checkout", "shop")},
                {**end("source", "unknown", "unknown"), **end("destination", "web", "shop")},
                {**end("source", "web", "shop"), **end("destination", "web", "shop")},
            ],
            [Call(WEB, CHECKOUT, "prometheus istio", "42 requests in 60 min")],
        ),
        (
            "istio_tcp_connections_opened_total",
            [{**end("source", "web", "shop"), **end("destination", "checkout", "shop")}],
            [Call(WEB, CHECKOUT, "prometheus istio tcp", "42 connections in 60 min")],
        ),
        (
            "response_total",
            [
                {"deployment": "web", "namespace": "shop", "dst_statefulset": "checkout", "dst_namespace": "shop"},
                {"deployment": "web", "namespace": "shop"},
            ],
            [Call(WEB, CHECKOUT, "prometheus linkerd", "42 requests in 60 min")],
        ),
        (
            "traces_service_graph_request_total",
            [
                {"client": "checkout", "server": "orders", "connection_type": "database"},
                {"client": "user", "server": "web"},
            ],
            [Call(Thing("checkout"), Thing("orders", EntityKind.DATABASE), "prometheus service graph", "42 requests in 60 min")],
        ),
    ],
)  # fmt: skip
def test_each_mesh_tells_who_called_whom(metric: str, rows: list[dict[str, str]], calls: list[Call]) -> None:
    found = Prometheus().survey(FakeDoor(counted(metric, *rows)), test_prometheus.CREDENTIALS, SHOP, WINDOW)

    assert (list(found.calls), found.gaps) == (calls, ())


def test_a_prometheus_without_a_mesh_is_asked_for_names_alone() -> None:
    door = FakeDoor(test_prometheus.Server(["up"], lambda _: []))

    assert Prometheus().survey(door, test_prometheus.CREDENTIALS, SHOP, WINDOW) == Survey()
    assert len(door.asked) == 1


def test_every_mesh_names_both_ends_by_labels_that_its_query_keeps() -> None:
    for mesh in meshes():
        kept = mesh.query.partition("by (")[2].partition(")")[0].replace(" ", "").split(",")
        labels = [*mesh.caller.name, *mesh.caller.namespace, *mesh.callee.name, *mesh.callee.namespace]
        assert set(labels) <= set(kept), mesh.source


# --- traces ----------------------------------------------------------------------------------------------------------


def test_jaeger_tells_all_pairs_in_one_request_with_our_names() -> None:
    pairs = [("checkout.shop", "payments"), ("payments", "payments"), ("frontend", "checkout.shop")]
    door = FakeDoor(test_jaeger.world(edges=pairs))

    found = Jaeger().survey(door, test_jaeger.CREDENTIALS, SHOP, WINDOW)

    assert [(one.caller.name, one.callee.name, one.source) for one in found.calls] == [
        ("checkout", "payments", "jaeger"), ("frontend", "checkout", "jaeger"),
    ]  # fmt: skip
    assert len(door.asked) == 1


@pytest.mark.parametrize("counts", [True, False], ids=["counted", "from spans"])
def test_tempo_tells_whom_each_service_calls(counts: bool) -> None:
    door = FakeDoor(test_tempo.World(counts=counts))

    found = Tempo().survey(door, test_tempo.CREDENTIALS, test_tempo.SCOPE, traces_world.WINDOW)

    assert [(one.caller.name, one.callee.name, one.callee.kind.value) for one in found.calls] == [
        ("checkout", "payments", "service"), ("payments", "orders-db", "database"),
    ]  # fmt: skip
    assert found.gaps == ()


# --- all -------------------------------------------------------------------------------------------------------------


def test_a_survey_is_bounded_and_says_what_it_cut() -> None:
    many = Survey(calls=tuple(Call(WEB, Thing(f"s{number:05}"), "jaeger") for number in range(MOST_CALLS + 5)))

    found = many.bounded("jaeger")

    assert len(found.calls) == MOST_CALLS
    assert [one.told for one in found.gaps] == [
        "jaeger did not answer all calls: there are 10005; the first 10000 by name were taken"
    ]


def test_a_source_that_tells_nothing_of_it_says_so() -> None:
    with pytest.raises(Rejected, match="PagerDuty does not tell who needs whom"):
        PagerDuty().survey(FakeDoor(lambda *_: (200, {}, {})), None, SHOP, WINDOW)
