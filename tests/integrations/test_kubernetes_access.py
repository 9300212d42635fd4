"""The ways into a cluster: what is entered is checked, and nothing in it is run or opened."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from integrations.base import Unreachable
from integrations.kubernetes import KubernetesCredentials
from integrations.kubernetes.access import Access, from_kubeconfig
from integrations.kubernetes.api import Api
from tests.integrations.door import FakeDoor

PEM = "-----BEGIN CERTIFICATE-----\nhush\n-----END CERTIFICATE-----\n"
ENCODED = base64.b64encode(PEM.encode()).decode()


def kubeconfig(
    *, user: dict[str, Any] | None = None, cluster: dict[str, Any] | None = None, current: str = "main", **more: Any
) -> str:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": current,
        "contexts": [{"name": "main", "context": {"cluster": "k", "user": "sre"}}],
        "clusters": [{"name": "k", "cluster": {"server": "https://k.test:6443", **(cluster or {})}}],
        "users": [{"name": "sre", "user": user if user is not None else {"token": "hush-token"}}],
    }
    return yaml.safe_dump(document | more)


def test_it_reads_a_token_and_the_clusters_authority() -> None:
    access = from_kubeconfig(
        kubeconfig(cluster={"certificate-authority-data": ENCODED, "tls-server-name": "kubernetes"})
    )

    assert access == Access("https://k.test:6443", token="hush-token", ca_certificate=PEM, server_name="kubernetes")
    assert "hush" not in repr(access)


def test_it_reads_a_client_certificate() -> None:
    access = from_kubeconfig(kubeconfig(user={"client-certificate-data": ENCODED, "client-key-data": ENCODED}))

    assert (access.client_certificate, access.client_key, access.token) == (PEM, PEM, "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            kubeconfig(user={"exec": {"command": "aws"}}),
            "user 'sre' is refused: it runs a command (exec); enter a kubeconfig with the token",
        ),
        (kubeconfig(user={"auth-provider": {"name": "gcp"}}), "it uses an auth-provider plugin"),
        (kubeconfig(user={"tokenFile": "/etc/shadow"}), "it names a file (tokenFile)"),
        (kubeconfig(user={"client-key": "/etc/shadow"}), "it names a file (client-key)"),
        (kubeconfig(user={"token": "t", "as": "admin"}), "it impersonates somebody"),
        (
            kubeconfig(cluster={"certificate-authority": "/etc/ca.pem"}),
            "certificate-authority is refused; use certificate-authority-data",
        ),
        (kubeconfig(cluster={"proxy-url": "http://evil.test"}), "proxy-url is refused"),
        (kubeconfig(cluster={"server": "file:///etc/passwd"}), "must begin with https://"),
        (kubeconfig(cluster={"certificate-authority-data": "%%%"}), "certificate-authority-data is not base64"),
        (kubeconfig(current=""), "has no current-context"),
        (kubeconfig(current="other"), "contexts has no entry called 'other'"),
        (kubeconfig(users=[]), "users has no entry called 'sre'"),
        ("- just\n- a list", "must be a mapping with clusters, users and contexts"),
        ("token: hush-token: {", "is not YAML (line 1)"),
        ("a" * 300_000, "is over 256 KiB"),
    ],
)
def test_it_refuses_what_runs_opens_or_lacks_something_and_shows_no_secret(text: str, words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        KubernetesCredentials.model_validate({"kubeconfig": text})

    assert words in str(caught.value)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("entered", "words"),
    [
        ({}, "enter exactly one of kubeconfig, url, in_cluster: none is given"),
        ({"url": "https://k.test", "token": "t", "in_cluster": True}, "url and in_cluster are given"),
        ({"url": "https://k.test"}, "token: is needed together with url"),
        ({"url": "k.test:6443", "token": "t"}, "must begin with https://"),
        ({"url": "https://me:pw@k.test", "token": "t"}, "hold no user name"),
    ],
)
def test_it_wants_exactly_one_way_in(entered: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match="1 validation error") as caught:
        KubernetesCredentials.model_validate(entered)

    assert words in str(caught.value)


def test_namespaces_may_be_entered_as_text() -> None:
    entered = {"url": "https://k.test", "token": "t", "namespaces": "shop, payments ,"}

    assert KubernetesCredentials.model_validate(entered).namespaces == ("shop", "payments")


def test_a_kubeconfig_pasted_with_an_indent_is_still_one() -> None:
    indented = "".join(f"    {line}\n" for line in kubeconfig().splitlines())

    assert KubernetesCredentials.model_validate({"kubeconfig": indented}).access().token == "hush-token"


def test_outside_a_pod_in_cluster_says_so() -> None:
    with pytest.raises(Unreachable, match="run inside a pod with a ServiceAccount"):
        KubernetesCredentials.model_validate({"in_cluster": True}).access()


def test_a_client_certificate_lies_on_the_disk_only_while_it_is_used_and_for_us_alone() -> None:
    door = FakeDoor(lambda *_: (200, {}, {"items": []}))
    given: dict[str, Any] = {}
    pool_manager = door.pool_manager
    door.pool_manager = lambda **arguments: given.update(arguments) or pool_manager(**arguments)  # type: ignore[method-assign]
    with Api(door, Access("https://k.test", client_certificate=PEM, client_key="key", ca_certificate=PEM)):
        key, certificate = Path(given["key_file"]), Path(given["cert_file"])
        assert (key.read_text(), certificate.read_text()) == ("key", PEM)
        assert key.stat().st_mode & 0o077 == 0
        assert given["ca_cert_data"] == PEM
        assert given["cert_reqs"] == "CERT_REQUIRED"

    assert not key.exists()
    assert door.closed == 1
