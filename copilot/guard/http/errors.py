"""What the network libraries raise, said in the words of `SourceError`."""

from __future__ import annotations

import json
import socket
import ssl
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from integrations.base import Rejected, SourceError, TimedOut, TooLarge, Unauthorised, Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from copilot.guard.http.addresses import Gate

# Classes are looked up among the modules that are loaded: one that is not cannot have raised anything, and importing it here would
# make every process carry all four stacks.
Names = tuple[tuple[str, str], ...]
CORES = ("httpcore", "httpcore2")
CLIENTS = ("httpx", "httpx2")
TIMEOUTS: Names = (
    *((module, "TimeoutException") for module in (*CLIENTS, *CORES)),
    ("requests.exceptions", "Timeout"),
    ("urllib3.exceptions", "TimeoutError"),
)
ADDRESSES: Names = (
    *((module, "UnsupportedProtocol") for module in (*CLIENTS, *CORES)),
    *((module, "InvalidURL") for module in CLIENTS),
    ("requests.exceptions", "InvalidURL"),
    ("requests.exceptions", "InvalidSchema"),
    ("requests.exceptions", "MissingSchema"),
    ("urllib3.exceptions", "LocationValueError"),
)
LOOPS: Names = (*((module, "TooManyRedirects") for module in CLIENTS), ("requests.exceptions", "TooManyRedirects"))
DECODING: Names = (
    *((module, "DecodingError") for module in CLIENTS),
    ("requests.exceptions", "ContentDecodingError"),
    ("urllib3.exceptions", "DecodeError"),
)
PROTOCOLS: Names = (
    *((module, "ProtocolError") for module in (*CLIENTS, *CORES)),
    ("requests.exceptions", "ChunkedEncodingError"),
    ("urllib3.exceptions", "ProtocolError"),
    ("urllib3.exceptions", "ResponseError"),
    ("http.client", "HTTPException"),
)
NETWORKS: Names = (
    *((module, "TransportError") for module in CLIENTS),
    *((module, "NetworkError") for module in CORES),
    *((module, "ProxyError") for module in CORES),
    ("requests.exceptions", "RequestException"),
    ("urllib3.exceptions", "HTTPError"),
)


def translate(error: BaseException, source: str = "") -> SourceError:
    """Return the typed error for what a network library raised; its text begins with the source's name where one is given.

    An error that comes from no network library is a bug and becomes a `SourceError` that is not retryable; `speaking_of` lets
    such errors pass instead.
    """
    known = recognised(error, source)
    return known or named(SourceError(f"unexpected {type(error).__name__}", retryable=False), source)


@contextmanager
def speaking_of(source: str) -> Iterator[None]:
    """Turn what the network libraries raise inside into a `SourceError` about the source; other errors pass as they are."""
    try:
        yield
    except Exception as error:
        known = recognised(error, source)
        if known is None or known is error:
            raise
        raise known from error


def spoken(error: Exception, gate: Gate, where: str) -> Exception:
    """Return the typed error for what a stack raised behind the gate, or the error itself where it is none of the network's."""
    known = recognised(error)
    if known is None:
        return error
    if known is error:
        return known
    if gate.deadline.remaining() <= 0:
        return gate.deadline.over(where)
    return named(known, where)


def recognised(error: BaseException, source: str = "") -> SourceError | None:
    """Return the typed error, or None for an error that has nothing to do with the network."""
    chain = tuple(causes(error))
    for link in chain:
        # A typed error that a library wrapped on its way (SDKs do) says it best.
        if isinstance(link, SourceError):
            return named(link, source)
    status = status_of(error)
    if status is not None:
        return named(refusal(status), source)
    made = classified(chain)
    return None if made is None else named(made, source)


def classified(chain: tuple[BaseException, ...]) -> SourceError | None:
    """Return the typed error for a chain of causes; the most telling cause decides, not the outermost wrapping."""
    for link in chain:
        if isinstance(link, ssl.SSLCertVerificationError):
            why = link.verify_message or "it could not be verified"
            return Unreachable(
                f"the TLS certificate is not trusted: {why}; name its CA in the connection", retryable=False
            )
    for link in chain:
        if isinstance(link, socket.gaierror):
            return Unreachable("the name is not known (DNS): is it spelled right?")
    if any_of(chain, TIMEOUTS) or any(isinstance(link, TimeoutError) for link in chain):
        return TimedOut("no answer in time")
    if any(isinstance(link, ssl.SSLError) for link in chain):
        return Unreachable("the TLS handshake failed: does the address speak https?", retryable=False)
    if any_of(chain, ADDRESSES):
        return Unreachable("the address is not a complete http:// or https:// URL", retryable=False)
    if any_of(chain, LOOPS):
        return Rejected("it redirects: enter the final address in the connection", retryable=False)
    if any_of(chain, DECODING):
        return SourceError("it sent a compressed answer that is damaged")
    if isinstance(chain[0], json.JSONDecodeError):
        return SourceError(
            "the answer is not JSON: is this the API's address, and not a login page's?", retryable=False
        )
    if any_of(chain, PROTOCOLS):
        return Unreachable("the connection broke off, or what answered does not speak HTTP")
    for link in chain:
        if isinstance(link, ConnectionError):
            return Unreachable(f"the connection failed ({(link.strerror or type(link).__name__).lower()})")
    if any_of(chain[:1], NETWORKS):
        return Unreachable("the connection failed")
    return None


def refusal(status: int) -> SourceError:
    """Return the typed error for an HTTP status that is not a success."""
    if status == 401:
        return Unauthorised("it refused the credentials (401): renew them in the connection", retryable=False)
    if status == 403:
        return Unauthorised(
            "the credentials may not read this (403): grant the permission, or enter others", retryable=False
        )
    if status == 404:
        return Rejected("it does not know what was asked for (404): is the address right?", retryable=False)
    if status == 413:
        return TooLarge("it found the question too large (413)", retryable=False)
    if status == 429:
        return SourceError("it asks to slow down (429)")
    if status in {408, 504}:
        return TimedOut(f"it gave up waiting ({status})")
    if status >= 500:
        return SourceError(f"it is in trouble itself ({status})")
    return Rejected(f"it refused the question ({status})", retryable=False)


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status that an error of any client or SDK carries, None where it carries none."""
    response = getattr(error, "response", None)
    for holder, field in ((response, "status_code"), (response, "status"), (error, "status_code"), (error, "status")):
        value = getattr(holder, field, None)
        if isinstance(value, int) and 300 <= value < 600:
            return value
    return None


def named(error: SourceError, source: str) -> SourceError:
    """Return the error with the source's name in front, or itself where the text already names it."""
    if not source or source in error.reason:
        return error
    return type(error)(f"{source}: {error.reason}", retryable=error.retryable)


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it was made from: causes, contexts, and what requests and urllib3 carry as argument or reason."""
    pending: list[object] = [error]
    seen: set[int] = set()
    while pending:
        link = pending.pop(0)
        if not isinstance(link, BaseException) or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        pending += [
            link.__cause__,
            None if link.__suppress_context__ else link.__context__,
            getattr(link, "reason", None),
            *link.args[:1],
        ]


def any_of(chain: tuple[BaseException, ...], names: Names) -> bool:
    """Return whether any link of the chain is of one of the named classes."""
    classes = tuple(
        found for module, name in names if isinstance(found := getattr(sys.modules.get(module), name, None), type)
    )
    return any(isinstance(link, classes) for link in chain)
