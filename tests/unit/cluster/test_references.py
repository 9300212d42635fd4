"""What pods and workloads name and the cluster does not have."""

from __future__ import annotations

from .shop import Shop, pod


def test_a_config_map_that_does_not_exist() -> None:
    shop = Shop()
    shop.drop("ConfigMap", "settings")

    assert shop.said() == [
        (
            "workload/shop/payments",
            "MissingConfigMap",
            "deployment payments takes its environment from ConfigMap settings, which does not exist; its running pods keep what they read",
        )
    ]


def test_a_secret_that_does_not_exist() -> None:
    shop = Shop()
    shop.unready()
    shop.template()["containers"][0]["env"][1]["valueFrom"]["secretKeyRef"]["name"] = "dbs"
    shop.drop("Secret", "db")

    assert shop.said() == [
        ("pod/shop/payments-5c-aaaaa", "NotReady", "pod is running, but not ready"),
        ("pod/shop/payments-5c-bbbbb", "NotReady", "pod is running, but not ready"),
        (
            "workload/shop/payments",
            "MissingSecret",
            "deployment payments takes DB_PASSWORD from Secret dbs, which does not exist",
        ),
        ("service/shop/payments", "NoReadyEndpoints", "service payments: none of its 2 pods is ready"),
        ("service/shop/payments", "NoReadyEndpoints", "service policy-check: none of its 2 pods is ready"),
        (
            "component/policy",
            "WebhookWithoutEndpoints",
            "webhook check.example.org of policy calls service policy-check of shop, which has no ready pod: all that it watches is refused",
        ),
    ]


def test_a_key_that_does_not_exist() -> None:
    shop = Shop()
    shop.template()["containers"][0]["env"][1]["valueFrom"]["secretKeyRef"]["key"] = "pass"

    assert shop.said("MissingKey") == [
        (
            "workload/shop/payments",
            "MissingKey",
            "deployment payments takes DB_PASSWORD from key pass of Secret db, which does not exist; its running pods keep what they read",
        )
    ]


def test_an_optional_config_map_may_be_missing() -> None:
    shop = Shop()
    shop.template()["containers"][0]["envFrom"] = [{"configMapRef": {"name": "more", "optional": True}}]

    assert shop.said() == []


def test_a_service_account_that_does_not_exist() -> None:
    shop = Shop()
    shop.template()["serviceAccountName"] = "payer"

    assert shop.said() == [
        (
            "workload/shop/payments",
            "MissingServiceAccount",
            "deployment payments runs as ServiceAccount payer, which does not exist; its running pods keep what they read",
        )
    ]


def test_a_claim_that_does_not_exist() -> None:
    shop = Shop()
    shop.template("StatefulSet", "db")["volumes"][0]["persistentVolumeClaim"]["claimName"] = "dato"

    assert shop.said("MissingClaim") == [
        (
            "workload/shop/db",
            "MissingClaim",
            "statefulset db mounts as volume data PersistentVolumeClaim dato, which does not exist; nearest: data; its running pods keep what they read",
        )
    ]


def test_a_secret_in_a_projected_volume_that_does_not_exist() -> None:
    shop = Shop()
    shop.template()["volumes"] = [{"name": "all", "projected": {"sources": [{"secret": {"name": "dbx"}}]}}]

    assert shop.said() == [
        (
            "workload/shop/payments",
            "MissingSecret",
            "deployment payments mounts as volume all Secret dbx, which does not exist; nearest: db; its running pods keep what they read",
        )
    ]


def test_a_pull_secret_that_does_not_exist() -> None:
    shop = Shop()
    shop.template()["imagePullSecrets"] = [{"name": "registry"}]

    assert shop.said() == [
        (
            "workload/shop/payments",
            "PullSecretMissing",
            "deployment payments pulls its image with Secret registry, which does not exist; its running pods keep what they read",
        )
    ]


def test_a_priority_class_that_does_not_exist() -> None:
    shop = Shop()
    shop.template()["priorityClassName"] = "urgenter"

    assert shop.said() == [
        (
            "workload/shop/payments",
            "MissingPriorityClass",
            "deployment payments has the priority of PriorityClass urgenter, which does not exist; nearest: urgent; its running pods keep what they read",
        )
    ]


def test_a_pod_that_nothing_made_names_what_does_not_exist() -> None:
    shop = Shop()
    shop.add("Pod", pod("debug", "debug", None, serviceAccountName="nobody"))

    assert shop.said() == [
        (
            "pod/shop/debug",
            "MissingServiceAccount",
            "pod debug runs as ServiceAccount nobody, which does not exist; its running pods keep what they read",
        )
    ]


def test_the_reference_of_a_cron_job() -> None:
    shop = Shop()
    shop.get("CronJob", "report")["spec"]["jobTemplate"] = {
        "spec": {"template": {"spec": {"containers": [{"name": "r", "envFrom": [{"secretRef": {"name": "mail"}}]}]}}}
    }

    assert shop.said() == [
        (
            "workload/shop/report",
            "MissingSecret",
            "cronjob report takes its environment from Secret mail, which does not exist",
        )
    ]
