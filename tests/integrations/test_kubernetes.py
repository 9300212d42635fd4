"""Kubernetes through a stand-in door: captured answers, other versions' shapes, refusals, and bounds."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.base import Scope, ServiceScope, SourceError, TimedOut, TooLarge, Unauthorised, Unreachable
from integrations.cluster import quantity
from integrations.cluster.events import read
from integrations.kubernetes import Kubernetes, KubernetesCredentials
from integrations.kubernetes.rollouts import differences
from integrations.kubernetes.snapshot import CLUSTER_WIDE, NAMESPACED
from integrations.templates import mask
from scoring.observations import (
    Change,
    ChangeKind,
    Dependency,
    Entity,
    EntityKind,
    Gap,
    LogPattern,
    Observation,
    State,
    Window,
)
from tests.integrations.door import Answer, FakeDoor, unreachable

if TYPE_CHECKING:
    from pathlib import Path

Object = dict[str, Any]
Captured = Callable[[], dict[str, list[Object]]]
CREDENTIALS = KubernetesCredentials.model_validate({"url": "https://k.test:6443", "token": "t0ken"})
# 2026-11-20T23:12:00Z, minutes after the captured objects were made
END = 1_795_216_320.0
WINDOW = Window(start=END - 3600, end=END, alert_at=END - 60)
SCOPE = Scope(service=ServiceScope("checkout", "default", "checkout"))
REFUSED = {"kind": "Status", "message": 'events is forbidden: User "x" cannot list resource "events"'}


class Cluster:
    """Answer lists from objects by plural; `refuse` gives plurals another answer."""

    def __init__(
        self, objects: Mapping[str, list[Object]], *, logs: str = "", refuse: Mapping[str, Answer] | None = None
    ) -> None:
        self.objects, self.logs, self.refuse = objects, logs, dict(refuse or {})

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        parts = urlsplit(url)
        plural = parts.path.rpartition("/")[2]
        if plural in self.refuse:
            return self.refuse[plural]
        if plural == "log":
            return 200, {"content-type": "text/plain"}, self.logs
        selector = parse_qs(parts.query).get("fieldSelector", [""])[0]
        items = self.objects.get(plural, [])
        if selector:
            key, _, wanted = selector.replace("!=", "=!").partition("=")
            marked = [(one, str(one.get(key)) if isinstance(one, dict) else "") for one in items]
            items = [one for one, word in marked if (word != wanted[1:] if wanted.startswith("!") else word == wanted)]
        return 200, {}, {"kind": "List", "metadata": {}, "items": items}


def gather(
    cluster: Callable[..., Answer], *, scope: Scope = SCOPE, window: Window = WINDOW, door: FakeDoor | None = None
) -> list[Observation]:
    return list(Kubernetes().gather(door or FakeDoor(cluster), CREDENTIALS, scope, window))


@pytest.fixture(scope="module")
def captured(shared: Path) -> Captured:
    """Return what a real server answered, by plural; as a function, for hypothesis prints arguments."""
    folder = shared / "vendor/payloads/kubernetes/real-apiserver-1.20.2"
    objects = {path.stem: json.loads(path.read_text())["items"] for path in folder.glob("*.json")}
    return lambda: objects


def pod(name: str = "checkout-7f65d78dcf-xv6cx", *, owner: str = "checkout-7f65d78dcf", **status: Any) -> Object:
    return {
        "metadata": {
            "name": name,
            "namespace": "default",
            "ownerReferences": [{"kind": "ReplicaSet", "name": owner, "controller": True}],
        },
        "spec": {"nodeName": "n1", "containers": [{"name": "app", "image": "checkout:1"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], **status},
    }


# --- captured from real servers -----------------------------------------------------------------------------------------


def test_what_a_real_server_answered_becomes_observations(captured: Captured) -> None:
    found = gather(Cluster(captured()))

    (change,) = [one for one in found if isinstance(one, Change) and one.previous_version]
    assert (change.title, change.detail) == (
        "checkout v1 → v2 rolled out",
        (
            "image checkout:v1 → v2 (kubectl set image deployment/checkout c=registry/checkout:v2 --record=true); "
            "revision 2 of deployment checkout in default"
        ),
    )
    assert {(one.entity.owner or one.entity.name, one.condition) for one in found if isinstance(one, State)} == {
        ("checkout", "NotReady"), ("checkout", "CrashLoopBackOff"), ("checkout", "OOMKilled"), ("checkout", "ReplicasUnavailable"),
        ("checkout", "UntoleratedTaint"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("file", "conditions"),
    [
        ("pod-crashloop.yaml", {"CrashLoopBackOff", "Error", "NotReady"}),
        ("pod-imagepullbackoff.yaml", {"ImagePullBackOff"}),
        ("pod-error.yaml", {"NotReady", "Error"}),
        ("pod-failed.yaml", {"PodFailed", "Error"}),
        ("pod-running-not-ready.yaml", {"NotReady"}),
        ("pod-running-restart-always.yaml", set()),
        ("pod-succeeded.yaml", set()),
        ("pod-deletion.yaml", {"StuckTerminating"}),
        ("deployment-degraded.yaml", {"ProgressDeadlineExceeded"}),
        ("hpa-v2-degraded.yaml", {"ScaleTargetMissing"}),
        ("hpa-v1-healthy.yaml", {"ScaleTargetMissing"}),
        ("job-failed.yaml", {"BackoffLimitExceeded"}),
        ("pvc-pending.yaml", {"StorageClassMissing"}),
    ],
)
def test_recorded_object_states_are_told_by_their_own_words(shared: Path, file: str, conditions: set[str]) -> None:
    path = shared / "vendor/payloads/kubernetes/argo-health" / file
    one = yaml.safe_load(path.read_text().replace("\t", "  "))
    one = json.loads(json.dumps(one, default=lambda at: at.isoformat()))
    plural = {
        "Pod": "pods",
        "Deployment": "deployments",
        "HorizontalPodAutoscaler": "horizontalpodautoscalers",
        "Job": "jobs",
        "PersistentVolumeClaim": "persistentvolumeclaims",
    }.get(one["kind"], "x")
    namespace = one["metadata"].setdefault("namespace", "default")
    window = Window(start=0, end=END, alert_at=END)

    found = gather(Cluster({plural: [one]}), scope=Scope(ServiceScope("x", namespace)), window=window)

    assert {state.condition for state in found if isinstance(state, State)} == conditions


PLACES = st.integers(min_value=0)
WRONG: st.SearchStrategy[object] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.just([])
    | st.just({})
    | st.just([1])
    | st.just({"a": 1})
)


@given(place=PLACES, wrong=WRONG, kind=st.sampled_from(["pods", "deployments", "replicasets", "events", "nodes"]))
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_object_with_a_damaged_field_loses_at_most_itself(
    captured: Captured, place: int, wrong: object, kind: str
) -> None:
    damaged = copy.deepcopy(captured())
    holders = list(places(damaged[kind]))
    holder, key = holders[place % len(holders)]
    holder[key] = wrong

    found = gather(Cluster(damaged, logs="2026-11-20T23:10:00Z ERROR x"))

    assert all(isinstance(one, Change | State | LogPattern | Dependency | Gap) for one in found)


def places(value: Any) -> list[tuple[Any, Any]]:
    own = list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    return [(value, key) for key, _ in own] + [inner for _, item in own for inner in places(item)]


# --- asking -------------------------------------------------------------------------------------------------------------


def test_it_asks_for_each_kind_once_with_limit_token_and_no_more() -> None:
    door = FakeDoor(Cluster({}))

    gather(Cluster({}), door=door)

    lists = [asked for asked in door.asked if asked.path != "/apis"]
    listed = {asked.path.rpartition("/")[2] for asked in lists}
    assert listed == {one.plural for one in (*NAMESPACED, *CLUSTER_WIDE)}
    assert len(lists) == len(listed) + 1  # events twice: warnings, and what the autoscaler did
    # A cluster without Argo CD, Flux and cert-manager is asked one question more.
    assert len(door.asked) == len(lists) + 1
    assert {asked.parameters["limit"] for asked in lists} == {"500"}
    assert {asked.headers["authorization"] for asked in door.asked} == {"Bearer t0ken"}
    assert {asked.method for asked in door.asked} == {"GET"}


def test_pages_are_followed_up_to_a_bound() -> None:
    def cluster(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        parts = urlsplit(url)
        if not parts.path.endswith("/pods"):
            return 200, {}, {"items": []}
        page = int(parse_qs(parts.query).get("continue", ["0"])[0])
        unready = pod(f"p{page}", conditions=[{"type": "Ready", "status": "False"}])
        return 200, {}, {"metadata": {"continue": str(page + 1)}, "items": [unready]}

    found = gather(cluster)

    assert sorted(one.entity.name for one in found if isinstance(one, State)) == [f"p{number}" for number in range(6)]
    assert [(one.question, one.reason) for one in found if isinstance(one, Gap)] == [
        ("pods in default", "there are more than the 6 that were read")
    ]


@pytest.mark.parametrize(("expiries", "gaps"), [(1, []), (2, ["pods in default"])])
def test_a_list_that_expires_while_paging_is_begun_again_once(expiries: int, gaps: list[str]) -> None:
    expired: list[str] = []

    def cluster(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if "/pods" not in url:
            return 200, {}, {"items": []}
        if "continue" not in url:
            return 200, {}, {"metadata": {"continue": "next"}, "items": []}
        if len(expired) < expiries:
            expired.append(url)
            return 410, {}, {"message": "the provided continue parameter is too old"}
        return 200, {}, {"items": []}

    assert [one.question for one in gather(cluster) if isinstance(one, Gap)] == gaps


def test_an_older_server_is_asked_for_older_versions() -> None:
    hpa = {
        "metadata": {"name": "h", "namespace": "default"},
        "spec": {"scaleTargetRef": {"name": "checkout"}, "maxReplicas": 3},
        "status": {"currentReplicas": 3},
    }

    def cluster(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if "/autoscaling/v2" in url:
            return 404, {}, "404 page not found"
        if "/deployments" in url:
            return (
                200,
                {},
                {"items": [{"metadata": {"name": "checkout", "namespace": "default"}, "spec": {"replicas": 0}}]},
            )
        return 200, {}, {"items": [hpa] if "/autoscaling/v1/" in url else []}

    found = gather(cluster)

    assert [(one.condition, one.detail) for one in found if isinstance(one, State)] == [
        ("TooManyReplicas", "autoscaler h is at its maximum of 3 replicas")
    ]
    assert not [one for one in found if isinstance(one, Gap)]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((403, {}, REFUSED), "cannot list events in default: grant `list events`"),
        ((500, {}, {"message": "etcd is down"}), "k.test:6443 answered 500: etcd is down"),
        ((503, {}, "unavailable"), "k.test:6443 answered 503"),
        ((200, {}, "<html>"), "k.test:6443 answered with something else than JSON; is it a Kubernetes API?"),
        ((200, {}, [1, 2]), "k.test:6443 answered in an unknown shape; is it a Kubernetes API?"),
    ],
)
def test_what_cannot_be_listed_is_a_gap_and_the_rest_is_kept(answer: Answer, reason: str) -> None:
    pods = [pod(conditions=[{"type": "Ready", "status": "False"}])]

    found = gather(Cluster({"pods": pods}, refuse={"events": answer}))

    assert [(one.question, one.reason) for one in found if isinstance(one, Gap)] == [("events in default", reason)]
    assert [one.condition for one in found if isinstance(one, State)] == ["NotReady"]


@pytest.mark.parametrize(
    ("door", "kind"),
    [
        (FakeDoor(unreachable), Unreachable),
        (FakeDoor(Cluster({}), seconds=0), TimedOut),
        (FakeDoor(Cluster({}), max_bytes=5), TooLarge),
        (FakeDoor(lambda *_: (401, {}, {"message": "Unauthorized"})), Unauthorised),
        (FakeDoor(lambda *_: (403, {}, REFUSED)), Unauthorised),
        (FakeDoor(lambda *_: (429, {}, {"message": "slow down"})), SourceError),
    ],
)
def test_where_nothing_answers_the_gathering_fails(door: FakeDoor, kind: type[SourceError]) -> None:
    with pytest.raises(kind):
        gather(Cluster({}), door=door)


def test_only_the_namespaces_of_the_connection_are_read() -> None:
    credentials = KubernetesCredentials.model_validate({"url": "https://k.test", "token": "t", "namespaces": "shop"})
    scope = Scope(ServiceScope("a", "shop"), neighbours=(ServiceScope("b", "bank"),))
    door = FakeDoor(Cluster({}))

    gaps = [one for one in Kubernetes().gather(door, credentials, scope, WINDOW) if isinstance(one, Gap)]

    assert [gap.reason for gap in gaps] == ["namespace bank is not among those of the connection (shop)"]
    assert not [asked for asked in door.asked if "bank" in asked.path]


def test_an_alert_may_say_the_namespace_and_without_any_there_is_a_gap() -> None:
    door = FakeDoor(Cluster({}))
    hinted = Scope(ServiceScope("a"), alert_labels={"namespace": "shop"})

    assert not [one for one in gather(Cluster({}), scope=hinted, door=door) if isinstance(one, Gap)]
    assert [asked for asked in door.asked if "/namespaces/shop/" in asked.path]
    (gap,) = gather(Cluster({}), scope=Scope(ServiceScope("a")))
    assert isinstance(gap, Gap)
    assert gap.reason == "no namespace is known for a: set the service's namespace"


def test_check_names_the_permissions_that_are_missing() -> None:
    def cluster(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if url.endswith("/version"):
            return 200, {}, {"gitVersion": "v1.37.1"}
        if url.endswith("/apis"):
            return 200, {}, {"groups": [{"name": "apps"}]}
        asked = json.loads(body)["spec"]["resourceAttributes"]
        return 201, {}, {"status": {"allowed": asked["resource"] != "nodes" and asked.get("subresource") != "log"}}

    health = Kubernetes().check(FakeDoor(cluster), CREDENTIALS)

    assert not health.works
    assert health.detail == "Kubernetes v1.37.1 answers, but grant `list nodes`, `get pods/log`"


def test_a_service_that_selects_nothing_is_said_of_the_service_that_people_know() -> None:
    one = pod()
    one["metadata"]["labels"] = {"app": "checkout"}
    service = {"metadata": {"name": "checkout", "namespace": "default"}, "spec": {"selector": {"app": "chekout"}}}

    (state,) = [found for found in gather(Cluster({"pods": [one], "services": [service]})) if isinstance(found, State)]

    assert (state.entity, state.condition, state.detail) == (
        Entity(EntityKind.SERVICE, "checkout"),
        "SelectorMismatch",
        "service checkout selects app=chekout, no pod has it; nearest: app=checkout (1 pod)",
    )


def test_a_kind_that_may_not_be_listed_makes_nothing_missing() -> None:
    one = {
        **workload("checkout", {}),
        "spec": {"template": {"spec": {"serviceAccountName": "payer", "containers": []}}},
    }
    one["status"] = {"availableReplicas": 1}
    accounts = [{"metadata": {"name": "default", "namespace": "default"}}]
    objects = {"deployments": [one], "serviceaccounts": accounts}

    listed = [found.condition for found in gather(Cluster(objects)) if isinstance(found, State)]
    refused = gather(Cluster(objects, refuse={"serviceaccounts": (403, {}, REFUSED)}))

    assert listed == ["MissingServiceAccount"]
    assert [found for found in refused if isinstance(found, State)] == []
    assert [found.reason for found in refused if isinstance(found, Gap)] == [
        "cannot list serviceaccounts: grant `list` of them, as k8s/rbac.yaml does"
    ]


def test_a_pod_that_waits_for_what_is_not_read_leaves_a_gap() -> None:
    waiting = {"reason": "CreateContainerConfigError", "message": "it will not do"}
    one = pod(containerStatuses=[{"name": "app", "ready": False, "restartCount": 0, "state": {"waiting": waiting}}])

    (gap,) = [found for found in gather(Cluster({"pods": [one]})) if isinstance(found, Gap)]

    assert (gap.question, gap.reason) == (
        "what checkout-7f65d78dcf-xv6cx lacks",
        "config maps and secrets are not read: look at the pod's events",
    )


# --- reading ------------------------------------------------------------------------------------------------------------


def template(**container: Any) -> Object:
    return {"spec": {"containers": [{"name": "app", "image": "shop/app:1", **container}]}}


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (template(), template(), []),
        (template(), template(image="shop/app:2"), ["image app:1 → 2"]),
        (template(), template(image="other/app:1"), ["image shop/app:1 → other/app:1"]),
        (
            template(image="a@sha256:" + "1" * 64),
            template(image="a@sha256:" + "2" * 64),
            ["image a@sha256:" + "1" * 64 + " → 222222222222"],
        ),
        (template(env=[{"name": "A", "value": "1"}]), template(env=[{"name": "A", "value": "2"}]), ["env A 1 → 2"]),
        (template(), template(env=[{"name": "A", "value": "1"}]), ["env A added (1)"]),
        (template(env=[{"name": "A", "value": "1"}]), template(), ["env A removed"]),
        (
            template(env=[{"name": "API_TOKEN", "value": "x"}]),
            template(env=[{"name": "API_TOKEN", "value": "y"}]),
            ["env API_TOKEN changed"],
        ),
        (
            template(env=[{"name": "DB_URL", "value": "postgres://me:hush@db/a"}]),
            template(env=[{"name": "DB_URL", "value": "postgres://me:hush@db/b"}]),
            ["env DB_URL postgres://…@db/a → postgres://…@db/b"],
        ),
        (
            template(env=[{"name": "A", "value": "1"}]),
            template(env=[{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}]),
            ["env A 1 → from configMap c/k"],
        ),
        (template(), template(resources={"limits": {"memory": "64Mi"}}), ["memory limit none → 64Mi"]),
        (template(args=["-a"]), template(args=["-b"]), ["args -a → -b"]),
        (template(), template(readinessProbe={"httpGet": {}}), ["readinessProbe added"]),
        (template(startupProbe={"exec": {}}), template(), ["startupProbe removed"]),
        (
            template(livenessProbe={"httpGet": {"path": "/live", "port": 80}, "periodSeconds": 10}),
            template(
                livenessProbe={"httpGet": {"path": "/health", "port": 80}, "periodSeconds": 5, "timeoutSeconds": 1}
            ),
            [
                "livenessProbe path /live → /health",
                "livenessProbe periodSeconds 10 → 5",
                "livenessProbe timeoutSeconds none → 1",
            ],
        ),
        (
            template(livenessProbe={"exec": {"command": ["pg_isready", "-q"]}}),
            template(livenessProbe={"exec": {"command": ["pg_isready", "-h", "db"]}}),
            ["livenessProbe command pg_isready -q → pg_isready -h db"],
        ),
        (
            template(
                livenessProbe={"httpGet": {"path": "/", "port": 80, "httpHeaders": [{"name": "Key", "value": "x"}]}}
            ),
            template(
                livenessProbe={"httpGet": {"path": "/", "port": 80, "httpHeaders": [{"name": "Key", "value": "y"}]}}
            ),
            ["livenessProbe changed"],
        ),
        (
            template(livenessProbe={"httpGet": {"path": "/", "port": 80, "scheme": "HTTPS"}}),
            template(livenessProbe={"tcpSocket": {"port": 81}}),
            ["livenessProbe path / → none", "livenessProbe port 80 → 81", "livenessProbe scheme HTTPS → none"],
        ),
        (
            template(),
            {**template(), "metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "x"}}},
            ["restarted by hand"],
        ),
        (
            template(),
            {**template(), "metadata": {"annotations": {"checksum/config": "x"}}},
            ["config changed (configuration)"],
        ),
        (
            template(),
            {"spec": {"containers": [*template()["spec"]["containers"], {"name": "side", "image": "envoy:1"}]}},
            ["container side added (envoy:1)"],
        ),
    ],
)
def test_the_difference_of_two_templates_is_told_in_words(before: Object, after: Object, words: list[str]) -> None:
    assert differences(before, after) == words


def replica_set(revision: int, made_at: str, **container: Any) -> Object:
    return {
        "metadata": {
            "name": f"checkout-{revision}", "namespace": "default", "creationTimestamp": made_at,
            "annotations": {"deployment.kubernetes.io/revision": str(revision)},
            "ownerReferences": [{"kind": "Deployment", "name": "checkout", "controller": True}],
        },
        "spec": {"template": template(**container)},
    }  # fmt: skip


def test_only_rollouts_in_the_window_are_told_and_a_change_of_settings_is_no_deployment() -> None:
    sets = [
        replica_set(7, "2026-11-20T20:00:00Z"),
        replica_set(8, "2026-11-20T21:00:00Z", image="shop/app:2"),
        replica_set(9, "2026-11-20T23:00:00Z", image="shop/app:2", env=[{"name": "POOL", "value": "5"}]),
    ]

    (change,) = [one for one in gather(Cluster({"replicasets": sets})) if isinstance(one, Change)]

    assert (change.kind, change.title, change.key) == (
        ChangeKind.CONFIG,
        "checkout reconfigured: env POOL added (5)",
        "default/checkout@9",
    )
    assert change.at == 1_795_215_600.0


def test_an_autoscalers_step_is_a_change() -> None:
    event = {
        "metadata": {"namespace": "default"}, "type": "Normal", "reason": "SuccessfulRescale",
        "involvedObject": {"kind": "HorizontalPodAutoscaler", "name": "checkout-hpa", "namespace": "default"},
        "message": "New size: 6; reason: cpu resource utilization above target", "lastTimestamp": "2026-11-20T23:05:00Z",
    }  # fmt: skip
    hpa = {
        "metadata": {"name": "checkout-hpa", "namespace": "default"},
        "spec": {"scaleTargetRef": {"name": "checkout"}, "maxReplicas": 9},
    }

    (change,) = [
        one
        for one in gather(Cluster({"events": [event], "horizontalpodautoscalers": [hpa]}))
        if isinstance(one, Change)
    ]

    assert (change.kind, change.title, change.entity) == (
        ChangeKind.SCALING,
        "checkout scaled to 6",
        Entity(EntityKind.SERVICE, "checkout"),
    )


def test_both_events_apis_say_the_same() -> None:
    core = {
        "metadata": {"namespace": "n"}, "involvedObject": {"kind": "Pod", "name": "p"}, "reason": "BackOff", "message": "again",
        "count": 4, "firstTimestamp": "2026-11-20T23:00:00Z", "lastTimestamp": "2026-11-20T23:05:00Z", "source": {"component": "kubelet"},
    }  # fmt: skip
    newer = {
        "metadata": {"namespace": "n"}, "regarding": {"kind": "Pod", "name": "p"}, "reason": "BackOff", "note": "again",
        "eventTime": "2026-11-20T23:00:00.000000Z", "series": {"count": 4, "lastObservedTime": "2026-11-20T23:05:00.000000Z"},
        "reportingController": "kubelet",
    }  # fmt: skip

    assert read(core) == read(newer)
    timeless = read({**core, "firstTimestamp": None, "lastTimestamp": None})
    assert timeless is not None
    assert timeless.last is None


def test_a_sick_or_cordoned_node_is_told() -> None:
    node = {
        "metadata": {"name": "n1"},
        "spec": {
            "unschedulable": True,
            "taints": [{"key": "node.kubernetes.io/unschedulable", "timeAdded": "2026-11-20T23:01:00Z"}],
        },
        "status": {
            "conditions": [
                {
                    "type": "Ready",
                    "status": "Unknown",
                    "lastTransitionTime": "2026-11-20T23:02:00Z",
                    "message": "Kubelet stopped posting",
                },
                {
                    "type": "DiskPressure",
                    "status": "True",
                    "lastTransitionTime": "2026-11-20T23:03:00Z",
                    "message": "disk is full",
                },
                {"type": "MemoryPressure", "status": "False"},
            ]
        },
    }

    states = [one for one in gather(Cluster({"nodes": [node], "pods": [pod()]})) if isinstance(one, State)]

    assert [(one.condition, one.at, one.detail) for one in states] == [
        ("NotReady", 1_795_215_720.0, "state unknown: Kubelet stopped posting"),
        ("KubeletDown", 1_795_215_720.0, "node n1: Kubelet stopped posting"),
        ("DiskPressure", 1_795_215_780.0, "disk is full"),
        ("SchedulingDisabled", 1_795_215_660.0, "cordoned: no new pods are placed here"),
    ]
    assert {one.entity for one in states} == {Entity(EntityKind.NODE, "n1")}
    assert {one.attributes["hosts_pods_in_scope"] for one in states} == {"yes"}


def workload(name: str, environment: Mapping[str, str]) -> Object:
    env = [{"name": key, "value": value} for key, value in environment.items()]
    made = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "c", "env": env}]}}
    return {"metadata": {"name": name, "namespace": "default"}, "spec": {"replicas": 0, "template": made}}


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("PAYMENTS_URL", "http://payments:8080/v1", True),
        ("UPSTREAM", "payments", True),
        ("X", "payments.default.svc.cluster.local", True),
        ("X", "payments.default", True),
        ("X", "grpc://payments", True),
        ("DB", "postgres://me:pw@payments:5432/x", True),
        ("BROKERS", "kafka-0:9092,payments:9092", True),
        ("TOPIC", "payments", False),
        ("LOG", "the payments are late", False),
        ("X_URL", "https://payments.example.org/", False),
        ("X_URL", "http://my-payments:80", False),
        ("X_URL", "http://payments.other:80", False),
    ],
)
def test_a_variable_names_a_service_only_where_it_holds_its_address(variable: str, value: str, named: bool) -> None:
    services = [{"metadata": {"name": "payments", "namespace": "default"}, "spec": {"selector": {"app": "payments"}}}]
    workloads = [workload("checkout", {variable: value}), workload("payments", {variable: value})]

    edges = [
        one for one in gather(Cluster({"services": services, "deployments": workloads})) if isinstance(one, Dependency)
    ]

    payments = Entity(EntityKind.WORKLOAD, "payments", "default")
    assert edges == (
        [Dependency(Entity(EntityKind.SERVICE, "checkout"), payments, "kubernetes environment")] if named else []
    )


@pytest.mark.parametrize(
    ("line", "template_", "level"),
    [
        ("2026-11-20T10:00:00Z ERROR took 153 ms", "<time> ERROR took <n> ms", "error"),
        ("WARNING user jo@shop.org id 6f9619ff-8b86-d011-b42d-00c04fc964ff", "WARNING user <email> id <uuid>", "warn"),
        ("dial tcp 10.0.0.7:5432: connect: connection refused", "dial tcp <address>: connect: connection refused", ""),
        ('{"level":"error","msg":"pool exhausted after 30s","ts":1.5}', "pool exhausted after <n>s", "error"),
        ('{"severity":"CRITICAL","message":"bye"}', "bye", "fatal"),
        ('{"broken', '{"broken', ""),
        ("trace deadbeef01 at 0x7ffe", "trace <hex> at <hex>", "trace"),
        ("\x1b[31mERROR\x1b[0m  x", "ERROR x", "error"),
    ],
)
def test_log_lines_are_masked_into_templates(line: str, template_: str, level: str) -> None:
    assert mask(line) == (template_, level)


def test_healthy_chatter_is_no_pattern_and_lines_outside_the_window_do_not_count() -> None:
    lines = [
        "2026-11-20T21:00:00Z ERROR too early 1",
        "2026-11-20T22:20:00Z INFO served 200 in 12 ms",
        "2026-11-20T22:20:00Z ERROR lost connection 7",
        "2026-11-20T23:10:00Z ERROR lost connection 8",
        "2026-11-20T23:11:00.5Z ERROR lost connection 9",
        "no time stamp ERROR",
    ]
    one = pod(containerStatuses=[{"name": "app", "ready": True, "restartCount": 0, "state": {"running": {}}}])

    (pattern,) = [
        found for found in gather(Cluster({"pods": [one]}, logs="\n".join(lines))) if isinstance(found, LogPattern)
    ]

    assert (pattern.template, pattern.count_before, pattern.count_during) == ("ERROR lost connection <n>", 1, 2)
    # The onset is guessed five minutes before the alert; the first line read is from 22:20.
    assert (pattern.seconds_before, pattern.seconds_during) == (2760.0, 360.0)
    assert (pattern.first_seen, pattern.last_seen) == (1_795_213_200.0, 1_795_216_260.5)


@pytest.mark.parametrize(
    ("answer", "reasons"),
    [
        ((403, {}, REFUSED), ["cannot read logs in default: grant `get pods/log`"]),
        (
            (500, {}, {"message": "dial tcp: refused"}),
            ["2 of the logs could not be read: k.test:6443 answered 500: dial tcp: refused"],
        ),
        ((404, {}, {"message": "pods not found"}), []),
        ((400, {}, {"message": 'previous terminated container "app" in pod not found'}), []),
    ],
)
def test_logs_that_cannot_be_read_are_one_gap_and_those_that_are_not_there_none(
    answer: Answer, reasons: list[str]
) -> None:
    running = [
        {"name": "app", "ready": True, "restartCount": 0, "state": {"running": {"startedAt": "2026-11-20T22:00:00Z"}}}
    ]
    pods = [pod(f"checkout-7f65d78dcf-xv6c{letter}", containerStatuses=running) for letter in "bcd"]

    found = gather(Cluster({"pods": pods}, refuse={"log": answer}))

    # Two healthy pods of a service are enough.
    assert [one.reason for one in found if isinstance(one, Gap)] == reasons


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("250m", 0.25),
        ("1Gi", 2.0**30),
        ("3", 3.0),
        ("1e3", 1000.0),
        ("2k", 2000.0),
        ("", None),
        ("x", None),
        (None, None),
        ("1.2.3", None),
    ],
)
def test_quantities_are_read(text: str | None, value: float | None) -> None:
    assert quantity.parse(text) == value
