"""Jira: the signature, and an issue's way from creation to its end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from integrations.base import Action, BadPayload, Event, Inbound, NotGenuine
from integrations.jira import Jira, JiraCredentials
from tests.integrations.signers import bearer, hexed

CREATED: dict[str, Any] = json.loads((Path(__file__).parent / "fixtures" / "jira" / "created.json").read_text())
JIRA = Jira()


def event(payload: object) -> Event:
    (found,) = JIRA.parse(Inbound({}, json.dumps(payload).encode(), 1_800_000_000.0))
    return found


def updated(*changed: str, category: str = "new", named: str = "jira:issue_updated", **fields: Any) -> Event:
    status = {"name": "x", "statusCategory": {"key": category}}
    issue = {**CREATED["issue"], "fields": {**CREATED["issue"]["fields"], "status": status, **fields}}
    items = [{"field": field, "fromString": "a", "toString": "b"} for field in changed]
    return event({**CREATED, "webhookEvent": named, "issue": issue, "changelog": {"items": items}})


def test_a_secret_or_a_token_tells_it_genuine() -> None:
    def verify(headers: dict[str, str], **entered: str) -> None:
        lowered = {name.lower(): value for name, value in headers.items()}
        JIRA.verify(Inbound(lowered, b"{}", 0.0), JiraCredentials.model_validate(entered))

    verify({"X-Hub-Signature": f"sha256={hexed('s', b'{}')}"}, webhook_secret="s", token="t")
    verify({"X-Copilot-Token": "t"}, token="t")
    verify(bearer("t"), token="t")
    for headers, entered in (
        ({"X-Copilot-Token": "t"}, {"webhook_secret": "s", "token": "t"}),
        ({"X-Hub-Signature": f"sha1={hexed('s', b'{}')}"}, {"webhook_secret": "s"}),
        ({"X-Hub-Signature": f"sha256={hexed('other', b'{}')}"}, {"webhook_secret": "s"}),
        (bearer(""), {}),
    ):
        with pytest.raises(NotGenuine):
            verify(headers, **entered)


def test_a_new_issue_is_an_incident() -> None:
    found = event(CREATED)
    assert (found.action, found.status, found.severity) == (Action.TRIGGERED, "triggered", "critical")
    assert (found.title, found.symptom) == ("Checkout p95 latency is high", "checkout p95 latency is high")
    assert (found.service.name, found.service.namespace) == ("checkout", "shop")
    assert (found.dedupe_key, found.url) == ("OPS-71", "https://shop.atlassian.net/browse/OPS-71")
    assert (found.started_at, found.occurred_at) == (1795169106.0, 1795169106.5)
    assert (found.actor, found.priority, found.assignees) == ("Dana", "Highest", ())


@pytest.mark.parametrize(
    ("changed", "category", "action", "status"),
    [
        (("status",), "indeterminate", Action.ACKNOWLEDGED, "acknowledged"),
        (("status", "resolution"), "done", Action.RESOLVED, "resolved"),
        (("status",), "new", Action.REOPENED, "triggered"),
        (("assignee",), "indeterminate", Action.REASSIGNED, None),
        (("priority",), "new", Action.PRIORITY_CHANGED, None),
        (("summary",), "new", Action.UPDATED, None),
    ],
)
def test_an_update_moves_it_by_the_status_category(
    changed: tuple[str, ...], category: str, action: Action, status: str | None
) -> None:
    found = updated(*changed, category=category)
    assert (found.action, found.status) == (action, status)


def test_a_deleted_issue_is_over_and_a_comment_is_a_note() -> None:
    assert updated(named="jira:issue_deleted").action is Action.RESOLVED
    assert updated(named="comment_created", category="done").action is Action.ANNOTATED
    assert event({**CREATED, "webhookEvent": "comment_created", "comment": {"body": "looking"}}).text == "looking"


def test_an_automation_rule_sends_the_issue_itself() -> None:
    found = event(CREATED["issue"])
    assert (found.action, found.dedupe_key, found.occurred_at) == (Action.TRIGGERED, "OPS-71", 1795169106.4)
    fields = {**CREATED["issue"]["fields"], "status": {"statusCategory": {"key": "done"}}}
    assert event({**CREATED["issue"], "fields": fields}).status == "resolved"


def test_the_one_component_is_the_service_where_no_label_names_one() -> None:
    assert updated(labels=["x"], components=[{"name": "cart"}]).service.name == "cart"
    assert updated(labels=[], components=[{"name": "cart"}, {"name": "checkout"}]).service.name == ""


def test_what_is_missing_is_named() -> None:
    for payload, said in (
        ({}, "`issue` must be an object, and it is missing"),
        ({"issue": {"key": "A-1"}}, r"`issue\.fields` must be an object"),
        ({"key": "A-1", "fields": {}}, r"`fields\.summary` must be a non-empty text"),
    ):
        with pytest.raises(BadPayload, match=said):
            event(payload)
