"""A load of signed webhooks over kept-alive connections, cheap enough to share two cores with what it measures."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(slots=True)
class Outcome:
    """Hold what a load saw: seconds in all, seconds of each request, answers by status."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Return requests a second."""
        return len(self.latencies) / self.seconds


def page(*, incident: str, service: str, title: str) -> bytes:
    """Return the body of a PagerDuty V3 `incident.triggered` webhook, as large as real ones are."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

    def reference(kind: str, identifier: str, summary: str) -> dict[str, str]:
        return {
            "html_url": f"https://acme.pagerduty.com/{kind}s/{identifier}",
            "id": identifier,
            "self": f"https://api.pagerduty.com/{kind}s/{identifier}",
            "summary": summary,
            "type": f"{kind}_reference",
        }

    return json.dumps(
        {
            "event": {
                "id": uuid.uuid4().hex,
                "event_type": "incident.triggered",
                "resource_type": "incident",
                "occurred_at": now,
                "agent": None,
                "client": None,
                "data": {
                    **reference("incident", incident, title),
                    "type": "incident",
                    "number": 1,
                    "status": "triggered",
                    "created_at": now,
                    "title": title,
                    "service": reference("service", service, "Checkout"),
                    "assignees": [reference("user", "PTUXL6G", "User 123")],
                    "escalation_policy": reference("escalation_policy", "PUS0KTE", "Default"),
                    "teams": [reference("team", "PFCVPS0", "Engineering")],
                    "priority": reference("priority", "PSO75BM", "P1"),
                    "urgency": "high",
                    "conference_bridge": None,
                    "resolve_reason": None,
                },
            }
        }
    ).encode()


def request(url: str, body: bytes, secret: str) -> bytes:
    """Return a whole signed HTTP request with a delivery id of its own."""
    parts = urlsplit(url)
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        f"X-PagerDuty-Signature: v1={signature}\r\nX-Webhook-Id: {uuid.uuid4()}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _send(url: str, secret: str, *, body: bytes, count: int, connections: int, rate: float) -> Outcome:
    parts = urlsplit(url)
    outcome = Outcome()
    numbers = iter(range(count))
    started = time.perf_counter()

    async def sender() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            for number in numbers:
                if rate and (wait := started + number / rate - time.perf_counter()) > 0:
                    await asyncio.sleep(wait)
                whole = request(url, body, secret)
                sent = time.perf_counter()
                writer.write(whole)
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                await reader.readexactly(length)
                outcome.latencies.append(time.perf_counter() - sent)
                outcome.statuses[int(head[9:12])] += 1
        finally:
            writer.close()

    await asyncio.gather(*(sender() for _ in range(connections)))
    outcome.seconds = time.perf_counter() - started
    return outcome


def send(url: str, secret: str, *, body: bytes, count: int, connections: int, rate: float = 0.0) -> Outcome:
    """Send `count` webhooks over `connections`, as fast as they are answered, or at `rate` a second."""
    return asyncio.run(_send(url, secret, body=body, count=count, connections=connections, rate=rate))
