"""An installation for one measurement: PostgreSQL and Valkey in a temporary folder, migrated, and what is served on them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from copilot import embedded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True)
class Installation:
    """Hold the folder, its servers, and the environment in which a process uses them as the application does."""

    data: Path
    servers: embedded.Servers
    environment: dict[str, str]

    def run(self, *words: str, role: str = embedded.APP) -> str:
        """Run Python with these words as a database role, and return what it printed.

        :raises RuntimeError: where it failed; the text is what it said last.
        """
        done = subprocess.run(  # noqa: S603 - our own commands
            [sys.executable, *words],
            env={**os.environ, **self.environment, "DATABASE_URL": self.servers.database_url(role)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"`python {words[0]} {words[1][:60]}` failed: {done.stderr.strip()[-800:]}")
        return done.stdout


@contextmanager
def installation(**environment: str) -> Iterator[Installation]:
    """Start and migrate an installation, and end it with the block; `environment` adds to what its processes see.

    :raises RuntimeError: where it cannot be migrated.
    """
    with tempfile.TemporaryDirectory(prefix="copilot-bench-") as folder:
        data = Path(folder)
        # The embedded PostgreSQL runs as a user of its own when we are root.
        data.chmod(0o755)
        with embedded.servers(data) as servers:
            made = Installation(
                data,
                servers,
                {
                    "COPILOT_DATA": str(data),
                    "COPILOT_SECRET_KEYS": embedded.master_secret(data),
                    "DATABASE_URL": servers.database_url(embedded.APP),
                    "REDIS_URL": servers.redis_url,
                    "DJANGO_SETTINGS_MODULE": "copilot.settings",
                    **environment,
                },
            )
            made.run("-m", "django", "migrate", "--verbosity", "0", role=embedded.OWNER)
            yield made


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(application: str, environment: dict[str, str], port: int, ready: Callable[[], bool]) -> Iterator[int]:
    """Serve an application by one uvicorn process until the block ends; yield its pid.

    :raises RuntimeError: where it does not come up.
    """
    words = ["uvicorn", "--port", str(port), "--log-level", "warning", "--no-access-log", application]
    process = subprocess.Popen([sys.executable, "-m", *words], env={**os.environ, **environment})  # noqa: S603 - our own
    try:
        deadline = time.monotonic() + 30
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{application} did not come up")
            time.sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        process.wait(20)
