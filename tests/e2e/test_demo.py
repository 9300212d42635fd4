"""`copilot demo` as a newcomer meets it: the whole product, one incident, a person's word, and what it changes."""

from __future__ import annotations

import argparse
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import httpx
import pytest

from copilot.cli import demo, main
from copilot.cli.session import Problem
from copilot.knowledge.briefing import Briefing
from tests.servers.processes import free_port
from tests.waiting import PATIENCE

# A start takes half a minute on an idle machine.
START_SECONDS = 3 * PATIENCE
COMMAND = [sys.executable, "-c", "import sys; from copilot.cli import main; sys.exit(main())", "demo"]


def environment() -> dict[str, str]:
    """What a newcomer has: nothing of ours, no keys."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COPILOT_", "ANTHROPIC_", "DJANGO_", "REDIS_"))
    }


def ports() -> list[str]:
    return [
        word
        for option in ("--port", "--slack-port", "--ops-port", "--replay-port")
        for word in (option, str(free_port()))
    ]


@pytest.mark.slow
def test_the_demo_fills_a_thread_and_its_second_start_shows_what_was_learned(tmp_path: Path) -> None:
    data = ["--data", str(tmp_path / "data")]

    first = subprocess.run(
        [*COMMAND, "--once", *ports(), *data],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )

    assert first.returncode == 0, first.stderr
    _reads_as_a_thread(first.stdout)
    assert "INC-1 · checkout · High p95 latency on checkout" in first.stdout
    assert "learned:" not in first.stdout

    # On other ports: a start finds its connections by what it is given, not by where they were.
    _second_start([*ports(), *data], tmp_path / "out.txt")


def _reads_as_a_thread(text: str) -> None:
    causes = re.findall(r"^(\d)\. (.+?)  (\d\.\d\d)–(\d\.\d\d)", text, re.MULTILINE)
    assert causes[0][0] == "1"
    assert causes[0][1].startswith("payments 2.14.0 deployed (DB_POOL_SIZE 20 → 5) was followed ")
    assert "Weighed and found light: catalog v3.2.0 deployed" in text
    assert "Cause confirmed by" in text
    assert "[ 👍 1 ]  [ 👎 ]  [ ✓ This was it ]" in text
    assert "rules only: no ANTHROPIC_API_KEY" in text
    assert re.search(r"^thread  http://127\.0\.0\.1:\d+/\?team=shop&channel=\w+&thread=[\d.]+$", text, re.MULTILINE)
    assert re.search(r"^login demo .*password: \S{10,}$", text, re.MULTILINE)


def _second_start(chosen: list[str], out: Path) -> None:
    with out.open("w") as said:
        process = subprocess.Popen(
            [*COMMAND, *chosen], env=environment(), stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        end = time.monotonic() + START_SECONDS
        while "ready; Ctrl-C stops it" not in out.read_text():
            assert process.poll() is None, out.read_text()
            assert time.monotonic() < end, out.read_text()
            time.sleep(0.1)
        _stays_up_with_what_it_learned(out.read_text())
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0, out.read_text()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(PATIENCE)
    for port in chosen[1:8:2]:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", int(port))) != 0, f"port {port} is still served"


def _stays_up_with_what_it_learned(text: str) -> None:
    _reads_as_a_thread(text)
    assert "resolving INC-1 of an earlier start" in text
    found = re.search(
        r"learned: confidence (0\.\d\d)–(0\.\d\d), was (0\.\d\d)–(0\.\d\d) in INC-1, before Alice's 👍", text
    )
    assert found is not None, text
    low, high, low_before, high_before = (float(word) for word in found.groups())
    assert low > low_before
    assert high > high_before
    link = re.search(r"^thread  (\S+)$", text, re.MULTILINE)
    admin = re.search(r"^admin   (\S+)$", text, re.MULTILINE)
    assert link is not None
    assert admin is not None
    assert httpx.get(link[1], trust_env=False, timeout=PATIENCE).status_code == 200
    assert httpx.get(f"{admin[1]}login/", trust_env=False, timeout=PATIENCE).status_code == 200
    _lets_alice_set_up(link[1])


def _lets_alice_set_up(page: str) -> None:
    act = httpx.URL(page).copy_with(path="/local/act", query=None)
    for person, said in (("alice", "Connect"), ("bob", "You are responder here; this needs the role admin in ")):
        asked = {"team": "shop", "as": person, "type": "slash", "channel": "#incidents"}
        answer = httpx.post(
            act, json={**asked, "command": "/sre", "text": "connect", "wait": 60}, trust_env=False, timeout=PATIENCE
        )
        assert (answer.status_code, said in answer.text, "this needs the role" in answer.text) == (
            200,
            True,
            person == "bob",
        ), answer.text


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A default port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
        others = {name: free_port() for name in ("slack_port", "ops_port", "replay_port")}
        monkeypatch.setattr(demo, "PORTS", {"port": port, **others})
        yield port


def options(**given: object) -> argparse.Namespace:
    return argparse.Namespace(
        **{"once": False, "port": None, "slack_port": None, "ops_port": None, "replay_port": None, **given}
    )


def test_once_gives_way_where_a_port_is_taken_and_says_so(taken: int) -> None:
    said: list[str] = []

    chosen = demo._ports(options(once=True), said.append)

    assert chosen["port"] != taken
    assert said == [f"port {taken} is taken: {chosen['port']} serves as --port"]


def test_a_port_that_was_asked_for_stays(taken: int) -> None:
    assert demo._ports(options(once=True, port=taken), pytest.fail)["port"] == taken


def test_a_taken_port_of_the_replay_is_an_error(taken: int) -> None:
    with pytest.raises(Problem, match=f"port {taken} is taken; choose another with --replay-port"):
        demo._ports(options(replay_port=taken), pytest.fail)


def test_a_recording_that_is_none_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--once", "--data", str(tmp_path), "--recording", str(tmp_path / "absent.json.gz")]) == 2
    assert "there is no file" in capsys.readouterr().err


def ranked(*services: str) -> Briefing:
    return cast(Briefing, SimpleNamespace(hypotheses=[SimpleNamespace(service=service) for service in services]))


def test_a_thread_that_names_another_service_first_is_a_failure() -> None:
    demo._check("payments", ranked("payments", "checkout"))
    demo._check("", ranked("checkout"))
    with pytest.raises(Problem, match="the thread names checkout first; it was payments"):
        demo._check("payments", ranked("checkout", "payments"))
    with pytest.raises(Problem, match="the thread names nothing first; it was payments"):
        demo._check("payments", ranked())
