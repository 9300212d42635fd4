"""A Pinecone index on this machine: Prism, which others wrote, holds every request and answer against Pinecone's published spec.

What answers behind it is a few dictionaries, as Prism alone keeps nothing: it would find what was never stored. One request goes
past Prism, to upsert records: their body is a line of JSON each, which Prism does not read.
"""

from __future__ import annotations

import http.client
import json
import shutil
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.servers.embeddings import vector
from tests.servers.processes import free_port, running
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
PROGRAM = HERE / "node_modules" / "@stoplight" / "prism-cli" / "dist" / "index.js"
SPEC = Path("vendor") / "specs" / "pinecone-db_data_2026-04.oas.yaml"
INSTALL = "npm ci --prefix tests/servers --ignore-scripts"


@dataclass
class Index:
    """Be the running index: its address, and what it keeps by namespace."""

    url: str
    namespaces: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)


def skip_reason(shared: Path) -> str:
    """Return why the index cannot be had here; empty where it can."""
    if shutil.which("node") is None:
        return "no Pinecone stand-in: node is not installed"
    if not PROGRAM.exists():
        return f"no Pinecone stand-in: run `{INSTALL}`"
    return "" if (shared / SPEC).exists() else f"no Pinecone stand-in: {SPEC} is absent"


@contextmanager
def serving(shared: Path, folder: Path) -> Iterator[Index]:
    """Serve the index on a free loopback port; what breaks the spec is answered with an error."""
    index = Index("")
    port = free_port()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(index, 0))
    front = ThreadingHTTPServer(("127.0.0.1", 0), _handler(index, port))
    threads = [
        threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        for one in (server, front)
    ]
    for thread in threads:
        thread.start()
    log = folder / "prism.log"
    command = ["node", str(PROGRAM), "proxy", "--errors", "-h", "127.0.0.1", "-p", str(port), str(shared / SPEC)]
    try:
        with running(
            [*command, f"http://127.0.0.1:{server.server_port}"],
            log=log,
            ready=lambda: "Prism is listening" in log.read_text(errors="replace"),
            environment={"NO_COLOR": "1"},
        ):
            index.url = f"http://127.0.0.1:{front.server_port}"
            yield index
    finally:
        for one in (server, front):
            one.shutdown()
            one.server_close()
        for thread in threads:
            thread.join(PATIENCE)


def _near(index: Index, namespace: str, asked: list[float], most: int) -> list[tuple[str, float]]:
    kept = index.namespaces.get(namespace, {})
    scored = [(one, sum(a * b for a, b in zip(asked, values, strict=True))) for one, values in kept.items()]
    return sorted(scored, key=lambda pair: (-pair[1], pair[0]))[:most]


def _answer(index: Index, path: str, query: dict[str, list[str]], data: bytes) -> tuple[int, Any]:
    """Return status and body of an answer, in the spec's form."""
    parts = path.strip("/").split("/")
    if path == "/vectors/list":
        namespace = query.get("namespace", [""])[0]
        ids = sorted(index.namespaces.get(namespace, {}))
        begin = int(query.get("paginationToken", ["0"])[0])
        # Short pages, so that the paging is seen to work.
        page, more = ids[begin : begin + 3], begin + 3 < len(ids)
        body = {"vectors": [{"id": one} for one in page], "namespace": namespace, "usage": {"readUnits": 1}}
        return 200, {**body, "pagination": {"next": str(begin + 3)}} if more else body
    if parts[:2] == ["records", "namespaces"] and parts[3] == "upsert":
        kept = index.namespaces.setdefault(unquote(parts[2]), {})
        for line in data.decode().splitlines():
            record = json.loads(line)
            kept[record["_id"]] = vector(record["chunk_text"])
        return 201, None
    asked = json.loads(data)
    if parts[:2] == ["records", "namespaces"] and parts[3] == "search":
        found = _near(index, unquote(parts[2]), vector(asked["query"]["inputs"]["text"]), asked["query"]["top_k"])
        hits = [{"_id": one, "_score": score, "fields": {}} for one, score in found]
        return 200, {"result": {"hits": hits}, "usage": {"read_units": 1, "embed_total_tokens": 5}}
    kept = index.namespaces.setdefault(asked.get("namespace", ""), {})
    if path == "/vectors/upsert":
        kept.update({one["id"]: one["values"] for one in asked["vectors"]})
        return 200, {"upsertedCount": len(asked["vectors"])}
    if path == "/vectors/delete":
        for one in asked["ids"]:
            kept.pop(one, None)
        return 200, {}
    if path == "/query":
        found = _near(index, asked.get("namespace", ""), asked["vector"], asked["topK"])
        matches = [{"id": one, "score": score, "values": []} for one, score in found]
        return 200, {"matches": matches, "namespace": asked.get("namespace", ""), "usage": {"readUnits": 1}}
    return 404, {"code": 5, "message": f"no such path: {path}", "details": []}


def _handler(index: Index, prism: int) -> type[BaseHTTPRequestHandler]:
    """Return a handler that answers from the index; where Prism's port is given, by way of Prism."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            index.keys.add(self.headers.get("Api-Key", ""))
            parts = urlsplit(self.path)
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if prism and not (parts.path.startswith("/records/") and parts.path.endswith("/upsert")):
                status, sent = self._through_prism(data)
            else:
                status, body = _answer(index, parts.path, parse_qs(parts.query), data)
                sent = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_POST = do_GET  # noqa: N815 - the server's own name

        def _through_prism(self, data: bytes) -> tuple[int, bytes]:
            kept = {
                name: value for name, value in self.headers.items() if name.lower() not in {"host", "accept-encoding"}
            }
            connection = http.client.HTTPConnection("127.0.0.1", prism, timeout=PATIENCE)
            connection.request(self.command, self.path, body=data or None, headers=kept)
            answer = connection.getresponse()
            found = answer.status, answer.read()
            connection.close()
            return found

        def log_message(self, *_: object) -> None:
            return

    return Handler
