"""Tokens: shown once, kept as a hash, limited by scope, role, time and pace."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from copilot import tokens
from copilot.guard.tenancy import tenant_scope
from copilot.models import ApiToken, AuditEntry, Role, Scope, Tenant
from tests.api.conftest import Client

if TYPE_CHECKING:
    from starlette.testclient import TestClient

Program = Callable[..., Client]


def make(tenant: Tenant, **keywords: Any) -> tokens.Made:
    return tokens.make(tenant.id, **{"name": "portal", "role": Role.VIEWER, "actor": "alice", **keywords})


@pytest.mark.django_db
def test_a_token_is_shown_once_and_kept_as_a_hash(tenant: Tenant) -> None:
    made = make(tenant)

    assert re.fullmatch(r"sre_[a-z2-7]{8}_[a-z2-7]{78}", made.text)
    assert made.text not in repr(made)
    with tenant_scope(tenant.id):
        row = ApiToken.objects.get()
        kept = [str(value) for value in ApiToken.objects.values().get().values()]
        assert made.text.startswith(row.prefix + "_")
        assert not any(made.text[14:] in value for value in kept)
        assert list(AuditEntry.objects.values_list("actor", "action", "target")) == [
            ("alice", "make token", f"portal ({row.prefix}…)")
        ]


@pytest.mark.django_db
def test_it_leads_to_its_tenant_and_notes_its_use(tenant: Tenant) -> None:
    made = make(tenant, role=Role.RESPONDER, scopes=["incidents:read"])
    before = timezone.now()

    caller = tokens.authenticate(made.text)

    assert (caller.tenant_id, caller.name, caller.role, caller.scopes) == (
        tenant.id,
        "portal",
        Role.RESPONDER,
        frozenset({"incidents:read"}),
    )
    with tenant_scope(tenant.id):
        used = ApiToken.objects.get().last_used_at
    assert used is not None
    assert before <= used <= timezone.now()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "spoil", [lambda t: t[:-1] + ("a" if t[-1] != "a" else "b"), lambda t: t[:-1], str.upper, lambda t: f"x{t}"]
)
def test_a_token_that_is_off_by_a_letter_is_nobodys(tenant: Tenant, spoil: Callable[[str], str]) -> None:
    with pytest.raises(tokens.NotAuthentic):
        tokens.authenticate(spoil(make(tenant).text))


@pytest.mark.django_db
def test_a_token_with_another_tenants_id_in_it_is_nobodys(tenant: Tenant, other_tenant: Tenant) -> None:
    mine, theirs = make(tenant).text, make(other_tenant).text

    with pytest.raises(tokens.NotAuthentic):
        tokens.authenticate(mine[:13] + theirs[13:39] + mine[39:])


@pytest.mark.django_db
def test_a_revoked_token_fails_at_once_and_its_name_is_free_again(tenant: Tenant) -> None:
    made = make(tenant)

    tokens.revoke(tenant.id, made.row.prefix, actor="bob")

    with pytest.raises(tokens.NotAuthentic):
        tokens.authenticate(made.text)
    with pytest.raises(tokens.Impossible, match="no token 'portal' in use"):
        tokens.revoke(tenant.id, "portal", actor="bob")
    make(tenant)
    with pytest.raises(tokens.Impossible, match="there is a token 'portal' already"):
        make(tenant)


@pytest.mark.django_db
def test_an_expired_token_fails(tenant: Tenant) -> None:
    made = make(tenant, expires_at=timezone.now() + timedelta(hours=1))
    tokens.authenticate(made.text)
    with tenant_scope(tenant.id):
        ApiToken.objects.update(expires_at=timezone.now())

    with pytest.raises(tokens.NotAuthentic):
        tokens.authenticate(made.text)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": " "}, "1 to 80 characters"),
        ({"role": Role.OWNER}, "a token's role is one of viewer, responder, admin"),
        ({"scopes": ["everything"]}, "unknown scope 'everything'"),
        ({"scopes": ["topology:write"]}, "topology:write needs the role admin, and the token's is viewer"),
        ({"per_minute": 0}, "1 to 60000"),
        ({"expires_at": timezone.now() - timedelta(days=1)}, "expired already"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(tenant: Tenant, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(tokens.Impossible, match=said):
        make(tenant, **wrong)


def test_without_scopes_a_token_has_all_that_its_role_allows() -> None:
    assert [scope.value for scope in tokens.scopes_of(Role.VIEWER)] == [
        "incidents:read", "changes:read", "runbooks:read", "topology:read",
    ]  # fmt: skip
    # What the tenant may use is not the tenant's to change: somebody must have meant it.
    assert tokens.scopes_of(Role.ADMIN) == [scope for scope in Scope if scope is not Scope.LIMITS_WRITE]


@pytest.mark.django_db
def test_a_minutes_requests_may_come_at_once_and_then_one_step_at_a_time(tenant: Tenant) -> None:
    made = make(tenant, per_minute=3)

    assert [tokens.authenticate(made.text).left for _ in range(3)] == [2, 1, 0]
    with pytest.raises(tokens.TooFast) as refusal:
        tokens.authenticate(made.text)
    assert 15 < refusal.value.retry_after <= 20
    with tenant_scope(tenant.id):
        row = ApiToken.objects.get()
        assert row.paced_until is not None
        ApiToken.objects.update(paced_until=row.paced_until - timedelta(seconds=20))
    assert tokens.authenticate(made.text).left == 0


def test_the_door_says_who_it_does_not_know(http: TestClient, tenant: Tenant, program: Program) -> None:
    for headers in ({}, {"Authorization": "Basic Zm9vOmJhcg=="}, {"Authorization": f"Bearer {make(tenant).text}x"}):
        answer = http.get("/api/v1/incidents", headers=headers)

        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="sre-copilot"'
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:sre-copilot:problem:unauthenticated"


def test_a_token_without_the_scope_is_told_what_it_needs(tenant: Tenant, program: Program) -> None:
    answer = program(tenant, Role.VIEWER, "topology:read").get("/incidents")

    assert answer.status_code == 403
    assert answer.json()["detail"] == (
        "this token may not do this: it needs the scope incidents:read (role viewer or higher)"
    )


def test_a_token_that_is_too_fast_is_told_when_to_come_again(tenant: Tenant, program: Program) -> None:
    client = program(tenant, per_minute=2)

    first, _, third = [client.get("/incidents") for _ in range(3)]

    assert first.headers["RateLimit-Policy"] == '"token";q=2;w=60'
    assert first.headers["RateLimit"] == '"token";r=1'
    assert (third.status_code, third.headers["Retry-After"]) == (429, "30")
    assert third.json()["type"] == "urn:sre-copilot:problem:too-many-requests"
