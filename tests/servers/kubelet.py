"""The part of a kubelet that the API server asks for logs: a small TLS server with the text of each container."""

from __future__ import annotations

import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tests.servers.certificates import self_signed
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Key = tuple[str, str, str, bool]


@dataclass
class Kubelet:
    """Hold logs by namespace, pod, container and whether they are from before the last restart."""

    port: int = 0
    logs: dict[Key, list[tuple[str, str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def write(self, namespace: str, pod: str, container: str, *lines: tuple[str, str], previous: bool = False) -> None:
        """Append lines, each an RFC 3339 time and a text."""
        self.logs.setdefault((namespace, pod, container, previous), []).extend(lines)

    def read(self, key: Key, query: dict[str, list[str]]) -> str | None:
        """Return a log as a kubelet would: the tail, with times where asked, cut at the limit."""
        lines = self.logs.get(key)
        if lines is None:
            return None
        if "tailLines" in query:
            lines = lines[-int(query["tailLines"][0]) :]
        stamped = query.get("timestamps") == ["true"]
        text = "".join(f"{stamp} {line}\n" if stamped else f"{line}\n" for stamp, line in lines)
        return text[: int(query["limitBytes"][0])] if "limitBytes" in query else text


@contextmanager
def serving(folder: Path) -> Iterator[Kubelet]:
    """Start a kubelet on a free loopback port."""
    kubelet = Kubelet()
    certificate, key = self_signed(folder, "kubelet")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            kubelet.asked.append(self.path)
            steps = parts.path.strip("/").split("/")
            query = parse_qs(parts.query)
            text = None
            if len(steps) == 4 and steps[0] == "containerLogs":
                text = kubelet.read((steps[1], steps[2], steps[3], query.get("previous") == ["true"]), query)
            missing = (
                f'previous terminated container "{steps[-1]}" in pod not found'
                if "previous" in query
                else "no such container"
            )
            content = (missing if text is None else text).encode()
            self.send_response(400 if text is None else 200)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    kubelet.port = int(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, name="kubelet", daemon=True)
    thread.start()
    try:
        yield kubelet
    finally:
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE)
