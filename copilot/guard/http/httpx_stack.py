"""The guarded transport for httpx, and for httpx2, on which the SDKs of Anthropic and PagerDuty sit."""

# ruff: noqa: ARG002 - the signatures are those of httpcore

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from copilot.guard.http import bodies
from copilot.guard.http.addresses import CONNECT_SECONDS, Gate
from copilot.guard.http.errors import spoken
from integrations.base import SourceError, Unreachable

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Iterator
    from types import ModuleType


class GuardedBackend:
    """Be the network of an httpcore pool: the gate connects, every read and write keeps the deadline."""

    def __init__(self, core: ModuleType, gate: Gate) -> None:
        self._core = core
        self._gate = gate
        self._inner = core.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> GuardedStream:
        """Return a stream to a checked address of the host."""

        def dial(address: str, port: int, seconds: float) -> Any:
            try:
                return self._inner.connect_tcp(
                    address, port, timeout=seconds, local_address=local_address, socket_options=socket_options
                )
            except self._core.ConnectTimeout as error:
                raise TimeoutError from error
            except self._core.ConnectError as error:
                raise next(
                    (link for link in (error.__cause__, error.__context__) if isinstance(link, OSError)),
                    OSError(str(error)),
                ) from error

        stream = self._gate.connect(host, port, timeout, dial)
        return GuardedStream(stream, gate=self._gate, where=f"{host}:{port}")

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> GuardedStream:
        """Refuse: the door leads to hosts, never to a socket file of this machine.

        :raises Unreachable: always.
        """
        raise Unreachable("socket files are not sources", retryable=False)

    def sleep(self, seconds: float) -> None:
        """Wait, as httpcore asks between its own attempts."""
        self._inner.sleep(seconds)


class GuardedStream:
    """Be an httpcore stream whose time-outs never reach beyond the deadline."""

    def __init__(self, inner: Any, *, gate: Gate, where: str) -> None:
        self._inner = inner
        self._gate = gate
        self._where = where

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return the bytes that have come."""
        received: bytes = self._inner.read(max_bytes, self._gate.deadline.limit(timeout, self._where))
        return received

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes."""
        self._inner.write(buffer, self._gate.deadline.limit(timeout, self._where))

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> GuardedStream:
        """Return the stream inside TLS; the certificate is checked against the name, not the address."""
        seconds = self._gate.deadline.limit(timeout, self._where)
        return GuardedStream(
            self._inner.start_tls(ssl_context, server_hostname, seconds), gate=self._gate, where=self._where
        )

    def get_extra_info(self, info: str) -> Any:
        """Return what httpcore asks about the connection."""
        return self._inner.get_extra_info(info)


@functools.cache
def transport_class(stack: ModuleType, core: ModuleType) -> Any:  # noqa: C901 - two classes in a closure
    """Return the transport class for httpx with httpcore, or httpx2 with httpcore2, whose interfaces are the same.

    The pool is made here instead of exchanging the private one of an `HTTPTransport`: a renamed attribute there would
    open the door without a word.
    """

    class Body(stack.SyncByteStream):  # type: ignore[misc, name-defined]
        """Be the bounded, unpacked body of one answer."""

        def __init__(self, answer: Any, *, encoding: str, where: str, gate: Gate, max_bytes: int) -> None:
            self._answer = answer
            self._pieces = bodies.decoded(answer.stream, encoding, where=where, max_bytes=max_bytes)
            self._where = where
            self._gate = gate

        def __iter__(self) -> Iterator[bytes]:
            try:
                for piece in self._pieces:
                    if self._gate.meter is not None:
                        self._gate.meter.take(len(piece))
                    yield piece
            except Exception as error:
                raise spoken(error, self._gate, self._where) from error

        def close(self) -> None:
            self._answer.close()

    class GuardedTransport(stack.BaseTransport):  # type: ignore[misc, name-defined]
        """Carry requests through the gate, and raise nothing but `SourceError` for what goes wrong on the way."""

        def __init__(self, gate: Gate, *, max_bytes: int, ssl_context: ssl.SSLContext) -> None:
            self._gate = gate
            self._max_bytes = max_bytes
            self._pool = core.ConnectionPool(ssl_context=ssl_context, network_backend=GuardedBackend(core, gate))

        def handle_request(self, request: Any) -> Any:
            url = request.url
            if url.scheme not in {"http", "https"} or not url.host:
                raise Unreachable("the address is not a complete http:// or https:// URL", retryable=False)
            where = f"{url.host}:{url.port or (443 if url.scheme == 'https' else 80)}"
            # Only what can be unpacked in bounded steps is asked for.
            headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"accept-encoding"]
            try:
                answer = self._pool.handle_request(
                    core.Request(
                        method=request.method,
                        url=core.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                        headers=[*headers, (b"Accept-Encoding", b"gzip")],
                        content=request.stream,
                        extensions=self._extensions(request.extensions, where),
                    )
                )
            except Exception as error:
                raise spoken(error, self._gate, where) from error
            try:
                return self._response(request, answer, where)
            except SourceError:
                answer.close()
                raise

        def _response(self, request: Any, answer: Any, where: str) -> Any:
            received = stack.Headers(answer.headers)
            bodies.check_head(
                answer.status,
                received.get("location"),
                None if request.method == "HEAD" else received.get("content-length"),
                url=str(request.url),
                where=where,
                max_bytes=self._max_bytes,
            )
            encoding = "" if request.method == "HEAD" else received.get("content-encoding", "").strip().lower()
            dropped = {b"content-encoding", b"content-length"} if encoding else set()
            return stack.Response(
                status_code=answer.status,
                headers=[(name, value) for name, value in answer.headers if name.lower() not in dropped],
                stream=Body(answer, encoding=encoding, where=where, gate=self._gate, max_bytes=self._max_bytes),
                extensions=answer.extensions,
            )

        def _extensions(self, extensions: Any, where: str) -> dict[str, Any]:
            """Return the request's extensions with time-outs inside the deadline: an SDK's default is ten minutes."""
            asked = extensions.get("timeout", {})
            limits = {
                kind: self._gate.deadline.limit(asked.get(kind), where) for kind in ("connect", "read", "write", "pool")
            }
            limits["connect"] = min(limits["connect"], CONNECT_SECONDS)
            return {**extensions, "timeout": limits}

        def close(self) -> None:
            self._pool.close()

    return GuardedTransport
