"""Which addresses the product may connect to: public ones, and the private ones that the deployment names."""

from __future__ import annotations

import queue
import socket
import threading
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, TypeVar

import stamina

from copilot.guard.http.deadline import Deadline
from integrations.base import TimedOut, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from copilot.guard.http.meter import Meter

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Connected = TypeVar("Connected")

SETTING = "COPILOT_ALLOWED_PRIVATE_NETWORKS"
CONNECT_SECONDS = 3.0

# Credentials of the machine itself are served here. A wide range (fc00::/7, 169.254.0.0/16) must not open them by
# accident, so that they count as allowed only where they are named alone. Azure's is, by its number, a public address.
METADATA = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254",
        "169.254.170.2",
        "168.63.129.16",
        "100.100.100.200",
        "fd00:ec2::254",
        "fd20:ce::254",
    )
)

# IANA's special-purpose registries, as far as the `is_global` of some Python 3.11 takes them for public.
SPECIAL: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "192.0.0.0/24",
        "192.88.99.0/24",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
    )
)
NAT64 = IPv6Network("64:ff9b::/96")
COMPATIBLE = IPv6Network("::/96")


def plain(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 form stands for (mapped, compatible, NAT64), or the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if int(address) > 1 and (address in NAT64 or address in COMPATIBLE):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_public(address: Address) -> bool:
    """Return whether anyone may reach an address: it is not loopback, private, shared, link-local or multicast."""
    address = plain(address)
    if address in METADATA or address.is_multicast or not address.is_global:
        return False
    return not any(address.version == network.version and address in network for network in SPECIAL)


class Gate:
    """Resolve a host, check what it resolves to, and connect to exactly that.

    The connection goes to the address that was checked and the name is not resolved again, so that a DNS server which
    answers differently the second time (rebinding) gains nothing. The name stays in the Host header and in TLS.
    """

    def __init__(self, *, deadline: Deadline, allowed_private: Sequence[Network], meter: Meter | None = None) -> None:
        self.deadline = deadline
        self.meter = meter
        self.allowed_private = tuple(allowed_private)

    def permits(self, address: Address) -> bool:
        """Return whether a connection to the address is allowed."""
        if is_public(address):
            return True
        address = plain(address)
        networks = [network for network in self.allowed_private if network.version == address.version]
        if address in METADATA:
            return any(network.prefixlen == network.max_prefixlen and address in network for network in networks)
        return any(address in network for network in networks)

    def addresses(self, host: str, port: int) -> list[Address]:
        """Return the addresses of a host that may be connected to, in the resolver's order.

        :raises Unreachable: where the name is unknown, or stands for addresses that are not allowed.
        :raises TimedOut: where the resolver does not answer before the deadline.
        """
        found = self._resolve(host, port)
        permitted = [plain(address) for address in found if self.permits(address)]
        if not permitted:
            raise Unreachable(refusal(host, found), retryable=False)
        return permitted

    def connect(
        self, host: str, port: int, timeout: float | None, dial: Callable[[str, int, float], Connected]
    ) -> Connected:
        """Return what `dial(address, port, seconds)` opens for the first address of the host that accepts.

        A connection that is refused at once is tried once more after a moment: nothing was sent yet, so that this is
        safe for any request. Nothing else is retried: a source in trouble must not get our load twice.

        :raises Unreachable: where the host is not allowed, unknown or does not accept.
        :raises TimedOut: where the deadline is over.
        """
        where = f"{host}:{port}"
        permitted = self.addresses(host, port)
        budget = Deadline(self.deadline.limit(min(timeout or CONNECT_SECONDS, CONNECT_SECONDS), where))
        try:
            # stamina compares the time-out with the time already spent; the budget itself bounds each attempt.
            for attempt in stamina.retry_context(
                on=ConnectionError, attempts=2, timeout=budget.seconds, wait_initial=0.1, wait_max=0.3, wait_jitter=0.1
            ):
                with attempt:
                    return self._dial_any(permitted, port, budget, dial)
        except TimeoutError as error:
            if self.deadline.remaining() <= 0:
                raise self.deadline.over(where) from error
            raise Unreachable(
                f"{where} did not accept a connection within {budget.seconds:.2g} s: "
                "is the address right, is a firewall between?"
            ) from error
        except OSError as error:
            raise Unreachable(
                f"{where} does not accept connections ({reason(error)}): is the address right, is the service up?"
            ) from error
        raise AssertionError("unreachable: stamina raises or returns")

    @staticmethod
    def _dial_any(
        addresses: Sequence[Address], port: int, budget: Deadline, dial: Callable[[str, int, float], Connected]
    ) -> Connected:
        """Try the addresses in turn, each with its share of the time: one dead address must not use up all of it."""
        failure: OSError = TimeoutError()
        for index, address in enumerate(addresses):
            share = budget.remaining() / (len(addresses) - index)
            if share <= 0:
                break
            try:
                return dial(str(address), port, share)
            except OSError as error:
                failure = error
        raise failure

    def _resolve(self, host: str, port: int) -> list[Address]:
        """Return all addresses of a host; a literal is taken as it is, all else goes to the system's resolver."""
        bare = host.removeprefix("[").removesuffix("]")
        try:
            return [ip_address(bare)]
        except ValueError:
            pass
        where = f"{host}:{port}"
        answers: queue.SimpleQueue[Sequence[str] | Exception] = queue.SimpleQueue()

        def ask() -> None:
            try:
                found = socket.getaddrinfo(bare, port, type=socket.SOCK_STREAM)
            except (OSError, UnicodeError) as error:
                answers.put(error)
            else:
                answers.put([str(entry[4][0]) for entry in found])

        # getaddrinfo knows no time-out: it runs in a thread that is left behind when it does not answer in time.
        threading.Thread(target=ask, name="resolver", daemon=True).start()
        seconds = self.deadline.limit(CONNECT_SECONDS, where)
        try:
            answer = answers.get(timeout=seconds)
        except queue.Empty:
            raise TimedOut(f"the name {host!r} could not be looked up within {seconds:.2g} s (DNS)") from None
        if isinstance(answer, UnicodeError):
            raise Unreachable(f"{host!r} is not a host name", retryable=False) from answer
        if isinstance(answer, Exception):
            raise Unreachable(
                f"the name {host!r} is not known (DNS: {reason(answer)}): is it spelled right?"
            ) from answer
        return list(dict.fromkeys(_parsed(answer)))


def refusal(host: str, found: Sequence[Address]) -> str:
    """Return why a host is refused, and which setting would allow it."""
    shown = ", ".join(str(address) for address in found[:3]) or "no address"
    metadata = [plain(address) for address in found if plain(address) in METADATA]
    if metadata:
        return (
            f"{host} is {shown}, where a cloud serves the machine's own credentials: refused. Only an entry for this "
            f"one address ({metadata[0]}/{metadata[0].max_prefixlen}) in {SETTING} would allow it"
        )
    return (
        f"{host} is {shown}, which is not a public address: refused. Where this deployment may reach it, add its "
        f"network to {SETTING} (for example {example(found)})"
    )


def example(found: Sequence[Address]) -> str:
    """Return a network that would cover the first refused address."""
    if not found:
        return "10.0.0.0/8"
    address = plain(found[0])
    for text in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"):
        if address.version == 4 and address in ip_network(text):
            return text
    return f"{address}/{address.max_prefixlen}"


def reason(error: Exception) -> str:
    """Return what the system said, without its error number."""
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()


def _parsed(texts: Iterable[str]) -> Iterator[Address]:
    for text in texts:
        yield ip_address(text)
