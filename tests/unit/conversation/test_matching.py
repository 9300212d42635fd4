"""Which question somebody asks, by the words alone."""

from __future__ import annotations

import pytest

from copilot.conversation.matching import Topic, match, topics


@pytest.mark.parametrize(
    ("question", "topic"),
    [
        ("why?", Topic.WHY),
        ("Why is checkout slow", Topic.WHY),
        ("what's the root cause here?", Topic.WHY),
        ("how sure are you", Topic.WHY),
        ("what changed?", Topic.CHANGES),
        ("Did anyone deploy payments in the last hour", Topic.CHANGES),
        ("what chnaged? any deploymnt", Topic.CHANGES),
        ("have we seen this before?", Topic.SIMILAR),
        ("any similar incidents", Topic.SIMILAR),
        ("is this happening again?", Topic.SIMILAR),
        ("what should I check next?", Topic.NEXT),
        ("how do I fix this", Topic.NEXT),
        ("is there a runbook?", Topic.RUNBOOK),
        ("what’s going on", Topic.STATUS),
        ("status", Topic.STATUS),
        ("who's on it", Topic.STATUS),
        ("what is broken", Topic.SYMPTOMS),
        ("show me the evidence", Topic.SYMPTOMS),
        ("which sources did not answer?", Topic.GAPS),
        ("what could you not see?", Topic.GAPS),
        ("what can you not see", Topic.GAPS),
        ("what could not be seen?", Topic.GAPS),
        ("timeline please", Topic.TIMELINE),
        ("help", Topic.HELP),
        ("what can you do?", Topic.HELP),
        ("should I roll back payments?", Topic.ROLLBACK),
        ("is it safe to revert v3.2.0", Topic.ROLLBACK),
        ("how do we undo the deploy", Topic.ROLLBACK),
        ("rollback?", Topic.ROLLBACK),
    ],
)
def test_it_knows_what_is_asked(question: str, topic: Topic) -> None:
    assert match(question) is topic


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("what changed and should we roll back?", (Topic.CHANGES, Topic.ROLLBACK)),
        ("Should I roll back catalog? Or what should I check next?", (Topic.ROLLBACK, Topic.NEXT)),
        ("have we seen this before, and is there a runbook", (Topic.SIMILAR, Topic.RUNBOOK)),
        ("why, what changed, who is on it, and what is missing?", (Topic.WHY, Topic.CHANGES, Topic.STATUS)),
        ("what is wrong with cart and checkout?", (Topic.SYMPTOMS,)),
        ("what changed and what was deployed", (Topic.CHANGES,)),
        ("why is checkout slow after the deploy", (Topic.CHANGES,)),
        ("hello, what changed?", (Topic.CHANGES,)),
        ("paint me a horse and sing", ()),
    ],
)
def test_each_part_of_a_question_is_heard_in_its_order(question: str, asked: tuple[Topic, ...]) -> None:
    assert topics(question) == asked


@pytest.mark.parametrize("question", ["", "paint me a horse", "42", "🔥🔥🔥", "\u202eyhw", "lunch at twelve?"])
def test_it_guesses_nothing_where_the_words_name_nothing(question: str) -> None:
    assert match(question) is None
