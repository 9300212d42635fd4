"""Questions to Prometheus in a conversation: the builder cannot leave its bounds, and a real Prometheus takes what it builds."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from copilot.guard.http import HttpDoor
from integrations.base import Rejected, Seen
from integrations.prometheus import Prometheus, PrometheusCredentials
from integrations.prometheus.looking import POINTS, SERIES, Metric, Names, expression
from tests.integrations.prometheus_world import WINDOW, scope, shop
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from tests.servers.fixtures import StartPrometheus

pytestmark = pytest.mark.xdist_group("prometheus")
OWN = 'namespace="shop",service="payments"'


def metric(**changed: Any) -> Metric:
    return Metric.model_validate(
        {"service": "payments", "metric": "http_requests_total", "function": "rate", **changed}
    )


@pytest.mark.parametrize(
    ("asked", "query"),
    [
        (metric(), f"sum (rate(http_requests_total{{{OWN}}}[120s]))"),
        (
            metric(by=["code"], labels={"path": "/pay", "code": "503"}),
            f'sum by (code) (rate(http_requests_total{{{OWN},code="503",path="/pay"}}[120s]))',
        ),
        (metric(metric="pool_size", function="value", aggregate="max"), f"max (pool_size{{{OWN}}})"),
        (
            metric(metric="latency_seconds_bucket", function="quantile", by=["path"], quantile=0.99),
            f"histogram_quantile(0.99, sum by (le, path) (rate(latency_seconds_bucket{{{OWN}}}[120s])))",
        ),
    ],
)
def test_the_query_is_built_from_checked_words(asked: Metric, query: str) -> None:
    assert expression(OWN, asked) == query


@pytest.mark.parametrize(
    "changed",
    [
        {"metric": 'up} or vector(1) or {x="'},
        {"metric": "up\n"},
        {"metric": ""},
        {"function": "topk"},
        {"aggregate": "group_left"},
        {"by": ["a", "b", "c", "d"]},
        {"by": ["code) or (up"]},
        {"labels": {"__name__": "secret"}},
        {"labels": {"code": '503"} or up{a="'}},
        {"labels": {"code": "5..|.*\\"}},
        {"minutes": 361},
        {"minutes": 0},
        {"quantile": 2},
        {"function": "quantile"},
        {"step": 1},
        {"query": "up"},
    ],
)
def test_what_would_leave_the_bounds_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        metric(**changed)


@settings(max_examples=300, deadline=None)
@given(name=st.text(max_size=40), label=st.text(max_size=20), value=st.text(max_size=40))
def test_no_text_gets_out_of_its_place_in_the_query(name: str, label: str, value: str) -> None:
    try:
        asked = metric(metric=name, labels={label: value})
    except ValidationError:
        return
    query = expression(OWN, asked)

    assert query == f'sum (rate({name}{{{OWN},{label}="{value}"}}[120s]))'
    assert not set(name + label) & set('{}"\\()[],= ')
    assert not set(value) & set('{}"\\\n')


@pytest.fixture(scope="module")
def url(start_prometheus: StartPrometheus) -> str:
    return start_prometheus(shop())


def look(url: str, asked: Metric | Names) -> Seen:
    door = HttpDoor(deadline_seconds=PATIENCE, allowed_private=[ip_network("127.0.0.0/8")])
    credentials = PrometheusCredentials(url=url)
    return Prometheus().look(door, credentials, scope("payments", "checkout"), WINDOW, asked)


def test_a_real_prometheus_tells_how_a_metric_went(url: str) -> None:
    seen = look(url, metric(metric="hikaricp_connections_max", function="value", aggregate="max"))

    (row,) = seen.rows
    assert (row["first"], row["last"], row["min"], row["max"]) == (20.0, 5.0, 5.0, 20.0)
    assert len(row["points"]) <= 12
    assert seen.query.startswith("max (hikaricp_connections_max{")
    assert parse_qs(urlsplit(seen.link).query)["g0.expr"] == [seen.query]


def test_the_pod_names_and_not_the_question_decide_whose_metrics_are_read(url: str) -> None:
    seen = look(url, metric(by=["pod"], minutes=30))

    assert [row["labels"] for row in seen.rows] == [{"pod": "payments-7f65d78dcf-xv6cx"}]
    assert seen.rows[0]["last"] == pytest.approx(20.0, rel=0.02)


def test_metrics_of_a_service_can_be_listed(url: str) -> None:
    seen = look(url, Names(service="payments", containing="hikari"))

    assert [row["name"] for row in seen.rows] == [
        "hikaricp_connections_active",
        "hikaricp_connections_max",
        "hikaricp_connections_pending",
    ]


def test_a_service_outside_the_incident_is_refused(url: str) -> None:
    with pytest.raises(Rejected, match="'billing' is outside this incident; known are: payments, checkout"):
        look(url, metric(service="billing"))


def test_a_metric_that_is_not_there_is_told(url: str) -> None:
    seen = look(url, metric(metric="no_such_metric"))

    assert seen.rows == ()
    assert seen.note.startswith("no samples")


def test_its_bounds_are_what_they_say() -> None:
    assert (POINTS, SERIES) == (60, 10)
