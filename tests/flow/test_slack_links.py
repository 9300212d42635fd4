"""Links to incidents: they unfurl to how the incident stands, in its tenant's workspace alone, and open a pane that tells more."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from copilot.config import config
from copilot.guard.tenancy import tenant_scope
from copilot.models import Incident, Question, Run, Tenant
from slackbot import incident_links, installs
from slackbot.models import SlackPost
from slackbot.plain_text import message_text
from tests.flow.slack_world import Workspace, client_of, store
from tests.flow.test_slack_payloads import send, signed
from tests.unit.slackbot import briefings
from tests.waiting import PATIENCE, until

if TYPE_CHECKING:
    from slackbot.installs import Installation


@pytest.fixture
def incident(tenant: Tenant, workspace: Workspace) -> UUID:
    """INC-42, ranked and posted in its channel."""
    return posted(tenant, workspace)


def posted(tenant: Tenant, workspace: Workspace, channel: str = "checkout", **more: Any) -> UUID:
    """An incident whose message and table of evidence are in a channel, as far as this is about."""
    made = store(tenant, replace(briefings.LIKELY, **more))
    client, place = client_of(tenant), workspace.channel(channel, bot=True)["id"]
    root = client.chat_postMessage(channel=place, text="the card")["ts"]
    evidence = client.chat_postMessage(channel=place, text="the evidence", thread_ts=root)["ts"]
    with tenant_scope(tenant.id):
        for key, ts in (("root", root), ("evidence", evidence)):
            SlackPost.objects.create(tenant_id=tenant.id, incident_id=made, key=key, channel=place, ts=ts)
    return made


@pytest.fixture
def address(workspace: Workspace, incident: UUID) -> str:
    """The address of INC-42 that people share."""
    return incident_links.address(workspace.team, incident)


def cards(message: dict[str, Any]) -> list[dict[str, Any]]:
    return [one["work_object"]["entity_payload"] for one in message.get("attachments") or [] if "work_object" in one]


def shared(workspace: Workspace, text: str, channel: str = "incidents") -> dict[str, Any]:
    """Write a message, and return it as it stands once the app has had its say."""
    ts = workspace.act("message", channel=channel, text=text, wait=0)["messages"][0]["ts"]
    from slackbot.afterwards import settle

    settle()
    return next(one for one in workspace.messages(channel) if one["ts"] == ts)


def values(payload: dict[str, Any]) -> dict[str, Any]:
    told = {key: field.get("value", field.get("user", {}).get("text")) for key, field in payload["fields"].items()}
    return told | {one["key"]: one["value"] for one in payload["custom_fields"]}


def details(workspace: Workspace, person: str = "ada") -> dict[str, Any]:
    params = {"team": workspace.team, "as": person}
    opened: dict[str, Any] = until(
        lambda: (seen := workspace._local("GET", "views", params=params)["details"]) and not seen["is_waiting"] and seen
    )
    return opened


def test_a_shared_link_unfurls_to_how_the_incident_stands(workspace: Workspace, incident: UUID, address: str) -> None:
    (card,) = cards(shared(workspace, f"have a look: {address}"))

    assert card["attributes"]["title"]["text"] == "INC-42 · checkout: Checkout p95 latency above 1 s for 5 min"
    told = values(card)
    assert (told["verdict"], told["confidence"]) == ("Likely cause", "0.65–0.82")
    assert told["lead"] == briefings.LIKELY.hypotheses[0].statement
    assert told["service"] == "checkout"
    assert [one["text"] for one in card["actions"]["primary_actions"]] == ["Open the thread", "Why?"]


def test_a_link_unfurls_where_the_bot_is_no_member_and_in_threads(workspace: Workspace, address: str) -> None:
    workspace.channel("lounge", bot=False)
    assert len(cards(shared(workspace, address, "lounge"))) == 1


def test_the_admins_page_of_an_incident_unfurls_too(
    workspace: Workspace, incident: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    ops = config().ops_url
    (card,) = cards(shared(workspace, f"{ops}/admin/copilot/incident/{incident}/change/"))
    assert card["attributes"]["display_id"] == "INC-42"


def test_a_link_of_another_tenant_tells_nothing(
    tenant: Tenant, other_tenant: Tenant, workspace: Workspace, address: str
) -> None:
    with tenant_scope(other_tenant.id):
        foreign = store(other_tenant, replace(briefings.LIKELY, number=7, title="their secret trouble"))
    ops = config().ops_url
    slug = Tenant.objects.get(id=other_tenant.id).slug
    links = [
        incident_links.address(slug, foreign),
        incident_links.address(workspace.team, foreign),
        f"{ops}/admin/copilot/incident/{foreign}/change/",
    ]

    message = shared(workspace, " ".join(links))

    assert "attachments" not in message
    assert workspace.deliveries("event link_shared")
    assert "secret" not in json.dumps(workspace.messages("incidents"))


def test_nothing_unfurls_where_other_organisations_read_along(
    tenant: Tenant, workspace: Workspace, incident: UUID, address: str
) -> None:
    message = shared(workspace, "nothing to see")
    event = {
        "type": "link_shared", "channel": workspace.channel("incidents")["id"], "message_ts": message["ts"],
        "user": "U0STRANGER", "links": [{"url": address, "domain": "127.0.0.1"}],
    }  # fmt: skip
    found = _installation(tenant)
    body = json.dumps({"type": "event_callback", "event_id": "Ev1", "team_id": found.team_id, "event": event,
                       "is_ext_shared_channel": True})  # fmt: skip
    answer = send(found, body, signed(found.secrets.signing_secret, body, kind="application/json"))

    assert answer.status_code == 200
    assert cards(shared(workspace, "still nothing")) == []
    assert cards(next(one for one in workspace.messages("incidents") if one["ts"] == message["ts"])) == []


def _installation(tenant: Tenant) -> Installation:
    found = installs.of_tenant(tenant.id)
    assert found is not None
    return found


def test_a_workspace_without_work_objects_gets_a_card_in_blocks(
    workspace: Workspace, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    unfurl = WebClient.chat_unfurl

    def takes_no_entities(client: WebClient, **given: Any) -> Any:
        if given.get("metadata"):
            raise SlackApiError("refused", {"ok": False, "error": "invalid_metadata"})  # type: ignore[no-untyped-call]
        return unfurl(client, **given)

    monkeypatch.setattr(WebClient, "chat_unfurl", takes_no_entities)
    (card,) = shared(workspace, address)["attachments"]
    assert message_text({"blocks": card["blocks"]}).startswith("🔴 INC-42")


def test_an_opened_card_tells_what_the_incident_rests_on(workspace: Workspace, incident: UUID, address: str) -> None:
    message = shared(workspace, address)
    workspace.act("open_entity", channel="incidents", ts=message["ts"], url=address, wait=0)

    told = values(details(workspace)["entity"]["entity_payload"])

    assert told["cause_1"] == f"{briefings.LIKELY.hypotheses[0].statement} (0.65–0.82)"
    assert {"explanation", "cause_2", "happening", "changed", "next_check"} <= set(told)


def test_the_pane_is_only_of_the_workspaces_own_incidents(
    tenant: Tenant, other_tenant: Tenant, workspace: Workspace, address: str
) -> None:
    foreign = store(other_tenant, replace(briefings.LIKELY, number=7, title="their secret trouble"))
    message = shared(workspace, address)
    workspace.act("open_entity", channel="incidents", ts=message["ts"], url=address, wait=0)
    details(workspace)
    event = {"type": "entity_details_requested", "user": "U1", "external_ref": {"id": str(foreign), "type": "incident"},
             "entity_url": address, "trigger_id": "1.2.3"}  # fmt: skip
    found = _installation(tenant)
    from slackbot.handlers import unfurling
    from slackbot.handlers.visitor import visitor

    who = visitor({"event": event}, {"installation": found, "client": found.client()})

    assert unfurling._details(who, {"event": event}, event) == {"error": {"status": "not_found"}}
    assert unfurling._details(who, {"is_ext_shared_channel": True}, event) == {"error": {"status": "restricted"}}


def test_why_opens_from_the_card_and_another_look_starts_from_the_pane(
    tenant: Tenant, workspace: Workspace, incident: UUID, address: str
) -> None:
    message = shared(workspace, address)
    workspace.act("use_entity", channel="incidents", ts=message["ts"], url=address, action_id="why", wait=60)
    (window,) = workspace.modals()
    assert window["title"]["text"] == "INC-42: why #1"
    workspace.act("open_entity", channel="incidents", ts=message["ts"], url=address, wait=0)
    details(workspace)

    workspace.act("use_entity", action_id="investigate_again", wait=60)

    def looks() -> int:
        with tenant_scope(tenant.id):
            return Run.objects.filter(incident_id=incident).count()

    assert until(lambda: looks() == 2)


def test_the_address_leads_to_the_thread_and_tells_strangers_nothing(
    tenant: Tenant, workspace: Workspace, incident: UUID, address: str
) -> None:
    with httpx.Client(trust_env=False, timeout=PATIENCE) as client:
        found = client.get(address)
        gone = client.get(address[:-1] + ("0" if address[-1] != "0" else "1"))
        foreign = client.get(address.replace(workspace.team, "other"))

    with tenant_scope(tenant.id):
        post = SlackPost.objects.get(incident_id=incident, key="root")
    assert (found.status_code, found.content) == (302, b"")
    assert found.headers["location"].endswith(f"/archives/{post.channel}/p{post.ts.replace('.', '')}")
    assert (found.headers["cache-control"], found.headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert (gone.status_code, foreign.status_code) == (404, 404)
    assert "This link leads to no incident that is shown in Slack" in gone.text


def test_sre_incident_gives_the_address_to_share(workspace: Workspace, address: str) -> None:
    seen = workspace.act("slash", channel="checkout", command="/sre", text="incident 42", wait=60)
    assert f"A link to share: {address}" in message_text(seen["messages"][0])


# What is looked at beside the pane ---------------------------------------------------------------------------------------


def offered(workspace: Workspace) -> tuple[str, list[str]]:
    from slackbot.afterwards import settle

    settle()
    params = {"team": workspace.team, "channel": "@copilot", "as": "ada"}
    found = workspace._local("GET", "messages", params=params)["prompts"]
    return found["title"], [one["message"] for one in found["prompts"]]


def test_the_panes_questions_follow_what_is_looked_at(tenant: Tenant, workspace: Workspace, incident: UUID) -> None:
    workspace.act("open_home", tab="messages", wait=0)
    assert offered(workspace)[0] == "Ask about an incident"

    workspace.act("look", channel="checkout", wait=0)
    assert offered(workspace) == (
        "Ask about INC-42 (checkout)",
        ["Why is INC-42 happening?", "What changed before INC-42 began?", "Have we seen anything like INC-42 before?",
         "What should I check next for INC-42?"],
    )  # fmt: skip

    workspace.act("look", channel="general", wait=0)
    assert offered(workspace)[0] == "Ask about an incident"


def test_of_several_open_incidents_in_a_channel_each_is_offered(
    tenant: Tenant, workspace: Workspace, incident: UUID
) -> None:
    posted(tenant, workspace, number=43)
    workspace.act("look", channel="checkout", wait=0)
    title, questions = offered(workspace)
    assert title == "Ask about an incident of this channel"
    assert sorted(questions) == ["Why is INC-42 happening?", "Why is INC-43 happening?"]


def test_a_thread_says_which_incident_even_when_it_is_over(
    tenant: Tenant, workspace: Workspace, incident: UUID
) -> None:
    posted(tenant, workspace, number=43)
    with tenant_scope(tenant.id):
        Incident.objects.filter(id=incident).update(status="resolved")
        root, evidence = (SlackPost.objects.get(incident_id=incident, key=key).ts for key in ("root", "evidence"))
    for ts in (root, evidence):
        workspace.act("look", channel="checkout", thread_ts=ts, wait=0)
        assert offered(workspace)[0] == "Ask about INC-42 (checkout)"


def test_a_question_in_the_pane_is_about_what_is_looked_at(
    tenant: Tenant, workspace: Workspace, incident: UUID
) -> None:
    posted(tenant, workspace, "incidents", number=43)

    workspace.act("message", channel="@copilot", text="why?", wait=0)
    workspace.act("look", channel="checkout", wait=0)
    workspace.act("message", channel="@copilot", text="why?", wait=0)

    with tenant_scope(tenant.id):
        asked = list(Question.objects.order_by("asked_at").values_list("incident__number", flat=True))
    assert asked == [None, 42]


def test_another_workspaces_context_leads_nowhere(tenant: Tenant, workspace: Workspace, incident: UUID) -> None:
    from slackbot.handlers import looking_at
    from slackbot.handlers.visitor import visitor

    found = _installation(tenant)
    who = visitor({"event": {"user": "U1"}}, {"installation": found, "client": found.client()})
    with tenant_scope(tenant.id):
        channel = SlackPost.objects.get(incident_id=incident, key="root").channel
    here = {"type": "slack#/types/channel_id", "value": channel, "team_id": found.team_id}

    assert looking_at.incident_in(who, {"entities": [here]}) == incident
    assert looking_at.incident_in(who, {"entities": [{**here, "team_id": "T0ELSEWHERE"}]}) is None
    for odd in ({}, None, {"entities": None}, {"entities": ["x", {"type": 3}, {**here, "value": {"a": 1}}]}):
        assert looking_at.incident_in(who, odd) is None
