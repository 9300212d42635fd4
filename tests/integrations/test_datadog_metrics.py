"""Datadog's metrics: few questions for all services, their series with limits, and its refusals in words (recorded exchanges)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from integrations.base import Health, Rejected, Scope, ServiceScope, SourceError, Unauthorised
from integrations.datadog import Datadog, DatadogCredentials
from integrations.datadog.looking import Metric, Names
from integrations.datadog.metrics import existing, spans
from scoring.observations import Entity, EntityKind, Gap, Observation, Series, Window, Worse
from tests.integrations.door import Answer, FakeDoor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ALERT = 1_795_169_106.0
WINDOW = Window(start=ALERT - 3600, end=ALERT + 600, alert_at=ALERT, alert_for=60)
URL = "http://datadog.test"
CREDENTIALS = DatadogCredentials.model_validate({"api_key": "a-key", "application_key": "app-key", "api_url": URL})
CHECKOUT = ServiceScope("Checkout API", "shop", "deployment/checkout")
PAYMENTS = ServiceScope("payments", "shop")
DATABASE = ServiceScope("orders-db", "shop")
SCOPE = Scope(service=CHECKOUT, neighbours=(PAYMENTS, DATABASE))
TRACED = ("trace.http.request", "trace.http.request.hits", "trace.http.request.errors")
TIMES = [int(ALERT - 600 + 60 * minute) * 1000 for minute in range(12)]


@dataclass
class World:
    """Answer as Datadog does: `values` by the query of a formula and the service's tag."""

    names: tuple[str, ...] = TRACED
    values: Callable[[str, str], float | None] = lambda _query, _service: None
    asked: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if "/api/v1/metrics" in url:
            return 200, {}, {"from": "1795165506", "metrics": list(self.names)}
        attributes = json.loads(body)["data"]["attributes"]
        self.asked.append(attributes)
        queries = {one["name"]: one["query"] for one in attributes["queries"]}
        rows = []
        for index, one in enumerate(attributes["formulas"]):
            query = one["formula"]
            for name, text in sorted(queries.items(), key=lambda pair: -len(pair[0])):
                query = query.replace(name, text)
            for service in ("checkout", "payments", "orders-db"):
                value = self.values(query, service)
                if value is not None:
                    rows.append((index, service, value))
        series = [
            {"group_tags": [f"service:{service}"], "query_index": index, "unit": None} for index, service, _ in rows
        ]
        values: list[list[float | None]] = [[value] * 11 + [None] for _, _, value in rows]
        answer = {"series": series, "times": TIMES, "values": values}
        return 200, {}, {"data": {"id": "0", "type": "timeseries_response", "attributes": answer}}


def gather(world: Any, credentials: DatadogCredentials = CREDENTIALS, scope: Scope = SCOPE) -> list[Observation]:
    return list(Datadog().gather(FakeDoor(world), credentials, scope, WINDOW))


def series_of(found: list[Observation]) -> dict[tuple[str, str], Series]:
    return {(one.entity.name, one.indicator): one for one in found if isinstance(one, Series)}


def test_all_services_are_asked_about_together_by_their_tag() -> None:
    door = FakeDoor(world := World())
    list(Datadog().gather(door, CREDENTIALS, SCOPE, WINDOW))

    assert [(asked.method, asked.path) for asked in door.asked] == [
        ("GET", "/api/v1/metrics"),
        ("POST", "/api/v2/query/timeseries"),
    ]
    names = "service IN (checkout,checkout_api,orders-db,payments)"
    assert door.asked[0].parameters == {"from": "1795165506", "tag_filter": names}
    assert {(asked.headers["dd-api-key"], asked.headers["dd-application-key"]) for asked in door.asked} == {
        ("a-key", "app-key")
    }
    (asked,) = world.asked
    assert (asked["from"], asked["to"], asked["interval"]) == (1795165506000, 1795169706000, 30000)
    assert [one["query"] for one in asked["queries"]][:3] == [
        f"p95:trace.http.request{{{names}}} by {{service}}",
        f"sum:trace.http.request.errors{{{names}}} by {{service}}.as_count()",
        f"sum:trace.http.request.hits{{{names}}} by {{service}}.as_count()",
    ]
    assert [one["formula"] for one in asked["formulas"]][:3] == ["query0", "default_zero(query1) / query2", "query3"]


def test_series_come_back_by_service_whatever_name_the_tag_has() -> None:
    def values(query: str, service: str) -> float | None:
        if service == "orders-db":
            return None
        return (
            0.9
            if query.startswith("p95")
            else 20.0
            if "as_rate" in query
            else 0.05
            if "default_zero" in query
            else None
        )

    found = series_of(gather(World(values=values)))

    latency = found["Checkout API", "latency_p95"]
    assert latency.entity == Entity(EntityKind.SERVICE, "Checkout API")
    assert (latency.values.tolist(), latency.unit, latency.times[0]) == ([0.9] * 11, "seconds", ALERT - 600)
    assert found["payments", "request_rate"].worse is Worse.EITHER
    assert found["payments", "error_ratio"].query.startswith("default_zero(sum:trace.http.request.errors{service IN")
    assert latency.link.startswith(
        "https://app.datadoghq.com/metric/explorer?start=1795165506000&end=1795169706000&live=false&query=p95%3Atrace"
    )


def test_containers_and_databases_have_limits_and_kinds() -> None:
    names = (
        "kubernetes.cpu.usage.total",
        "mysql.performance.threads_connected",
        "mysql.replication.seconds_behind_source",
    )
    known = {
        "sum:kubernetes.cpu.usage.total": 0.4, "sum:kubernetes.cpu.limits": 0.5, "max:mysql.performance.threads_connected": 149.0,
        "max:mysql.net.max_connections_available": 151.0, "max:mysql.replication.seconds_behind_source": 90.0,
    }  # fmt: skip

    def values(query: str, service: str) -> float | None:
        is_store = "mysql" in query
        return known[query.split("{", maxsplit=1)[0]] if is_store == (service == "orders-db") else None

    found = series_of(gather(World(names, values)))

    assert (found["payments", "cpu_usage"].limit, found["payments", "cpu_usage"].unit) == (0.5, "cores")
    connections = found["orders-db", "connections"]
    assert (connections.entity.kind, connections.values[-1], connections.limit) == (EntityKind.DATABASE, 149.0, 151.0)
    assert found["orders-db", "replication_lag"].unit == "seconds"


def test_what_services_answer_by_is_told_from_what_they_call() -> None:
    names = ["trace.servlet.request.hits", "trace.postgres.query.hits", "trace.redis.command.hits", "trace.grpc.client.hits",
             "trace.grpc.server.hits", "trace.spring.handler.hits", "trace.http.request.hits.by_http_status"]  # fmt: skip

    assert spans(names) == ["grpc.server", "servlet.request", "spring.handler"]


def test_only_metrics_that_there_are_get_asked_for() -> None:
    assert list(existing(frozenset({"system.load.1", "trace.postgres.query.hits"}))) == []
    assert [one.name for one in existing(frozenset(TRACED[1:2]))] == ["request_rate"]


def test_a_service_without_traces_is_a_gap_that_says_what_was_tried() -> None:
    gaps = [one for one in gather(World(names=())) if isinstance(one, Gap)]

    assert [one.question for one in gaps] == [
        f"golden signals of {name}" for name in ("Checkout API", "payments", "orders-db")
    ]
    assert gaps[0].reason.startswith("no trace metrics found for service:checkout_api or service:checkout;")


def test_the_environment_narrows_every_question() -> None:
    door = FakeDoor(World())
    narrowed = DatadogCredentials.model_validate(
        {"api_key": "a", "application_key": "b", "api_url": URL, "env": "prod", "service_tag": "kube_deployment"}
    )

    list(Datadog().gather(door, narrowed, Scope(service=PAYMENTS), WINDOW))

    assert door.asked[0].parameters["tag_filter"] == "env:prod AND kube_deployment IN (payments)"


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        ((403, {}, {"errors": ["Forbidden"]}), Unauthorised, "403: Forbidden; check how this connection signs in"),
        (
            (429, {"x-ratelimit-limit": "100", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "42"}, {"errors": ["Rate limit of 100 requests in 3600 seconds reached."]}),
            SourceError,
            "Rate limit of 100 requests in 3600 seconds reached.; it opens in 42 s",
        ),
        ((200, {}, {"hello": "world"}), Rejected, "is this address Datadog's?"),
    ],
)  # fmt: skip
def test_its_refusals_are_told_in_words(answer: Answer, error: type[SourceError], words: str) -> None:
    with pytest.raises(error) as caught:
        gather(lambda *_: answer)

    assert words in caught.value.reason
    assert "a-key" not in caught.value.reason


def test_a_refused_query_leaves_what_the_others_said() -> None:
    world = World(names=(*TRACED, "kubernetes.memory.usage", "jvm.thread_count", "kafka.consumer_lag", "mysql.performance.slow_queries",
                         "redis.mem.used", "redis.net.clients", "kubernetes.cpu.usage.total"),
                  values=lambda query, _: 0.2 if query.startswith("p95") else None)  # fmt: skip

    def second_fails(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if method == "POST" and world.asked:
            return 400, {}, {"errors": ["Error parsing query"]}
        return world(method, url, headers, body)

    found = gather(second_fails)

    assert ("payments", "latency_p95") in series_of(found)
    assert "Error parsing query" in next(
        one.reason for one in found if isinstance(one, Gap) and "golden" not in one.question
    )


def test_without_keys_it_only_receives() -> None:
    only = DatadogCredentials.model_validate({"token": "t"})

    assert not Datadog().asks(only)
    assert Datadog().asks(CREDENTIALS)
    assert Datadog().check(FakeDoor(World()), only) == Health(
        works=None, detail="without an API key and an application key it is asked nothing"
    )


def test_the_check_counts_metrics_with_the_tag() -> None:
    assert Datadog().check(FakeDoor(World()), CREDENTIALS).detail == "answers queries; metrics with service:*: 3"
    assert "check the tag" in Datadog().check(FakeDoor(World(names=())), CREDENTIALS).detail


@pytest.mark.parametrize(
    ("site", "api", "application"),
    [
        ("datadoghq.com", "https://api.datadoghq.com", "https://app.datadoghq.com"),
        ("datadoghq.eu", "https://api.datadoghq.eu", "https://app.datadoghq.eu"),
        ("us5.datadoghq.com", "https://api.us5.datadoghq.com", "https://us5.datadoghq.com"),
    ],
)
def test_each_site_has_its_addresses(site: str, api: str, application: str) -> None:
    one = DatadogCredentials(site=site)

    assert (one.address, one.application) == (api, application)


@pytest.mark.parametrize("entered", [{"site": "https://evil.example/"}, {"service_tag": "a b"}, {"api_url": "ftp://x"}])
def test_mistakes_in_the_form_are_refused(entered: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        DatadogCredentials.model_validate(entered)


def test_a_conversation_may_read_one_metric_of_one_service() -> None:
    world = World(values=lambda _, service: 3.0 if service == "payments" else None)
    asked = Metric(
        service="payments", metric="trace.http.request.hits", aggregate="sum", function="as_rate", by=["env"]
    )

    seen = Datadog().look(FakeDoor(world), CREDENTIALS, SCOPE, WINDOW, asked)

    assert seen.query == "sum:trace.http.request.hits{service IN (payments)} by {env}.as_rate()"
    assert [(row["min"], row["max"], row["last"]) for row in seen.rows] == [(3.0, 3.0, 3.0)]
    names = Datadog().look(FakeDoor(world), CREDENTIALS, SCOPE, WINDOW, Names(service="payments", containing="hits"))
    assert names.rows == ({"name": "trace.http.request.hits"},)
    with pytest.raises(Rejected, match="outside this incident"):
        Datadog().look(FakeDoor(world), CREDENTIALS, SCOPE, WINDOW, Names(service="ledger"))


@pytest.mark.parametrize("metric", ["a{*} by {host}", "avg:a", "1a", ""])
def test_no_text_gets_out_of_its_place_in_the_query(metric: str) -> None:
    with pytest.raises(ValidationError):
        Metric(service="payments", metric=metric)
