"""Tokens of agents: made once, kept as hashes, bound to one tenant and one agent, and refused with a word where stale."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from copilot.guard.tenancy import tenant_scope
from copilot.models import Agent, AgentToken, AuditEntry
from copilot.relay.bell import ring

if TYPE_CHECKING:
    from uuid import UUID

    from django.db.models import QuerySet

# `cpa_<label>_<secret>`: the label tells tokens apart in lists, the prefix tells scanners what they have found.
PREFIX = "cpa_"
SHAPE = re.compile(r"cpa_[0-9a-f]{8}_[A-Za-z0-9_-]{43}")
NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")
# A stale token is written down at most this often: whoever tries it again and again must not make us write.
NOTED_SECONDS = 10


class Refused(Exception):
    """Say that a token opens nothing; `reason` is for the agent's log and for `copilot doctor`, and tells a stranger nothing."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Made:
    """Hold a new token, which is shown once and never again; its repr does not show it."""

    agent_id: UUID
    label: str
    token: str
    expires_at: datetime | None
    others: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Made({self.label})"


@dataclass(frozen=True, slots=True)
class Bearer:
    """Hold whom a token stands for."""

    tenant_id: UUID
    agent_id: UUID
    token_id: UUID


def make(tenant_id: UUID, name: str, *, actor: str, days: int | None = None) -> Made:
    """Make a token for a tenant's agent, and the agent where it is new; earlier tokens go on working until they are revoked.

    :raises ValueError: where the name is none for an agent; the text says what is expected.
    """
    if not NAME.fullmatch(name):
        raise ValueError("an agent's name has lower-case letters, digits and hyphens, 60 at most")
    label = secrets.token_hex(4)
    token = f"{PREFIX}{label}_{secrets.token_urlsafe(32)}"
    expires_at = timezone.now() + timedelta(days=days) if days else None
    with tenant_scope(tenant_id):
        agent, _ = Agent.objects.get_or_create(tenant_id=tenant_id, name=name)
        others = tuple(live(agent.id).values_list("label", flat=True))
        AgentToken.objects.create(
            token_hash=_hash(token), label=label, tenant_id=tenant_id, agent_id=agent.id, expires_at=expires_at
        )
        AuditEntry.objects.create(actor=actor, action="make agent token", target=name, detail={"token": label})
    return Made(agent.id, label, token, expires_at, others)


def live(agent_id: UUID) -> QuerySet[AgentToken]:
    """Return the tokens of an agent that open something."""
    tokens = AgentToken.objects.filter(agent_id=agent_id, revoked_at__isnull=True)
    return tokens.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=Now())).order_by("created_at")


def revoke(tenant_id: UUID, agent: Agent, *, actor: str, label: str = "") -> tuple[str, ...]:
    """Revoke one token of an agent, or all of them; return the labels of those that worked until now."""
    with tenant_scope(tenant_id):
        tokens = AgentToken.objects.filter(tenant_id=tenant_id, agent_id=agent.id, revoked_at__isnull=True)
        tokens = tokens.filter(label=label) if label else tokens
        labels = tuple(tokens.order_by("created_at").values_list("label", flat=True))
        tokens.update(revoked_at=Now())
        AuditEntry.objects.create(
            actor=actor, action="revoke agent token", target=agent.name, detail={"tokens": list(labels)}
        )
        # A poll that waits looks at its token again.
        ring(agent.id)
    return labels


def bearer(token: str) -> Bearer:
    """Return whom a token stands for; that a stale one was used is written down.

    :raises Refused: where it opens nothing.
    """
    known = AgentToken.objects.filter(token_hash=_hash(token)).first() if SHAPE.fullmatch(token) else None
    if known is None:
        raise Refused("this token is not known: make one with `copilot agent token create`")
    _refuse_stale(known)
    return Bearer(known.tenant_id, known.agent_id, known.pk)


def again(who: Bearer) -> None:
    """Return if a token that opened a moment ago still does; that it does not is written down.

    :raises Refused: where it does not.
    """
    known = AgentToken.objects.filter(pk=who.token_id).first()
    if known is None:
        raise Refused("this token is not known any more")
    _refuse_stale(known)


def _refuse_stale(known: AgentToken) -> None:
    if reason := _stale(known):
        with tenant_scope(known.tenant_id):
            recent = Q(refused_at__gt=Now() - timedelta(seconds=NOTED_SECONDS))
            Agent.objects.filter(id=known.agent_id).exclude(recent).update(
                refused_at=Now(), refused_reason=f"token {known.label} {reason}"
            )
        raise Refused(f"this token {reason}: make another with `copilot agent token create`")


def word_of(token: AgentToken) -> str:
    """Return how a token stands, for lists."""
    until = f"works until {token.expires_at:%Y-%m-%d %H:%M} UTC" if token.expires_at else "works"
    return _stale(token) or until


def _stale(token: AgentToken) -> str:
    if token.revoked_at is not None:
        return f"was revoked on {token.revoked_at:%Y-%m-%d %H:%M} UTC"
    if token.expires_at is not None and token.expires_at <= timezone.now():
        return f"expired on {token.expires_at:%Y-%m-%d %H:%M} UTC"
    return ""


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
