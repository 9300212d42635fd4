"""A stand-in for the outbound door: every client it hands over is answered by one function of the test."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import httpx2
import requests
import urllib3
from requests.adapters import BaseAdapter
from urllib3.response import HTTPResponse

from integrations.base import TimedOut, TooLarge, Unreachable

Body = bytes | str | dict[str, Any] | list[Any]
Answer = tuple[int, Mapping[str, str], Body]
Handler = Callable[[str, str, Mapping[str, str], bytes], Answer]


@dataclass(frozen=True, slots=True)
class Asked:
    """Hold one request as it left; header names are in lower case."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """Return the path without the query."""
        return urlsplit(self.url).path

    @property
    def parameters(self) -> dict[str, str]:
        """Return the query's parameters; of a repeated name the last value."""
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))


@dataclass
class FakeDoor:
    """Answer each request of every kind of client from `handler(method, url, headers, body) -> (status, headers, body)`.

    A `dict` or `list` body is sent as JSON. `asked` keeps the requests. Like the real door it raises `TooLarge` over `max_bytes`
    and `TimedOut` past the deadline: `seconds` are left at first, and each request takes `cost` of them.
    """

    handler: Handler
    max_bytes: int = 10 * 1024 * 1024
    seconds: float = 10.0
    cost: float = 0.0
    asked: list[Asked] = field(default_factory=list)
    opened: int = 0
    closed: int = 0

    def remaining(self) -> float:
        """Return the seconds left until the deadline, never below zero."""
        return max(0.0, self.seconds)

    def answer(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """Return what the handler says, or fail as the real door would."""
        lowered = {str(name).lower(): str(value) for name, value in headers.items()}
        self.asked.append(Asked(method.upper(), url, lowered, body))
        if self.remaining() <= 0:
            raise TimedOut(f"{urlsplit(url).netloc} did not answer before the deadline")
        self.seconds -= self.cost
        if self.seconds < 0:
            raise TimedOut(f"{urlsplit(url).netloc} did not answer before the deadline")
        status, answered, content = self.handler(method.upper(), url, lowered, body)
        out = {name.lower(): value for name, value in answered.items()}
        if isinstance(content, dict | list):
            out.setdefault("content-type", "application/json")
            content = json.dumps(content).encode()
        elif isinstance(content, str):
            content = content.encode()
        if len(content) > self.max_bytes:
            raise TooLarge(f"the answer of {urlsplit(url).netloc} is over {self.max_bytes} bytes")
        return status, out, content

    def client(
        self, base_url: str, *, headers: Mapping[str, str] | None = None, verify: bool | str = True
    ) -> httpx.Client:
        """Return an httpx client that is answered by the handler."""

        def handle(request: httpx.Request) -> httpx.Response:
            status, out, content = self.answer(request.method, str(request.url), request.headers, request.read())
            return httpx.Response(status, headers=out, stream=httpx.ByteStream(content))

        return httpx.Client(base_url=base_url, headers=dict(headers or {}), transport=httpx.MockTransport(handle))

    def transport2(self, *, verify: bool | str = True) -> httpx2.BaseTransport:
        """Return an httpx2 transport that is answered by the handler."""

        def handle(request: httpx2.Request) -> httpx2.Response:
            status, out, content = self.answer(request.method, str(request.url), request.headers, request.read())
            return httpx2.Response(status, headers=out, stream=httpx2.ByteStream(content))

        return httpx2.MockTransport(handle)

    def session(self, *, verify: bool | str = True) -> requests.Session:
        """Return a requests session that is answered by the handler."""
        session = requests.Session()
        session.verify = verify
        session.trust_env = False
        for scheme in ("http://", "https://"):
            session.mount(scheme, _Adapter(self))
        return session

    def pool_manager(self, **arguments: Any) -> urllib3.PoolManager:
        """Return a urllib3 pool manager that is answered by the handler."""
        return _PoolManager(self, arguments)


def unreachable(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """Be a handler for a source that cannot be connected to."""
    raise Unreachable(f"no connection to {urlsplit(url).netloc}")


class _Adapter(BaseAdapter):
    def __init__(self, door: FakeDoor) -> None:
        super().__init__()
        self.door = door

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        content = request.body or b""
        body = content.encode() if isinstance(content, str) else bytes(content)
        status, out, answered = self.door.answer(request.method or "GET", request.url or "", request.headers, body)
        response = requests.Response()
        response.status_code = status
        response.headers.update(out)
        response.raw = HTTPResponse(io.BytesIO(answered), headers=out, status=status, preload_content=False)
        response.url = request.url or ""
        response.request = request
        response.encoding = "utf-8"
        return response

    def close(self) -> None:
        self.door.closed += 1


class _PoolManager(urllib3.PoolManager):
    def __init__(self, door: FakeDoor, arguments: Mapping[str, Any]) -> None:
        super().__init__()
        self.door = door
        self.arguments = dict(arguments)

    def urlopen(self, method: str, url: str, redirect: bool = True, **kw: Any) -> HTTPResponse:  # type: ignore[override]
        content = kw.get("body") or b""
        body = content.encode() if isinstance(content, str) else bytes(content)
        status, out, answered = self.door.answer(method, url, kw.get("headers") or {}, body)
        return HTTPResponse(
            io.BytesIO(answered),
            headers=out,
            status=status,
            preload_content=kw.get("preload_content", True),
            request_method=method,
            request_url=url,
        )

    def clear(self) -> None:
        self.door.closed += 1
