"""Tokens of the REST API: made and shown once, kept as a hash, read back from a request, paced, and taken away."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import connection
from django.utils import timezone

from copilot.guard.tenancy import tenant_scope
from copilot.models import ApiToken, AuditEntry, Role, Scope

if TYPE_CHECKING:
    from collections.abc import Iterable

PER_MINUTE = 120
FASTEST = 60_000
# A minute's requests may come at once; then they are let through at their even pace.
BURST = timedelta(minutes=1)
# What a token may be: nobody owns a tenant by program.
ROLES = (Role.VIEWER, Role.RESPONDER, Role.ADMIN)
_SHAPE = re.compile(r"(sre_[a-z2-7]{8})_([a-z2-7]{26})[a-z2-7]{52}")


class NotAuthentic(Exception):
    """Refuse a token that is unknown, expired or revoked; which of them is not told."""

    def __init__(self) -> None:
        super().__init__("this token is unknown, expired or revoked")


class TooFast(Exception):
    """Refuse a request for now; `retry_after` is in seconds."""

    def __init__(self, caller: Caller, retry_after: float) -> None:
        super().__init__(f"this token may make {caller.per_minute} requests a minute")
        self.caller = caller
        self.retry_after = retry_after


class Impossible(ValueError):
    """Say in words why a token cannot be made, or which token there is not."""


@dataclass(frozen=True, slots=True)
class Made:
    """Hold a new token: its row, and the text that is shown this once."""

    row: ApiToken
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Caller:
    """Hold who asks: a tenant's token with its role and scopes; `left` requests may follow at once."""

    tenant_id: UUID
    token_id: UUID
    name: str
    prefix: str
    role: Role
    scopes: frozenset[str]
    per_minute: int
    left: int = 0

    def may(self, scope: Scope) -> bool:
        """Return whether the token has the scope, and its role still allows it."""
        return scope.value in self.scopes and self.role.may(scope.needs)

    @property
    def actor(self) -> str:
        """Return who acts, for the audit log and for people."""
        return f"{self.name} (API)"


def scopes_of(role: Role) -> list[Scope]:
    """Return every scope that a role allows, but those that are given by name alone."""
    return [scope for scope in Scope if role.may(scope.needs) and not scope.is_given_by_name]


def make(
    tenant_id: UUID,
    name: str,
    *,
    role: Role,
    scopes: Iterable[str] = (),
    expires_at: datetime | None = None,
    per_minute: int = PER_MINUTE,
    actor: str,
) -> Made:
    """Make a token; without `scopes` it has all that its role allows.

    :raises Impossible: where the name is taken, or the role, a scope, the time or the pace makes no sense.
    """
    name = " ".join(name.split())
    if not 0 < len(name) <= 80:
        raise Impossible("a token's name has 1 to 80 characters: name it for the program that will use it")
    if role not in ROLES:
        raise Impossible(f"a token's role is one of {', '.join(ROLES)}, not {role}")
    if not 1 <= per_minute <= FASTEST:
        raise Impossible(f"requests in a minute: 1 to {FASTEST}, not {per_minute}")
    if expires_at is not None and expires_at <= timezone.now():
        raise Impossible(f"the token would have expired already ({expires_at:%Y-%m-%d %H:%M %Z})")
    given = _allowed(role, scopes)
    prefix, text = _text(tenant_id)
    with tenant_scope(tenant_id):
        if ApiToken.objects.filter(name=name, revoked_at__isnull=True).exists():
            raise Impossible(f"there is a token {name!r} already: revoke it first, or choose another name")
        row = ApiToken.objects.create(
            name=name,
            prefix=prefix,
            digest=_digest(text),
            role=role,
            scopes=given,
            per_minute=per_minute,
            expires_at=expires_at,
            created_by=actor[:200],
        )
        AuditEntry.objects.create(
            actor=actor, action="make token", target=str(row), detail={"role": role.value, "scopes": given}
        )
    return Made(row, text)


def _allowed(role: Role, scopes: Iterable[str]) -> list[str]:
    wanted = list(dict.fromkeys(scopes))
    unknown = [one for one in wanted if one not in Scope.values]
    if unknown:
        raise Impossible(f"unknown scope {unknown[0]!r}; there are {', '.join(Scope.values)}")
    beyond = [Scope(one) for one in wanted if not role.may(Scope(one).needs)]
    if beyond:
        raise Impossible(f"{beyond[0]} needs the role {beyond[0].needs}, and the token's is {role}")
    return wanted or [scope.value for scope in scopes_of(role)]


def revoke(tenant_id: UUID, which: str, *, actor: str) -> ApiToken:
    """Take a token away, named by its prefix or by its name; it fails from the next request on.

    :raises Impossible: where there is none in use.
    """
    with tenant_scope(tenant_id):
        in_use = ApiToken.objects.filter(revoked_at__isnull=True)
        row = in_use.filter(prefix=which).first() or in_use.filter(name=which).first()
        if row is None:
            known = ", ".join(f"{one.name} ({one.prefix})" for one in in_use[:20]) or "none"
            raise Impossible(f"there is no token {which!r} in use (known: {known})")
        row.revoked_at, row.revoked_by = timezone.now(), actor[:200]
        row.save(update_fields=["revoked_at", "revoked_by"])
        AuditEntry.objects.create(actor=actor, action="revoke token", target=str(row))
    return row


def authenticate(text: str) -> Caller:
    """Return whose token this is, and count the request.

    :raises NotAuthentic: where it is nobody's, or no longer good.
    :raises TooFast: where the token's requests come faster than it may make them.
    """
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        raise NotAuthentic
    prefix, tenant_id = shape[1], _tenant(shape[2])
    digest = _digest(text)
    with tenant_scope(tenant_id):
        row = ApiToken.objects.filter(prefix=prefix).first()
        # Compared also where there is no such row, so that the time tells nothing of it.
        is_same = hmac.compare_digest(bytes(row.digest) if row else bytes(32), digest)
        if row is None or not is_same or row.revoked_at or (row.expires_at and row.expires_at <= timezone.now()):
            raise NotAuthentic
        caller = Caller(
            tenant_id=tenant_id,
            token_id=row.id,
            name=row.name,
            prefix=row.prefix,
            role=Role(row.role),
            scopes=frozenset(row.scopes),
            per_minute=row.per_minute,
        )
        return _paced(caller)


def _paced(caller: Caller) -> Caller:
    """Count a request by the generic cell rate algorithm: one row, one guarded update, the same pace for all processes.

    (ATM Forum, Traffic Management 4.1, virtual scheduling.) `paced_until` is the theoretical arrival time.
    """
    step = BURST.total_seconds() / caller.per_minute
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE copilot_apitoken SET last_used_at = statement_timestamp(),"
            " paced_until = greatest(paced_until, statement_timestamp()) + %(step)s::interval"
            " WHERE id = %(id)s AND revoked_at IS NULL"
            " AND greatest(paced_until, statement_timestamp()) + %(step)s::interval <= statement_timestamp() + %(burst)s::interval"
            " RETURNING extract(epoch FROM statement_timestamp() + %(burst)s::interval - paced_until)::float8",
            {"id": caller.token_id, "step": f"{step} seconds", "burst": f"{BURST.total_seconds()} seconds"},
        )
        passed = cursor.fetchone()
        if passed is not None:
            left = int(passed[0] / step + 1e-6)
            return replace(caller, left=left)
        cursor.execute(
            "SELECT extract(epoch FROM paced_until + %(step)s::interval - statement_timestamp() - %(burst)s::interval)::float8"
            " FROM copilot_apitoken WHERE id = %(id)s AND revoked_at IS NULL",
            {"id": caller.token_id, "step": f"{step} seconds", "burst": f"{BURST.total_seconds()} seconds"},
        )
        waiting = cursor.fetchone()
    if waiting is None:
        raise NotAuthentic
    raise TooFast(caller, max(0.0, waiting[0]))


def _text(tenant_id: UUID) -> tuple[str, str]:
    """Return a new token's prefix, and its whole text: prefix, tenant, secret."""
    prefix = "sre_" + _base32(secrets.token_bytes(5))
    return prefix, f"{prefix}_{_base32(tenant_id.bytes)}{_base32(secrets.token_bytes(32))}"


def _base32(value: bytes) -> str:
    return base64.b32encode(value).decode().rstrip("=").lower()


def _tenant(text: str) -> UUID:
    return UUID(bytes=base64.b32decode(text.upper() + "=" * 6))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


__all__ = [
    "PER_MINUTE",
    "ROLES",
    "Caller",
    "Impossible",
    "Made",
    "NotAuthentic",
    "TooFast",
    "authenticate",
    "make",
    "revoke",
    "scopes_of",
]
