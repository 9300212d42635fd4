"""Workloads that lack replicas, and what keeps these from being made."""

from __future__ import annotations

from .shop import Shop, ago, thing, workload


def test_a_deployment_with_fewer_replicas_than_it_wants() -> None:
    shop = Shop()
    deployment = shop.get("Deployment", "payments")
    deployment["status"] |= {
        "availableReplicas": 1,
        "conditions": [{"type": "Available", "status": "False", "lastTransitionTime": ago(60)}],
    }

    assert shop.said() == [
        ("workload/shop/payments", "ReplicasUnavailable", "deployment payments: 1 of 2 replicas unavailable")
    ]


def test_a_rollout_that_does_not_get_on() -> None:
    shop = Shop()
    shop.get("Deployment", "payments")["status"]["conditions"] = [
        {
            "type": "Progressing",
            "status": "False",
            "reason": "ProgressDeadlineExceeded",
            "message": "ReplicaSet payments-6d has timed out progressing.",
        }
    ]

    assert shop.said() == [
        (
            "workload/shop/payments",
            "ProgressDeadlineExceeded",
            "deployment payments: ReplicaSet payments-6d has timed out progressing.",
        )
    ]


def test_a_rollout_that_goes_on() -> None:
    shop = Shop()
    shop.get("Deployment", "payments")["status"]["conditions"] = [
        {"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}
    ]

    assert shop.said() == []


def test_replicas_refused_for_a_quota() -> None:
    shop = Shop()
    message = 'pods "payments-6d-x" is forbidden: exceeded quota: compute, requested: requests.cpu=200m, used: requests.cpu=4, limited: requests.cpu=4'
    shop.get("Deployment", "payments")["status"]["conditions"] = [
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}
    ]

    assert shop.said() == [
        (
            "workload/shop/payments",
            "CpuQuotaExceeded",
            'deployment payments: pods "payments-6d-x" is forbidden: exceeded quota: compute, requested: requests.cpu=200m, used: requests.cpu=4, limited: requests.cpu=4',
        )
    ]


def test_replicas_refused_for_a_missing_service_account() -> None:
    shop = Shop()
    message = 'pods "payments-6d-x" is forbidden: error looking up service account shop/payer: serviceaccount "payer" not found'
    shop.get("Deployment", "payments")["status"]["conditions"] = [
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}
    ]

    assert shop.said() == [
        (
            "workload/shop/payments",
            "MissingServiceAccount",
            'deployment payments: pods "payments-6d-x" is forbidden: error looking up service account shop/payer: serviceaccount "payer" not found',
        )
    ]


def test_replicas_refused_by_the_pod_security_level() -> None:
    shop = Shop()
    message = 'pods "payments-6d-x" is forbidden: violates PodSecurity "restricted:latest": privileged'
    shop.get("Deployment", "payments")["status"]["conditions"] = [
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}
    ]

    assert shop.said() == [
        (
            "workload/shop/payments",
            "PodSecurityViolated",
            'deployment payments: pods "payments-6d-x" is forbidden: violates PodSecurity "restricted:latest": privileged',
        )
    ]


def test_replicas_refused_by_a_webhook_that_does_not_answer() -> None:
    shop = Shop()
    message = 'Internal error occurred: failed calling webhook "check.example.org": Post: connection refused'
    shop.get("Deployment", "payments")["status"]["conditions"] = [
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}
    ]

    assert shop.said() == [
        (
            "workload/shop/payments",
            "AdmissionWebhookUnavailable",
            'deployment payments: Internal error occurred: failed calling webhook "check.example.org": Post: connection refused',
        )
    ]


def test_replicas_refused_by_an_admission_rule() -> None:
    shop = Shop()
    message = 'admission webhook "check.example.org" denied the request: no owner label'
    shop.get("Deployment", "payments")["status"]["conditions"] = [
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}
    ]

    assert shop.said() == [
        (
            "workload/shop/payments",
            "AdmissionDenied",
            'deployment payments: admission webhook "check.example.org" denied the request: no owner label',
        )
    ]


def test_replicas_refused_for_the_limit_range() -> None:
    shop = Shop()
    message = 'pods "payments-6d-x" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi'
    shop.get("Deployment", "payments")["status"]["conditions"] = [
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}
    ]

    assert shop.said() == [
        (
            "workload/shop/payments",
            "LimitRangeViolated",
            'deployment payments: pods "payments-6d-x" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi',
        )
    ]


def test_replicas_refused_for_resources_that_a_quota_demands() -> None:
    shop = Shop()
    message = 'pods "payments-6d-x" is forbidden: failed quota: compute: must specify limits.cpu'
    shop.get("Deployment", "payments")["status"]["conditions"] = [
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}
    ]

    assert shop.said() == [
        (
            "workload/shop/payments",
            "QuotaWantsResources",
            'deployment payments: pods "payments-6d-x" is forbidden: failed quota: compute: must specify limits.cpu',
        )
    ]


def test_replicas_that_are_forbidden_for_no_known_reason() -> None:
    shop = Shop()
    shop.get("Deployment", "payments")["status"]["conditions"] = [
        {
            "type": "ReplicaFailure",
            "status": "True",
            "reason": "FailedCreate",
            "message": 'pods "x" is forbidden: because',
        }
    ]

    assert shop.said() == [
        ("workload/shop/payments", "CreationForbidden", 'deployment payments: pods "x" is forbidden: because')
    ]


def test_a_deployment_scaled_to_zero_under_its_service() -> None:
    shop = Shop()
    shop.get("Deployment", "payments")["spec"]["replicas"] = 0
    shop.drop("Service", "policy-check")
    shop.drop("ValidatingWebhookConfiguration", "policy")
    shop.drop("PodDisruptionBudget", "payments")
    shop.drop("NetworkPolicy", "payments")
    for one in shop.pods():
        shop.objects["Pod"].remove(one)

    assert shop.said() == [
        (
            "workload/shop/payments",
            "ScaledToZero",
            "deployment payments is scaled to 0 replicas, and service payments selects no other pods",
        )
    ]


def test_a_deployment_scaled_to_zero_that_no_service_selects() -> None:
    shop = Shop()
    shop.add("Deployment", workload("batch", 0))

    assert shop.said() == []


def test_a_rollout_that_is_paused_halfway() -> None:
    shop = Shop()
    deployment = shop.get("Deployment", "payments")
    deployment["spec"]["paused"] = True
    deployment["status"]["updatedReplicas"] = 1

    assert shop.said() == [
        (
            "workload/shop/payments",
            "RolloutPaused",
            "deployment payments is paused with 1 of 2 replicas of its newest revision",
        )
    ]


def test_a_daemon_set_that_misses_a_node() -> None:
    shop = Shop()
    shop.get("DaemonSet", "agent")["status"] |= {"currentNumberScheduled": 1, "numberAvailable": 1}

    assert shop.said() == [
        ("workload/shop/agent", "ReplicasUnavailable", "daemonset agent: 1 of 2 replicas unavailable"),
        ("workload/shop/agent", "DaemonPodsMissing", "daemonset agent runs on 1 of 2 nodes"),
    ]


def test_a_stateful_set_without_its_governing_service() -> None:
    shop = Shop()
    shop.get("StatefulSet", "db")["spec"]["serviceName"] = "database"

    assert shop.said() == [
        (
            "workload/shop/db",
            "GoverningServiceMissing",
            "statefulset db names the Service database, which does not exist: its pods have no names in the DNS",
        )
    ]


def test_a_stateful_set_that_claims_from_a_storage_class_that_is_not_there() -> None:
    shop = Shop()
    shop.get("StatefulSet", "db")["spec"]["volumeClaimTemplates"] = [
        {"metadata": {"name": "more"}, "spec": {"storageClassName": "faster"}}
    ]

    assert shop.said() == [
        (
            "workload/shop/db",
            "StorageClassMissing",
            "statefulset db claims volumes of storage class faster, which does not exist",
        )
    ]


def test_a_job_that_failed() -> None:
    shop = Shop()
    shop.get("Job", "import")["status"] = {
        "failed": 6,
        "conditions": [
            {
                "type": "Failed",
                "status": "True",
                "reason": "BackoffLimitExceeded",
                "message": "Job has reached the specified backoff limit",
                "lastTransitionTime": ago(60),
            }
        ],
    }

    assert shop.said() == [
        (
            "workload/shop/import",
            "BackoffLimitExceeded",
            "job import failed: Job has reached the specified backoff limit",
        )
    ]


def test_a_job_that_failed_for_no_reason_that_it_gives() -> None:
    shop = Shop()
    shop.get("Job", "import")["status"] = {"conditions": [{"type": "Failed", "status": "True"}]}

    assert shop.said() == [("workload/shop/import", "JobFailed", "job import failed: it gives no reason")]


def test_a_job_that_is_suspended() -> None:
    shop = Shop()
    shop.objects["Job"] = [thing("import", spec={"suspend": True}, status={})]

    assert shop.said() == [("workload/shop/import", "JobSuspended", "job import is suspended")]


def test_a_cron_job_that_is_suspended() -> None:
    shop = Shop()
    shop.get("CronJob", "report")["spec"]["suspend"] = True

    assert shop.said() == [("workload/shop/report", "CronJobSuspended", "cronjob report (*/30 * * * *) is suspended")]


def test_a_cron_job_with_a_schedule_that_cannot_be_read() -> None:
    shop = Shop()
    shop.get("CronJob", "report")["spec"]["schedule"] = "*/30 * * *"

    assert shop.said() == [
        (
            "workload/shop/report",
            "BadSchedule",
            "cronjob report has the schedule '*/30 * * *': a schedule has five fields, this one 4",
        )
    ]


def test_a_cron_job_in_a_time_zone_that_does_not_exist() -> None:
    shop = Shop()
    shop.get("CronJob", "report")["spec"]["timeZone"] = "Europe/Atlantis"

    assert shop.said() == [
        (
            "workload/shop/report",
            "BadSchedule",
            "cronjob report has the schedule '*/30 * * * *': there is no time zone 'Europe/Atlantis'",
        )
    ]


def test_a_cron_job_that_was_not_started_when_it_was_due() -> None:
    shop = Shop()
    shop.get("CronJob", "report")["status"]["lastScheduleTime"] = ago(5400)

    assert shop.said() == [
        ("workload/shop/report", "MissedStart", "cronjob report (*/30 * * * *) was due 1800 s ago and was not started")
    ]


def test_a_cron_job_that_waits_for_its_former_run() -> None:
    shop = Shop()
    report = shop.get("CronJob", "report")
    report["spec"]["concurrencyPolicy"] = "Forbid"
    report["status"] = {"lastScheduleTime": ago(5400), "active": [{"name": "report-29"}]}

    assert shop.said() == [
        (
            "workload/shop/report",
            "MissedStart",
            "cronjob report (*/30 * * * *) was due 1800 s ago; report-29 still runs and no second may",
        )
    ]


def test_a_cron_job_that_is_due_this_very_minute() -> None:
    shop = Shop()
    shop.get("CronJob", "report")["spec"]["schedule"] = "0 12 * * *"

    assert shop.said() == []
