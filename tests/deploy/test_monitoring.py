"""Alert rules fire when they should; what rules and dashboard ask for is what the product shows; each alert has a page."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from tests.deploy.charts import CHART, ROOT, find, render

FILES = CHART / "files"
RULES = [rule for group in yaml.safe_load((FILES / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((FILES / "dashboard.json").read_text())
METRIC = re.compile(r"\bcopilot_[a-z_]+\b")


def shown() -> dict[str, set[str]]:
    """Return the labels of every metric that some process shows, by each name that a query may use."""
    from prometheus_client.metrics import MetricWrapperBase

    from copilot import observe

    found: dict[str, set[str]] = {
        name: set() for name in ("copilot_queue_age_seconds", "copilot_runs_late", "copilot_runs_unfinished")
    }
    for metric in vars(observe).values():
        if isinstance(metric, MetricWrapperBase):
            described = next(iter(metric.describe()))
            endings = ("_bucket", "_sum", "_count") if described.type == "histogram" else ("_total",)
            for ending in endings:
                found[described.name + ending] = set(metric._labelnames) | ({"le"} if ending == "_bucket" else set())
    return found


def promtool(*words: str) -> str:
    if not shutil.which("promtool"):
        pytest.skip("needs promtool (Debian's package prometheus; make test-deps installs it)")
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False, cwd=ROOT / "tests/deploy")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_rules_are_well_formed() -> None:
    assert f"{len(RULES)} rules found" in promtool("check", "rules", str(FILES / "alerts.yaml"))


def test_each_alert_fires_when_it_should_and_else_not() -> None:
    promtool("test", "rules", "alerts_test.yaml")
    tested = yaml.safe_load((ROOT / "tests/deploy/alerts_test.yaml").read_text())["tests"]
    fired = {one["alertname"] for test in tested for one in test["alert_rule_test"] if one["exp_alerts"]}
    assert fired == {rule["alert"] for rule in RULES}


def test_each_alert_has_its_page() -> None:
    page = (ROOT / "docs/alerts.md").read_text()
    headings = [line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")]
    assert headings == [rule["alert"] for rule in RULES]
    assert [rule["annotations"]["runbook"] for rule in RULES] == [f"docs/alerts.md#{name.lower()}" for name in headings]


def queries() -> list[str]:
    panels: list[dict[str, Any]] = DASHBOARD["panels"]
    return [rule["expr"] for rule in RULES] + [one["expr"] for panel in panels for one in panel["targets"]]


@pytest.mark.parametrize("query", queries())
def test_queries_ask_for_what_is_shown(query: str) -> None:
    known = shown()
    for name in METRIC.findall(query):
        assert name in known, f"no process shows {name}"
    grouped = {word for group in re.findall(r"by \(([^)]*)\)", query) for word in re.split(r",\s*", group)}
    matched = set(re.findall(r"[{,]\s*(\w+)\s*(?:=|!)", query))
    labels = set().union(*(known[name] for name in METRIC.findall(query)))
    assert grouped | matched <= labels


def test_every_metric_is_on_the_dashboard() -> None:
    asked = {re.sub(r"_(bucket|sum|count|total)$", "", name) for query in queries() for name in METRIC.findall(query)}
    assert {re.sub(r"_(bucket|sum|count|total)$", "", name) for name in shown()} == asked


def test_no_label_names_a_tenant_or_an_incident() -> None:
    labels = set().union(*shown().values())
    assert labels == {
        "kind",
        "status",
        "stage",
        "source",
        "outcome",
        "value",
        "model",
        "direction",
        "method",
        "verdict",
        "state",
        "le",
        "limit",
        "category",
        "caller",
        "reason",
    }


def test_the_chart_hands_on_the_same_rules_and_dashboard() -> None:
    objects = render(CHART / "examples" / "everything.yaml")
    assert [one["alert"] for one in find(objects, "PrometheusRule")["spec"]["groups"][0]["rules"]] == [
        rule["alert"] for rule in RULES
    ]
    assert json.loads(find(objects, "ConfigMap", "-dashboard")["data"]["sre-copilot.json"]) == DASHBOARD
    monitor = find(objects, "ServiceMonitor")["spec"]
    service = find(objects, "Service", "-metrics")
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]
