"""Helm installs the chart on a real API server, and the account that it makes may do what the integration needs, no more."""

from __future__ import annotations

import base64
import threading
import time
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from copilot.guard.http import HttpDoor
from integrations.kubernetes import PERMISSIONS, Kubernetes, KubernetesCredentials
from tests.deploy.charts import CHART, helm
from tests.servers.control_plane import ADMIN, Refused
from tests.waiting import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.control_plane import ControlPlane

pytestmark = [pytest.mark.envtest, pytest.mark.xdist_group("envtest"), pytest.mark.slow]

NAMESPACE = "copilot"
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
# The server is of 1.20: it knows neither policy/v1 nor autoscaling/v2, whose objects the schemas judge instead.
OLD = (
    "--set",
    "podDisruptionBudget.enabled=false",
    "--set",
    "api.autoscaling.enabled=false",
    "--set",
    "worker.autoscaling.enabled=false",
)


@pytest.fixture(scope="module")
def kubeconfig(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("helm") / "kubeconfig"
    authority = base64.b64encode(control_plane.ca_certificate.encode()).decode()
    path.write_text(yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": control_plane.url, "certificate-authority-data": authority}}],
        "users": [{"name": "admin", "user": {"token": ADMIN}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
    }))  # fmt: skip
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def trial(kubeconfig: Path) -> Iterator[str]:
    """The trial example as a release; gives what Helm said at its end."""
    example = CHART / "examples" / "trial.yaml"
    done = helm(
        "install",
        "sre-copilot",
        CHART,
        "-n",
        NAMESPACE,
        "--create-namespace",
        "-f",
        example,
        *OLD,
        kubeconfig=kubeconfig,
    )
    assert done.returncode == 0, done.stderr
    yield done.stdout
    gone = helm("uninstall", "sre-copilot", "-n", NAMESPACE, kubeconfig=kubeconfig)
    assert gone.returncode == 0, gone.stderr


@pytest.fixture(scope="module")
def token(control_plane: ControlPlane, trial: str) -> str:
    return control_plane.token(NAMESPACE, "sre-copilot-reader")


def names(plane: ControlPlane, path: str) -> list[str]:
    return sorted(one["metadata"]["name"] for one in plane.call("GET", path)["items"])


def test_the_release_is_there(control_plane: ControlPlane, trial: str) -> None:
    assert names(control_plane, f"apis/apps/v1/namespaces/{NAMESPACE}/deployments") == [
        "sre-copilot-api", "sre-copilot-beat", "sre-copilot-ops", "sre-copilot-valkey", "sre-copilot-worker",
    ]  # fmt: skip
    assert names(control_plane, f"apis/apps/v1/namespaces/{NAMESPACE}/statefulsets") == ["sre-copilot-postgresql"]
    assert names(control_plane, f"apis/batch/v1/namespaces/{NAMESPACE}/jobs") == [
        "sre-copilot-migrate-1",
        "sre-copilot-starter-1",
    ]
    assert len(names(control_plane, f"apis/networking.k8s.io/v1/namespaces/{NAMESPACE}/networkpolicies")) == 7


def test_the_notes_tell_the_next_three_steps(trial: str) -> None:
    notes = trial.partition("NOTES:")[2]
    assert [line[:2] for line in notes.splitlines() if line[:2] in {"1.", "2.", "3.", "4."}] == ["1.", "2.", "3."]
    assert "exec deploy/sre-copilot-worker -- copilot tenant create acme" in notes


def test_an_upgrade_keeps_the_passwords_and_migrates_again(
    control_plane: ControlPlane, trial: str, kubeconfig: Path
) -> None:
    def secret() -> dict[str, str]:
        return dict(control_plane.call("GET", f"api/v1/namespaces/{NAMESPACE}/secrets/sre-copilot")["data"])

    before = secret()
    example = CHART / "examples" / "trial.yaml"
    done = helm(
        "upgrade",
        "sre-copilot",
        CHART,
        "-n",
        NAMESPACE,
        "-f",
        example,
        *OLD,
        "--set",
        "worker.replicas=2",
        kubeconfig=kubeconfig,
    )

    assert done.returncode == 0, done.stderr
    assert secret() == before
    assert names(control_plane, f"apis/batch/v1/namespaces/{NAMESPACE}/jobs") == [
        "sre-copilot-migrate-2",
        "sre-copilot-starter-2",
    ]


def test_the_integration_finds_all_that_it_needs(control_plane: ControlPlane, token: str) -> None:
    credentials = KubernetesCredentials.model_validate(
        {"url": control_plane.url, "token": token, "ca_certificate": control_plane.ca_certificate}
    )
    door = HttpDoor(deadline_seconds=PATIENCE, allowed_private=[ip_network("127.0.0.0/8")])

    health = Kubernetes().check(door, credentials)

    assert health.works, health.detail
    assert health.detail.endswith("everything that is needed may be read in all namespaces")


def resources(plane: ControlPlane) -> set[tuple[str, str]]:
    """Return every resource, and sub-resource, that the server knows, with its group."""
    found = {("", one["name"]) for one in plane.call("GET", "api/v1")["resources"]}
    for group in plane.call("GET", "apis")["groups"]:
        for one in plane.call("GET", f"apis/{group['preferredVersion']['groupVersion']}")["resources"]:
            found.add((group["name"], one["name"]))
    return found


def test_every_other_verb_on_every_other_resource_is_refused(control_plane: ControlPlane, token: str) -> None:
    """Ask the server itself, for each verb on each resource that it knows, and on all of them at once."""
    allowed = set()
    known = resources(control_plane)
    for group, resource in [*sorted(known), ("*", "*")]:
        name, _, part = resource.partition("/")
        for verb in (*VERBS, "*"):
            review = {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": {"verb": verb, "group": group, "resource": name, "subresource": part}},
            }
            answer = control_plane.call(
                "POST", "apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review, token=token
            )
            if answer["status"]["allowed"]:
                allowed.add((verb, resource, group))

    # What a ServiceAccount may ask about itself is Kubernetes' own grant to everybody; events are read by either of their APIs.
    everybody = {
        ("create", name, "authorization.k8s.io") for name in ("selfsubjectaccessreviews", "selfsubjectrulesreviews")
    }
    needed = {one for one in (*PERMISSIONS, ("list", "events", "events.k8s.io")) if (one[2], one[1]) in known}
    assert (len(known) > 60, len(needed) > 20) == (True, True)
    assert allowed == needed | everybody


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"api/v1/namespaces/{NAMESPACE}/secrets/sre-copilot", None),
        ("GET", f"api/v1/namespaces/{NAMESPACE}/configmaps", None),
        ("DELETE", f"apis/apps/v1/namespaces/{NAMESPACE}/deployments/sre-copilot-api", None),
        ("PATCH", f"apis/apps/v1/namespaces/{NAMESPACE}/deployments/sre-copilot-api/scale", {"spec": {"replicas": 0}}),
        ("POST", f"api/v1/namespaces/{NAMESPACE}/serviceaccounts/sre-copilot/token", {"spec": {}}),
    ],
)
def test_it_can_neither_read_the_releases_own_secret_nor_change_it(
    control_plane: ControlPlane, token: str, method: str, path: str, body: dict[str, Any] | None
) -> None:
    kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
    with pytest.raises(Refused) as refused:
        control_plane.call(method, path, body, token=token, content_type=kind)
    assert refused.value.status == 403


def test_migrations_are_done_before_anything_else_is_there_and_again_at_an_upgrade(
    control_plane: ControlPlane, kubeconfig: Path
) -> None:
    """The production example: its job is a hook. There is no kubelet here, so the test lets the job's pod succeed."""
    where, job = "production", "sre-copilot-migrate"
    seen: list[tuple[str, list[str]]] = []

    def let_the_job_succeed() -> None:
        pods = f"api/v1/namespaces/{where}/pods?labelSelector=app.kubernetes.io/component=migrate"
        known = {uid for uid, _ in seen}

        def fresh() -> dict[str, Any] | None:
            try:
                found = control_plane.call("GET", pods)["items"]
            except Refused:
                return None
            return next((one for one in found if one["metadata"]["uid"] not in known), None)

        pod = until(fresh, what="the migration's pod")
        seen.append((pod["metadata"]["uid"], names(control_plane, f"apis/apps/v1/namespaces/{where}/deployments")))
        control_plane.set_status("Pod", where, pod["metadata"]["name"], {"phase": "Succeeded"})

    values = ("-f", CHART / "examples" / "production.yaml", *OLD)
    for words in (("install", "--create-namespace"), ("upgrade",)):
        helper = threading.Thread(target=let_the_job_succeed)
        helper.start()
        done = helm(
            words[0], "sre-copilot", CHART, "-n", where, *words[1:], *values, "--timeout", "170s", kubeconfig=kubeconfig
        )
        helper.join()
        assert done.returncode == 0, done.stderr
        time.sleep(0.1)

    at_install, at_upgrade = (deployments for _, deployments in seen)
    assert at_install == [], "the tables are there before the first process"
    assert at_upgrade == [f"sre-copilot-{name}" for name in ("api", "beat", "ops", "worker")]
    assert names(control_plane, f"apis/batch/v1/namespaces/{where}/jobs") == [job, "sre-copilot-starter-2"]
    assert len(names(control_plane, f"apis/networking.k8s.io/v1/namespaces/{where}/ingresses")) == 2
    helm("uninstall", "sre-copilot", "-n", where, kubeconfig=kubeconfig)


def test_an_agent_alone_gives_a_token_that_works(control_plane: ControlPlane, kubeconfig: Path) -> None:
    example = CHART / "examples" / "agent-only.yaml"
    done = helm(
        "install", "looked-at", CHART, "-n", "agents", "--create-namespace", "-f", example, kubeconfig=kubeconfig
    )
    assert done.returncode == 0, done.stderr

    def written() -> str:
        path = "api/v1/namespaces/agents/secrets/looked-at-sre-copilot-reader-token"
        return str((control_plane.call("GET", path).get("data") or {}).get("token", ""))

    token = base64.b64decode(until(written, what="the token that the controller writes")).decode()
    until(lambda: control_plane.may(token, "list", "pods"), what="the account's rights")
    assert control_plane.call("GET", "api/v1/pods", token=token)["kind"] == "PodList"
    helm("uninstall", "looked-at", "-n", "agents", kubeconfig=kubeconfig)
