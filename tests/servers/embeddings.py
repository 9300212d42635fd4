"""A stand-in for an OpenAI-style embeddings API: hashed word and letter n-grams, so that equal texts are near and nothing is learnt."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from copilot.benchmarks import hashed
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

LENGTH = 256


def vector(text: str) -> list[float]:
    """Return what the stand-in answers for a text."""
    return hashed.vector(text, LENGTH)


@dataclass
class Embeddings:
    """Be the running stand-in: its address, what it was asked, and what it answers instead of vectors."""

    url: str
    asked: list[dict[str, Any]] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)
    fails_with: int = 0
    instead: Any = None


@contextmanager
def serving() -> Iterator[Embeddings]:
    """Serve on a free loopback port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            running.asked.append(body)
            running.authorizations.append(self.headers.get("Authorization", ""))
            answer = running.instead or {
                "object": "list",
                "model": body["model"],
                # Out of order, as the API does not promise one: the index tells.
                "data": [
                    {"object": "embedding", "index": place, "embedding": vector(text)}
                    for place, text in reversed(list(enumerate(body["input"])))
                ],
            }
            data = json.dumps(answer).encode()
            self.send_response(running.fails_with or 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running = Embeddings(f"http://127.0.0.1:{server.server_port}/v1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE)
