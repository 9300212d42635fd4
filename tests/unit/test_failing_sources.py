"""What a failing source says of itself: its words may repeat what it was sent, and reach people redacted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from copilot.guard.redact import Redactor
from copilot.stages.gather import _ask_one, _Source
from integrations.base import Rejected, Scope
from integrations.registry import integrations
from scoring.observations import Gap, Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from scoring.observations import Observation

REFUSAL = 'parse error in up{job="x"}: password=hunter2horse is no matcher'


def test_the_words_of_a_refusal_and_of_a_gap_are_redacted(monkeypatch: pytest.MonkeyPatch) -> None:
    prometheus = integrations()["prometheus"]

    def gather(*_: Any) -> Iterator[Observation]:
        yield Gap("prometheus", "errors of checkout", REFUSAL)
        raise Rejected(REFUSAL)

    monkeypatch.setattr(type(prometheus), "gather", gather)
    source = _Source(uuid4(), "Prometheus", prometheus, None)

    answer = _ask_one(source, Scope(service=None), Window(0, 120, 60), 5.0, Redactor(b"key" * 11))

    (gap,) = answer.observations
    assert isinstance(gap, Gap)
    for words in (gap.reason, answer.failure):
        assert "hunter2horse" not in words
        assert words.startswith('parse error in up{job="x"}: password=<password:')
