"""Start the product's processes on this machine, keep them up, and stop them together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError

from copilot import embedded
from copilot.config import Config
from copilot.restarts import Restarts
from copilot.settings_files import given_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

START_SECONDS = 60.0
STOP_SECONDS = 12.0


class NotStarted(RuntimeError):
    """Say which process did not come up, and what it said last."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Hold where the processes listen, all on loopback."""

    api: int
    slack: int
    ops: int

    def check(self) -> None:
        """Make sure that all ports are free.

        :raises NotStarted: where one is taken.
        """
        for name, port in (("--port", self.api), ("--slack-port", self.slack), ("--ops-port", self.ops)):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError as error:
                    raise NotStarted(f"port {port} is taken ({error.strerror}); choose another with {name}") from error


@dataclass(slots=True)
class Process:
    """Hold one of the product's processes: how it is started, and how one sees that it is ready."""

    name: str
    command: list[str]
    environment: dict[str, str]
    is_ready: Callable[[], bool]
    log: Path
    running: subprocess.Popen[bytes] | None = None
    restarts: Restarts = field(default_factory=Restarts)

    def start(self) -> None:
        """Start the process in a group of its own, so that Ctrl-C reaches the supervisor alone."""
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(  # noqa: S603 - our own commands
                self.command,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.restarts.started()

    @property
    def is_alive(self) -> bool:
        """Return whether the process runs."""
        return self.running is not None and self.running.poll() is None

    def last_words(self, lines: int = 15) -> str:
        """Return the end of the process's log."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""


def answers(url: str) -> Callable[[], bool]:
    """Return a check that the address answers below 500."""

    def check() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own address on loopback
                return bool(answer.status < 500)
        except HTTPError as error:
            return error.code < 500
        except (URLError, OSError):
            return False

    return check


# Other names of what the embedded servers are reached by, and what two processes cannot share.
OF_ONE_PROCESS = (
    "COPILOT_DATABASE_URL",
    "COPILOT_REDIS_URL",
    "COPILOT_DATABASE_POOL",
    "COPILOT_METRICS_PORT",
    "COPILOT_READY_FILE",
    "COPILOT_LOG_LEVEL",
)


@dataclass(slots=True)
class Stack:
    """Hold the running product."""

    data: Path
    ports: Ports
    environment: dict[str, str]
    processes: list[Process] = field(default_factory=list)
    servers: embedded.Servers | None = None

    @property
    def api_url(self) -> str:
        """Return where webhooks go."""
        return f"http://127.0.0.1:{self.ports.api}"

    @property
    def slack_url(self) -> str:
        """Return the local Slack workspace's page."""
        return f"http://127.0.0.1:{self.ports.slack}"

    @property
    def ops_url(self) -> str:
        """Return the admin."""
        return f"http://127.0.0.1:{self.ports.ops}/admin/"

    def tend(self) -> list[str]:
        """Start again what has died, PostgreSQL and Valkey among it; return the names of what was started."""
        started = self.servers.tend() if self.servers else []
        for process in self.processes:
            if process.restarts.due(is_alive=process.is_alive):
                process.start()
                started.append(process.name)
        return started

    def stop(self) -> None:
        """Ask every process to end, and end those that do not."""
        for process in self.processes:
            if process.running is not None and process.is_alive:
                process.running.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in self.processes:
            if process.running is None:
                continue
            try:
                process.running.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.running.pid, signal.SIGKILL)
                process.running.wait()


def _environment(data: Path, ports: Ports, servers: embedded.Servers) -> dict[str, str]:
    """Return what every process of this installation shares; what the caller's environment says goes first."""
    defaults = {
        "COPILOT_DATA": str(data.resolve()),
        "COPILOT_SECRET_KEYS": embedded.master_secret(data),
        "DATABASE_URL": servers.database_url(embedded.APP),
        "REDIS_URL": servers.redis_url,
        "COPILOT_PUBLIC_URL": f"http://127.0.0.1:{ports.api}",
        "COPILOT_OPS_URL": f"http://127.0.0.1:{ports.ops}",
        # On a person's own machine the sources may be there, too: the local workspace, a port-forward, a private network.
        "COPILOT_ALLOWED_PRIVATE_NETWORKS": "127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16",
        "COPILOT_LOG_JSON": "false",
        "DJANGO_SETTINGS_MODULE": "copilot.settings",
    }
    # The embedded servers and the folder are this supervisor's; the rest may be chosen by whoever starts it.
    fixed = {"COPILOT_DATA", "DATABASE_URL", "REDIS_URL", "COPILOT_SECRET_KEYS"}
    return {name: value if name in fixed else os.environ.get(name, value) for name, value in defaults.items()}


def _settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what else whoever started this has set, for commands beside it; not what belongs to one process alone."""
    own = {f"{name}{ending}" for name in (*environment, *OF_ONE_PROCESS) for ending in ("", "_FILE")}
    return {name: value for name, value in given_to(Config).items() if name not in own}


def _processes(stack: Stack, servers: embedded.Servers) -> list[Process]:
    python, ports, data = sys.executable, stack.ports, stack.data
    ready_file = data / "worker-ready"
    ready_file.unlink(missing_ok=True)
    uvicorn = [python, "-m", "uvicorn", "--host", "127.0.0.1", "--no-access-log", "--log-level", "warning"]
    app = stack.environment
    staff = {**app, "DATABASE_URL": servers.database_url(embedded.STAFF)}
    logs = data / "logs"
    logs.mkdir(exist_ok=True)
    return [
        Process(
            "slack",
            [python, "-m", "slackbot.local", "--port", str(ports.slack), "--data", str(data / "slack")],
            {},
            answers(f"{stack.slack_url}/"),
            logs / "slack.log",
        ),
        Process(
            "api",
            [*uvicorn, "--port", str(ports.api), "copilot.asgi:api"],
            {**app, "COPILOT_DATABASE_POOL": "8"},
            answers(f"{stack.api_url}/health/ready"),
            logs / "api.log",
        ),
        Process(
            "ops",
            [*uvicorn, "--port", str(ports.ops), "copilot.asgi:ops"],
            staff,
            answers(f"{stack.ops_url}login/"),
            logs / "ops.log",
        ),
        Process(
            "worker",
            [
                python,
                "-m",
                "celery",
                "-A",
                "copilot",
                "worker",
                "--loglevel",
                "WARNING",
                "--without-gossip",
                "--without-mingle",
            ],
            {**app, "COPILOT_READY_FILE": str(ready_file)},
            ready_file.exists,
            logs / "worker.log",
        ),
        Process(
            "beat",
            [python, "-m", "celery", "-A", "copilot", "beat", "--loglevel", "WARNING", "--pidfile="],
            app,
            lambda: True,
            logs / "beat.log",
        ),
    ]


def _migrate(stack: Stack, servers: embedded.Servers) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "django", "migrate", "--no-input", "--verbosity", "0"],
        env={**os.environ, **stack.environment, "DATABASE_URL": servers.database_url(embedded.OWNER)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotStarted("the database could not be migrated:\n" + (done.stderr or done.stdout)[-3000:])


@contextmanager
def running(data: Path, ports: Ports, say: Callable[[str], None]) -> Iterator[Stack]:
    """Start everything below `data`, yield the stack when all of it is ready, and stop it at the end.

    :raises NotStarted: where something does not come up.
    :raises AlreadyRunning: where another supervisor has this folder.
    """
    ports.check()
    with embedded.hold(data):
        say("starting PostgreSQL and Valkey")
        with embedded.servers(data) as servers:
            stack = Stack(data, ports, _environment(data, ports, servers), servers=servers)
            stack.processes = _processes(stack, servers)
            try:
                # The local Slack needs no database: it starts while the tables are made.
                stack.processes[0].start()
                say("migrating the database")
                _migrate(stack, servers)
                for process in stack.processes[1:]:
                    process.start()
                _wait(stack, say)
                embedded.write_runtime(
                    data,
                    {
                        "pid": os.getpid(),
                        "environment": stack.environment,
                        "settings": _settings(stack.environment),
                        "api": stack.api_url,
                        "slack": stack.slack_url,
                        "ops": stack.ops_url,
                        "processes": {one.name: one.running.pid for one in stack.processes if one.running},
                        "staff_database_url": servers.database_url(embedded.STAFF),
                        "owner_database_url": servers.database_url(embedded.OWNER),
                    },
                )
                yield stack
            finally:
                (data / embedded.RUNTIME).unlink(missing_ok=True)
                stack.stop()


def _wait(stack: Stack, say: Callable[[str], None]) -> None:
    deadline = time.monotonic() + START_SECONDS
    waiting = list(stack.processes)
    while waiting:
        for process in list(waiting):
            if not process.is_alive:
                raise NotStarted(
                    f"{process.name} ended while starting; its log ({process.log}) says:\n{process.last_words()}"
                )
            if process.is_ready():
                say(f"{process.name} is ready")
                waiting.remove(process)
        if waiting and time.monotonic() > deadline:
            names = ", ".join(process.name for process in waiting)
            raise NotStarted(f"{names} did not become ready; the log says:\n{waiting[0].last_words()}")
        time.sleep(0.05)
