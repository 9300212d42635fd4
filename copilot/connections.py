"""Connect a tenant to its vendors: seal what was entered, hand out webhook addresses, and test that it works."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from pydantic import SecretStr, ValidationError

from copilot import arrivals, breakers, observe
from copilot.config import config
from copilot.guard import vault
from copilot.guard.http import HttpDoor
from copilot.guard.http.errors import recognised
from copilot.guard.tenancy import tenant_scope
from copilot.models import Agent, AuditEntry, Connection, ConnectionHealth, Endpoint, Tenant
from copilot.relay import asking
from integrations import registry
from integrations.base import Health, SourceError, TimedOut, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from uuid import UUID

    from integrations.base import Integration

log = observe.logger(__name__)

# Sealed beside the credentials, but not one of them: the key in the connection's webhook address.
ENDPOINT_KEY = "endpoint_key"
CHECK_SECONDS = 10.0

_checkers: dict[str, Callable[[UUID, UUID], tuple[bool, str]]] = {}


class WrongValue(ValueError):
    """Say which entered values are wrong, and what is expected; `problems` has the same by field, empty for the whole."""

    def __init__(self, text: str, problems: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(text)
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Opened:
    """Hold a connection that was made or changed: its webhook address where it receives, and secrets made for it."""

    connection_id: UUID
    webhook_url: str
    generated: dict[str, str]


def add_checker(kind: str, checker: Callable[[UUID, UUID], tuple[bool, str]]) -> None:
    """Let a face test connections of its own kind."""
    _checkers[kind] = checker


def connect(tenant_id: UUID, kind: str, values: Mapping[str, Any], *, actor: str, name: str = "default") -> Opened:
    """Seal the values of a connection; made anew, or changed in just these values where it exists.

    :raises UnknownIntegration: where there is no integration of this kind.
    :raises WrongValue: where a value is missing, wrong or unknown; the text names it.
    """
    integration = registry.get(kind)
    with tenant_scope(tenant_id):
        connection = Connection.objects.filter(tenant_id=tenant_id, kind=kind, name=name).first()
        credentials, key, generated = _merged(integration, connection, values)
        plain = {
            field: value.get_secret_value() if isinstance(value, SecretStr) else value
            for field, value in credentials
            if value is not None
        }
        if connection is None:
            connection = Connection(tenant_id=tenant_id, kind=kind, name=name)
        # Credentials that are entered here are used from here.
        connection.agent = None
        # What failed with other values may work with these: its breaker closes.
        connection.failing_since = None
        if integration.receives and not key:
            key = secrets.token_urlsafe(24)
            Endpoint.objects.create(
                key_hash=vault.fingerprints(key)[0], tenant_id=tenant_id, connection_id=connection.id, kind=kind
            )
        connection.seal({**plain, **({ENDPOINT_KEY: key} if key else {})})
        connection.is_enabled = True
        connection.save()
        AuditEntry.objects.create(
            actor=actor, action="connect", target=str(connection), detail={"fields": sorted(values)}
        )
    return Opened(connection.id, webhook_url(kind, key) if key else "", generated)


def connect_through(tenant_id: UUID, kind: str, agent_name: str, *, actor: str, name: str = "default") -> Opened:
    """Let a source be asked through an agent, which holds the credentials of the same kind and name itself.

    :raises UnknownIntegration: where there is no integration of this kind.
    :raises WrongValue: where the kind is none that is asked, there is no such agent, or the connection has credentials here.
    """
    integration = registry.get(kind)
    if not (integration.gathers or integration.has_outside_tools) or integration.receives:
        raise WrongValue(f"{integration.title} is not asked through an agent: it sends to us, or is not asked at all")
    with tenant_scope(tenant_id):
        agent = Agent.objects.filter(name=agent_name).first()
        if agent is None:
            known = ", ".join(Agent.objects.values_list("name", flat=True)[:20]) or "none"
            raise WrongValue(
                f"there is no agent {agent_name!r} (known: {known}); `copilot agent token create` makes one"
            )
        connection = Connection.objects.filter(kind=kind, name=name).first()
        if connection is None:
            connection = Connection(tenant_id=tenant_id, kind=kind, name=name)
        elif connection.agent_id is None:
            raise WrongValue(
                f"{connection} has credentials here already: give this one another --name, or delete that connection first"
            )
        connection.agent = agent
        connection.seal({})
        connection.is_enabled = True
        connection.save()
        AuditEntry.objects.create(
            actor=actor, action="connect", target=str(connection), detail={"agent": agent.name, "fields": []}
        )
    return Opened(connection.id, "", {})


def examine(tenant_id: UUID, kind: str, values: Mapping[str, Any], *, name: str = "default") -> None:
    """Return if `connect` would take these values; nothing is stored.

    :raises UnknownIntegration: as `connect` does.
    :raises WrongValue: as `connect` does.
    """
    with tenant_scope(tenant_id):
        connection = Connection.objects.filter(tenant_id=tenant_id, kind=kind, name=name).first()
    _merged(registry.get(kind), connection, values)


def _merged(
    integration: Integration, connection: Connection | None, values: Mapping[str, Any]
) -> tuple[Any, str, dict[str, str]]:
    """Return the credentials as they stand with `values`, the endpoint key, and what had to be made up."""
    stored = vault.unseal(connection.tenant_id, connection.sealed) if connection else {}
    key = stored.pop(ENDPOINT_KEY, "")
    merged = {**stored, **values}
    generated = {
        field: secrets.token_urlsafe(32) for field in integration.generated if not str(merged.get(field) or "")
    }
    return _validated(integration, merged | generated), key, generated


def _validated(integration: Integration, values: Mapping[str, Any]) -> Any:
    try:
        return integration.Credentials.model_validate(values)
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False)
        problems = [
            (".".join(str(part) for part in problem["loc"]), problem["msg"].removeprefix("Value error, "))
            for problem in wrong
        ]
        text = "; ".join(f"`{field or 'values'}`: {message}" for field, message in problems)
        # Which values there are helps whoever named one that there is not, or left one out.
        is_a_name = any(problem["type"] in {"missing", "extra_forbidden"} for problem in wrong)
        known = f" (known values: {', '.join(integration.Credentials.model_fields)})" if is_a_name else ""
        raise WrongValue(f"{integration.title}: {text}{known}", problems) from None


def webhook_url(kind: str, key: str) -> str:
    """Return the address that a vendor is given."""
    base = config().public_url.rstrip("/")
    return f"{base}/slack/events/{key}" if kind == "slack" else f"{base}/hooks/{kind}/{key}"


def address_of(connection: Connection) -> str:
    """Return a connection's webhook address, or nothing where it receives none."""
    key = vault.unseal(connection.tenant_id, connection.sealed).get(ENDPOINT_KEY, "")
    return webhook_url(connection.kind, key) if key else ""


def credentials_of(connection: Connection) -> Any:
    """Open a connection's credentials; for the one call that needs them.

    :raises SealBroken: where they do not open.
    """
    values = vault.unseal(connection.tenant_id, connection.sealed)
    values.pop(ENDPOINT_KEY, None)
    return _validated(registry.get(connection.kind), values)


def places(connection: Connection) -> tuple[str, ...]:
    """Return what a connection is for, as it is set up: webhooks, evidence, conversations; a face is where people meet it."""
    integration = registry.integrations().get(connection.kind)
    if integration is None:
        return ("people",) if connection.kind in _checkers else ()
    try:
        asks = integration.gathers and integration.asks(credentials_of(connection))
    except (vault.SealBroken, WrongValue):
        asks = integration.gathers
    ways = {
        "webhooks": integration.receives,
        "evidence": asks,
        "conversations": (asks and bool(integration.looks)) or integration.has_outside_tools,
    }
    return tuple(name for name, is_so in ways.items() if is_so)


def check(tenant_id: UUID, connection_id: UUID) -> Health:
    """Test a connection, record its health, and return it; never raises for the vendor's trouble.

    :raises LookupError: where there is no such connection.
    """
    with tenant_scope(tenant_id):
        connection = Connection.objects.filter(id=connection_id).first()
    if connection is None:
        raise LookupError("there is no such connection")
    health = _ask(connection)
    with tenant_scope(tenant_id):
        integration = registry.integrations().get(connection.kind)
        if integration is not None:
            health = arrivals.told_of(connection, integration, health)
        if health.works is None:
            Connection.objects.filter(id=connection_id).update(
                health=ConnectionHealth.WAITING,
                health_detail=health.detail[:1000],
                checked_at=timezone.now(),
                failing_since=None,
            )
        else:
            (breakers.worked if health.works else breakers.failed)(connection_id, health.detail)
    return health


def _ask(connection: Connection) -> Health:
    settings = config()
    door = HttpDoor(
        deadline_seconds=CHECK_SECONDS,
        max_bytes=settings.max_source_bytes,
        allowed_private=settings.allowed_private_networks,
    )
    try:
        way = asking.via(connection)
        if way is not None:
            return asking.check(way, seconds=CHECK_SECONDS)
        if connection.kind in _checkers:
            return Health(*_checkers[connection.kind](connection.tenant_id, connection.id))
        return registry.get(connection.kind).check(door, credentials_of(connection))
    except SourceError as error:
        return Health(works=False, detail=_told(error))
    except (vault.SealBroken, WrongValue, registry.UnknownIntegration) as error:
        return Health(works=False, detail=str(error))
    except Exception as error:
        known = recognised(error)
        if known is None:
            log.exception("a connection test failed unexpectedly", kind=connection.kind)
        return Health(works=False, detail=known.reason if known else f"unexpected answer ({type(error).__name__})")


def _told(error: SourceError) -> str:
    """Return why a source gave nothing, and what to do where the reason does not say it: what may pass by itself says nothing."""
    if not error.retryable or error.reason.endswith("?") or "; " in error.reason:
        return error.reason
    if isinstance(error, TimedOut):
        return f"{error.reason}; look whether it is up, and how busy it is"
    if isinstance(error, Unreachable):
        return f"{error.reason}; look whether it is up, and whether this machine may reach it"
    return f"{error.reason}; try again in a while"


def check_all() -> None:
    """Test every enabled connection of every tenant."""
    for tenant_id in Tenant.objects.values_list("id", flat=True):
        with tenant_scope(tenant_id):
            ids = list(Connection.objects.filter(is_enabled=True).values_list("id", flat=True))
        for connection_id in ids:
            check(tenant_id, connection_id)
