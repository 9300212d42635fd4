"""The guarded connections for urllib3, on which requests (Prometheus' client) and the Kubernetes client sit."""

# ruff: noqa: ARG002, FBT001, FBT002 - the signatures are those of urllib3 and requests

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import requests
import requests.adapters
import urllib3
import urllib3.connection
import urllib3.connectionpool
import urllib3.util.connection

from copilot.guard.http import bodies, tls
from copilot.guard.http.addresses import CONNECT_SECONDS, Gate
from copilot.guard.http.errors import spoken

if TYPE_CHECKING:
    import socket

    from typing_extensions import Buffer


class DeadlineSocket:
    """Be a connected socket whose time-outs never reach beyond the deadline; everything else is the socket's own."""

    def __init__(self, inner: socket.socket, *, gate: Gate, where: str) -> None:
        self._inner = inner
        self._gate = gate
        self._where = where
        self._timeout: float | None = None

    def settimeout(self, value: float | None) -> None:
        """Set the time-out for the next operations, in seconds."""
        self._timeout = value

    def sendall(self, data: bytes) -> None:
        """Send all bytes."""
        self.arm()
        try:
            self._inner.sendall(data)
        except TimeoutError as error:
            raise self.late(error) from error

    def makefile(self, mode: str = "rb", buffering: int | None = None) -> io.BufferedReader:
        """Return a buffered reader, as http.client asks for."""
        if mode != "rb":
            raise ValueError("only reading is offered")
        return io.BufferedReader(DeadlineReader(self, self._inner.makefile("rb", buffering=0)))

    def arm(self) -> None:
        """Set the inner time-out for the next operation."""
        self._inner.settimeout(self._gate.deadline.limit(self._timeout, self._where))

    def late(self, error: TimeoutError) -> Exception:
        """Return the deadline's own error where it is over, else the time-out of this one operation."""
        return error if self._gate.deadline.remaining() > 0 else self._gate.deadline.over(self._where)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class DeadlineReader(io.RawIOBase):
    """Read from a socket, each read within the deadline."""

    def __init__(self, owner: DeadlineSocket, inner: Any) -> None:
        super().__init__()
        self._owner = owner
        self._inner = inner

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Buffer) -> int | None:
        """Read into the buffer and return the number of bytes."""
        self._owner.arm()
        try:
            count: int | None = self._inner.readinto(buffer)
        except TimeoutError as error:
            raise self._owner.late(error) from error
        return count

    def close(self) -> None:
        """Close the reader; the socket closes with the last of its readers."""
        self._inner.close()
        super().close()


class GuardedConnection(urllib3.connection.HTTPConnection):
    """Be a connection to a checked address, which reads its answer whole and within the cap before it hands it on."""

    gate: Gate
    max_bytes: int
    _checked = False
    _asked = ("GET", "/")

    def _new_conn(self) -> socket.socket:
        """Return a socket to a checked address of the host."""

        def dial(address: str, port: int, seconds: float) -> socket.socket:
            return urllib3.util.connection.create_connection(
                (address, port), seconds, self.source_address, self.socket_options
            )

        timeout = self.timeout if isinstance(self.timeout, int | float) else None
        made = self.gate.connect(self._dns_host, self.port, timeout, dial)
        self._checked = True
        return made

    def connect(self) -> None:
        """Connect, and put the deadline on the socket, inside or outside of TLS.

        :raises RuntimeError: where urllib3 came to its socket by another way than the gate.
        """
        self._checked = False
        super().connect()
        if not self._checked:
            # `_new_conn` is not a documented hook: should urllib3 stop calling it, the door must shut, not stand open.
            self.close()
            raise RuntimeError("urllib3 connected past the address guard")
        guarded: Any = DeadlineSocket(self.sock, gate=self.gate, where=self.where)
        self.sock = guarded

    @property
    def where(self) -> str:
        """Return host and port."""
        return f"{self.host}:{self.port}"

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        """Send a request; its answer is read in `getresponse`, so that urllib3 must not read it first, unbounded."""
        self._asked = (method, url)
        super().request(method, url, *args, **{**kwargs, "preload_content": False})

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]  # urllib3's own deviation
        """Return the answer, read whole and unpacked, with its body in memory.

        :raises TooLarge: where it is over the cap, packed or unpacked.
        :raises Rejected: where it is a redirect.
        """
        answer = super().getresponse()
        method, url = self._asked
        headers = answer.headers.copy()
        bodies.check_head(
            answer.status,
            headers.get("location"),
            None if method == "HEAD" else headers.get("content-length"),
            url=f"{'https' if isinstance(self, urllib3.connection.HTTPSConnection) else 'http'}://{self.where}{url}",
            where=self.where,
            max_bytes=self.max_bytes,
        )
        body = bytearray()
        # urllib3 unpacks in steps of this size; it is its decoder that knows every packing it asked for.
        for piece in answer.stream(bodies.STEP, decode_content=True):
            body += piece
            if len(body) > self.max_bytes:
                raise bodies.too_large(self.where, self.max_bytes)
            if self.gate.meter is not None:
                self.gate.meter.take(len(piece))
        if "content-encoding" in headers:
            headers.discard("content-encoding")
            headers.discard("content-length")
        return urllib3.HTTPResponse(
            body=io.BytesIO(bytes(body)),
            headers=headers,
            status=answer.status,
            version=answer.version,
            version_string=answer.version_string,
            reason=answer.reason,
            preload_content=False,
            decode_content=False,
            request_method=method,
            request_url=url,
        )


class GuardedPool(urllib3.connectionpool.HTTPConnectionPool):
    """Be a pool of guarded connections: no redirects, no retries of its own, errors in our words."""

    gate: Gate

    def urlopen(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        """Send one request and return its answer.

        :raises SourceError: for whatever goes wrong on the way.
        """
        if kwargs.get("retries") is None:
            kwargs["retries"] = False
        # The body is in memory already: the connection may serve the next request.
        kwargs |= {"redirect": False, "release_conn": True}
        try:
            return super().urlopen(method, url, *args, **kwargs)
        except Exception as error:
            said = spoken(error, self.gate, f"{self.host}:{self.port}")
            if said is error:
                raise
            raise said from error

    def _validate_conn(self, conn: Any) -> None:
        """Connect early, as TLS pools do, but without a warning per request where the tenant chose not to verify."""
        if isinstance(self, urllib3.connectionpool.HTTPSConnectionPool) and conn.is_closed:
            conn.connect()


def guarded_pools(gate: Gate, max_bytes: int) -> dict[str, type[urllib3.connectionpool.HTTPConnectionPool]]:
    """Return the pool classes of one door, by scheme."""
    own_gate, own_max_bytes = gate, max_bytes

    class Connection(GuardedConnection):
        gate = own_gate
        max_bytes = own_max_bytes

    class SecureConnection(GuardedConnection, urllib3.connection.HTTPSConnection):
        gate = own_gate
        max_bytes = own_max_bytes

    class Pool(GuardedPool):
        gate = own_gate
        ConnectionCls = Connection

    class SecurePool(GuardedPool, urllib3.connectionpool.HTTPSConnectionPool):
        gate = own_gate
        ConnectionCls = SecureConnection

    return {"http": Pool, "https": SecurePool}


def pool_manager(gate: Gate, max_bytes: int, **arguments: Any) -> urllib3.PoolManager:
    """Return a pool manager whose every pool is guarded."""
    manager = urllib3.PoolManager(
        **{"timeout": urllib3.Timeout(connect=CONNECT_SECONDS), "retries": False, **arguments}
    )
    manager.pool_classes_by_scheme = guarded_pools(gate, max_bytes)
    return manager


class GuardedAdapter(requests.adapters.HTTPAdapter):
    """Carry a session's requests through guarded pools; the door decides on TLS, proxies do not exist."""

    def __init__(self, gate: Gate, max_bytes: int, verify: bool | str) -> None:
        self._gate = gate
        self._max_bytes = max_bytes
        self._verify = verify
        super().__init__()

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        """Make the guarded manager in place of requests' own."""
        self.poolmanager = pool_manager(
            self._gate,
            self._max_bytes,
            num_pools=connections,
            maxsize=maxsize,
            block=block,
            ssl_context=tls.context(self._verify),
            cert_reqs="CERT_NONE" if self._verify is False else "CERT_REQUIRED",
            **pool_kwargs,
        )

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """Return the guarded pool for a request."""
        return self.poolmanager.connection_from_url(str(request.url))

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Leave the trust as the door set it."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request, never by a proxy."""
        return super().send(request, *args, **{**kwargs, "proxies": None})


class GuardedSession(requests.Session):
    """Be a session with one way out, whatever is mounted on it later.

    `PrometheusConnect` mounts a plain adapter of its own on any session it is given, which would step around the guard.
    """

    def __init__(self, gate: Gate, max_bytes: int, *, verify: bool | str, user_agent: str) -> None:
        self._way_out = GuardedAdapter(gate, max_bytes, verify)
        super().__init__()
        self.trust_env = False
        self.verify = verify
        self.headers["User-Agent"] = user_agent

    def get_adapter(self, url: str | bytes) -> requests.adapters.BaseAdapter:
        """Return the guarded adapter for http and https.

        :raises requests.exceptions.InvalidSchema: for anything else.
        """
        text = url.decode() if isinstance(url, bytes) else url
        if not text.lower().startswith(("http://", "https://")):
            raise requests.exceptions.InvalidSchema("only http and https lead out")
        return self._way_out

    def close(self) -> None:
        """Close all connections."""
        self._way_out.close()
        super().close()
