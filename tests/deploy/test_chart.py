"""The Helm chart renders for each example, as Kubernetes' schemas want it, and grants what the integration uses, no more."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kubernetes_validate
import pytest
import yaml

from copilot.agent import sources
from copilot.config import AgentConfig, Config
from integrations.kubernetes import PERMISSIONS
from tests.deploy.charts import CHART, EXAMPLES, ROOT, find, helm, pods, render

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = [example.stem for example in EXAMPLES]
# Kinds of operators, whose schemas are not Kubernetes': they are looked at by eye, and by the tests below.
OF_OPERATORS = {"ExternalSecret", "SecretStore", "HTTPRoute", "ServiceMonitor", "PrometheusRule"}
KEYS = {
    "database-url", "staff-database-url", "owner-database-url", "admin-database-url", "redis-url", "secret-keys",
    "anthropic-api-key", "slack-signing-secret", "slack-client-secret",
}  # fmt: skip


def example(name: str) -> Path:
    return CHART / "examples" / f"{name}.yaml"


def test_there_is_an_example_for_each_way_to_install() -> None:
    assert NAMES == ["agent-only", "agent", "everything", "external-secrets", "production", "secret-stores", "trial"]


@pytest.mark.parametrize("name", NAMES)
def test_the_chart_is_free_of_lint(name: str) -> None:
    done = helm("lint", CHART, "--strict", "-f", example(name))
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module", autouse=True)
def schemas_once() -> Iterator[None]:
    """Read each version's schemas once: the library does so twice for every object, which is most of what it takes."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("kubernetes_validate.utils.schema_contents", cache(kubernetes_validate.utils.schema_contents))
        yield


@pytest.mark.parametrize("version", ["1.25", "1.34"])
@pytest.mark.parametrize("name", NAMES)
def test_every_object_is_what_kubernetes_takes(name: str, version: str) -> None:
    validated = 0
    for one in render(example(name)):
        if one["kind"] in OF_OPERATORS:
            continue
        kubernetes_validate.validate(one, version, strict=True)
        validated += 1
    assert validated >= 4


def test_a_wrong_object_would_be_seen() -> None:
    deployment = find(render(example("trial")), "Deployment", "-api")
    deployment["spec"]["replicaz"] = 2
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, "1.34", strict=True)


@pytest.mark.parametrize("name", NAMES)
def test_names_and_namespaces_are_those_of_the_release(name: str) -> None:
    for one in render(example(name), release="other", namespace="elsewhere"):
        assert one["metadata"].get("namespace", "elsewhere") in {"elsewhere", "shop", "payments"}
        assert "other-sre-copilot" in one["metadata"]["name"] or one["kind"] == "SecretStore"
        assert len(one["metadata"]["name"]) <= 63


@pytest.mark.parametrize("name", ["agent", "trial", "production", "external-secrets", "secret-stores", "everything"])
def test_every_pod_runs_without_rights(name: str) -> None:
    for pod, spec in pods(render(example(name))).items():
        assert spec["securityContext"]["runAsNonRoot"], pod
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, pod
        assert spec["automountServiceAccountToken"] == spec.get("serviceAccountName", "").endswith("-reader"), pod
        for container in spec["containers"] + spec.get("initContainers", []):
            security = container["securityContext"]
            assert (security["readOnlyRootFilesystem"], security["allowPrivilegeEscalation"]) == (True, False), pod
            assert security["capabilities"] == {"drop": ["ALL"]}, pod
            assert {"requests", "limits"} <= set(container["resources"]), pod
            assert "latest" not in container["image"], pod


def test_only_who_looks_at_the_cluster_has_its_token() -> None:
    accounts = {name: spec.get("serviceAccountName") for name, spec in pods(render(example("trial"))).items()}
    assert accounts == {
        "sre-copilot-api": "sre-copilot",
        "sre-copilot-beat": "sre-copilot",
        "sre-copilot-ops": "sre-copilot-reader",
        "sre-copilot-worker": "sre-copilot-reader",
        "sre-copilot-migrate-1": None,
        "sre-copilot-starter-1": None,
        "sre-copilot-postgresql": None,
        "sre-copilot-valkey": None,
    }


def test_each_process_has_its_own_database_role() -> None:
    keys = {}
    for name, spec in pods(render(example("production"))).items():
        (url,) = [
            one for one in spec["containers"][0]["env"] if one["name"] in {"DATABASE_URL", "COPILOT_OWNER_DATABASE_URL"}
        ]
        keys[name.removeprefix("sre-copilot-")] = url["valueFrom"]["secretKeyRef"]["key"]
    assert keys == {
        "api": "database-url",
        "worker": "database-url",
        "beat": "database-url",
        "starter-1": "database-url",
        "ops": "staff-database-url",
        "migrate": "owner-database-url",
    }


@pytest.mark.parametrize("name", ["trial", "production", "external-secrets", "everything"])
def test_every_variable_is_a_setting(name: str) -> None:
    known = {f"COPILOT_{field.upper()}" for field in Config.model_fields} | {
        "DATABASE_URL", "REDIS_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "COPILOT_ADMIN_DATABASE_URL",
        "COPILOT_OWNER_DATABASE_URL", "COPILOT_STAFF_DATABASE_URL",
    }  # fmt: skip
    for pod, spec in pods(render(example(name))).items():
        if pod.endswith(("-postgresql", "-valkey")):
            continue
        for container in spec["containers"] + spec.get("initContainers", []):
            for one in container["env"]:
                assert one["name"] in known, f"{pod}: {one['name']}"
                assert one.get("valueFrom", {}).get("secretKeyRef", {}).get("key", "secret-keys") in KEYS


def test_the_agent_runs_alone_as_the_reader_and_nothing_comes_in() -> None:
    objects = render(example("agent"))
    (spec,) = pods(objects).values()
    assert spec["serviceAccountName"] == "sre-copilot-reader"
    (container,) = spec["containers"]
    assert container["args"] == ["copilot", "agent"]
    assert container["resources"]["limits"]["memory"] == "128Mi"
    known = {f"COPILOT_AGENT_{field.upper()}" for field in AgentConfig.model_fields} | {"MALLOC_ARENA_MAX"}
    assert {one["name"] for one in container["env"]} <= known
    # The token is read from a file, so that a new one needs no restart; it is in no variable.
    assert not [one for one in container["env"] if "valueFrom" in one]
    policy = find(objects, "NetworkPolicy", "-agent")["spec"]
    assert (policy["policyTypes"], policy["ingress"]) == (["Ingress", "Egress"], [])
    assert not [one for one in objects if one["kind"] in {"Service", "Ingress", "Secret"}]


def test_the_sources_that_the_chart_writes_are_those_that_the_agent_reads(tmp_path: Path) -> None:
    text = find(render(example("agent")), "ConfigMap", "-agent")["data"]["agent.yaml"]
    (tmp_path / "agent.yaml").write_text(text)
    assert set(sources.load(tmp_path / "agent.yaml")) == {("prometheus", "default"), ("kubernetes", "default")}


@pytest.mark.parametrize("absent", ["agent.url", "agent.tokenSecret"])
def test_an_agent_without_what_it_needs_is_not_installed(absent: str) -> None:
    done = helm("template", "sre-copilot", CHART, "-f", example("agent"), "--set", f"{absent}=")
    assert done.returncode != 0
    assert f"{absent}: " in done.stderr


def test_a_secret_value_is_in_no_object_but_secrets() -> None:
    for one in render(example("everything")):
        if one["kind"] != "Secret":
            assert "sk-ant-example" not in yaml.safe_dump(one)


def test_no_password_is_drawn_twice_within_one_release() -> None:
    secret = find(render(example("trial")), "Secret", "sre-copilot")["stringData"]
    passwords = {key: value for key, value in secret.items() if key.endswith("-password")}
    assert len(set(passwords.values())) == 5
    assert f":{passwords['staff-password']}@" in secret["staff-database-url"]
    assert len(secret["secret-keys"]) >= 32
    assert set(secret) - set(passwords) == KEYS


# --- migrations ---------------------------------------------------------------------------------------------------------


def test_migrations_run_first_where_all_that_they_need_is_there() -> None:
    job = find(render(example("production")), "Job", "-migrate")
    assert job["metadata"]["annotations"] == {
        "helm.sh/hook": "pre-install,pre-upgrade",
        "helm.sh/hook-weight": "0",
        "helm.sh/hook-delete-policy": "before-hook-creation",
    }
    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["copilot", "database", "migrate"]
    assert "initContainers" not in job["spec"]["template"]["spec"]


@pytest.mark.parametrize("name", ["trial", "external-secrets"])
def test_else_they_are_a_job_that_the_pods_wait_for(name: str) -> None:
    """A hook would wait for ever: before an installation there is no bundled server and no secret; after it, no pod is ready."""
    objects = render(example(name))
    job = find(objects, "Job", "-migrate-1")
    assert "annotations" not in job["metadata"]
    assert job["metadata"]["name"] == "sre-copilot-migrate-1"
    assert job["spec"]["template"]["spec"]["initContainers"][0]["args"] == ["copilot", "database", "prepare"]
    waiting = [
        spec["initContainers"][0]["args"]
        for pod, spec in pods(objects).items()
        if pod.endswith(("-api", "-worker", "-ops", "-beat"))
    ]
    assert waiting == [["copilot", "database", "wait", "--seconds", "600"]] * 4


def test_the_starter_runbooks_are_loaded_by_a_job_of_each_revision_once_the_tables_are_there() -> None:
    job = find(render(example("production")), "Job", "-starter-1")
    assert "annotations" not in job["metadata"]
    spec = job["spec"]["template"]["spec"]
    assert spec["initContainers"][0]["args"][:3] == ["copilot", "database", "wait"]
    assert spec["containers"][0]["args"] == ["copilot", "runbook", "starter"]
    without = render(example("trial"), sets=("runbooks.starter=false",))
    assert not [one for one in without if "starter" in one["metadata"]["name"]]


def test_a_socket_runs_where_it_is_wanted_and_nothing_comes_in() -> None:
    objects = render(example("everything"))
    spec = find(objects, "Deployment", "-socket")["spec"]
    assert spec["replicas"] == 2
    (container,) = spec["template"]["spec"]["containers"]
    assert container["args"] == ["python", "-m", "slackbot.socket"]
    assert [one["name"] for one in container["ports"]] == ["metrics"]
    assert container["livenessProbe"]["httpGet"] == {"path": "/metrics", "port": "metrics"}
    assert find(objects, "NetworkPolicy", "-socket")["spec"]["ingress"] is None
    assert "sre-copilot-socket" not in pods(render(example("production")))


def test_no_addresses_is_said_and_not_rendered() -> None:
    done = helm("template", "x", CHART, "--set", "postgresql.bundled=false")
    assert done.returncode == 1
    assert "Give the addresses of your servers: set secrets.existing" in done.stderr


# --- staying up ---------------------------------------------------------------------------------------------------------


def test_probes_mean_what_they_say() -> None:
    specs = pods(render(example("production")))
    api = specs["sre-copilot-api"]["containers"][0]
    assert api["readinessProbe"]["httpGet"] == {"path": "/health/ready", "port": "http"}
    assert api["livenessProbe"]["httpGet"] == {"path": "/health/live", "port": "http"}, (
        "the database must not restart the api"
    )
    ops = specs["sre-copilot-ops"]["containers"][0]
    assert ops["readinessProbe"]["httpGet"]["httpHeaders"] == [{"name": "Host", "value": "copilot-ops.example.org"}]


def test_a_worker_is_given_longer_than_a_task_may_take() -> None:
    from copilot.celery import app

    grace = pods(render(example("trial")))["sre-copilot-worker"]["terminationGracePeriodSeconds"]
    assert grace == 300
    assert grace > app.conf.task_soft_time_limit > app.conf.worker_soft_shutdown_timeout


def test_the_api_finishes_its_requests_after_the_endpoints_forgot_it() -> None:
    spec = pods(render(example("trial")))["sre-copilot-api"]
    assert spec["containers"][0]["lifecycle"] == {"preStop": {"exec": {"command": ["sleep", "5"]}}}
    given = spec["containers"][0]["args"]
    assert spec["terminationGracePeriodSeconds"] > 5 + int(given[given.index("--timeout-graceful-shutdown") + 1])


def test_scaling_follows_the_queues_age_and_cpu() -> None:
    metrics = find(render(example("everything")), "HorizontalPodAutoscaler", "-worker")["spec"]["metrics"]
    assert [one["type"] for one in metrics] == ["Resource", "External"]
    assert metrics[1]["external"]["metric"]["name"] == "copilot_queue_age_seconds"


def test_one_pod_has_no_budget_that_would_hold_up_every_drain() -> None:
    objects = render(example("trial"), sets=("podDisruptionBudget.enabled=true", "worker.replicas=2"))
    assert [one["metadata"]["name"] for one in objects if one["kind"] == "PodDisruptionBudget"] == [
        "sre-copilot-worker"
    ]


# --- walls --------------------------------------------------------------------------------------------------------------


def test_the_role_is_that_of_the_manifest_and_covers_what_is_asked() -> None:
    rules = find(render(example("trial")), "ClusterRole")["rules"]
    (manifest,) = [
        one for one in yaml.safe_load_all((ROOT / "k8s" / "rbac.yaml").read_text()) if one["kind"] == "ClusterRole"
    ]
    assert rules == manifest["rules"]
    granted = {
        (verb, resource, group)
        for rule in rules for group in rule["apiGroups"] for resource in rule["resources"] for verb in rule["verbs"]
    }  # fmt: skip
    assert granted == {*PERMISSIONS, ("list", "events", "events.k8s.io")}, "events are read by either of their APIs"


def test_namespaces_bind_the_role_there_alone() -> None:
    objects = render(example("everything"))
    assert not [one for one in objects if one["kind"] == "ClusterRoleBinding"]
    bound = [one["metadata"]["namespace"] for one in objects if one["kind"] == "RoleBinding"]
    assert bound == ["shop", "payments"]


def test_the_agent_alone_runs_nothing() -> None:
    assert sorted(one["kind"] for one in render(example("agent-only"))) == [
        "ClusterRole",
        "ClusterRoleBinding",
        "Secret",
        "ServiceAccount",
    ]


def test_what_is_exposed_asks_for_a_signature_or_a_token() -> None:
    objects = render(example("production"))
    paths = [one["path"] for one in find(objects, "Ingress", "-api")["spec"]["rules"][0]["http"]["paths"]]
    assert paths == ["/hooks", "/slack", "/api/v1", "/agent", "/mcp"]
    matches = find(render(example("everything")), "HTTPRoute")["spec"]["rules"][0]["matches"]
    assert [one["path"]["value"] for one in matches] == paths


def test_only_the_release_reaches_its_servers() -> None:
    policy = find(render(example("trial")), "NetworkPolicy", "-postgresql")["spec"]
    assert policy["ingress"] == [
        {
            "from": [
                {
                    "podSelector": {
                        "matchLabels": {
                            "app.kubernetes.io/instance": "sre-copilot",
                            "app.kubernetes.io/name": "sre-copilot",
                        }
                    }
                }
            ],
            "ports": [{"port": 5432, "protocol": "TCP"}],
        }
    ]
    egress = find(render(example("trial")), "NetworkPolicy", "-worker")["spec"]["egress"]
    assert egress == [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}}]}]


# --- values -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("worker.replica=3", "worker: Additional property replica is not allowed"),
        ("image.digest=newest", "image.digest: Does not match pattern"),
        ("settings.COPILOT_secret=x", 'Property name of "COPILOT_secret" does not match'),
        ("publicUrl=copilot.example.org", "publicUrl: Does not match pattern"),
        (
            "worker.terminationGracePeriodSeconds=10",
            "worker.terminationGracePeriodSeconds: Must be greater than or equal to 280",
        ),
    ],
)
def test_a_wrong_value_is_refused_and_named(given: str, said: str) -> None:
    done = helm("template", "x", CHART, "--set", given)
    assert done.returncode == 1
    assert said in done.stderr


def test_every_value_is_used() -> None:
    templates = "\n".join(file.read_text() for file in (CHART / "templates").iterdir())

    def leaves(values: dict[str, Any]) -> list[str]:
        return [
            key
            for name, value in values.items()
            for key in (leaves(value) if isinstance(value, dict) and value else [name])
        ]

    values = yaml.safe_load((CHART / "values.yaml").read_text())
    given = {name for name in leaves(values) if name not in {"cpu", "memory", "grafana_dashboard"}}
    unused = sorted(
        name for name in given if not re.search(r"%sFrom" if name.endswith("From") else rf"\.{name}\b", templates)
    )
    assert unused == []
