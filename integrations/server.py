"""A server that a tenant runs: the fields that lead to it, and its JSON answers with every refusal in words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from integrations.base import (
    Credentials,
    Rejected,
    SourceError,
    TimedOut,
    TooLarge,
    Unauthorised,
    Unreachable,
)
from integrations.payload import base_address, clean
from integrations.refusals import no_answer_from, opens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx

    from integrations.base import Door
    from scoring.observations import Window

# A single question never takes the whole deadline: the others still want to be asked.
SECONDS_PER_REQUEST = 15.0
# So many questions are on their way at once, and no answer over so many bytes is parsed: as objects it takes ten times the room.
SIDE_BY_SIDE = 4
MOST_BYTES = 6 * 1024 * 1024
_LONGEST_WORDS = 200


class ServerCredentials(Credentials):
    """Hold where a server is and how to get in."""

    url: str = Field(description="Address of the server, e.g. https://server.example.org")
    bearer_token: SecretStr | None = Field(default=None, description="Bearer token, where one is asked for")
    username: str = Field(default="", description="User name for basic authentication, where it is asked for")
    password: SecretStr | None = Field(default=None, description="Password for basic authentication")
    verify_tls: bool = Field(default=True, description="Check the server's certificate")
    ca_certificate: str = Field(
        default="", description="PEM text of the certificate authority, where it is a private one"
    )

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        return base_address(value)

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if self.bearer_token and self.username:
            raise ValueError("bearer_token, username: give one of the two ways to sign in, not both")
        return self

    def headers(self) -> dict[str, str]:
        """Return the headers that every request carries besides basic authentication."""
        return {"Authorization": f"Bearer {self.bearer_token.get_secret_value()}"} if self.bearer_token else {}


class GrafanaCredentials(ServerCredentials):
    """Hold besides which of a server's tenants is meant, and where people look at it."""

    tenant: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9!_.*'()|-]*$",
        description="Sent as X-Scope-OrgID, where the server holds several tenants",
    )
    grafana_url: str = Field(default="", description="Address of Grafana, for links that open a query there")
    datasource: str = Field(default="", description="UID of the server's data source in Grafana, for the same links")

    @field_validator("grafana_url")
    @classmethod
    def _grafana_is_an_address(cls, value: str) -> str:
        return base_address(value) if value else value

    def headers(self) -> dict[str, str]:
        """Return the headers that every request carries besides basic authentication."""
        return {**super().headers(), **({"X-Scope-OrgID": self.tenant} if self.tenant else {})}

    def explore(self, kind: str, query: Mapping[str, str], window: Window) -> str:
        """Return a link that opens a query in Grafana's Explore (10 and later), or an empty text where it is not known."""
        if not (self.grafana_url and self.datasource):
            return ""
        source = {"type": kind, "uid": self.datasource}
        pane = {
            "datasource": self.datasource,
            "queries": [{"refId": "A", "datasource": source, **query}],
            "range": {"from": str(int(window.start * 1000)), "to": str(int(window.end * 1000))},
        }
        panes = quote(json.dumps({"a": pane}, separators=(",", ":")), safe="")
        return f"{self.grafana_url}/explore?schemaVersion=1&orgId=1&panes={panes}"


class NotFound(Rejected):
    """Say that the address has no such page."""


class Server:
    """Ask one server for JSON through a client of the door; may be used by several threads at once. Use `with`."""

    def __init__(
        self, door: Door, credentials: ServerCredentials, *, vendor: str, headers: Mapping[str, str] | None = None
    ) -> None:
        self.door = door
        self.vendor = vendor
        self._host = urlsplit(credentials.url).netloc
        verify: bool | str = credentials.verify_tls and (credentials.ca_certificate or True)
        sent = {"Accept": "application/json", **credentials.headers(), **(headers or {})}
        self._client = door.client(credentials.url, headers=sent, verify=verify)
        if credentials.username:
            password = credentials.password.get_secret_value() if credentials.password else ""
            self._client.auth = (credentials.username, password)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, parameters: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
        """Return the JSON object under a path.

        :raises SourceError: where there is no answer, a refusal, or something else than an object.
        """
        return self._object(path, self._asked("GET", path, params=list(parameters)))

    def post(
        self,
        path: str,
        *,
        form: Mapping[str, str | list[str]] | None = None,
        body: object = None,
        parameters: Sequence[tuple[str, str]] = (),
    ) -> dict[str, Any]:
        """Return the JSON object that answers a form or a JSON body.

        :raises SourceError: as `get` does.
        """
        sent: dict[str, Any] = {"json": body} if form is None else {"data": form}
        return self._object(path, self._asked("POST", path, params=list(parameters), **sent))

    def _object(self, path: str, response: httpx.Response) -> dict[str, Any]:
        if len(response.content) > MOST_BYTES:
            raise TooLarge(f"{self.vendor} answered {path} with more than {MOST_BYTES // 1024 // 1024} MiB")
        try:
            answer = response.json()
        except (ValueError, RecursionError) as error:
            raise Rejected(
                f"{self._host} answered {path} with something that is no JSON; is it {self.vendor}?", retryable=False
            ) from error
        if not isinstance(answer, dict):
            raise Rejected(f"{self._host} answered {path} in an unknown shape; is it {self.vendor}?", retryable=False)
        return answer

    def _asked(self, method: str, path: str, **sent: Any) -> httpx.Response:
        left = self.door.remaining()
        if left <= 0:
            raise TimedOut("no time was left to ask")
        # Joined by hand: an absolute path would lose the path that a proxy's address has.
        address = str(self._client.base_url).rstrip("/") + path
        with no_answer_from(self.vendor):
            response = self._client.request(method, address, timeout=min(SECONDS_PER_REQUEST, left), **sent)
        if response.status_code != 200:
            raise self._refusal(response, path)
        return response

    def _refusal(self, response: httpx.Response, path: str) -> SourceError:
        status = response.status_code
        said = f"{self.vendor} answered {path} with {status}{_words(response)}"
        if status in {401, 403}:
            return Unauthorised(f"{said}; check how this connection signs in, and what it may read", retryable=False)
        if status == 404:
            return NotFound(said, retryable=False)
        if status in {408, 504}:
            return TimedOut(said)
        if status == 413:
            return TooLarge(said, retryable=False)
        if status == 429:
            return SourceError(f"{said}{opens(response.headers)}")
        if 300 <= status < 400:
            return Rejected(f"{said}: it leads to another address; enter that one", retryable=False)
        return Unreachable(said) if status >= 500 else Rejected(said, retryable=False)


def _words(response: httpx.Response) -> str:
    """Return what the server says about its refusal, after a colon: JSON's message or plain text, short."""
    found: object = ""
    try:
        answer = response.json()
    except (ValueError, RecursionError):
        found = response.text if "html" not in response.headers.get("content-type", "") else ""
    else:
        found = answer.get("error") or answer.get("message") or answer.get("errors") if isinstance(answer, dict) else ""
        if isinstance(found, dict):
            found = found.get("reason") or found.get("msg") or found.get("type")
        if isinstance(found, list) and found:
            found = found[0].get("msg") or found[0].get("message") if isinstance(found[0], dict) else found[0]
    words = " ".join(clean(str(found or "")).split())[:_LONGEST_WORDS]
    return f": {words}" if words and not words.startswith("<") else ""
