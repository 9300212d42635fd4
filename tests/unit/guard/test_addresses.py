"""Which addresses are public, and what an allowed network opens."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.guard.http.addresses import METADATA, Gate, is_public, plain
from copilot.guard.http.deadline import Deadline
from integrations.base import Unreachable

PRIVATE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.1.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "100.100.100.200",
    "::",
    "::1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::10.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.0.1",
    "172.32.0.1",
    "2606:4700:4700::1111",
    "2a00:1450::1",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
]


def gate(*networks: str) -> Gate:
    return Gate(deadline=Deadline(5), allowed_private=[ip_network(network) for network in networks])


@pytest.mark.parametrize("text", PRIVATE)
def test_it_is_not_public(text: str) -> None:
    assert not is_public(ip_address(text))
    assert not gate().permits(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_it_is_public(text: str) -> None:
    assert is_public(ip_address(text))
    assert gate().permits(ip_address(text))


@pytest.mark.parametrize(
    ("network", "address", "permitted"),
    [
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("10.0.0.0/8", "192.168.0.1", False),
        ("127.0.0.0/8", "127.0.0.1", True),
        ("127.0.0.0/8", "::1", False),
        ("::1/128", "::1", True),
        ("fd00::/8", "fd12::1", True),
        ("100.64.0.0/10", "100.64.1.1", True),
        ("fd00::/8", "fd00:ec2::254", False),
        ("fd00:ec2::254/128", "fd00:ec2::254", True),
        ("169.254.0.0/16", "169.254.1.1", True),
        ("169.254.0.0/16", "169.254.169.254", False),
        ("169.254.169.254/32", "169.254.169.254", True),
        ("0.0.0.0/0", "169.254.169.254", False),
        ("0.0.0.0/0", "::1", False),
    ],
)
def test_an_allowed_network_opens_what_lies_in_it(network: str, address: str, *, permitted: bool) -> None:
    assert gate(network).permits(ip_address(address)) is permitted


@given(st.ip_addresses(v=4))
def test_an_ipv6_form_is_no_more_public_than_the_ipv4_address_it_stands_for(address: IPv4Address) -> None:
    for prefix in ("::ffff:0:0", "64:ff9b::"):
        form = IPv6Address(int(IPv6Address(prefix)) | int(address))
        assert plain(form) == address
        assert is_public(form) is is_public(address)


@given(st.ip_addresses())
def test_without_a_setting_nothing_but_public_addresses_is_reached(address: IPv4Address | IPv6Address) -> None:
    if gate().permits(address):
        assert plain(address).is_global
        assert not plain(address).is_private
        assert not plain(address).is_multicast
        assert plain(address) not in METADATA


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    def resolve(*args: Any, **kwargs: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def test_a_refusal_names_the_setting_and_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, "192.168.7.1", "fd12::1")
    with pytest.raises(Unreachable) as refused:
        gate().addresses("grafana.example", 80)
    assert refused.value.reason == (
        "grafana.example is 192.168.7.1, fd12::1, which is not a public address: refused. Where this deployment may "
        "reach it, add its network to COPILOT_ALLOWED_PRIVATE_NETWORKS (for example 192.168.0.0/16)"
    )


def test_a_mapped_address_is_dialled_as_what_it_is() -> None:
    assert gate("127.0.0.0/8").addresses("[::ffff:127.0.0.1]", 80) == [ip_address("127.0.0.1")]


def test_each_address_gets_its_share_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, "8.8.8.8", "1.1.1.1")
    dialled: list[tuple[str, float]] = []

    def dial(address: str, port: int, seconds: float) -> str:
        dialled.append((address, seconds))
        if address == "8.8.8.8":
            raise TimeoutError
        return f"{address}:{port}"

    assert gate().connect("two.example", 443, None, dial) == "1.1.1.1:443"
    assert [address for address, _ in dialled] == ["8.8.8.8", "1.1.1.1"]
    assert 1.0 < dialled[0][1] <= 1.5
    assert 2.0 < dialled[1][1] <= 3.0


def test_a_refused_connection_is_tried_once_more() -> None:
    dialled: list[str] = []

    def dial(address: str, port: int, seconds: float) -> str:
        dialled.append(address)
        if len(dialled) == 1:
            raise ConnectionRefusedError(111, "Connection refused")
        return "connected"

    assert gate().connect("8.8.8.8", 443, None, dial) == "connected"
    assert dialled == ["8.8.8.8"] * 2


def test_a_connection_that_is_refused_twice_is_given_up() -> None:
    dialled: list[str] = []

    def dial(address: str, port: int, seconds: float) -> str:
        dialled.append(address)
        raise ConnectionRefusedError(111, "Connection refused")

    with pytest.raises(Unreachable) as given_up:
        gate().connect("8.8.8.8", 443, None, dial)
    assert given_up.value.reason == (
        "8.8.8.8:443 does not accept connections (connection refused): is the address right, is the service up?"
    )
    assert given_up.value.retryable is True
    assert len(dialled) == 2


def test_silence_is_not_tried_again() -> None:
    dialled: list[str] = []

    def dial(address: str, port: int, seconds: float) -> str:
        dialled.append(address)
        raise TimeoutError

    with pytest.raises(Unreachable, match=r"did not accept a connection within 3 s"):
        gate().connect("8.8.8.8", 443, None, dial)
    assert len(dialled) == 1


@pytest.mark.parametrize("host", ["a" * 70 + ".example", "..", "ex ample"])
def test_what_is_no_host_name_is_said_plainly(host: str) -> None:
    with pytest.raises(Unreachable):
        gate().addresses(host, 80)
