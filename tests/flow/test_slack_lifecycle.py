"""An incident's life in a running workspace: looked at again, resolved, its cause told, its post-mortem drafted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from copilot import services
from copilot.guard.tenancy import tenant_scope
from copilot.knowledge import impact, incident_reader
from copilot.models import Hypothesis, Incident, Run, StageResult, Tenant
from copilot.stages import learn
from copilot.topology.graph import MACHINE
from scoring.frozen import plain
from scoring.observations import Dependency, Entity, EntityKind
from slackbot import publish
from slackbot.models import SlackPost
from slackbot.plain_text import message_text
from slackbot.publish import drafts as due
from tests.flow.slack_world import Workspace, store, store_run
from tests.unit.slackbot import briefings
from tests.waiting import until

if TYPE_CHECKING:
    from uuid import UUID


@pytest.fixture
def incident(tenant: Tenant, workspace: Workspace) -> UUID:
    """INC-42, ranked and posted."""
    made = store(tenant, briefings.LIKELY)
    publish.publish(tenant.id, made)
    return made


def card(workspace: Workspace) -> str:
    return message_text(workspace.messages("checkout")[0])


def thread(workspace: Workspace) -> list[dict[str, Any]]:
    return workspace.messages("checkout", thread_ts=workspace.messages("checkout")[0]["ts"])[1:]


def drafts(workspace: Workspace) -> list[str]:
    return [
        file["title"] for one in thread(workspace) for file in one.get("files") or [] if file["name"].endswith(".md")
    ]


def owed(tenant: Tenant) -> list[UUID]:
    """The incidents that the sweeper publishes because of their draft."""
    with tenant_scope(tenant.id):
        return due.owed(10)


def end(tenant: Tenant, incident: UUID, *, ago: timedelta = timedelta()) -> None:
    with tenant_scope(tenant.id):
        Incident.objects.filter(id=incident).update(
            status="resolved", resolved_by="Ada", resolved_at=timezone.now() - ago
        )
    publish.publish(tenant.id, incident)


def confirm(tenant: Tenant, incident: UUID, rank: int) -> None:
    with tenant_scope(tenant.id):
        key = Hypothesis.objects.get(run__incident_id=incident, run__sequence=1, rank=rank).id
    learn.confirm(tenant.id, incident, hypothesis_id=key, person="U1", person_name="ada")
    publish.publish(tenant.id, incident)


def looking_again(tenant: Tenant, workspace: Workspace, incident: UUID) -> str:
    """The card once it tells of progress, which is told at most once a second."""
    publish.publish(tenant.id, incident)
    said = card(workspace)
    return said if "Looking again" in said else ""


def test_what_the_first_look_found_stays_while_it_looks_again_and_then_what_changed_is_told(
    tenant: Tenant, workspace: Workspace, incident: UUID
) -> None:
    before = [one["ts"] for one in thread(workspace)]
    with tenant_scope(tenant.id):
        run = store_run(Incident.objects.get(), replace(briefings.WORKING, asked_by="bo"))
    said = until(lambda: looking_again(tenant, workspace, incident))
    assert "Looking again for bo: asking the sources… 3 of 4 sources have answered." in said
    assert "1. The rollout of payments v2.14.0 shrank" in said
    assert [one["ts"] for one in thread(workspace)] == before

    with tenant_scope(tenant.id):
        run.delete()
        stronger = replace(briefings.FIRST, low=0.75, high=0.9)
        store_run(
            Incident.objects.get(),
            replace(briefings.AGAIN, hypotheses=(stronger, briefings.SECOND), evidence=briefings.LIKELY.evidence[1:]),
        )
    publish.publish(tenant.id, incident)
    assert (
        "Since the last look\n  • the same lead, now 0.75–0.90, was 0.65–0.82\n"
        "  • no longer seen: checkout p95 latency 2.4 s, was 180 ms (×13)" in card(workspace)
    )
    assert "Looking again" not in card(workspace)


def test_a_cause_confirmed_after_the_first_look_is_still_told_after_the_second(
    tenant: Tenant, workspace: Workspace, incident: UUID
) -> None:
    confirm(tenant, incident, 1)
    with tenant_scope(tenant.id):
        store_run(Incident.objects.get(), briefings.AGAIN)
    publish.publish(tenant.id, incident)
    assert "Cause confirmed by ada: The rollout of payments v2.14.0" in card(workspace)


def test_the_draft_follows_the_answer_once_and_another_answer_makes_another(
    tenant: Tenant, workspace: Workspace, incident: UUID
) -> None:
    end(tenant, incident)
    assert drafts(workspace) == []
    confirm(tenant, incident, 1)
    publish.publish(tenant.id, incident)
    assert drafts(workspace) == ["INC-42 post-mortem draft"]
    confirm(tenant, incident, 2)
    assert len(drafts(workspace)) == 2
    confirm(tenant, incident, 1)
    assert len(drafts(workspace)) == 2
    assert owed(tenant) == []


def test_without_an_answer_the_draft_comes_ten_minutes_after_the_resolution(
    tenant: Tenant, workspace: Workspace, incident: UUID
) -> None:
    end(tenant, incident)
    assert owed(tenant) == []
    with tenant_scope(tenant.id):
        Incident.objects.update(resolved_at=timezone.now() - timedelta(minutes=11))
    assert owed(tenant) == [incident]
    publish.publish(tenant.id, incident)
    publish.publish(tenant.id, incident)
    assert drafts(workspace) == ["INC-42 post-mortem draft"]
    assert owed(tenant) == []


def test_a_draft_whose_upload_slack_refuses_for_good_is_noted_and_holds_up_nothing(
    tenant: Tenant, workspace: Workspace, incident: UUID
) -> None:
    workspace.fail("files.getUploadURLExternal", "missing_scope", times=9)
    end(tenant, incident, ago=timedelta(minutes=11))
    with tenant_scope(tenant.id):
        row = SlackPost.objects.get(key="postmortem:unanswered")
    assert (row.ts, "missing_scope" in row.error) == ("", True)
    assert owed(tenant) == []
    assert card(workspace).startswith("✅ INC-42")


def test_a_draft_can_be_asked_for_at_any_time(tenant: Tenant, workspace: Workspace, incident: UUID) -> None:
    seen = workspace.act("slash", channel="checkout", command="/sre", text="postmortem 42", wait=60)
    assert "The post-mortem draft is in the thread of INC-42." in str([message_text(m) for m in seen["messages"]])
    assert until(lambda: drafts(workspace) == ["INC-42 post-mortem draft"])


def test_the_card_tells_the_way_to_the_cause_and_who_is_hurt_and_the_picture_comes_on_demand(
    tenant: Tenant, workspace: Workspace, incident: UUID
) -> None:
    services.put(tenant.id, "web", {"entrance": "declared"}, needs=["checkout"], actor="dana")
    with tenant_scope(tenant.id):
        # Nobody declared it: the run's own sources saw that checkout needs payments, and what payments runs on.
        payments = Entity(EntityKind.SERVICE, "payments")
        seen = Dependency(Entity(EntityKind.SERVICE, "checkout"), payments, "jaeger")
        on_node = Dependency(payments, Entity(EntityKind.NODE, "node-a"), "kubernetes")
        StageResult.objects.filter(stage="gather").update(output={"dependencies": plain((seen, on_node))})
        assert impact.graph_of(Run.objects.get()).nodes["node-a"].kind == MACHINE
    publish.publish(tenant.id, incident)
    assert "checkout → payments · 2 services depend on payments; users meet web" in card(workspace)

    seen_at_once = workspace.act("slash", channel="checkout", command="/sre", text="topology 42", wait=60)
    said = str([message_text(m) for m in seen_at_once["messages"]])
    assert "The picture of who needs whom is in the thread of INC-42." in said

    def pictures() -> list[tuple[str, str]]:
        found = [file for one in thread(workspace) for file in one.get("files") or []]
        return [(one["title"], one.get("alt_txt", "")) for one in found if "topology" in one["name"]]

    ((title, alt_text),) = until(pictures)
    assert title == "Who needs whom around payments"
    assert alt_text == (
        "Graph of 4 services around payments. The way from the symptom to the cause is checkout → payments. payments needs"
        " node-a. payments is needed by checkout. When it fails: 2 services depend on payments, 1 of them directly; users meet web."
    )


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("topology checkout", "nothing that is known depends on checkout"),
        ("topology chekout", "I know no service “chekout”. Did you mean `/sre topology checkout`?"),
        ("topology", "Say around which service: `/sre topology checkout`, or of which incident: `/sre topology 42`."),
        ("topology 77", "There is no incident 77"),
    ],
)
def test_who_needs_whom_is_answered_in_words(asked: str, said: str, workspace: Workspace, incident: UUID) -> None:
    seen = workspace.act("slash", channel="checkout", command="/sre", text=asked, wait=60)

    assert said.replace("`", "") in str([message_text(m) for m in seen["messages"]])


def test_the_timeline_says_who_told_of_each_thing_and_one_change_once(
    tenant: Tenant, workspace: Workspace, incident: UUID
) -> None:
    confirm(tenant, incident, 1)
    told = [(one.text, one.source) for one in incident_reader.read(tenant.id, incident).timeline]
    assert ("Paged: Checkout p95 latency above 1 s for 5 min", "pagerduty") in told
    assert ("Investigated", "copilot") in told
    assert [source for text, source in told if text.startswith("payments v2.14.0 rolled out")] == ["kubernetes"]
    assert any(text.startswith("ada confirmed: The rollout") and source == "a person" for text, source in told)


def test_open_incidents_of_the_same_time_with_the_same_lead_know_of_each_other(
    tenant: Tenant, workspace: Workspace, incident: UUID
) -> None:
    near = store(tenant, replace(briefings.LIKELY, number=43))
    store(tenant, replace(briefings.RESOLVED, number=44))
    store(tenant, replace(briefings.LIKELY, number=45, started_at=briefings.BEGAN - timedelta(days=1)))
    store(tenant, replace(briefings.LIKELY, number=46, hypotheses=(replace(briefings.THIRD, rank=1),)))
    assert incident_reader.read(tenant.id, incident).same_lead == (43,)
    assert incident_reader.read(tenant.id, near).same_lead == (42,)
