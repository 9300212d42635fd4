"""A real API server is read as the ServiceAccount of k8s/rbac.yaml: everything needed can be read, nothing can be written."""

from __future__ import annotations

import base64
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest
import yaml

from copilot.guard.http import HttpDoor
from integrations.base import Scope, ServiceScope, Unauthorised, Unreachable
from integrations.kubernetes import PERMISSIONS, Kubernetes, KubernetesCredentials
from scoring.observations import Change, ChangeKind, Dependency, Entity, EntityKind, Gap, LogPattern, Observation, State
from tests.integrations.kubernetes_world import RBAC, SHOP, World, build, deployment, next_second
from tests.servers.control_plane import ADMIN, Refused
from tests.waiting import PATIENCE, until

if TYPE_CHECKING:
    from tests.servers.control_plane import ControlPlane
    from tests.servers.kubelet import Kubelet

pytestmark = [pytest.mark.envtest, pytest.mark.xdist_group("envtest")]

SCOPE = Scope(
    service=ServiceScope("checkout", SHOP, "deployment/checkout"),
    neighbours=(ServiceScope("payments", SHOP, "payments"),),
)


def open_door() -> HttpDoor:
    """Return the product's own door, open to this machine."""
    return HttpDoor(deadline_seconds=PATIENCE, allowed_private=[ip_network("127.0.0.0/8")])


@pytest.fixture(scope="module")
def world(control_plane: ControlPlane, kubelet: Kubelet) -> World:
    return build(control_plane, kubelet)


def entered(plane: ControlPlane, token: str, **more: object) -> KubernetesCredentials:
    return KubernetesCredentials.model_validate(
        {"url": plane.url, "token": token, "ca_certificate": plane.ca_certificate, **more}
    )


def gather(
    plane: ControlPlane, world: World, *, token: str = "", scope: Scope = SCOPE, **more: object
) -> list[Observation]:
    credentials = entered(plane, token or world.token, **more)
    return list(Kubernetes().gather(open_door(), credentials, scope, world.window))


@pytest.fixture(scope="module")
def found(control_plane: ControlPlane, world: World) -> list[Observation]:
    return gather(control_plane, world)


def test_a_rollout_is_a_change_that_says_what_was_different(found: list[Observation]) -> None:
    (change,) = [one for one in found if isinstance(one, Change) and one.version == "2.14.0"]

    assert change.entity == Entity(EntityKind.SERVICE, "payments")
    assert change.kind is ChangeKind.DEPLOYMENT
    assert change.title == "payments 2.13.4 → 2.14.0 rolled out"
    assert change.detail == (
        "image payments:2.13.4 → 2.14.0; env DB_PASSWORD changed; env DB_POOL_SIZE 20 → 5 (PAY-1211 tune the pool); "
        "revision 2 of deployment payments in shop"
    )
    assert (change.version, change.previous_version, change.key) == ("2.14.0", "2.13.4", "2.14.0")
    assert (change.author, change.source) == ("maria", "kubernetes")
    assert "hush" not in repr(found)


def test_first_rollouts_in_the_window_are_changes_too(found: list[Observation]) -> None:
    titles = sorted(one.title for one in found if isinstance(one, Change))

    assert titles == [
        "checkout 1.0.0 rolled out",
        "orders-db 16.1 rolled out",
        "payments 2.13.4 rolled out",
        "payments 2.13.4 → 2.14.0 rolled out",
    ]


def test_a_failing_pod_says_what_it_waits_for_and_how_it_ended(found: list[Observation], world: World) -> None:
    states = {one.condition: one for one in found if isinstance(one, State) and one.entity.name == world.failing}

    assert sorted(states) == ["CrashLoopBackOff", "NotReady", "OOMKilled", "ReadinessProbeFailing"]
    killed = states["OOMKilled"]
    assert killed.entity == Entity(EntityKind.POD, world.failing, SHOP, "payments")
    assert (killed.active, killed.attributes["exit_code"], killed.attributes["restarts"]) == (True, "137", "3")
    assert killed.attributes["node"] == "worker-1"
    assert killed.query == f"kubectl -n shop describe pod {world.failing}"
    assert states["CrashLoopBackOff"].active


def test_events_of_one_reason_are_one_state_with_their_counts_added(found: list[Observation], world: World) -> None:
    (unhealthy,) = [one for one in found if isinstance(one, State) and one.condition == "ReadinessProbeFailing"]

    assert unhealthy.count == 7
    assert unhealthy.detail == "Readiness probe failed: HTTP probe failed with statuscode: 502"
    assert unhealthy.query == f"kubectl -n shop get events --field-selector involvedObject.name={world.failing}"


def test_unavailable_replicas_and_a_used_up_quota_are_told(found: list[Observation]) -> None:
    states = {
        (one.entity.name, one.condition): one.detail
        for one in found
        if isinstance(one, State) and one.entity.kind is not EntityKind.POD
    }

    assert states["payments", "ReplicasUnavailable"] == "deployment payments: 1 of 2 replicas unavailable"
    assert states["quota small", "ServiceQuotaExceeded"] == "quota small of shop: services is used up (3 of 3)"


def test_an_autoscaler_without_metrics_is_told_on_its_workload(control_plane: ControlPlane, world: World) -> None:
    path = f"apis/autoscaling/v2beta2/namespaces/{SHOP}/horizontalpodautoscalers/checkout-hpa/status"
    condition = {
        "type": "ScalingActive",
        "status": "False",
        "reason": "FailedGetResourceMetric",
        "message": "no metrics returned",
    }
    status = {"currentReplicas": 1, "desiredReplicas": 1, "conditions": [condition], "currentMetrics": None}
    control_plane.call("PATCH", path, {"status": status}, content_type="application/merge-patch+json")

    (state,) = [
        one
        for one in gather(control_plane, world)
        if isinstance(one, State) and one.condition == "AutoscalerWithoutMetrics"
    ]

    assert state.entity == Entity(EntityKind.SERVICE, "checkout")
    assert state.detail == "autoscaler checkout-hpa: no metrics returned"


def test_logs_are_counted_by_template_before_and_since_the_onset(found: list[Observation]) -> None:
    (pattern,) = [one for one in found if isinstance(one, LogPattern)]

    assert pattern.entity == Entity(EntityKind.SERVICE, "payments")
    assert pattern.template == "ERROR pool exhausted after <n> ms, waiting=<n>"
    assert (pattern.count_before, pattern.count_during, pattern.level) == (1, 6, "error")
    assert pattern.query.startswith("kubectl -n shop logs payments-")


def test_an_environment_that_names_a_service_is_a_dependency(found: list[Observation]) -> None:
    checkout, payments = Entity(EntityKind.SERVICE, "checkout"), Entity(EntityKind.SERVICE, "payments")

    assert [one for one in found if isinstance(one, Dependency)] == [
        Dependency(checkout, payments, "kubernetes environment")
    ]


def test_a_survey_of_a_real_server_tells_workloads_and_who_calls_whom(
    control_plane: ControlPlane, world: World
) -> None:
    credentials = entered(control_plane, world.token, namespaces=[SHOP])

    told = Kubernetes().survey(open_door(), credentials, Scope(service=None), world.window)

    assert [(one.name, one.kind.value) for one in told.things] == [
        ("checkout", "service"), ("orders-db", "database"), ("payments", "service"),
    ]  # fmt: skip
    assert [(one.caller.name, one.callee.name, one.source, one.detail) for one in told.calls] == [
        ("checkout", "payments", "kubernetes environment", "PAYMENTS_URL of deployment checkout")
    ]
    assert told.gaps == ()


def test_there_are_no_gaps_for_the_account_of_the_manifest(found: list[Observation]) -> None:
    assert [one for one in found if isinstance(one, Gap)] == []


def test_check_reports_the_version_and_that_all_is_granted(control_plane: ControlPlane, world: World) -> None:
    health = Kubernetes().check(open_door(), entered(control_plane, world.token))

    assert health.works
    assert health.detail.startswith("Kubernetes v1.20.")
    assert health.detail.endswith("everything that is needed may be read in all namespaces")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", f"apis/apps/v1/namespaces/{SHOP}/deployments/payments", None),
        ("POST", f"apis/apps/v1/namespaces/{SHOP}/deployments", deployment("intruder", "1", {})),
        ("PATCH", f"apis/apps/v1/namespaces/{SHOP}/deployments/payments/scale", {"spec": {"replicas": 0}}),
        ("POST", f"api/v1/namespaces/{SHOP}/pods/any/exec", {}),
        ("GET", f"api/v1/namespaces/{SHOP}/secrets", None),
        ("GET", f"api/v1/namespaces/{SHOP}/configmaps", None),
        ("PATCH", "api/v1/nodes/worker-1", {"spec": {"unschedulable": True}}),
    ],
)
def test_the_account_can_write_nothing_and_read_no_secret(
    control_plane: ControlPlane, world: World, method: str, path: str, body: dict[str, object] | None
) -> None:
    before = control_plane.call("GET", f"apis/apps/v1/namespaces/{SHOP}/deployments")["metadata"]["resourceVersion"]

    with pytest.raises(Refused) as refused:
        control_plane.call(
            method,
            path,
            body,
            token=world.token,
            content_type="application/merge-patch+json" if method == "PATCH" else "application/json",
        )

    assert refused.value.status == 403
    names = [one["metadata"]["name"] for one in control_plane.objects("Deployment", SHOP)]
    assert (before != "", names) == (True, ["checkout", "payments"])
    assert "unschedulable" not in control_plane.call("GET", "api/v1/nodes/worker-1")["spec"]


def test_an_account_with_less_gets_gaps_that_name_what_to_grant(control_plane: ControlPlane, world: World) -> None:
    control_plane.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "poor", "namespace": SHOP}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": "poor", "namespace": SHOP},
            "rules": [
                {"apiGroups": [""], "resources": ["pods", "services", "resourcequotas"], "verbs": ["list"]},
                {"apiGroups": ["apps"], "resources": ["*"], "verbs": ["list"]},
                {"apiGroups": ["autoscaling"], "resources": ["*"], "verbs": ["list"]},
            ],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "poor", "namespace": SHOP},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "poor"},
            "subjects": [{"kind": "ServiceAccount", "name": "poor", "namespace": SHOP}],
        },
    )
    token = control_plane.token(SHOP, "poor")

    found = gather(control_plane, world, token=token)
    health = Kubernetes().check(open_door(), entered(control_plane, token, namespaces=SHOP))

    assert {one.question: one.reason for one in found if isinstance(one, Gap)} == {
        "nodes": "cannot list nodes: grant `list nodes`",
        "events in shop": "cannot list events in shop: grant `list events`",
        "logs in shop": "cannot read logs in shop: grant `get pods/log`",
        "further kinds of objects": "cannot list endpointslices, persistentvolumeclaims, jobs, cronjobs, ingresses, "
        "networkpolicies, poddisruptionbudgets, serviceaccounts, httproutes, gateways, persistentvolumes, storageclasses, "
        "ingressclasses, validatingwebhookconfigurations, mutatingwebhookconfigurations: grant `list` of them, as "
        "k8s/rbac.yaml does",
    }
    assert [one.title for one in found if isinstance(one, Change) and one.version == "2.14.0"] == [
        "payments 2.13.4 → 2.14.0 rolled out"
    ]
    assert not health.works
    assert "answers, but grant `list events` in shop, `list endpointslices` in shop, " in health.detail
    assert health.detail.endswith("`list mutatingwebhookconfigurations` in shop, `get pods/log` in shop")


def test_a_wrong_token_is_refused_and_said(control_plane: ControlPlane, world: World) -> None:
    with pytest.raises(Unauthorised, match="the token is wrong or has expired"):
        gather(control_plane, world, token="wrong")


def test_a_server_that_is_not_trusted_is_not_talked_to(control_plane: ControlPlane, world: World) -> None:
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:\d+: the TLS certificate is not trusted"):
        gather(control_plane, world, ca_certificate="")


def test_a_kubeconfig_with_a_token_opens_the_same_door(control_plane: ControlPlane, world: World) -> None:
    authority = base64.b64encode(control_plane.ca_certificate.encode()).decode()
    text = yaml.safe_dump({
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": {"server": control_plane.url, "certificate-authority-data": authority}}],
        "users": [{"name": "u", "user": {"token": world.token}}],
    })  # fmt: skip
    credentials = KubernetesCredentials.model_validate({"kubeconfig": text})

    assert Kubernetes().check(open_door(), credentials).works


def test_paging_reads_everything(control_plane: ControlPlane, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.kubernetes.api.PAGE", 1)
    # Others' objects of the whole cluster are read, too: the control plane is shared.
    monkeypatch.setattr("integrations.kubernetes.api.MAX_PAGES", 60)

    whole = gather(control_plane, world)

    assert [one.reason for one in whole if isinstance(one, Gap)] == []
    assert {one.title for one in whole if isinstance(one, Change)} >= {
        "payments 2.13.4 → 2.14.0 rolled out",
        "checkout 1.0.0 rolled out",
    }


def test_a_roll_back_is_told_as_one(control_plane: ControlPlane, world: World) -> None:
    """Runs last: it changes the world."""
    control_plane.apply(deployment("checkout", "1.1.0", {"PAYMENTS_URL": "http://pay:8080/v1"}))
    until(lambda: "checkout:1.1.0" in revisions(control_plane), what="the rollout of checkout 1.1.0")
    next_second()
    control_plane.apply(deployment("checkout", "1.0.0", {"PAYMENTS_URL": "http://pay:8080/v1", "LOG_TOPIC": "catalog"}))

    def rolled_back() -> list[str]:
        return [
            one.title for one in gather(control_plane, world) if isinstance(one, Change) and "rolled back" in one.title
        ]

    assert until(rolled_back, what="the roll back") == ["checkout 1.1.0 → 1.0.0 rolled back"]


def revisions(plane: ControlPlane) -> str:
    """Return all there is of the shop's rollouts as text."""
    return str(plane.call("GET", f"apis/apps/v1/namespaces/{SHOP}/replicasets")["items"])


def test_the_permissions_that_are_asked_for_are_those_of_the_manifest() -> None:
    (role,) = [one for one in yaml.safe_load_all(RBAC.read_text()) if one["kind"] == "ClusterRole"]
    granted = {
        (verb, resource, group)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }

    assert set(PERMISSIONS) <= granted
    assert {one for one in granted if one[0] != "list"} == {("get", "pods/log", "")}
    assert ADMIN not in RBAC.read_text()
