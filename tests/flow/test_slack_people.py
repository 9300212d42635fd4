"""What people do in a running Slack workspace: buttons, windows and /sre, through signed requests and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from slack_sdk.signature import SignatureVerifier

from copilot.guard.tenancy import tenant_scope
from copilot.models import Confirmation, Feedback, Incident, Membership, Run, Service, Tenant
from slackbot import installs, publish
from slackbot.models import SlackInstallation
from slackbot.plain_text import message_text
from tests.flow.slack_world import Workspace, store
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


def root(workspace: Workspace) -> dict[str, Any]:
    return workspace.messages("checkout")[0]


def hypothesis_block(workspace: Workspace, rank: int) -> str:
    found = [b["block_id"] for b in root(workspace)["blocks"] if b["block_id"].startswith("hypothesis:")]
    return str(found[rank - 1])


def press(
    workspace: Workspace, action_id: str, *, rank: int = 1, person: str = "ada", wait: float = 60.0
) -> dict[str, Any]:
    about = {"channel": "checkout", "ts": root(workspace)["ts"], "wait": wait}
    if action_id not in {"verdict_up", "verdict_down", "confirm", "why"}:
        return workspace.act("click", person, action_id=action_id, **about)
    block = hypothesis_block(workspace, rank)
    shown = next(one for one in root(workspace)["blocks"] if one["block_id"] == block)
    if "accessory" not in shown:
        return workspace.act("click", person, action_id=action_id, block_id=block, **about)
    # Where one is clear or confirmed, the others are folded: their buttons are in a menu.
    chosen = f"{action_id}:{block.partition(':')[2]}"
    return workspace.act("click", person, action_id="hypothesis_menu", block_id=block, value=chosen, **about)


def labels(workspace: Workspace, rank: int = 1) -> list[str]:
    block = next(b for b in root(workspace)["blocks"] if b["block_id"] == hypothesis_block(workspace, rank))
    return [one["text"]["text"] for one in block.get("elements") or block["accessory"]["options"]]


def sre(workspace: Workspace, words: str, person: str = "ada", **more: Any) -> str:
    """Type /sre and return what the person alone is answered, as text."""
    seen = workspace.act("slash", person, channel="checkout", command="/sre", text=words, wait=60, **more)
    return "\n".join(message_text(message) for message in seen["messages"])


def verdicts(tenant: Tenant) -> list[tuple[int, str, str, str, str]]:
    with tenant_scope(tenant.id):
        return sorted(
            (one.hypothesis.rank, one.person_name, one.value, one.reason, one.words)
            for one in Feedback.objects.select_related("hypothesis")
        )


def test_a_thumbs_up_shows_at_once_and_is_withdrawn_by_pressing_again(
    tenant: Tenant, workspace: Workspace, incident: UUID
) -> None:
    press(workspace, "verdict_up")
    assert labels(workspace) == ["👍 1", "👎", "This was it", "Why?"]
    assert verdicts(tenant) == [(1, "ada", "up", "", "")]
    press(workspace, "verdict_up", person="bo")
    assert labels(workspace)[0] == "👍 2"
    press(workspace, "verdict_up")
    assert labels(workspace)[0] == "👍 1"
    assert verdicts(tenant) == [(1, "bo", "up", "", "")]


def test_a_thumbs_down_is_recorded_at_once_and_then_asks_why(
    tenant: Tenant, workspace: Workspace, incident: UUID
) -> None:
    press(workspace, "verdict_up")
    seen = press(workspace, "verdict_down")
    assert [view["title"]["text"] for view in seen["views"]] == ["What is wrong with it?"]
    assert verdicts(tenant) == [(1, "ada", "down", "", "")]
    assert until(lambda: labels(workspace)[:2] == ["👍", "👎 1"])
    workspace.act("submit", values={"reason": "wrong service", "words": "it was <!channel> the cache"}, wait=60)
    assert workspace.modals() == []
    assert verdicts(tenant) == [(1, "ada", "down", "wrong service", "it was <!channel> the cache")]


def test_this_was_it_confirms_changes_and_withdraws(tenant: Tenant, workspace: Workspace, incident: UUID) -> None:
    def confirmed() -> list[int]:
        with tenant_scope(tenant.id):
            return [one.hypothesis.rank for one in Confirmation.objects.select_related("hypothesis") if one.hypothesis]

    press(workspace, "confirm", rank=2)
    assert confirmed() == [2]
    press(workspace, "confirm", rank=1)
    assert confirmed() == [1]
    assert labels(workspace, 1)[2] == "✓ This was it"
    assert labels(workspace, 2)[3] == "This was it"
    press(workspace, "confirm", rank=1)
    assert confirmed() == []


def test_why_opens_the_score_taken_apart(tenant: Tenant, workspace: Workspace, incident: UUID) -> None:
    (view,) = press(workspace, "why", rank=2)["views"]
    shown = str(view["blocks"])
    assert view["title"]["text"] == "INC-42: why #2"
    for factor in (
        "Signal strength",
        "Temporal correlation",
        "Precedent frequency",
        "Evidence quality",
        "Human validation",
    ):
        assert factor in shown
    assert "0.50 (0.42–0.58) × 0.25 = 0.125" in shown
    assert "catalog p95 latency 41 ms, unchanged" in shown
    assert "What would change the score" in shown


def test_a_viewer_may_look_but_not_judge(tenant: Tenant, workspace: Workspace, incident: UUID) -> None:
    Tenant.objects.filter(id=tenant.id).update(default_role="viewer")
    seen = press(workspace, "verdict_up")
    assert verdicts(tenant) == []
    assert "this needs the role responder" in str(seen["messages"])
    assert seen["messages"][0]["is_ephemeral"]
    assert press(workspace, "why")["views"]
    with tenant_scope(tenant.id):
        ada = seen["messages"][0]
        person = workspace._local("GET", "workspace", params={"team": workspace.team})["users"]
        identifier = next(one["id"] for one in person if one["name"] == "ada")
        Membership.objects.create(slack_user_id=identifier, role="responder")
    assert ada
    press(workspace, "verdict_up")
    assert verdicts(tenant) == [(1, "ada", "up", "", "")]


def test_investigate_again_starts_one_run(tenant: Tenant, workspace: Workspace, incident: UUID) -> None:
    press(workspace, "investigate_again")
    with tenant_scope(tenant.id):
        assert list(Run.objects.order_by("sequence").values_list("sequence", "asked_by")) == [(1, ""), (2, "ada")]
    assert "asked by ada" in str(root(workspace)["blocks"])


def test_mute_and_unmute(tenant: Tenant, workspace: Workspace, incident: UUID) -> None:
    press(workspace, "mute")
    assert "muted until" in str(root(workspace)["blocks"])
    press(workspace, "unmute")
    assert "muted until" not in str(root(workspace)["blocks"])


def test_on_resolve_something_else_is_taken_in_words(tenant: Tenant, workspace: Workspace, incident: UUID) -> None:
    with tenant_scope(tenant.id):
        Incident.objects.update(status="resolved", resolved_by="Ada", resolved_at=briefings.RESOLVED.resolved_at)
    publish.publish(tenant.id, incident)
    thread = workspace.messages("checkout", thread_ts=root(workspace)["ts"])
    (question,) = [one for one in thread if one["text"] == "INC-42 resolved after 29 min. What was the cause?"]
    workspace.act("click", channel="checkout", ts=question["ts"], action_id="confirm_other", wait=60)
    assert [view["title"]["text"] for view in workspace.modals()] == ["What was the cause?"]
    workspace.act("submit", values={"words": "The payment provider throttled us"}, wait=60)

    def said() -> str:
        thread = workspace.messages("checkout", thread_ts=root(workspace)["ts"])
        return next(str(one["text"]) for one in thread if one["ts"] == question["ts"])

    assert until(lambda: said().endswith("Cause: The payment provider throttled us"))
    assert said().startswith("INC-42 resolved after 29 min.")
    workspace.act("click", channel="checkout", ts=question["ts"], action_id="confirm_1", wait=60)
    with tenant_scope(tenant.id):
        assert list(Confirmation.objects.values_list("hypothesis__rank", "words")) == [(1, "")]


def test_a_button_of_an_earlier_look_says_that_its_hypothesis_is_gone(
    tenant: Tenant, workspace: Workspace, incident: UUID
) -> None:
    with tenant_scope(tenant.id):
        Run.objects.all().delete()
    seen = press(workspace, "verdict_up")
    assert "this hypothesis is gone" in str(seen["messages"])


# /sre ------------------------------------------------------------------------------------------------------------


def test_sre_help_names_every_command(tenant: Tenant, workspace: Workspace) -> None:
    for words in ("", "help", "HELP"):
        said = sre(workspace, words)
        assert all(command in said for command in ("status", "incident", "why", "investigate", "feedback", "--share"))


@pytest.mark.parametrize(("typed", "meant"), [("staus", "status"), ("incidnet 42", "incident 42"), ("wy 42", "why 42")])
def test_sre_offers_the_closest_command(tenant: Tenant, workspace: Workspace, typed: str, meant: str) -> None:
    assert f"Did you mean /sre {meant}?" in sre(workspace, typed)


def test_sre_says_so_where_nothing_is_close(tenant: Tenant, workspace: Workspace) -> None:
    said = sre(workspace, "xyzzy <!channel>")
    assert "I know no “xyzzy”" in said


def test_sre_status_lists_the_askers_incidents_first(tenant: Tenant, workspace: Workspace, incident: UUID) -> None:
    assert "Yours" not in sre(workspace, "status")
    with tenant_scope(tenant.id):
        Incident.objects.update(assignees=["ada@example.org"])
    said = sre(workspace, "status")
    assert said.index("Yours") < said.index("INC-42")
    assert "Lead: The rollout of payments" in said
    with tenant_scope(tenant.id):
        Incident.objects.update(status="resolved")
    assert "No open incidents" in sre(workspace, "status")


def test_sre_incident_and_why(tenant: Tenant, workspace: Workspace, incident: UUID) -> None:
    for words in ("incident 42", "incident INC-42", "incident #42", "42"):
        assert "The rollout of payments v2.14.0" in sre(workspace, words)
    assert "could raise it most" in sre(workspace, "why 42")
    assert "There is no incident 7" in sre(workspace, "incident 7")
    assert "Say which incident" in sre(workspace, "why")


def test_sre_answers_the_asker_alone_unless_shared(tenant: Tenant, workspace: Workspace, incident: UUID) -> None:
    count = len(workspace.messages("checkout", person="bo"))
    sre(workspace, "why 42")
    assert len(workspace.messages("checkout", person="bo")) == count
    # Nothing is for the asker alone, so that there is nothing to wait for.
    workspace.act("slash", channel="checkout", command="/sre", text="why 42 --share", wait=0.1)
    assert len(workspace.messages("checkout", person="bo")) > count


def test_sre_feedback(tenant: Tenant, workspace: Workspace, incident: UUID) -> None:
    assert "👍 recorded for INC-42 #1" in sre(workspace, "feedback 42 up")
    assert "👎 recorded for INC-42 #2" in sre(workspace, "feedback 42 down 2 it was the cache")
    assert verdicts(tenant) == [(1, "ada", "up", "", ""), (2, "ada", "down", "", "it was the cache")]
    assert labels(workspace, 1)[0] == "👍 1"
    assert "none with number 9" in sre(workspace, "feedback 42 up 9")
    assert "Say up or down" in sre(workspace, "feedback 42 maybe")


def test_sre_investigate_opens_an_incident_and_posts_it(tenant: Tenant, workspace: Workspace) -> None:
    with tenant_scope(tenant.id):
        Service.objects.create(name="checkout", channel="checkout")
    sre(workspace, "investigate checkout")
    # The incident's own message may be seen before the answer that names it.
    assert until(lambda: "Opened INC-1." in str([message_text(one) for one in workspace.messages("checkout")]))
    titles = [b["text"]["text"] for m in workspace.messages("checkout") for b in m["blocks"] if b["type"] == "header"]
    assert titles == ["🟠 INC-1 · checkout · Is checkout well?"]


def test_every_command_is_acknowledged_at_once(tenant: Tenant, workspace: Workspace, incident: UUID) -> None:
    for words in ("help", "status", "why 42", "incident 42"):
        sre(workspace, words)
    took = [one["milliseconds"] for one in workspace.deliveries("slash")]
    assert len(took) == 4
    assert max(took) < 3000
    assert {one["status"] for one in workspace.deliveries("slash")} == {200}


# The door --------------------------------------------------------------------------------------------------------


def resend(tenant: Tenant, workspace: Workspace, delivery: dict[str, Any]) -> httpx.Response:
    """Send a delivery again, byte for byte what Slack's retry would be."""
    import json
    import time
    import urllib.parse

    found = installs.of_tenant(tenant.id)
    assert found is not None
    body = urllib.parse.urlencode({"payload": json.dumps(delivery["request"])})
    now = str(int(time.time()))
    signature = SignatureVerifier(found.secrets.signing_secret).generate_signature(timestamp=now, body=body)
    return httpx.post(
        installs.request_url(found.secrets.endpoint_key),
        content=body,
        headers={
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": now,
            "X-Slack-Signature": str(signature),
            "X-Slack-Retry-Num": "1",
            "X-Slack-Retry-Reason": "http_timeout",
        },
        trust_env=False,
    )


def test_the_same_press_delivered_twice_counts_once(tenant: Tenant, workspace: Workspace, incident: UUID) -> None:
    press(workspace, "verdict_up")
    (delivery,) = workspace.deliveries("block_actions")
    assert resend(tenant, workspace, delivery).status_code == 200
    assert verdicts(tenant) == [(1, "ada", "up", "", "")], "the retry was taken for a second press"


def test_a_first_delivery_that_failed_leaves_the_retry_its_effect(
    tenant: Tenant, workspace: Workspace, incident: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    from copilot.stages import learn

    real = learn.give_verdict

    def fails(*arguments: Any, **keywords: Any) -> Any:
        real(*arguments, **keywords)
        raise RuntimeError("killed before the commit")

    monkeypatch.setattr(learn, "give_verdict", fails)
    with pytest.raises(AssertionError):
        press(workspace, "verdict_up")
    assert verdicts(tenant) == []
    monkeypatch.setattr(learn, "give_verdict", real)
    (delivery,) = workspace.deliveries("block_actions")
    assert resend(tenant, workspace, delivery).status_code == 200
    assert verdicts(tenant) == [(1, "ada", "up", "", "")]


def test_one_tenants_workspace_cannot_press_anothers_buttons(
    tenant: Tenant, other_tenant: Tenant, workspace: Workspace, incident: UUID
) -> None:
    theirs = store(other_tenant, briefings.LIKELY)
    assert theirs != incident
    with tenant_scope(other_tenant.id):
        foreign = str(Run.objects.get().hypotheses.get(rank=1).id)
    press(workspace, "verdict_up")
    (delivery,) = workspace.deliveries("block_actions")
    delivery["request"]["actions"][0]["value"] = foreign
    delivery["request"]["trigger_id"] = "another"
    assert resend(tenant, workspace, delivery).status_code == 200
    assert verdicts(other_tenant) == []


def test_answers_go_to_slack_alone_whatever_the_payload_says(
    tenant: Tenant, workspace: Workspace, incident: UUID
) -> None:
    found = installs.of_tenant(tenant.id)
    assert found is not None
    assert found.takes_answers_at(f"{workspace.url}/response/abc")
    assert not found.takes_answers_at("http://169.254.169.254/latest/meta-data")
    assert not found.takes_answers_at(f"{workspace.url}.evil.example/response/abc")


def test_people_of_another_workspace_only_look(tenant: Tenant, workspace: Workspace, incident: UUID) -> None:
    press(workspace, "verdict_up")
    (delivery,) = workspace.deliveries("block_actions")
    delivery["request"]["user"] = {"id": "U0STRANGER", "name": "eve", "team_id": "T0ELSEWHERE"}
    delivery["request"]["trigger_id"] = "strange"
    assert resend(tenant, workspace, delivery).status_code == 200
    assert verdicts(tenant) == [(1, "ada", "up", "", "")]


def test_uninstalling_closes_the_installation(tenant: Tenant, workspace: Workspace) -> None:
    import json
    import time

    found = installs.of_tenant(tenant.id)
    assert found is not None
    body = json.dumps(
        {"type": "event_callback", "event_id": "Ev1", "team_id": found.team_id, "event": {"type": "app_uninstalled"}}
    )
    now = str(int(time.time()))
    signature = SignatureVerifier(found.secrets.signing_secret).generate_signature(timestamp=now, body=body)
    answer = httpx.post(
        installs.request_url(found.secrets.endpoint_key),
        content=body,
        headers={
            "Content-Type": "application/json",
            "X-Slack-Request-Timestamp": now,
            "X-Slack-Signature": str(signature),
        },
        trust_env=False,
    )
    assert answer.status_code == 200

    def status() -> str:
        with tenant_scope(tenant.id):
            return SlackInstallation.objects.get().status

    assert until(lambda: status() == "uninstalled")
    assert installs.of_tenant(tenant.id) is None


def test_the_local_workspace_has_verified_the_address(tenant: Tenant, workspace: Workspace) -> None:
    assert workspace._local("GET", "workspace", params={"team": workspace.team})["app"]["url_verified"]
