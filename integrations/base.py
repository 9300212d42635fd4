"""The contract of an integration: credentials, verify, parse, gather and check."""

from __future__ import annotations

import hashlib
from abc import ABC
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import httpx
    import httpx2
    import requests
    import urllib3

    from integrations.survey import Survey
    from scoring.observations import Change, Observation, Window


class NotGenuine(Exception):
    """Refuse an inbound request whose signature or token is missing or wrong."""


class BadPayload(ValueError):
    """Refuse a genuine request whose body cannot be understood; the text names the field and what was expected."""


class SourceError(Exception):
    """Say that a source gave no usable answer; `reason` is for people, `retryable` says whether asking again may help."""

    def __init__(self, reason: str, *, retryable: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retryable = retryable


class Unreachable(SourceError):
    """Say that no connection could be made, or that the address is not allowed."""


class TimedOut(SourceError):
    """Say that the source did not answer before its deadline."""


class Unauthorised(SourceError):
    """Say that the source refused the credentials (401 or 403)."""


class TooLarge(SourceError):
    """Say that the answer went over the size cap."""


class Rejected(SourceError):
    """Say that the source understood and refused the question (a bad query, a missing object)."""


class OutOfScope(Rejected):
    """Say that a question is about something that may not be looked at; the text names what may."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, retryable=False)


@dataclass(frozen=True, slots=True)
class Inbound:
    """Hold a webhook as it came: header names in lower case, the raw body, and when it was received (Unix seconds)."""

    headers: Mapping[str, str]
    body: bytes
    received_at: float


class EventKind(StrEnum):
    """Say what an event does: move an incident, record a change, or nothing (`IGNORED`, with the reason)."""

    INCIDENT = "incident"
    CHANGE = "change"
    IGNORED = "ignored"


class Action(StrEnum):
    """Say what happened to an incident at its source."""

    TRIGGERED = "triggered"
    ACKNOWLEDGED = "acknowledged"
    UNACKNOWLEDGED = "unacknowledged"
    REASSIGNED = "reassigned"
    ESCALATED = "escalated"
    DELEGATED = "delegated"
    PRIORITY_CHANGED = "priority_changed"
    REOPENED = "reopened"
    RESOLVED = "resolved"
    ANNOTATED = "annotated"
    UPDATED = "updated"


@dataclass(frozen=True, slots=True)
class ServiceReference:
    """Hold what an event says about the service it is about: the vendor's id, a name, a namespace, a repository, labels."""

    vendor_id: str = ""
    name: str = ""
    namespace: str = ""
    repository: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """Hold the canonical envelope of one inbound event.

    `dedupe_key` is the vendor's key of the incident, alert or change (PagerDuty incident id, Alertmanager fingerprint, deploy
    id). `started_at` is when the thing began and `occurred_at` when this event about it happened, both Unix seconds. `status`
    is the incident's status after the event (triggered, acknowledged, resolved) where known. `severity` is critical, error,
    warning or info. `symptom` is a stable short text of what fired (an alert's name or a normalised title). `assignees`, `priority`
    and `urgency` are set where the event says them, None where it does not. `change` is set for `EventKind.CHANGE`.
    """

    source: str
    kind: EventKind
    event_type: str
    dedupe_key: str
    occurred_at: float
    started_at: float
    action: Action | None = None
    status: str | None = None
    title: str = ""
    symptom: str = ""
    severity: str = ""
    service: ServiceReference = field(default_factory=ServiceReference)
    actor: str = ""
    url: str = ""
    number: int | None = None
    assignees: tuple[str, ...] | None = None
    priority: str | None = None
    urgency: str | None = None
    text: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    change: Change | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ServiceScope:
    """Hold what an integration must know to ask about one service; empty fields are unknown.

    `paths` are the folders of `repository` that hold the service's own code.
    """

    name: str
    namespace: str = ""
    workload: str = ""
    selector: str = ""
    repository: str = ""
    pagerduty_id: str = ""
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """Bound what is asked: the paged service (None where it is unknown), its neighbours, the alert's labels and text."""

    service: ServiceScope | None
    neighbours: tuple[ServiceScope, ...] = ()
    alert_title: str = ""
    alert_labels: Mapping[str, str] = field(default_factory=dict)
    external_url: str = ""
    dedupe_key: str = ""

    @property
    def services(self) -> tuple[ServiceScope, ...]:
        """Return the paged service, where known, and its neighbours."""
        return (*((self.service,) if self.service else ()), *self.neighbours)


class Door(Protocol):
    """Be the one way out: every client it hands over keeps the deadline, the size cap and the private-address guard.

    Failures surface as `SourceError` subclasses or as the client's own network errors, which integrations translate.
    """

    max_bytes: int

    def remaining(self) -> float:
        """Return the seconds left until the deadline, never below zero."""

    def client(
        self, base_url: str, *, headers: Mapping[str, str] | None = None, verify: bool | str = True
    ) -> httpx.Client:
        """Return a guarded httpx client; the caller closes it (use `with`)."""

    def transport2(self, *, verify: bool | str = True) -> httpx2.BaseTransport:
        """Return a guarded httpx2 transport, for SDKs that are built on httpx2."""

    def session(self, *, verify: bool | str = True) -> requests.Session:
        """Return a guarded requests session, for prometheus-api-client."""

    def pool_manager(self, **arguments: Any) -> urllib3.PoolManager:
        """Return a guarded urllib3 pool manager, for the Kubernetes client; arguments go to urllib3 (ca_certs, cert_file …)."""


class Credentials(BaseModel):
    """Be the base of what a tenant enters for a connection; secrets are SecretStr, fields carry a description for the forms."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class Health:
    """Hold the outcome of "test connection": whether it works, and in words what was seen or what to do.

    `works` is None where a test alone cannot know: the connection only receives, so that what came in must tell.
    """

    works: bool | None
    detail: str


class Category(StrEnum):
    """Name what a source or a tool knows about: the specialists among whom a router chooses."""

    KUBERNETES = "kubernetes"
    METRICS = "metrics"
    LOGS = "logs"
    CHANGES = "changes"
    DATABASE = "database"
    NETWORK = "network"
    CREDENTIALS = "credentials"
    KNOWLEDGE = "knowledge"


@dataclass(frozen=True, slots=True)
class Look:
    """Name one small read-only question that a source can be asked as a tool; `arguments` bounds what may be asked.

    Without a category it is of its integration's first. `cost` is about how many requests it makes, which budgets are charged;
    `per_minute` is how often one tenant may ask it.
    """

    name: str
    description: str
    arguments: type[BaseModel]
    category: Category | None = None
    cost: int = 1
    per_minute: int = 60


@dataclass(frozen=True, slots=True)
class Seen:
    """Hold what a look saw: `query` is what was asked in the source's own words, `rows` what it answered, as plain JSON."""

    query: str
    rows: tuple[Mapping[str, Any], ...]
    link: str = ""
    note: str = ""


class Integration(ABC):
    """Be one vendor. Subclasses set the class attributes and override what the vendor offers."""

    slug: ClassVar[str]
    title: ClassVar[str]
    Credentials: ClassVar[type[Credentials]]
    # For people, one line each: what it tells, what must be granted for it, and what it does not do. With the class's
    # docstring, `setup` (Markdown: what to do at the vendor's) and the credentials they make its page in docs/integrations.
    gives: ClassVar[str] = ""
    needs: ClassVar[str] = ""
    limits: ClassVar[str] = ""
    setup: ClassVar[str] = ""
    # How a first webhook is provoked, in one line for people; for all that receive.
    trial: ClassVar[str] = ""
    receives: ClassVar[bool] = False
    # Heavy modules that gathering imports when it is first used; a worker loads them before it forks.
    loads: ClassVar[tuple[str, ...]] = ()
    gathers: ClassVar[bool] = False
    # What it knows about, and about how many requests gathering makes: routers choose by the one, budgets count the other.
    categories: ClassVar[tuple[Category, ...]] = ()
    gather_cost: ClassVar[int] = 10
    # True where `survey` tells who needs whom, apart from any incident.
    surveys: ClassVar[bool] = False
    looks: ClassVar[tuple[Look, ...]] = ()
    # True where its tools are not known before it is asked, as with an outside server of the Model Context Protocol.
    has_outside_tools: ClassVar[bool] = False
    # Names of the credential fields that the product makes up where a person leaves them empty (a bearer token, say).
    generated: ClassVar[tuple[str, ...]] = ()
    # True where the caller is a person's script: the web layer parses before it accepts, and answers 422 with the text.
    validates_at_door: ClassVar[bool] = False
    # Headers that parsing needs, kept with the delivery: names in lower case, or beginnings that end in `*`. None with a secret.
    keeps: ClassVar[tuple[str, ...]] = ()
    # True where a request is judged by what the vendor publishes: `verify_by_asking` is called instead of `verify`.
    asks_to_verify: ClassVar[bool] = False
    # True where what a request means depends on the connection: `read` is handed its credentials.
    reads_by_credentials: ClassVar[bool] = False

    @property
    def category(self) -> Category:
        """Return what it knows most about."""
        return self.categories[0] if self.categories else Category.KNOWLEDGE

    def verify(self, inbound: Inbound, credentials: Any) -> None:
        """Return if the request is genuine.

        :raises NotGenuine: where it is not.
        """
        raise NotGenuine(f"{self.title} does not receive webhooks")

    def verify_by_asking(self, door: Door, inbound: Inbound, credentials: Any) -> None:
        """Return if the request is genuine, where that takes a question to the vendor, who waits for the answer.

        A handshake that the vendor begins by webhook is finished here, once the request is known to be genuine.

        :raises NotGenuine: where it is not.
        :raises SourceError: where the vendor could not be asked; it is told to send again.
        """
        self.verify(inbound, credentials)

    def greet(self, inbound: Inbound) -> Mapping[str, str] | None:
        """Return the headers that answer an OPTIONS request by which a vendor asks whether it may send; None for no."""
        return None

    def external_id(self, inbound: Inbound) -> str:
        """Return the delivery's id, equal for retries: the vendor's header, or a hash of the raw body."""
        return hashlib.sha256(inbound.body).hexdigest()

    def parse(self, inbound: Inbound) -> tuple[Event, ...]:
        """Return the events in a genuine request; pure, and deterministic.

        :raises BadPayload: where the body cannot be understood.
        """
        raise BadPayload(f"{self.title} does not receive webhooks")

    def read(self, inbound: Inbound, credentials: Any) -> tuple[Event, ...]:
        """Return the events in a genuine request as this connection wants them; credentials only for `reads_by_credentials`.

        :raises BadPayload: as `parse` does.
        """
        return self.parse(inbound)

    def asks(self, credentials: Any) -> bool:
        """Return whether these credentials are enough to gather with; without a token, some vendors only send."""
        return self.gathers

    def gather(self, door: Door, credentials: Any, scope: Scope, window: Window) -> Iterable[Observation]:
        """Yield what the source knows about the scope in the window; partial failures are yielded as `Gap`.

        :raises SourceError: where nothing at all could be asked.
        """
        return ()

    def survey(self, door: Door, credentials: Any, scope: Scope, window: Window) -> Survey:
        """Return which services there are and who needs whom, as seen in the window; only for `surveys`.

        The scope's services are those that people set up: their namespaces and labels say where to look.

        :raises SourceError: where nothing at all could be asked.
        """
        raise Rejected(f"{self.title} does not tell who needs whom", retryable=False)

    def look(self, door: Door, credentials: Any, scope: Scope, window: Window, arguments: Any) -> Seen:
        """Answer one of `looks` about the scope; `arguments` is of its model, which tells which.

        The window's end is the newest time that is asked for.

        :raises SourceError: where it cannot be answered, or reaches outside the scope.
        """
        raise Rejected(f"{self.title} cannot be asked anything", retryable=False)

    def check(self, door: Door, credentials: Any) -> Health:
        """Test the connection with one cheap authorised read, and say what was seen; nothing where it only receives.

        :raises SourceError: where the source does not answer.
        """
        return Health(works=None, detail="")
