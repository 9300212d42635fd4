"""Broken cases: whatever the files hold, the reader gives a case that can be ranked, or says what is wrong with which file."""

from __future__ import annotations

import gzip
import json
import math
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copilot.evaluation import solving
from integrations import bundle, recorded
from scoring.frozen import freeze
from tests.recorded_world import FAULT_AT, shop_case, write_case

fuzzed = settings(
    deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)

# Words that readers look for, so that what is drawn gets past the first question.
_KEYS = st.sampled_from(
    [
        "service", "name", "ts", "timestamp", "kind", "message", "msg", "metric", "entity", "source", "target", "symptom", "count",
        "sha", "commit_sha", "version", "evidence", "id", "type", "edges", "nodes", "label", "spans", "signature", "delta_vs_baseline",
        "direction", "time", "fired_at", "app_yaml", "connectivity", "dependencies", "node_services", "flag", "key", "enabled",
        "kubectl get pods -n shop -o wide", "kubectl describe pods web-1 -n shop", "kubectl get events -n shop",
    ]
)  # fmt: skip
_LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), st.text(max_size=30),
    st.sampled_from(["web", "cart", "trace", "metric", "log", "up", "NaN", "2023-11-14T22:13:20Z", "1e999", "Name: web\nNode: a/b\n"]),
)  # fmt: skip
values = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.one_of(_KEYS, st.text(max_size=8)), inner, max_size=5)),
    max_leaves=25,
)  # fmt: skip
objects = st.dictionaries(_KEYS, values, max_size=6)
FILES = (
    "alerts.jsonl.gz", "logs.jsonl.gz", "traces.json.gz", "patterns.json.gz", "deploys.json.gz", "commits.json.gz", "flags.json.gz",
    "k8s.json.gz", "probes.json.gz",
)  # fmt: skip
TABLES = ("metrics.csv.gz", "trace_stats.csv.gz", "log_templates.csv.gz")


def body(name: str, value: Any) -> bytes:
    records = value if isinstance(value, list) and ".jsonl" in name else [value]
    return gzip.compress("\n".join(json.dumps(one) for one in records).encode())


def settles(folder: Path) -> None:
    """Read, rank and tell a case, or refuse it in words that name a file."""
    try:
        case = recorded.read(folder)
        quiet = recorded.quiet(folder)
    except recorded.BadCase:
        return
    for one in (case, quiet):
        if one is None:
            continue
        detection, ranking, inputs, _ = solving.run(one)
        freeze(inputs)
        freeze(ranking)
        for entry in solving.entries(one, detection, ranking):
            assert all(math.isfinite(value) for value in (entry.low, entry.confidence, entry.high))


@fuzzed
@given(
    st.dictionaries(
        st.sampled_from(
            ["id", "dataset", "system", "anomaly_time", "alert", "alerts", "services", "nodes", "namespace", "call_graph", "window",
             "reference", "query", "collection_timestamp", "log_lines_total_and_error"]
        ),
        values,
        max_size=8,
    )
)  # fmt: skip
def test_whatever_a_case_says_of_itself(case: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as home:
        folder = shop_case(Path(home) / "set")
        known = json.loads((folder / "case.json").read_text(encoding="utf-8"))
        (folder / "case.json").write_text(json.dumps({**known, **case}), encoding="utf-8")
        settles(folder)


@fuzzed
@given(
    st.dictionaries(st.sampled_from(FILES), st.one_of(values, st.lists(objects, max_size=5)), min_size=1, max_size=3)
)
def test_whatever_its_files_hold(files: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as home:
        folder = shop_case(Path(home) / "set")
        for name, value in files.items():
            (folder / name).write_bytes(body(name, value))
        settles(folder)


cells = st.sampled_from(
    ["", "0", "1", "-1", "nan", "inf", "-inf", "1e308", "1e-308", "x", f"{FAULT_AT}", f"{FAULT_AT + 60}", "web", '"a', "22_13", "9" * 40]
)  # fmt: skip
heads = st.sampled_from(
    ["timestamp", "web__lat_p95", "cart__cpu_m", "", "__", "web__", "__cpu", "minute", "service", "template", "count", "caller", "callee",
     "mean_us", "errors", "web__mem_limit"]
)  # fmt: skip


@fuzzed
@given(st.sampled_from(TABLES), st.lists(heads, max_size=5), st.lists(st.lists(cells, max_size=6), max_size=30))
def test_whatever_its_tables_hold(name: str, header: list[str], rows: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as home:
        folder = write_case(Path(home) / "set")
        (folder / name).write_bytes(gzip.compress("\n".join(",".join(row) for row in [header, *rows]).encode()))
        settles(folder)


@fuzzed
@given(
    st.dictionaries(
        st.sampled_from(["metrics.csv", "pods.txt", "shop/dump.json", "x.yaml", "logs/web-1.log", "calls.json", "a", "events.txt"]),
        st.one_of(
            st.text(max_size=200),
            values.map(json.dumps),
            st.lists(st.lists(cells, max_size=5), max_size=9).map(lambda rows: "\n".join(",".join(row) for row in rows)),
            st.lists(
                st.sampled_from(
                    ["NAME  READY  STATUS  RESTARTS  AGE", "web-1  0/1  CrashLoopBackOff  3  5d", "LAST SEEN  TYPE  REASON  OBJECT  MESSAGE",
                     "Name: web", "Namespace: shop", "Containers:", "  app:", "Node: a/b", "$ kubectl get pods -n shop", "{", "kind: List",
                     "items:", "- kind: Pod", "  metadata: {}", "", "==== START logs for container a of pod b/c ====", "time,service,value"]
                ),
                max_size=12,
            ).map("\n".join),
        ),
        min_size=1,
        max_size=3,
    )
)  # fmt: skip
def test_whatever_a_bundle_holds(files: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as home:
        for name, text in files.items():
            path = Path(home) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", errors="replace")
        try:
            found = bundle.read(Path(home))
        except bundle.BadCase:
            return
        _, ranking, inputs, _ = solving.run(found.case)
        freeze(inputs)
        freeze(ranking)


@pytest.mark.parametrize(
    ("name", "raw", "words"),
    [
        ("case.json", "[]", "expected a JSON object that describes the case"),
        ("case.json", "{", "is no JSON"),
        ("metrics.csv", "", "expected a header"),
        ("metrics.csv.gz", "timestamp,web__cpu\nx,1\n", "holds no Unix seconds"),
        ("k8s.json.gz", "{'a': 1}", "is no JSON"),
        ("traces.json.gz", "[" * 100_000, "is no JSON"),
    ],
    ids=["a list", "cut off", "empty", "no times", "no JSON", "nested without end"],
)
def test_a_broken_file_is_named_with_what_was_expected(tmp_path: Path, name: str, raw: str, words: str) -> None:
    folder = write_case(tmp_path / "set")
    (folder / name).write_bytes(gzip.compress(raw.encode()) if name.endswith(".gz") else raw.encode())
    with pytest.raises(recorded.BadCase, match=words) as told:
        recorded.read(folder)
    assert name in str(told.value)


@pytest.mark.parametrize(
    "raw", [b"no gzip", gzip.compress(b"timestamp,web__cpu\n1,1\n")[:-9]], ids=["plain", "cut off"]
)
def test_an_archive_that_is_none_is_named(tmp_path: Path, raw: bytes) -> None:
    folder = write_case(tmp_path / "set")
    (folder / "metrics.csv.gz").write_bytes(raw)
    with pytest.raises(recorded.BadCase, match=r"metrics\.csv\.gz: cannot be read"):
        recorded.read(folder)


def test_a_case_of_a_million_rows_is_read_and_ranked(tmp_path: Path) -> None:
    folder = write_case(tmp_path / "set", anomaly_time=900_000)
    rows = "".join(f"{row},{2 + (row % 7) / 10 + (row > 900_000)}\n" for row in range(1_000_000))
    (folder / "metrics.csv").write_text(f"timestamp,web__lat_p95\n{rows}", encoding="utf-8")

    answer = solving.run(recorded.read(folder))

    assert answer[0].evidence[0].entity.name == "web"
    assert answer[3] < 5.0
