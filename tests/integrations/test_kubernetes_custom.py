"""A real API server with the kinds of Argo CD, Flux and cert-manager: they are read as k8s/rbac.yaml allows, and values never."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from integrations.base import Scope, ServiceScope
from integrations.kubernetes import Kubernetes
from integrations.kubernetes.api import Api
from scoring.observations import Change, Gap, Observation, State, Window
from tests.integrations.kubernetes_world import RBAC
from tests.integrations.test_kubernetes_server import entered, open_door
from tests.servers.control_plane import Refused, stamp
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import urllib3

    from tests.servers.control_plane import ControlPlane

pytestmark = [pytest.mark.envtest, pytest.mark.xdist_group("envtest")]

Object = dict[str, Any]
PLACE, READER = "bakery", "bakery-reader"
SCOPE = Scope(service=ServiceScope("oven", PLACE, "oven"))
VALUE = "hush-of-the-bakery"
CUSTOM = (
    ("argoproj.io", "v1alpha1", "applications", "Application"),
    ("helm.toolkit.fluxcd.io", "v2", "helmreleases", "HelmRelease"),
    ("kustomize.toolkit.fluxcd.io", "v1", "kustomizations", "Kustomization"),
    ("source.toolkit.fluxcd.io", "v1", "gitrepositories", "GitRepository"),
    ("cert-manager.io", "v1", "certificates", "Certificate"),
)
NEW = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"


def definition(group: str, version: str, plural: str, kind: str) -> Object:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind},
            "versions": [{"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }


@pytest.fixture(scope="module")
def plane(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """The control plane with these kinds; they are taken away again, as other tests look at a cluster without."""
    definitions = "apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    for one in CUSTOM:
        control_plane.call("POST", definitions, definition(*one))
    for group, version, plural, _ in CUSTOM:

        def served(path: str = f"apis/{group}/{version}/{plural}") -> bool:
            try:
                return "items" in control_plane.call("GET", path)
            except Refused:
                return False

        until(served, what=f"{plural}.{group}")
    # The reader of the manifests, in its own namespace as another module may use them as they stand.
    control_plane.apply_file(RBAC)
    control_plane.apply_file(RBAC.with_name("rbac-versions.yaml"))
    control_plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PLACE}})
    build(control_plane)
    token = control_plane.token("sre-copilot", "sre-copilot-reader")
    until(lambda: control_plane.may(token, "list", "secrets"), what="the right to list secrets")
    yield control_plane
    for group, _, plural, _ in CUSTOM:
        control_plane.call("DELETE", f"{definitions}/{plural}.{group}")
    control_plane.call("DELETE", "apis/rbac.authorization.k8s.io/v1/clusterrolebindings/sre-copilot-reader-versions")
    # They go at their controller's pace: who comes next is to find neither the kinds nor the right.
    ours = {group for group, *_ in CUSTOM}
    until(
        lambda: not ours & {one["name"] for one in control_plane.call("GET", "apis")["groups"]}, what="the kinds to go"
    )
    until(lambda: not control_plane.may(token, "list", "secrets"), what="the right to list secrets to go")


def build(plane: ControlPlane) -> None:
    now = time.time()
    template = {
        "metadata": {"labels": {"app": "oven"}},
        "spec": {
            "containers": [
                {"name": "oven", "image": "oven:1.0", "envFrom": [{"configMapRef": {"name": "oven-env"}}, {"secretRef": {"name": "oven-db"}}]}
            ],
            "volumes": [{"name": "tls", "secret": {"secretName": "oven-tls"}}],
        },
    }  # fmt: skip
    plane.apply({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "oven", "namespace": PLACE, "labels": {"helm.sh/chart": "oven-3.1.0"},
                     "annotations": {"meta.helm.sh/release-name": "oven", "meta.helm.sh/release-namespace": PLACE}},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "oven"}}, "template": template},
    })  # fmt: skip
    root = f"api/v1/namespaces/{PLACE}"
    secret = base64.b64encode(VALUE.encode()).decode()
    labels = {"owner": "helm", "name": "oven", "status": "deployed", "version": "4"}
    copied = {"kubectl.kubernetes.io/last-applied-configuration": f'{{"data":{{"PASSWORD":"{secret}"}}}}'}
    for path, body in (
        ("configmaps", {"metadata": {"name": "oven-env", "annotations": copied}, "data": {"DEGREES": VALUE}}),
        ("configmaps", {"metadata": {"name": "leader"}, "data": {"holder": "one"}}),
        ("secrets", {"metadata": {"name": "oven-db"}, "data": {"PASSWORD": secret}}),
        ("secrets", {"metadata": {"name": "sh.helm.release.v1.oven.v4", "labels": labels}, "type": "helm.sh/release.v1", "data": {"release": secret}}),
    ):  # fmt: skip
        plane.call("POST", f"{root}/{path}", body)
    resources = [{"kind": "Deployment", "group": "apps", "namespace": PLACE, "name": "oven"}]
    source = {"repoURL": "https://github.com/bakery/deploy", "path": "oven"}
    made: dict[str, Object] = {
        "Application": {
            "spec": {"destination": {"namespace": PLACE}, "source": source},
            # Twenty minutes before the rollout: another change than that.
            "status": {"history": [{"id": 0, "revision": NEW, "deployedAt": stamp(now - 1200)}], "resources": resources,
                       "sync": {"status": "OutOfSync"}, "health": {"status": "Healthy"}},
        },
        "HelmRelease": {
            "spec": {"releaseName": "loaves", "targetNamespace": "elsewhere"},
            "status": {"history": [{"chartName": "loaves", "chartVersion": "1.0.0", "lastDeployed": stamp(now - 60), "status": "deployed"}]},
        },
        "Kustomization": {
            "spec": {"path": "./oven", "sourceRef": {"kind": "GitRepository", "name": "oven"}},
            "status": {
                "lastAttemptedRevision": f"main@sha1:{NEW}", "lastAppliedRevision": f"main@sha1:{'0' * 40}",
                "inventory": {"entries": [{"id": f"{PLACE}_oven_apps_Deployment", "v": "v1"}]},
                "conditions": [{"type": "Ready", "status": "False", "reason": "HealthCheckFailed", "message": "timed out", "lastTransitionTime": stamp(now - 900)}],
            },
        },
        "GitRepository": {"spec": {"url": "https://github.com/bakery/deploy"}},
        "Certificate": {
            "spec": {"secretName": "oven-tls", "dnsNames": ["oven.test"]},
            "status": {"notBefore": stamp(now - 90 * 86400), "notAfter": stamp(now - 300), "revision": 1},
        },
    }  # fmt: skip
    for group, version, plural, kind in CUSTOM:
        body = {
            "apiVersion": f"{group}/{version}",
            "kind": kind,
            "metadata": {"name": "oven", "namespace": PLACE},
            **made[kind],
        }
        plane.call("POST", f"apis/{group}/{version}/namespaces/{PLACE}/{plural}", body)
    path = f"apis/apps/v1/namespaces/{PLACE}/replicasets"
    until(lambda: plane.call("GET", path)["items"], what="the first rollout of oven")


def gather(plane: ControlPlane, **more: object) -> list[Observation]:
    now = time.time()
    window = Window(start=now - 3600, end=now + 60, alert_at=now)
    credentials = entered(plane, plane.token("sre-copilot", "sre-copilot-reader"), **more)
    return list(Kubernetes().gather(open_door(), credentials, SCOPE, window))


def titles(found: list[Observation]) -> list[str]:
    return sorted(one.title for one in found if isinstance(one, Change))


def test_deployers_and_certificates_are_read_with_the_account_of_the_manifest(plane: ControlPlane) -> None:
    found = gather(plane)

    assert titles(found) == [
        "Argo CD synced oven to 6113728",
        "Flux could not apply oven",
        "oven 1.0 rolled out",
    ]
    assert [one.condition for one in found if isinstance(one, State)] == ["CertificateExpired"]
    assert {one.entity.name for one in found if isinstance(one, Change | State)} == {"oven"}
    assert [one for one in found if isinstance(one, Gap)] == []
    (sync,) = [one for one in found if isinstance(one, Change) and one.title.startswith("Argo")]
    assert (sync.key, sync.link) == (NEW, f"https://github.com/bakery/deploy/commit/{NEW}")


def test_versions_of_config_are_read_and_no_value_leaves_the_server(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[bytes] = []
    read = Api._read

    def kept(api: Api, answer: urllib3.HTTPResponse) -> bytes:
        answers.append(read(api, answer))
        return answers[-1]

    monkeypatch.setattr(Api, "_read", kept)
    found = gather(plane, versions=True)

    # The Helm release came with the rollout and is told by it.
    assert titles(found) == [
        "Argo CD synced oven to 6113728",
        "Flux could not apply oven",
        "config map oven-env made",
        "oven 1.0 rolled out",
        "secret oven-db made",
    ]
    (rolled,) = [one for one in found if isinstance(one, Change) and one.title == "oven 1.0 rolled out"]
    assert "Helm made revision 4 of oven (chart oven-3.1.0)" in rolled.detail
    assert [one for one in found if isinstance(one, Gap)] == []
    data = b"".join(answers)
    assert b"PartialObjectMetadataList" in data
    assert b'"data":' not in data
    # What `kubectl apply` leaves in an annotation comes along, and is dropped at once.
    assert VALUE not in repr(found)
    assert base64.b64encode(VALUE.encode()).decode() not in repr(found)


def test_check_asks_for_what_the_cluster_has(plane: ControlPlane) -> None:
    credentials = entered(plane, plane.token("sre-copilot", "sre-copilot-reader"), versions=True)
    health = Kubernetes().check(open_door(), credentials)
    assert health.works, health.detail


def test_an_account_without_the_further_rights_is_told_what_to_grant(plane: ControlPlane) -> None:
    (role,) = [one for one in yaml.safe_load_all(RBAC.read_text()) if one["kind"] == "ClusterRole"]
    groups = {one[0] for one in CUSTOM}
    rules = [rule for rule in role["rules"] if not groups & set(rule["apiGroups"])]
    account = {"kind": "ServiceAccount", "name": READER, "namespace": PLACE}
    plane.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": READER, "namespace": PLACE}},
        {"apiVersion": role["apiVersion"], "kind": "ClusterRole", "metadata": {"name": READER}, "rules": rules},
        {
            "apiVersion": role["apiVersion"], "kind": "ClusterRoleBinding", "metadata": {"name": READER}, "subjects": [account],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": READER},
        },
    )  # fmt: skip
    token = plane.token(PLACE, READER)
    now = time.time()
    window = Window(start=now - 3600, end=now + 60, alert_at=now)
    found = list(Kubernetes().gather(open_door(), entered(plane, token, versions=True), SCOPE, window))

    assert {one.question: one.reason for one in found if isinstance(one, Gap)} == {
        **{f"{plural}.{group}": f"cannot list them: grant `list {plural}.{group}`" for group, _, plural, _ in CUSTOM},
        **{
            f"versions of {plural} in {PLACE}": f"cannot list them: grant `list {plural}`, as k8s/rbac-versions.yaml does"
            for plural in ("configmaps", "secrets")
        },
    }
    assert titles(found) == ["oven 1.0 rolled out"]
    health = Kubernetes().check(open_door(), entered(plane, token))
    assert not health.works
    assert "grant `list applications.argoproj.io`, `list helmreleases.helm.toolkit.fluxcd.io`" in health.detail


def test_the_manifest_of_versions_grants_nothing_but_to_list() -> None:
    (role,) = [
        one
        for one in yaml.safe_load_all(RBAC.with_name("rbac-versions.yaml").read_text())
        if one["kind"] == "ClusterRole"
    ]
    assert role["rules"] == [{"apiGroups": [""], "resources": ["configmaps", "secrets"], "verbs": ["list"]}]
