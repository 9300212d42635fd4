"""What goes wrong with Slack: found by the connection test before it hurts, told in words, and survived when it comes."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from copilot import connections, tasks
from copilot.cli import main
from copilot.guard.tenancy import tenant_scope
from copilot.models import Connection, Service, Tenant
from slackbot import publish, troubles
from slackbot.models import SlackInstallation, SlackPost
from slackbot.plain_text import message_text
from slackbot.publish import behind
from tests.flow.slack_world import Workspace, store
from tests.flow.test_slack_people import press
from tests.unit.slackbot import briefings

if TYPE_CHECKING:
    from integrations.base import Health


def health_of(tenant: Tenant) -> Health:
    with tenant_scope(tenant.id):
        connection_id = Connection.objects.get(kind="slack").id
    return connections.check(tenant.id, connection_id)


def test_a_workspace_that_can_show_incidents_passes(tenant: Tenant, workspace: Workspace) -> None:
    health = health_of(tenant)

    assert health.works, health.detail
    assert health.detail.endswith(" as copilot")


def test_doctor_says_that_no_channel_is_set(
    tenant: Tenant, workspace: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with tenant_scope(tenant.id):
        SlackInstallation.objects.update(default_channel="")
        Service.objects.create(name="checkout")
        Service.objects.create(name="cart", channel="#checkout")

    health = health_of(tenant)

    assert not health.works
    assert "no default channel: incidents of checkout cannot be posted; set one" in health.detail
    with tenant_scope(tenant.id):
        assert Connection.objects.get(kind="slack").health == "failing"
    monkeypatch.setattr("copilot.cli.find_installation", lambda _: None)
    slug = Tenant.objects.get(id=tenant.id).slug
    assert main(["doctor", slug, "--json"]) == 1
    assert "no default channel" in capsys.readouterr().out


def test_services_with_channels_of_their_own_need_no_default(tenant: Tenant, workspace: Workspace) -> None:
    with tenant_scope(tenant.id):
        SlackInstallation.objects.update(default_channel="")
        Service.objects.create(name="checkout", channel="#checkout")

    health = health_of(tenant)

    assert health.works
    # An incident of a service that nobody added has no channel, though.
    assert "no default channel: incidents of services that are not set up yet cannot be posted" in health.detail


@pytest.mark.parametrize(
    ("channel", "said"),
    [
        ("#nowhere", "#nowhere does not exist, or is private and the bot is not in it"),
        ("#old", "#old is archived"),
    ],
)
def test_channels_that_cannot_be_used_are_told(tenant: Tenant, workspace: Workspace, channel: str, said: str) -> None:
    workspace.channel("old", archived=True)
    with tenant_scope(tenant.id):
        Service.objects.create(name="checkout", channel=channel)

    health = health_of(tenant)

    assert (health.works, said in health.detail) == (False, True), health.detail


def test_an_incident_that_was_not_shown_is_told_with_its_reason(tenant: Tenant, workspace: Workspace) -> None:
    incident = store(tenant, briefings.LIKELY)
    workspace.fail("chat.postMessage", "restricted_action", times=9)
    publish.publish(tenant.id, incident)

    health = health_of(tenant)

    assert "1 incident could not be shown: #checkout: the workspace does not let the bot post" in health.detail
    workspace.heal()
    publish.publish(tenant.id, incident)
    assert health_of(tenant).works


def test_a_workspace_that_takes_no_tables_gets_the_evidence_in_lists(
    tenant: Tenant, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = store(tenant, briefings.LIKELY)
    post = WebClient.chat_postMessage

    def takes_no_tables(client: WebClient, **arguments: Any) -> Any:
        if any(one["type"] == "data_table" for one in arguments["blocks"]):
            raise SlackApiError("refused", {"ok": False, "error": "invalid_blocks"})  # type: ignore[no-untyped-call]
        return post(client, **arguments)

    monkeypatch.setattr(WebClient, "chat_postMessage", takes_no_tables)
    publish.publish(tenant.id, incident)

    (root,) = workspace.messages("checkout")
    evidence = workspace.messages("checkout", thread_ts=root["ts"])[1]
    assert "data_table" not in {one["type"] for one in evidence["blocks"]}
    assert "Speaks for a fault" in message_text(evidence)
    with tenant_scope(tenant.id):
        assert SlackPost.objects.get(incident_id=incident, key="evidence").error == ""


@pytest.mark.parametrize("code", ["msg_too_long", "msg_blocks_too_long", "invalid_blocks"])
def test_a_card_that_slack_refuses_is_said_in_fewer_words(tenant: Tenant, workspace: Workspace, code: str) -> None:
    incident = store(tenant, briefings.LIKELY)
    workspace.fail("chat.postMessage", code)

    publish.publish(tenant.id, incident)

    (root,) = workspace.messages("checkout")
    assert "INC-42" in message_text(root)
    assert "Slack did not take the whole card." in message_text(root)
    with tenant_scope(tenant.id):
        row = SlackPost.objects.get(incident_id=incident, key="root")
    assert row.shown == row.wanted
    # The next change shows the card again, in the same message.
    publish.publish(tenant.id, incident)
    assert [one["ts"] for one in workspace.messages("checkout")] == [root["ts"]]
    assert "did not take" not in message_text(workspace.messages("checkout")[0])


def test_slack_down_for_ten_minutes_and_the_incident_is_posted_within_one(
    tenant: Tenant, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = store(tenant, briefings.LIKELY)
    workspace.fail("*", "service_unavailable", times=1000)
    clock = 0.0
    tries = 0
    # Ten minutes pass as the sweeper sees them: whenever the row is due, it is tried.
    while clock < 600:
        before = timezone.now()
        with pytest.raises(troubles.Trouble):
            publish.publish(tenant.id, incident)
        after = timezone.now()
        tries += 1
        with tenant_scope(tenant.id):
            row = SlackPost.objects.get(incident_id=incident, key="root")
            clock += (row.not_before - before).total_seconds()
            SlackPost.objects.update(not_before=timezone.now())
        assert row.not_before - after <= timedelta(seconds=75)
    assert 12 <= tries <= 20, "neither a storm nor a sleep"
    assert row.error == "Slack is not available (service_unavailable)"

    workspace.heal()
    assert behind.unfinished(tenant.id) == [incident]
    publish.publish(tenant.id, incident)
    assert len(workspace.messages("checkout")) == 1


def test_what_slack_puts_off_is_no_error_in_the_workers_log(
    tenant: Tenant, workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    made = store(tenant, briefings.LIKELY)
    workspace.fail("chat.postMessage", "ratelimited", retry_after=30)

    with caplog.at_level(logging.INFO, logger="celery.app.trace"):
        ended = tasks.publish_incident.apply([str(tenant.id), str(made)])

    assert isinstance(ended.result, troubles.Trouble)
    told = [(one.levelname, one.exc_info) for one in caplog.records if one.name == "celery.app.trace"]
    assert told == [("INFO", None)]


def test_a_window_whose_trigger_expired_is_told_in_words(tenant: Tenant, workspace: Workspace) -> None:
    publish.publish(tenant.id, store(tenant, briefings.LIKELY))
    workspace.fail("views.open", "expired_trigger_id")

    seen = press(workspace, "why")

    words = "\n".join(message_text(one) for one in seen["messages"])
    assert "Slack did not open the window in time; please try again." in words
    assert seen["views"] == []


def test_a_pressed_button_that_slack_delivers_twice_counts_once(tenant: Tenant, workspace: Workspace) -> None:
    publish.publish(tenant.id, store(tenant, briefings.LIKELY))
    press(workspace, "verdict_up")
    (delivery,) = workspace.deliveries("block_actions")
    again(tenant, delivery["request"])

    with tenant_scope(tenant.id):
        from copilot.models import Feedback

        assert [one.value for one in Feedback.objects.all()] == ["up"]


def again(tenant: Tenant, payload: dict[str, Any]) -> None:
    """Deliver the same interaction once more."""
    import json
    import time
    from urllib.parse import urlencode

    from slack_sdk.signature import SignatureVerifier

    from slackbot import installs
    from slackbot.app import answer_to

    found = installs.of_tenant(tenant.id)
    assert found is not None
    raw = urlencode({"payload": json.dumps(payload)})
    stamp = str(int(time.time()))
    signature = SignatureVerifier(found.secrets.signing_secret).generate_signature(timestamp=stamp, body=raw)
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": stamp,
        "x-slack-signature": str(signature),
    }
    assert answer_to(found.secrets.endpoint_key, headers, raw.encode()).status == 200


def test_the_bare_card_is_one_that_slack_takes_whatever_the_incident_holds() -> None:
    from slackbot.blocks import bare_card
    from slackbot.local.blocks import check_message_blocks

    for title in ("", "x" * 5000, "<!channel> <https://evil.test|x>", "\u202e"):
        blocks, text = bare_card(replace(briefings.LIKELY, title=title, url="javascript:alert(1)"))
        assert check_message_blocks(blocks) == []
        assert len(text) <= 4000
        assert "<!channel>" not in text
