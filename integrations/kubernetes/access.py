"""The ways into a cluster: a kubeconfig, or an address and a token; nothing that runs commands or reads files."""

from __future__ import annotations

import base64
import binascii
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from integrations import base
from integrations.base import Unreachable

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
IN_CLUSTER = "https://kubernetes.default.svc"
MAX_KUBECONFIG = 256 * 1024
_REFUSED = {
    "exec": "it runs a command (exec)",
    "auth-provider": "it uses an auth-provider plugin",
    "tokenFile": "it names a file (tokenFile)",
    "client-certificate": "it names a file (client-certificate)",
    "client-key": "it names a file (client-key)",
    "as": "it impersonates somebody (as)",
}


@dataclass(frozen=True, slots=True)
class Access:
    """Hold the address of an API server and what it takes to be let in; secrets stay out of the repr."""

    url: str
    token: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    ca_certificate: str = field(default="", repr=False)
    client_certificate: str = field(default="", repr=False)
    client_key: str = field(default="", repr=False)
    server_name: str = ""
    verify_tls: bool = True


class KubernetesCredentials(base.Credentials):
    """Hold one of three ways into a cluster, and which namespaces may be looked at."""

    model_config = ConfigDict(hide_input_in_errors=True)

    kubeconfig: SecretStr | None = Field(
        default=None, description="YAML text of a kubeconfig with a token or a client certificate"
    )
    context: str = Field(default="", description="Context of the kubeconfig, where it is not the current one")
    url: str = Field(default="", description="Address of the API server, e.g. https://cluster.example.org:6443")
    token: SecretStr | None = Field(default=None, description="Token of a read-only ServiceAccount (see k8s/rbac.yaml)")
    ca_certificate: str = Field(default="", description="PEM text of the cluster's certificate authority")
    verify_tls: bool = Field(default=True, description="Check the API server's certificate")
    in_cluster: bool = Field(default=False, description="Use the ServiceAccount of the pod that this product runs in")
    versions: bool = Field(
        default=False,
        description="Also tell when config maps, secrets and Helm releases changed: by their metadata alone, for which "
        "k8s/rbac-versions.yaml must be granted",
    )
    namespaces: tuple[str, ...] = Field(
        default=(), description="Look only at these namespaces (commas between); empty: all"
    )

    @field_validator("kubeconfig", mode="before")
    @classmethod
    def _indented_text_stays_yaml(cls, value: object) -> object:
        # Blanks are stripped from the ends of what is entered: that would move the first line of an indented text alone.
        return textwrap.dedent(value) if isinstance(value, str) else value

    @field_validator("namespaces", mode="before")
    @classmethod
    def _namespaces_may_be_text(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if value:
            _checked_address(value)
        return value.rstrip("/")

    @model_validator(mode="after")
    def _one_way_in(self) -> KubernetesCredentials:
        ways = [name for name in ("kubeconfig", "url", "in_cluster") if getattr(self, name)]
        if len(ways) != 1:
            given = f"{' and '.join(ways)} are given" if ways else "none is given"
            raise ValueError(f"enter exactly one of kubeconfig, url, in_cluster: {given}")
        if self.url and not self.token:
            raise ValueError("token: is needed together with url")
        if self.kubeconfig:
            from_kubeconfig(self.kubeconfig.get_secret_value(), self.context)
        return self

    def access(self) -> Access:
        """Return the way in.

        :raises Unreachable: where the pod's ServiceAccount is wanted and there is none.
        """
        if self.kubeconfig:
            return from_kubeconfig(self.kubeconfig.get_secret_value(), self.context, verify_tls=self.verify_tls)
        if self.in_cluster:
            return _from_service_account()
        token = self.token.get_secret_value() if self.token else ""
        return Access(self.url, token=token, ca_certificate=self.ca_certificate, verify_tls=self.verify_tls)


def from_kubeconfig(text: str, context: str = "", *, verify_tls: bool = True) -> Access:
    """Read a kubeconfig without running or opening anything that it names.

    :raises ValueError: naming the entry that is missing or refused.
    """
    if len(text) > MAX_KUBECONFIG:
        raise ValueError(f"kubeconfig: is over {MAX_KUBECONFIG // 1024} KiB")
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        # The parser's own message quotes the line, which may hold a secret.
        raise ValueError(f"kubeconfig: is not YAML{f' (line {mark.line + 1})' if mark else ''}") from None
    if not isinstance(document, dict):
        raise ValueError("kubeconfig: must be a mapping with clusters, users and contexts")  # noqa: TRY004 (pydantic reports values)
    wanted = context or str(document.get("current-context") or "")
    if not wanted:
        raise ValueError("kubeconfig: has no current-context; enter the context's name")
    chosen = _named(document, "contexts", wanted, "context")
    cluster = _named(document, "clusters", str(chosen.get("cluster") or ""), "cluster")
    user = _named(document, "users", str(chosen.get("user") or ""), "user")
    for key, why in _REFUSED.items():
        if user.get(key):
            raise ValueError(
                f"kubeconfig: user {chosen.get('user')!r} is refused: {why}; enter a kubeconfig with the token of a "
                "read-only ServiceAccount (kubectl create token) or with client-certificate-data and client-key-data"
            )
    for key in ("certificate-authority", "proxy-url"):
        if cluster.get(key):
            raise ValueError(
                f"kubeconfig: cluster {chosen.get('cluster')!r}: {key} is refused; use certificate-authority-data"
            )
    url = str(cluster.get("server") or "")
    _checked_address(url)
    return Access(
        url.rstrip("/"),
        token=str(user.get("token") or ""),
        username=str(user.get("username") or ""),
        password=str(user.get("password") or ""),
        ca_certificate=_decoded(cluster, "certificate-authority-data"),
        client_certificate=_decoded(user, "client-certificate-data"),
        client_key=_decoded(user, "client-key-data"),
        server_name=str(cluster.get("tls-server-name") or ""),
        verify_tls=verify_tls and not cluster.get("insecure-skip-tls-verify"),
    )


def _from_service_account() -> Access:
    try:
        token = (SERVICE_ACCOUNT / "token").read_text(encoding="utf-8").strip()
        authority = (SERVICE_ACCOUNT / "ca.crt").read_text(encoding="utf-8")
    except OSError as error:
        raise Unreachable(
            f"in_cluster is set, but {SERVICE_ACCOUNT} cannot be read; run inside a pod with a ServiceAccount",
            retryable=False,
        ) from error
    return Access(IN_CLUSTER, token=token, ca_certificate=authority)


def _checked_address(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.password:
        raise ValueError("the API server's address must begin with https:// and hold no user name")


def _named(document: dict[str, Any], kind: str, name: str, single: str) -> dict[str, Any]:
    entries = document.get(kind)
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and entry.get("name") == name:
            value = entry.get(single)
            return value if isinstance(value, dict) else {}
    raise ValueError(f"kubeconfig: {kind} has no entry called {name!r}")


def _decoded(entry: dict[str, Any], key: str) -> str:
    value = entry.get(key)
    if not value:
        return ""
    try:
        return base64.b64decode(str(value), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise ValueError(f"kubeconfig: {key} is not base64 of PEM text") from None
