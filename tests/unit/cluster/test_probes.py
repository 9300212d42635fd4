"""Probes that fail, and what is wrong with them."""

from __future__ import annotations

from .shop import Shop, event


def test_a_readiness_probe_of_a_wrong_port() -> None:
    shop = Shop()
    for one in shop.unready():
        one["spec"]["containers"][0]["readinessProbe"] = {"httpGet": {"port": 8081, "path": "/ready"}}

    assert shop.said("ReadinessProbePortMismatch", "ReadinessProbeFailing") == [
        (
            "pod/shop/payments-5c-aaaaa",
            "ReadinessProbePortMismatch",
            "the readiness probe of container app asks http port 8081; the pod's containers declare 8080 (http)",
        ),
        (
            "pod/shop/payments-5c-bbbbb",
            "ReadinessProbePortMismatch",
            "the readiness probe of container app asks http port 8081; the pod's containers declare 8080 (http)",
        ),
    ]


def test_a_probe_of_a_port_name_that_is_not_there() -> None:
    shop = Shop()
    for one in shop.unready()[:1]:
        one["spec"]["containers"][0]["readinessProbe"] = {"httpGet": {"port": "web"}}

    assert shop.said("ReadinessProbePortMismatch") == [
        (
            "pod/shop/payments-5c-aaaaa",
            "ReadinessProbePortMismatch",
            "the readiness probe of container app asks http port web; the pod's containers declare 8080 (http)",
        )
    ]


def test_a_probe_of_another_port_than_declared_is_well_where_the_pod_is_ready() -> None:
    shop = Shop()
    for one in shop.pods():
        one["spec"]["containers"][0]["readinessProbe"] = {"httpGet": {"port": 8081}}

    assert shop.said() == []


def test_a_probe_of_a_mesh_s_port_is_the_sidecar_s() -> None:
    shop = Shop()
    for one in shop.unready():
        one["spec"]["containers"][0]["readinessProbe"] = {"httpGet": {"port": 15020}}

    assert shop.said("ReadinessProbePortMismatch") == []


def test_a_liveness_probe_that_speaks_http_to_a_grpc_port() -> None:
    shop = Shop()
    first = shop.pods()[0]
    first["spec"]["containers"][0]["livenessProbe"] = {"httpGet": {"port": 8080}, "initialDelaySeconds": 10}
    shop.add(
        "Event",
        event(
            "Pod",
            "payments-5c-aaaaa",
            "Unhealthy",
            'Liveness probe failed: Get "http://10.1.0.1:8080/": net/http: HTTP/1.x transport connection broken: malformed HTTP response',
            count=9,
        ),
    )
    first["status"]["containerStatuses"][0]["restartCount"] = 2

    assert shop.said("LivenessProbeProtocolMismatch", "LivenessProbeFailing") == [
        (
            "pod/shop/payments-5c-aaaaa",
            "LivenessProbeProtocolMismatch",
            'the liveness probe of container app asks http port 8080, and gets an answer in another protocol: Liveness probe failed: Get "http://10.1.0.1:8080/": net/http: HTTP/1.x transport connection broken: malformed HTTP response, 2 restarts',
        )
    ]


def test_two_probes_that_disagree_about_the_protocol() -> None:
    shop = Shop()
    for one in shop.unready()[:1]:
        one["spec"]["containers"][0] |= {
            "livenessProbe": {"httpGet": {"port": 8080}},
            "readinessProbe": {"grpc": {"port": 8080}},
        }

    assert shop.said("ReadinessProbeProtocolMismatch") == [
        (
            "pod/shop/payments-5c-aaaaa",
            "ReadinessProbeProtocolMismatch",
            "the readiness probe of container app asks grpc port 8080; the liveness probe asks the same port by http",
        )
    ]


def test_a_liveness_probe_without_patience() -> None:
    shop = Shop()
    first = shop.pods()[0]
    first["spec"]["containers"][0]["livenessProbe"] = {
        "tcpSocket": {"port": 8080},
        "initialDelaySeconds": 1,
        "periodSeconds": 1,
        "failureThreshold": 1,
    }
    shop.add(
        "Event",
        event(
            "Pod",
            "payments-5c-aaaaa",
            "Unhealthy",
            "Liveness probe failed: dial tcp 10.1.0.1:8080: connect: connection refused",
            count=3,
        ),
    )
    first["status"]["containerStatuses"][0]["restartCount"] = 3

    assert shop.said("LivenessProbeTooEager") == [
        (
            "pod/shop/payments-5c-aaaaa",
            "LivenessProbeTooEager",
            "the liveness probe of container app may end it 2 s after its start: Liveness probe failed: dial tcp 10.1.0.1:8080: connect: connection refused, 3 restarts",
        )
    ]


def test_an_eager_liveness_probe_that_ended_nothing() -> None:
    shop = Shop()
    shop.pods()[0]["spec"]["containers"][0]["livenessProbe"] = {
        "tcpSocket": {"port": 8080},
        "periodSeconds": 1,
        "failureThreshold": 1,
    }

    assert shop.said() == []


def test_a_probe_that_fails_though_it_asks_rightly() -> None:
    shop = Shop()
    for one in shop.unready():
        one["spec"]["containers"][0]["readinessProbe"] = {"httpGet": {"port": 8080}, "initialDelaySeconds": 10}
    shop.add(
        "Event",
        event(
            "Pod",
            "payments-5c-bbbbb",
            "Unhealthy",
            "Readiness probe failed: HTTP probe failed with statuscode: 503",
            count=12,
        ),
    )

    assert shop.said("ReadinessProbeFailing") == [
        (
            "pod/shop/payments-5c-bbbbb",
            "ReadinessProbeFailing",
            "Readiness probe failed: HTTP probe failed with statuscode: 503",
        )
    ]
