"""The report in Markdown: each thing is told once."""

from __future__ import annotations

from dataclasses import replace

from copilot.knowledge import report
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
