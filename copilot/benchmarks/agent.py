"""What an agent weighs while it gathers, and what the way through it adds to the time that a source takes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from copilot.benchmarks.installation import free_port, installation, serving
from copilot.benchmarks.machine import machine, processor_seconds, spread
from copilot.supervisor import answers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from copilot.relay.asking import Via
    from copilot.replay.world import World
    from integrations.base import Scope
    from scoring.observations import Window

AIM_MIB = 128
PAGE_AGE = 300.0
SECONDS = 60.0


def measure(*, rounds: int, idle_seconds: float) -> dict[str, Any]:
    """Return the figures of one agent that is asked for the demo's incident again and again.

    :raises RuntimeError: where a process does not come up, or an answer does not come.
    """
    figures: dict[str, Any] = {"machine": machine(), "rounds": rounds, "idle_seconds": idle_seconds}
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with installation(COPILOT_PUBLIC_URL=address, COPILOT_LOG_LEVEL="ERROR") as installed:
        os.environ.update(installed.environment)
        from copilot.cli.session import set_up_django

        set_up_django()
        environment = {**installed.environment, "COPILOT_DATABASE_POOL": "4"}
        with serving("copilot.asgi:api", environment, port, answers(f"{address}/health/ready")):
            figures |= _measured(installed.data, address, rounds=rounds, idle_seconds=idle_seconds)
        from django.db import connections

        connections["default"].close()
    return figures


def _measured(data: Path, service_url: str, *, rounds: int, idle_seconds: float) -> dict[str, Any]:
    from copilot.replay import world
    from copilot.replay.recording import load

    recording = Path(str(resources.files("copilot.replay") / "shop.json.gz"))
    around = world.of(load(recording).world, where=str(recording))
    anchor = time.time() - PAGE_AGE
    replay, health = free_port(), free_port()
    ways, token = _asked_through_an_agent()
    sources = [
        {"kind": "prometheus", "credentials": {"url": f"http://127.0.0.1:{replay}/prometheus"}},
        {"kind": "kubernetes", "credentials": {"url": f"http://127.0.0.1:{replay}/kubernetes", "token": "replay"}},
    ]
    (data / "agent.yaml").write_text(yaml.safe_dump({"sources": sources}), encoding="utf-8")
    settings = {
        "COPILOT_AGENT_URL": service_url,
        "COPILOT_AGENT_TOKEN": token,
        "COPILOT_AGENT_SOURCES": str(data / "agent.yaml"),
        "COPILOT_AGENT_HEALTH_PORT": str(health),
        # As the chart sets it.
        "MALLOC_ARENA_MAX": "2",
    }
    replaying = ["-m", "copilot.replay", "--recording", str(recording), "--port", str(replay), "--anchor", str(anchor)]
    with (
        _process(replaying, {}, answers(f"http://127.0.0.1:{replay}/health")),
        _process(["-m", "copilot", "agent"], settings, answers(f"http://127.0.0.1:{health}/ready")) as pid,
    ):
        figures: dict[str, Any] = {"fresh_mib": round(_memory(pid, "VmRSS"), 1)}
        _gathered(ways, around, anchor)
        used, took = processor_seconds([pid]), []
        observations = 0
        for _ in range(rounds):
            began = time.perf_counter()
            observations = _gathered(ways, around, anchor)
            took.append(time.perf_counter() - began)
        figures["processor_seconds"] = round((processor_seconds([pid]) - used) / rounds, 2)
        figures["peak_mib"] = round(_memory(pid, "VmHWM"), 1)
        figures["after_mib"] = round(_memory(pid, "VmRSS"), 1)
        before = processor_seconds([pid])
        time.sleep(idle_seconds)
        figures["idle_percent"] = round(100 * (processor_seconds([pid]) - before) / idle_seconds, 2)
        direct = []
        for _ in range(rounds):
            began = time.perf_counter()
            _directly(sources, around, anchor)
            direct.append(time.perf_counter() - began)
    through, alone = spread(took), spread(direct)
    return figures | {
        "observations": observations,
        "p50_ms": round(through.median * 1e3),
        "p95_ms": round(through.p95 * 1e3),
        "max_ms": round(through.largest * 1e3),
        "direct_p50_ms": round(alone.median * 1e3),
    }


def _asked_through_an_agent() -> tuple[list[Via], str]:
    """Make a tenant with an agent, and both sources behind it."""
    from copilot import connections
    from copilot.models import Tenant
    from copilot.relay import tokens
    from copilot.relay.asking import Via

    tenant = Tenant.objects.create(slug="benchmark")
    made = tokens.make(tenant.id, "cluster", actor="benchmark")

    def through(kind: str) -> UUID:
        return connections.connect_through(tenant.id, kind, "cluster", actor="benchmark").connection_id

    kinds = ("prometheus", "kubernetes")
    return [Via(tenant.id, made.agent_id, through(kind), kind, "default") for kind in kinds], made.token


def _gathered(ways: list[Via], around: World, anchor: float) -> int:
    """Ask all sources side by side, as a run does, and return how much they said."""
    from django.db import connection

    from copilot.relay import asking

    scope, window = _bounds(around, anchor)

    def ask(way: Via) -> int:
        try:
            found, failure = asking.gather(way, scope, window, seconds=SECONDS)
        finally:
            connection.close()
        if failure is not None:
            raise RuntimeError(f"{way.kind}: {failure.reason}")
        return len(found)

    with ThreadPoolExecutor(max_workers=len(ways)) as pool:
        return sum(pool.map(ask, ways))


def _directly(sources: list[dict[str, Any]], around: World, anchor: float) -> None:
    """Ask the same from this process, for comparison."""
    from ipaddress import ip_network

    from copilot.guard.http import HttpDoor
    from integrations import registry

    scope, window = _bounds(around, anchor)

    def ask(source: dict[str, Any]) -> None:
        one = registry.get(source["kind"])
        door = HttpDoor(deadline_seconds=SECONDS, allowed_private=[ip_network("127.0.0.0/8")])
        list(one.gather(door, one.Credentials.model_validate(source["credentials"]), scope, window))

    with ThreadPoolExecutor(max_workers=len(sources)) as pool:
        list(pool.map(ask, sources))


def _bounds(around: World, anchor: float) -> tuple[Scope, Window]:
    from scoring.observations import Window

    return around.scope, Window(start=anchor - 3600, end=anchor + PAGE_AGE, alert_at=anchor)


@contextmanager
def _process(arguments: list[str], environment: dict[str, str], ready: Callable[[], bool]) -> Iterator[int]:
    """Run one of our own commands until the block ends; yield its pid."""
    process = subprocess.Popen([sys.executable, *arguments], env={**os.environ, **environment})  # noqa: S603 - as said
    try:
        until = time.monotonic() + 60
        while not ready():
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{' '.join(arguments[:3])} did not come up")
            time.sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def _memory(pid: int, what: str) -> float:
    """Return the resident memory of a process in MiB: now (VmRSS), or the most that it ever was (VmHWM)."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/{pid}/status has no {what}")
