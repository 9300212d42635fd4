"""How the network libraries' errors become typed errors with texts for people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import anthropic
import httpx
import httpx2
import pytest
import requests
import urllib3
from kubernetes.client.exceptions import ApiException

from copilot.guard.http import speaking_of, translate
from integrations.base import Rejected, SourceError, TimedOut, TooLarge, Unauthorised, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable


def chained(outer: BaseException, inner: BaseException) -> BaseException:
    outer.__cause__ = inner
    return outer


POOL = urllib3.HTTPConnectionPool("prometheus.example")
CASES: list[tuple[BaseException, type[SourceError], bool, str]] = [
    (httpx.ReadTimeout("slow"), TimedOut, True, "no answer in time"),
    (httpx2.ConnectTimeout("slow"), TimedOut, True, "no answer in time"),
    (requests.exceptions.ReadTimeout("slow"), TimedOut, True, "no answer in time"),
    (urllib3.exceptions.ReadTimeoutError(POOL, "/", "slow"), TimedOut, True, "no answer in time"),
    (TimeoutError(), TimedOut, True, "no answer in time"),
    (httpx.ConnectError("no"), Unreachable, True, "the connection failed (connecterror)"),
    (
        requests.exceptions.ConnectionError(
            urllib3.exceptions.MaxRetryError(POOL, "/", urllib3.exceptions.SSLError("wrong version number"))
        ),
        Unreachable,
        False,
        "the TLS handshake failed: does the address speak https?",
    ),
    (
        ConnectionResetError(104, "Connection reset by peer"),
        Unreachable,
        True,
        "the connection failed (connection reset by peer)",
    ),
    (
        httpx.RemoteProtocolError("bad"),
        Unreachable,
        True,
        "the connection broke off, or what answered does not speak HTTP",
    ),
    (
        urllib3.exceptions.ProtocolError("Connection broken"),
        Unreachable,
        True,
        "the connection broke off, or what answered does not speak HTTP",
    ),
    (httpx.UnsupportedProtocol("ftp"), Unreachable, False, "the address is not a complete http:// or https:// URL"),
    (
        requests.exceptions.MissingSchema("x"),
        Unreachable,
        False,
        "the address is not a complete http:// or https:// URL",
    ),
    (
        urllib3.exceptions.LocationParseError("x"),
        Unreachable,
        False,
        "the address is not a complete http:// or https:// URL",
    ),
    (httpx.TooManyRedirects("loop"), Rejected, False, "it redirects: enter the final address in the connection"),
    (httpx.DecodingError("gzip"), SourceError, True, "it sent a compressed answer that is damaged"),
    (
        json.JSONDecodeError("Expecting value", "<html>", 0),
        SourceError,
        False,
        "the answer is not JSON: is this the API's address, and not a login page's?",
    ),
    (
        requests.exceptions.JSONDecodeError("Expecting value", "<html>", 0),
        SourceError,
        False,
        "the answer is not JSON: is this the API's address, and not a login page's?",
    ),
    (ApiException(status=401), Unauthorised, False, "it refused the credentials (401): renew them in the connection"),
    (
        ApiException(status=403),
        Unauthorised,
        False,
        "the credentials may not read this (403): grant the permission, or enter others",
    ),
    (ApiException(status=404), Rejected, False, "it does not know what was asked for (404): is the address right?"),
    (ApiException(status=413), TooLarge, False, "it found the question too large (413)"),
    (ApiException(status=422), Rejected, False, "it refused the question (422)"),
    (ApiException(status=429), SourceError, True, "it asks to slow down (429)"),
    (ApiException(status=500), SourceError, True, "it is in trouble itself (500)"),
    (ApiException(status=504), TimedOut, True, "it gave up waiting (504)"),
    (KeyError("data"), SourceError, False, "unexpected KeyError"),
]


@pytest.mark.parametrize(
    ("error", "kind", "retryable", "reason"), CASES, ids=lambda value: getattr(type(value), "__name__", "")
)
def test_it_becomes_a_typed_error(
    error: BaseException, kind: type[SourceError], *, retryable: bool, reason: str
) -> None:
    made = translate(error, "Prometheus")
    assert type(made) is kind
    assert made.retryable is retryable
    assert made.reason == f"Prometheus: {reason}"


@pytest.mark.parametrize(
    "answered",
    [
        lambda: httpx.Response(403, request=httpx.Request("GET", "http://x")).raise_for_status(),
        lambda: httpx2.Response(403, request=httpx2.Request("GET", "http://x")).raise_for_status(),
    ],
)
def test_a_status_error_of_a_client_is_read(answered: Callable[[], object]) -> None:
    with pytest.raises(Unauthorised, match=r"^GitHub: the credentials may not read this"), speaking_of("GitHub"):
        answered()


def test_what_an_sdk_wrapped_is_found_again() -> None:
    inner = TooLarge("api.example:443 answered with more than 8 MiB", retryable=False)
    outer = chained(anthropic.APIConnectionError(request=httpx2.Request("POST", "http://x")), inner)
    made = translate(outer, "Claude")
    assert type(made) is TooLarge
    assert made.reason == "Claude: api.example:443 answered with more than 8 MiB"
    assert made.retryable is False


def test_a_source_that_is_named_already_is_not_named_twice() -> None:
    with pytest.raises(Rejected) as refused, speaking_of("Prometheus"):
        raise Rejected("Prometheus does not know the metric", retryable=False)
    assert refused.value.reason == "Prometheus does not know the metric"


def test_a_bug_passes_as_it_is() -> None:
    with pytest.raises(KeyError), speaking_of("Prometheus"):
        raise KeyError("data")


def test_a_bug_beside_a_network_error_stays_a_bug() -> None:
    def careless() -> None:
        try:
            raise httpx.ReadTimeout("slow")  # noqa: TRY301
        except httpx.ReadTimeout:
            raise KeyError("data")  # noqa: B904 - the mistake that is tested

    with pytest.raises(KeyError), speaking_of("Prometheus"):
        careless()


def test_no_part_of_an_address_beyond_the_host_is_told() -> None:
    error = httpx.ConnectError("failed for http://user:hunter2@host/?token=abc")
    assert "hunter2" not in translate(error).reason
