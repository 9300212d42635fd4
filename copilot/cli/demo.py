"""`copilot demo`: one recorded incident through the real path, from signed page to pressed button."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot.cli.session import Problem

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from copilot.cli.demo_play import Range
    from copilot.knowledge.briefing import Briefing
    from copilot.replay.world import World
    from copilot.supervisor import Process, Stack

REPLAY_SECONDS = 10.0
PORTS = {"port": 8000, "slack_port": 8001, "ops_port": 8002, "replay_port": 8003}
# The page fired this long ago when it reaches us, as pages do.
PAGE_AGE = 3.0


def add(subparsers: Any, common: argparse.ArgumentParser) -> None:
    """Add the command."""
    from copilot.cli.recordings import PORT
    from copilot.cli.up import add_ports

    parser = subparsers.add_parser(
        "demo",
        parents=[common],
        help="play one recorded incident through the whole product",
        description="Start the whole product, play a recorded incident through it, print the Slack thread, and stay up "
        "until Ctrl-C. Without --once a taken port is an error; with it a free one is chosen and told.",
    )
    parser.add_argument("--once", action="store_true", help="end when the thread is complete: 0 if it is right, else 1")
    add_ports(parser)
    parser.add_argument("--replay-port", type=int, help=f"of the recorded Prometheus and Kubernetes (default {PORT})")
    parser.add_argument(
        "--recording", type=Path, metavar="FILE", help="another recording than the one that comes along"
    )
    parser.set_defaults(run=run, needs_installation=False, port=None, slack_port=None, ops_port=None)


class Clock:
    """Tell progress with the time since the start, on standard error, and remember how long each step took."""

    def __init__(self) -> None:
        self.started = self.last = time.monotonic()
        self.steps: list[tuple[str, float]] = []

    def say(self, text: str) -> None:
        """Tell one line."""
        sys.stderr.write(f"{time.monotonic() - self.started:6.1f} s  {text}\n")
        sys.stderr.flush()

    def done(self, step: str) -> None:
        """End a step."""
        now = time.monotonic()
        self.steps.append((step, now - self.last))
        self.last = now

    def summary(self) -> str:
        """Return all steps in one line."""
        parts = ", ".join(f"{step} {seconds:.1f}" for step, seconds in self.steps)
        return f"{time.monotonic() - self.started:.1f} s in all: {parts}"


def run(options: argparse.Namespace) -> int:
    """Play, print, and stay up; with --once end with the outcome."""
    from copilot.embedded import AlreadyRunning
    from copilot.replay import world
    from copilot.replay.recording import BadRecording, load
    from copilot.supervisor import NotStarted, Ports, running

    # Until all is up, a signal ends the play wherever it stands, and everything that was started with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    clock = Clock()
    path = options.recording or Path(str(resources.files("copilot.replay") / "shop.json.gz"))
    try:
        around = world.of(load(path).world, where=str(path))
    except (BadRecording, world.BadWorld) as error:
        raise Problem(str(error), code=2) from None
    ports = _ports(options, clock.say)
    try:
        with running(options.data, Ports(ports["port"], ports["slack_port"], ports["ops_port"]), clock.say) as stack:
            clock.done("start")
            briefing = _play(around, path, stack=stack, port=ports["replay_port"], options=options, clock=clock)
            _check(around.cause, briefing)
            if not options.once:
                _stay_up(stack)
                clock.say("stopping")
    except (NotStarted, AlreadyRunning) as error:
        raise Problem(str(error)) from error
    return 0


def _check(cause: str, briefing: Briefing) -> None:
    """Make sure that the thread names the service first whose fault it was, where that is known.

    :raises Problem: where it does not.
    """
    named = briefing.hypotheses[0].service if briefing.hypotheses else "nothing"
    if cause and named != cause:
        raise Problem(f"the thread names {named} first; it was {cause}")


def _stay_up(stack: Stack) -> None:
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    print("\nready; Ctrl-C stops it", flush=True)
    while not stopping.wait(0.5):
        stack.tend()


def _play(
    around: World, recording: Path, *, stack: Stack, port: int, options: argparse.Namespace, clock: Clock
) -> Briefing:
    from copilot.cli import demo_tenant
    from copilot.cli.demo_play import Play
    from copilot.cli.session import set_up_django

    anchor = time.time() - PAGE_AGE
    replay = start_replay(recording, stack=stack, port=port, anchor=anchor)
    os.environ.update(stack.environment)
    os.environ.setdefault("COPILOT_LOG_LEVEL", "ERROR")
    set_up_django()
    customer = demo_tenant.prepare(around, stack=stack, replay_url=f"http://127.0.0.1:{port}")
    wait_for(replay)
    clock.say(f"tenant {customer.tenant.slug} is connected: PagerDuty, Prometheus, Kubernetes, deploys, Slack")
    clock.done("connect")
    play = Play(around, customer, stack, anchor, clock.say)
    before = play.end_earlier()
    play.tell_of_deploys()
    clock.say(f"told of {', '.join(f'{one.service} {one.version}' for one in around.deploys)}")
    clock.done("deploys")
    incident = play.page()
    clock.say(f"PagerDuty pages: {around.page.title} (INC-{incident.number})")
    briefing = play.wait_for_thread(incident)
    for line in briefing.sources:
        clock.say(f"{line.name} {line.status}: {line.observations} observations in {line.seconds:.1f} s")
    clock.done("page to thread")
    first = briefing.hypotheses[0] if briefing.hypotheses else None
    if first is not None:
        briefing = play.press(incident, first)
        clock.say("Alice pressed 👍 and “This was it” under the first cause")
        clock.done("feedback")
    from copilot.faces import face

    slack = face("slack")
    print(f"\n{slack.transcript(customer.tenant.id, incident.id) if slack else ''}\n")
    if (
        before is not None
        and first is not None
        and (before.service, before.cause_kind) == (first.service, first.cause_kind)
    ):
        print(_difference(before, briefing, number=incident.number))
    print(f"thread  {play.link(first)}\nadmin   {stack.ops_url}")
    _login(options)
    clock.done("print")
    print(clock.summary(), flush=True)
    return briefing


def _difference(before: Range, briefing: Briefing, *, number: int) -> str:
    """Return what people's word on the earlier incident did to this one."""
    now = briefing.hypotheses[0]
    text = (
        f"learned: confidence {now.low:.2f}–{now.high:.2f}, was {before.low:.2f}–{before.high:.2f} in INC-{before.number},"
        " before Alice's 👍"
    )
    learned = ", ".join(
        f"{factor.name} {factor.value:.2f}"
        for factor in now.factors
        if factor.name in {"precedent frequency", "human validation"}
    )
    return f"{text} ({learned} in INC-{number})\n"


def _login(options: argparse.Namespace) -> None:
    """Make the admin's login as `copilot login` does; the last thing that this process asks of the database."""
    import argparse as words

    from copilot.cli.tenants import make_login

    make_login(words.Namespace(name="demo", superuser=True, data=options.data))


def _ports(options: argparse.Namespace, say: Callable[[str], None]) -> dict[str, int]:
    """Return the ports; those that nobody asked for give way with --once, as in a test that shares its machine."""
    chosen: dict[str, int] = {}
    for name, default in PORTS.items():
        asked = getattr(options, name)
        port = asked or default
        if asked is None and options.once and not _is_free(port):
            with socket.socket() as listener:
                listener.bind(("127.0.0.1", 0))
                port = listener.getsockname()[1]
            say(f"port {default} is taken: {port} serves as --{name.replace('_', '-')}")
        chosen[name] = port
    if not _is_free(chosen["replay_port"]):
        raise Problem(f"port {chosen['replay_port']} is taken; choose another with --replay-port")
    return chosen


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def start_replay(recording: Path, *, stack: Stack, port: int, anchor: float) -> Process:
    """Start the recorded sources as a process of the stack, which tends and stops it."""
    from copilot.supervisor import Process, answers

    command = [sys.executable, "-m", "copilot.replay", "--recording", str(recording), "--port", str(port)]
    process = Process(
        "replay",
        [*command, "--anchor", f"{anchor:.3f}"],
        {},
        answers(f"http://127.0.0.1:{port}/health"),
        stack.data / "logs" / "replay.log",
    )
    process.start()
    stack.processes.append(process)
    return process


def wait_for(process: Process) -> None:
    """Wait until a process is ready.

    :raises Problem: where it does not come up.
    """
    end = time.monotonic() + REPLAY_SECONDS
    while not process.is_ready():
        if not process.is_alive or time.monotonic() > end:
            raise Problem(f"the replay did not start; its log ({process.log}) says:\n{process.last_words()}")
        time.sleep(0.05)
