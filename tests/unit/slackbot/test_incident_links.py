"""The product's own address of an incident: read back by its exact form alone."""

from __future__ import annotations

from uuid import UUID

import pytest

from copilot import config as configuration
from slackbot import incident_links
from slackbot.handlers.visitor import _authorized

INCIDENT = UUID("0b5c8a52-7d0c-4ac4-9a20-3a83a3c7a6a1")
HERE = "https://copilot.example.com/slack/incidents/acme/0b5c8a52-7d0c-4ac4-9a20-3a83a3c7a6a1"
ADMIN = "https://ops.example.com:8443/admin/copilot/incident/0b5c8a52-7d0c-4ac4-9a20-3a83a3c7a6a1"


@pytest.fixture(autouse=True)
def addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the product be reached at these addresses."""
    given = {"public_url": "https://copilot.example.com", "ops_url": "https://ops.example.com:8443/"}
    settings = configuration.config().model_copy(update=given)
    monkeypatch.setattr(incident_links, "config", lambda: settings)


def test_an_address_leads_back_to_its_incident() -> None:
    assert incident_links.address("acme", INCIDENT) == HERE
    assert incident_links.incident_of(HERE, "acme") == INCIDENT
    assert incident_links.domains() == ["copilot.example.com", "ops.example.com"]


@pytest.mark.parametrize(
    "url",
    [f"{HERE}/", f"{HERE}?utm=mail#top", HERE.replace(".com/", ".com:443/"), HERE.upper().replace("/SLACK/INCIDENTS/ACME", "/slack/incidents/acme")
     .replace("HTTPS", "https"), ADMIN, f"{ADMIN}/change/", f"{ADMIN}/change/?_changelist_filters=q"],
)  # fmt: skip
def test_other_ways_of_writing_it_lead_there_too(url: str) -> None:
    assert incident_links.incident_of(url, "acme") == INCIDENT


@pytest.mark.parametrize(
    "url",
    [
        "",
        f"{HERE}0",
        f"{HERE}/../..",
        HERE.replace("/acme/", "/other/"),
        HERE.replace("https", "http"),
        HERE.replace(".com", ".com:8443"),
        HERE.replace(".com", ".com:port"),
        HERE.replace("copilot.example.com", "evil.example"),
        HERE.replace("copilot.example.com", "copilot.example.com.evil.example"),
        HERE.replace("copilot.example.com", "copilot.example.com@evil.example"),
        ADMIN.replace(":8443", ""),
        f"{ADMIN}/delete/",
        "https://[",
    ],
)
def test_what_only_looks_like_it_is_none(url: str) -> None:
    assert incident_links.incident_of(url, "acme") is None


def test_an_event_that_names_nobody_is_of_the_person_who_authorized_it() -> None:
    assert _authorized({"authorizations": [{"user_id": "U1", "is_bot": False}]}) == "U1"
    assert _authorized({"authorizations": [{"user_id": "UBOT", "is_bot": True}]}) == ""
    assert _authorized({"authorizations": "none"}) == ""
