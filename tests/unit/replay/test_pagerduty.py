"""The page of a replay is a genuine PagerDuty webhook: our own integration takes it for one."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from copilot.replay import pagerduty, world
from integrations.base import Action, Inbound, NotGenuine
from integrations.pagerduty import PagerDuty, PagerDutyCredentials

SECRET = "of-the-subscription"
WORLD = world.of(
    {
        "tenant": {"slug": "shop"},
        "services": [{"name": "checkout", "pagerduty_id": "PCHK001"}],
        "page": {
            "service": "checkout",
            "title": "High p95 latency on checkout",
            "priority": "P2",
            "assignee": "Alice Nguyen",
        },
    },
    where="test",
)


def delivered(event_type: str = "incident.triggered", *, secret: str = SECRET) -> Inbound:
    made = pagerduty.webhook(
        WORLD,
        event_type,
        incident_id="Q1",
        number=7,
        created_at=1_793_714_520.0,
        occurred_at=1_793_714_523.5,
        secret=secret,
    )
    return Inbound({name.lower(): value for name, value in made.headers.items()}, made.body, 1_793_714_524.0)


def test_it_is_signed_with_the_subscription_s_secret() -> None:
    credentials = PagerDutyCredentials(webhook_secret=SecretStr(SECRET))

    PagerDuty().verify(delivered(), credentials)
    with pytest.raises(NotGenuine):
        PagerDuty().verify(delivered(secret="another"), credentials)


def test_it_begins_the_world_s_incident() -> None:
    (event,) = PagerDuty().parse(delivered())

    assert (event.action, event.status, event.dedupe_key) == (Action.TRIGGERED, "triggered", "Q1")
    assert (event.title, event.priority, event.urgency) == ("High p95 latency on checkout", "P2", "high")
    assert (event.service.vendor_id, event.service.name) == ("PCHK001", "checkout")
    assert event.assignees == ("Alice Nguyen",)
    assert (event.started_at, event.occurred_at) == (1_793_714_520.0, 1_793_714_523.5)


def test_it_ends_the_incident_too() -> None:
    (event,) = PagerDuty().parse(delivered("incident.resolved"))

    assert (event.action, event.status, event.actor) == (Action.RESOLVED, "resolved", "Alice Nguyen")


def test_every_delivery_is_one_of_its_own() -> None:
    integration = PagerDuty()

    assert integration.external_id(delivered()) != integration.external_id(delivered())
