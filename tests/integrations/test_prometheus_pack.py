"""The query pack: what comes with the product is sound, and a tenant's mistakes are named by entry and field."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from integrations.prometheus import PrometheusCredentials
from integrations.prometheus.pack import BadPack, builtin, metrics_of, parse

STANDARD_WORDS = {
    "latency_p50", "latency_p95", "latency_p99", "error_ratio", "request_rate", "cpu_usage", "cpu_utilisation", "cpu_throttling",
    "memory_usage", "memory_utilisation", "disk_utilisation", "disk_io", "network_in", "network_out", "network_errors", "restarts",
    "replicas_unavailable", "ready", "connections", "connection_wait", "pool_utilisation", "threads", "queue_depth", "saturation",
    "node_ready", "node_memory_available", "node_disk_available",
}  # fmt: skip
OF_STORES = {
    "refused_connections", "lock_waits", "exclusive_locks", "deadlocks", "query_time", "slow_queries", "running_queries",
    "longest_transaction", "blocked_clients", "replication_lag", "replication_running", "evictions", "cache_hit_ratio",
}  # fmt: skip


def test_the_built_in_pack_speaks_in_standard_words_and_covers_them_all() -> None:
    names = {indicator.name for indicator in builtin().indicators}

    assert names == STANDARD_WORDS | OF_STORES | {"oom_kills"}
    assert [one.key for one in builtin().indicators if one.golden] == [
        "latency_p95",
        "error_ratio",
        "request_rate",
        "store_request_rate",
    ]


def test_it_knows_which_metrics_a_query_reads() -> None:
    query = 'histogram_quantile(0.95, sum by (le) (rate(a_bucket{$service}[$rate]))) / on (pod) b{} and {x="y"}'

    assert metrics_of(query) == ("a_bucket", "b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- {name: [", "the query pack is not YAML: line 1: "),
        ("just words", "the query pack must be a list of indicators"),
        ("- {unit: seconds, queries: [up]}", "indicator 1 (without a name): name: Field required"),
        (
            "- {name: wait, unit: minutes, queries: [up]}",
            "indicator 1 (wait): unit: Input should be 'seconds', 'ratio'",
        ),
        (
            "- {name: wait, unit: seconds, queries: []}",
            "indicator 1 (wait): queries: Tuple should have at least 1 item",
        ),
        ("- {name: Wait!, unit: seconds, queries: [up]}", "indicator 1 (Wait!): name: String should match pattern"),
        ("- {name: wait, unit: seconds, queries: ['x{$servce}']}", "queries 1: unknown placeholder $servce; known are"),
        ("- {name: wait, unit: seconds, queries: ['x{a=~\"b$\"}']}", "write $$ for a literal dollar sign"),
        ("- {name: wait, unit: seconds, query: up}", "indicator 1 (wait): queries: Field required"),
        ("- {name: wait, unit: seconds, of: node, queries: [up]}", "must name the labels that hold the node's name"),
        ("- {name: a, unit: count, queries: [up]}\n- {name: a, unit: count, queries: [up]}", "a stands twice"),
        ("- {name: cpu_usage, unit: ratio, queries: [up]}", "unit: is 'ratio', but the built-in entry has 'cores'"),
    ],
)
def test_it_names_the_entry_and_the_field_of_a_mistake(text: str, message: str) -> None:
    with pytest.raises(BadPack) as caught:
        builtin().extended(parse(text))

    assert message in str(caught.value)


def test_a_bad_pack_is_refused_when_the_connection_is_entered() -> None:
    with pytest.raises(ValidationError, match="unknown placeholder"):
        PrometheusCredentials(url="http://p.test", queries="- {name: wait, unit: seconds, queries: ['x{$servce}']}")


def test_a_tenants_queries_are_tried_before_the_built_in_ones_and_new_indicators_are_added() -> None:
    own = parse(
        "- {name: error_ratio, unit: ratio, queries: ['own{$service}']}\n- {name: carts, unit: count, queries: ['c{$service}']}"
    )

    pack = builtin().extended(own)

    by_key = {one.key: one for one in pack.indicators}
    built_in = {one.key: one for one in builtin().indicators}
    assert by_key["error_ratio"].queries == ("own{$service}", *built_in["error_ratio"].queries)
    assert by_key["error_ratio"].golden == "error"
    assert [one.key for one in pack.indicators][-1] == "carts"
    assert len(pack.indicators) == len(builtin().indicators) + 1


@pytest.mark.parametrize("url", ["", "prometheus:9090", "ftp://p.test", "http://user:secret@p.test"])
def test_it_refuses_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ValidationError, match="url"):
        PrometheusCredentials(url=url)


def test_it_refuses_two_ways_to_sign_in_and_keeps_secrets_out_of_the_error() -> None:
    with pytest.raises(ValidationError) as caught:
        PrometheusCredentials(url="http://p.test", bearer_token="s3cret-token", username="u", password="s3cret-word")

    assert "give one of the two" in str(caught.value)
    assert "s3cret" not in str(caught.value)
