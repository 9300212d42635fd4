"""The report in Markdown: each thing is told once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copilot.knowledge import report
from copilot.knowledge.markdown import check, code, gap
from tests.unit.slackbot import briefings


def test_a_source_that_failed_is_told_once() -> None:
    silent = replace(
        briefings.INCONCLUSIVE,
        missing=("pagerduty did not answer incidents: did not answer within 2 s", "metrics of payments-db"),
        gaps=("pagerduty: incidents – did not answer within 2 s",),
    )
    said = report.write(silent)

    assert said.endswith(
        "## What could not be seen\n\n- pagerduty: did not answer within 2 s\n- metrics of payments-db\n\n"
        "## Similar incidents\n\n- INC-17, Checkout slow: same service, same symptom; its cause: payments pool too small\n"
        "- INC-9, Checkout errors: same service\n"
    )
    assert said.count("did not answer") == 1


def test_the_leads_own_check_is_told_once() -> None:
    lead = replace(briefings.SECOND, rank=1, next_check="look at the pool")
    said = report.write(replace(briefings.INCONCLUSIVE, hypotheses=(lead,), next_check="look at the pool"))

    assert said.count("look at the pool") == 1
    assert "## Next check" in report.write(briefings.NO_FAULT)


def test_after_an_all_clear_what_else_moved_is_called_that() -> None:
    said = report.write(replace(briefings.NO_FAULT, hypotheses=(briefings.FIRST,)))

    assert "What else moved at that time, should there have been a fault after all:\n\n### 1. The rollout" in said


def test_rules_alone_are_said_to_propose_only_what_they_propose() -> None:
    nothing = replace(briefings.RULES_ONLY, hypotheses=())

    assert "Rules alone proposed these causes: ANTHROPIC_API_KEY is not set." in report.write(briefings.RULES_ONLY)
    assert "Rules alone looked for a cause, and propose none: ANTHROPIC_API_KEY is not set." in report.write(nothing)


def test_a_next_check_can_be_copied_as_it_stands() -> None:
    command = "kubectl -n shop logs deployment/web --since=30m | grep -iE 'error|timeout'"
    query = "histogram_quantile(0.95, sum(rate(seconds_bucket[120s])) by (le))"
    lead = replace(briefings.FIRST, next_check=f"Read what it waits for: {command}; watch: {query}")
    told = f"Read what it waits for: `{command}`; watch: `{query}`\n"

    assert f"\nNext check: {told}" in report.write(replace(briefings.LIKELY, hypotheses=(lead,)))
    alone = replace(briefings.INCONCLUSIVE, hypotheses=(), next_check=lead.next_check)
    assert f"## Next check\n\n- {told}" in report.write(alone)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("Look at *their* pool", r"Look at \*their\* pool"),
        ("Read the lag: SELECT * FROM pg_stat_replication", "Read the lag: `SELECT * FROM pg_stat_replication`"),
        ("Read the provider's status page; watch: up{a='b'}", "Read the provider's status page; watch: `up{a='b'}`"),
        (
            "List: kubectl logs deployment/'a`b' `](https://evil.example)",
            "List: ``kubectl logs deployment/'a`b' `](https://evil.example)``",
        ),
    ],
)
def test_only_commands_and_queries_are_code_in_a_check(words: str, told: str) -> None:
    assert check(words) == told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("DB_POOL_SIZE 20 → 5 (#482)", "DB_POOL_SIZE 20 → 5 (#482)"),
        ("# _so_ <b> __init__ > 5", r"\# \_so\_ \<b> \_\_init\_\_ > 5"),
        ("cannot list pods: grant `list pods` to *it*", r"cannot list pods: grant `list pods` to \*it\*"),
        (
            "prometheus did not answer all of `rate(a_b[5m])`: 40",
            "prometheus did not answer all of `rate(a_b[5m])`: 40",
        ),
        ("`", r"\`"),
        ("a `` b ``` c", r"a \`\` b \`\`\` c"),
    ],
)
def test_what_could_not_be_seen_has_no_marks_where_none_are_needed(words: str, told: str) -> None:
    assert gap(words) == told


def test_what_stands_in_code_cannot_end_it() -> None:
    assert code("a ``b`` `c`") == "``` a ``b`` `c` ```"
    assert code("one\n\n# two\u202e") == "`one # two`"
    assert not code(" \n")
