"""Tempo: which TraceQL is asked, and how counts or spans become edges (recorded exchanges, no server)."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from integrations.base import Rejected, Scope, ServiceScope
from integrations.tempo import Tempo, TempoCredentials
from integrations.tracing.looking import Edges, SlowTraces
from scoring.detect import detect
from scoring.observations import Dependency, Entity, EntityKind, Gap, Series
from tests.integrations.door import Answer, FakeDoor
from tests.integrations.traces_world import BROKEN_SINCE, CHECKOUT, PAYMENTS, WINDOW, Shop

if TYPE_CHECKING:
    from collections.abc import Mapping

    from integrations.tracing.spans import Span

CREDENTIALS = TempoCredentials(url="http://tempo.test")
SCOPE = Scope(service=CHECKOUT, neighbours=(PAYMENTS,))
NO_METRICS = (500, {"content-type": "text/plain"}, "error querying generators in Querier.queryRangeRecent: localblocks processor not found")  # fmt: skip
TO_OTHERS = '{ resource.service.name = "checkout" && kind = client } > { kind = server }'
TO_STORES = (
    '{ resource.service.name = "payments" && kind = client && (span.db.system != nil || span.db.system.name != nil) }'
)


@dataclass
class World:
    """Answer as Tempo does, for the selections that are asked; `counts` says whether it has metrics."""

    shop: Shop = field(default_factory=Shop)
    counts: bool = True
    queries: list[str] = field(default_factory=list)

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        parts = urlsplit(url)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path.endswith("/values"):
            names = sorted({one.service for one in self.shop.trace(0, self.shop.begin)})
            return 200, {}, {"tagValues": [{"type": "string", "value": name} for name in names], "metrics": {}}
        if parts.path.startswith("/api/traces/"):
            number = int(parts.path.rpartition("/")[2], 16) - 1
            return 200, {}, _whole(self.shop.trace(number, self.shop.begin + number * self.shop.every))
        self.queries.append(asked["q"])
        selection, _, stage = asked["q"].partition(" | ")
        spans = self._selected(selection, float(asked["start"]), float(asked["end"]))
        if parts.path == "/api/search":
            return 200, {}, {"traces": self._found(spans, int(asked["limit"])), "metrics": {}}
        if not self.counts:
            return NO_METRICS
        return 200, {}, {"series": self._series(spans, stage, int(asked["step"].removesuffix("s"))), "metrics": {}}

    def _selected(self, query: str, start: float, end: float) -> list[tuple[Span, dict[str, str]]]:
        name = re.search(r'resource\.service\.name = "([^"]*)"', query)
        assert name
        spans = self.shop.spans(start, end)
        by_id = {(one.trace, one.id): one for one in spans}
        if "traceDuration" in query:
            least = float(query.rpartition("> ")[2].removesuffix("ms }")) / 1000
            return [(one, {}) for one in spans if one.service == name[1] and not one.parent and one.seconds > least]
        if query.endswith("> { kind = server }"):
            return [
                (one, {"resource.service.name": one.service})
                for one in spans
                if one.kind == "server" and one.parent and by_id[one.trace, one.parent].service == name[1]
            ]
        own = [one for one in spans if one.service == name[1]]
        if "db.system" in query:
            return [
                (one, {"span.server.address": one.host, "span.db.system": one.system, "span.peer.service": "nil"})
                for one in own
                if one.system
            ]
        return [(one, {}) for one in own if one.kind == "server"]

    def _series(self, spans: list[tuple[Span, dict[str, str]]], stage: str, step: int) -> list[dict[str, Any]]:
        grouped: dict[tuple[tuple[str, str], ...], dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
        for span, labels in spans:
            shown = {**labels, **({"status": "error" if span.failed else "unset"} if "status" in stage else {})}
            grouped[tuple(shown.items())][span.start // step * step].append(span.seconds)
        found = []
        for key, values in grouped.items():
            if stage.startswith("count_over_time"):
                found.append(_of(key, {at: float(len(some)) for at, some in values.items()}))
            else:
                found += [
                    _of((*key, ("p", share)), {at: float(np.quantile(some, share)) for at, some in values.items()})
                    for share in (0.5, 0.95)
                ]
        return found

    def _found(self, spans: list[tuple[Span, dict[str, str]]], limit: int) -> list[dict[str, Any]]:
        return [
            {
                "traceID": span.trace.lstrip("0"),
                "rootServiceName": "checkout",
                "startTimeUnixNano": str(int(span.start * 1e9)),
                "durationMs": 80,
                "spanSets": [{"matched": 1, "spans": [{
                    "spanID": span.id,
                    "startTimeUnixNano": str(int(span.start * 1e9)),
                    "durationNanos": str(int(span.seconds * 1e9)),
                    "attributes": [_label(name.partition(".")[2], value) for name, value in labels.items()]
                    + [_label("status", "error" if span.failed else "unset")],
                }]}],
            }
            for span, labels in spans[-limit:]
        ]  # fmt: skip


def _label(key: str, value: float | str) -> dict[str, Any]:
    return {"key": key, "value": {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}}


def _of(labels: tuple[tuple[str, Any], ...], values: Mapping[float, float]) -> dict[str, Any]:
    samples = [{"timestampMs": str(int(at * 1000)), "value": value} for at, value in sorted(values.items())]
    return {"labels": [_label(*one) for one in labels], "samples": samples, "promLabels": "{}"}


def _whole(spans: list[Span]) -> dict[str, Any]:
    return {
        "batches": [
            {
                "resource": {"attributes": [_label("service.name", one.service)]},
                "scopeSpans": [{"spans": [{
                    "spanId": one.id, "parentSpanId": one.parent, "name": one.operation, "kind": f"SPAN_KIND_{one.kind.upper()}",
                    "startTimeUnixNano": str(int(one.start * 1e9)), "endTimeUnixNano": str(int((one.start + one.seconds) * 1e9)),
                    "attributes": [], "status": {"code": "STATUS_CODE_ERROR"} if one.failed else {},
                }]}],
            }
            for one in spans
        ]
    }  # fmt: skip


def gather(door: FakeDoor, credentials: TempoCredentials = CREDENTIALS, scope: Scope = SCOPE) -> list[Any]:
    return list(Tempo().gather(door, credentials, scope, WINDOW))


def only(found: list[Any], query: str, indicator: str, caller: str) -> Series:
    return next(
        one
        for one in found
        if isinstance(one, Series) and one.query == query and one.indicator == indicator and one.entity.name == caller
    )


def test_tempo_s_counts_become_series_of_edges() -> None:
    found = gather(FakeDoor(World()))

    edge = only(
        found,
        f"{TO_OTHERS} | quantile_over_time(duration, .5, .95) by (resource.service.name)",
        "latency_p50",
        "checkout",
    )
    assert (edge.peer, edge.unit, edge.source) == (Entity(EntityKind.SERVICE, "payments"), "seconds", "tempo")
    assert edge.values[0] == pytest.approx(0.052, abs=0.001)
    assert edge.values[-2] == pytest.approx(2.002, abs=0.001)
    assert set((edge.times % 60).tolist()) == {0.0}
    assert edge.counts is not None
    assert set(edge.counts[1:-1].tolist()) == {6.0}
    ratio = only(
        found, f"{TO_OTHERS} | count_over_time() by (resource.service.name, status)", "error_ratio", "checkout"
    )
    assert (ratio.values[0], ratio.values.max() > 0.15) == (0.0, True)
    assert [one for one in found if isinstance(one, Dependency)] == [
        Dependency(Entity(EntityKind.SERVICE, "checkout"), Entity(EntityKind.SERVICE, "payments"), "tempo"),
        Dependency(Entity(EntityKind.SERVICE, "payments"), Entity(EntityKind.DATABASE, "orders-db"), "tempo"),
    ]
    assert [one for one in found if isinstance(one, Gap)] == []


def test_what_is_asked_of_a_service_is_bounded() -> None:
    world = World()
    gather(FakeDoor(world))

    assert len(world.queries) == 10  # nobody's calls need no percentiles
    assert f"{TO_OTHERS} | count_over_time() by (resource.service.name, status)" in world.queries
    assert (
        f"{TO_STORES} | count_over_time() by (span.peer.service, span.server.address, span.db.system, span.db.system.name, status)"
        in world.queries
    )
    assert (
        '{ resource.service.name = "checkout" && kind = server } | quantile_over_time(duration, .5, .95)'
        in world.queries
    )


def test_few_calls_are_counted_over_longer_times() -> None:
    door = FakeDoor(World(Shop(every=40.0)))
    found = gather(door)

    edge = only(
        found,
        f"{TO_OTHERS} | quantile_over_time(duration, .5, .95) by (resource.service.name)",
        "latency_p50",
        "checkout",
    )
    assert set((edge.times % 300).tolist()) == {0.0}
    assert {one.parameters["step"] for one in door.asked if "step" in one.parameters} == {"60s", "300s"}


@pytest.mark.parametrize("counts", [True, False])
def test_scoring_blames_the_callee_whose_calls_became_slow(counts: bool) -> None:
    found = gather(FakeDoor(World(Shop(every=5.0), counts=counts)))

    detection = detect(found, WINDOW, subject=Entity(EntityKind.SERVICE, "checkout"))

    slow = next(
        one for one in detection.evidence
        if one.indicator == "latency_p50" and one.peer == Entity(EntityKind.SERVICE, "payments")
    )  # fmt: skip
    assert slow.statement == "checkout median latency to payments 2 s, was 52 ms (×38)"
    assert slow.onset == pytest.approx(BROKEN_SINCE, abs=300)
    assert slow.direction == "for"


def test_without_metrics_some_traces_of_each_part_are_searched() -> None:
    world = World(counts=False)
    door = FakeDoor(world)
    found = gather(door)

    assert [one for one in found if isinstance(one, Gap)] == [
        Gap(
            "tempo",
            "counts of all calls",
            "this Tempo answers no metrics queries (local blocks of its metrics generator): read some traces instead",
        )
    ]
    searched = [one for one in door.asked if one.path == "/api/search"]
    assert len(searched) == 40
    assert {(one.parameters["limit"], one.parameters["spss"]) for one in searched} == {("40", "20")}
    assert f"{TO_OTHERS} | select(resource.service.name, status)" in world.queries


def test_a_question_that_is_refused_is_a_gap_and_the_rest_is_kept() -> None:
    world = World()

    def handler(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if "db.system" in url and "checkout" in url:
            return 400, {"content-type": "text/plain"}, "parse error at line 1, col 3"
        return world(method, url, headers, body)

    found = gather(FakeDoor(handler))

    assert [one for one in found if isinstance(one, Gap)] == [
        Gap("tempo", "calls to stores of checkout", "Tempo answered /api/metrics/query_range with 400: parse error at line 1, col 3")
    ]  # fmt: skip
    assert any(isinstance(one, Series) for one in found)


def test_names_are_quoted_and_come_back_as_ours() -> None:
    odd = ServiceScope(name='check"out', namespace="shop")
    world = World()
    answers = {"tagValues": [{"type": "string", "value": 'check"out-svc'}], "metrics": {}}

    def handler(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if urlsplit(url).path.endswith("/values"):
            return 200, {}, answers
        world.queries.append(parse_qs(urlsplit(url).query)["q"][0])
        return 200, {}, {"series": []}

    gather(FakeDoor(handler), TempoCredentials(url="http://tempo.test", service_names="$name-svc"), Scope(service=odd))
    assert {query[: query.index("&&")] for query in world.queries} == {r'{ resource.service.name = "check\"out-svc" '}


def test_a_service_without_traces_is_told_with_those_that_have_some() -> None:
    assert gather(FakeDoor(World(Shop(suffix="-x")))) == [
        Gap("tempo", "traces of checkout", "no service of that name sends traces; those that do are checkout-x, payments-x: enter service_names")
    ]  # fmt: skip


def test_the_check_names_who_sends_spans() -> None:
    door = FakeDoor(World())
    seen = Tempo().check(door, TempoCredentials(url="http://tempo.test", tenant="acme"))
    assert (seen.works, seen.detail) == (True, "answers; 2 services sent spans lately, among them checkout, payments")
    assert door.asked[0].headers["x-scope-orgid"] == "acme"
    with pytest.raises(Rejected, match="is this address a Tempo"):
        Tempo().check(FakeDoor(lambda *_: (200, {}, {"status": "success"})), CREDENTIALS)


def test_a_conversation_lists_the_slowest_edges() -> None:
    seen = Tempo().look(FakeDoor(World()), CREDENTIALS, SCOPE, WINDOW, Edges(service="checkout", minutes=5))
    assert seen.query == TO_OTHERS
    assert [(one["caller"], one["callee"], one["calls"], one["p50_ms"]) for one in seen.rows] == [
        ("checkout", "payments", 30, 2002.0)
    ]


def test_a_conversation_shows_slow_traces_with_their_longest_spans() -> None:
    asked = SlowTraces(service="checkout", minutes=60, least_milliseconds=1000)
    seen = Tempo().look(FakeDoor(World()), CREDENTIALS, SCOPE, WINDOW, asked)
    assert seen.query == '{ resource.service.name = "checkout" && traceDuration > 1000ms }'
    assert len(seen.rows) == 5
    assert [one["operation"] for one in seen.rows[0]["spans"]] == ["GET /cart", "POST", "POST /pay", "SELECT orders"]
