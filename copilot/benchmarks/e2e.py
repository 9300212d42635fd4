"""How long a page takes to become a first Slack message and ranked hypotheses, what the stack weighs, and what it costs idle."""

from __future__ import annotations

import os
import tempfile
import time
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from copilot.benchmarks.installation import free_port
from copilot.benchmarks.machine import machine, processor_seconds, resident, spread

if TYPE_CHECKING:
    from uuid import UUID

    from copilot.cli.demo_play import Play
    from copilot.models import Incident
    from copilot.supervisor import Stack

PEERS = "IncidentFox 17.9 s on average, HolmesGPT P50 43 s and P95 101 s a whole investigation (both with a model, as published)"
OURS = ("api", "worker", "beat")
LOOK_SECONDS = 0.02
WAIT_SECONDS = 60.0
SETTLE_SECONDS = 10.0


def measure(*, pages: int, idle_seconds: float) -> dict[str, Any]:
    """Return the figures of so many pages, one after another, into the demo's stack in a temporary folder."""
    figures: dict[str, Any] = {"machine": machine(), "peers": PEERS, "pages": pages, "idle_seconds": idle_seconds}
    with tempfile.TemporaryDirectory(prefix="copilot-bench-") as folder:
        data = Path(folder)
        data.chmod(0o755)
        from copilot.supervisor import Ports, running

        with running(data, Ports(free_port(), free_port(), free_port()), lambda _: None) as stack:
            play = _prepared(stack)
            seen = [_page(play) for _ in range(pages + 2)][2:]
            pids = {one.name: one.running.pid for one in stack.processes if one.running and one.name in OURS}
            figures["memory"] = {name: round(resident([pid])) for name, pid in pids.items()}
            figures["memory_mib"] = round(resident(list(pids.values())))
            # The last incident's end is still told: a message, a question, a file.
            time.sleep(SETTLE_SECONDS)
            before = processor_seconds(list(pids.values()))
            time.sleep(idle_seconds)
            used = processor_seconds(list(pids.values())) - before
            figures["idle_percent"] = round(100 * used / idle_seconds, 2)
            from django.db import connections

            connections["default"].close()
    for name in ("first_message", "ranked", "complete", "overhead", "gather"):
        samples = spread([one[name] for one in seen])
        figures[name] = {
            "p50_ms": round(samples.median * 1e3),
            "p95_ms": round(samples.p95 * 1e3),
            "max_ms": round(samples.largest * 1e3),
        }
    return figures


def _prepared(stack: Stack) -> Play:
    """Connect the demo's tenant to its recorded world."""
    from copilot.cli import demo, demo_tenant
    from copilot.cli.demo_play import Play
    from copilot.cli.session import set_up_django
    from copilot.replay import world
    from copilot.replay.recording import load

    path = Path(str(resources.files("copilot.replay") / "shop.json.gz"))
    around = world.of(load(path).world, where=str(path))
    anchor = time.time() - demo.PAGE_AGE
    port = free_port()
    replay = demo.start_replay(path, stack=stack, port=port, anchor=anchor)
    os.environ.update(stack.environment)
    os.environ.setdefault("COPILOT_LOG_LEVEL", "ERROR")
    set_up_django()
    customer = demo_tenant.prepare(around, stack=stack, replay_url=f"http://127.0.0.1:{port}")
    demo.wait_for(replay)
    play = Play(around, customer, stack, anchor, lambda _: None)
    play.tell_of_deploys()
    return play


def _page(play: Play) -> dict[str, float]:
    """Send one page, watch Slack as a person would, and return the times in seconds."""
    before = _newest(play)
    sent = time.time()
    incident = play.page()
    first = ranked = 0.0
    deadline = time.monotonic() + WAIT_SECONDS
    while not ranked:
        if time.monotonic() > deadline:
            raise RuntimeError(f"INC-{incident.number} was not ranked within {WAIT_SECONDS:g} s")
        root = _newest(play)
        if not first and root.get("ts") != before.get("ts"):
            # The message's own time stamp is Slack's clock: exact, however seldom we look.
            first = float(root["ts"]) - sent
        if first and any("hypothesis:" in str(block.get("block_id")) for block in root.get("blocks") or []):
            ranked = time.time() - sent
        time.sleep(LOOK_SECONDS)
    play.wait_for_thread(incident)
    times = _stage_times(play.customer.tenant.id, incident)
    play.resolve(incident)
    return {"first_message": first, "ranked": ranked, **times, "complete": times["complete"]}


def _newest(play: Play) -> dict[str, Any]:
    """Return the channel's newest root message."""
    channel = play.world.service(play.world.page.service).channel
    asked = {"team": play.customer.tenant.slug, "channel": channel, "as": "alice"}
    body = httpx.get(f"{play.stack.slack_url}/local/messages", params=asked, timeout=10, trust_env=False).json()
    messages: list[dict[str, Any]] = body.get("messages") or [{}]
    return messages[-1]


def _stage_times(tenant_id: UUID, incident: Incident) -> dict[str, float]:
    """Return what the run spent: the thread complete, gathering in all, and its own overhead.

    The overhead is the time from the run's first row to its ranking, without waiting for the slowest source.
    """
    from copilot.guard.tenancy import tenant_scope
    from copilot.models import Run

    with tenant_scope(tenant_id):
        run = Run.objects.get(incident=incident)
        results = {one.stage: one for one in run.results.all()}
        slowest = max((one.seconds for one in run.sources.all()), default=0.0)
    ranked = (results["rank"].finished_at - run.created_at).total_seconds()
    return {
        "overhead": ranked - slowest,
        "gather": results["gather"].seconds,
        "complete": (results["post"].finished_at - run.created_at).total_seconds(),
    }
