"""How `/sre` is understood, and how Slack's refusals are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError, SlackRequestError
from slack_sdk.web import SlackResponse

from slackbot.blocks.replies import help_reply
from slackbot.handlers.grammar import HELP, Asked, channel, number, span, understand
from slackbot.plain_text import message_text
from slackbot.troubles import backoff, understood
from slackbot.wording import clip, counted, duration


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("", Asked("help", "", share=False)),
        ("  ", Asked("help", "", share=False)),
        ("why 42", Asked("why", "42", share=False)),
        ("WHY  42 ", Asked("why", "42", share=False)),
        ("why 42 --share", Asked("why", "42", share=True)),
        ("--share status", Asked("status", "", share=True)),
        ("status —share", Asked("status", "", share=True)),
        ("stauts", Asked("stauts", "", share=False, meant="status")),
        ("feedbak 4 up", Asked("feedbak", "4 up", share=False, meant="feedback")),
        ("zzz", Asked("zzz", "", share=False)),
    ],
)
def test_sre_is_understood(typed: str, asked: Asked) -> None:
    assert understand(typed) == asked


def test_help_is_a_line_for_each_command_in_three_groups() -> None:
    made, said = help_reply(HELP)
    told = message_text({"blocks": made}).splitlines()

    assert [one for one in told if not one.startswith("  • ")] == [
        "Look",
        "Do",
        "Set up (admins)",
        "Answers are for you alone; add `--share` and the channel sees them.",
        "In an incident's thread, ask in your own words: `@copilot what changed?`",
    ]
    assert told[1] == "  • /sre status  open incidents, yours first"
    assert "  • /sre changes checkout 2h  what changed at a service" in told
    assert max(map(len, told)) <= 100
    assert said.startswith(
        "/sre status · incident · why · evidence · similar · changes · runbook · topology · digest ·"
    )


def test_what_help_tells_to_type_is_understood() -> None:
    typed = [one for group in HELP.values() for one in group]
    assert all(understand(one).is_known for one in typed)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("42", (42, "")),
        ("#42 up", (42, "up")),
        ("INC-42 down 2 x", (42, "down 2 x")),
        ("inc42", (42, "")),
        ("checkout", (None, "checkout")),
        ("", (None, "")),
        ("٤٢", (None, "٤٢")),
        ("9" * 30, (None, "9" * 30)),
    ],
)
def test_an_incidents_number_is_read(words: str, found: tuple[int | None, str]) -> None:
    assert number(words) == found


@pytest.mark.parametrize(
    ("words", "rest", "length"),
    [
        ("checkout", "checkout", timedelta(hours=2)),
        ("checkout 30m", "checkout", timedelta(minutes=30)),
        ("checkout 45min", "checkout", timedelta(minutes=45)),
        ("checkout 6h", "checkout", timedelta(hours=6)),
        ("checkout 9999d", "checkout", timedelta(days=7)),
        ("2h", "", timedelta(hours=2)),
        ("checkout two", "checkout two", timedelta(hours=2)),
    ],
)
def test_a_length_of_time_is_read_at_the_end(words: str, rest: str, length: timedelta) -> None:
    assert span(words, usual=timedelta(hours=2), most=timedelta(days=7)) == (rest, length)


@pytest.mark.parametrize(
    ("word", "found"),
    [("#shop", "shop"), ("<#C0123|shop>", "C0123"), ("<#C0123>", "C0123"), ("shop", "shop"), ("<!channel>", "")],
)
def test_a_channel_is_read_as_typed_and_as_slack_escapes_it(word: str, found: str) -> None:
    assert channel(word) == found


def refusal(error: str, *, status: int = 200, headers: dict[str, str] | None = None, **more: Any) -> SlackApiError:
    response = SlackResponse(
        client=None,
        http_verb="POST",
        api_url="https://slack.com/api/chat.postMessage",
        req_args={},
        data={"ok": False, "error": error, **more},
        headers=headers or {},
        status_code=status,
    )
    made: Any = SlackApiError
    refused: SlackApiError = made("refused", response)
    return refused


@pytest.mark.parametrize(
    ("failure", "retryable", "wait", "is_channel", "is_the_workspace"),
    [
        (refusal("ratelimited", status=429, headers={"Retry-After": "17"}), True, 17.0, False, False),
        (refusal("ratelimited", status=429, headers={}), True, 30.0, False, False),
        (refusal("internal_error"), True, 0.0, False, False),
        (refusal("whatever", status=503), True, 0.0, False, False),
        (SlackRequestError("no answer"), True, 0.0, False, False),
        (TimeoutError("10 s"), True, 0.0, False, False),
        (refusal("is_archived"), False, 0.0, True, False),
        (refusal("missing_scope", needed="files:write"), False, 0.0, False, True),
        (refusal("token_revoked"), False, 0.0, False, True),
        (refusal("invalid_blocks", errors=["too long [json-pointer:/blocks/1]"]), False, 0.0, False, False),
    ],
)
def test_what_slack_refuses_is_understood(
    failure: Exception, retryable: bool, wait: float, is_channel: bool, is_the_workspace: bool
) -> None:
    trouble = understood(failure)
    assert trouble is not None
    assert (trouble.retryable, trouble.wait) == (retryable, wait)
    assert (trouble.is_channel, trouble.is_the_workspace) == (is_channel, is_the_workspace)


def test_a_missing_scope_is_named() -> None:
    trouble = understood(refusal("missing_scope", needed="files:write"))
    assert trouble is not None
    assert trouble.words.startswith("the app lacks the scope files:write: add it under OAuth & Permissions")


def test_a_bug_of_ours_is_no_trouble_of_slacks() -> None:
    assert understood(KeyError("x")) is None


def test_waiting_doubles_up_to_a_minute() -> None:
    assert [backoff(failures) for failures in (0, 1, 2, 6, 7, 50)] == [5, 10, 20, 60, 60, 60]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.18, "180 ms"),
        (2.84, "2.8 s"),
        (45, "45 s"),
        (360, "6 min"),
        (3900, "1 h 5 min"),
        (7200, "2 h"),
        (90000, "1 day"),
    ],
)
def test_lengths_of_time(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_what_is_clipped_is_one_line_without_marks_that_deceive() -> None:
    assert clip("a\n\tb \u202ec\x00d") == "a b cd"
    assert clip("abcdef", 4) == "abc…"


@pytest.mark.parametrize(
    ("count", "noun", "nouns", "said"),
    [
        (0, "runbook", "", "0 runbooks"),
        (1, "runbook", "", "1 runbook"),
        (1, "piece of evidence", "pieces of evidence", "1 piece of evidence"),
        (3, "piece of evidence", "pieces of evidence", "3 pieces of evidence"),
    ],
)
def test_what_is_counted_agrees_with_its_number(count: int, noun: str, nouns: str, said: str) -> None:
    assert counted(count, noun, nouns) == said
