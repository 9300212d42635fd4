"""Posting to a running Slack workspace: once, in place, and whatever goes wrong in between."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from django.db import close_old_connections
from django.utils import timezone
from slack_sdk import WebClient

from copilot.guard.tenancy import tenant_scope
from copilot.models import Connection, Feedback, Incident, Run
from slackbot import installs, publish, transcript
from slackbot.models import SlackInstallation, SlackPost
from slackbot.publish import Trouble, behind, lease
from tests.flow.slack_world import Workspace, client_of, files_of, store, store_run
from tests.unit.slackbot import briefings

if TYPE_CHECKING:
    from uuid import UUID

    from copilot.models import Tenant


def post(tenant: Tenant, incident: UUID, key: str = "root") -> SlackPost:
    with tenant_scope(tenant.id):
        return SlackPost.objects.get(incident_id=incident, key=key)


def change(tenant: Tenant, incident: UUID, **values: Any) -> None:
    with tenant_scope(tenant.id):
        Incident.objects.filter(id=incident).update(**values)


def header(message: dict[str, Any]) -> str:
    return str(message["blocks"][0]["text"]["text"])


def test_it_posts_one_root_in_the_services_channel_and_the_detail_in_its_thread(
    tenant: Tenant, workspace: Workspace
) -> None:
    incident = store(tenant, briefings.LIKELY)
    publish.publish(tenant.id, incident)
    (root,) = workspace.messages("checkout")
    assert header(root) == "🔴 INC-42 · checkout · Checkout p95 latency above 1 s for 5 min"
    assert root["text"].startswith("INC-42 checkout: likely cause 0.65–0.82: The rollout of payments")
    thread = workspace.messages("checkout", thread_ts=root["ts"])[1:]
    assert files_of(thread) == [
        "E1 checkout: p95 latency",
        "E3 payments: pool utilisation",
        "E2 checkout: error ratio",
    ]
    assert thread[0]["text"] == "INC-42: 8 pieces of evidence"
    assert all(file["alt_txt"].startswith("Line chart of") for message in thread for file in message.get("files", []))
    assert workspace.messages("incidents") == []


def test_publishing_again_without_a_change_calls_slack_for_nothing(tenant: Tenant, workspace: Workspace) -> None:
    incident = store(tenant, briefings.LIKELY)
    publish.publish(tenant.id, incident)
    for method in ("chat.postMessage", "chat.update", "files.getUploadURLExternal"):
        workspace.fail(method, "fatal_error", times=1)
    publish.publish(tenant.id, incident)
    assert post(tenant, incident).error == ""
    assert len(workspace.messages("checkout")) == 1


def test_ten_publishers_at_once_post_one_root_and_one_thread(tenant: Tenant, workspace: Workspace) -> None:
    incident = store(tenant, briefings.LIKELY)
    start = threading.Barrier(10)
    failures: list[Exception] = []

    def run() -> None:
        start.wait()
        try:
            publish.publish(tenant.id, incident)
        except Exception as failure:
            failures.append(failure)
        finally:
            close_old_connections()

    threads = [threading.Thread(target=run) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    (root,) = workspace.messages("checkout")
    assert len(workspace.messages("checkout", thread_ts=root["ts"])) == 5
    row = post(tenant, incident)
    assert row.shown == row.wanted == 10


def test_a_publisher_that_dies_between_posting_and_saving_leaves_a_message_that_the_next_adopts(
    tenant: Tenant, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = store(tenant, briefings.LIKELY)
    real = WebClient.chat_postMessage

    class Killed(BaseException):
        pass

    def dies_after(self: WebClient, **keywords: Any) -> Any:
        real(self, **keywords)
        raise Killed

    # First the root's ts is lost, then that of the first message in the thread.
    for _ in range(2):
        monkeypatch.setattr(WebClient, "chat_postMessage", dies_after)
        with pytest.raises(Killed):
            publish.publish(tenant.id, incident)
        # The killed process holds its lease until it ends; nobody may publish before.
        with tenant_scope(tenant.id):
            SlackPost.objects.filter(key="root").update(lease_until=timezone.now() - timedelta(seconds=1))
    monkeypatch.setattr(WebClient, "chat_postMessage", real)
    publish.publish(tenant.id, incident)
    (root,) = workspace.messages("checkout")
    assert root["ts"] == post(tenant, incident).ts
    texts = [message["text"] for message in workspace.messages("checkout", thread_ts=root["ts"]) if message["text"]]
    assert sorted(texts) == sorted(set(texts)), "a thread post came twice"
    assert len(texts) == 2


def test_an_upload_that_was_not_saved_is_adopted(
    tenant: Tenant, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = store(tenant, briefings.LIKELY)
    real = WebClient.files_upload_v2

    class Killed(BaseException):
        pass

    def dies_after(self: WebClient, **keywords: Any) -> Any:
        real(self, **keywords)
        raise Killed

    monkeypatch.setattr(WebClient, "files_upload_v2", dies_after)
    with pytest.raises(Killed):
        publish.publish(tenant.id, incident)
    monkeypatch.setattr(WebClient, "files_upload_v2", real)
    with tenant_scope(tenant.id):
        SlackPost.objects.filter(key="root").update(lease_until=timezone.now() - timedelta(seconds=1))
    publish.publish(tenant.id, incident)
    root = workspace.messages("checkout")[0]
    titles = files_of(workspace.messages("checkout", thread_ts=root["ts"]))
    assert len(titles) == len(set(titles)) == 3


def test_while_another_holds_the_lease_the_wish_is_kept_and_fulfilled_by_the_holder_or_the_sweeper(
    tenant: Tenant, workspace: Workspace
) -> None:
    incident = store(tenant, briefings.LIKELY)
    lease.wish(tenant.id, incident)
    holder = uuid4()
    claim = lease.claim(tenant.id, incident, holder)
    assert claim is not None
    publish.publish(tenant.id, incident)
    assert workspace.messages("checkout") == []
    assert behind.unfinished(tenant.id) == []
    assert lease.release(claim, read_at=timezone.now(), finished=True) is True
    assert behind.unfinished(tenant.id) == [incident]


def test_a_lease_that_ran_out_cannot_be_renewed(tenant: Tenant, workspace: Workspace) -> None:
    incident = store(tenant, briefings.LIKELY)
    lease.wish(tenant.id, incident)
    claim = lease.claim(tenant.id, incident, uuid4())
    assert claim is not None
    with lease.kept(claim):
        lease.renew()
        with tenant_scope(tenant.id):
            SlackPost.objects.filter(key="root").update(lease_until=timezone.now() - timedelta(seconds=1))
        with pytest.raises(lease.LeaseLost):
            lease.renew()


def test_a_rate_limit_is_honoured_and_the_incident_is_posted_after_it(tenant: Tenant, workspace: Workspace) -> None:
    incident = store(tenant, briefings.LIKELY)
    workspace.fail("chat.postMessage", "ratelimited", times=1, retry_after=60)
    before = timezone.now()
    with pytest.raises(Trouble, match="Slack asks us to slow down"):
        publish.publish(tenant.id, incident)
    after = timezone.now()
    asked = timedelta(seconds=60)
    assert before + asked <= post(tenant, incident).not_before <= after + 2 * asked
    publish.publish(tenant.id, incident)
    assert workspace.messages("checkout") == [], "it tried again before Retry-After had passed"
    assert behind.unfinished(tenant.id) == []
    with tenant_scope(tenant.id):
        SlackPost.objects.update(not_before=timezone.now())
    assert behind.unfinished(tenant.id) == [incident]
    publish.publish(tenant.id, incident)
    assert len(workspace.messages("checkout")) == 1
    assert post(tenant, incident).error == ""


def test_slack_down_loses_nothing(tenant: Tenant, workspace: Workspace) -> None:
    incident = store(tenant, briefings.LIKELY)
    with tenant_scope(tenant.id):
        connection = Connection.objects.get(kind="slack")
        from copilot.guard import vault

        opened = vault.unseal(tenant.id, bytes(connection.sealed))
        connection.seal({**opened, "base_url": "http://127.0.0.1:9/api/"})
        connection.save()
    with pytest.raises(Trouble, match="Slack does not answer"):
        publish.publish(tenant.id, incident)
    with tenant_scope(tenant.id):
        connection.seal(opened)
        connection.save()
        SlackPost.objects.update(not_before=timezone.now())
    assert behind.unfinished(tenant.id) == [incident]
    publish.publish(tenant.id, incident)
    assert len(workspace.messages("checkout")) == 1


def test_an_incident_that_was_never_shown_is_behind(tenant: Tenant, workspace: Workspace) -> None:
    incident = store(tenant, briefings.LIKELY)
    assert behind.unfinished(tenant.id) == [incident]
    publish.publish(tenant.id, incident)
    with tenant_scope(tenant.id):
        SlackPost.objects.filter(key="root").update(read_at=timezone.now() + timedelta(seconds=10))
    assert behind.unfinished(tenant.id) == []


def test_a_verdict_that_nobody_published_is_behind(tenant: Tenant, workspace: Workspace) -> None:
    incident = store(tenant, briefings.LIKELY)
    publish.publish(tenant.id, incident)
    with tenant_scope(tenant.id):
        SlackPost.objects.filter(key="root").update(read_at=timezone.now() + timedelta(seconds=5.5))
        assert behind.unfinished(tenant.id) == []
        hypothesis = Run.objects.get().hypotheses.get(rank=1)
        given = Feedback.objects.create(hypothesis=hypothesis, person="U1", person_name="ada", value="up")
        Feedback.objects.filter(id=given.id).update(updated_at=timezone.now() + timedelta(seconds=1))
    assert behind.unfinished(tenant.id) == [incident]


def test_progress_is_edited_at_most_once_a_second_and_the_end_always_gets_through(
    tenant: Tenant, workspace: Workspace
) -> None:
    incident = store(tenant, briefings.FRESH)
    publish.publish(tenant.id, incident)
    posted = workspace.messages("checkout")[0]
    with tenant_scope(tenant.id):
        Run.objects.update(stage="gather")
    publish.publish(tenant.id, incident)
    assert workspace.messages("checkout")[0] == posted, "edited within a second of the post"
    assert behind.unfinished(tenant.id) == [incident]
    with tenant_scope(tenant.id):
        Run.objects.all().delete()
        store_run(Incident.objects.get(), briefings.LIKELY)
    publish.publish(tenant.id, incident)
    assert "likely cause" in workspace.messages("checkout")[0]["text"]


def test_another_look_edits_the_thread_and_repeats_nothing(tenant: Tenant, workspace: Workspace) -> None:
    incident = store(tenant, briefings.LIKELY)
    publish.publish(tenant.id, incident)
    root = workspace.messages("checkout")[0]
    before = [message["ts"] for message in workspace.messages("checkout", thread_ts=root["ts"])]
    with tenant_scope(tenant.id):
        again = replace(briefings.AGAIN, evidence=briefings.LIKELY.evidence[:-1])
        store_run(Incident.objects.get(id=incident), again)
    publish.publish(tenant.id, incident)
    after = workspace.messages("checkout", thread_ts=root["ts"])
    assert [message["ts"] for message in after] == before
    assert after[1]["text"] == "INC-42: 7 pieces of evidence"
    assert "look 2, asked by bo" in str(workspace.messages("checkout")[0]["blocks"])


def test_the_root_follows_acknowledge_and_resolve_and_asks_once_what_it_was(
    tenant: Tenant, workspace: Workspace
) -> None:
    incident = store(tenant, briefings.LIKELY)
    publish.publish(tenant.id, incident)
    change(tenant, incident, status="acknowledged", acknowledged_by="Ada", acknowledged_at=timezone.now())
    publish.publish(tenant.id, incident)
    root = workspace.messages("checkout")[0]
    assert "👀 Ada is on it" in str(root["blocks"])
    ended = briefings.BEGAN + timedelta(minutes=29)
    change(tenant, incident, status="resolved", resolved_by="Ada", resolved_at=ended)
    publish.publish(tenant.id, incident)
    publish.publish(tenant.id, incident)
    assert header(workspace.messages("checkout")[0]).startswith("✅ INC-42")
    said = [message["text"] for message in workspace.messages("checkout", thread_ts=root["ts"])]
    assert said.count("INC-42 resolved after 29 min. What was the cause?") == 1
    change(tenant, incident, status="triggered", resolved_by="", resolved_at=None)
    publish.publish(tenant.id, incident)
    said = [message["text"] for message in workspace.messages("checkout", thread_ts=root["ts"])]
    assert said.count("INC-42 was reopened") == 1


def test_a_muted_incident_is_kept_true_but_says_nothing_new(tenant: Tenant, workspace: Workspace) -> None:
    incident = store(tenant, briefings.FRESH)
    publish.publish(tenant.id, incident)
    change(tenant, incident, muted_until=timezone.now() + timedelta(hours=1))
    with tenant_scope(tenant.id):
        Run.objects.all().delete()
        store_run(Incident.objects.get(), briefings.LIKELY)
    publish.publish(tenant.id, incident)
    (root,) = workspace.messages("checkout")
    assert "muted until" in str(root["blocks"])
    assert workspace.messages("checkout", thread_ts=root["ts"]) == [root]


@pytest.mark.parametrize("gone", ["archived", "deleted", "never there"])
def test_where_the_services_channel_is_gone_the_default_channel_takes_the_incident(
    tenant: Tenant, workspace: Workspace, gone: str
) -> None:
    channel = {"archived": "checkout", "deleted": "checkout", "never there": "no-such-channel"}[gone]
    if gone == "archived":
        workspace.channel("checkout", archived=True)
    elif gone == "deleted":
        workspace.delete_channel("checkout")
    incident = store(tenant, replace(briefings.LIKELY, channel=channel))
    publish.publish(tenant.id, incident)
    (root,) = workspace.messages("incidents")
    assert len(workspace.messages("incidents", thread_ts=root["ts"])) == 5


def test_a_channel_that_is_archived_later_moves_the_incident_to_the_default_channel(
    tenant: Tenant, workspace: Workspace
) -> None:
    incident = store(tenant, briefings.LIKELY)
    publish.publish(tenant.id, incident)
    workspace.channel("checkout", archived=True)
    change(tenant, incident, status="acknowledged", acknowledged_by="Ada")
    publish.publish(tenant.id, incident)
    (root,) = workspace.messages("incidents")
    assert "Ada is on it" in str(root["blocks"])
    assert len(workspace.messages("incidents", thread_ts=root["ts"])) == 5


def test_it_joins_a_public_channel_that_it_is_not_in(tenant: Tenant, workspace: Workspace) -> None:
    workspace.channel("checkout", bot=False)
    incident = store(tenant, briefings.LIKELY)
    publish.publish(tenant.id, incident)
    assert len(workspace.messages("checkout")) == 1
    assert workspace.messages("incidents") == []


def test_without_any_channel_the_admin_reads_what_to_do(tenant: Tenant, workspace: Workspace) -> None:
    with tenant_scope(tenant.id):
        SlackInstallation.objects.update(default_channel="")
    incident = store(tenant, replace(briefings.LIKELY, channel=""))
    publish.publish(tenant.id, incident)
    row = post(tenant, incident)
    assert row.error.startswith("the service 'checkout' has no Slack channel and the workspace no default one")
    with tenant_scope(tenant.id):
        connection = Connection.objects.get(kind="slack")
    assert connection.health == "failing"
    assert connection.health_detail == row.error


def test_a_revoked_token_closes_the_installation_and_connecting_again_posts_the_incident(
    tenant: Tenant, workspace: Workspace
) -> None:
    incident = store(tenant, briefings.LIKELY)
    workspace.fail("chat.postMessage", "token_revoked")
    publish.publish(tenant.id, incident)
    assert "the bot token was revoked: connect Slack again" in post(tenant, incident).error
    with tenant_scope(tenant.id):
        assert SlackInstallation.objects.get().status == "revoked"
    assert behind.unfinished(tenant.id) == []
    installs.connect(tenant.id, {"local": workspace.url}, actor="test")
    assert behind.unfinished(tenant.id) == [incident]
    publish.publish(tenant.id, incident)
    assert len(workspace.messages("checkout")) == 1
    with tenant_scope(tenant.id):
        assert Connection.objects.get(kind="slack").health == "works"


def test_a_scope_that_charts_lack_is_noted_and_holds_up_nothing_else(tenant: Tenant, workspace: Workspace) -> None:
    incident = store(tenant, briefings.LIKELY)
    workspace.fail("files.getUploadURLExternal", "missing_scope", times=3)
    publish.publish(tenant.id, incident)
    (root,) = workspace.messages("checkout")
    assert len(workspace.messages("checkout", thread_ts=root["ts"])) == 2
    row = post(tenant, incident)
    assert row.shown == row.wanted
    with tenant_scope(tenant.id):
        assert "missing_scope" in Connection.objects.get(kind="slack").health_detail


def test_the_transcript_is_what_slack_shows(tenant: Tenant, workspace: Workspace) -> None:
    incident = store(tenant, briefings.LIKELY)
    assert transcript.read(tenant.id, incident) == "not posted in Slack yet"
    publish.publish(tenant.id, incident)
    read = transcript.read(tenant.id, incident)
    assert read.startswith("#checkout\n\nSRE Copilot  ")
    assert (
        "1. The rollout of payments v2.14.0 shrank its connection pool; checkout waits for payments  0.65–0.82" in read
    )
    assert "    [picture] E1 checkout: p95 latency" in read
    assert "[ 👍 ]  [ 👎 ]  [ This was it ]  [ Why? ]" in read


def test_a_tenant_without_slack_publishes_nothing_and_says_so(tenant: Tenant, committed_db: str) -> None:
    incident = store(tenant, briefings.LIKELY)
    publish.publish(tenant.id, incident)
    assert behind.unfinished(tenant.id) == []
    assert transcript.read(tenant.id, incident) == "no Slack workspace is connected"


def test_client_of_a_tenant_reaches_its_own_team(tenant: Tenant, workspace: Workspace) -> None:
    assert client_of(tenant).auth_test()["team_id"].startswith("T")
