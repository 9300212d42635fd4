"""Deployments told by any CI: what may be sent, and what is said about a mistake."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from integrations.base import BadPayload, Event, EventKind, Inbound, NotGenuine
from integrations.deploys import Deploys, DeploysCredentials
from scoring.observations import Change, ChangeKind, Entity, EntityKind

FIXTURES = Path(__file__).parent / "fixtures" / "deploys"
DEPLOYS = Deploys()
RECEIVED = 1_795_170_000.0


def inbound(body: bytes, **headers: str) -> Inbound:
    return Inbound({name.replace("_", "-"): value for name, value in headers.items()}, body, RECEIVED)


def told(**fields: object) -> Event:
    (event,) = DEPLOYS.parse(inbound(json.dumps({"service": "payments", "version": "v2", **fields}).encode()))
    return event


def change(**fields: object) -> Change:
    found = told(**fields).change
    assert found is not None
    return found


def mistake(**fields: object) -> str:
    with pytest.raises(BadPayload) as caught:
        told(**fields)
    return str(caught.value)


def test_service_and_version_are_enough() -> None:
    assert change() == Change(
        entity=Entity(EntityKind.SERVICE, "payments"),
        kind=ChangeKind.DEPLOYMENT,
        at=RECEIVED,
        title="payments v2",
        source="deploys",
        version="v2",
        status="succeeded",
        key="v2",
    )


def test_everything_is_read() -> None:
    (event,) = DEPLOYS.parse(inbound((FIXTURES / "payments.json").read_bytes()))

    assert event.change == Change(
        entity=Entity(EntityKind.SERVICE, "payments"),
        kind=ChangeKind.DEPLOYMENT,
        at=1795168860.0,
        title="payments v2.14.0 to production",
        source="deploys",
        author="grace",
        link="https://ci.shop.test/runs/77",
        version="v2.14.0",
        status="succeeded",
        detail="environment production; Shrink the connection pool",
        key="6113728f27ae82c7b1a177c8d03f9e96e0adf246",
    )
    assert (event.kind, event.event_type) == (EventKind.CHANGE, "deployment.succeeded")
    assert (event.service.name, event.labels, event.actor) == ("payments", {"environment": "production"}, "grace")


@pytest.mark.parametrize(
    ("given", "at"),
    [
        ("2026-11-20T10:00:00Z", 1795168800.0),
        ("2026-11-20T11:00:00+01:00", 1795168800.0),
        ("2026-11-20t10:00:00.5z", 1795168800.5),
        (1795168800, 1795168800.0),
        (1795168800.25, 1795168800.25),
        ("1795168800", 1795168800.0),
        (None, RECEIVED),
    ],
)
def test_the_time_is_rfc_3339_or_unix_seconds(given: object, at: float) -> None:
    assert change(deployed_at=given).at == at


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"service": None}, "`service` must be a non-empty text, got null"),
        ({"service": "  "}, "`service` must be a non-empty text, got '  '"),
        ({"service": ["payments"]}, "`service` must be a non-empty text, got a list"),
        ({"service": "x" * 201}, "`service` must be at most 200 characters long, got 201"),
        ({"version": True}, "`version` must be a non-empty text, got true"),
        ({"deployed_at": "yesterday"}, "`deployed_at` must be an RFC 3339 time or Unix seconds, got 'yesterday'"),
        ({"deployed_at": "2026-11-20"}, "`deployed_at` must be an RFC 3339 time or Unix seconds, got '2026-11-20'"),
        (
            {"deployed_at": "2026-11-20 10:00:00"},
            "`deployed_at` must say its time zone, as in 2026-11-21T03:00:00Z or +01:00, got '2026-11-20 10:00:00'",
        ),
        (
            {"deployed_at": "2026-13-41T10:00:00Z"},
            "`deployed_at` must be an RFC 3339 time or Unix seconds, got '2026-13-41T10:00:00Z'",
        ),
        (
            {"deployed_at": 1795168800000},
            "`deployed_at` must be an RFC 3339 time or Unix seconds, got 1795168800000, which looks like milliseconds",
        ),
        (
            {"deployed_at": "2027-11-20T10:00:00Z"},
            "`deployed_at` must not be in the future, got '2027-11-20T10:00:00Z'",
        ),
        (
            {"status": "odd"},
            "`status` must be one of succeeded, failed, cancelled, in_progress, pending, rolled_back, got 'odd'",
        ),
        (
            {"kind": "odd"},
            "`kind` must be one of deployment, config, scaling, flag, migration, certificate, cron, other, got 'odd'",
        ),
        ({"url": "javascript:alert(1)"}, "`url` must be an http or https address, got 'javascript:alert(1)'"),
        ({"author": {"name": "grace"}}, "`author` must be a non-empty text, got an object"),
        ({"environment": []}, "`environment` must be a non-empty text, got a list"),
    ],
)
def test_a_mistake_is_told_with_its_field(fields: dict[str, object], said: str) -> None:
    assert mistake(**fields) == said


def test_a_missing_field_is_told() -> None:
    with pytest.raises(BadPayload, match=r"`service` must be a non-empty text, and it is missing"):
        DEPLOYS.parse(inbound(b"{}"))


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ("success", "succeeded"),
        ("In Progress", "in_progress"),
        ("FAILURE", "failed"),
        ("rolled-back", "rolled_back"),
        (None, "succeeded"),
    ],
)
def test_statuses_are_taken_as_ci_systems_call_them(given: object, status: str) -> None:
    assert change(status=given).status == status


def test_other_kinds_of_change_may_be_told() -> None:
    assert change(kind="flag").kind is ChangeKind.FLAG


def test_versions_may_be_numbers_and_unknown_keys_are_passed_over() -> None:
    assert change(version=42, pipeline={"id": 1}).version == "42"


def test_posts_with_one_id_are_one_deployment() -> None:
    first, second = told(id="run-7", status="started"), told(id="run-7", deployed_at=1795168800)
    assert first.dedupe_key == second.dedupe_key == "run-7"


def test_without_an_id_every_time_is_a_deployment_of_its_own() -> None:
    first, same, later = told(deployed_at=1795168800), told(deployed_at=1795168800), told(deployed_at=1795168801)
    assert first.dedupe_key == same.dedupe_key
    assert first.dedupe_key != later.dedupe_key


def test_the_delivery_is_named_by_the_idempotency_key_else_by_its_bytes() -> None:
    assert DEPLOYS.external_id(inbound(b"{}", idempotency_key="run-7")) == "run-7"
    assert DEPLOYS.external_id(inbound(b"{}")) == hashlib.sha256(b"{}").hexdigest()
    assert DEPLOYS.external_id(inbound(b"{}", idempotency_key="k" * 201)) == hashlib.sha256(b"{}").hexdigest()


def test_a_token_is_required_only_where_one_is_set() -> None:
    DEPLOYS.verify(inbound(b"{}"), DeploysCredentials())
    DEPLOYS.verify(inbound(b"{}"), DeploysCredentials.model_validate({"bearer_token": " "}))

    credentials = DeploysCredentials.model_validate({"bearer_token": "token"})
    DEPLOYS.verify(inbound(b"{}", authorization="Bearer token"), credentials)
    with pytest.raises(NotGenuine):
        DEPLOYS.verify(inbound(b"{}"), credentials)
    with pytest.raises(NotGenuine):
        DEPLOYS.verify(inbound(b"{}", authorization="Bearer other"), credentials)


def test_mistakes_are_answered_at_the_door() -> None:
    assert DEPLOYS.validates_at_door
