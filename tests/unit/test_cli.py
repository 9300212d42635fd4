"""The command line before it reaches a database."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from django.db import OperationalError, ProgrammingError
from psycopg.errors import UndefinedTable

from copilot.cli import LEFT_OUT, main, parse, session, terminal

if TYPE_CHECKING:
    from pathlib import Path


def test_a_proxy_in_the_environment_does_not_stand_between_our_own_processes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("NO_PROXY", "intranet.example.com,localhost")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("COPILOT_DATA", os.environ["COPILOT_DATA"])
    monkeypatch.delenv("DATABASE_URL", raising=False)

    main(["--data", f"{tmp_path}", "tenant", "list"])

    assert os.environ["NO_PROXY"] == "intranet.example.com,localhost,127.0.0.1,::1"
    assert os.environ["no_proxy"] == "127.0.0.1,localhost,::1"


def test_where_nothing_is_up_it_says_how_to_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COPILOT_DATA", os.environ["COPILOT_DATA"])
    monkeypatch.delenv("DATABASE_URL", raising=False)

    assert main(["--data", f"{tmp_path}", "tenant", "list"]) == 1
    assert f"copilot up --data {tmp_path}" in capsys.readouterr().err


def test_a_wrong_call_is_told_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        main(["tenants"])

    assert ending.value.code == 2
    assert "tenant" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "rest"),
    [
        ("tenant limits", {}),
        ("tenant limits --json", {"json": True}),
        ("incident show 7 --json", {"number": 7, "json": True}),
        ("incident show --json 7", {"number": 7, "json": True}),
        ("--data elsewhere service list", {}),
        ("member add --slack U024BE7LH", {"slack": "U024BE7LH"}),
        ("connect prometheus", {"kind": "prometheus"}),
    ],
)
def test_the_tenant_may_be_left_out(words: str, rest: dict[str, object]) -> None:
    options = parse(words.split())
    assert options.slug == LEFT_OUT
    assert {name: getattr(options, name) for name in rest} == rest


def test_a_tenant_that_is_named_is_taken_and_what_lacks_beside_it_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("copilot.cli.find_installation", lambda _: None)
    monkeypatch.setattr("copilot.cli.only_tenant", lambda: "shop")

    assert parse(["incident", "show", "shop", "--json", "7"]).slug == "shop"
    assert main(["service", "add", "shop"]) == 2
    assert capsys.readouterr().err == "copilot: the following arguments are required: name\n"
    with pytest.raises(SystemExit):
        parse(["tenant", "create"])
    assert "copilot tenant create: error: the following arguments are required: slug" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_is_no_trouble() -> None:
    """`copilot … | head` closes the pipe while the command still speaks."""
    program = """
import sys
from copilot import cli
def closed(_):
    raise BrokenPipeError
cli.find_installation = closed
sys.exit(cli.main(["tenant", "list"]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (141, "", "")


def test_text_from_outside_cannot_steer_the_terminal() -> None:
    told = "\x1b]0;owned\x07Disk\u202e full\x9b2J\r\nnext\tline"

    assert terminal.printable(told) == "]0;ownedDisk full2J\nnext\tline"
    assert terminal.on_one_line(told) == "]0;ownedDisk full2J next line"


@pytest.mark.parametrize(
    ("error", "cause", "said"),
    [
        (
            ProgrammingError("no such table"),
            UndefinedTable(),
            "the database is of another version than this program: stop",
        ),
        (OperationalError("connection refused\nis it up?"), None, "the database does not answer: connection refused\n"),
    ],
)
def test_trouble_with_the_database_is_told_in_words(
    error: Exception,
    cause: Exception | None,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(_: object) -> int:
        raise error from cause

    monkeypatch.setattr("copilot.cli.find_installation", lambda _: None)
    monkeypatch.setattr("copilot.cli.doctor.run", run)

    assert main(["doctor"]) == 1
    assert f"copilot: {said}" in capsys.readouterr().err


def test_commands_take_the_settings_that_the_product_beside_them_was_started_with(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = {"COPILOT_RUNS_PER_HOUR": "9", "ANTHROPIC_API_KEY": "sk-ant-started", "COPILOT_MODEL": "claude-started"}
    monkeypatch.setattr("os.environ", {**os.environ, "COPILOT_MODEL": "claude-mine"})
    monkeypatch.delenv("COPILOT_RUNS_PER_HOUR", raising=False)
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    monkeypatch.setenv("ANTHROPIC_API_KEY_FILE", "/run/secrets/mine")
    monkeypatch.setattr(session, "set_up_django", lambda: None)
    monkeypatch.setattr(
        session, "read_runtime", lambda _: {"environment": {"REDIS_URL": "redis://it"}, "settings": given}
    )

    session.find_installation(tmp_path)

    assert (os.environ["REDIS_URL"], os.environ["COPILOT_RUNS_PER_HOUR"]) == ("redis://it", "9")
    assert os.environ["COPILOT_MODEL"] == "claude-mine"
    assert "ANTHROPIC_API_KEY" not in os.environ, "it is given by a file of our own"
