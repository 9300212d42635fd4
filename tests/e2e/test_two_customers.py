"""Two customers on one installation: nothing of one is ever seen by the other."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import httpx
import pytest

from tests.e2e import sources
from tests.e2e.customer import SECRET, Customer, join, words
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from tests.e2e.stack import Stack

pytestmark = [pytest.mark.xdist_group("e2e"), pytest.mark.slow]

PAGE = "QSAMEPAGE00001"


@pytest.fixture(scope="module")
def customers(stack: Stack, replay: sources.Replay) -> tuple[Customer, Customer]:
    """Two tenants whose services have the same names; only the first has sources."""
    first = join(stack, "initech", *replay.sources.connections, ("deploys",), services=sources.services())
    second = join(stack, "hooli", services=sources.services())
    second.secret = "the-secret-of-another-customer"
    (said,) = stack.copilot(["connect", "hooli", "pagerduty", "--set", f"webhook_secret={second.secret}", "--json"])
    assert said.code == 0
    return first, second


@pytest.fixture(scope="module")
def shown(customers: tuple[Customer, Customer], replay: sources.Replay) -> tuple[str, str]:
    """All text in each customer's channel and threads, after the same page went to both."""
    first, second = customers
    assert first.tell_of_deploy(sources.SHOP.deploys[0], alert_at=replay.alert_at).status_code == 202
    for customer, title in ((first, "Initech's own on checkout"), (second, "Hooli's own on checkout")):
        event = customer.event(incident=PAGE, title=title, created_at=replay.alert_at)
        assert customer.send(event, delivery="D-THE-SAME").json() == {"status": "accepted"}
    texts = []
    for customer in customers:
        customer.wait_until_shown(PAGE)
        messages = [one for root in customer.messages() for one in (root, *customer.thread(root))]
        texts.append("\n".join(words(one) for one in messages))
    return texts[0], texts[1]


def test_the_same_page_is_an_incident_of_each(customers: tuple[Customer, Customer], shown: tuple[str, str]) -> None:
    rows = customers[0].stack.rows(
        "SELECT t.slug, i.number FROM copilot_incident i JOIN copilot_tenant t ON t.id = i.tenant_id"
        " WHERE i.dedupe_key = %s ORDER BY t.slug",
        PAGE,
    )

    assert rows == [{"slug": "hooli", "number": 1}, {"slug": "initech", "number": 1}]
    assert [len(customer.messages()) for customer in customers] == [1, 1]


def test_each_channel_shows_its_own_and_nothing_of_the_other(shown: tuple[str, str]) -> None:
    first, second = shown

    assert "Initech's own" in first
    assert "Hooli" not in first
    assert "Hooli's own" in second
    for word in ("Initech", "initech", "catalog v3.2.0", "Prometheus", "Kubernetes", "deploys"):
        assert word not in second


def test_one_customers_verdict_teaches_the_other_nothing(
    customers: tuple[Customer, Customer], shown: tuple[str, str]
) -> None:
    first, second = customers
    (root,) = first.roots(1)
    block = next(one for one in root["blocks"] if str(one.get("block_id", "")).startswith("hypothesis:"))
    first.act(
        "click", person="alice", channel="incidents", ts=root["ts"], action_id="confirm", block_id=block["block_id"]
    )

    rows = first.stack.rows(
        "SELECT t.slug, count(c.id) AS confirmations FROM copilot_tenant t"
        " LEFT JOIN copilot_confirmation c ON c.tenant_id = t.id WHERE t.slug IN ('hooli', 'initech')"
        " GROUP BY t.slug ORDER BY t.slug"
    )
    assert rows == [{"slug": "hooli", "confirmations": 0}, {"slug": "initech", "confirmations": 1}]
    page = second.page(title="later on checkout")
    second.wait_until_shown(page)
    (said,) = second.stack.copilot(["incident", "show", "hooli", 2, "--json"])
    assert all("INC-1" not in str(one["similar"]) or one["similar"][0]["cause"] == "" for one in [said.json])
    for hypothesis in said.json["hypotheses"]:
        reasons = {factor["name"]: factor["reason"] for factor in hypothesis["factors"]}
        assert reasons["human validation"] == "nobody had judged such a cause before"


@pytest.mark.parametrize("own_key", [True, False])
def test_a_secret_opens_its_own_door_alone(customers: tuple[Customer, Customer], own_key: bool) -> None:
    first, second = customers
    event = first.event(incident="QWRONGDOOR0001", title="wrong door on checkout")

    answer = first.send(event, secret=SECRET, path=first.path if own_key else second.path)

    assert answer.status_code == (202 if own_key else 401)
    rows = first.stack.rows(
        "SELECT t.slug FROM copilot_delivery d JOIN copilot_tenant t ON t.id = d.tenant_id WHERE d.body LIKE %s",
        b"%QWRONGDOOR0001%",
    )
    assert [row["slug"] for row in rows] == ["initech"]


def test_a_click_from_another_workspace_reaches_nobodys_hypothesis(
    customers: tuple[Customer, Customer], shown: tuple[str, str]
) -> None:
    """Signed by Hooli's workspace, naming Initech's hypothesis: as a forged payload of a rogue workspace would."""
    first, second = customers
    stack = first.stack
    (root,) = first.messages()
    block = next(one for one in root["blocks"] if str(one.get("block_id", "")).startswith("hypothesis:"))
    value = block["elements"][0]["value"]
    app = httpx.post(f"{stack.slack_url}/local/app", json={"team": "hooli"}, timeout=PATIENCE).json()
    (row,) = stack.rows("SELECT count(*) AS n FROM copilot_feedback")
    # Its own Request URL, as `copilot connect` prints it.
    (said,) = stack.copilot(["connect", "hooli", "slack", "--local", "--json"])
    address = next(word for line in said.json["lines"] for word in line.split() if "/slack/events/" in word)
    payload = {
        "type": "block_actions",
        "team": {"id": app["team_id"], "domain": "hooli"},
        "user": {"id": "U0MALLORY", "name": "mallory", "team_id": app["team_id"]},
        "api_app_id": app["app_id"],
        "trigger_id": "1.2.3",
        "container": {"type": "message", "channel_id": second.channel_id(), "message_ts": "1.1"},
        "channel": {"id": second.channel_id(), "name": "incidents"},
        "message": {"ts": "1.1", "type": "message"},
        "response_url": f"{stack.slack_url}/response/none",
        "actions": [{"type": "button", "action_id": "verdict_up", "block_id": block["block_id"], "value": value, "action_ts": "1.3"}],
    }  # fmt: skip
    body = urlencode({"payload": json.dumps(payload)}).encode()
    at = str(int(time.time()))
    signature = hmac.new(app["signing_secret"].encode(), b"v0:" + at.encode() + b":" + body, hashlib.sha256)
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": at,
        "X-Slack-Signature": f"v0={signature.hexdigest()}",
    }

    answer = httpx.post(address, content=body, headers=headers, timeout=PATIENCE)

    assert answer.status_code == 200  # Slack's way: the request was genuine, what it names is not there
    assert stack.rows("SELECT count(*) AS n FROM copilot_feedback") == [row]
    headers["X-Slack-Signature"] = "v0=" + "0" * 64
    assert httpx.post(address, content=body, headers=headers, timeout=PATIENCE).status_code == 401
