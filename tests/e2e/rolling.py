"""Replace every process, one after another and again and again, while incidents come in: nothing lost, doubled or refused.

`python -m tests.e2e.rolling [--incidents 100] [--rotate]`. With `--rotate` the master secret is changed meanwhile, in the steps of
docs/operate.md. As the chart does it: a new api takes traffic once it is ready, the old one
leaves the balancer first, then gets SIGTERM and finishes; workers finish what they hold; beat is stopped before it is started.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from copilot import supervisor
from copilot.benchmarks.machine import machine, spread
from copilot.embedded import as_role, postgres_server
from copilot.replay import world
from tests.deploy.upgrade import migrated_by_now
from tests.e2e import sources
from tests.e2e import stack as stacks
from tests.e2e.customer import Customer, join, post_ids
from tests.e2e.shop import WORLD
from tests.e2e.stack import Stack
from tests.servers.processes import free_port
from tests.waiting import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Iterator

DATABASE = "rolling"
# As the product runs by default, not as the impatient stories of tests/e2e do.
SETTINGS = {"COPILOT_LEASE_SECONDS": "15.0", "COPILOT_SWEEP_SECONDS": "5.0"}
# The chart's preStop: long enough for the balancer to know.
PRE_STOP_SECONDS = 1.0
STOP_SECONDS = 60.0
STAGES = 5
SHOP = world.read(WORLD)
# Titles that differ by numbers alone are one symptom, and one incident.
WORDS = (
    "amber", "birch", "cedar", "delta", "ember", "flint", "grove", "heath", "ivory", "jade", "kelp", "larch", "maple", "nickel",
    "ochre", "pearl", "quartz", "rowan", "slate", "topaz",
)  # fmt: skip


class Balancer:
    """Hand each new connection to one of the ready backends, as a Kubernetes Service does; those that are open stay."""

    def __init__(self) -> None:
        self.port = free_port()
        self.backends: list[int] = []
        self._turn = itertools.count()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._carry, "127.0.0.1", self.port, backlog=512), self._loop
        ).result(PATIENCE)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        backends = self.backends
        port = backends[next(self._turn) % len(backends)]
        with suppress(OSError):
            inner, outer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(_pipe(reader, outer), _pipe(inner, writer), return_exceptions=True)
        writer.close()


async def _pipe(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while piece := await source.read(65_536):
            target.write(piece)
            await target.drain()
    finally:
        with suppress(OSError):
            target.close()


@dataclass
class Roll:
    """Hold the running product, and the hands that replace its processes."""

    stack: Stack
    balancer: Balancer
    replaced: dict[str, int] = field(default_factory=lambda: {"api": 0, "worker": 0, "beat": 0})
    stopping: list[float] = field(default_factory=list)
    names: Iterator[int] = field(default_factory=itertools.count)
    settings: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    def again(self, name: str, *, command: list[str], is_ready: Any, environment: dict[str, str]) -> None:
        """Start the next of a kind beside the present one, and wait until it is ready."""
        old = self.stack.processes[name]
        made = supervisor.Process(name, command, {**environment, **self.settings}, is_ready, old.log)
        made.start()
        until(is_ready, seconds=STOP_SECONDS, what=f"the new {name} to be ready")
        self.stack.processes[name] = made

    def stop(self, process: supervisor.Process) -> None:
        """Ask a process to end, and wait until it has: nobody is killed here."""
        assert process.running is not None
        started = time.monotonic()
        process.running.terminate()
        process.running.wait(STOP_SECONDS)
        self.stopping.append(time.monotonic() - started)

    def roll_api(self) -> None:
        """Put a new api behind the balancer, then take the old one out, and stop it."""
        port, old = free_port(), self.stack.processes["api"]
        command = list(old.command)
        command[command.index("--port") + 1] = str(port)
        ready = supervisor.answers(f"http://127.0.0.1:{port}/health/ready")
        self.again("api", command=command, is_ready=ready, environment=old.environment)
        self.balancer.backends = [port]
        time.sleep(PRE_STOP_SECONDS)
        self.stop(old)

    def roll_worker(self) -> None:
        """Start a worker beside the old one, then let that finish what it holds."""
        old, name = self.stack.processes["worker"], f"worker-{next(self.names)}"
        file = self.stack.data / f"{name}-ready"
        bare = old.command[: old.command.index("--hostname")] if "--hostname" in old.command else old.command
        self.again(
            "worker",
            command=[*bare, "--hostname", f"{name}@%h"],
            is_ready=file.exists,
            environment={**old.environment, "COPILOT_READY_FILE": str(file)},
        )
        self.stop(old)

    def roll_beat(self) -> None:
        """Stop beat, and start the next."""
        old = self.stack.processes["beat"]
        self.stop(old)
        self.again("beat", command=old.command, is_ready=old.is_ready, environment=old.environment)

    def until_over(self, over: threading.Event) -> None:
        """Replace one after another until the load is over, each at least twice."""
        while not over.is_set() or min(self.replaced.values()) < 2:
            self.everything()

    def everything(self) -> None:
        """Replace each process once."""
        for name, roll in (("api", self.roll_api), ("worker", self.roll_worker), ("beat", self.roll_beat)):
            roll()
            self.replaced[name] += 1
        print(f"  replaced {', '.join(f'{one} {count}×' for one, count in self.replaced.items())}", file=sys.stderr)

    def rotate(self, over: threading.Event) -> None:
        """Change the master secret: all processes learn the new one, then use it, all is sealed anew, the old one goes."""
        environment = self.stack.running.environment
        old, new = environment["COPILOT_SECRET_KEYS"], "a-new-master-secret-of-more-than-32-characters"
        for step in (f"{old},{new}", f"{new},{old}"):
            self.settings = {"COPILOT_SECRET_KEYS": step}
            self.everything()
        self.told = said_by_copilot(["secrets", "rotate"], {**environment, **self.settings}).stdout.splitlines()
        self.settings = {"COPILOT_SECRET_KEYS": new}
        self.everything()
        for keys, opens in ((new, True), (old, False)):
            done = said_by_copilot(["doctor", "--stack", "--json"], {**environment, "COPILOT_SECRET_KEYS": keys})
            (secrets,) = [one for one in json.loads(done.stdout) if one["name"] == "secrets"]
            assert secrets["works"] is opens, secrets
            self.told.append(secrets["detail"])
        over.wait()


def said_by_copilot(words: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command as an operator does beside a deployment: by its environment, with no data folder of its own."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("COPILOT_")}
    return subprocess.run(
        [sys.executable, "-m", "copilot", *words, "--data", "/nonexistent"], env={**bare, **environment}, capture_output=True,
        text=True, check=False, timeout=120,
    )  # fmt: skip


@dataclass
class Sent:
    """Hold what became of the webhooks."""

    statuses: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def send(customer: Customer, balancer: Balancer, event: dict[str, Any], sent: Sent) -> None:
    """Deliver once, on a connection of its own, and never again: a vendor's second attempt would hide a refusal."""
    body = json.dumps(event).encode()
    started = time.monotonic()
    try:
        answer = httpx.post(
            f"http://127.0.0.1:{balancer.port}{customer.path}", content=body, headers=customer.signed(body), timeout=30,
            trust_env=False,
        )  # fmt: skip
    except httpx.TransportError as error:
        sent.refused.append(f"{type(error).__name__}: {error}")
        return
    sent.seconds.append(time.monotonic() - started)
    sent.statuses.append(answer.status_code)


def load(customer: Customer, balancer: Balancer, count: int, sent: Sent, *, apart: float, alert_at: float) -> list[str]:
    """Page `count` times, each incident resolved some seconds after; return PagerDuty's ids."""
    ids = [f"Q{uuid.uuid4().hex[:13].upper()}" for _ in range(count)]
    with ThreadPoolExecutor(max_workers=32) as pool:
        for number, (incident, symptom) in enumerate(
            zip(ids, map(" ".join, itertools.product(WORDS, WORDS)), strict=False)
        ):
            service = SHOP.services[number % len(SHOP.services)]
            page = customer.event(
                incident=incident,
                service=service.pagerduty_id,
                title=f"{symptom} on {service.name}",
                created_at=alert_at,
            )
            pool.submit(send, customer, balancer, page, sent)
            if number >= 5 and random.random() < 0.5:
                over = customer.event("incident.resolved", incident=ids[number - 5], created_at=alert_at)
                pool.submit(send, customer, balancer, over, sent)
            time.sleep(apart)
    return ids


def told(customer: Customer, ids: list[str]) -> dict[str, Any]:
    """Return what the rows and Slack say of the incidents, once all is done."""
    rows = customer.stack.rows
    ours = "copilot_incident WHERE dedupe_key = ANY(%s)"

    def open_work() -> int:
        (left,) = rows(
            "SELECT (SELECT count(*) FROM copilot_delivery WHERE handled_at IS NULL)"
            " + (SELECT count(*) FROM copilot_run WHERE stage NOT IN ('done', 'failed'))"
            " + (SELECT count(*) FROM copilot_incident WHERE publish_wanted_at IS NOT NULL) AS n"
        )
        return int(left["n"])

    until(lambda: open_work() == 0, seconds=600, what="all work to be done")
    runs = rows(f"SELECT id, stage, attempt FROM copilot_run WHERE incident_id IN (SELECT id FROM {ours})", ids)
    per_run = rows(
        "SELECT run_id, count(*) AS n FROM copilot_stageresult WHERE run_id = ANY(%s) GROUP BY run_id",
        [one["id"] for one in runs],
    )
    channels = {one.name: [root for root in customer.messages(one.name) if post_ids([root])] for one in SHOP.services}
    roots = [root for found in channels.values() for root in found]
    posts = [
        post
        for name, found in channels.items()
        for root in found
        for post in post_ids([root, *customer.thread(root, name)])
    ]
    return {
        "incidents": rows(f"SELECT count(*) AS n FROM {ours}", ids)[0]["n"],
        "runs_done": sum(one["stage"] == "done" for one in runs),
        "runs": len(runs),
        "runs_with_each_stage_once": sum(one["n"] == STAGES for one in per_run),
        "stages_taken_over": sum(one["attempt"] - STAGES for one in runs),
        "messages": len(roots),
        "posts": len(posts),
        "posts_doubled": len(posts) - len(set(posts)),
    }


def joined(stack: Stack, replay: sources.Replay) -> Customer:
    """Make the customer, with a channel for each service: Slack takes one message a second in each."""
    services = [[f"#{words[0]}" if word.startswith("#") else word for word in words] for words in sources.services()]
    customer = join(stack, "rolling", *replay.sources.connections, services=services)
    for one in SHOP.services:
        body = {"team": customer.slug, "name": one.name}
        httpx.post(f"{stack.slack_url}/local/channels", json=body, timeout=10).raise_for_status()
    return customer


@contextmanager
def product(folder: Path) -> Iterator[tuple[Stack, str]]:
    """Start PostgreSQL and the product below a folder."""
    server = postgres_server(folder / "postgres", cleanup_mode="delete")
    try:
        migrated_by_now(server.get_uri(), DATABASE)
        with stacks.running(folder / "data", as_role(server.get_uri(), "postgres", DATABASE), SETTINGS) as stack:
            yield stack, server.get_uri()
    finally:
        server.cleanup()


def measure(count: int, apart: float, *, rotate: bool = False) -> dict[str, Any]:
    """Return the figures of one load with all processes replaced, and the master secret changed, meanwhile."""
    with tempfile.TemporaryDirectory(prefix="copilot-rolling-") as folder:
        Path(folder).chmod(0o755)
        with product(Path(folder)) as (stack, _), sources.replaying() as replay:
            customer = joined(stack, replay)
            balancer = Balancer()
            balancer.backends = [stack.running.ports.api]
            roll, sent, over = Roll(stack, balancer), Sent(), threading.Event()
            with ThreadPoolExecutor(max_workers=1) as pool:
                rolling = pool.submit(roll.rotate if rotate else roll.until_over, over)
                started = time.monotonic()
                try:
                    ids = load(customer, balancer, count, sent, apart=apart, alert_at=replay.alert_at)
                finally:
                    over.set()
                rolling.result()
            took = time.monotonic() - started
            found = told(customer, ids)
            waits = spread(sent.seconds)
    return {
        "machine": machine(),
        "seconds": round(took),
        "replaced": roll.replaced,
        "longest_stop_seconds": round(max(roll.stopping), 1),
        "webhooks": len(sent.statuses) + len(sent.refused),
        "accepted": sent.statuses.count(202),
        "refused": sent.refused + [str(one) for one in sent.statuses if one != 202],
        "webhook_p50_ms": round(waits.median * 1e3),
        "webhook_max_ms": round(waits.largest * 1e3),
        **({"rotated": roll.told} if rotate else {}),
        "paged": count,
        **found,
    }


def is_whole(figures: dict[str, Any]) -> bool:
    """Return whether nothing was refused, lost or doubled."""
    paged = figures["paged"]
    alike = ("incidents", "runs", "runs_done", "runs_with_each_stage_once", "messages")
    return not figures["refused"] and not figures["posts_doubled"] and all(figures[one] == paged for one in alike)


def main() -> int:
    """Measure, print, and return 0 where nothing was refused, lost or doubled."""
    # What was started is ended too where somebody loses patience.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--incidents", type=int, default=100)
    parser.add_argument("--apart", type=float, default=1.5, help="seconds between two pages")
    parser.add_argument("--rotate", action="store_true", help="change the master secret meanwhile")
    options = parser.parse_args()
    figures = measure(options.incidents, options.apart, rotate=options.rotate)
    print(json.dumps(figures, indent=1, default=str))
    print("nothing refused, lost or doubled" if is_whole(figures) else "NOT WHOLE: see the figures")
    return 0 if is_whole(figures) else 1


if __name__ == "__main__":
    sys.exit(main())
