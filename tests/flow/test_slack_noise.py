"""Related alerts in a running workspace: one line each in one message, split off by a button, and a storm that stays small."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from copilot.guard.tenancy import tenant_scope
from copilot.models import Incident, RelatedAlert, Service, Tenant
from slackbot import publish
from slackbot.models import SlackPost
from slackbot.plain_text import message_text
from tests.flow.slack_world import Workspace
from tests.flow.test_relate import alert, happen
from tests.waiting import until

if TYPE_CHECKING:
    from uuid import UUID

    from integrations.base import Event


@pytest.fixture(autouse=True)
def shop(tenant: Tenant) -> None:
    """Two services, shown in one channel."""
    with tenant_scope(tenant.id):
        for name in ("checkout", "mail"):
            Service.objects.create(name=name, channel="checkout")


def come(tenant: Tenant, *events: Event) -> None:
    """Let alerts come in, and be shown as the workers are told to: each time an incident moves."""
    for one in events:
        happen(tenant, one)
        for incident in moved(tenant):
            publish.publish(tenant.id, incident)


def moved(tenant: Tenant) -> list[UUID]:
    with tenant_scope(tenant.id):
        found = list(Incident.objects.filter(publish_wanted_at__isnull=False).values_list("id", flat=True))
        Incident.objects.update(publish_wanted_at=None)
    return found


def thread(workspace: Workspace, channel: str = "checkout", place: int = -1) -> list[dict[str, Any]]:
    root = sorted(workspace.messages(channel), key=lambda one: float(one["ts"]))[place]
    return workspace.messages(channel, thread_ts=root["ts"])[1:]


def test_a_related_alert_is_a_line_in_the_thread_and_on_the_card(tenant: Tenant, workspace: Workspace) -> None:
    come(tenant, alert("latency", "checkout"), alert("errors", "checkout", minute=4))
    (root,) = workspace.messages("checkout")
    assert "🔗 1 related alert, still firing: one line each in the thread" in message_text(root)
    (said,) = thread(workspace)
    assert (
        message_text(said)
        == "🔗 1 related alert, still firing\ncheckout: errors fires  ·  same service, 4 min after its page  [ Not related ]"
    )


def test_not_related_splits_it_off_and_both_places_say_so(tenant: Tenant, workspace: Workspace) -> None:
    come(tenant, alert("latency", "checkout"), alert("errors", "checkout", minute=4))
    (said,) = thread(workspace)
    with tenant_scope(tenant.id):
        row = RelatedAlert.objects.get()
    (root,) = workspace.messages("checkout")
    workspace.act(
        "click",
        channel="checkout",
        ts=said["ts"],
        action_id="not_related",
        block_id=f"related:{row.id}",
        wait=60,
    )
    assert until(lambda: len(workspace.messages("checkout")) == 2)

    def told() -> str:
        thread = workspace.messages("checkout", thread_ts=root["ts"])
        return message_text(thread[1])

    assert until(lambda: "Not related by ada: errors fires is INC-2" in told())
    assert "related alert" not in message_text(
        next(one for one in workspace.messages("checkout") if one["ts"] == root["ts"])
    )


def test_viewers_may_not_split(tenant: Tenant, workspace: Workspace) -> None:
    come(tenant, alert("latency", "checkout"), alert("errors", "checkout", minute=4))
    Tenant.objects.filter(id=tenant.id).update(default_role="viewer")
    (said,) = thread(workspace)
    seen = workspace.act("click", channel="checkout", ts=said["ts"], action_id="not_related", wait=60)
    assert "this needs the role responder" in str(seen["messages"])
    assert len(workspace.messages("checkout")) == 1


def test_two_hundred_alerts_in_a_minute_make_a_handful_of_messages(tenant: Tenant, workspace: Workspace) -> None:
    come(tenant, *(alert(f"alert-{n}", f"service-{n}", minute=n * 0.005) for n in range(200)))
    assert len(workspace.messages("incidents")) == 6
    (said,) = thread(workspace, "incidents", 0)
    assert message_text(said).startswith("🔗 194 related alerts, all still firing\n")
    assert "and 179 more: " in message_text(said)
    threads = [thread(workspace, "incidents", place) for place in range(6)]
    assert sum(len(one) for one in threads) == 1


def test_while_alerts_pour_in_the_message_is_edited_every_few_seconds_alone(
    tenant: Tenant, workspace: Workspace
) -> None:
    come(tenant, alert("latency", "checkout"))

    def pour(name: str) -> None:
        with tenant_scope(tenant.id):
            incident = Incident.objects.get()
            RelatedAlert.objects.create(
                incident=incident, source="alertmanager", dedupe_key=name, service_name="mail", title=name, rule="storm",
                started_at=timezone.now(),
            )  # fmt: skip
        publish.publish(tenant.id, incident.id)

    def count() -> str:
        (root,) = workspace.messages("checkout")
        return message_text(root).partition("🔗 ")[2].partition(" ")[0]

    for n in range(4):
        pour(f"alert-{n}")
    assert count() == "4"
    for n in range(4, 12):
        pour(f"alert-{n}")
    assert count() == "4"
    with tenant_scope(tenant.id):
        root = SlackPost.objects.get(key="root")
        assert root.shown < root.wanted
        SlackPost.objects.update(edited_at=timezone.now() - timedelta(seconds=4))
    publish.publish(tenant.id, root.incident_id)
    assert count() == "12"
