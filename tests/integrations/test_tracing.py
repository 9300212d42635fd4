"""Spans become edges: who waited for whom, for how long, and what does not count as a call."""

from __future__ import annotations

from dataclasses import replace

import pytest

from integrations.base import ServiceScope
from integrations.tracing.edges import Edge
from integrations.tracing.names import USUAL, Names, templates
from integrations.tracing.spans import Span, calls, observed
from scoring.detect import detect
from scoring.observations import Dependency, Entity, EntityKind, Series, Worse
from tests.integrations.traces_world import ALERT, BROKEN_SINCE, CHECKOUT, PAYMENTS, WINDOW, Shop

SHOP = Names.of((CHECKOUT, PAYMENTS), {"checkout", "payments"}, USUAL)
CHECKOUT_ENTITY = Entity(EntityKind.SERVICE, "checkout")
PAYMENTS_ENTITY = Entity(EntityKind.SERVICE, "payments")
DATABASE = Entity(EntityKind.DATABASE, "orders-db")


def span(id: str, parent: str, service: str, kind: str, seconds: float = 0.1, **more: str | bool) -> Span:  # noqa: A002
    return replace(Span("t", id, parent, service, "work", kind, ALERT, seconds), **more)  # type: ignore[arg-type]


def edges(*spans: Span) -> dict[str, list[float]]:
    found = calls(spans, SHOP)
    return {str(edge): [one.seconds for one in made] for edge, made in found.by_edge.items()}


def test_a_caller_s_own_span_says_how_long_it_waited_and_the_rest_was_on_the_network() -> None:
    found = calls(Shop().trace(0, ALERT - 3000), SHOP)

    assert {str(edge): made[0].seconds for edge, made in found.by_edge.items()} == {
        "calls to checkout": pytest.approx(0.08),
        "calls to payments": pytest.approx(0.05),
        "checkout → payments": pytest.approx(0.06),
        "payments → orders-db": pytest.approx(0.004),
    }
    (gap,) = found.gaps[Edge(PAYMENTS_ENTITY)]
    assert gap.seconds == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        pytest.param(
            (span("a", "", "checkout", "server"), span("b", "a", "payments", "server", 0.2)),
            {"calls to checkout": [0.1], "calls to payments": [0.2], "checkout → payments": [0.2]},
            id="without a client's span the callee's own time counts",
        ),
        pytest.param(
            (span("a", "", "checkout", "producer", peer="orders"), span("b", "a", "payments", "consumer")),
            {"calls to checkout": [0.1], "calls to payments": [0.1], "checkout → orders": [0.1]},
            id="who takes a message is not waited for",
        ),
        pytest.param(
            (
                span("a", "", "checkout", "client", 0.3, host="api.bank.example.com:443"),
                span("b", "a", "checkout", "client", 0.2, host="api.bank.example.com"),
            ),
            {"calls to checkout": [0.3], "checkout → api.bank.example.com": [0.2]},
            id="a client around another makes one call",
        ),
        pytest.param(
            (span("a", "gone", "payments", "server"), span("b", "a", "payments", "internal")),
            {"calls to payments": [0.1]},
            id="a parent that was not kept is no caller, and work inside no call",
        ),
        pytest.param(
            (span("a", "", "checkout", "client", host="10.1.2.3"), span("b", "a", "checkout", "client", host="::1")),
            {"calls to checkout": [0.1]},
            id="a bare address is nobody's name",
        ),
        pytest.param(
            (span("a", "", "checkout", "client", host="10.1.2.3", system="redis"),),
            {"calls to checkout": [0.1], "checkout → redis": [0.1]},
            id="a store without a name is what it is",
        ),
        pytest.param(
            (span("a", "", "checkout", "client", host="payments.shop.svc:8080"),) * 2,
            {"calls to checkout": [0.1], "checkout → payments": [0.1]},
            id="a span that came twice counts once",
        ),
    ],
)
def test_what_is_a_call(spans: tuple[Span, ...], expected: dict[str, list[float]]) -> None:
    assert edges(*spans) == expected


def test_calls_become_series_of_edges_and_dependencies() -> None:
    found = list(observed(calls(Shop().spans(WINDOW.start, WINDOW.end), SHOP), source="jaeger", link="https://link"))

    assert [one for one in found if isinstance(one, Dependency)] == [
        Dependency(CHECKOUT_ENTITY, PAYMENTS_ENTITY, "jaeger"),
        Dependency(PAYMENTS_ENTITY, DATABASE, "jaeger"),
    ]
    series = [one for one in found if isinstance(one, Series)]
    assert {(one.query, one.indicator, one.unit) for one in series} == {
        (edge, indicator, unit)
        for edge in ("calls to checkout", "calls to payments", "checkout → payments", "payments → orders-db")
        for indicator, unit in (("latency_p50", "seconds"), ("error_ratio", "ratio"))
    } | {("calls to payments", "network_gap", "seconds")}
    edge = next(one for one in series if one.query == "checkout → payments" and one.indicator == "latency_p50")
    assert (edge.entity, edge.peer, edge.worse, edge.source, edge.link) == (
        CHECKOUT_ENTITY, PAYMENTS_ENTITY, Worse.HIGH, "jaeger", "https://link",
    )  # fmt: skip
    # A call every ten seconds: minutes are the shortest time with enough of them.
    assert set((edge.times % 60).tolist()) == {0.0}
    assert edge.counts is not None
    assert set(edge.counts[1:-1].tolist()) == {6.0}
    assert edge.values[0] == pytest.approx(0.062, abs=0.001)
    assert edge.values[-2] == pytest.approx(2.012, abs=0.001)


def test_percentiles_need_twenty_calls() -> None:
    found = observed(calls(Shop(every=1.0).spans(WINDOW.start, WINDOW.end), SHOP), source="jaeger")
    assert "latency_p95" in {one.indicator for one in found if isinstance(one, Series)}


def test_scoring_blames_the_callee_whose_calls_became_slow() -> None:
    observations = list(observed(calls(Shop().spans(WINDOW.start, WINDOW.end), SHOP), source="jaeger"))

    detection = detect(observations, WINDOW, subject=CHECKOUT_ENTITY)

    slow = next(one for one in detection.evidence if one.peer == PAYMENTS_ENTITY and one.indicator == "latency_p50")
    assert slow.statement == "checkout median latency to payments 2 s, was 62 ms (×32)"
    assert slow.direction == "for"
    assert slow.severity > 0.5
    assert slow.onset == pytest.approx(BROKEN_SINCE, abs=60)
    assert not [one for one in detection.evidence if one.peer == DATABASE and one.direction == "for"]


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"payments"}, "payments"),
        ({"payments.shop", "payments.staging"}, "payments.shop"),
        ({"shop/payments"}, "shop/payments"),
        ({"Payments"}, "Payments"),
        ({"payments-worker", "mypayments"}, None),
    ],
)
def test_a_service_is_found_under_the_usual_names(known: set[str], expected: str | None) -> None:
    assert Names.of((PAYMENTS,), known, templates("")).written.get("payments") == expected


def test_ways_of_one_s_own_take_the_place_of_the_usual_ones() -> None:
    ways = templates("$namespace-$name-svc, $workload.api")
    service = ServiceScope(name="pay", namespace="shop", workload="deployment/payments")
    names = Names.of((service,), {"pay", "payments.api", "shop-pay-svc"}, ways)
    assert names.written == {"pay": "shop-pay-svc"}
    assert names.service("shop-pay-svc") == Entity(EntityKind.SERVICE, "pay")
    assert names.service("billing") == Entity(EntityKind.SERVICE, "billing")
