"""What the network libraries raise, said in the words of `SourceError`."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from integrations.base import Rejected, SourceError, TimedOut, TooLarge, Unauthorised, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from copilot.guard.http.addresses import Gate

Names = tuple[tuple[str, str], ...]
CLIENTS = ("httpx", "httpx2")
STACKS = (*CLIENTS, "httpcore", "httpcore2")


def of(modules: tuple[str, ...], *names: str) -> Names:
    """Return (module, class) pairs."""
    return tuple((module, name) for module in modules for name in names)


def untrusted(error: BaseException) -> SourceError:
    """Return the error for a certificate that was refused, with OpenSSL's reason."""
    why = getattr(error, "verify_message", "") or "it could not be verified"
    return Unreachable(f"the TLS certificate is not trusted: {why}; name its CA in the connection", retryable=False)


def broken(error: BaseException) -> SourceError:
    """Return the error for a connection that failed, with the system's reason."""
    why = getattr(error, "strerror", None) or type(error).__name__
    return Unreachable(f"the connection failed ({why.lower()})")


# The first rule that any cause in the chain meets decides: causes tell more than the wrapping around them. Classes are
# looked up among the loaded modules: one that is not loaded raised nothing, and importing it would load all stacks.
RULES: tuple[tuple[Names, Callable[[BaseException], SourceError]], ...] = (
    (of(("ssl",), "SSLCertVerificationError"), untrusted),
    (of(("socket",), "gaierror"), lambda _: Unreachable("the name is not known (DNS): is it spelled right?")),
    (
        (
            *of(STACKS, "TimeoutException"),
            *of(("requests.exceptions",), "Timeout"),
            *of(("urllib3.exceptions", "builtins"), "TimeoutError"),
        ),
        lambda _: TimedOut("no answer in time"),
    ),
    (
        of(("ssl", "requests.exceptions", "urllib3.exceptions"), "SSLError"),
        lambda _: Unreachable("the TLS handshake failed: does the address speak https?", retryable=False),
    ),
    (
        (
            *of(STACKS, "UnsupportedProtocol", "InvalidURL"),
            *of(("requests.exceptions",), "InvalidURL", "InvalidSchema", "MissingSchema"),
            *of(("urllib3.exceptions",), "LocationValueError"),
        ),
        lambda _: Unreachable("the address is not a complete http:// or https:// URL", retryable=False),
    ),
    (
        of((*CLIENTS, "requests.exceptions"), "TooManyRedirects"),
        lambda _: Rejected("it redirects: enter the final address in the connection", retryable=False),
    ),
    (
        (
            *of(CLIENTS, "DecodingError"),
            *of(("requests.exceptions",), "ContentDecodingError"),
            *of(("urllib3.exceptions",), "DecodeError"),
        ),
        lambda _: SourceError("it sent a compressed answer that is damaged"),
    ),
    (
        of(("json",), "JSONDecodeError"),
        lambda _: SourceError(
            "the answer is not JSON: is this the API's address, and not a login page's?", retryable=False
        ),
    ),
    (
        (
            *of((*STACKS, "urllib3.exceptions"), "ProtocolError"),
            *of(("requests.exceptions",), "ChunkedEncodingError"),
            *of(("urllib3.exceptions",), "ResponseError"),
            *of(("http.client",), "HTTPException"),
        ),
        lambda _: Unreachable("the connection broke off, or what answered does not speak HTTP"),
    ),
    (of(("builtins",), "ConnectionError"), broken),
    (
        (
            *of(STACKS, "TransportError", "NetworkError", "ProxyError"),
            *of(("requests.exceptions",), "RequestException"),
            *of(("urllib3.exceptions",), "HTTPError"),
        ),
        broken,
    ),
)
REFUSALS: dict[int, Callable[[], SourceError]] = {
    401: lambda: Unauthorised("it refused the credentials (401): renew them in the connection", retryable=False),
    403: lambda: Unauthorised(
        "the credentials may not read this (403): grant the permission, or enter others", retryable=False
    ),
    404: lambda: Rejected("it does not know what was asked for (404): is the address right?", retryable=False),
    408: lambda: TimedOut("it gave up waiting (408)"),
    413: lambda: TooLarge("it found the question too large (413)", retryable=False),
    429: lambda: SourceError("it asks to slow down (429)"),
    504: lambda: TimedOut("it gave up waiting (504)"),
}


def translate(error: BaseException, source: str = "") -> SourceError:
    """Return the typed error for what a network library raised; its text begins with the source's name, where given.

    An error that comes from no network library is a bug, and becomes a `SourceError` that is not retryable;
    `speaking_of` lets such errors pass instead.
    """
    known = recognised(error, source)
    return known or named(SourceError(f"unexpected {type(error).__name__}", retryable=False), source)


@contextmanager
def speaking_of(source: str) -> Iterator[None]:
    """Turn what the network libraries raise inside into a `SourceError` about the source; other errors pass."""
    try:
        yield
    except Exception as error:
        known = recognised(error, source)
        if known is None or known is error:
            raise
        raise known from error


def spoken(error: Exception, gate: Gate, where: str) -> Exception:
    """Return the typed error for what a stack raised behind the gate, or the error itself where it is a bug."""
    known = recognised(error)
    if known is None or known is error:
        return error
    return gate.deadline.over(where) if gate.deadline.remaining() <= 0 else named(known, where)


def recognised(error: BaseException, source: str = "") -> SourceError | None:
    """Return the typed error, or None for an error that has nothing to do with the network."""
    chain = tuple(causes(error))
    typed = next((link for link in chain if isinstance(link, SourceError)), None)
    if typed is not None:
        # SDKs wrap what the door raised; the wrapped one says it best.
        return named(typed, source)
    status = status_of(error)
    if status is not None:
        return named(refusal(status), source)
    for names, make in RULES:
        classes = loaded(names)
        for link in chain:
            if isinstance(link, classes):
                return named(make(link), source)
    return None


def refusal(status: int) -> SourceError:
    """Return the typed error for an HTTP status that is not a success."""
    if status in REFUSALS:
        return REFUSALS[status]()
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
    """Yield an error and what it was made from: by `raise … from`, or by argument and reason as urllib3 does.

    What an error merely happened beside (`__context__`) is no cause: a bug in an `except` block is not the network's.
    """
    pending: list[object] = [error]
    seen: set[int] = set()
    while pending:
        link = pending.pop(0)
        if not isinstance(link, BaseException) or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        # An SSLError's reason is a text, urllib3's is an error: only errors are followed.
        pending += [link.__cause__, getattr(link, "reason", None), *link.args[:1]]


def loaded(names: Names) -> tuple[type[BaseException], ...]:
    """Return those of the named classes whose modules are loaded."""
    found = (getattr(sys.modules.get(module), name, None) for module, name in names)
    return tuple(item for item in found if isinstance(item, type) and issubclass(item, BaseException))
