"""How soon Slack's interactions are acknowledged under load: signed commands, buttons and events at a steady rate.

Slack gives three seconds. The whole stack runs on the same cores, the listeners do their work (rows are read, a local Slack
is called back), and every request is timed from when it was due, not from when there was room to send it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import subprocess
import sys
import tempfile
import time
import urllib.parse
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from copilot.benchmarks.installation import free_port
from copilot.benchmarks.machine import machine, resident, spread
from copilot.supervisor import Ports, running

TEAM = "bench"
WARM_UP = 100
CONNECTIONS = 64
NO_ANSWER = 0
KINDS = ("/sre help", "/sre status", "a button (Home's Refresh)", "an event (the pane opened)")


def measure(*, rate: float, seconds: float) -> dict[str, Any]:
    """Return the acknowledgement times of `rate` interactions a second over some seconds."""
    before = machine()
    with tempfile.TemporaryDirectory(prefix="copilot-bench-") as folder:
        ports = Ports(free_port(), free_port(), free_port())
        with running(Path(folder), ports, lambda _: None) as stack:
            command = [sys.executable, "-m", "copilot", "--data", folder]
            subprocess.run([*command, "tenant", "create", TEAM], check=True, capture_output=True)  # noqa: S603 - ours
            made = subprocess.run(  # noqa: S603 - ours
                [*command, "connect", TEAM, "slack", "--local", "--json"], check=True, capture_output=True, text=True
            )
            address = json.loads(made.stdout)["lines"][-1].rpartition(" ")[2]
            secret, place = _team(stack.slack_url)
            asyncio.run(_load(address, secret, place, count=WARM_UP, rate=rate))
            latencies, statuses = asyncio.run(_load(address, secret, place, count=round(rate * seconds), rate=rate))
            api = [one.running.pid for one in stack.processes if one.name == "api" and one.running]
            memory = resident(api)
    seen = spread(latencies)
    return {
        "machine": before,
        "rate": rate,
        "seconds": seconds,
        "sent": len(latencies),
        "statuses": dict(statuses),
        "kinds": list(KINDS),
        "p50_ms": round(seen.median * 1000, 1),
        "p95_ms": round(seen.p95 * 1000, 1),
        "p99_ms": round(seen.p99 * 1000, 1),
        "max_ms": round(seen.largest * 1000, 1),
        "late": sum(one > 3.0 for one in latencies),
        "api_mib": round(memory),
    }


def _team(server: str) -> tuple[str, dict[str, str]]:
    """Return the app's signing secret, and ids of a person, a channel and the team."""
    with httpx.Client(base_url=server, trust_env=False, timeout=10) as client:
        secret = str(client.post("/local/app", json={"team": TEAM}).json()["signing_secret"])
        found = client.get("/local/workspace", params={"team": TEAM}).json()
    person = next(one["id"] for one in found["users"] if not one["is_bot"])
    channel = next(one["id"] for one in found["channels"] if one.get("name") == "incidents")
    return secret, {"team": str(found["team_id"]), "person": str(person), "channel": str(channel)}


def interaction(number: int, place: dict[str, str]) -> tuple[str, bytes]:
    """Return the content type and body of one interaction, each with an id of its own."""
    trigger = f"{number}.{uuid.uuid4().hex}"
    kind = number % len(KINDS)
    if kind < 2:
        fields = {
            "command": "/sre", "text": ("help", "status")[kind], "user_id": place["person"], "user_name": "alice",
            "team_id": place["team"], "channel_id": place["channel"], "trigger_id": trigger, "response_url": "",
        }  # fmt: skip
        return "application/x-www-form-urlencoded", urllib.parse.urlencode(fields).encode()
    if kind == 2:
        payload = {
            "type": "block_actions", "trigger_id": trigger, "user": {"id": place["person"], "name": "alice"},
            "team": {"id": place["team"]}, "container": {"type": "view", "view_id": "V1"},
            "actions": [{"type": "button", "action_id": "home_refresh", "block_id": "home_refresh", "value": "home"}],
        }  # fmt: skip
        return "application/x-www-form-urlencoded", urllib.parse.urlencode({"payload": json.dumps(payload)}).encode()
    event = {"type": "app_home_opened", "tab": "messages", "user": place["person"], "channel": place["channel"]}
    body = {"type": "event_callback", "event_id": f"Ev{trigger}", "team_id": place["team"], "event": event}
    return "application/json", json.dumps(body).encode()


def request(address: str, secret: str, number: int, place: dict[str, str]) -> bytes:
    """Return a whole HTTP request, signed as Slack signs."""
    kind, body = interaction(number, place)
    parts = urllib.parse.urlsplit(address)
    stamp = str(int(time.time()))
    signature = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: {kind}\r\n"
        f"X-Slack-Request-Timestamp: {stamp}\r\nX-Slack-Signature: v0={signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _load(
    address: str, secret: str, place: dict[str, str], *, count: int, rate: float
) -> tuple[list[float], Counter[int]]:
    parts = urllib.parse.urlsplit(address)
    latencies: list[float] = []
    statuses: Counter[int] = Counter()
    numbers = iter(range(count))
    started = time.perf_counter()

    async def sender() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            for number in numbers:
                due = started + number / rate
                if (wait := due - time.perf_counter()) > 0:
                    await asyncio.sleep(wait)
                if reader.at_eof() or writer.is_closing():
                    # The server closes what was idle for some seconds.
                    writer.close()
                    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
                writer.write(request(address, secret, number, place))
                try:
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                    await reader.readexactly(length)
                    statuses[int(head[9:12])] += 1
                except (asyncio.IncompleteReadError, ConnectionError):
                    statuses[NO_ANSWER] += 1
                    writer.close()
                # From when it was due: a sender that had to wait for an answer must not hide the wait of the next.
                latencies.append(time.perf_counter() - due)
        finally:
            writer.close()

    await asyncio.gather(*(sender() for _ in range(CONNECTIONS)))
    return latencies, statuses
