"""A recorded case becomes what live sources would have said; the files that are there decide, and the answer stays shut."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from integrations import recorded
from integrations.recorded import metrics
from integrations.recorded.columns import meaning
from integrations.recorded.files import Folder, Forbidden, Table
from scoring.observations import (
    Change,
    ChangeKind,
    Dependency,
    Entity,
    EntityKind,
    LogPattern,
    Note,
    Series,
    State,
    Worse,
)
from tests.recorded_world import FAULT_AT, metric_rows, shop_case, write_case, write_json, write_lines, write_rows


def series_of(case: recorded.RecordedCase, name: str, indicator: str) -> Series:
    return next(
        one
        for one in case.observations
        if isinstance(one, Series) and (one.entity.name, one.indicator) == (name, indicator)
    )


def test_it_tells_metrics_in_standard_words_and_units(tmp_path: Path) -> None:
    case = recorded.read(shop_case(tmp_path / "set"))
    cpu = series_of(case, "cart", "cpu_usage")
    assert (cpu.unit, cpu.values[0], cpu.query) == ("cores", pytest.approx(0.196), "cart__cpu_m")
    memory = series_of(case, "cart", "memory_usage")
    assert memory.values[5] == pytest.approx(300 * 2**20, rel=0.03)
    latency = series_of(case, "web", "latency_p95")
    assert (latency.unit, latency.worse) == ("seconds", Worse.HIGH)


def test_a_share_of_success_becomes_a_share_of_errors(tmp_path: Path) -> None:
    folder = write_case(tmp_path / "set")
    write_rows(
        folder,
        "metrics.csv.gz",
        metric_rows({"web__availability_Average": (98.0, 49.0), "web__requests_Sum": (9.0, 9.0)}),
    )
    errors = series_of(recorded.read(folder), "web", "error_ratio")
    assert errors.values[2] == pytest.approx(1 - 0.98, abs=0.03)
    assert errors.values[-1] == pytest.approx(0.51, abs=0.03)


def test_what_nobody_asked_for_has_no_latency(tmp_path: Path) -> None:
    folder = write_case(tmp_path / "set")
    rows = metric_rows({"web__lat_p95": (0.2, 0.2), "web__rps": (5.0, 5.0)})
    rows[7]["web__rps"] = 0.0
    write_rows(folder, "metrics.csv.gz", rows)
    assert len(series_of(recorded.read(folder), "web", "latency_p95").times) == len(rows) - 1


def test_the_window_spans_the_metrics_and_the_alert_is_the_fault(tmp_path: Path) -> None:
    window = recorded.read(shop_case(tmp_path / "set")).window
    assert (window.start, window.end, window.alert_at) == (FAULT_AT - 1800, FAULT_AT + 540, FAULT_AT)


def test_the_alert_says_what_the_incident_is_about(tmp_path: Path) -> None:
    case = recorded.read(shop_case(tmp_path / "set"))
    assert case.subject == Entity(EntityKind.SERVICE, "web")
    (note,) = (one for one in case.observations if isinstance(one, Note))
    assert note.text == "web latency p95 is high"
    assert note.at == FAULT_AT


def test_without_an_alert_it_is_about_where_users_enter(tmp_path: Path) -> None:
    folder = write_case(tmp_path / "set", call_graph=[["web", "cart"], ["web", "pay"], ["cart", "pay"]])
    write_rows(folder, "metrics.csv.gz", metric_rows({"pay__cpu": (0.1, 0.9)}))
    assert recorded.read(folder).subject.name == "web"


def test_a_normal_period_is_moved_to_before_the_case(tmp_path: Path) -> None:
    root = tmp_path / "set"
    folder = write_case(root, reference="reference/normal.csv.gz")
    write_rows(folder, "metrics.csv.gz", metric_rows({"cart__cpu_m": (200, 900)}, before=2, after=3, step=300.0))
    normal = [{"timestamp": place * 300.0, "cart__cpu_m": 200 + place % 3} for place in range(40)]
    write_rows(root / "reference", "normal.csv.gz", normal)
    cpu = series_of(recorded.read(folder), "cart", "cpu_usage")
    assert len(cpu.times) == 45
    assert set((cpu.times[1:] - cpu.times[:-1]).tolist()) == {300.0}


CALL = {"parent": "web", "service": "cart", "OperationName": "GET /", "n": 20, "dur_us_p50": 9000.0, "dur_us_p95": 20000.0,
        "gap_ms_p90": 1.0, "n_traces": 10}  # fmt: skip
ENTRY = {**CALL, "parent": "root", "service": "web", "n": 10, "gap_ms_p90": ""}


def test_a_normal_period_of_another_day_lends_its_spread_and_not_its_level() -> None:
    def column(values: list[float], start: float) -> Table:
        times = np.arange(len(values), dtype=np.float64) * 60.0 + start
        return Table(times, ("cart__latency_p95",), np.array(values)[:, None])

    normal = column([0.9, 1.0, 1.1, 1.0, 0.9, 1.1], 0.0)
    # Two quiet minutes at half of it, then the fault.
    joined = metrics.joined(column([0.5, 0.55, 3.0], 9000.0), [normal], quiet_until=9100.0)
    assert joined.values[:6, 0] == pytest.approx([0.45, 0.55, 0.65, 0.55, 0.45, 0.65])
    # One of the quiet minutes is as it was then: the level holds.
    joined = metrics.joined(column([0.5, 1.05, 3.0], 9000.0), [normal], quiet_until=9100.0)
    assert joined.values[:6, 0] == pytest.approx([0.9, 1.0, 1.1, 1.0, 0.9, 1.1])


def traced(tmp_path: Path, **changed: object) -> list[Series]:
    root = tmp_path / "set"
    folder = write_case(root, reference=["reference/normal_trace_stats.csv.gz"])
    write_rows(root / "reference", "normal_trace_stats.csv.gz", [CALL, ENTRY])
    rows = [{"minute": "22_13", **row} for row in (CALL, ENTRY)]
    rows += [{"minute": "22_14", **row} for row in ({**CALL, **changed}, ENTRY)]
    write_rows(folder, "trace_stats.csv.gz", rows)
    case = recorded.read(folder)
    edges = {(one.caller.name, one.callee.name) for one in case.observations if isinstance(one, Dependency)}
    assert edges == {("web", "cart")}
    return [one for one in case.observations if isinstance(one, Series)]


def test_a_call_that_takes_longer_is_about_the_one_that_was_called(tmp_path: Path) -> None:
    slow = next(one for one in traced(tmp_path, dur_us_p95=900000.0) if one.peer and one.indicator == "latency_p95")
    assert (slow.entity.name, slow.peer and slow.peer.name) == ("web", "cart")
    assert slow.times[-1] == FAULT_AT + 40  # 22:14 UTC of that day
    assert slow.values[-1] == pytest.approx(0.9)
    assert slow.labels["baseline"] == "reference"


def test_the_quiet_minutes_waver_around_the_normal_one_as_its_spread_lets_expect(tmp_path: Path) -> None:
    slow = next(one for one in traced(tmp_path) if one.peer and one.indicator == "latency_p50")
    quiet = slow.values[:-2]
    assert quiet.mean() == pytest.approx(0.009)
    # Within the minute the median is known to 1.25 · (0.020 - 0.009) / 1.645 / √20, but minutes differ by a quarter.
    assert quiet.std() == pytest.approx(0.009 / 4)


def test_calls_that_a_service_no_longer_makes_are_its_own_doing(tmp_path: Path) -> None:
    fan = next(one for one in traced(tmp_path, n=0) if one.indicator == "fan_out")
    assert (fan.entity.name, fan.peer) == ("web", None)
    assert fan.values[:-2].mean() == pytest.approx(2.0)
    assert fan.values[-2:].tolist() == [2.0, 0.0]


def test_the_way_of_calls_is_told_of_the_one_they_reach(tmp_path: Path) -> None:
    gap = next(one for one in traced(tmp_path, gap_ms_p90=300.0) if one.indicator == "network_gap")
    assert (gap.entity.name, gap.values[-1]) == ("cart", pytest.approx(0.3))
    assert gap.counts is not None
    assert gap.counts[-2:].tolist() == [20.0, 20.0]


def test_where_no_normal_minute_was_recorded_the_other_services_tell_what_the_network_is_like(tmp_path: Path) -> None:
    folder = write_case(tmp_path / "set")
    called = {"cart": 500.0, "pay": 1.0, "ship": 2.0, "mail": 3.0}
    rows = [{"minute": "22_14", **CALL, "service": name, "gap_ms_p90": gap} for name, gap in called.items()]
    write_rows(folder, "trace_stats.csv.gz", rows)
    gaps = {
        one.entity.name: one.values
        for one in recorded.read(folder).observations
        if isinstance(one, Series) and one.indicator == "network_gap"
    }
    assert gaps["cart"][:-1].mean() == pytest.approx(0.002)
    assert gaps["pay"][:-1].mean() == pytest.approx(0.003)
    assert {name: values[-1] for name, values in gaps.items()} == pytest.approx(
        {name: gap / 1000 for name, gap in called.items()}
    )


def test_too_few_calls_say_nothing_of_how_long_they_took(tmp_path: Path) -> None:
    slow = next(
        one for one in traced(tmp_path, n=2, dur_us_p95=900000.0) if one.peer and one.indicator == "latency_p95"
    )
    assert slow.times[-1] == FAULT_AT - 20


def test_it_counts_log_templates_before_and_since_the_fault(tmp_path: Path) -> None:
    folder = write_case(tmp_path / "set")
    rows = [{"minute": minute, "service": "pay", "template": "ERROR charge # failed", "count": count}
            for minute, count in (("22_10", 1), ("22_11", 1), ("22_13", 40), ("22_14", 60))]  # fmt: skip
    write_rows(folder, "log_templates.csv.gz", rows)
    (pattern,) = (one for one in recorded.read(folder).observations if isinstance(one, LogPattern))
    assert (pattern.count_before, pattern.count_during, pattern.level) == (2, 100, "error")
    assert (pattern.seconds_before, pattern.seconds_during) == (120.0, 120.0)


def test_a_deploy_carries_its_commit_and_what_that_altered(tmp_path: Path) -> None:
    folder = write_case(tmp_path / "set")
    write_json(
        folder,
        "commits.json.gz",
        [
            {
                "sha": "ab" * 20,
                "author": "ida",
                "timestamp": "2023-11-14T22:00:00Z",
                "message": "pool: fewer connections",
                "files_changed": ["pool.go"],
                "diff": "-max=20\n+max=5",
            }
        ],
    )
    write_json(
        folder,
        "deploys.json.gz",
        [{"timestamp": "2023-11-14T22:05:00Z", "service": "pay", "commit_sha": "ab" * 20, "version": "v7"}],
    )
    write_json(
        folder,
        "flags.json.gz",
        [{"timestamp": "2023-11-14T22:06:00Z", "flag": "fast", "service": "web", "change": "off->on", "actor": "ola"}],
    )
    case = recorded.read(folder)
    deploy, flag = (one for one in case.observations if isinstance(one, Change))
    assert (deploy.kind, deploy.key, deploy.version, deploy.author) == (ChangeKind.DEPLOYMENT, "ab" * 20, "v7", "ida")
    assert (deploy.title, deploy.files, deploy.diff) == ("pool: fewer connections", ("pool.go",), "-max=20\n+max=5")
    assert (flag.kind, flag.title) == (ChangeKind.FLAG, "fast off → on")
    assert case.commits == ("ab" * 20,)


def test_a_stream_of_alerts_is_one_state_for_each_thing_and_kind(tmp_path: Path) -> None:
    folder = write_case(tmp_path / "set", services=["web", "cart", "cart-0"])
    at = int(FAULT_AT * 1000)
    write_lines(folder, "alerts.jsonl.gz", [
        {"ts": at, "kind": "trace", "source": "web", "target": "cart-0", "operation": "GET /a", "symptom": "latency"},
        {"ts": at + 9000, "kind": "trace", "source": "web", "target": "cart-0", "operation": "GET /b", "symptom": "latency"},
        {"ts": at + 4000, "kind": "metric", "entity": "cart-0", "host": "h", "metric": "container_memory_usage_MB", "direction": "up"},
        {"ts": at + 4000, "kind": "metric", "entity": "cart-0", "metric": "grpc-success", "direction": "down"},
        {"ts": at + 5000, "kind": "log", "entity": "web", "template": "7", "count": 3, "messages": ["ERROR pay said no"]},
    ])  # fmt: skip
    case = recorded.read(folder)
    states = {(one.entity.name, one.condition): one for one in case.observations if isinstance(one, State)}
    assert set(states) == {
        ("cart-0", "latency high"),
        ("cart-0", "container_memory_usage_MB high"),
        ("cart-0", "grpc-success low"),
    }
    slow = states["cart-0", "latency high"]
    assert (slow.count, slow.at, slow.detail) == (2, FAULT_AT, "GET /a, GET /b")
    assert slow.attributes == {"alert": "yes", "indicator": "latency_p95", "direction": "high"}
    # A share of good that falls is a share of bad that rises; people know it by its own name.
    assert states["cart-0", "grpc-success low"].attributes == {
        "alert": "yes",
        "indicator": "error_ratio",
        "direction": "high",
    }
    (pattern,) = (one for one in case.observations if isinstance(one, LogPattern))
    # When a detector spoke up is not when the lines began.
    assert (pattern.count_during, pattern.level, pattern.first_seen) == (3, "error", None)
    assert case.window.end == FAULT_AT + 9


def test_an_instance_that_the_case_lists_stands_for_itself(tmp_path: Path) -> None:
    root = tmp_path / "set"
    folder = write_case(root, services=["cart", "cart-0", "node-1"], reference=["reference/graph.json.gz"])
    (root / "reference").mkdir()
    write_json(root / "reference", "graph.json.gz", {
        "nodes": [{"id": "cart", "type": "Service"}, {"id": "cart-0", "type": "Service_Instance"}, {"id": "node-1", "type": "Host"}],
        "edges": [{"source": "cart", "target": "cart-0", "label": "has_instance"}, {"source": "cart-0", "target": "node-1", "label": "hosted_on"},
                  {"source": "node-1", "target": "cart-0", "label": "hosts"}],
    })  # fmt: skip
    edges = [
        (str(one.caller), str(one.callee)) for one in recorded.read(folder).observations if isinstance(one, Dependency)
    ]
    assert edges == [("cart", "pod cart-0"), ("pod cart-0", "node node-1")]


def test_it_works_where_the_answer_is_not_there_and_gives_the_same(tmp_path: Path) -> None:
    told = recorded.read(shop_case(tmp_path / "set", truth={"root_cause_service": "cart"}))
    untold = recorded.read(shop_case(tmp_path / "other" / "set"))
    assert told.subject == untold.subject
    assert [repr(one) for one in told.observations] == [repr(one) for one in untold.observations]


@pytest.mark.parametrize(
    "name", ["truth.json", "TRUTH.csv", "reference/truth.csv.gz", "../truth.csv", "/etc/hostname", "labels.json", ""]
)
def test_it_refuses_what_holds_the_answer_or_lies_elsewhere(tmp_path: Path, name: str) -> None:
    folder = Folder(shop_case(tmp_path / "set", truth={"root_cause_service": "cart"}))
    with pytest.raises(Forbidden):
        folder.text(name)


def test_a_case_that_points_to_its_answer_is_refused(tmp_path: Path) -> None:
    folder = shop_case(tmp_path / "set", reference=["../truth.csv.gz"])
    with pytest.raises(Forbidden):
        recorded.read(folder)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"'])
def test_a_folder_without_a_usable_case_is_refused_in_words(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "case.json").write_bytes(body)
    with pytest.raises(recorded.BadCase, match=r"case\.json"):
        recorded.read(tmp_path)


def test_a_broken_archive_is_told_by_name(tmp_path: Path) -> None:
    folder = write_case(tmp_path / "set")
    (folder / "metrics.csv.gz").write_bytes(gzip.compress(b"timestamp,a__cpu\n1,2\n")[:20])
    with pytest.raises(recorded.BadCase, match=r"metrics\.csv\.gz: cannot be read"):
        recorded.read(folder)


def test_a_healthy_window_ends_before_the_fault(tmp_path: Path) -> None:
    case = recorded.quiet(shop_case(tmp_path / "set"))
    assert case is not None
    assert case.window.end < FAULT_AT
    assert case.window.start < case.window.alert_at < case.window.end
    assert all(one.times[-1] < FAULT_AT for one in case.observations if isinstance(one, Series))


def test_too_little_quiet_time_gives_no_healthy_window(tmp_path: Path) -> None:
    folder = write_case(tmp_path / "set")
    write_rows(folder, "metrics.csv.gz", metric_rows({"web__cpu": (1, 9)}, before=10))
    assert recorded.quiet(folder) is None


@pytest.mark.parametrize(
    ("name", "indicator", "unit"),
    [
        ("latency_p99", "latency_p99", "seconds"),
        ("p50latency", "latency_p50", "seconds"),
        ("lat_90", "latency_p95", "seconds"),
        ("http_server_duration_p99_ms", "latency_p99", "seconds"),
        ("availability_Average", "error_ratio", "ratio"),
        ("error_rate_5xx_ratio", "error_ratio", "ratio"),
        ("cpu_cfs", "cpu_throttling", "ratio"),
        ("container_memory_rss_mb", "memory_usage", "bytes"),
        ("mem_rate", "memory_utilisation", "ratio"),
        ("network_receive", "network_in", "bytes/s"),
        ("net_tx", "network_out", "bytes/s"),
        ("tcp_retans", "network_errors", "count"),
        ("db_pool_in_use", "connections", "count"),
        ("db_pool_wait_seconds_p99", "connection_wait", "seconds"),
        ("container_oom_killed_total", "oom_kills", "count"),
        ("queue_oldest_message_age_seconds", "queue_depth", "count"),
        ("requests_per_sec", "request_rate", "requests/s"),
        ("tls_cert_seconds_until_expiry", "certificate_lifetime", "seconds"),
    ],
)
def test_a_column_says_what_it_is_by_its_name(name: str, indicator: str, unit: str) -> None:
    column = meaning(name)
    assert column is not None
    assert (column.indicator, column.unit) == (indicator, unit)


def test_a_nodes_number_beside_a_service_names_no_node() -> None:
    assert meaning("node_cpu_rate") is None


def test_every_shared_case_reads_the_same_without_its_truth(shared: Path, tmp_path: Path) -> None:
    for group in sorted((shared / "cases").glob("*/cases")):
        source = min(group.iterdir())
        home = tmp_path / group.parent.name
        copy = shutil.copytree(source, home / "cases" / source.name, ignore=shutil.ignore_patterns("*truth*"))
        if (group.parent / "reference").is_dir():
            shutil.copytree(group.parent / "reference", home / "reference", ignore=shutil.ignore_patterns("*truth*"))
        assert not list(home.rglob("*truth*"))
        case = recorded.read(copy)
        assert case.id == json.loads((source / "case.json").read_text(encoding="utf-8"))["id"]
        assert case.observations
        assert len(case.entities) > 1
        assert [repr(one) for one in case.observations] == [repr(one) for one in recorded.read(source).observations]


def test_the_service_whose_times_are_what_users_see_is_the_door(tmp_path: Path) -> None:
    folder = write_case(tmp_path / "set", call_graph=[["web", "cart"]])
    times = range(int(FAULT_AT) - 1200, int(FAULT_AT) + 60, 60)
    rows = [
        {"timestamp": at, "ENTRY__lat_p95": at % 700 / 1000, "shop-door__server_lat_p95": at % 700 / 1000, "web__lat_p95": at % 300 / 1000}
        for at in times
    ]  # fmt: skip
    write_rows(folder, "metrics.csv.gz", rows)
    case = recorded.read(folder)
    entrances = {
        (one.caller.name, one.callee.name)
        for one in case.observations
        if isinstance(one, Dependency) and one.source == "entrance"
    }
    assert case.subject.name == "ENTRY"
    assert entrances == {("ENTRY", "shop-door"), ("ENTRY", "web"), ("shop-door", "web")}
