"""Prometheus through a stand-in door: few requests, typed errors, gaps instead of failures."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from integrations.base import Rejected, Scope, ServiceScope, SourceError, TimedOut, TooLarge, Unauthorised, Unreachable
from integrations.prometheus import Prometheus, PrometheusCredentials
from integrations.prometheus.api import Api
from integrations.prometheus.gathering import step_of
from integrations.prometheus.pack import builtin
from integrations.prometheus.questions import MAX_ENCODED, batches, prepare
from integrations.prometheus.subjects import Subject, bare_selector
from scoring.observations import Entity, EntityKind, Gap, Observation, Series, Window
from tests.integrations.door import Answer, FakeDoor, unreachable

URL = "http://prometheus.test:9090"
WINDOW = Window(start=1_780_000_200.0, end=1_780_003_800.0, alert_at=1_780_003_500.0)
CHECKOUT = ServiceScope(name="checkout", namespace="shop", workload="checkout", selector='job="checkout"')
RANGE = "/api/v1/query_range"
CREDENTIALS = PrometheusCredentials(url=URL)

Value = Callable[[str], list[dict[str, object]]]


def series(labels: Mapping[str, str], *values: str) -> dict[str, object]:
    return {
        "metric": dict(labels),
        "values": [[1_780_000_200 + 30 * number, value] for number, value in enumerate(values)],
    }


def success(data: object, **more: object) -> Answer:
    return 200, {}, {"status": "success", "data": data, **more}


def failure(status: int, kind: str, error: str) -> Answer:
    return status, {}, {"status": "error", "errorType": kind, "error": error}


class Server:
    """Answer as Prometheus does: `values` is asked for each question inside a combined query."""

    def __init__(self, names: list[str], values: Value, *, more: Mapping[str, object] | None = None) -> None:
        self.names, self.values, self.more = names, values, dict(more or {})
        self.queries: list[str] = []

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        parts = urlsplit(url)
        if parts.path.endswith("/label/__name__/values"):
            return success(self.names)
        query = parse_qs(parts.query)["query"][0]
        self.queries.append(query)
        rows = []
        for number, one in enumerate(split(query)):
            rows += [{**row, "metric": {**row["metric"], "copilot_question": str(number)}} for row in self.values(one)]  # type: ignore[dict-item]
        return success({"resultType": "matrix", "result": rows} if parts.path == RANGE else rows, **self.more)


def split(query: str) -> list[str]:
    return [
        part
        for part in re.split(r'(?: or )?label_replace\((.*?), "copilot_question", "\d+", "", ""\)', query)
        if part.strip()
    ]


def gather(
    door: FakeDoor, *services: ServiceScope, credentials: PrometheusCredentials = CREDENTIALS
) -> list[Observation]:
    scope = Scope(service=services[0] if services else CHECKOUT, neighbours=services[1:])
    return list(Prometheus().gather(door, credentials, scope, WINDOW))


def only(observations: list[Observation], kind: type) -> list[Observation]:
    return [one for one in observations if isinstance(one, kind)]


def test_it_turns_a_matrix_into_series_with_query_unit_and_link() -> None:
    server = Server(
        ["http_requests_total"],
        lambda query: [series({}, "1", "2.5")] if query.startswith("sum(rate(http_requests") else [],
    )
    credentials = PrometheusCredentials(url=URL, external_url="https://metrics.example.org/")

    found = only(gather(FakeDoor(server), credentials=credentials), Series)

    assert len(found) == 1
    (rate,) = found
    assert isinstance(rate, Series)
    assert rate.entity == Entity(EntityKind.SERVICE, "checkout")
    assert (rate.indicator, rate.unit, rate.worse, rate.source) == (
        "request_rate",
        "requests/s",
        "either",
        "prometheus",
    )
    assert rate.times.tolist() == [1_780_000_200.0, 1_780_000_230.0]
    assert rate.values.tolist() == [1.0, 2.5]
    assert rate.query == 'sum(rate(http_requests_total{job="checkout"}[120s]))'
    assert rate.link == (
        "https://metrics.example.org/graph?g0.expr=sum%28rate%28http_requests_total%7Bjob%3D%22checkout%22%7D%5B120s%5D%29%29"
        "&g0.tab=0&g0.range_input=60m&g0.end_input=2026-05-28%2021%3A30%3A00"
    )


def test_samples_that_are_no_number_are_left_out_and_a_series_of_nothing_else_is_none() -> None:
    def values(query: str) -> list[dict[str, object]]:
        if query.startswith("sum(rate(http_requests"):
            return [series({}, "NaN", "1", "+Inf", "2", "-Inf")]
        return [series({}, "NaN", "+Inf")] if query.startswith("(sum(") else []

    found = only(gather(FakeDoor(Server(["http_requests_total"], values))), Series)

    assert [(one.indicator, one.values.tolist()) for one in found if isinstance(one, Series)] == [
        ("request_rate", [1.0, 2.0])
    ]
    assert [one.times.tolist() for one in found if isinstance(one, Series)] == [[1_780_000_230.0, 1_780_000_290.0]]


def test_the_first_alternative_with_data_wins_and_its_limit_is_filled_in() -> None:
    names = ["go_sql_in_use_connections", "go_sql_max_open_connections", "hikaricp_connections_active"]

    def values(query: str) -> list[dict[str, object]]:
        answers = {
            'sum(go_sql_in_use_connections{job="checkout"})': "7",
            'sum(go_sql_max_open_connections{job="checkout"} > 0)': "10",
        }
        return [series({}, answers[query])] if query in answers else []

    found = only(gather(FakeDoor(Server(names, values))), Series)

    assert [(one.indicator, one.values.tolist(), one.limit) for one in found if isinstance(one, Series)] == [
        ("connections", [7.0], 10.0)
    ]


def test_a_service_without_golden_signals_is_told_once() -> None:
    gaps = only(gather(FakeDoor(Server([], lambda _: [])), CHECKOUT, ServiceScope(name="cart")), Gap)

    assert [(gap.question) for gap in gaps if isinstance(gap, Gap)] == [
        "golden signals of checkout",
        "golden signals of cart",
    ]
    first = gaps[0]
    assert isinstance(first, Gap)
    assert first.reason.startswith(
        'no latency, error or traffic metric found for checkout; tried `job="checkout"` on http_server_request'
    )


def test_one_bad_query_does_not_lose_the_others() -> None:
    own = '- {name: carts, unit: count, queries: ["bad{$service} +"]}'
    names = ["http_requests_total", "bad"]
    good = Server(names, lambda query: [series({}, "3")] if query.startswith("sum(rate(http_requests") else [])

    def handler(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if "bad%7B" in url:
            return failure(400, "bad_data", "1:40: parse error: unexpected end of input")
        return good(method, url, headers, body)

    found = gather(FakeDoor(handler), credentials=PrometheusCredentials(url=URL, queries=own))

    assert [one.values.tolist() for one in found if isinstance(one, Series)] == [[3.0]]
    assert [(one.question, one.reason) for one in found if isinstance(one, Gap)] == [
        ("carts of checkout", "Prometheus answered 400: bad_data: 1:40: parse error: unexpected end of input")
    ]


def test_smaller_questions_are_tried_only_so_often_where_every_answer_is_too_large() -> None:
    names = ["http_requests_total", "http_request_duration_seconds_bucket", "http_request_duration_seconds_count"]
    server = Server(names, lambda _: [])

    def handler(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if "query_range" in url and "label_replace" in url:
            raise TooLarge("prom.test answered with more than 16 MiB", retryable=False)
        return server(method, url, headers, body)

    services = [ServiceScope(f"shop-{number}", selector=f'job="shop-{number}"') for number in range(12)]
    door = FakeDoor(handler)

    with pytest.raises(TooLarge):
        gather(door, *services)

    assert len([asked for asked in door.asked if "query_range" in asked.path]) <= 16


def test_a_list_of_names_that_is_too_large_ends_the_asking() -> None:
    def handler(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        raise TooLarge("prom.test answered with more than 16 MiB", retryable=False)

    door = FakeDoor(handler)
    with pytest.raises(TooLarge):
        gather(door, CHECKOUT)

    assert len(door.asked) == 1


def test_a_tenants_query_without_braces_is_asked_even_though_its_metrics_are_unknown() -> None:
    own = "- {name: carts, unit: count, worse: low, queries: ['carts_open']}"
    server = Server([], lambda query: [series({}, "3")] if query == "carts_open" else [])

    found = only(gather(FakeDoor(server), credentials=PrometheusCredentials(url=URL, queries=own)), Series)

    assert [(one.indicator, one.worse) for one in found if isinstance(one, Series)] == [("carts", "low")]


def test_peers_become_edges_and_the_caller_is_no_peer_of_itself() -> None:
    def values(query: str) -> list[dict[str, object]]:
        if "http_client_request_duration_seconds_bucket" not in query:
            return []
        return [
            series({"server_address": "payments.shop.svc.cluster.local"}, "0.1"),
            series({"server_address": "api.stripe.com:443"}, "0.3"),
            series({"server_address": "checkout"}, "0.2"),
            series({}, "0.5"),
        ]

    names = ["http_client_request_duration_seconds_bucket"]
    found = gather(FakeDoor(Server(names, values)), CHECKOUT, ServiceScope("payments", "shop", selector='job="p"'))

    own = [one for one in found if isinstance(one, Series) and one.entity.name == "checkout"]
    assert [(one.peer, one.values.tolist()) for one in own] == [
        (Entity(EntityKind.EXTERNAL, "api.stripe.com"), [0.3]),
        (Entity(EntityKind.SERVICE, "payments"), [0.1]),
    ]


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (failure(401, "", "no token"), Unauthorised, "answered 401: no token; check the token"),
        ((403, {}, "forbidden by proxy"), Unauthorised, "answered 403: forbidden by proxy"),
        (failure(422, "execution", "many-to-many matching not allowed"), Rejected, "422: execution: many-to-many"),
        (
            failure(422, "execution", "query processing would load too many samples into memory"),
            TooLarge,
            "too many samples",
        ),
        (failure(503, "timeout", "query timed out in expression evaluation"), TimedOut, "timeout: query timed out"),
        ((503, {}, "Service Unavailable"), Unreachable, "answered 503: Service Unavailable"),
        ((429, {}, "slow down"), SourceError, "answered 429: slow down"),
        ((302, {"Location": "http://elsewhere.test/"}, ""), Rejected, "redirect"),
        ((200, {}, "<html>a login page</html>"), Rejected, "something else than JSON"),
        ((200, {}, {"status": "success", "data": {"result": "?"}}), Rejected, "not a list of series"),
        ((200, {}, {"status": "success"}), Rejected, "unknown shape"),
    ],
)
def test_failures_are_typed_and_speak_prometheus_own_words(answer: Answer, kind: type[SourceError], words: str) -> None:
    def handler(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        assert "elsewhere" not in url
        return answer

    with Api(FakeDoor(handler), CREDENTIALS) as api, pytest.raises(SourceError) as caught:
        api.range("up", start=0, end=60, step=30)

    assert type(caught.value) is kind
    assert words in caught.value.reason


def test_when_nothing_can_be_asked_the_gathering_fails() -> None:
    with pytest.raises(Unreachable, match=r"no connection to prometheus\.test"):
        gather(FakeDoor(unreachable))
    with pytest.raises(Unauthorised, match="check the token"):
        gather(FakeDoor(lambda *_: failure(401, "", "who are you?")))
    with pytest.raises(TimedOut):
        gather(FakeDoor(Server([], lambda _: []), seconds=0.0))


def test_past_the_deadline_the_rest_is_missing_and_what_came_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.prometheus.questions.SIDE_BY_SIDE", 1)
    names = [metric for metric in builtin().metrics() if "kafka" not in metric]
    server = Server(names, lambda query: [series({}, "3")] if query.startswith("sum(rate(http_requests") else [])
    door = FakeDoor(server, seconds=5.0, cost=0.9)

    found = gather(door)

    assert [one.indicator for one in found if isinstance(one, Series)] == ["request_rate"]
    reasons = {one.reason for one in found if isinstance(one, Gap)}
    assert reasons == {
        "prometheus.test:9090 did not answer before the deadline",
        "prometheus.test:9090 could not be asked before the deadline",
    }


def test_an_answer_over_the_size_cap_is_halved_until_it_fits() -> None:
    def values(query: str) -> list[dict[str, object]]:
        return [series({}, *["1.0"] * 40)]

    names = ["http_requests_total", "go_goroutines", "process_cpu_seconds_total", "process_resident_memory_bytes"]
    door = FakeDoor(Server(names, values), max_bytes=2100)

    found = gather(door)

    assert {one.indicator for one in found if isinstance(one, Series)} >= {
        "request_rate",
        "threads",
        "cpu_usage",
        "memory_usage",
    }
    assert not [one for one in found if isinstance(one, Gap)]


def test_without_a_list_of_metrics_every_convention_is_asked_for() -> None:
    good = Server([], lambda query: [series({}, "3")] if query.startswith("sum(rate(http_requests") else [])

    def handler(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        return (404, {}, "no such page") if "__name__/values" in url else good(method, url, headers, body)

    found = gather(FakeDoor(handler))

    assert [one.indicator for one in found if isinstance(one, Series)] == ["request_rate"]
    assert [one.question for one in found if isinstance(one, Gap)] == ["which metrics exist"]


def test_warnings_are_told() -> None:
    server = Server([], lambda _: [], more={"warnings": ["store gateway 2 is down"]})

    gaps = [one for one in gather(FakeDoor(server), ServiceScope("cart", selector='job="c"')) if isinstance(one, Gap)]

    assert not [gap for gap in gaps if gap.question == "completeness of the answers"]
    server.names = ["http_requests_total"]
    gaps = [one for one in gather(FakeDoor(server), ServiceScope("cart", selector='job="c"')) if isinstance(one, Gap)]
    assert [gap.reason for gap in gaps if gap.question == "completeness of the answers"] == ["store gateway 2 is down"]


def test_credentials_go_with_every_request_and_every_session_is_closed() -> None:
    server = Server(["http_requests_total"], lambda _: [])
    token = FakeDoor(server)
    gather(token, credentials=PrometheusCredentials(url=URL, bearer_token="t0ken"))
    basic = FakeDoor(server)
    gather(basic, credentials=PrometheusCredentials(url=URL, username="u", password="p"))

    assert {asked.headers["authorization"] for asked in token.asked} == {"Bearer t0ken"}
    assert {asked.headers["authorization"] for asked in basic.asked} == {"Basic dTpw"}
    assert token.closed > 0


def test_six_services_with_every_convention_take_few_requests_none_too_long() -> None:
    services = tuple(ServiceScope(name, "shop", name, selector=f'job="{name}"') for name in "abcdef")
    server = Server(list(builtin().metrics()), lambda _: [])
    door = FakeDoor(server)

    gather(door, *services)

    assert len(door.asked) <= 200
    assert max(len(asked.url) for asked in door.asked) < 8192


def test_batches_keep_every_question_once_and_in_order() -> None:
    subjects = tuple(Subject(ServiceScope(name, "shop", name), matchers=f'job="{name}"') for name in "abc")
    questions = prepare(builtin(), subjects, None, {"rate": "120s", "step": "30s", "window": "3600s"})

    together = list(batches(questions))

    assert [question for batch in together for question in batch] == questions
    assert all(sum(len(question.query) for question in batch) <= MAX_ENCODED or len(batch) == 1 for batch in together)


@pytest.mark.parametrize(
    ("minutes", "wanted", "step"),
    [(60, None, 30), (65, None, 30), (240, None, 60), (1440, None, 360), (60, 15, 15), (1440, 5, 90)],
)
def test_the_step_keeps_some_240_points(minutes: int, wanted: int | None, step: int) -> None:
    assert step_of(Window(start=0, end=minutes * 60, alert_at=0), wanted) == step


@pytest.mark.parametrize("selector", ['job="checkout"', '{job="checkout"}', ' { job="checkout", } '])
def test_a_selector_may_be_written_with_or_without_braces(selector: str) -> None:
    assert bare_selector(selector).replace(" ", "") == 'job="checkout"'


def test_check_says_what_it_saw() -> None:
    def handler(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if url.endswith("/-/ready"):
            return 200, {}, "Prometheus Server is Ready."
        return success({"resultType": "vector", "result": [{"metric": {}, "value": [1, "12"]}]})

    assert Prometheus().check(FakeDoor(handler), CREDENTIALS).detail == "answers queries; 12 scrape targets are up"
    with pytest.raises(Unreachable, match="503"):
        Prometheus().check(FakeDoor(lambda *_: (503, {}, "Service Unavailable")), CREDENTIALS)


def test_values_are_arrays_of_float64() -> None:
    server = Server(
        ["http_requests_total"], lambda query: [series({}, "1")] if query.startswith("sum(rate(http_requests") else []
    )

    (found,) = only(gather(FakeDoor(server)), Series)

    assert isinstance(found, Series)
    assert found.times.dtype == found.values.dtype == np.float64
