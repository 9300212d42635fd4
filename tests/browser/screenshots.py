"""Photograph the main screens for `docs/images`: the demo is played, then driven in headless Chromium (`make screenshots`).

Whatever cannot be reached or is not there ends it with an error, so that no old picture passes for a new one.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from PIL import Image
from playwright.sync_api import sync_playwright

from copilot.topology.graph import MACHINE, Edge, Node, Sighting, Topology
from copilot.topology.picture import draw
from tests.browser.conftest import CHROMIUM, QUIET
from tests.servers.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

TEAM, PERSON, CHANNEL = "shop", "alice", "incidents"
START_SECONDS = 600
# Enough for text and two charts, at a third of the size.
COLOURS = 256
# From the symptom down to the cause.
WAY = ("web", "checkout", "orders", "orders-db")
QUESTION = "What changed before it began?"


class Screens:
    """Be the demo's workspace and admin, seen by one person."""

    def __init__(self, browser: Browser, *, slack: str, ops: str, password: str, folder: Path) -> None:
        self.browser, self.slack, self.ops, self.password, self.folder = browser, slack, ops, password, folder
        found = self._get("messages", channel=CHANNEL)["messages"]
        self.root = next(one for one in found if one["text"].startswith("INC-"))

    def _get(self, path: str, **query: str) -> dict[str, Any]:
        with httpx.Client(trust_env=False, timeout=30) as client:
            answer = client.get(f"{self.slack}/local/{path}", params={"team": TEAM, "as": PERSON, **query})
        body: dict[str, Any] = answer.raise_for_status().json()
        return body

    def act(self, kind: str, **more: Any) -> dict[str, Any]:
        """Do what a person does, and wait for what comes of it."""
        with httpx.Client(trust_env=False, timeout=60) as client:
            done = client.post(
                f"{self.slack}/local/act", json={"team": TEAM, "as": PERSON, "type": kind, "wait": 20, **more}
            )
        body: dict[str, Any] = done.raise_for_status().json()
        if not body["ok"]:
            raise SystemExit(f"{kind} {more}: {body}")
        return body

    @contextmanager
    def page(self, *, width: int = 1280, height: int = 860, dark: bool = False, **query: str) -> Iterator[Page]:
        """Open the workspace at a channel, thread or tab."""
        page = self.browser.new_page(
            viewport={"width": width, "height": height}, locale="en-GB", color_scheme="dark" if dark else "light"
        )
        page.set_default_timeout(20_000)
        asked = {"team": TEAM, "as": PERSON, "channel": CHANNEL, **query}
        page.goto(f"{self.slack}/?{'&'.join(f'{name}={value}' for name, value in asked.items())}")
        # The page keeps a stream of changes open: it is never idle.
        page.wait_for_timeout(1500)
        yield page
        page.close()

    def keep(self, name: str, seen: bytes) -> None:
        """Write a picture, with as few colours as it needs."""
        picture = Image.open(BytesIO(seen)).convert("RGB")
        path = self.folder / f"{name}.png"
        picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
        print(f"{path}  {picture.width}×{picture.height}  {path.stat().st_size // 1024} KiB", flush=True)

    # The screens -----------------------------------------------------------------------------------------------------

    def thread(self) -> None:
        """Photograph the incident's message beside its thread, light and dark, and a chart."""
        with self.page(thread=self.root["ts"], width=1440, height=1330) as page:
            self._lay_out(page)
            self.keep("thread", page.screenshot())
            address = page.locator("#replies figure.picture img").first.get_attribute("src")
            with httpx.Client(trust_env=False, timeout=30) as client:
                self.keep("chart", client.get(f"{self.slack}{address}").raise_for_status().content)
        with self.page(thread=self.root["ts"], width=1440, height=1330, dark=True) as page:
            self._lay_out(page)
            self.keep("dark", page.screenshot())

    @staticmethod
    def _lay_out(page: Page) -> None:
        """Show the card whole on the left, and on the right what follows it in the thread."""
        page.locator("#messages").evaluate("node => node.scrollTo(0, node.scrollHeight)")
        page.locator("#replies").get_by_text("Evidence (").first.evaluate(
            "node => node.scrollIntoView({block: 'start'})"
        )
        page.wait_for_timeout(300)

    def why(self) -> None:
        """Photograph a score taken apart."""
        self.act("click", channel=CHANNEL, ts=self.root["ts"], action_id="why")
        with self.page() as page:
            self.keep("why", page.screenshot())
        self.act("close", all=True)

    def answer(self) -> None:
        """Photograph an answer in the incident's thread."""
        self.act("message", channel=CHANNEL, text=f"@copilot {QUESTION}", thread_ts=self.root["ts"])
        until(self._answered, "the answer did not come")
        with self.page(thread=self.root["ts"], width=1280, height=860) as page:
            page.locator("#replies").evaluate("node => node.scrollTo(0, node.scrollHeight)")
            page.wait_for_timeout(300)
            self.keep("answer", page.screenshot())

    def _answered(self) -> bool:
        found = self._get("messages", channel=CHANNEL, thread_ts=self.root["ts"])["messages"]
        return "feedback_buttons" in str(found[-1].get("blocks"))

    def home(self) -> None:
        """Photograph the app's Home tab."""
        with self.page(channel="@copilot", tab="home") as page:
            page.wait_for_timeout(2500)
            self.keep("home", page.screenshot())

    def connect(self) -> None:
        """Photograph the page on which secrets are entered, by the link that Slack's window offers."""
        self.act("slash", channel=CHANNEL, command="/sre", text="connect prometheus")
        window = self._get("views")["views"][-1]
        (address,) = (one["elements"][0]["url"] for one in window["blocks"] if one.get("block_id") == "connect_page")
        page = self.browser.new_page(viewport={"width": 900, "height": 820}, locale="en-GB")
        page.set_default_timeout(20_000)
        page.goto(address)
        page.fill("input[name=url]", "https://prometheus.shop.example")
        page.fill("input[name=bearer_token]", "not-a-real-one")
        self.keep("connect", page.screenshot())
        page.close()
        self.act("close", all=True)

    def topology(self) -> None:
        """Draw a graph with all that a picture of one can show."""
        at = datetime(2026, 11, 21, tzinfo=UTC)
        arrows = [
            Edge(caller, callee, (Sighting("jaeger", "", at, at, is_stale=caller == "reports"),))
            for caller, callee in (
                ("web", "checkout"), ("checkout", "orders"), ("orders", "orders-db"), ("back-office", "orders"),
                ("reports", "orders-db"), ("orders-db", "node-a"),
            )
        ]  # fmt: skip
        nodes = [
            Node("web", entrance="kubernetes ingress"),
            Node("back-office", entrance="declared"),
            Node("orders-db", kind="database"),
            Node("node-a", kind=MACHINE),
        ]
        self.keep("topology", draw(Topology.of(nodes, arrows), "orders-db", path=WAY).png)

    def link(self) -> None:
        """Photograph a shared link with its card, and the pane beside it."""
        number = self.root["text"].split(" ")[0].removeprefix("INC-")
        told = self.act("slash", channel=CHANNEL, command="/sre", text=f"incident {number}")["messages"][0]["blocks"]
        address = told[-1]["elements"][0]["elements"][-1]["url"]
        said = self.act("message", channel="general", text=f"Carts time out for us, too. Is that {address} ?")
        ts = next(one["ts"] for one in said["messages"] if address in one["text"])
        self.act("open_entity", channel="general", ts=ts, url=address)
        with self.page(channel="general", height=900) as page:
            self.keep("link", page.screenshot())
        self.act("close_entity")

    def digest(self) -> None:
        """Photograph the digest, as it is shown on demand."""
        self.act("slash", channel=CHANNEL, command="/sre", text="digest --share")
        with self.page() as page:
            page.locator("#messages").evaluate("node => node.scrollTo(0, node.scrollHeight)")
            self.keep("digest", page.screenshot())

    def resolved(self) -> None:
        """Photograph the window that asks for another cause, over the thread that asks what it was."""
        number = self.root["text"].split()[0].rstrip(":·").removeprefix("INC-")
        self.act("slash", channel=CHANNEL, command="/sre", text=f"resolve {number} anyway")
        asks = until(self._resolution, "nobody asked what the cause was")
        self.act("click", channel=CHANNEL, ts=asks["ts"], action_id="confirm_other")
        with self.page(thread=self.root["ts"]) as page:
            page.locator("#replies").evaluate("node => node.scrollTo(0, node.scrollHeight)")
            self.keep("resolve", page.screenshot())
        self.act("close", all=True)

    def _resolution(self) -> dict[str, Any] | None:
        found = self._get("messages", channel=CHANNEL, thread_ts=self.root["ts"])["messages"]
        return next((one for one in found if "confirm_other" in str(one.get("blocks"))), None)

    def admin(self) -> None:
        """Photograph the tenant's page in the admin, with what its confidences were worth."""
        page = self.browser.new_page(viewport={"width": 1280, "height": 1000}, locale="en-GB")
        page.set_default_timeout(20_000)
        page.goto(f"{self.ops}/admin/")
        page.fill("input[name=username]", "demo")
        page.fill("input[name=password]", self.password)
        page.click("input[type=submit], button[type=submit]")
        page.goto(f"{self.ops}/admin/copilot/tenant/")
        page.click(f"text={TEAM}")
        page.wait_for_load_state()
        self.keep("admin", page.screenshot())
        page.goto(f"{self.ops}/admin/copilot/incident/")
        page.click("#result_list tbody a >> nth=0")
        page.wait_for_load_state()
        self.keep("admin-incident", page.screenshot())
        page.close()


def until(condition: Callable[[], Any], otherwise: str, *, seconds: float = 60) -> Any:
    """Wait for a condition, and return what it gave."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.3)
    raise SystemExit(otherwise)


@contextmanager
def demo(folder: str) -> Iterator[tuple[str, str, str]]:
    """Play the demo until its thread is complete; give the addresses of Slack and the admin, and the admin's password."""
    slack, ops = free_port(), free_port()
    command = [
        sys.executable, "-m", "copilot", "--data", folder, "demo", "--port", str(free_port()), "--slack-port", str(slack),
        "--ops-port", str(ops), "--replay-port", str(free_port()),
    ]  # fmt: skip
    environment = {name: value for name, value in os.environ.items() if name != "ANTHROPIC_API_KEY"}
    playing = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    watch = threading.Timer(START_SECONDS, playing.kill)
    watch.start()
    password = ""
    try:
        assert playing.stdout is not None
        for line in playing.stdout:
            if found := re.search(r"password: (\S+)", line):
                password = found[1]
            if line.startswith("ready"):
                break
        else:
            raise SystemExit("the demo did not come up")
        watch.cancel()
        yield f"http://127.0.0.1:{slack}", f"http://127.0.0.1:{ops}", password
    finally:
        watch.cancel()
        playing.terminate()
        playing.wait(timeout=60)


def main() -> None:
    """Take all pictures into the folder that is named."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")
    if not CHROMIUM.exists():
        raise SystemExit(f"{CHROMIUM} is absent: install Debian's chromium, or name it in CHROMIUM")
    with (
        tempfile.TemporaryDirectory(prefix="copilot-screens-") as data,
        demo(data) as (slack, ops, password),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        screens = Screens(browser, slack=slack, ops=ops, password=password, folder=folder)
        for take in (
            screens.thread, screens.why, screens.answer, screens.link, screens.home, screens.connect, screens.topology,
            screens.digest, screens.resolved, screens.admin,
        ):  # fmt: skip
            take()
        browser.close()


if __name__ == "__main__":
    main()
