"""Network policies, admission webhooks, quotas and accounts."""

from __future__ import annotations

from .shop import Shop, event, thing


def test_a_policy_that_lets_nothing_in() -> None:
    shop = Shop()
    shop.add(
        "NetworkPolicy",
        thing("closed", spec={"podSelector": {"matchLabels": {"app": "db"}}, "policyTypes": ["Ingress"]}),
    )

    assert shop.said() == [
        ("service/shop/db", "PolicyDeniesAll", "network policy closed lets no traffic to 1 pod of db")
    ]


def test_a_policy_that_lets_nothing_out_of_a_whole_namespace() -> None:
    shop = Shop()
    shop.add("NetworkPolicy", thing("closed", spec={"podSelector": {}, "policyTypes": ["Egress"]}))
    shop.drop("NetworkPolicy", "payments")

    assert shop.said() == [
        (
            "network/shop/policy closed",
            "PolicyDeniesAll",
            "network policy closed lets no traffic from all pods of the namespace",
        )
    ]


def test_a_policy_that_denies_what_another_allows() -> None:
    shop = Shop()
    shop.add(
        "NetworkPolicy",
        thing("default-deny", spec={"podSelector": {"matchLabels": {"app": "payments"}}, "policyTypes": ["Ingress"]}),
    )

    assert shop.said() == []


def test_policies_that_allow_another_port_than_the_service_s() -> None:
    shop = Shop()
    shop.get("NetworkPolicy", "payments")["spec"]["ingress"] = [{"ports": [{"port": 9090}]}]

    assert shop.said() == [
        (
            "service/shop/payments",
            "PolicyBlocksPort",
            "service payments sends to port 8080, and the network policies of its pods let none through to it",
        ),
        (
            "service/shop/payments",
            "PolicyBlocksPort",
            "service policy-check sends to port 8080, and the network policies of its pods let none through to it",
        ),
    ]


def test_policies_that_allow_a_range_of_ports() -> None:
    shop = Shop()
    shop.get("NetworkPolicy", "payments")["spec"]["ingress"] = [{"ports": [{"port": 8000, "endPort": 8100}]}]

    assert shop.said() == []


def test_policies_that_allow_a_port_by_its_name() -> None:
    shop = Shop()
    shop.get("NetworkPolicy", "payments")["spec"]["ingress"] = [{"ports": [{"port": "http"}]}]

    assert shop.said() == []


def test_policies_that_forget_the_name_service() -> None:
    shop = Shop()
    shop.get("NetworkPolicy", "payments")["spec"]["egress"] = [{"ports": [{"port": 5432}]}]

    assert shop.said() == [
        (
            "service/shop/payments",
            "PolicyBlocksNames",
            "the network policies of payments let it call some ports, and not 53: names do not resolve",
        )
    ]


def test_a_policy_that_selects_nothing() -> None:
    shop = Shop()
    shop.get("NetworkPolicy", "payments")["spec"]["podSelector"] = {"matchLabels": {"app": "payment"}}

    assert shop.said() == [
        (
            "network/shop/policy payments",
            "PolicySelectsNothing",
            "network policy payments selects app=payment, no pod has it",
        )
    ]


def test_a_webhook_whose_service_does_not_exist() -> None:
    shop = Shop()
    shop.get("ValidatingWebhookConfiguration", "policy")["webhooks"][0]["clientConfig"]["service"]["name"] = "policy"

    assert shop.said() == [
        (
            "component/policy",
            "WebhookServiceMissing",
            "webhook check.example.org of policy calls service policy of shop, which does not exist: all that it watches is refused",
        )
    ]


def test_a_webhook_whose_service_has_no_ready_pod() -> None:
    shop = Shop()
    shop.unready()
    shop.get("ValidatingWebhookConfiguration", "policy")["webhooks"][0]["failurePolicy"] = "Ignore"

    assert shop.said("WebhookWithoutEndpoints") == [
        (
            "component/policy",
            "WebhookWithoutEndpoints",
            "webhook check.example.org of policy calls service policy-check of shop, which has no ready pod: nothing is checked",
        )
    ]


def test_a_quota_that_is_used_up_and_has_refused() -> None:
    shop = Shop()
    shop.get("ResourceQuota", "compute")["status"]["used"]["pods"] = "10"
    shop.get("ReplicaSet", "payments-5c")["spec"]["replicas"] = 3
    shop.add(
        "Event",
        event(
            "ReplicaSet",
            "payments-5c",
            "FailedCreate",
            'Error creating: pods "payments-5c-x" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=10, limited: pods=10',
            count=9,
        ),
    )

    assert shop.said() == [
        (
            "component/shop/quota compute",
            "PodQuotaExceeded",
            'quota compute of shop: pods is used up (10 of 10); refused: Error creating: pods "payments-5c-x" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=10, limited: pods=10',
        ),
        (
            "workload/shop/payments",
            "PodQuotaExceeded",
            'Error creating: pods "payments-5c-x" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=10, limited: pods=10',
        ),
    ]


def test_a_quota_that_is_used_up_and_has_refused_nothing_yet() -> None:
    shop = Shop()
    shop.get("ResourceQuota", "compute")["status"]["used"]["pods"] = "10"

    assert shop.said() == [
        ("component/shop/quota compute", "QuotaExhausted", "quota compute of shop: pods is used up (10 of 10)")
    ]


def test_a_quota_of_services_that_is_used_up() -> None:
    shop = Shop()
    shop.add("ResourceQuota", thing("services", status={"hard": {"services": "3"}, "used": {"services": "3"}}))

    assert shop.said() == [
        (
            "component/shop/quota services",
            "ServiceQuotaExceeded",
            "quota services of shop: services is used up (3 of 3)",
        )
    ]


def test_a_quota_too_small_for_a_claim_that_was_never_made() -> None:
    shop = Shop()
    shop.add(
        "ResourceQuota",
        thing("storage", status={"hard": {"requests.storage": "1Gi"}, "used": {"requests.storage": "0"}}),
    )
    shop.drop("PersistentVolumeClaim", "data")
    shop.get("PersistentVolume", "pv-1")["status"]["phase"] = "Available"

    assert shop.said() == [
        (
            "component/shop/quota storage",
            "StorageQuotaExceeded",
            "quota storage of shop: requests.storage is too small (0 of 1Gi); refused: claim data of statefulset db does not exist",
        ),
        (
            "workload/shop/db",
            "MissingClaim",
            "statefulset db mounts as volume data PersistentVolumeClaim data, which does not exist; its running pods keep what they read",
        ),
    ]


def test_a_quota_of_nothing_at_all() -> None:
    shop = Shop()
    shop.add(
        "ResourceQuota",
        thing("none", status={"hard": {"services.loadbalancers": "0"}, "used": {"services.loadbalancers": "0"}}),
    )

    assert shop.said() == []


def test_a_service_account_that_may_not_do_what_it_tries() -> None:
    shop = Shop()
    shop.add(
        "Event",
        event(
            "Pod",
            "payments-5c-aaaaa",
            "FailedList",
            'pods is forbidden: User "system:serviceaccount:shop:default" cannot list resource "pods" in API group "" in the namespace "shop"',
        ),
    )

    assert shop.said() == [
        (
            "component/shop/service account default",
            "AccountForbidden",
            'service account default may not list pods: pods is forbidden: User "system:serviceaccount:shop:default" cannot list resource "pods" in API group "" in the namespace "shop"',
        )
    ]


def test_a_binding_to_a_role_that_does_not_exist() -> None:
    shop = Shop()
    shop.drop("Role", "reader")

    assert shop.said() == [
        (
            "component/shop/rolebinding reads",
            "RoleMissing",
            "rolebinding reads grants role reader, which does not exist",
        )
    ]


def test_a_binding_to_an_account_that_does_not_exist() -> None:
    shop = Shop()
    shop.get("ClusterRoleBinding", "views")["subjects"][0]["name"] = "nobody"

    assert shop.said() == [
        (
            "component/clusterrolebinding views",
            "BindingSubjectMissing",
            "clusterrolebinding views grants to service account nobody of shop, which does not exist",
        )
    ]
