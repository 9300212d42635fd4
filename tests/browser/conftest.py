"""Headless Chromium and a local workspace of its own; skipped where Chromium is not installed."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from slackbot.local.testing import ReceivingApp, Team, running
from tests.servers.processes import free_port
from tests.waiting import PATIENCE

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
_NUMBERS = itertools.count(1)
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# Five seconds by default, which a busy machine may take to draw a page.
expect.set_options(timeout=1000 * PATIENCE)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for one module: Playwright keeps an event loop running in this thread, in which Django refuses to work."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is absent: install Debian's chromium, or name it in CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def app() -> Iterator[ReceivingApp]:
    with ReceivingApp() as app:
        yield app


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with running(port=free_port()) as address:
        yield address


@pytest.fixture
def team(server: str, app: ReceivingApp) -> Team:
    team = Team(server=server, name=f"team{next(_NUMBERS)}")
    team.install(app_url=app.url, signing_secret=app.signing_secret, commands=["/sre"])
    return team


@pytest.fixture
def page(browser: Browser, server: str) -> Iterator[Page]:
    """A page at the size of a laptop, closed before the server is; anything it complains of fails the test."""
    page = browser.new_page(viewport={"width": 1280, "height": 800}, locale="en-GB")
    page.set_default_timeout(1000 * PATIENCE)
    complaints: list[str] = []
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    page.close()
    assert complaints == []
