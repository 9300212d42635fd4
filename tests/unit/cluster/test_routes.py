"""The ways into a cluster: ingresses, gateways, routes, and those kept in configuration."""

from __future__ import annotations

from .shop import Shop


def test_an_ingress_to_a_service_that_does_not_exist() -> None:
    shop = Shop()
    path = shop.get("Ingress", "front")["spec"]["rules"][0]["http"]["paths"][0]
    path["backend"]["service"]["name"] = "payment"

    assert shop.said() == [
        (
            "network/shop/front",
            "BackendMissing",
            "ingress front leads shop.example.org/pay to service payment, which does not exist; nearest: payments",
        )
    ]


def test_an_ingress_to_a_port_that_the_service_does_not_have() -> None:
    shop = Shop()
    path = shop.get("Ingress", "front")["spec"]["rules"][0]["http"]["paths"][0]
    path["backend"]["service"]["port"] = {"number": 8080}

    assert shop.said() == [
        (
            "network/shop/front",
            "BackendPortMissing",
            "ingress front leads shop.example.org/pay to port 8080 of service payments, which has 80 (http)",
        )
    ]


def test_an_ingress_to_a_port_by_its_name() -> None:
    shop = Shop()
    path = shop.get("Ingress", "front")["spec"]["rules"][0]["http"]["paths"][0]
    path["backend"]["service"]["port"] = {"name": "http"}

    assert shop.said() == []


def test_an_ingress_of_the_old_kind_to_a_service_that_does_not_exist() -> None:
    shop = Shop()
    shop.get("Ingress", "front")["spec"]["rules"] = [
        {"http": {"paths": [{"backend": {"serviceName": "nothing", "servicePort": 80}}]}}
    ]

    assert shop.said() == [
        ("network/shop/front", "BackendMissing", "ingress front leads */ to service nothing, which does not exist")
    ]


def test_an_ingress_whose_default_backend_does_not_exist() -> None:
    shop = Shop()
    shop.get("Ingress", "front")["spec"]["defaultBackend"] = {"service": {"name": "nothing", "port": {"number": 80}}}

    assert shop.said() == [
        (
            "network/shop/front",
            "BackendMissing",
            "ingress front leads its default to service nothing, which does not exist",
        )
    ]


def test_an_ingress_of_a_class_that_does_not_exist() -> None:
    shop = Shop()
    shop.get("Ingress", "front")["spec"]["ingressClassName"] = "traefik"

    assert shop.said() == [
        ("network/shop/front", "IngressClassMissing", "ingress front is of class traefik, which does not exist")
    ]


def test_an_ingress_without_a_class_where_none_is_the_default() -> None:
    shop = Shop()
    del shop.get("Ingress", "front")["spec"]["ingressClassName"]

    assert shop.said() == [
        ("network/shop/front", "IngressClassMissing", "ingress front names no class, and no class is the default")
    ]


def test_an_ingress_without_a_class_where_one_is_the_default() -> None:
    shop = Shop()
    del shop.get("Ingress", "front")["spec"]["ingressClassName"]
    shop.get("IngressClass", "nginx")["metadata"]["annotations"] = {
        "ingressclass.kubernetes.io/is-default-class": "true"
    }

    assert shop.said() == []


def test_an_ingress_with_a_certificate_that_does_not_exist() -> None:
    shop = Shop()
    shop.get("Ingress", "front")["spec"]["tls"][0]["secretName"] = "tls-2026"

    assert shop.said() == [
        (
            "network/shop/front",
            "TlsSecretMissing",
            "ingress front takes the certificate of shop.example.org from Secret tls-2026, which does not exist",
        )
    ]


def test_a_gateway_of_a_class_that_does_not_exist() -> None:
    shop = Shop()
    shop.get("Gateway", "edge")["spec"]["gatewayClassName"] = "istio"

    assert shop.said() == [
        ("network/shop/edge", "GatewayClassMissing", "gateway edge is of class istio, which does not exist")
    ]


def test_a_gateway_of_a_class_that_is_not_accepted() -> None:
    shop = Shop()
    shop.get("GatewayClass", "envoy")["status"]["conditions"] = [
        {"type": "Accepted", "status": "False", "message": "no controller"}
    ]

    assert shop.said() == [
        (
            "network/shop/edge",
            "GatewayClassMissing",
            "gateway edge is of class envoy, which is not accepted: no controller",
        )
    ]


def test_a_gateway_that_is_not_accepted() -> None:
    shop = Shop()
    shop.get("Gateway", "edge")["status"]["conditions"][0] = {
        "type": "Accepted",
        "status": "False",
        "reason": "Invalid",
        "message": "bad address",
    }

    assert shop.said() == [
        ("network/shop/edge", "GatewayNotAccepted", "gateway edge is not accepted (Invalid): bad address")
    ]


def test_a_listener_that_cannot_read_its_certificate() -> None:
    shop = Shop()
    shop.get("Gateway", "edge")["status"]["listeners"][0]["conditions"] = [
        {
            "type": "ResolvedRefs",
            "status": "False",
            "reason": "InvalidCertificateRef",
            "message": "tls is no certificate",
        }
    ]

    assert shop.said() == [
        (
            "network/shop/edge",
            "GatewayNotAccepted",
            "listener https of gateway edge: InvalidCertificateRef: tls is no certificate",
        )
    ]


def test_a_gateway_with_a_certificate_that_does_not_exist() -> None:
    shop = Shop()
    shop.get("Gateway", "edge")["spec"]["listeners"][0]["tls"]["certificateRefs"] = [{"name": "tls-2026"}]

    assert shop.said() == [
        (
            "network/shop/edge",
            "TlsSecretMissing",
            "gateway edge takes a certificate from Secret tls-2026, which does not exist",
        )
    ]


def test_a_route_of_a_gateway_that_does_not_exist() -> None:
    shop = Shop()
    shop.get("HTTPRoute", "pay")["spec"]["parentRefs"] = [{"name": "inner"}]

    assert shop.said() == [
        ("network/shop/pay", "GatewayMissing", "httproute pay belongs to gateway inner, which does not exist")
    ]


def test_a_route_of_a_listener_that_does_not_exist() -> None:
    shop = Shop()
    shop.get("HTTPRoute", "pay")["spec"]["parentRefs"][0]["sectionName"] = "http"

    assert shop.said() == [
        (
            "network/shop/pay",
            "GatewayMissing",
            "httproute pay belongs to listener http of gateway edge, which has https",
        )
    ]


def test_a_route_to_a_service_that_does_not_exist() -> None:
    shop = Shop()
    shop.get("HTTPRoute", "pay")["spec"]["rules"][0]["backendRefs"][0]["name"] = "nothing"

    assert shop.said() == [
        ("network/shop/pay", "BackendMissing", "httproute pay leads to service nothing, which does not exist")
    ]


def test_a_route_to_a_port_that_the_service_does_not_have() -> None:
    shop = Shop()
    shop.get("HTTPRoute", "pay")["spec"]["rules"][0]["backendRefs"][0]["port"] = 8443

    assert shop.said() == [
        (
            "network/shop/pay",
            "BackendPortMissing",
            "httproute pay leads to port 8443 of service payments, which has 80 (http)",
        )
    ]


def test_a_route_that_is_not_accepted() -> None:
    shop = Shop()
    shop.get("HTTPRoute", "pay")["status"]["parents"][0]["conditions"][0] = {
        "type": "Accepted",
        "status": "False",
        "reason": "NotAllowedByListeners",
        "message": "namespace is not allowed",
    }

    assert shop.said() == [
        ("network/shop/pay", "RouteNotAccepted", "httproute pay: NotAllowedByListeners: namespace is not allowed")
    ]


def test_a_route_in_a_gateway_s_configuration_that_leads_to_another_service() -> None:
    shop = Shop()
    routes = "spring:\n  cloud:\n    gateway:\n      routes:\n        - {id: payments, uri: 'lb://${PAYMENTS:db}', predicates: ['Path=/pay/**']}\n        - {id: policy-check, uri: 'lb://policy-check'}\n"
    shop.get("ConfigMap", "settings")["data"]["application.yml"] = routes

    assert shop.said() == [
        (
            "service/shop/payments",
            "RouteMisdirected",
            "route payments (Path=/pay/**) of config map settings leads to db; no route leads to payments",
        )
    ]


def test_a_configuration_in_which_each_route_leads_where_its_name_says() -> None:
    shop = Shop()
    routes = "routes:\n  - {id: payments, uri: 'lb://payments'}\n  - {id: policy-check, uri: 'http://policy-check:80'}\n  - {id: db, uri: 'lb://db'}\n"
    shop.get("ConfigMap", "settings")["data"]["application.yml"] = routes

    assert shop.said() == []


def test_a_configuration_that_is_no_yaml() -> None:
    shop = Shop()
    shop.get("ConfigMap", "settings")["data"]["application.yml"] = "uri: [unclosed"

    assert shop.said() == []
