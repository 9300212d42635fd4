"""What the command line promises to whoever tries the product from outside."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import psycopg
import pytest
import redis

from copilot.embedded import read_runtime
from tests.e2e import sources
from tests.e2e.customer import CHANNEL, SECRET, Customer, words
from tests.e2e.stack import COMMANDS, Said, is_free
from tests.servers.processes import free_port
from tests.waiting import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

pytestmark = [pytest.mark.xdist_group("e2e-command-line"), pytest.mark.slow]


class Up:
    """A running `copilot up`."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.ports = {name: free_port() for name in ("--port", "--slack-port", "--ops-port")}
        words = [str(word) for pair in self.ports.items() for word in pair]
        # As a person does: nothing of the tests' own settings.
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("COPILOT_", "DJANGO_")) and name not in {"REDIS_URL", "DATABASE_URL"}
        }
        with (data.parent / "up.err").open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "copilot", "up", "--data", str(data), *words],
                env=self.environment, stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, text=True,
                start_new_session=True,
            )  # fmt: skip
        assert self.process.stdout is not None
        self.said = []
        for line in self.process.stdout:
            self.said.append(line.strip())
            if line.strip() == "ready":
                break

    def run(self, *commands: Sequence[str | int]) -> list[Said]:
        """Run `copilot` commands on this installation."""
        words = [[*map(str, command), "--data", str(self.data)] for command in commands]
        done = subprocess.run(
            [sys.executable, "-c", COMMANDS], input=json.dumps(words), env=self.environment, capture_output=True,
            text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return [Said(*json.loads(line)) for line in done.stdout.splitlines()]

    def family(self) -> list[psutil.Process]:
        """Return all processes of the installation: children, and the PostgreSQL and Valkey that it started."""
        found = list(psutil.Process(self.process.pid).children(recursive=True))
        found.extend(
            one
            for one in psutil.process_iter(["cmdline"])
            if str(self.data) in " ".join(one.info["cmdline"] or ()) and one.pid != self.process.pid
        )
        return list({one.pid: one for one in found}.values())


def command_of(process: psutil.Process) -> str:
    """Return a process's command line, nothing where it has just ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    running = Up(tmp_path_factory.mktemp("installation") / "data")
    try:
        yield running
    finally:
        family = running.family() if running.process.poll() is None else []
        with suppress(ProcessLookupError):
            running.process.kill()
        running.process.wait()
        assert running.process.stdout is not None
        running.process.stdout.close()
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()


@pytest.fixture(scope="module")
def customer(up: Up, replay: sources.Replay) -> dict[str, Said]:
    """What the set-up by hand answers, in the order of the README."""
    calls: dict[str, list[str | int]] = {
        "tenant": ["tenant", "create", "acme", "--json"],
        "pagerduty": ["connect", "acme", "pagerduty", "--set", f"webhook_secret={SECRET}"],
        "alertmanager": ["connect", "acme", "alertmanager"],
        "prometheus": ["connect", "acme", *replay.sources.connections[0]],
        "kubernetes": ["connect", "acme", *replay.sources.connections[1], "--json"],
        "github": ["connect", "acme", "github", "--set", "webhook_secret=a-secret-of-github"],
        "deploys": ["connect", "acme", "deploys", "--json"],
        "slack": ["connect", "acme", "slack", "--local", "--set", f"default_channel={CHANNEL}"],
        **{f"service {one[0]}": ["service", "add", "acme", *one] for one in sources.services()},
    }
    return dict(zip(calls, up.run(*calls.values()), strict=True))


def test_it_says_where_everything_is_and_then_ready(up: Up) -> None:
    ports = up.ports

    assert up.said == [
        f"api    http://127.0.0.1:{ports['--port']}",
        f"slack  http://127.0.0.1:{ports['--slack-port']}",
        f"admin  http://127.0.0.1:{ports['--ops-port']}/admin/",
        "ready",
    ]
    assert httpx.get(f"http://127.0.0.1:{ports['--port']}/health/ready", timeout=PATIENCE).json() == {"status": "ready"}
    assert httpx.get(f"http://127.0.0.1:{ports['--slack-port']}/", timeout=PATIENCE).status_code == 200
    assert httpx.get(f"http://127.0.0.1:{ports['--ops-port']}/admin/login/", timeout=PATIENCE).status_code == 200


def test_every_command_of_the_set_up_works(customer: dict[str, Said]) -> None:
    assert {name: (said.code, said.err) for name, said in customer.items()} == dict.fromkeys(customer, (0, ""))
    assert customer["tenant"].json["slug"] == "acme"


@pytest.mark.parametrize("kind", ["pagerduty", "alertmanager", "github", "deploys"])
def test_connecting_what_sends_webhooks_prints_their_address(kind: str, up: Up, customer: dict[str, Said]) -> None:
    address = re.search(rf"http://127\.0\.0\.1:{up.ports['--port']}/hooks/{kind}/[\w-]{{32}}", customer[kind].out)

    assert address is not None
    # It leads somewhere: an unsigned request is refused, not unknown; deploys need nothing but the address.
    status = httpx.post(address[0], content=b"{}", timeout=PATIENCE).status_code
    assert status == (422 if kind == "deploys" else 401)


def test_connecting_prometheus_prints_no_address(customer: dict[str, Said]) -> None:
    connected, tested, page = customer["prometheus"].out.splitlines()
    assert connected == "acme is connected to Prometheus"
    assert tested.startswith("✓ works: answers queries")
    assert page == "its page: docs/integrations/prometheus.md"
    assert (customer["kubernetes"].json["webhook_url"], customer["kubernetes"].json["works"]) == (None, True)


def test_a_page_can_be_sent_and_shown(up: Up, customer: dict[str, Said], replay: sources.Replay) -> None:
    address = re.search(r"http://\S+", customer["pagerduty"].out)
    assert address is not None
    made = Customer(None, "acme", "")  # type: ignore[arg-type]
    event = made.event(incident="QBYHAND0000001", created_at=replay.alert_at)
    body = json.dumps(event).encode()
    answer = httpx.post(address[0], content=body, headers=made.signed(body), timeout=PATIENCE)
    assert (answer.status_code, answer.json()) == (202, {"status": "accepted"})

    def done() -> dict[str, Any] | None:
        (said,) = up.run(["incident", "show", "acme", 1, "--json"])
        return said.json if said.code == 0 and said.json["stage"] == "done" else None

    shown: dict[str, Any] = until(done, what="the incident")
    assert {"evidence", "hypotheses", "verdict", "stages", "sources", "sources_without_answer"} <= set(shown)
    assert shown["hypotheses"][0]["service"] == "payments"
    for factor in shown["hypotheses"][0]["factors"]:
        assert 0 <= factor["low"] <= factor["value"] <= factor["high"] <= 1
    assert [stage["stage"] for stage in shown["stages"]] == ["open", "gather", "propose", "rank", "post"]
    assert all(stage["started_at"] <= stage["finished_at"] for stage in shown["stages"])
    show, rescore, listing = up.run(
        ["incident", "show", "acme", 1], ["incident", "rescore", "acme", 1], ["incident", "list", "acme", "--json"]
    )
    assert "payments" in show.out
    assert re.fullmatch(r"INC-1: equal, \d+ bytes, scoring version \d+\n", rescore.out)
    assert [(one["number"], one["service"]) for one in listing.json] == [(1, "checkout")]
    slack = httpx.get(
        f"http://127.0.0.1:{up.ports['--slack-port']}/local/messages",
        params={"team": "acme", "channel": CHANNEL},
        timeout=PATIENCE,
    ).json()
    assert "INC-1" in words(slack["messages"][0])


def test_the_doctor_says_what_works_and_what_does_not(
    up: Up, customer: dict[str, Said], replay: sources.Replay
) -> None:
    *made, well = up.run(
        ["tenant", "create", "umbrella"],
        ["connect", "umbrella", *replay.sources.connections[0]],
        ["connect", "umbrella", *replay.sources.connections[1]],
        ["connect", "umbrella", "pagerduty", "--set", f"webhook_secret={SECRET}"],
        ["connect", "umbrella", "slack", "--local", "--set", f"default_channel={CHANNEL}"],
        ["doctor", "umbrella", "--json"],
    )
    assert [one.code for one in made] == [0] * 5
    assert well.code == 0, well.out
    assert [(one["connection"], one["works"]) for one in well.json] == [
        ("kubernetes", True),
        ("pagerduty", None),
        ("prometheus", True),
        ("slack", True),
    ]

    broken, ill, table, everyone, listed, stack = up.run(
        ["connect", "umbrella", "prometheus", "--name", "second", "--set", f"url=http://127.0.0.1:{free_port()}"],
        ["doctor", "umbrella", "--json"],
        ["doctor", "umbrella"],
        ["doctor"],
        ["tenant", "list"],
        ["doctor", "--stack", "--json"],
    )
    assert [one["name"] for one in stack.json if not one["works"]] == []
    assert stack.code == 0

    assert (broken.code, ill.code, table.code, everyone.code, listed.code) == (0, 1, 1, 1, 0)
    (failing,) = [one for one in ill.json if one["works"] is False]
    assert "second" in failing["connection"]
    assert failing["detail"]
    assert "✗ fails" in table.out
    assert "✓ works" in table.out


WRONG: dict[str, tuple[list[str | int], int, str]] = {
    "unknown tenant": (["connect", "nobody", "pagerduty"], 1, "there is no tenant 'nobody' (known: acme"),
    "unknown kind": (["connect", "acme", "nagios"], 2, "nagios"),
    "no value": (["connect", "acme", "prometheus", "--name", "x", "--set", "url"], 2, "--set takes key=value, not 'url'"),
    "missing field": (["connect", "acme", "prometheus", "--name", "x"], 2, "`url`: Field required"),
    "unknown field": (
        ["connect", "acme", "prometheus", "--name", "x", "--set", "url=http://127.0.0.1:1", "--set", "urll=1"], 2, "`urll`",
    ),
    "no such file": (["connect", "acme", "pagerduty", "--set", "webhook_secret=@/no/such"], 2, "/no/such cannot be read"),
    "unknown incident": (["incident", "show", "acme", 999, "--json"], 1, "999"),
    "bad slug": (["tenant", "create", "Not A Slug"], 1, "slug: "),
    "same slug": (["tenant", "create", "acme"], 1, "slug: "),
    "no number": (["incident", "show", "acme", "one"], 2, "invalid int value: 'one'"),
    "taken PagerDuty id": (["service", "add", "acme", "other", "--pagerduty", "PCHK001"], 2, "PCHK001"),
    "not local": (["connect", "acme", "prometheus", "--local"], 2, "--local is for slack"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_a_mistake_is_told_in_words_and_changes_nothing(
    wrong: str, up: Up, customer: dict[str, Said], mistakes: dict[str, Said]
) -> None:
    _, code, text = WRONG[wrong]
    said = mistakes[wrong]

    assert said.code == code
    assert text in said.err
    assert said.out == ""
    assert "Traceback" not in said.err


@pytest.fixture(scope="module")
def mistakes(up: Up, customer: dict[str, Said]) -> dict[str, Said]:
    return dict(zip(WRONG, up.run(*(call for call, _, _ in WRONG.values())), strict=True))


def test_a_second_one_on_the_same_folder_refuses(up: Up) -> None:
    ports = [str(word) for name in up.ports for word in (name, free_port())]
    second = subprocess.run(
        [sys.executable, "-m", "copilot", "up", "--data", str(up.data), *ports],
        env=up.environment, capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip

    assert second.returncode == 1
    assert f"a copilot is already up on {up.data}" in second.stderr
    assert "ready" not in second.stdout
    assert up.process.poll() is None


def test_a_command_without_an_installation_says_how_to_start_one(up: Up, tmp_path: Path) -> None:
    alone = subprocess.run(
        [sys.executable, "-m", "copilot", "tenant", "list", "--data", str(tmp_path / "none")],
        env=up.environment, capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip

    assert alone.returncode == 1
    assert f"start one with `copilot up --data {tmp_path / 'none'}`" in alone.stderr


def test_a_process_that_dies_is_started_again(up: Up) -> None:
    facts = read_runtime(up.data)
    assert facts is not None
    worker = facts["processes"]["worker"]
    os.killpg(worker, signal.SIGKILL)

    def another() -> bool:
        try:
            return any(
                {"celery", "worker"} <= set(one.cmdline()) and one.pid != worker
                for one in psutil.Process(up.process.pid).children()
            )
        except psutil.NoSuchProcess:  # a zombie counts as none
            return False

    until(another, what="another worker")


def test_servers_that_die_are_started_again_with_their_data_and_the_workers_go_on(
    up: Up, customer: dict[str, Said]
) -> None:
    def servers() -> dict[str, psutil.Process]:
        """PostgreSQL's first process, and Valkey."""
        found: dict[str, psutil.Process] = {}
        for one in up.family():
            with suppress(psutil.NoSuchProcess):
                words = " ".join(one.cmdline())
                if "valkey-server" in words:
                    found["valkey"] = one
                if f"-D {up.data}" in words:
                    found["postgres"] = one
        return found

    def api_says() -> str:
        try:
            return str(httpx.get(f"http://127.0.0.1:{up.ports['--port']}/health/ready", timeout=10).json()["status"])
        except httpx.HTTPError as error:
            return str(error)

    before = servers()
    assert set(before) == {"postgres", "valkey"}
    pids = {name: one.pid for name, one in before.items()}
    for one in before.values():
        one.kill()

    until(
        lambda: {name: one.pid for name, one in servers().items() if one.pid != pids[name]}.keys() == pids.keys(),
        seconds=60, what="another PostgreSQL and another Valkey",
    )  # fmt: skip
    until(lambda: api_says() == "ready", seconds=60, what="the api to be ready again")
    facts = read_runtime(up.data)
    assert facts is not None
    with psycopg.connect(facts["owner_database_url"]) as database:
        assert ("acme",) in database.execute("SELECT slug FROM copilot_tenant").fetchall()
    # The worker was told of nothing, and waits for work at the new Valkey.
    with redis.Redis.from_url(facts["environment"]["REDIS_URL"]) as broker:

        def listens() -> bool:
            with suppress(redis.ConnectionError):
                return any(str(one["cmd"]).startswith("brpop") for one in broker.client_list())
            return False

        until(listens, seconds=60, what="a worker that listens to the new Valkey")


def test_ctrl_c_ends_everything_and_the_data_stays(up: Up, customer: dict[str, Said]) -> None:
    """Last of all: the installation is gone then."""
    family = up.family()
    names = " ".join(map(command_of, family))
    for part in ("postgres", "valkey", "uvicorn", "celery", "slackbot.local"):
        assert part in names

    up.process.send_signal(signal.SIGINT)

    assert up.process.wait(timeout=PATIENCE) == 0
    _, alive = psutil.wait_procs(family, timeout=PATIENCE)
    assert [command_of(one) for one in alive] == []
    assert all(is_free(port) for port in up.ports.values())
    assert read_runtime(up.data) is None
    assert (up.data / "secret-key").stat().st_mode & 0o777 == 0o600
