"""Slack's own request bodies through the real Request URL, with real signatures."""

from __future__ import annotations

import json
import time
import urllib.parse
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from slack_sdk.signature import SignatureVerifier

from slackbot import installs
from tests.flow.slack_world import Workspace
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from copilot.models import Tenant
    from slackbot.installs import Installation

FORM = "application/x-www-form-urlencoded"


def signed(secret: str, body: str, *, kind: str, age: float = 0.0, **more: str) -> dict[str, str]:
    """The headers of a request that Slack signed some seconds ago."""
    at = str(int(time.time() - age))
    signature = SignatureVerifier(secret).generate_signature(timestamp=at, body=body)
    return {"Content-Type": kind, "X-Slack-Request-Timestamp": at, "X-Slack-Signature": str(signature), **more}


def send(installation: Installation, body: str, headers: dict[str, str], key: str | None = None) -> httpx.Response:
    url = installs.request_url(installation.secrets.endpoint_key if key is None else key)
    return httpx.post(url, content=body, headers=headers, trust_env=False, timeout=PATIENCE)


@pytest.fixture
def installation(tenant: Tenant, workspace: Workspace) -> Installation:
    """The tenant's connected workspace."""
    found = installs.of_tenant(tenant.id)
    assert found is not None
    return found


def bodies(shared: Path) -> list[tuple[str, str, str]]:
    """Name, content type and body of every recorded request, as Slack sends it."""
    found = []
    for path in sorted((shared / "vendor" / "payloads" / "slack").iterdir()):
        text = path.read_text()
        if path.suffix == ".form":
            found.append((path.name, FORM, text.strip()))
            continue
        payload = json.loads(text)
        if path.name.startswith(("event_callback", "url_verification")):
            found.append((path.name, "application/json", json.dumps(payload)))
        elif path.name.startswith("slash"):
            fields = payload if isinstance(payload, dict) else {}
            found.append((path.name, FORM, urllib.parse.urlencode({k: str(v) for k, v in fields.items()})))
        else:
            found.append((path.name, FORM, urllib.parse.urlencode({"payload": json.dumps(payload)})))
    return found


def test_every_recorded_body_is_answered(shared: Path, installation: Installation) -> None:
    found = bodies(shared)
    assert len(found) == 72
    answers = {}
    for name, kind, body in found:
        answers[name] = send(
            installation, body, signed(installation.secrets.signing_secret, body, kind=kind)
        ).status_code
    assert {name: status for name, status in answers.items() if status != 200} == {}


def test_every_recorded_body_is_refused_without_slacks_signature(shared: Path, installation: Installation) -> None:
    secret = installation.secrets.signing_secret
    for name, kind, body in bodies(shared)[::6]:
        wrong = send(installation, body, signed("another secret", body, kind=kind))
        old = send(installation, body, signed(secret, body, kind=kind, age=301))
        changed = send(installation, body + " ", signed(secret, body, kind=kind))
        none = send(installation, body, {"Content-Type": kind})
        assert [wrong.status_code, old.status_code, changed.status_code, none.status_code] == [401] * 4, name


def test_the_address_answers_slacks_challenge(installation: Installation) -> None:
    body = json.dumps({"type": "url_verification", "challenge": "3eZbrw1aB", "token": "x"})
    answer = send(installation, body, signed(installation.secrets.signing_secret, body, kind="application/json"))
    assert answer.json() == {"challenge": "3eZbrw1aB"}
    assert send(installation, body, signed("wrong", body, kind="application/json")).status_code == 401


def test_an_unknown_key_is_answered_404_that_tells_nothing(installation: Installation) -> None:
    body = "{}"
    headers = signed(installation.secrets.signing_secret, body, kind="application/json")
    unknown = send(installation, body, headers, key="no-such-key")
    shared_app = send(installation, body, headers, key="")
    assert (unknown.status_code, unknown.text) == (404, "not found")
    assert (shared_app.status_code, shared_app.text) == (404, "not found"), "no shared app is configured"


@pytest.mark.parametrize(
    ("timestamp", "signature"),
    [("not a number", "v0=00"), ("-1", "v0=00"), ("9" * 40, "v0=00"), ("", "")],
)
def test_a_strange_timestamp_is_401(installation: Installation, timestamp: str, signature: str) -> None:
    headers = {
        "Content-Type": FORM,
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": signature,
    }
    assert send(installation, "a=b", headers).status_code == 401


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", "[1]"),
        ("application/json", "{"),
        (FORM, "payload={"),
        (FORM, "payload=[]"),
        (FORM, ""),
        (FORM, "payload=" + urllib.parse.quote(json.dumps({"type": "block_actions"}))),
        (FORM, "payload=" + urllib.parse.quote(json.dumps({"type": "block_actions", "actions": [1], "user": "U1"}))),
        (FORM, "payload=" + urllib.parse.quote(json.dumps({"type": "block_actions", "actions": [{}], "user": "U1"}))),
        (
            FORM,
            "payload="
            + urllib.parse.quote(
                json.dumps(
                    {
                        "type": "block_actions",
                        "actions": [{"type": "button", "action_id": "verdict_up", "value": "no uuid"}],
                        "user": {"id": "U1"},
                    }
                )
            ),
        ),
    ],
)
def test_a_signed_body_that_makes_no_sense_is_no_error_of_ours(
    installation: Installation, kind: str, body: str
) -> None:
    answer = send(installation, body, signed(installation.secrets.signing_secret, body, kind=kind))
    assert answer.status_code in {200, 400}


def test_a_body_over_the_cap_is_413(installation: Installation) -> None:
    body = "a" * (1_048_576 + 1)
    assert send(installation, body, signed(installation.secrets.signing_secret, body, kind=FORM)).status_code == 413


def test_a_body_that_is_not_utf8_is_401(installation: Installation) -> None:
    headers = signed(installation.secrets.signing_secret, "x", kind=FORM)
    url = installs.request_url(installation.secrets.endpoint_key)
    answer = httpx.post(url, content=b"\xff\xfe", headers=headers, trust_env=False, timeout=PATIENCE)
    assert answer.status_code == 401


def test_the_shared_apps_requests_find_their_tenant_by_team(
    tenant: Tenant, workspace: Workspace, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pydantic import SecretStr

    from copilot.config import config
    from slackbot import app

    settings = config().model_copy(update={"slack_signing_secret": SecretStr("the shared app's")})
    monkeypatch.setattr(app, "config", lambda: settings)

    def command(team: str) -> dict[str, Any]:
        response = f"{workspace.url}/response/none"
        return {"command": "/sre", "text": "help", "team_id": team, "user_id": "U1", "response_url": response}

    for team in (installation.team_id, "T0NOBODY"):
        body = urllib.parse.urlencode(command(team))
        answer = send(installation, body, signed("the shared app's", body, kind=FORM), key="")
        assert answer.status_code == 200
    found = installs.of_team("", installation.team_id)
    assert found is not None
    assert found.tenant_id == tenant.id
    assert installs.of_team("", "T0NOBODY") is None
    # The connection's own secret does not open the shared door.
    body = urllib.parse.urlencode(command(installation.team_id))
    own = signed(installation.secrets.signing_secret, body, kind=FORM)
    assert send(installation, body, own, key="").status_code == 401
