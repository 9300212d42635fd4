"""Servers on loopback that misbehave in chosen ways, and one way to ask through each of the door's four stacks."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from copilot.guard.http import HttpDoor

if TYPE_CHECKING:
    from pathlib import Path

Answering = Callable[[BaseHTTPRequestHandler], None]
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


@dataclass
class Server:
    """Hold where a server listens and what it was asked: (method, path, headers)."""

    port: int
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    connections: int = 0
    names: list[str | None] = field(default_factory=list)


def answer(status: int = 200, body: bytes = b"ok", **headers: str) -> Answering:
    """Return a handler that answers the same to everything."""

    def handle(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return handle


@contextlib.contextmanager
def serving(handle: Answering, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Serve on a free port until the block ends; with `tls`, the names asked for by SNI are kept."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            self.rfile.read(length)
            server.asked.append(
                (self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
            )
            with contextlib.suppress(OSError):
                handle(self)

        do_POST = do_HEAD = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    class Threading(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        daemon_threads = True

        def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
            accepted, address = super().get_request()
            server.connections += 1
            return accepted, address

        def finish_request(self, request: object, client_address: object) -> None:
            assert isinstance(request, socket.socket)
            if tls is None:
                super().finish_request(request, client_address)
                return
            with contextlib.suppress(OSError), tls.wrap_socket(request, server_side=True) as wrapped:
                super().finish_request(wrapped, client_address)

        def handle_error(self, request: object, client_address: object) -> None:
            pass

    with Threading((host, 0), Handler) as listening:
        server = Server(port=listening.server_address[1])
        if tls is not None:
            tls.sni_callback = lambda _socket, name, _context: server.names.append(name)
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown()
            thread.join()


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, str]:
    """Return a server's TLS context for a name, self-signed, and the path of the certificate to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    public = folder / f"{name}.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = folder / f"{name}.key"
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return context, str(public)


def door(**settings: object) -> HttpDoor:
    """Return a door that may reach loopback, with five seconds."""
    return HttpDoor(**{"deadline_seconds": 5.0, "allowed_private": LOOPBACK, **settings})  # type: ignore[arg-type]


def by_httpx(way: HttpDoor, url: str, verify: bool | str = True) -> tuple[int, bytes]:
    with way.client(url, verify=verify) as client:
        answered = client.get(url)
        return answered.status_code, answered.content


def by_httpx2(way: HttpDoor, url: str, verify: bool | str = True) -> tuple[int, bytes]:
    import httpx2

    # An SDK's own client: it follows redirects and would use proxies, were it not for the transport.
    with httpx2.Client(transport=way.transport2(verify=verify), follow_redirects=True) as client:
        answered = client.get(url)
        return answered.status_code, answered.content


def by_requests(way: HttpDoor, url: str, verify: bool | str = True) -> tuple[int, bytes]:
    with way.session(verify=verify) as session:
        answered = session.get(url)
        return answered.status_code, answered.content


def by_urllib3(way: HttpDoor, url: str, verify: bool | str = True) -> tuple[int, bytes]:
    arguments = (
        {"ca_certs": verify} if isinstance(verify, str) else {"cert_reqs": "CERT_REQUIRED" if verify else "CERT_NONE"}
    )
    with way.pool_manager(**arguments) as manager:
        answered = manager.request("GET", url)
        return answered.status, answered.data


STACKS = {"httpx": by_httpx, "httpx2": by_httpx2, "requests": by_requests, "urllib3": by_urllib3}
