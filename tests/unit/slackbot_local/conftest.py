"""One local workspace process for all tests here; each test has a team and a receiving app of its own."""

import itertools
from collections.abc import Iterator

import pytest
from slack_sdk import WebClient

from slackbot.local.testing import ReceivingApp, Team, running
from tests.servers.processes import free_port

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with running(
        "--deadline", "1.0", "--trigger-seconds", "1.0", "--event-retries", "0.05,0.1,0.15", port=free_port()
    ) as address:
        yield address


@pytest.fixture
def app() -> Iterator[ReceivingApp]:
    with ReceivingApp() as app:
        yield app


@pytest.fixture
def team(server: str, app: ReceivingApp) -> Team:
    team = Team(server=server, name=f"team{next(_NUMBERS)}")
    team.install(app_url=app.url, signing_secret=app.signing_secret, commands=["/sre"])
    return team


@pytest.fixture
def client(team: Team) -> WebClient:
    return team.client


@pytest.fixture
def incidents(team: Team) -> str:
    return team.channel_id("incidents")
