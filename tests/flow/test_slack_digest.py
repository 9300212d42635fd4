"""The digest: numbers from rows, told in a running workspace on demand and once a week."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from slack_sdk import WebClient

from copilot import flow
from copilot.guard.tenancy import tenant_scope
from copilot.knowledge import digest
from copilot.models import Hypothesis, Incident, RelatedAlert, Tenant
from copilot.stages import learn
from slackbot import publish  # noqa: F401 - the face is ready
from slackbot.models import SlackDigest
from slackbot.plain_text import message_text
from slackbot.publish import weekly
from tests.flow.slack_world import Workspace, store
from tests.unit.slackbot import briefings

if TYPE_CHECKING:
    from collections.abc import Callable

# A Monday; the incidents of briefings began on the Friday before it.
MONDAY = datetime(2026, 11, 23, 8, 5, tzinfo=UTC)
UNTIL = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Set the time that the digest believes it is."""

    def set_to(now: datetime) -> None:
        monkeypatch.setattr(timezone, "now", lambda: now)

    return set_to


def a_week(tenant: Tenant) -> list[UUID]:
    """Two incidents of one alert and cause, one resolved; verdicts; and one a month earlier with the same confirmed cause."""
    earlier = replace(
        briefings.RESOLVED,
        number=17,
        started_at=briefings.BEGAN - timedelta(days=30),
        resolved_at=briefings.BEGAN - timedelta(days=30) + timedelta(minutes=9),
    )
    made = [store(tenant, one) for one in (earlier, briefings.RESOLVED, replace(briefings.LIKELY, number=43))]
    for incident in made[:2]:
        with tenant_scope(tenant.id):
            first = Hypothesis.objects.get(run__incident_id=incident, rank=1).id
        learn.confirm(tenant.id, incident, hypothesis_id=first, person="U1", person_name="ada")
    return made


def test_the_numbers_are_those_of_the_rows(tenant: Tenant, committed_db: str) -> None:
    made = a_week(tenant)
    with tenant_scope(tenant.id):
        second = Hypothesis.objects.get(run__incident_id=made[2], rank=2).id
        RelatedAlert.objects.create(
            incident_id=made[2], source="alertmanager", dedupe_key="x", service_name="mail", title="QueueLong",
            rule="storm", started_at=briefings.BEGAN,
        )  # fmt: skip
    learn.give_verdict(tenant.id, second, person="U1", person_name="ada", value="down")
    found = digest.read(tenant.id, since=UNTIL - timedelta(days=7), until=UNTIL)
    assert (found.incidents, found.before, found.resolved, found.still_open, found.related) == (2, 0, 1, 1, 1)
    assert (found.answered, found.confirmed, found.first_right) == (1, 1, 1)
    assert (found.acknowledged, found.lasted) == (120.0, 1740.0)
    assert found.first_hypotheses == pytest.approx(4.0, abs=2.0)
    assert found.services == (("checkout", 2),)
    assert found.noisiest == (digest.Noisy("checkout", "Checkout p95 latency above 1 s for 5 min", 2, 0),)
    assert found.recurring == (digest.Recurring("payments", "bad deploy", (17, 42)),)
    now = datetime.now(UTC)
    today = digest.read(tenant.id, since=now - timedelta(hours=1), until=now + timedelta(hours=1))
    assert (today.up, today.down, today.acceptance) == (0, 1, 0.0)


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("settings", "now", "since"),
    [
        ({}, datetime(2026, 11, 23, 7, 59, tzinfo=UTC), None),
        ({}, datetime(2026, 11, 23, 8, 0, tzinfo=UTC), UNTIL),
        ({}, datetime(2026, 11, 25, 7, 59, tzinfo=UTC), UNTIL),
        ({}, datetime(2026, 11, 25, 8, 0, tzinfo=UTC), None),
        ({}, datetime(2026, 11, 29, 12, 0, tzinfo=UTC), None),
        # Friday at five in the afternoon in Berlin, in summer.
        (
            {"digest_day": 4, "digest_hour": 17, "time_zone": "Europe/Berlin"},
            datetime(2026, 7, 3, 15, 1, tzinfo=UTC),
            datetime(2026, 7, 3, 17, tzinfo=BERLIN),
        ),
        (
            {"digest_day": 4, "digest_hour": 17, "time_zone": "Europe/Berlin"},
            datetime(2026, 7, 3, 14, 59, tzinfo=UTC),
            None,
        ),
        # Monday morning in Auckland is Sunday by UTC.
        (
            {"time_zone": "Pacific/Auckland"},
            datetime(2026, 11, 22, 19, 0, tzinfo=UTC),
            datetime(2026, 11, 22, 19, 0, tzinfo=UTC),
        ),
        ({"digest_day": None}, datetime(2026, 11, 23, 8, 0, tzinfo=UTC), None),
    ],
)
def test_it_is_due_when_the_tenant_says_and_for_two_days(
    settings: dict[str, Any], now: datetime, since: datetime | None
) -> None:
    assert weekly.due_since(now, Tenant(**settings)) == since


def test_a_week_is_told_once_in_the_default_channel(
    tenant: Tenant, workspace: Workspace, clock: Callable[[datetime], None]
) -> None:
    a_week(tenant)
    clock(MONDAY)
    assert flow.tell_of_week() == 1
    assert flow.tell_of_week() == 0
    (said,) = workspace.messages("incidents")
    assert said["text"] == "2 incidents in 7 days, none in the 7 days before."
    assert "Recurring causes, confirmed within 90 days" in message_text(said)


def test_a_quiet_week_is_not_told(tenant: Tenant, workspace: Workspace, clock: Callable[[datetime], None]) -> None:
    clock(MONDAY)
    assert flow.tell_of_week() == 0
    assert workspace.messages("incidents") == []


def test_a_digest_that_was_posted_but_not_noted_is_adopted(
    tenant: Tenant, workspace: Workspace, clock: Callable[[datetime], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    a_week(tenant)
    real = WebClient.chat_postMessage

    def dies(self: WebClient, **keywords: Any) -> Any:
        real(self, **keywords)
        raise TimeoutError("the answer did not come")

    with monkeypatch.context() as broken:
        broken.setattr(WebClient, "chat_postMessage", dies)
        clock(MONDAY)
        assert weekly.post_due(tenant.id) is False
    with tenant_scope(tenant.id):
        row = SlackDigest.objects.get()
        assert (row.ts, row.failures, "TimeoutError" in row.error) == ("", 1, True)
        # The pause is over, and the attempt was made by Slack's clock.
        SlackDigest.objects.update(not_before=MONDAY - timedelta(days=300), attempted_at=datetime.now(UTC))
    assert weekly.post_due(tenant.id) is True
    assert len(workspace.messages("incidents")) == 1


def test_a_digest_on_demand(tenant: Tenant, workspace: Workspace) -> None:
    with tenant_scope(tenant.id):
        Incident.objects.all().delete()
    store(tenant, replace(briefings.LIKELY, started_at=datetime.now(UTC) - timedelta(days=2)))
    seen = workspace.act("slash", channel="checkout", command="/sre", text="digest", wait=60)
    assert "1 incident in 7 days" in message_text(seen["messages"][0])
    seen = workspace.act("slash", channel="checkout", command="/sre", text="digest yesterday", wait=60)
    assert "Say over how long" in message_text(seen["messages"][0])


def test_an_admin_says_when_it_comes_or_that_it_does_not(tenant: Tenant, workspace: Workspace) -> None:
    asked: dict[str, Any] = {"channel": "checkout", "command": "/sre", "text": "digest settings", "wait": 8}
    assert "needs the role admin" in message_text(workspace.act("slash", **asked)["messages"][0])
    Tenant.objects.filter(id=tenant.id).update(default_role="admin")

    (window,) = workspace.act("slash", **asked)["views"]
    wrong = {"day": "4", "hour": "17", "zone": "Europe/Berlni"}
    refused = workspace.refused("submit", view_id=window["id"], values=wrong, wait=60)
    (told,) = workspace.act("submit", view_id=window["id"], values={**wrong, "zone": "Europe/Berlin"}, wait=60)["views"]
    now = Tenant.objects.get(id=tenant.id)
    workspace.act("close")
    (window,) = workspace.act("slash", **asked)["views"]
    workspace.act("submit", view_id=window["id"], values={"day": "none", "hour": "17", "zone": "UTC"}, wait=60)

    assert refused["errors"] == {
        "zone": "There is no time zone 'Europe/Berlni'; say e.g. Europe/Berlin or UTC. Did you mean Europe/Berlin?"
    }
    assert "It comes on Fridays from 17:00 (Europe/Berlin)." in str(told["blocks"])
    assert (now.digest_day, now.digest_hour, now.time_zone) == (4, 17, "Europe/Berlin")
    assert Tenant.objects.get(id=tenant.id).digest_day is None
