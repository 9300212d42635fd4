"""The app's Home tab: incidents, numbers, connections with a test, set-up steps for admins; and the pane's questions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from copilot.guard.tenancy import tenant_scope
from copilot.models import Connection, Incident, Membership, Role, Tenant
from slackbot import publish
from slackbot.blocks.home import ConnectionLine, SetUpStep, Week, home_view
from slackbot.blocks.replies import OpenIncident
from slackbot.local.blocks import check_view
from slackbot.plain_text import block_text
from tests.flow.slack_world import Workspace, store
from tests.unit.slackbot import briefings
from tests.waiting import until

if TYPE_CHECKING:
    from uuid import UUID


@pytest.fixture
def incident(tenant: Tenant, workspace: Workspace) -> UUID:
    made = store(tenant, briefings.LIKELY)
    publish.publish(tenant.id, made)
    return made


def be(tenant: Tenant, workspace: Workspace, role: Role, person: str = "ada") -> None:
    users = workspace._local("GET", "workspace", params={"team": workspace.team})["users"]
    who = next(user["id"] for user in users if user["name"] == person)
    with tenant_scope(tenant.id):
        Membership.objects.create(slack_user_id=who, role=role)


def home(workspace: Workspace, person: str = "ada") -> dict[str, Any]:
    workspace.act("open_home", person, tab="home", wait=0)

    def published() -> dict[str, Any] | None:
        found = workspace._local("GET", "views", params={"team": workspace.team, "as": person})["home"]
        return dict(found) if found else None

    view: dict[str, Any] | None = until(published)
    assert view
    return view


def words_of(view: dict[str, Any]) -> str:
    return "\n".join(block_text(block) for block in view["blocks"])


def test_it_shows_incidents_numbers_and_connections(workspace: Workspace, incident: UUID) -> None:
    words = words_of(home(workspace))

    assert "INC-42" in words
    assert "investigated" in words
    assert "Slack: works\nworkspace" in words
    assert "Set up:" not in words
    assert "[ Test ]" not in words


def test_an_incident_assigned_to_the_persons_full_name_is_theirs(
    tenant: Tenant, workspace: Workspace, incident: UUID
) -> None:
    workspace._local("POST", "users", json={"team": workspace.team, "name": "ada", "real_name": "Ada Lovelace"})
    with tenant_scope(tenant.id):
        Incident.objects.filter(id=incident).update(assignees=["Ada Lovelace"])

    theirs, others = (words_of(home(workspace, person)) for person in ("ada", "bo"))
    # A workspace that does not let us look people up.
    workspace.fail("users.info", "missing_scope", times=2)
    unknown = words_of(home(workspace))

    assert ("Yours" in theirs, "Others" in theirs) == (True, False)
    assert ("Yours" in others, "Others" in others) == (False, True)
    assert "INC-42" in unknown


def test_admins_see_what_is_left_and_can_test(tenant: Tenant, workspace: Workspace, incident: UUID) -> None:
    be(tenant, workspace, Role.ADMIN)
    view = home(workspace)
    words = words_of(view)

    assert "Set up: 2 of 7 done" in words
    assert "Pages: connect PagerDuty or Alertmanager" in words
    assert "[ Connect something ]" in words
    with tenant_scope(tenant.id):
        Connection.objects.update(health="unknown", health_detail="", checked_at=None)
    block = next(one for one in view["blocks"] if one["block_id"].startswith("home_test:"))
    workspace.act("click", view_id=view["id"], action_id="home_test", block_id=block["block_id"], wait=60)

    with tenant_scope(tenant.id):
        assert Connection.objects.get(kind="slack").health == "works"
    assert until(lambda: "Slack: works  [ Test ]\nworkspace" in words_of(home(workspace)))


def test_connecting_opens_the_window(tenant: Tenant, workspace: Workspace, incident: UUID) -> None:
    be(tenant, workspace, Role.ADMIN)
    view = home(workspace)

    seen = workspace.act("click", view_id=view["id"], action_id="home_connect", block_id="home_connect", wait=60)

    assert [one["title"]["text"] for one in seen["views"] if one["type"] == "modal"]


def test_a_responder_who_presses_test_by_hand_changes_nothing(
    tenant: Tenant, workspace: Workspace, incident: UUID
) -> None:
    be(tenant, workspace, Role.ADMIN)
    view = home(workspace)
    with tenant_scope(tenant.id):
        Membership.objects.update(role=Role.RESPONDER)
        Connection.objects.update(health="unknown", checked_at=None)
    block = next(one for one in view["blocks"] if one["block_id"].startswith("home_test:"))
    workspace.act("click", view_id=view["id"], action_id="home_test", block_id=block["block_id"], wait=1)

    with tenant_scope(tenant.id):
        assert Connection.objects.get(kind="slack").health == "unknown"


def test_the_pane_offers_questions(workspace: Workspace, incident: UUID) -> None:
    workspace.act("open_home", tab="messages", wait=0)

    def offered() -> dict[str, Any] | None:
        params = {"team": workspace.team, "as": "ada", "channel": "@copilot"}
        found = workspace._local("GET", "messages", params=params)["prompts"]
        return dict(found) if found else None

    prompts = until(offered)
    assert [one["title"] for one in prompts["prompts"]] == ["Why?", "What changed?", "Seen before?", "What next?"]


@pytest.mark.parametrize("text", ["", "x" * 4000, "<!channel> `a` <https://evil.test|b>", "\u202e\u0000", "🔥" * 500])
@pytest.mark.parametrize("many", [0, 1, 60])
def test_whatever_it_holds_slack_takes_the_view(text: str, many: int) -> None:
    at = datetime(2026, 11, 20, 14, 2, tzinfo=UTC)
    incidents = [
        OpenIncident(number, text, text, "triggered", text, at, (text,), bool(number % 2), text, text)
        for number in range(many)
    ]
    lines = [
        ConnectionLine(f"00000000-0000-4000-8000-{number:012}", text, "failing", text, at, is_enabled=True)
        for number in range(many)
    ]
    steps = [SetUpStep("Pages", False, "connect"), SetUpStep("Metrics", True, "connect")]
    view = home_view(
        tenant=text, incidents=incidents, total=many * 2, week=Week(many, 6.0, 0.5, many), connections=lines,
        steps=steps, may_set_up=True, shown_at=at,
    )  # fmt: skip

    assert check_view(view) == []
    assert len(view["blocks"]) <= 100
