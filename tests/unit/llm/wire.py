"""Claude's event stream as bytes, for what the stand-in cannot be made to say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx2

from copilot.llm import client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


def event(kind: str, **fields: Any) -> bytes:
    """Return one server-sent event."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def begins(**usage: int) -> bytes:
    """Return the event that begins a message and tells what its input cost."""
    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 0, "output_tokens": 1, **usage},
    }
    return event("message_start", message=message)


def says(text: str) -> bytes:
    """Return the events of one text block."""
    return (
        event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        + event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})
        + event("content_block_stop", index=0)
    )


def ends(reason: str = "end_turn", *, output_tokens: int = 10, **details: Any) -> bytes:
    """Return the events that end a message."""
    delta = {"stop_reason": reason, "stop_sequence": None, **details}
    return event("message_delta", delta=delta, usage={"output_tokens": output_tokens}) + event("message_stop")


def stream(*parts: bytes, request_id: str = "req_1") -> httpx2.Response:
    """Return an answer that streams these parts."""
    headers = {"content-type": "text/event-stream", "request-id": request_id}
    return httpx2.Response(200, headers=headers, stream=Parts(parts))


class Parts(httpx2.SyncByteStream):
    """Be a body that comes in parts; an exception among them breaks the connection there."""

    def __init__(self, parts: Iterable[bytes | Exception]) -> None:
        self.parts = parts

    def __iter__(self) -> Iterator[bytes]:
        """Yield the parts."""
        for part in self.parts:
            if isinstance(part, Exception):
                raise part
            yield part


def put_in(handler: Callable[[httpx2.Request], httpx2.Response], key: str = "test-key") -> None:
    """Have the process's client for this key answered by a function."""
    client._clients[key, None] = client.connect(key, None, httpx2.MockTransport(handler))
