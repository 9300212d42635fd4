"""Secrets that stay in HashiCorp Vault: the chart gives references and a login, and a pod's account reads what it may."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from copilot import settings_references
from copilot.config import Config
from copilot.secret_stores.reference import NotRead, Reference
from copilot.secret_stores.settings import StoreSettings
from tests.deploy.charts import CHART, find, helm, pods, render
from tests.servers import openbao
from tests.servers.control_plane import ADMIN
from tests.unit.test_docs import settings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.control_plane import ControlPlane

EXAMPLE = CHART / "examples" / "secret-stores.yaml"
MOUNT = "/var/run/secrets/sre-copilot/vault"


def test_every_process_is_given_references_and_its_own_accounts_token_and_nothing_secret() -> None:
    objects = render(EXAMPLE)
    assert not [one for one in objects if one["kind"] in {"Secret", "ExternalSecret"}]
    known = settings() | settings(StoreSettings) | {"COPILOT_OWNER_DATABASE_URL": ""}
    for name, spec in pods(objects).items():
        (volume,) = [one["projected"] for one in spec["volumes"] if one["name"] == "vault"]
        assert volume["sources"] == [
            {"serviceAccountToken": {"path": "token", "expirationSeconds": 600, "audience": "vault"}},
            {"configMap": {"name": "vault-authority", "items": [{"key": "ca.crt", "path": "authority.pem"}]}},
        ], name
        assert spec["serviceAccountName"] in {"sre-copilot", "sre-copilot-reader"}
        for container in spec["containers"] + spec.get("initContainers", []):
            given = {one["name"]: one.get("value") for one in container["env"]}
            assert set(given) <= set(known)
            assert given["COPILOT_VAULT_JWT_FILE"] == f"{MOUNT}/token"
            assert given["VAULT_CACERT"] == f"{MOUNT}/authority.pem"
            assert {"name": "vault", "mountPath": MOUNT, "readOnly": True} in container["volumeMounts"]
            wanted = [one for one in given if one.endswith(("DATABASE_URL", "REDIS_URL", "SECRET_KEYS"))]
            assert all(Reference.of(str(given[one])) for one in wanted), name
            # What is not referred to is not there, and need not be.
            others = [one["valueFrom"]["secretKeyRef"] for one in container["env"] if "valueFrom" in one]
            assert all(one["optional"] for one in others)


def test_the_migrations_wait_for_the_account_that_reads_the_secrets() -> None:
    """A hook would run before the release has made the account."""
    objects = render(EXAMPLE, sets=("secrets.existing=others",))
    job = find(objects, "Job", "-migrate-1")
    assert "annotations" not in job["metadata"]
    assert job["spec"]["template"]["spec"]["serviceAccountName"] == "sre-copilot"


def test_the_network_lets_out_to_vault() -> None:
    ports = [one["port"] for one in find(render(EXAMPLE), "NetworkPolicy", "sre-copilot")["spec"]["egress"][1]["ports"]]
    assert ports == [5432, 6432, 6379, 6380, 10000, 8200]
    other = render(EXAMPLE, sets=("secrets.vault.address=https://vault.example.org",))
    assert find(other, "NetworkPolicy", "sre-copilot")["spec"]["egress"][1]["ports"][-1]["port"] == 443


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("migrations.prepare=true", "secrets.references lacks admin-database-url: name where it lies, or set secrets.existing"),
        ("secrets.references.redis-url=redis://cache", "secrets.references.redis-url: Does not match pattern"),
        ("secrets.references.rediss-url=vault:x#y", "rediss-url"),
    ],
)  # fmt: skip
def test_a_key_that_lies_nowhere_is_said(change: str, said: str) -> None:
    done = helm("template", "x", CHART, "-f", EXAMPLE, "--set", change)
    assert done.returncode == 1
    assert said in done.stderr


@pytest.mark.envtest
@pytest.mark.xdist_group("envtest")
def test_a_pods_account_logs_in_to_vault_and_another_does_not(
    control_plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Vault asks the real API server whose token it is."""
    url = "postgresql://copilot_app:pw@db/copilot"
    for account in ("sre-copilot-vault", "somebody"):
        control_plane.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": "default"}}
        )
    with openbao.serving(tmp_path) as vault:
        vault.put("copilot", {"database_url": url})
        root = vault.root()
        root.sys.enable_auth_method("kubernetes", path="cluster")
        root.adapter.post("/v1/auth/cluster/config", json={
            "kubernetes_host": control_plane.url, "kubernetes_ca_cert": control_plane.ca_certificate,
            "token_reviewer_jwt": ADMIN, "disable_local_ca_jwt": True,
        })  # fmt: skip
        root.auth.kubernetes.create_role(
            "copilot", ["sre-copilot-vault"], ["default"], policies=[vault.reader("copilot")], mount_point="cluster"
        )
        for name, text in {
            "VAULT_ADDR": vault.url, "COPILOT_VAULT_LOGIN": "kubernetes", "COPILOT_VAULT_LOGIN_PATH": "cluster",
            "COPILOT_VAULT_ROLE": "copilot", "COPILOT_VAULT_JWT_FILE": str(tmp_path / "token"),
            "DATABASE_URL": "vault:secret/data/copilot#database_url",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, text)
        monkeypatch.setattr(settings_references, "_readings", {})

        (tmp_path / "token").write_text(control_plane.token("default", "sre-copilot-vault", has_rights=False))
        assert Config().database_url.get_secret_value() == url

        (tmp_path / "token").write_text(control_plane.token("default", "somebody", has_rights=False))
        with pytest.raises(NotRead) as refused:
            Config()
    assert str(refused.value).startswith(
        f"DATABASE_URL is vault:secret/data/copilot#database_url: Vault at {vault.url} refused the login at auth/cluster ("
    )
    assert str(refused.value).endswith(
        "): does COPILOT_VAULT_ROLE name a role that is bound to this ServiceAccount and namespace?"
    )
