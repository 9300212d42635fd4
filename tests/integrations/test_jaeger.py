"""Jaeger: what is asked of it, and how its traces become edges (recorded exchanges, no server)."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from integrations.base import Rejected, Scope
from integrations.jaeger import Jaeger, JaegerCredentials
from integrations.tracing.looking import Edges, SlowTraces
from scoring.observations import Dependency, Entity, EntityKind, Gap, Series
from tests.integrations.door import Answer, FakeDoor
from tests.integrations.traces_world import CHECKOUT, PAYMENTS, WINDOW, Shop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from integrations.tracing.spans import Span

URL = "http://jaeger.test"
CREDENTIALS = JaegerCredentials(url=URL)
SCOPE = Scope(service=CHECKOUT, neighbours=(PAYMENTS,))


def world(shop: Shop = Shop(), edges: Sequence[tuple[str, str]] = ()) -> Callable[..., Answer]:  # noqa: B008 (frozen)
    def handler(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        door = FakeDoor(lambda *_: (200, {}, {}))
        door.answer(method, url, headers, body)
        (asked,) = door.asked
        if asked.path.endswith("/api/services"):
            return 200, {}, _data(sorted({one.service for one in shop.trace(0, shop.begin)}))
        if asked.path.endswith("/api/dependencies"):
            return 200, {}, _data([{"parent": one, "child": other, "callCount": 7} for one, other in edges])
        start, end = int(asked.parameters["start"]) / 1e6, int(asked.parameters["end"]) / 1e6
        by_trace: dict[str, list[Span]] = {}
        for span in shop.spans(start, end):
            by_trace.setdefault(span.trace, []).append(span)
        least = float(asked.parameters.get("minDuration", "0ms").removesuffix("ms")) / 1000
        # The newest come first, as in Jaeger's own stores.
        fitting = [one for one in reversed(by_trace.values()) if one[0].seconds >= least]
        return 200, {}, _data([_trace(one) for one in fitting[: int(asked.parameters["limit"])]])

    return handler


def _data(found: list[Any]) -> dict[str, Any]:
    return {"data": found, "total": len(found), "limit": 0, "offset": 0, "errors": None}


def _trace(spans: list[Span]) -> dict[str, Any]:
    services = sorted({one.service for one in spans})
    return {
        "traceID": spans[0].trace,
        "spans": [
            {
                "traceID": one.trace,
                "spanID": one.id,
                "operationName": one.operation,
                "references": [{"refType": "FOLLOWS_FROM", "traceID": one.trace, "spanID": "zz"}]
                + ([{"refType": "CHILD_OF", "traceID": one.trace, "spanID": one.parent}] if one.parent else []),
                "startTime": round(one.start * 1e6),
                "duration": round(one.seconds * 1e6),
                "tags": [
                    {"key": "span.kind", "type": "string", "value": one.kind},
                    *([{"key": "error", "type": "bool", "value": True}] if one.failed else []),
                    *([{"key": "db.system", "type": "string", "value": one.system}] if one.system else []),
                    *([{"key": "server.address", "type": "string", "value": one.host}] if one.host else []),
                ],
                "logs": [],
                "processID": f"p{services.index(one.service)}",
                "warnings": None,
            }
            for one in spans
        ],
        "processes": {f"p{number}": {"serviceName": name, "tags": []} for number, name in enumerate(services)},
        "warnings": None,
    }


def gather(door: FakeDoor, credentials: JaegerCredentials = CREDENTIALS, scope: Scope = SCOPE) -> list[Any]:
    return list(Jaeger().gather(door, credentials, scope, WINDOW))


def test_traces_of_the_whole_window_become_edges() -> None:
    door = FakeDoor(world(Shop(every=5.0)))

    found = gather(door)

    edge = next(
        one
        for one in found
        if isinstance(one, Series) and one.query == "checkout → payments" and one.indicator == "latency_p50"
    )
    assert edge.times.size >= 10
    assert edge.values.max() == pytest.approx(2.012, abs=0.002)
    assert (
        edge.link == "http://jaeger.test/search?service=checkout&start=1795165506000000&end=1795169706000000&limit=20"
    )
    assert [one for one in found if isinstance(one, Dependency)] == [
        Dependency(Entity(EntityKind.SERVICE, "checkout"), Entity(EntityKind.SERVICE, "payments"), "jaeger"),
        Dependency(Entity(EntityKind.SERVICE, "payments"), Entity(EntityKind.DATABASE, "orders-db"), "jaeger"),
    ]
    ratio = next(
        one
        for one in found
        if isinstance(one, Series) and one.query == "checkout → payments" and one.indicator == "error_ratio"
    )
    assert (ratio.values.min(), 0.1 < ratio.values.max() < 0.5) == (0.0, True)


def test_the_window_is_asked_for_in_twenty_parts_of_thirty_traces() -> None:
    door = FakeDoor(world())
    gather(door)

    parts = [one for one in door.asked if one.path == "/api/traces"]
    assert len(parts) == 20
    assert {one.parameters["limit"] for one in parts} == {"30"}
    assert {one.parameters["service"] for one in parts} == {"checkout"}
    starts = sorted(int(one.parameters["start"]) for one in parts)
    assert starts[0] == 1795165506000000
    assert {later - sooner for sooner, later in pairwise(starts)} == {210_000_000}
    assert max(int(one.parameters["end"]) for one in parts) == 1795169706000000


def test_jaeger_s_own_graph_is_taken_where_it_touches_the_scope() -> None:
    edges = [("frontend", "checkout"), ("billing", "ledger"), ("checkout", "checkout")]
    found = gather(FakeDoor(world(edges=edges)))

    frontend = Dependency(Entity(EntityKind.SERVICE, "frontend"), Entity(EntityKind.SERVICE, "checkout"), "jaeger")
    names = {one.caller.name for one in found if isinstance(one, Dependency)}
    assert frontend in found
    assert names == {"frontend", "checkout", "payments"}


def test_names_of_traces_are_ours_again() -> None:
    credentials = JaegerCredentials(url=URL, service_names="$name-svc")
    found = gather(FakeDoor(world(Shop(suffix="-svc"))), credentials)
    assert {one.entity.name for one in found if isinstance(one, Series)} == {"checkout", "payments"}


def test_a_service_without_traces_is_told_with_those_that_have_some() -> None:
    found = gather(FakeDoor(world(Shop(suffix="-svc"))))
    assert found == [
        Gap(
            "jaeger",
            "traces of checkout",
            "no service of that name sends traces; those that do are checkout-svc, payments-svc: enter service_names",
        )
    ]


def test_answers_that_are_too_large_are_asked_for_again_with_fewer_traces() -> None:
    door = FakeDoor(world(), max_bytes=12_000)
    found = gather(door)
    assert {one.parameters["limit"] for one in door.asked if one.path == "/api/traces"} == {"30", "4"}
    assert [one for one in found if isinstance(one, Gap)] == []


def test_a_part_that_is_refused_is_a_gap_and_the_rest_is_kept() -> None:
    answers = world()

    def handler(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if "start=1795165506000000" in url:
            return 500, {}, {"data": None, "errors": [{"code": 500, "msg": "no shard available"}]}
        return answers(method, url, headers, body)

    found = gather(FakeDoor(handler))

    assert [one for one in found if isinstance(one, Gap)] == [
        Gap("jaeger", "traces of checkout", "Jaeger answered /api/traces with 500: no shard available")
    ]
    assert any(isinstance(one, Series) for one in found)


def test_it_signs_in_and_names_its_tenant() -> None:
    credentials = JaegerCredentials.model_validate({"url": f"{URL}/jaeger/", "bearer_token": "hush", "tenant": "acme"})
    door = FakeDoor(world())
    gather(door, credentials)
    assert {one.headers["authorization"] for one in door.asked} == {"Bearer hush"}
    assert {one.headers["x-tenant"] for one in door.asked} == {"acme"}
    assert {one.path for one in door.asked} == {
        "/jaeger/api/services",
        "/jaeger/api/dependencies",
        "/jaeger/api/traces",
    }
    with pytest.raises(ValidationError, match="tenant"):
        JaegerCredentials(url=URL, tenant="a b")


def test_the_check_names_who_sends_spans() -> None:
    seen = Jaeger().check(FakeDoor(world()), CREDENTIALS)
    assert (seen.works, seen.detail) == (True, "answers; 2 services send spans, among them checkout, payments")
    with pytest.raises(Rejected, match="is this address a Jaeger query service"):
        Jaeger().check(FakeDoor(lambda *_: (200, {}, {"status": "success"})), CREDENTIALS)


def test_a_conversation_lists_the_slowest_edges() -> None:
    seen = Jaeger().look(
        FakeDoor(world()), CREDENTIALS, SCOPE, WINDOW, Edges.model_validate({"service": "checkout", "minutes": 5})
    )
    assert seen.query == "30 traces of checkout of 5 minutes"
    assert seen.rows == (
        {"caller": "checkout", "callee": "payments", "calls": 30, "error_ratio": seen.rows[0]["error_ratio"], "p50_ms": 2012.0, "p95_ms": 2014.0},
        {"caller": "payments", "callee": "orders-db", "calls": 30, "error_ratio": 0.0, "p50_ms": 4.0, "p95_ms": 4.0},
    )  # fmt: skip
    assert 0.2 <= seen.rows[0]["error_ratio"] <= 0.3


def test_a_conversation_shows_slow_traces_with_their_longest_spans() -> None:
    asked = SlowTraces(service="checkout", minutes=60, least_milliseconds=1000)
    seen = Jaeger().look(FakeDoor(world()), CREDENTIALS, SCOPE, WINDOW, asked)

    assert len(seen.rows) == 5
    slowest = seen.rows[0]
    assert slowest["ms"] == 2034.0
    assert [one["operation"] for one in slowest["spans"]] == ["GET /cart", "POST", "POST /pay", "SELECT orders"]
    assert len(json.dumps(seen.rows)) < 4000
    with pytest.raises(Rejected, match="outside this incident"):
        Jaeger().look(FakeDoor(world()), CREDENTIALS, SCOPE, WINDOW, SlowTraces(service="billing"))
