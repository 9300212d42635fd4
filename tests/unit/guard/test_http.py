"""The outbound door, by each of its four stacks against real sockets on loopback."""

from __future__ import annotations

import gzip
import os
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import requests
from prometheus_api_client import PrometheusConnect

from copilot.guard.http import HttpDoor, Meter
from integrations.base import Door, Rejected, SourceError, TimedOut, TooLarge, Unreachable
from tests.unit.guard.servers import STACKS, answer, certificate, door, serving

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler

Ask = Callable[..., tuple[int, bytes]]
pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(params=STACKS, ids=str)
def ask(request: pytest.FixtureRequest) -> Ask:
    return STACKS[request.param]


def names(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let `*.example` resolve to the given addresses, call by call, the last for ever; literals resolve to themselves."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if not str(host).endswith(".example"):
            return real(host, port, *args, **kwargs)
        asked.append(host)
        addresses = answers[min(len(asked), len(answers)) - 1]
        return [entry for address in addresses for entry in real(address, port, *args, **kwargs)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


def test_it_is_the_door_that_integrations_are_handed() -> None:
    way: Door = door(max_bytes=10)
    assert way.max_bytes == 10
    assert HttpDoor(deadline_seconds=1).max_bytes == 8 * 1024 * 1024


def test_it_brings_an_answer_and_keeps_the_name_in_the_host_header(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, ["127.0.0.1"])
    with serving(answer(body=b"up 1")) as server:
        assert ask(door(), f"http://prometheus.example:{server.port}/-/ready?x=1") == (200, b"up 1")
        [(method, path, headers)] = server.asked
        assert (method, path) == ("GET", "/-/ready?x=1")
        assert headers["host"] == f"prometheus.example:{server.port}"


def test_a_refusal_of_the_source_comes_as_it_is(ask: Ask) -> None:
    with serving(answer(status=503, body=b"later")) as server:
        assert ask(door(), f"http://127.0.0.1:{server.port}/") == (503, b"later")
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "0.0.0.0",
        "[::]",
        "0",
    ],
)
def test_every_spelling_of_this_machine_is_refused(ask: Ask, host: str) -> None:
    with serving(answer()) as server:
        with pytest.raises(Unreachable, match="COPILOT_ALLOWED_PRIVATE_NETWORKS") as refused:
            ask(door(allowed_private=()), f"http://{host}:{server.port}/")
        assert refused.value.retryable is False
        assert server.connections == 0


def test_a_name_that_stands_for_a_private_address_is_refused(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, ["10.1.2.3"])
    with pytest.raises(Unreachable) as refused:
        ask(door(), "http://prometheus.example:9090/")
    assert refused.value.reason == (
        "prometheus.example is 10.1.2.3, which is not a public address: refused. Where this deployment may reach it, add its "
        "network to COPILOT_ALLOWED_PRIVATE_NETWORKS (for example 10.0.0.0/8)"
    )


def test_metadata_is_refused_even_inside_an_allowed_range(ask: Ask) -> None:
    wide = (ip_network("169.254.0.0/16"), ip_network("fc00::/7"))
    for host in ("169.254.169.254", "[fd00:ec2::254]", "[::ffff:169.254.169.254]"):
        with pytest.raises(Unreachable, match="credentials"):
            ask(door(allowed_private=wide), f"http://{host}/latest/meta-data/")


def test_it_connects_to_the_address_that_it_checked(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that answers well first and badly afterwards (rebinding) is asked once."""
    with serving(answer(body=b"checked")) as good:
        asked = names(monkeypatch, ["127.0.0.1"], ["10.0.0.1"])
        assert ask(door(), f"http://rebind.example:{good.port}/") == (200, b"checked")
        assert asked == ["rebind.example"]


def test_of_several_addresses_only_allowed_ones_are_tried(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, ["10.0.0.1", "127.0.0.1"])
    with serving(answer(body=b"second")) as server:
        assert ask(door(), f"http://two.example:{server.port}/") == (200, b"second")


def test_it_reaches_ipv6(ask: Ask) -> None:
    with serving(answer(body=b"six"), host="::1") as server:
        assert ask(door(), f"http://[::1]:{server.port}/") == (200, b"six")
        assert server.asked[0][2]["host"] == f"[::1]:{server.port}"


def test_tls_checks_the_certificate_against_the_name(ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names(monkeypatch, ["127.0.0.1"])
    context, trusted = certificate(tmp_path, "api.example")
    with serving(answer(body=b"sealed"), tls=context) as server:
        assert ask(door(), f"https://api.example:{server.port}/", trusted) == (200, b"sealed")
        assert server.names == ["api.example"]
        with pytest.raises(Unreachable, match="certificate is not trusted: Hostname mismatch"):
            ask(door(), f"https://other.example:{server.port}/", trusted)
        with pytest.raises(Unreachable, match="certificate is not trusted: self-signed"):
            ask(door(), f"https://api.example:{server.port}/")
        assert len(server.asked) == 1
        assert ask(door(), f"https://other.example:{server.port}/", False) == (200, b"sealed")


def test_plain_text_on_a_tls_port_is_said_plainly(ask: Ask) -> None:
    with serving(answer()) as server, pytest.raises(Unreachable, match="does the address speak https"):
        ask(door(), f"https://127.0.0.1:{server.port}/", False)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(ask: Ask, status: int) -> None:
    with serving(answer(body=b"secret")) as inner:
        target = f"http://user:pass@127.0.0.1:{inner.port}/login?token=abc"
        with serving(answer(status=status, Location=target)) as outer:
            with pytest.raises(Rejected) as refused:
                ask(door(), f"http://127.0.0.1:{outer.port}/")
            assert refused.value.reason == (
                f"127.0.0.1:{outer.port} redirects to http://127.0.0.1:{inner.port}/login: enter the final address in the connection"
            )
            assert inner.connections == 0


def test_proxies_in_the_environment_are_not_used(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answer(body=b"proxied")) as proxy, serving(answer(body=b"direct")) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        assert ask(door(), f"http://127.0.0.1:{server.port}/") == (200, b"direct")
        assert proxy.connections == 0


def silent(request: BaseHTTPRequestHandler) -> None:
    time.sleep(3)


def dripping_head(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(60):
        request.wfile.write(b"X-%d: y\r\n" % number)
        time.sleep(0.05)


def dripping_body(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n")
    for _ in range(60):
        request.wfile.write(b"x")
        time.sleep(0.05)


@pytest.mark.parametrize("handle", [silent, dripping_head, dripping_body])
def test_the_deadline_ends_a_slow_answer(ask: Ask, handle: Callable[..., None]) -> None:
    """A time-out per read is not enough: a server that drips bytes resets it for ever."""
    way = door(deadline_seconds=0.4)
    with serving(handle) as server, pytest.raises(TimedOut) as late:
        ask(way, f"http://127.0.0.1:{server.port}/")
    assert late.value.reason == f"127.0.0.1:{server.port} did not answer within 0.4 s"
    assert way.remaining() == 0


def test_the_deadline_ends_a_slow_answer_inside_tls(ask: Ask, tmp_path: Path) -> None:
    context, _ = certificate(tmp_path, "api.example")
    with serving(dripping_body, tls=context) as server, pytest.raises(TimedOut, match=r"within 0\.4 s"):
        ask(door(deadline_seconds=0.4), f"https://127.0.0.1:{server.port}/", False)


def test_a_handshake_that_hangs_is_ended(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(TimedOut):
            ask(door(deadline_seconds=0.4), f"https://127.0.0.1:{port}/", False)


def test_nothing_is_asked_after_the_deadline(ask: Ask) -> None:
    with serving(answer()) as server:
        with pytest.raises(TimedOut):
            ask(door(deadline_seconds=0), f"http://127.0.0.1:{server.port}/")
        assert server.asked == []


def test_a_resolver_that_hangs_is_left_behind(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def hang(*args: Any, **kwargs: Any) -> Any:
        release.wait(5)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        with pytest.raises(TimedOut):
            ask(door(deadline_seconds=0.3), "http://slow.example/")
    finally:
        release.set()


def test_an_unknown_name_is_said_plainly(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(
        Unreachable, match=r"the name 'nowhere\.example' is not known \(DNS: name or service not known\)"
    ):
        ask(door(), "http://nowhere.example/")


def test_a_closed_port_is_said_plainly(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(
        Unreachable, match=f"127.0.0.1:{port} does not accept connections .connection refused."
    ) as refused:
        ask(door(), f"http://127.0.0.1:{port}/")
    assert refused.value.retryable is True


def test_a_connection_that_breaks_off_is_a_typed_error(ask: Ask) -> None:
    def cut(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\nhalf")
        request.wfile.flush()
        request.connection.shutdown(socket.SHUT_RDWR)

    with serving(cut) as server, pytest.raises(Unreachable, match="broke off"):
        ask(door(), f"http://127.0.0.1:{server.port}/")


def test_what_does_not_speak_http_is_a_typed_error(ask: Ask) -> None:
    def babble(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n" * 3)
        request.close_connection = True

    with serving(babble) as server, pytest.raises(Unreachable, match="does not speak HTTP"):
        ask(door(), f"http://127.0.0.1:{server.port}/")


def test_an_announced_length_over_the_cap_is_refused_unread(ask: Ask) -> None:
    with serving(answer(body=b"x", Content_Length=str(10**15))) as server, pytest.raises(TooLarge) as refused:
        ask(door(max_bytes=2048), f"http://127.0.0.1:{server.port}/")
    assert refused.value.reason == (
        f"127.0.0.1:{server.port} answered with more than 2 KiB: ask for less (a shorter window, fewer series)"
    )


def endless(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        request.wfile.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")


def test_an_endless_answer_is_cut_at_the_cap(ask: Ask) -> None:
    with serving(endless) as server, pytest.raises(TooLarge):
        ask(door(max_bytes=100_000), f"http://127.0.0.1:{server.port}/")


def test_an_answer_of_exactly_the_cap_passes(ask: Ask) -> None:
    with serving(answer(body=b"x" * 4096)) as server:
        assert ask(door(max_bytes=4096), f"http://127.0.0.1:{server.port}/") == (200, b"x" * 4096)
        with pytest.raises(TooLarge):
            ask(door(max_bytes=4095), f"http://127.0.0.1:{server.port}/")


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress], ids=["gzip", "deflate"])
def test_a_packed_answer_is_unpacked(ask: Ask, pack: Callable[[bytes], bytes]) -> None:
    encoding = "gzip" if pack is gzip.compress else "deflate"
    with serving(answer(body=pack(b"metric " * 5000), Content_Encoding=encoding)) as server:
        assert ask(door(), f"http://127.0.0.1:{server.port}/") == (200, b"metric " * 5000)


def test_a_packed_answer_of_several_members_is_unpacked_whole(ask: Ask) -> None:
    body = gzip.compress(b"one ") + gzip.compress(b"two")
    with serving(answer(body=body, Content_Encoding="gzip")) as server:
        assert ask(door(), f"http://127.0.0.1:{server.port}/") == (200, b"one two")


def test_a_compressed_bomb_is_refused_before_it_is_unpacked(ask: Ask) -> None:
    """64 MiB of zeros travel as 64 KiB; the memory that refusing takes stays near the cap."""
    import tracemalloc

    bomb = gzip.compress(bytes(64 << 20))
    with serving(answer(body=bomb, Content_Encoding="gzip")) as server:
        way = door(max_bytes=1 << 20)
        tracemalloc.start()
        try:
            with pytest.raises(TooLarge):
                ask(way, f"http://127.0.0.1:{server.port}/")
            assert tracemalloc.get_traced_memory()[1] < 8 << 20
        finally:
            tracemalloc.stop()


def test_a_damaged_packed_answer_is_a_typed_error(ask: Ask) -> None:
    with (
        serving(answer(body=b"not gzip at all", Content_Encoding="gzip")) as server,
        pytest.raises(SourceError, match="damaged"),
    ):
        ask(door(), f"http://127.0.0.1:{server.port}/")


def test_one_connection_serves_several_requests() -> None:
    with serving(answer(body=b"again")) as server:
        base = f"http://127.0.0.1:{server.port}"
        with door().session() as session:
            assert [session.get(base).content for _ in range(3)] == [b"again"] * 3
        with door().client(base) as client:
            assert [client.get("/").content for _ in range(3)] == [b"again"] * 3
        with door().pool_manager() as manager:
            assert [manager.request("GET", base).data for _ in range(3)] == [b"again"] * 3
        assert server.connections == 3


def test_a_head_request_may_announce_a_length_over_the_cap() -> None:
    def head(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\nContent-Encoding: gzip\r\n\r\n")

    with serving(head) as server:
        url = f"http://127.0.0.1:{server.port}"
        with door(max_bytes=10).client(url) as client:
            assert client.head("/").headers["content-length"] == "99999"
        with door(max_bytes=10).session() as session:
            assert session.head(url).status_code == 200
        with door(max_bytes=10).pool_manager() as manager:
            assert manager.request("HEAD", url).status == 200


def test_it_posts_a_body_and_says_who_asks() -> None:
    with serving(answer()) as server:
        url = f"http://127.0.0.1:{server.port}"
        with door(user_agent="sre-copilot/1").client(url, headers={"Authorization": "Token t"}) as client:
            client.post("/q", json={"a": 1})
        with door(user_agent="sre-copilot/1").session() as session:
            session.post(f"{url}/q", data={"query": "up"})
        assert [(method, headers["user-agent"]) for method, _, headers in server.asked] == [
            ("POST", "sre-copilot/1")
        ] * 2
        assert server.asked[0][2]["authorization"] == "Token t"


def test_an_adapter_mounted_on_the_session_does_not_open_another_way_out() -> None:
    """PrometheusConnect mounts a plain adapter of its own on the session it is given."""
    with serving(answer(body=b'{"status":"success","data":["up"]}')) as server:
        url = f"http://127.0.0.1:{server.port}"
        with door().session() as session:
            assert PrometheusConnect(url=url, session=session).get_label_values("__name__") == ["up"]
        with door(allowed_private=()).session() as session, pytest.raises(Unreachable):
            PrometheusConnect(url=url, session=session).get_label_values("__name__")
        assert server.connections == 1


def test_the_session_leaves_by_http_and_https_alone() -> None:
    with door().session() as session, pytest.raises(requests.exceptions.InvalidSchema):
        session.get("file:///etc/passwd")
    with door().client("http://127.0.0.1") as client, pytest.raises((Unreachable, httpx.UnsupportedProtocol)):
        client.get("ftp://127.0.0.1/")


def test_a_stream_is_bounded_as_it_is_read() -> None:
    with (
        serving(endless) as server,
        door(max_bytes=50_000).client(f"http://127.0.0.1:{server.port}") as client,
        client.stream("GET", "/") as answered,
    ):
        pieces = answered.iter_bytes()
        assert len(next(pieces)) <= 50_000
        with pytest.raises(TooLarge):
            list(pieces)


def test_making_a_door_imports_none_of_the_stacks() -> None:
    program = (
        "import sys; from copilot.guard.http import HttpDoor; HttpDoor(deadline_seconds=1); "
        "print([name for name in ('requests', 'urllib3', 'httpx2', 'httpx', 'kubernetes', 'anthropic') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
        env=dict(os.environ),
    )
    assert done.stdout.strip() == "[]"


def test_a_ca_may_be_given_as_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names(monkeypatch, ["127.0.0.1"])
    context, trusted = certificate(tmp_path, "api.example")
    text = Path(trusted).read_text()
    with serving(answer(body=b"sealed"), tls=context) as server:
        url = f"https://api.example:{server.port}/"
        assert STACKS["httpx"](door(), url, text) == (200, b"sealed")
        assert STACKS["requests"](door(), url, text) == (200, b"sealed")
    with pytest.raises(Rejected, match="CA certificate"):
        door().client("https://api.example", verify="/nowhere.pem")


def test_doors_that_share_a_meter_read_no_more_together_than_it_allows(ask: Ask) -> None:
    meter = Meter(2_500)
    with serving(answer(body=b"x" * 1_000)) as server:
        url = f"http://127.0.0.1:{server.port}/"
        for _ in range(2):
            assert ask(door(meter=meter), url)[0] == 200
        assert (meter.used, meter.is_spent) == (2_000, False)
        with pytest.raises(TooLarge, match=r"not read on: all sources together gave 0\.0025 MB, the limit"):
            ask(door(meter=meter), url)
        assert meter.is_spent


def test_a_meter_without_a_limit_only_counts(ask: Ask) -> None:
    meter = Meter(0)
    with serving(answer(body=gzip.compress(b"x" * 9_000), Content_Encoding="gzip")) as server:
        ask(door(meter=meter), f"http://127.0.0.1:{server.port}/")
    assert (meter.used, meter.is_spent) == (9_000, False)
