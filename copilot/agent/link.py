"""The line to the service: out only, through the guarded door, with the token and nothing else to say who we are."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from copilot.agent.protocol import ANSWERS_PATH, MAX_WAIT_SECONDS, POLL_PATH, Work, read
from copilot.agent.work import USER_AGENT
from copilot.guard.http import HttpDoor
from copilot.guard.http.errors import refusal
from integrations.base import Rejected, SourceError, Unauthorised, Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    import httpx

    from copilot.agent.protocol import Answered, Poll
    from copilot.config import AgentConfig

# A poll's answer holds requests, which are small.
MAX_BYTES = 4 * 1024 * 1024
# What a poll may take beyond its wait: connecting, and a service that is slow to answer.
SPARE_SECONDS = 15.0


class Gone(Rejected):
    """Say that nobody waits for an answer any more (409)."""


class Link:
    """Speak with the service; every call is a connection of its own, so that nothing half-open is left behind."""

    def __init__(self, settings: AgentConfig) -> None:
        self._settings = settings

    def token(self) -> str:
        """Return the token, from its file where it has one.

        :raises Unauthorised: where there is none.
        """
        path = self._settings.token_file
        try:
            found = path.read_text(encoding="utf-8").strip() if path else ""
        except (OSError, UnicodeDecodeError) as error:
            raise Unauthorised(f"the token's file {path} cannot be read: {type(error).__name__}") from None
        found = found or (self._settings.token.get_secret_value().strip() if self._settings.token else "")
        if not found or not found.isascii() or not found.isprintable():
            raise Unauthorised("there is no token: set COPILOT_AGENT_TOKEN_FILE or COPILOT_AGENT_TOKEN")
        return found

    def poll(self, said: Poll) -> Work:
        """Ask for work, and wait for it as long as the poll says.

        :raises Unauthorised: where the token is refused.
        :raises SourceError: where the service does not answer.
        """
        seconds = min(said.wait_seconds, MAX_WAIT_SECONDS) + SPARE_SECONDS
        return read(Work, self._post(POLL_PATH, said.model_dump_json().encode(), seconds=seconds))

    def answer(self, request_id: UUID, answered: Answered, *, seconds: float) -> None:
        """Send an answer.

        :raises Gone: where nobody waits for it.
        :raises SourceError: where the service does not take it; `retryable` says whether to try again.
        """
        path = ANSWERS_PATH.format(request_id=request_id)
        self._post(path, answered.model_dump_json().encode(), seconds=seconds)

    def _post(self, path: str, body: bytes, *, seconds: float) -> bytes:
        headers = {"Authorization": f"Bearer {self.token()}", "Content-Type": "application/json"}
        with self._connected(seconds) as client:
            response = client.post(path, content=body, headers=headers)
            if response.is_success:
                return response.content
            said = _said(response.content)
        if response.status_code == 401:
            raise Unauthorised(said or "the token is refused", retryable=False)
        if response.status_code == 409:
            raise Gone(said or "nobody waits for this", retryable=False)
        if response.status_code in {413, 422}:
            raise Rejected(f"the service refuses what the agent says ({response.status_code}): {said}", retryable=False)
        raise SourceError(f"the service: {refusal(response.status_code).reason}", retryable=True)

    @contextmanager
    def _connected(self, seconds: float) -> Iterator[httpx.Client]:
        settings = self._settings
        if not settings.url:
            raise Unreachable("COPILOT_AGENT_URL is not set: it is the address of the service", retryable=False)
        door = HttpDoor(
            deadline_seconds=seconds,
            max_bytes=MAX_BYTES,
            allowed_private=settings.allowed_private_networks,
            user_agent=USER_AGENT,
        )
        verify: bool | str = str(settings.ca_file) if settings.ca_file else True
        with door.client(settings.url.rstrip("/"), verify=verify) as client:
            yield client


def _said(body: bytes) -> str:
    """Return the words of a refusal, where it has some."""
    try:
        detail = json.loads(body[:4096]).get("detail", "")
    except (ValueError, AttributeError):
        return ""
    return str(detail)[:300] if isinstance(detail, str) else ""
