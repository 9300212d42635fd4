"""`/sre` in a running workspace: what it tells, asks in windows, opens, closes and sets up, and who may do it."""

from __future__ import annotations

import contextlib
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from copilot.guard import vault
from copilot.guard.tenancy import tenant_scope
from copilot.models import (
    AuditEntry,
    ChangeRecord,
    Confirmation,
    Connection,
    Feedback,
    Incident,
    Membership,
    Service,
    Tenant,
)
from copilot.runbooks import starter
from slackbot import publish
from slackbot.afterwards import settle
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


@pytest.fixture
def shop(tenant: Tenant) -> None:
    """The services of the shop."""
    with tenant_scope(tenant.id):
        for name in ("cart", "checkout", "payments"):
            Service.objects.create(name=name, channel="checkout")


@pytest.fixture
def admin(tenant: Tenant, workspace: Workspace) -> None:
    """Let ada be an admin."""
    people = workspace._local("GET", "workspace", params={"team": workspace.team})["users"]
    with tenant_scope(tenant.id):
        ada = next(one["id"] for one in people if one["name"] == "ada")
        Membership.objects.create(slack_user_id=ada, role="admin")


def typed(workspace: Workspace, words: str, person: str = "ada") -> tuple[str, list[dict[str, Any]]]:
    """Type /sre and return what the person is answered, as text, and the windows that open."""
    seen = workspace.act("slash", person, channel="checkout", command="/sre", text=words, wait=60)
    return "\n".join(message_text(message) for message in seen["messages"]), workspace.modals(person)


def incidents(tenant: Tenant) -> list[tuple[str, str, str]]:
    with tenant_scope(tenant.id):
        rows = Incident.objects.select_related("service").order_by("number")
        return [(one.title, one.service.name if one.service else "", one.status) for one in rows]


def choices(view: dict[str, Any], block: str) -> list[str]:
    (found,) = [one["element"] for one in view["blocks"] if one.get("block_id") == block]
    return [one["text"]["text"] for one in found["options"]]


# investigate -----------------------------------------------------------------------------------------------------


def test_a_mistyped_service_is_asked_about_and_opens_nothing(tenant: Tenant, workspace: Workspace, shop: None) -> None:
    said, (window,) = typed(workspace, "investigate chekout")
    assert said == "No service is called “chekout”, so nothing was opened yet. Did you mean /sre investigate checkout?"
    assert choices(window, "service") == ["checkout", "As I wrote it: “chekout”"]
    assert incidents(tenant) == []
    seen = workspace.act("submit", wait=60)
    assert until(lambda: incidents(tenant) == [("Is checkout well?", "checkout", "acknowledged")])
    assert seen["views"][0]["title"]["text"] == "INC-1"


def test_words_that_were_meant_as_written_open_an_incident_without_a_service(
    tenant: Tenant, workspace: Workspace, shop: None
) -> None:
    typed(workspace, "investigate chekout")
    workspace.act("submit", values={"service": "as written"}, wait=60)
    assert until(lambda: incidents(tenant) == [("chekout", "", "acknowledged")])


def test_a_mistyped_service_in_a_sentence_is_asked_about_too(tenant: Tenant, workspace: Workspace, shop: None) -> None:
    said, _ = typed(workspace, "investigate paymets are slow")
    assert "Did you mean /sre investigate payments?" in said
    assert incidents(tenant) == []


def test_a_description_that_names_no_service_is_taken_as_it_is(
    tenant: Tenant, workspace: Workspace, shop: None
) -> None:
    said, windows = typed(workspace, "investigate customers in the EU cannot log in")
    assert windows == []
    assert until(lambda: incidents(tenant) == [("customers in the EU cannot log in", "", "acknowledged")])
    assert "Opened INC-1" in said or until(lambda: "Opened INC-1" in str(workspace.messages("checkout")))


def test_what_slack_escapes_is_read_as_it_was_typed_and_told_as_it_was_typed(
    tenant: Tenant, workspace: Workspace, shop: None
) -> None:
    typed(workspace, "investigate p95 > 2 s & <all> logins fail")
    assert until(lambda: [one[0] for one in incidents(tenant)] == ["p95 > 2 s & <all> logins fail"])

    (answer,) = workspace.act("slash", channel="checkout", command="/sre", text="r&d", wait=60)["messages"]
    assert answer["text"].startswith("I know no “r&amp;d”"), "what a notification and a screen reader say"
    assert message_text(answer).startswith("I know no “r&d”")


def test_investigate_alone_asks_in_a_window(tenant: Tenant, workspace: Workspace, shop: None) -> None:
    _, (window,) = typed(workspace, "investigate")
    assert choices(window, "service") == ["cart", "checkout", "payments"]
    workspace.act("submit", values={"words": "checkout is slow in Spain"}, wait=60)
    assert until(lambda: incidents(tenant) == [("checkout is slow in Spain", "checkout", "acknowledged")])


def test_an_open_incident_of_the_service_is_joined_and_another_is_opened_on_demand(
    tenant: Tenant, workspace: Workspace, shop: None
) -> None:
    typed(workspace, "investigate checkout")
    assert until(lambda: incidents(tenant)) == [("Is checkout well?", "checkout", "acknowledged")]
    seen = workspace.act(
        "slash", channel="checkout", command="/sre", text="investigate checkout slow in Spain", wait=60
    )
    (answer,) = [one for one in seen["messages"] if one.get("is_ephemeral")]

    assert message_text(answer) == (
        "INC-1 of this service is open already: its look of the last minutes answers this, in its thread."
        " To open another all the same: /sre investigate checkout slow in Spain --new"
    )
    assert "/archives/" in str(answer["blocks"])
    assert len(incidents(tenant)) == 1

    assert "Opened INC-2" in typed(workspace, "investigate checkout slow in Spain —new")[0]
    assert sorted(incidents(tenant))[1:] == [("checkout slow in Spain", "checkout", "acknowledged")]


def test_the_window_joins_the_open_incident_too_unless_it_is_told_otherwise(
    tenant: Tenant, workspace: Workspace, shop: None
) -> None:
    typed(workspace, "investigate checkout")
    typed(workspace, "investigate")
    joined = workspace.act("submit", values={"words": "checkout is slow"}, wait=60)["views"][0]
    typed(workspace, "investigate")
    workspace.act("submit", values={"words": "checkout is slow", "anew": ["anew"]}, wait=60)

    assert message_text({"blocks": joined["blocks"]}) == (
        "INC-1 of this service is open already in #checkout: its look of the last minutes answers this."
        " To open another all the same: /sre investigate checkout is slow --new"
    )
    assert until(lambda: sorted(incidents(tenant))[1:] == [("checkout is slow", "checkout", "acknowledged")])


def test_viewers_may_not_investigate(tenant: Tenant, workspace: Workspace, shop: None) -> None:
    Tenant.objects.filter(id=tenant.id).update(default_role="viewer")
    said, windows = typed(workspace, "investigate checkout")
    assert said.startswith("You are viewer here; this needs the role responder in ")
    assert (windows, incidents(tenant)) == ([], [])


# resolve ---------------------------------------------------------------------------------------------------------


def test_what_was_opened_by_hand_is_closed_by_hand(tenant: Tenant, workspace: Workspace, shop: None) -> None:
    typed(workspace, "investigate checkout")
    assert until(lambda: incidents(tenant))
    said, _ = typed(workspace, "resolve 1")
    assert "INC-1 is resolved" in said
    assert incidents(tenant) == [("Is checkout well?", "checkout", "resolved")]
    assert "INC-1 is resolved already." in typed(workspace, "resolve 1")[0]
    assert "No open incidents" in typed(workspace, "status")[0]


def test_the_button_closes_it_too(tenant: Tenant, workspace: Workspace, shop: None) -> None:
    typed(workspace, "investigate checkout")
    (root,) = until(lambda: [one for one in workspace.messages("checkout") if one["text"].startswith("INC-1")])
    workspace.act("click", channel="checkout", ts=root["ts"], action_id="resolve", wait=60)
    assert incidents(tenant) == [("Is checkout well?", "checkout", "resolved")]
    assert workspace.messages("checkout")[0]["blocks"][0]["text"]["text"].startswith("✅ INC-1")


def test_what_follows_an_alert_is_closed_where_the_alert_is(
    tenant: Tenant, workspace: Workspace, incident: UUID
) -> None:
    said, _ = typed(workspace, "resolve 42")
    assert "INC-42 follows its alert in PagerDuty: resolve it there" in said
    assert incidents(tenant)[0][2] == "triggered"
    typed(workspace, "resolve 42 anyway")
    assert incidents(tenant)[0][2] == "resolved"
    with tenant_scope(tenant.id):
        assert AuditEntry.objects.get(action="resolve").detail == {"anyway": True}


# similar, changes, runbook ---------------------------------------------------------------------------------------


def test_evidence_is_listed_for_who_asks(tenant: Tenant, workspace: Workspace, incident: UUID) -> None:
    said, _ = typed(workspace, "evidence 42")
    assert "Evidence (8)" in said
    assert "4 min before the onset" in said
    assert "Say which incident" in typed(workspace, "evidence")[0]


def test_similar_says_where_there_is_none(tenant: Tenant, workspace: Workspace, incident: UUID) -> None:
    assert "INC-42: no past incident is like it." in typed(workspace, "similar 42")[0]
    assert "Say which incident" in typed(workspace, "similar")[0]


def test_changes_of_a_service_newest_first_within_the_time(tenant: Tenant, workspace: Workspace, shop: None) -> None:
    now = timezone.now()
    with tenant_scope(tenant.id):
        payments = Service.objects.get(name="payments")
        for minutes, title in ((10, "payments v2"), (90, "payments v1"), (300, "payments v0")):
            ChangeRecord.objects.create(
                service=payments, source="github", dedupe_key=title, kind="deployment", title=title, author="mira",
                at=now - timedelta(minutes=minutes), key=title,
            )  # fmt: skip
        # The same change, told by another source a minute later, before the first told of it or after.
        ChangeRecord.objects.create(
            service=payments, source="deploys", dedupe_key="7", kind="deployment", title="pipeline 7", status="failed",
            at=now - timedelta(minutes=9), key="payments v2", link="https://ci.test/7",
        )  # fmt: skip
    said, _ = typed(workspace, "changes payments")
    assert said.startswith("2 changes at payments in the last 2 h")
    assert "payments v2 by mira, failed  ·  github, deploys" in said
    assert "pipeline 7" not in said
    assert said.index("payments v2 by mira") < said.index("payments v1 by mira")
    assert typed(workspace, "changes payments 6h")[0].startswith("3 changes at payments in the last 6 h")
    assert "Did you mean /sre changes payments?" in typed(workspace, "changes paymens")[0]
    assert "Nothing is known to have changed at cart" in typed(workspace, "changes cart 1d")[0]


def test_runbooks_that_alerts_named(tenant: Tenant, workspace: Workspace, incident: UUID) -> None:
    assert "No alert named a runbook for “latency”" in typed(workspace, "runbook latency")[0]
    with tenant_scope(tenant.id):
        Incident.objects.update(labels={"runbook_url": "https://wiki.example/latency"}, symptom="HighLatency")
    for words in ("checkout", "highlatency", "42", ""):
        assert "HighLatency — checkout, last in INC-42" in typed(workspace, f"runbook {words}")[0] or words == "42"
    assert "last in INC-42" in typed(workspace, "runbook 42")[0]
    assert "No alert named" in typed(workspace, "runbook disk of the mail server")[0]


def test_stored_runbooks_are_quoted_with_their_source_and_date(
    tenant: Tenant, workspace: Workspace, incident: UUID
) -> None:
    starter.load(tenant.id, by="test")
    said, _ = typed(workspace, "runbook pod was OOMKilled")

    assert said.startswith(
        "Container killed for using too much memory (OOMKilled) (the starter set, oom-killed.md, reviewed 2026-11-21)"
    )
    assert "roll it back: kubectl -n <namespace> rollout undo deployment/<name>" in said


# feedback --------------------------------------------------------------------------------------------------------


def test_feedback_without_words_asks_in_a_window(tenant: Tenant, workspace: Workspace, incident: UUID) -> None:
    _, (window,) = typed(workspace, "feedback 42")
    assert [one.split(" ")[0] for one in choices(window, "hypothesis")] == ["1.", "2.", "3."]
    (which,) = [one["element"]["options"] for one in window["blocks"] if one["block_id"] == "hypothesis"]
    workspace.act(
        "submit",
        values={"hypothesis": which[1]["value"], "verdict": "down", "reason": "wrong service", "words": "the cache"},
        wait=60,
    )
    with tenant_scope(tenant.id):
        (given,) = Feedback.objects.select_related("hypothesis")
        assert (given.hypothesis.rank, given.value, given.reason, given.words) == (
            2,
            "down",
            "wrong service",
            "the cache",
        )
    typed(workspace, "feedback 42")
    workspace.act("submit", values={"verdict": "confirm"}, wait=60)
    with tenant_scope(tenant.id):
        assert list(Confirmation.objects.values_list("hypothesis__rank", flat=True)) == [1]


# link ------------------------------------------------------------------------------------------------------------


def channel_of(tenant: Tenant, service: str) -> str:
    with tenant_scope(tenant.id):
        return Service.objects.get(name=service).channel


def test_admins_link_a_service_to_a_channel_in_words_or_in_a_window(
    tenant: Tenant, workspace: Workspace, shop: None, admin: None
) -> None:
    assert "cart's incidents come in #incidents" in typed(workspace, "link cart #incidents")[0]
    assert channel_of(tenant, "cart") == "#incidents"
    assert "I see no channel #nowhere" in typed(workspace, "link cart #nowhere")[0]
    assert "Did you mean /sre link cart #incidents?" in typed(workspace, "link catr #incidents")[0]
    _, (window,) = typed(workspace, "link payments")
    (menu,) = [one["element"] for one in window["blocks"] if one["block_id"] == "service"]
    assert menu["initial_option"]["text"]["text"] == "payments"
    where = workspace._local("GET", "workspace", params={"team": workspace.team})["channels"]
    wanted = next(one["id"] for one in where if one["name"] == "incidents")
    workspace.act("submit", values={"channel": wanted}, wait=60)
    assert channel_of(tenant, "payments") == "#incidents"


def test_linking_and_connecting_are_for_admins(tenant: Tenant, workspace: Workspace, shop: None) -> None:
    for words in ("link cart #incidents", "connect"):
        said, windows = typed(workspace, words)
        assert said.startswith("You are responder here; this needs the role admin in ")
        assert windows == []
    assert channel_of(tenant, "cart") == "checkout"


# connect ---------------------------------------------------------------------------------------------------------


def test_admins_connect_a_vendor_in_windows_and_see_whether_it_works(
    tenant: Tenant, workspace: Workspace, admin: None
) -> None:
    _, (window,) = typed(workspace, "connect")
    (menu,) = [one["elements"][0] for one in window["blocks"] if one.get("block_id") == "connect_kind"]
    offered = [one["text"]["text"] for one in menu["options"]]
    assert {"Alertmanager", "Grafana Alerting", "Prometheus"} <= set(offered)
    assert offered == sorted(offered, key=str.casefold)
    workspace.act("select", action_id="connect_kind", value="prometheus", wait=60)
    (form,) = workspace.modals()
    assert form["title"]["text"] == "Connect Prometheus"
    workspace.act("submit", values={"url": "http://127.0.0.1:9/", "bearer_token": "hush-hush"}, wait=60)

    def shown() -> str:
        return "\n".join(message_text({"blocks": one["blocks"]}) for one in workspace.modals())

    assert until(lambda: "It does not work yet" in shown())
    assert "hush-hush" not in shown()
    with tenant_scope(tenant.id):
        row = Connection.objects.get(kind="prometheus")
        assert (row.health, row.is_enabled) == ("failing", True)
        assert vault.unseal(row.tenant_id, row.sealed)["bearer_token"] == "hush-hush"
        entry = AuditEntry.objects.get(action="connect", target="prometheus")
        assert "hush-hush" not in str(entry.detail)
    workspace.act("click", action_id="connect_test", wait=60)
    assert until(lambda: "It does not work yet" in shown())


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "not an address"], ids=["taken", "refused"])
def test_a_secret_that_was_typed_reaches_no_log_and_nothing_that_a_window_carries(
    url: str, workspace: Workspace, admin: None, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    typed(workspace, "connect")
    workspace.act("select", action_id="connect_kind", value="prometheus", wait=60)
    (form,) = workspace.modals()
    with contextlib.suppress(AssertionError):
        workspace.act("submit", values={"url": url, "bearer_token": "hush-hush"}, wait=60)
    settle()

    assert "Slack does not hide secrets while you type" in message_text({"blocks": form["blocks"]})
    assert form["private_metadata"] == "prometheus"
    assert caplog.text, "nothing was logged: the test would see nothing"
    said = capsys.readouterr()
    assert "hush-hush" not in caplog.text + said.out + said.err
    assert "hush-hush" not in str([one["blocks"] for one in workspace.modals()])
    assert "hush-hush" not in str([one["answer"] for one in workspace.deliveries("view_submission")])


def test_a_wrong_value_is_said_beside_its_field_and_stored_nowhere(
    tenant: Tenant, workspace: Workspace, admin: None
) -> None:
    typed(workspace, "connect")
    workspace.act("select", action_id="connect_kind", value="prometheus", wait=60)
    with pytest.raises(AssertionError, match="'url'"):
        workspace.act("submit", values={"url": "not an address"}, wait=60)
    with tenant_scope(tenant.id):
        assert not Connection.objects.filter(kind="prometheus").exists()


def test_what_receives_webhooks_tells_its_address(tenant: Tenant, workspace: Workspace, admin: None) -> None:
    typed(workspace, "connect")
    workspace.act("select", action_id="connect_kind", value="pagerduty", wait=60)
    workspace.act("submit", values={"webhook_secret": "of-the-subscription"}, wait=60)
    assert until(lambda: "/hooks/pagerduty/" in str(workspace.modals()))
