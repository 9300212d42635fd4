"""Who deployed into a cluster, and what else changed there: Argo CD, Flux, Helm, config, certificates and cron jobs, as objects tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from integrations.base import Scope, ServiceScope
from integrations.kubernetes import argo, certificates, cron, delivery, flux, releases, versions
from integrations.kubernetes.custom import APPLICATIONS, CERTIFICATES, HELM_RELEASES, KUSTOMIZATIONS, REPOSITORIES
from integrations.kubernetes.ownership import Owners
from integrations.kubernetes.snapshot import CRON_JOBS, DEPLOYMENTS, JOBS, Snapshot
from scoring.observations import Change, ChangeKind, Entity, EntityKind, State, Window

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from integrations.kubernetes.api import Resource

Object = dict[str, Any]
ALERT = 1795169106.0  # 2026-11-20T10:05:06Z
WINDOW = Window(start=ALERT - 3600, end=ALERT + 600, alert_at=ALERT)
NEW, OLD = "6113728f27ae82c7b1a177c8d03f9e96e0adf246", "f95f852bd8fca8fcc58a9a2d6c842781e32a215e"
PAYMENTS = Entity(EntityKind.SERVICE, "payments")
REPOSITORY = "https://github.com/shop/deploy.git"


def snapshot(*kinds: tuple[Resource, Iterable[Object]]) -> Snapshot:
    return Snapshot(objects={kind.plural: list(items) for kind, items in kinds})


def workload(name: str = "payments", **spec: Any) -> Object:
    marks = {"meta.helm.sh/release-name": "payments", "meta.helm.sh/release-namespace": "shop"}
    labels = {"helm.sh/chart": "payments-1.2.4"}
    return {"metadata": {"name": name, "namespace": "shop", "annotations": marks, "labels": labels},
            "spec": {"template": {"spec": spec}}}  # fmt: skip


CLUSTER = snapshot((DEPLOYMENTS, [workload()]))
OWNERS = Owners(CLUSTER, Scope(service=ServiceScope("payments", "shop", "deployment/payments")))


def one(changes: Iterable[Change | State]) -> Change:
    (found,) = changes
    assert isinstance(found, Change)
    return found


# --- Argo CD ------------------------------------------------------------------------------------------------------------


def application(**status: Any) -> Object:
    source = {"repoURL": REPOSITORY, "path": "apps/payments", "targetRevision": "HEAD"}
    return {
        "metadata": {"name": "payments-production", "namespace": "argocd"},
        "spec": {"destination": {"namespace": "shop", "server": "https://kubernetes.default.svc"}, "source": source},
        "status": {
            "history": [
                {"id": 0, "revision": OLD, "deployedAt": "2026-11-19T10:00:05Z", "source": source},
                {
                    "id": 1, "revision": NEW, "deployStartedAt": "2026-11-20T10:01:00Z", "deployedAt": "2026-11-20T10:01:04Z",
                    "initiatedBy": {"username": "grace"}, "source": source,
                },
            ],
            "health": {"status": "Degraded"},
            "sync": {"status": "Synced", "revision": NEW},
            "operationState": {"phase": "Succeeded", "startedAt": "2026-11-20T10:01:00Z"},
            "resources": [{"kind": "Deployment", "group": "apps", "namespace": "shop", "name": "payments"}],
            **status,
        },
    }  # fmt: skip


def synced(app: Object) -> list[Change]:
    return list(argo.changes(snapshot((APPLICATIONS, [app])), OWNERS, WINDOW))


def test_a_sync_is_a_change_of_the_services_that_it_deploys() -> None:
    assert synced(application()) == [
        Change(
            entity=PAYMENTS,
            kind=ChangeKind.DEPLOYMENT,
            at=1795168860.0,
            title="Argo CD synced payments-production to 6113728",
            source="kubernetes",
            author="grace",
            link=f"https://github.com/shop/deploy/commit/{NEW}",
            version=NEW,
            previous_version=OLD,
            status="succeeded",
            detail="apps/payments of https://github.com/shop/deploy.git; sync Synced, health Degraded",
            key=NEW,
        )
    ]


def test_a_sync_that_failed_is_told_with_its_reason() -> None:
    operation = {
        "phase": "Failed", "startedAt": "2026-11-20T10:03:00Z", "message": "one or more objects failed to apply",
        "operation": {"initiatedBy": {"username": "ada"}}, "syncResult": {"revision": "a" * 40},
    }  # fmt: skip
    _, failed = synced(application(operationState=operation))
    assert (failed.title, failed.status, failed.detail, failed.author, failed.previous_version) == (
        "Argo CD could not sync payments-production to aaaaaaa", "failed", "one or more objects failed to apply", "ada", NEW,
    )  # fmt: skip


def test_an_application_that_deploys_nothing_of_the_services_is_passed_over() -> None:
    other = application(resources=[{"kind": "Deployment", "namespace": "web", "name": "payments"}])
    other["spec"]["destination"]["namespace"] = "web"
    assert synced(other) == []


def test_a_chart_of_a_repository_of_charts_has_its_version_and_no_commit() -> None:
    source = {"repoURL": "https://charts.shop.test", "chart": "payments", "targetRevision": "1.2.*"}
    history = [{"id": 3, "revisions": ["1.2.4", NEW], "deployedAt": "2026-11-20T10:01:04Z", "sources": [source],
                "initiatedBy": {"automated": True}}]  # fmt: skip
    (change,) = synced(application(history=history))
    assert (change.version, change.detail, change.author) == (
        f"1.2.4, {NEW}", "payments of https://charts.shop.test; sync Synced, health Degraded; by itself", "",
    )  # fmt: skip


@pytest.mark.parametrize("health", ["healthy", "degraded"])
def test_argo_cds_own_objects_are_read(health: str, shared: Path) -> None:
    path = shared / f"vendor/payloads/argocd/application-{health}.yaml"
    (one,) = yaml.safe_load_all(path.read_text())
    assert synced(one) == []
    (change,) = synced(application(health=one["status"]["health"]))
    assert change.detail.endswith(f"health {health.capitalize()}")


# --- Flux ---------------------------------------------------------------------------------------------------------------


def test_a_helm_release_of_flux_tells_chart_application_and_whether_its_values_changed() -> None:
    release = {
        "metadata": {"name": "payments", "namespace": "flux-system"},
        "spec": {"releaseName": "payments", "targetNamespace": "shop"},
        "status": {
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-20T10:01:10Z"}],
            "history": [
                {"name": "payments", "namespace": "shop", "version": 7, "chartName": "payments", "chartVersion": "1.2.4",
                 "appVersion": "2.14.0", "configDigest": "sha256:b", "lastDeployed": "2026-11-20T10:01:00Z", "status": "deployed"},
                {"name": "payments", "namespace": "shop", "version": 6, "chartName": "payments", "chartVersion": "1.2.3",
                 "appVersion": "2.13.4", "configDigest": "sha256:a", "lastDeployed": "2026-11-18T10:01:00Z", "status": "superseded"},
            ],
        },
    }  # fmt: skip
    taken = snapshot((HELM_RELEASES, [release]))

    change = one(flux.changes(taken, CLUSTER, OWNERS, WINDOW))
    assert (change.entity, change.at, change.title) == (PAYMENTS, 1795168860.0, "Flux released payments 1.2.4")
    assert (change.version, change.previous_version, change.status) == ("2.14.0", "2.13.4", "succeeded")
    assert change.detail == "chart payments 1.2.3 → 1.2.4; its values changed; application 2.14.0"
    assert flux.released(taken) == {("shop", "payments")}


KUSTOMIZATION: Object = {
    "metadata": {"name": "apps", "namespace": "flux-system"},
    "spec": {"path": "./apps", "sourceRef": {"kind": "GitRepository", "name": "deploy"}},
    "status": {
        "lastAppliedRevision": f"main@sha1:{NEW}",
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "ReconciliationSucceeded",
                "lastTransitionTime": "2026-11-20T10:01:00Z",
            }
        ],
        "inventory": {
            "entries": [{"id": "shop_payments_apps_Deployment", "v": "v1"}, {"id": "shop_web__Service", "v": "v1"}]
        },
    },
}


def test_a_kustomization_tells_the_commit_that_was_applied() -> None:
    repository = {"metadata": {"name": "deploy", "namespace": "flux-system"}, "spec": {"url": REPOSITORY}}
    taken = snapshot((KUSTOMIZATIONS, [KUSTOMIZATION]), (REPOSITORIES, [repository]))

    change = one(flux.changes(taken, CLUSTER, OWNERS, WINDOW))
    assert (change.entity, change.title, change.key) == (PAYMENTS, "Flux applied apps at 6113728", NEW)
    assert change.link == f"https://github.com/shop/deploy/commit/{NEW}"
    assert change.detail == "./apps of https://github.com/shop/deploy.git"


def test_what_flux_could_not_apply_is_told_with_its_reason() -> None:
    status = KUSTOMIZATION["status"] | {
        "lastAttemptedRevision": f"main/{NEW}",
        "conditions": [{"type": "Ready", "status": "False", "reason": "BuildFailed", "message": "no such file",
                        "lastTransitionTime": "2026-11-20T10:01:00Z"}],
    }  # fmt: skip
    taken = snapshot((KUSTOMIZATIONS, [KUSTOMIZATION | {"status": status}]))

    change = one(flux.changes(taken, CLUSTER, OWNERS, WINDOW))
    assert (change.title, change.status, change.detail, change.key) == (
        "Flux could not apply apps", "failed", "BuildFailed; no such file", NEW,
    )  # fmt: skip


# --- Helm, config maps and secrets --------------------------------------------------------------------------------------


def release_secret(version: str, status: str, made: str) -> Object:
    labels = {"owner": "helm", "name": "payments", "status": status, "version": version, "modifiedAt": "1795168866"}
    return {"metadata": {"name": f"sh.helm.release.v1.payments.v{version}", "namespace": "shop", "labels": labels,
                         "creationTimestamp": made}}  # fmt: skip


def test_a_helm_release_is_told_by_the_labels_of_its_secret() -> None:
    secrets = [
        release_secret("6", "superseded", "2026-11-18T10:01:00Z"),
        release_secret("7", "deployed", "2026-11-20T10:01:00Z"),
    ]

    change = one(releases.changes(secrets, CLUSTER, OWNERS, WINDOW, except_of=frozenset()))
    assert (change.entity, change.at, change.title, change.status, change.detail, change.key) == (
        PAYMENTS, 1795168860.0, "Helm made revision 7 of payments", "succeeded", "chart payments-1.2.4", "helm:shop/payments@7",
    )  # fmt: skip
    assert list(releases.changes(secrets, CLUSTER, OWNERS, WINDOW, except_of=frozenset({("shop", "payments")}))) == []


def written(name: str, *entries: tuple[str, str, Object], version: str = "812") -> Object:
    managed = [
        {"manager": manager, "operation": "Update", "time": at, "fieldsV1": parts} for manager, at, parts in entries
    ]
    return {"metadata": {"name": name, "namespace": "shop", "resourceVersion": version, "managedFields": managed,
                         "creationTimestamp": "2026-01-01T00:00:00Z"}}  # fmt: skip


DATA: Object = {"f:data": {".": {}, "f:DB_POOL_SIZE": {}}}


def test_config_that_the_services_read_is_told_with_its_writer() -> None:
    reads = workload(containers=[{"envFrom": [{"configMapRef": {"name": "payments-env"}}]}],
                     volumes=[{"secret": {"secretName": "payments-db"}}])  # fmt: skip
    cluster = snapshot((DEPLOYMENTS, [reads]))
    taken = snapshot(
        (versions.CONFIG_MAPS, [
            written("payments-env", ("argocd", "2026-11-19T10:00:00Z", DATA), ("kubectl", "2026-11-20T10:01:00Z", DATA)),
            # The lock of an election of leaders: nobody reads it, and it changes all the time.
            written("leader", ("controller", "2026-11-20T10:04:00Z", DATA)),
        ]),
        (versions.SECRETS, [
            written("payments-db", ("vault", "2026-11-20T10:02:00Z", {"f:data": {}}), ("x", "2026-11-20T10:03:00Z", {"f:metadata": {}})),
            release_secret("7", "deployed", "2026-11-20T10:01:00Z"),
        ]),
    )  # fmt: skip

    config, secret = sorted(
        versions.changes(taken, cluster, Owners(cluster, OWNERS.scope), WINDOW), key=lambda item: item.at
    )
    assert config == Change(
        entity=PAYMENTS,
        kind=ChangeKind.CONFIG,
        at=1795168860.0,
        title="config map payments-env changed",
        source="kubernetes",
        status="succeeded",
        detail="config map payments-env; by kubectl; read by payments",
        key="configmaps:shop/payments-env@812",
    )
    assert (secret.title, secret.at, secret.detail) == (
        "secret payments-db changed", 1795168920.0, "secret payments-db; by vault; read by payments",
    )  # fmt: skip


# --- one change, told by two -------------------------------------------------------------------------------------------


def rollout(at: float, **more: Any) -> Change:
    values: dict[str, Any] = {
        "entity": PAYMENTS, "kind": ChangeKind.DEPLOYMENT, "at": at, "title": "payments 2.13.4 → 2.14.0 rolled out",
        "source": "kubernetes", "version": "2.14.0", "key": "2.14.0", "detail": "image payments:2.13.4 → 2.14.0",
    }  # fmt: skip
    return Change(**(values | more))


def test_a_rollout_and_the_sync_that_brought_it_are_one_change() -> None:
    (sync,) = synced(application())

    (told,) = delivery.joined([rollout(sync.at + 8)], [sync])
    assert (told.title, told.version, told.author, told.link) == (
        "payments 2.13.4 → 2.14.0 rolled out", "2.14.0", "grace", f"https://github.com/shop/deploy/commit/{NEW}",
    )  # fmt: skip
    # The commit is how a forge names the same change.
    assert told.key == NEW
    assert told.detail.startswith(
        "image payments:2.13.4 → 2.14.0; Argo CD synced payments-production to 6113728 (apps/payments of"
    )


@pytest.mark.parametrize(
    "other",
    [
        rollout(1795168860.0 + 301),
        rollout(1795168860.0 - 61),
        rollout(1795168865.0, entity=Entity(EntityKind.SERVICE, "web")),
    ],
)
def test_a_rollout_of_another_time_or_service_is_a_change_of_its_own(other: Change) -> None:
    (sync,) = synced(application())
    assert list(delivery.joined([other], [sync])) == [other, sync]


# --- certificates and cron jobs -----------------------------------------------------------------------------------------


def certificate(not_after: str, *, not_before: str = "2026-08-22T10:00:00Z", **condition: str) -> Object:
    ready = {"type": "Ready", "status": "True"} | condition
    return {
        "metadata": {"name": "payments-tls", "namespace": "shop"},
        "spec": {"secretName": "payments-tls", "dnsNames": ["pay.shop.test"]},
        "status": {"notAfter": not_after, "notBefore": not_before, "revision": 4, "conditions": [ready]},
    }  # fmt: skip


def certified(*found: Object) -> list[Change | State]:
    cluster = snapshot((DEPLOYMENTS, [workload(volumes=[{"secret": {"secretName": "payments-tls"}}])]))
    return list(
        certificates.observations(snapshot((CERTIFICATES, found)), cluster, Owners(cluster, OWNERS.scope), WINDOW)
    )


def test_a_certificate_that_ran_out_is_a_state_of_who_serves_with_it() -> None:
    (state,) = certified(certificate("2026-11-20T10:00:00Z", status="False", message="the issuer refused the order"))
    assert state == State(
        entity=PAYMENTS,
        condition="CertificateExpired",
        source="kubernetes",
        at=1795168800.0,
        detail="certificate payments-tls for pay.shop.test ran out 2026-11-20 10:00 UTC; the issuer refused the order",
        query="kubectl -n shop describe certificate payments-tls",
    )


def test_a_certificate_that_was_not_renewed_in_time_is_told_and_a_fresh_one_is_a_change() -> None:
    (soon,) = certified(certificate("2026-11-22T10:00:00Z"))
    assert isinstance(soon, State)
    assert (soon.condition, soon.at) == ("CertificateExpiring", None)

    renewed = one(certified(certificate("2027-02-18T10:00:00Z", not_before="2026-11-20T10:00:00Z")))
    assert (renewed.kind, renewed.title) == (
        ChangeKind.CERTIFICATE, "certificate payments-tls renewed, good until 2027-02-18 10:00 UTC",
    )  # fmt: skip
    assert certified(certificate("2027-02-18T10:00:00Z")) == []


def job(name: str, started: str, *, failed: bool = False) -> Object:
    condition = (
        {"type": "Failed", "status": "True", "message": "reached backoff limit"}
        if failed
        else {"type": "Complete", "status": "True"}
    )
    owner = {"kind": "CronJob", "name": "nightly", "controller": True}
    return {"metadata": {"name": name, "namespace": "shop", "ownerReferences": [owner]},
            "status": {"startTime": started, "completionTime": "2026-11-20T10:02:30Z", "conditions": [condition]}}  # fmt: skip


def test_a_cron_jobs_run_is_a_change_beside_the_services() -> None:
    schedule = {"metadata": {"name": "nightly", "namespace": "shop"}, "spec": {"schedule": "0 10 * * *"}}
    cluster = snapshot((CRON_JOBS, [schedule]), (JOBS, [job("nightly-1", "2026-11-20T10:00:00Z")]))

    change = one(cron.changes(cluster, OWNERS, WINDOW))
    assert (change.entity, change.kind, change.at, change.status, change.detail) == (
        Entity(EntityKind.WORKLOAD, "nightly", "shop"), ChangeKind.CRON, 1795168800.0, "succeeded",
        "schedule 0 10 * * *; took 150 s",
    )  # fmt: skip


def test_of_what_runs_all_the_time_only_failures_are_told() -> None:
    jobs = [
        job(f"nightly-{minute}", f"2026-11-20T09:{minute}:00Z", failed=minute == 40) for minute in range(10, 60, 10)
    ]
    change = one(cron.changes(snapshot((JOBS, jobs)), OWNERS, WINDOW))
    assert (change.key, change.status, change.detail) == ("job:shop/nightly-40", "failed", "reached backoff limit")


# --- anything else -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "broken", [{}, {"metadata": None}, {"status": []}, {"status": {"history": [{}, None, 3]}, "spec": 7}]
)
def test_objects_of_another_shape_are_passed_over(broken: Object) -> None:
    taken = snapshot(
        *((kind, [broken]) for kind in (APPLICATIONS, HELM_RELEASES, KUSTOMIZATIONS, REPOSITORIES, CERTIFICATES))
    )
    cluster = snapshot((DEPLOYMENTS, [broken]), (JOBS, [broken]), (CRON_JOBS, [broken]))
    owners = Owners(cluster, OWNERS.scope)
    written_ones = snapshot((versions.SECRETS, [broken]), (versions.CONFIG_MAPS, [broken]))

    found = [
        *argo.changes(taken, owners, WINDOW),
        *flux.changes(taken, cluster, owners, WINDOW),
        *releases.changes([broken], cluster, owners, WINDOW, except_of=flux.released(taken)),
        *versions.changes(written_ones, cluster, owners, WINDOW),
        *certificates.observations(taken, cluster, owners, WINDOW),
        *cron.changes(cluster, owners, WINDOW),
    ]
    assert found == []
