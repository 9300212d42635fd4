"""Services that lead nowhere, and addresses that do not exist."""

from __future__ import annotations

from .shop import Shop, ago, container, service, thing


def test_a_selector_that_no_pod_meets_with_the_nearest() -> None:
    shop = Shop()
    shop.get("Service", "payments")["spec"]["selector"] = {"app": "payment"}

    assert shop.said() == [
        (
            "service/shop/payments",
            "SelectorMismatch",
            "service payments selects app=payment, no pod has it; nearest: app=payments (2 pods)",
        )
    ]


def test_a_selector_of_which_one_label_of_two_is_wrong() -> None:
    shop = Shop()
    shop.get("Service", "payments")["spec"]["selector"] = {"app": "payments", "tier": "web"}

    assert shop.said() == [
        (
            "service/shop/payments",
            "SelectorMismatch",
            "service payments selects app=payments,tier=web, no pod has it; nearest: app=payments (2 pods)",
        )
    ]


def test_a_service_for_pods_that_are_not_there() -> None:
    shop = Shop()
    shop.add("Service", service("mail", "postbox"))

    assert shop.said() == [
        ("service/shop/mail", "ServiceWithoutPods", "service mail selects app=postbox, no pod has it")
    ]


def test_a_service_that_is_called_and_has_nothing_behind_it() -> None:
    shop = Shop()
    shop.add("Service", service("mail", "postbox"))
    shop.template()["containers"][0]["env"].append({"name": "MAIL_URL", "value": "smtp://mail:80/"})

    assert shop.said() == [("service/shop/mail", "NoEndpoints", "service mail selects app=postbox, no pod has it")]


def test_a_service_that_selects_another_s_pods() -> None:
    shop = Shop()
    shop.get("Service", "payments")["spec"]["selector"] = {"app": "db"}
    shop.drop("Service", "policy-check")
    shop.drop("ValidatingWebhookConfiguration", "policy")

    assert shop.said() == [
        (
            "workload/shop/payments",
            "SelectorElsewhere",
            "service payments selects app=db, the pods of db, and not those of deployment payments",
        )
    ]


def test_a_second_name_for_the_same_pods_is_as_it_should_be() -> None:
    shop = Shop()
    shop.add("Service", service("pay", "payments"))
    shop.add("Endpoints", thing("pay", subsets=[{"addresses": [{"ip": "10.1.0.1"}]}]))

    assert shop.said() == []


def test_endpoints_of_pods_that_have_just_become_ready() -> None:
    shop = Shop()
    shop.get("Endpoints", "payments")["subsets"] = []
    for one in shop.pods():
        one["status"]["conditions"][1]["lastTransitionTime"] = ago(3)

    assert shop.said() == []


def test_a_target_port_that_no_container_listens_on() -> None:
    shop = Shop()
    shop.get("Service", "payments")["spec"]["ports"][0]["targetPort"] = 8081

    assert shop.said() == [
        (
            "service/shop/payments",
            "TargetPortMismatch",
            "service payments sends port 80 to 8081/TCP, the containers declare 8080/TCP (http)",
        ),
        (
            "service/shop/payments",
            "PolicyBlocksPort",
            "service payments sends to port 8081, and the network policies of its pods let none through to it",
        ),
    ]


def test_a_target_port_by_a_name_that_no_container_has() -> None:
    shop = Shop()
    shop.get("Service", "payments")["spec"]["ports"] = [{"name": "web", "port": 80, "targetPort": "web"}]

    assert shop.said() == [
        (
            "service/shop/payments",
            "TargetPortMismatch",
            "service payments sends port 80 to web/TCP, and no container has a port of that name: the containers declare 8080/TCP (http)",
        )
    ]


def test_a_target_port_by_name_that_the_endpoints_resolve_is_as_it_should_be() -> None:
    shop = Shop()
    shop.get("Service", "payments")["spec"]["ports"] = [{"name": "http", "port": 80, "targetPort": "web"}]

    assert shop.said() == []


def test_a_target_port_tells_nothing_where_a_container_declares_none() -> None:
    shop = Shop()
    for one in shop.pods():
        del one["spec"]["containers"][0]["ports"]
        one["spec"]["containers"].append(container("metrics", 9100))
    shop.get("Service", "payments")["spec"]["ports"][0]["targetPort"] = 8081

    assert shop.said() == [
        (
            "service/shop/payments",
            "PolicyBlocksPort",
            "service payments sends to port 8081, and the network policies of its pods let none through to it",
        )
    ]


def test_a_protocol_that_the_container_does_not_speak() -> None:
    shop = Shop()
    shop.get("Service", "payments")["spec"]["ports"][0]["protocol"] = "UDP"

    assert shop.said() == [
        (
            "service/shop/payments",
            "ServiceProtocolMismatch",
            "service payments sends port 80 to 8080/UDP, the containers declare 8080/TCP (http)",
        ),
        (
            "service/shop/payments",
            "PolicyBlocksPort",
            "service payments sends to port 8080, and the network policies of its pods let none through to it",
        ),
    ]


def test_a_service_whose_pods_are_not_ready() -> None:
    shop = Shop()
    shop.unready()

    assert shop.said("NoReadyEndpoints") == [
        ("service/shop/payments", "NoReadyEndpoints", "service payments: none of its 2 pods is ready"),
        ("service/shop/payments", "NoReadyEndpoints", "service policy-check: none of its 2 pods is ready"),
    ]


def test_a_service_that_publishes_pods_before_they_are_ready() -> None:
    shop = Shop()
    shop.unready("db")
    shop.get("Service", "db")["spec"]["publishNotReadyAddresses"] = True

    assert shop.said("NoReadyEndpoints") == []


def test_endpoints_that_nobody_keeps_up() -> None:
    shop = Shop()
    shop.get("Endpoints", "payments")["subsets"] = []

    assert shop.said() == [
        (
            "service/shop/payments",
            "EndpointsStale",
            "service payments: 2 pods of it are ready, and its endpoints list none",
        )
    ]


def test_endpoint_slices_count_as_well_as_endpoints() -> None:
    shop = Shop()
    del shop.objects["Endpoints"]
    slices = [
        thing(
            f"{name}-x1",
            labels={"kubernetes.io/service-name": name},
            endpoints=[{"conditions": {"ready": name != "payments"}}],
        )
        for name in ("payments", "db", "policy-check")
    ]
    shop.add("EndpointSlice", *slices)

    assert shop.said() == [
        (
            "service/shop/payments",
            "EndpointsStale",
            "service payments: 2 pods of it are ready, and its endpoints list none",
        )
    ]


def test_a_service_without_a_selector_and_without_endpoints() -> None:
    shop = Shop()
    shop.add("Service", thing("legacy", spec={"ports": [{"port": 80}]}))

    assert shop.said() == [
        (
            "service/shop/legacy",
            "NoEndpoints",
            "service legacy selects no pods, and its endpoints list no ready address",
        )
    ]


def test_a_service_of_another_name_has_no_pods_of_its_own() -> None:
    shop = Shop()
    shop.add("Service", thing("outside", spec={"type": "ExternalName", "externalName": "example.org"}))

    assert shop.said() == []


def test_a_load_balancer_that_gives_no_address() -> None:
    shop = Shop()
    shop.get("Service", "payments")["spec"]["type"] = "LoadBalancer"

    assert shop.said() == [
        (
            "service/shop/payments",
            "LoadBalancerPending",
            "service payments has waited 86400 s for a load balancer's address",
        )
    ]


def test_a_load_balancer_that_gave_one() -> None:
    shop = Shop()
    shop.get("Service", "payments")["spec"]["type"] = "LoadBalancer"
    shop.get("Service", "payments")["status"] = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}

    assert shop.said() == []


def test_an_address_of_a_service_that_does_not_exist() -> None:
    shop = Shop()
    shop.template()["containers"][0]["env"].append({"name": "MAIL_ADDR", "value": "postman:25"})

    assert shop.said() == [
        (
            "workload/shop/payments",
            "HostUnknown",
            "deployment payments has MAIL_ADDR at postman:25, and there is no service postman",
        )
    ]


def test_an_address_of_nearly_the_right_name() -> None:
    shop = Shop()
    shop.template()["containers"][0]["env"].append({"name": "PAY_URL", "value": "http://payment:80/v1"})

    assert shop.said() == [
        (
            "workload/shop/payments",
            "HostUnknown",
            "deployment payments has PAY_URL at payment:80, and there is no service payment; nearest: payments",
        )
    ]


def test_an_address_with_a_port_that_the_service_does_not_have() -> None:
    shop = Shop()
    shop.template()["containers"][0]["env"][0]["value"] = "db:3306"

    assert shop.said() == [
        (
            "workload/shop/payments",
            "HostPortUnknown",
            "deployment payments has DB_ADDR at db:3306, and service db has the ports 5432",
        )
    ]


def test_a_host_and_a_port_that_are_given_apart() -> None:
    shop = Shop()
    shop.template()["containers"][0]["env"] += [
        {"name": "PG_HOST", "value": "db"},
        {"name": "PG_PORT", "value": "5433"},
    ]

    assert shop.said() == [
        (
            "workload/shop/payments",
            "HostPortUnknown",
            "deployment payments has PG_PORT at db:5433, and service db has the ports 5432",
        )
    ]


def test_an_address_in_a_config_map() -> None:
    shop = Shop()
    shop.get("ConfigMap", "settings")["data"]["UPSTREAM"] = "db.shop.svc.cluster.local:5433"

    assert shop.said() == [
        (
            "workload/shop/payments",
            "HostPortUnknown",
            "deployment payments has UPSTREAM at db:5433, and service db has the ports 5432",
        )
    ]


def test_a_full_name_of_a_service_that_does_not_exist() -> None:
    shop = Shop()
    shop.template()["containers"][0]["env"].append({"name": "X", "value": "http://mail.shop.svc/send"})

    assert shop.said() == [
        ("workload/shop/payments", "HostUnknown", "deployment payments has X at mail, and there is no service mail")
    ]


def test_addresses_outside_the_cluster_are_not_looked_for() -> None:
    shop = Shop()
    shop.template()["containers"][0]["env"] += [
        {"name": "A", "value": "https://api.example.org:443/x"},
        {"name": "B", "value": "localhost:9000"},
        {"name": "C", "value": "mode"},
        {"name": "D", "value": "mail.other.svc:25"},
    ]

    assert shop.said() == []


def test_a_host_that_the_pod_knows_itself() -> None:
    shop = Shop()
    shop.template()["hostAliases"] = [{"ip": "192.0.2.7", "hostnames": ["mainframe"]}]
    shop.template()["containers"][0]["env"].append({"name": "M", "value": "mainframe:3270"})

    assert shop.said() == []


def test_two_containers_of_a_pod_on_one_port() -> None:
    shop = Shop()
    shop.template()["containers"].append(container("side", 8080))

    assert shop.said() == [
        (
            "workload/shop/payments",
            "PortConflict",
            "deployment payments: container app, container side listen on port 8080 of one pod",
        )
    ]


def test_a_port_that_the_mesh_s_sidecar_claims() -> None:
    shop = Shop()
    shop.get("Deployment", "payments")["spec"]["template"]["metadata"]["annotations"] = {
        "proxy.istio.io/config": '{ "statusPort": 8080 }'
    }

    assert shop.said() == [
        (
            "workload/shop/payments",
            "PortConflict",
            "deployment payments: container app, the mesh's sidecar (its status port) listen on port 8080 of one pod",
        )
    ]


def test_name_servers_that_are_not_the_cluster_s() -> None:
    shop = Shop()
    shop.template().update({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["192.0.2.53"]}})

    assert shop.said() == [
        (
            "workload/shop/payments",
            "DnsOverridden",
            "deployment payments asks 192.0.2.53 for names, not the cluster's DNS",
        )
    ]


def test_name_servers_that_are_the_cluster_s() -> None:
    shop = Shop()
    shop.template().update({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["10.0.0.1"]}})

    assert shop.said() == []
