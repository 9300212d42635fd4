"""Several questions to one source: what failed is a gap, and nothing answered is an error."""

from __future__ import annotations

import pytest

from integrations.base import SourceError, TooLarge, Unauthorised
from integrations.questions import Questions
from scoring.observations import Gap
from tests.integrations.door import FakeDoor, unreachable


def failing(error: Exception) -> int:
    raise error


def test_answers_come_through_and_failures_become_gaps() -> None:
    questions = Questions("ci", FakeDoor(unreachable))

    assert questions.ask("runs", lambda: 5) == 5
    assert questions.ask("logs", lambda: failing(SourceError("too busy"))) is None

    assert list(questions.close()) == [Gap("ci", "logs", "too busy")]


def test_where_nothing_was_answered_the_first_error_is_raised() -> None:
    questions = Questions("ci", FakeDoor(unreachable))
    questions.ask("runs", lambda: failing(Unauthorised("no")))
    questions.ask("logs", lambda: failing(SourceError("too busy")))

    with pytest.raises(Unauthorised, match="no"):
        list(questions.close())


def test_without_time_nothing_is_asked() -> None:
    door = FakeDoor(unreachable)
    questions = Questions("ci", door)
    questions.ask("runs", lambda: 5)
    door.seconds = 0

    assert questions.ask("logs", lambda: 6) is None
    assert list(questions.close()) == [Gap("ci", "logs", "no time was left to ask")]


def test_without_questions_nothing_is_wrong() -> None:
    assert list(Questions("ci", FakeDoor(unreachable)).close()) == []


def test_a_bug_is_not_hidden_as_a_gap() -> None:
    with pytest.raises(ZeroDivisionError):
        Questions("ci", FakeDoor(unreachable)).ask("runs", lambda: failing(ZeroDivisionError()))


def test_a_source_whose_answers_are_all_too_large_is_left_alone() -> None:
    questions = Questions("ci", FakeDoor(unreachable))
    assert questions.ask("size", lambda: 1) == 1
    for number in range(6):
        questions.ask(f"part {number}", lambda: failing(TooLarge("pours")))

    reasons = [one.reason for one in questions.close()]
    assert reasons == ["pours"] * 4 + ["was not asked: its answers before were too large"] * 2
