"""Traces: below which work a span lands, what it tells, and that nothing happens where no collector is named."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from copilot import tracing
from copilot.config import config
from tests.servers.otlp import Collector, collecting

if TYPE_CHECKING:
    from collections.abc import Iterator

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as one:
        monkeypatch.setenv("COPILOT_OTLP_URL", f"{one.url}/")
        config.cache_clear()
        tracing._provider.cache_clear()
        yield one
    monkeypatch.undo()
    provider = tracing._provider()
    assert provider is not None
    provider.shutdown()
    config.cache_clear()
    tracing._provider.cache_clear()


def test_without_a_collector_nothing_is_traced() -> None:
    with tracing.span("stage gather", {"copilot.attempt": 1}, parent=PARENT) as traced:
        traced.note({"copilot.observations": 3})
        traced.failed("no answer")
        assert tracing.here() == ""
        assert tracing.ids(None, "info", {"event": "asked"}) == {"event": "asked"}


def test_a_span_goes_on_from_what_a_row_kept_and_threads_go_on_from_it(collector: Collector) -> None:
    def ask() -> str:
        with tracing.span("source prometheus", kind="client") as traced:
            traced.failed("no answer")
        return tracing.here()

    with tracing.span("stage gather", {"copilot.attempt": 2}, parent=tracing.kept({"traceparent": PARENT})) as traced:
        traced.note({"copilot.observations": 0})
        line = tracing.ids(None, "info", {})
        with ThreadPoolExecutor() as pool:
            seen = pool.submit(tracing.carried(ask)).result()
            assert pool.submit(tracing.here).result() == ""
    tracing.send()

    source, stage = collector.spans
    assert (stage.trace, stage.parent) == (PARENT.split("-")[1], PARENT.split("-")[2])
    assert stage.attributes == {"copilot.attempt": 2, "copilot.observations": 0}
    assert (source.trace, source.parent, source.failed) == (stage.trace, stage.id, "no answer")
    assert line == {"trace_id": stage.trace, "span_id": stage.id}
    assert seen == f"00-{stage.trace}-{stage.id}-01"
    assert tracing.here() == ""


def test_a_failure_is_told_by_its_class_alone(collector: Collector) -> None:
    with pytest.raises(ValueError, match="hunter2"), tracing.span("ingest"):
        raise ValueError("the password is hunter2")
    tracing.send()
    (span,) = collector.spans
    assert (span.parent, span.failed) == ("", "ValueError")


@pytest.mark.parametrize("kept", [None, {}, {"traceparent": 7}, {"traceparent": "nonsense"}])
def test_a_row_that_kept_nothing_readable_begins_a_trace(collector: Collector, kept: dict[str, object] | None) -> None:
    with tracing.span("ingest", parent=tracing.kept(kept)):
        pass
    tracing.send()
    assert [one.parent for one in collector.spans] == [""]
