"""A thin layer over prometheus-api-client: deadlines, typed errors in Prometheus's own words, and its warnings."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlsplit

import requests

from integrations.base import Rejected, SourceError, TimedOut, TooLarge, Unauthorised, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_api_client import PrometheusConnect

    from integrations.base import Door
    from integrations.prometheus import PrometheusCredentials

Result = list[dict[str, Any]]
Answer = TypeVar("Answer")
# A single question never takes the whole deadline: the others still want to be asked.
SECONDS_PER_REQUEST = 15.0


class Api:
    """Ask one Prometheus; may be used by several threads at once. Close it, or use `with`."""

    def __init__(self, door: Door, credentials: PrometheusCredentials) -> None:
        self.door = door
        self.url = credentials.url.rstrip("/")
        self.credentials = credentials
        self.warnings: dict[str, None] = {}
        self._lock = threading.Lock()
        self._local = threading.local()
        self._sessions: list[requests.Session] = []
        self._verify: bool | str = credentials.verify_tls and (credentials.ca_certificate or True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all sessions."""
        with self._lock:
            sessions, self._sessions = self._sessions, []
        for session in sessions:
            session.close()

    def ready(self) -> None:
        """Return if Prometheus says that it is ready to answer queries; proxies without `/-/ready` count as ready.

        :raises SourceError: where it is not, or does not answer.
        """
        connect = self._connect()

        def ask() -> None:
            # PrometheusConnect's own check follows the redirect to the user interface, which some builds lack.
            connect._session.get(  # noqa: SLF001 (the client has no public way)
                f"{self.url}/-/ready", headers=connect.headers, auth=connect.auth, timeout=self._seconds()
            )

        with suppress(NotFound):
            self._translated(ask)

    def metric_names(self, names: tuple[str, ...], *, start: float, end: float) -> frozenset[str]:
        """Return those of the given metrics that had samples in the window."""
        params = {"match[]": f'{{__name__=~"{"|".join(names)}"}}', "start": start, "end": end}
        connect = self._connect()
        connect._timeout = self._seconds()  # noqa: SLF001 (the client has no public way)
        return frozenset(self._translated(lambda: connect.get_label_values("__name__", params=params)))

    def range(self, query: str, *, start: float, end: float, step: float) -> Result:
        """Return the matrix of a range query."""
        seconds = self._seconds()
        connect = self._connect()
        return self._series(
            lambda: connect.custom_query_range(
                query,
                datetime.fromtimestamp(start, UTC),
                datetime.fromtimestamp(end, UTC),
                f"{step:g}",
                params={"timeout": f"{int(seconds * 1000)}ms"},
                timeout=seconds,
            )
        )

    def instant(self, query: str, *, at: float | None = None) -> Result:
        """Return the vector of an instant query, at a time (Unix seconds) or now."""
        seconds = self._seconds()
        connect = self._connect()
        params = {"timeout": f"{int(seconds * 1000)}ms", **({} if at is None else {"time": at})}
        return self._series(lambda: connect.custom_query(query, params=params, timeout=seconds))

    def _seconds(self) -> float:
        seconds = min(self.door.remaining(), SECONDS_PER_REQUEST)
        if seconds <= 0:
            raise TimedOut(f"{urlsplit(self.url).netloc} could not be asked before the deadline")
        return seconds

    def _connect(self) -> PrometheusConnect:
        connect: PrometheusConnect | None = getattr(self._local, "connect", None)
        if connect is None:
            from prometheus_api_client import PrometheusConnect

            session = self.door.session(verify=self._verify)
            session.hooks["response"].append(self._inspect)
            user = self.credentials.username
            token = self.credentials.bearer_token
            password = self.credentials.password.get_secret_value() if self.credentials.password else ""
            connect = PrometheusConnect(
                self.url,
                headers={"Authorization": f"Bearer {token.get_secret_value()}"} if token else {},
                auth=(user, password) if user else None,
                session=session,
            )
            # Its constructor mounts a retrying adapter of its own over the guarded one: take that away again.
            session.adapters.pop(self.url, None)
            self._local.connect = connect
            with self._lock:
                self._sessions.append(session)
        return connect

    def _inspect(self, response: requests.Response, **_: object) -> None:
        """Raise Prometheus's own error, and keep its warnings: the client library loses both."""
        if response.status_code >= 400:
            raise _error(response)
        if response.status_code >= 300:
            raise Rejected(
                f"{response.url.split('?')[0]} answered with a redirect; enter the address that it leads to",
                retryable=False,
            )
        if b'"warnings"' in response.content or b'"infos"' in response.content:
            body = _json(response)
            with self._lock:
                self.warnings.update(dict.fromkeys(str(warning) for warning in body.get("warnings") or ()))

    def _series(self, ask: Callable[[], Any]) -> Result:
        result = self._translated(ask)
        if not isinstance(result, list) or not all(
            isinstance(one, dict) and isinstance(one.get("metric", {}), dict) for one in result
        ):
            raise Rejected("the answer is not a list of series; is this address a Prometheus?", retryable=False)
        return result

    def _translated(self, ask: Callable[[], Answer]) -> Answer:
        host = urlsplit(self.url).netloc
        try:
            return ask()
        except SourceError:
            raise
        except requests.exceptions.JSONDecodeError as error:
            raise Rejected(
                f"{host} answered with something else than JSON; is it a Prometheus?", retryable=False
            ) from error
        except requests.Timeout as error:
            raise TimedOut(f"{host} did not answer in time") from error
        except requests.exceptions.SSLError as error:
            raise Unreachable(
                f"no secure connection to {host}: its certificate is not trusted; enter its authority, or check the address",
                retryable=False,
            ) from error
        except requests.RequestException as error:
            raise Unreachable(f"no answer from {host}: {type(error).__name__}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise Rejected(f"{host} answered in an unknown shape; is it a Prometheus?", retryable=False) from error


class NotFound(Rejected):
    """Say that the address has no such page."""


def _json(response: requests.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _error(response: requests.Response) -> SourceError:
    body = _json(response)
    words = str(body.get("error") or response.text.strip()[:200] or response.reason or "no reason given")
    kind = str(body.get("errorType") or "")
    status = response.status_code
    text = f"Prometheus answered {status}: {f'{kind}: ' if kind else ''}{words}"
    if status in {401, 403}:
        return Unauthorised(f"{text}; check the token or the user name and password", retryable=False)
    if status == 404:
        return NotFound(text, retryable=False)
    if kind in {"timeout", "canceled"} or status in {408, 504}:
        return TimedOut(text)
    if status == 413 or "would load too many samples" in words:
        return TooLarge(text, retryable=False)
    if status == 429:
        return SourceError(text)
    if status < 500 or kind in {"bad_data", "execution"}:
        return Rejected(text, retryable=False)
    return Unreachable(text)
