"""Send signed requests to the app, as Slack does, and keep a journal of what was sent and answered."""

import asyncio
import json
import urllib.parse
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import httpx
from slack_sdk.signature import SignatureVerifier

from slackbot.local.clock import Clock
from slackbot.local.model import App, Json

DEADLINE = 3.0
KEPT = 1_000
SHOWN = 20_000


@dataclass
class Delivery:
    """One request to the app and its answer; `reason` says why there was none."""

    number: int
    team: str
    kind: str
    at: float
    request: Json
    retry: int = 0
    status: int | None = None
    reason: str | None = None
    content_type: str = ""
    answer: str = ""
    milliseconds: int = 0

    @property
    def accepted(self) -> bool:
        """Tell whether the app answered 2xx in time."""
        return self.status is not None and 200 <= self.status < 300

    def json(self) -> Json | None:
        """Return the answer when it is a JSON object."""
        try:
            body = json.loads(self.answer)
        except ValueError:
            return None
        return body if isinstance(body, dict) else None

    def shown(self) -> Json:
        """Return the entry as the journal shows it."""
        return {**asdict(self), "answer": self.answer[:SHOWN]}


class Sender:
    """Send to the app's address within Slack's three seconds."""

    def __init__(self, clock: Clock, *, deadline: float = DEADLINE) -> None:
        self._clock = clock
        self._deadline = deadline
        # A proxy in the environment is for the outside world; the app is next door.
        self._client = httpx.AsyncClient(trust_env=False, timeout=deadline + 1, follow_redirects=False)
        self._number = 0
        self.journal: deque[Delivery] = deque(maxlen=KEPT)

    async def send_form(self, app: App, *, team: str, kind: str, fields: Json) -> Delivery:
        """Send a slash command, or with `payload` an interaction."""
        body = urllib.parse.urlencode(
            {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
        )
        shown = fields.get("payload") or fields
        return await self._send(
            app, team=team, kind=kind, body=body, shown=shown, content_type="application/x-www-form-urlencoded"
        )

    async def send_json(
        self, app: App, *, team: str, kind: str, body: Json, retry: int = 0, reason: str | None = None
    ) -> Delivery:
        """Send an event; a retry carries its number and the reason."""
        headers = {} if retry == 0 else {"X-Slack-Retry-Num": str(retry), "X-Slack-Retry-Reason": reason or ""}
        return await self._send(
            app,
            team=team,
            kind=kind,
            body=json.dumps(body),
            shown=body,
            content_type="application/json",
            headers=headers,
            retry=retry,
        )

    async def _send(
        self,
        app: App,
        *,
        team: str,
        kind: str,
        body: str,
        shown: Json,
        content_type: str,
        headers: Mapping[str, str] | None = None,
        retry: int = 0,
    ) -> Delivery:
        self._number += 1
        delivery = Delivery(number=self._number, team=team, kind=kind, at=self._clock.now(), request=shown, retry=retry)
        self.journal.append(delivery)
        if app.app_url is None:
            delivery.reason = "app_not_installed"
            return delivery
        started = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(self._deadline):
                response = await self._client.post(
                    app.app_url,
                    content=body.encode(),
                    headers={
                        "Content-Type": content_type,
                        "Accept": "application/json,*/*",
                        "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
                        **signature_headers(app.signing_secret, body=body, now=self._clock.now()),
                        **(headers or {}),
                    },
                )
        except TimeoutError:
            delivery.reason = "http_timeout"
        except httpx.HTTPError:
            delivery.reason = "connection_failed"
        else:
            delivery.status = response.status_code
            delivery.content_type = response.headers.get("content-type", "")
            delivery.answer = response.text
            if 300 <= response.status_code < 400:
                delivery.reason = "http_redirect"
            elif not delivery.accepted:
                delivery.reason = "http_error"
            if response.headers.get("x-slack-no-retry") == "1":
                delivery.reason = f"{delivery.reason or 'accepted'} no_retry"
        delivery.milliseconds = round((asyncio.get_running_loop().time() - started) * 1000)
        return delivery

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def signature_headers(secret: str, *, body: str, now: float) -> dict[str, str]:
    """Return the headers that prove a request came from Slack."""
    timestamp = str(int(now))
    signature: Any = SignatureVerifier(secret).generate_signature(timestamp=timestamp, body=body)
    return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": signature}
