"""What the recording proxy passes on, keeps, and never keeps."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from copilot.replay.recorder import Proxy, Source
from copilot.replay.recording import Recording
from tests.waiting import PATIENCE

ALERT = 1_793_714_520.0
Answer = tuple[int, str, Any]
Vendor = Callable[[str, dict[str, list[str]]], Answer]


@contextmanager
def listening(server: ThreadingHTTPServer) -> Iterator[ThreadingHTTPServer]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def recording(
    kind: str, vendor: Vendor, asked: list[tuple[str, dict[str, str]]] | None = None
) -> Iterator[tuple[httpx.Client, Recording]]:
    """Put a proxy before a vendor; `asked` collects the paths and headers that reach the vendor."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if asked is not None:
                asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            length = int(self.headers.get("Content-Length") or 0)
            form = self.rfile.read(length).decode()
            parts = urlsplit(self.path)
            status, content_type, body = vendor(parts.path, {**parse_qs(parts.query), **parse_qs(form)})
            content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 - http.server's own name

        def log_message(self, *_: Any) -> None:
            pass

    kept = Recording(alert_at=ALERT, world={})
    with ExitStack() as stack:
        upstream = stack.enter_context(listening(ThreadingHTTPServer(("127.0.0.1", 0), Handler)))
        source = Source(kind, {"url": f"http://127.0.0.1:{upstream.server_address[1]}"})
        proxy = Proxy(source, kept)
        stack.enter_context(listening(proxy))
        client = stack.enter_context(httpx.Client(base_url=proxy.url, trust_env=False, timeout=PATIENCE))
        yield client, kept


def body_of(kept: Recording, vendor: str, path: str, question: str = "") -> Any:
    found = kept.find(vendor, "GET", path, question)
    assert found is not None, list(kept.exchanges)
    return found.body


def matrix(query: dict[str, list[str]]) -> Answer:
    """A Prometheus with one series for each part of a query; its value is the query's length."""
    text = query["query"][0]
    start = float(query["start"][0])
    rows = [{"metric": {"asked": text}, "values": [[start, str(len(text))], [start + 30, "0.123456789"]]}]
    return 200, "application/json", {"status": "success", "data": {"resultType": "matrix", "result": rows}}


def test_each_part_of_a_union_is_kept_by_itself() -> None:
    union = 'label_replace(a{}, "q", "0", "", "") or label_replace(b{x="1"}, "q", "1", "", "")'
    with recording("prometheus", lambda _, query: matrix(query)) as (client, kept):
        answer = client.get(
            "/api/v1/query_range", params={"query": union, "start": ALERT, "end": ALERT + 30, "step": "30"}
        )

    assert answer.json()["data"]["result"][0]["metric"] == {"asked": union}
    assert sorted(question for _, _, _, question in kept.exchanges) == ["query=a{}", 'query=b{x="1"}']
    data = body_of(kept, "prometheus", "/api/v1/query_range", "query=a{}")["data"]
    assert data["series"] == [{"metric": {"asked": "a{}"}, "values": "3 .12346"}]


def test_what_is_asked_of_now_is_asked_of_the_page_s_time() -> None:
    asked: list[tuple[str, dict[str, str]]] = []
    vector = {"status": "success", "data": {"resultType": "vector", "result": []}}
    with recording("prometheus", lambda *_: (200, "application/json", vector), asked) as (client, kept):
        client.get("/api/v1/query", params={"query": "up"}, headers={"Authorization": "Bearer of-prometheus"})

    path, headers = asked[0]
    assert parse_qs(urlsplit(path).query) == {"query": ["up"], "time": [str(ALERT)]}
    assert headers["authorization"] == "Bearer of-prometheus"
    assert body_of(kept, "prometheus", "/api/v1/query", "query=up") == vector


def test_a_list_in_pages_is_kept_whole() -> None:
    def vendor(_: str, query: dict[str, list[str]]) -> Answer:
        first = "continue" not in query
        metadata = {"continue": "more", "remainingItemCount": 1} if first else {}
        return 200, "application/json", {"kind": "PodList", "metadata": metadata, "items": [{"n": 1 if first else 2}]}

    with recording("kubernetes", vendor) as (client, kept):
        assert client.get("/api/v1/pods", params={"limit": "1"}).json()["metadata"]["continue"] == "more"
        client.get("/api/v1/pods", params={"limit": "1", "continue": "more"})

    assert body_of(kept, "kubernetes", "/api/v1/pods") == {
        "kind": "PodList",
        "metadata": {},
        "items": [{"n": 1}, {"n": 2}],
    }


def test_secrets_are_masked_and_headers_are_not_kept() -> None:
    pod = {
        "metadata": {"name": "web-1", "managedFields": [{"manager": "kubectl"}]},
        "spec": {
            "containers": [
                {
                    "env": [
                        {"name": "DB_PASSWORD", "value": "correct-horse-battery"},
                        {"name": "DB_POOL_SIZE", "value": "5"},
                    ]
                }
            ]
        },
    }
    with recording("kubernetes", lambda *_: (200, "application/json", {"items": [pod]})) as (client, kept):
        client.get("/api/v1/pods", headers={"Authorization": "Bearer of-the-cluster"})

    (item,) = body_of(kept, "kubernetes", "/api/v1/pods")["items"]
    password, size = item["spec"]["containers"][0]["env"]
    assert item["metadata"] == {"name": "web-1"}
    assert password["value"].startswith("<password:")
    assert size == {"name": "DB_POOL_SIZE", "value": "5"}
    assert "correct-horse" not in repr(kept)
    assert "of-the-cluster" not in repr(kept)


def test_a_log_is_kept_without_its_secrets() -> None:
    line = "2026-11-03T14:02:00Z retry with password=correct-horse-battery\n"
    with recording("kubernetes", lambda *_: (200, "text/plain", line)) as (client, kept):
        parameters = {"container": "web", "tailLines": "200", "timestamps": "true"}
        assert client.get("/api/v1/namespaces/shop/pods/web-1/log", params=parameters).text == line

    text = body_of(kept, "kubernetes", "/api/v1/namespaces/shop/pods/web-1/log", "container=web")
    assert text.startswith("2026-11-03T14:02:00Z retry with password=<password:")


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_refusal_is_kept_as_one(status: int) -> None:
    with recording("kubernetes", lambda *_: (status, "application/json", {"kind": "Status", "code": status})) as (
        client,
        kept,
    ):
        assert client.get("/apis/apps/v1/deployments").status_code == status

    found = kept.find("kubernetes", "GET", "/apis/apps/v1/deployments", "")
    assert found is not None
    assert found.status == status


def test_a_vendor_that_is_gone_is_a_bad_gateway_and_nothing_is_kept() -> None:
    kept = Recording(alert_at=ALERT, world={})
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as gone:
        address = f"http://127.0.0.1:{gone.server_address[1]}"
    with listening(Proxy(Source("kubernetes", {"url": address}), kept)) as proxy:
        answer = httpx.get(f"http://127.0.0.1:{proxy.server_address[1]}/version", trust_env=False, timeout=PATIENCE)

    assert answer.status_code == 502
    assert address in answer.json()["message"]
    assert kept.exchanges == {}
