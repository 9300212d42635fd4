"""Commands that only look are answered once, too, whatever is killed when: the answer is owed until Slack has taken it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
import pytest
from django.db.models import F

from copilot import flow
from copilot.guard.tenancy import tenant_scope
from copilot.hints import Work
from copilot.models import Incident, Tenant
from slackbot import afterwards
from slackbot.handlers import commands, owed
from slackbot.models import SlackReply
from slackbot.plain_text import message_text
from tests.flow.slack_world import Workspace, store
from tests.unit.slackbot import briefings
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

QUIET = "No open incidents. All quiet."


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process dies right after each acknowledgement: what was to follow is never begun."""
    monkeypatch.setattr(commands, "afterwards", lambda _work: None)


@pytest.fixture
def sweep(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Let the sweeper look, and a worker do at once what it finds."""

    def at_once(work: Work, tenant_id: UUID, subject: UUID | None = None) -> None:
        if work is Work.GIVE and subject is not None:
            flow.give(tenant_id, subject)

    monkeypatch.setattr(flow, "hint", at_once)
    return flow.sweep


def let_pass(tenant: Tenant, **spans: Any) -> None:
    """Move what is owed back in time: it was asked and leased so much earlier."""
    with tenant_scope(tenant.id):
        by = timedelta(**spans)
        SlackReply.objects.update(asked_at=F("asked_at") - by, lease_until=F("lease_until") - by)


def open_debts(tenant: Tenant) -> int:
    with tenant_scope(tenant.id):
        return SlackReply.objects.count()


def told(workspace: Workspace, channel: str = "checkout", person: str = "ada") -> list[str]:
    return [message_text(message) for message in workspace.messages(channel, person=person)]


def ask(workspace: Workspace, words: str = "status", channel: str = "checkout") -> dict[str, Any]:
    return workspace.act("slash", channel=channel, command="/sre", text=words, wait=0)


def test_a_reading_whose_process_was_killed_is_answered_by_a_worker_once(
    tenant: Tenant, workspace: Workspace, killed: None, sweep: Callable[[], int]
) -> None:
    assert ask(workspace)["status"] == 200
    assert (told(workspace), open_debts(tenant)) == ([], 1)
    # Whoever took it in may still be at it.
    assert sweep() == 0

    let_pass(tenant, seconds=31)

    assert sweep() == 1
    assert (told(workspace), told(workspace, person="bo")) == ([QUIET], [])
    assert (sweep(), open_debts(tenant), told(workspace)) == (0, 0, [QUIET])


def test_an_answer_that_arrived_is_not_owed(tenant: Tenant, workspace: Workspace, sweep: Callable[[], int]) -> None:
    ask(workspace)
    afterwards.settle()

    assert (told(workspace), open_debts(tenant)) == ([QUIET], 0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("investigate the mail is slow", "Opened INC-1."),
        ("resolve 77", "There is no incident 77"),
        ("investigate", ""),
    ],
)
def test_what_came_of_a_deed_is_told_by_a_worker_and_nothing_is_done_twice(
    words: str, said: str, tenant: Tenant, workspace: Workspace, killed: None, sweep: Callable[[], int]
) -> None:
    """A window is owed nothing: nobody can open it later."""
    ask(workspace, words)
    let_pass(tenant, seconds=31)
    sweep()

    with tenant_scope(tenant.id):
        assert Incident.objects.count() == (1 if said.startswith("Opened") else 0)
    assert (told(workspace), open_debts(tenant)) == ([said] if said else [], 0)


def test_a_verdict_whose_process_was_killed_is_told(
    tenant: Tenant, workspace: Workspace, killed: None, sweep: Callable[[], int]
) -> None:
    store(tenant, briefings.LIKELY)
    ask(workspace, "feedback 42 up")
    let_pass(tenant, seconds=31)
    sweep()

    assert told(workspace) == [
        "👍 recorded for INC-42 #1: The rollout of payments v2.14.0 shrank its connection pool; checkout waits for payments"
    ]


def test_what_was_not_understood_is_owed_an_answer_too(
    tenant: Tenant, workspace: Workspace, killed: None, sweep: Callable[[], int]
) -> None:
    ask(workspace, "why 77")
    let_pass(tenant, seconds=31)
    sweep()
    assert told(workspace) == ["There is no incident 77"]


def test_who_took_it_in_leaves_it_to_a_worker_that_was_faster(
    tenant: Tenant, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, sweep: Callable[[], int]
) -> None:
    waiting: list[Callable[[], object]] = []
    monkeypatch.setattr(commands, "afterwards", waiting.append)
    ask(workspace)
    let_pass(tenant, seconds=31)
    sweep()

    waiting[0]()

    assert told(workspace) == [QUIET]


def test_an_address_that_took_five_answers_gives_way_to_the_channel(
    tenant: Tenant, workspace: Workspace, killed: None, sweep: Callable[[], int]
) -> None:
    ask(workspace)
    address = workspace.deliveries("slash")[-1]["request"]["response_url"]
    with httpx.Client(trust_env=False, timeout=PATIENCE) as client:
        for _ in range(5):
            assert client.post(address, json={"text": "busy"}).status_code == 200
    let_pass(tenant, seconds=31)

    sweep()

    assert told(workspace)[5:] == [QUIET]
    assert told(workspace, person="bo") == []


def test_after_half_an_hour_the_answer_comes_without_the_address(
    tenant: Tenant, workspace: Workspace, killed: None, sweep: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from slack_sdk.webhook import WebhookClient

    monkeypatch.setattr(WebhookClient, "send", lambda *_, **__: pytest.fail("the address is closed by now"))
    ask(workspace)
    let_pass(tenant, minutes=30)
    sweep()
    assert told(workspace) == [QUIET]


def test_where_the_bot_is_in_no_channel_the_person_is_told_by_the_app_itself(
    tenant: Tenant, workspace: Workspace, killed: None, sweep: Callable[[], int]
) -> None:
    workspace.channel("strangers", bot=False)
    ask(workspace, channel="strangers")
    let_pass(tenant, minutes=30)
    sweep()
    assert (told(workspace, "strangers"), told(workspace, "@copilot")) == ([], [QUIET])


def test_slack_that_asks_for_patience_gets_the_answer_later(
    tenant: Tenant, workspace: Workspace, killed: None, sweep: Callable[[], int]
) -> None:
    ask(workspace)
    let_pass(tenant, minutes=30)
    workspace.fail("chat.postEphemeral", "ratelimited", retry_after=7)
    sweep()
    assert (told(workspace), open_debts(tenant), sweep()) == ([], 1, 0)

    let_pass(tenant, seconds=8)
    sweep()

    assert (told(workspace), open_debts(tenant)) == ([QUIET], 0)


def test_a_channel_is_not_told_twice_where_it_may_have_been_told(
    tenant: Tenant, workspace: Workspace, killed: None, sweep: Callable[[], int]
) -> None:
    ask(workspace, "status --share")
    with tenant_scope(tenant.id):
        SlackReply.objects.update(begun_at=F("asked_at"))
    let_pass(tenant, seconds=31)

    sweep()

    assert (told(workspace), open_debts(tenant)) == ([], 0)


def test_what_is_shared_is_shared_by_the_worker(
    tenant: Tenant, workspace: Workspace, killed: None, sweep: Callable[[], int]
) -> None:
    ask(workspace, "status --share")
    let_pass(tenant, seconds=31)
    sweep()
    assert told(workspace, person="bo") == [QUIET]


def test_nobody_is_answered_hours_later(
    tenant: Tenant, workspace: Workspace, killed: None, sweep: Callable[[], int]
) -> None:
    ask(workspace)
    let_pass(tenant, hours=3)
    sweep()
    assert (told(workspace), open_debts(tenant)) == ([], 0)


def test_a_window_that_cannot_open_any_more_is_said_in_words(
    tenant: Tenant, workspace: Workspace, killed: None, sweep: Callable[[], int]
) -> None:
    Tenant.objects.filter(id=tenant.id).update(default_role="admin")
    ask(workspace, "connect")
    let_pass(tenant, seconds=31)
    sweep()
    assert told(workspace) == ["Slack did not open the window in time; please try again."]
    assert workspace.modals() == []


def test_another_tenant_can_neither_see_nor_give_what_is_owed(
    tenant: Tenant, other_tenant: Tenant, workspace: Workspace, killed: None
) -> None:
    ask(workspace)
    let_pass(tenant, seconds=31)
    (debt,) = owed.overdue(tenant.id)

    commands.give(other_tenant.id, debt)

    assert (owed.overdue(other_tenant.id), owed.overdue(tenant.id), told(workspace)) == ([], [debt], [])


def test_the_address_is_sealed_in_the_rows(tenant: Tenant, workspace: Workspace, killed: None) -> None:
    ask(workspace)
    with tenant_scope(tenant.id):
        row = SlackReply.objects.get()
    assert b"response" not in bytes(row.sealed)
    assert row.words == "status"
