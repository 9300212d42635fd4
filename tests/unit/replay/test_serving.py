"""The replay's HTTP APIs, asked over loopback as any client asks them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from copilot.replay import matrix
from copilot.replay.recording import Exchange, Recording
from copilot.replay.serving import ReplayServer
from integrations.prometheus.answers import graph_link
from tests.waiting import PATIENCE

ALERT = 1_793_714_520.0
STEP = 30.0
START = ALERT - 600
VALUES = [[START + STEP * number, str(number)] for number in range(41)]  # until ten minutes after the page
POD_LOG = "/api/v1/namespaces/shop/pods/web-1/log"


def recorded() -> Recording:
    recording = Recording(alert_at=ALERT, world={})
    result = [{"metric": {"pod": "web-1"}, "values": VALUES}]
    data = matrix.packed(result, start=START, step=STEP)
    vector = {"resultType": "vector", "result": [{"metric": {}, "value": [ALERT, "12"]}]}
    pods = {"kind": "PodList", "items": [{"metadata": {"name": "web-1", "creationTimestamp": "2026-11-03T14:01:00Z"}}]}
    log = "2026-11-03T14:01:58.100000000Z one\n2026-11-03T14:01:59Z two\n2026-11-03T14:12:00Z not yet\n"
    for path, question, body in (
        ("/api/v1/query_range", "query=load{}", {"data": data}),
        ("/api/v1/query_range", "query=none{}", {"data": matrix.packed([], start=START, step=STEP)}),
        ("/api/v1/query", "query=count(up)", {"data": vector}),
        ("/api/v1/label/__name__/values", "", {"status": "success", "data": ["load", "node_load1", "up"]}),
    ):
        recording.add(Exchange("prometheus", "GET", path, question, 200, "application/json", body))
    recording.add(Exchange("prometheus", "GET", "/-/ready", "", 200, "text/plain", "Prometheus is Ready.\n"))
    recording.add(Exchange("kubernetes", "GET", "/api/v1/namespaces/shop/pods", "", 200, "application/json", pods))
    recording.add(Exchange("kubernetes", "GET", POD_LOG, "container=web", 200, "text/plain", log))
    recording.add(
        Exchange(
            "github",
            "GET",
            "/repos/acme/web/deployments",
            "",
            200,
            "application/json",
            [{"at": "2026-11-03T14:00:00Z"}],
        )
    )
    return recording


@contextmanager
def serving(anchor: float) -> Iterator[httpx.Client]:
    server = ReplayServer(recorded(), port=0, anchor=anchor)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        with httpx.Client(base_url=server.url, trust_env=False, timeout=PATIENCE) as client:
            yield client
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def anchor() -> float:
    return float(int(time.time()) - 61)


@pytest.fixture
def client(anchor: float) -> Iterator[httpx.Client]:
    with serving(anchor) as client:
        yield client


def asked(client: httpx.Client, **parameters: Any) -> list[dict[str, Any]]:
    answer = client.get("/prometheus/api/v1/query_range", params={"query": "load{}", "step": "30", **parameters})
    assert answer.status_code == 200
    body = answer.json()
    assert body["status"] == "success"
    assert body["data"]["resultType"] == "matrix"
    return list(body["data"]["result"])


def test_a_range_is_moved_so_that_the_page_fires_at_the_anchor(client: httpx.Client, anchor: float) -> None:
    (series,) = asked(client, start=anchor - 60, end=anchor)

    assert series["metric"] == {"pod": "web-1"}
    assert series["values"] == [[anchor - 60, "18.0"], [anchor - 30, "19.0"], [anchor, "20.0"]]


def test_a_range_is_answered_on_the_grid_that_is_asked_for(client: httpx.Client, anchor: float) -> None:
    (series,) = asked(client, start=anchor - 100, end=anchor - 40, step="20s")

    assert series["values"] == [
        [anchor - 100, "17.0"],
        [anchor - 80, "17.0"],
        [anchor - 60, "18.0"],
        [anchor - 40, "19.0"],
    ]


def test_a_range_ends_now_although_the_recording_goes_on(client: httpx.Client, anchor: float) -> None:
    (series,) = asked(client, start=anchor, end=anchor + 500)

    times = [at for at, _ in series["values"]]
    assert times[:3] == [anchor, anchor + 30, anchor + 60]
    assert max(times) <= time.time()


def test_before_the_recording_there_is_nothing(client: httpx.Client, anchor: float) -> None:
    assert asked(client, start=anchor - 4000, end=anchor - 3000) == []


def test_a_union_of_marked_queries_has_the_series_of_all(client: httpx.Client, anchor: float) -> None:
    query = 'label_replace(load{}, "q", "0", "", "") or label_replace(none{}, "q", "1", "", "") or label_replace(load{}, "q", "2", "", "")'

    rows = asked(client, query=query, start=anchor, end=anchor)

    assert [row["metric"] for row in rows] == [{"pod": "web-1", "q": "0"}, {"pod": "web-1", "q": "2"}]
    assert client.get("/replay/misses").json() == {}


def test_a_form_asks_the_same_as_a_get(client: httpx.Client, anchor: float) -> None:
    form = {"query": "load{}", "step": "30", "start": str(anchor), "end": str(anchor)}

    answer = client.post("/prometheus/api/v1/query_range", data=form).json()

    assert answer["data"]["result"][0]["values"] == [[anchor, "20.0"]]


def test_an_unknown_query_has_no_series_and_is_told_as_a_miss(client: httpx.Client, anchor: float) -> None:
    assert asked(client, query="other{}", start=anchor, end=anchor) == []
    assert client.get("/replay/misses").json() == {"prometheus /api/v1/query_range?query=other{}": 1}


def test_an_instant_query_is_answered_as_of_now(client: httpx.Client) -> None:
    result = client.get("/prometheus/api/v1/query", params={"query": "count(up)"}).json()["data"]["result"]

    assert result[0]["value"][1] == "12"
    assert abs(result[0]["value"][0] - time.time()) < 5


def test_names_are_found_by_a_pattern(client: httpx.Client) -> None:
    answer = client.get("/prometheus/api/v1/label/__name__/values", params={"match[]": '{__name__=~"load|up|gone"}'})

    assert answer.json() == {"status": "success", "data": ["load", "up"]}


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"query": "load{}", "start": "1", "end": "2"}, '"step"'),
        ({"query": "load{}", "start": "x", "end": "2", "step": "30"}, '"start"'),
        ({"query": "load{}", "start": "5", "end": "2", "step": "30"}, '"end"'),
        ({"query": "load{}", "start": "1", "end": "2", "step": "0"}, '"step"'),
        ({"query": "load{}", "start": "1", "end": "2", "step": "fast"}, '"step"'),
        ({"query": "load{}", "start": "1", "end": "999999", "step": "1"}, "11,000 points"),
        ({"start": "1", "end": "2", "step": "30"}, '"query"'),
    ],
)
def test_a_bad_question_is_refused_as_prometheus_refuses_it(
    client: httpx.Client, parameters: dict[str, str], words: str
) -> None:
    answer = client.get("/prometheus/api/v1/query_range", params=parameters)

    assert answer.status_code == 400
    assert answer.json()["errorType"] == "bad_data"
    assert words in answer.json()["error"]


def test_prometheus_says_that_it_is_ready(client: httpx.Client) -> None:
    assert client.get("/prometheus/-/ready").text == "Prometheus is Ready.\n"
    assert client.get("/prometheus/consoles/index.html").status_code == 404


def test_the_links_of_evidence_lead_to_a_drawing(client: httpx.Client, anchor: float) -> None:
    link = graph_link(f"{client.base_url}/prometheus", "load{}", start=anchor - 300, end=anchor)

    answer = client.get(link)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<pre>load{}</pre>" in answer.text
    assert 'aria-label="from 0 to 20"' in answer.text
    assert answer.text.count("<polyline") == 1


def test_a_drawing_of_what_was_never_recorded_says_so(client: httpx.Client) -> None:
    answer = client.get("/prometheus/graph", params={"g0.expr": "<script>alert(1)</script>", "g0.range_input": "1h"})

    assert "The recording has no such series." in answer.text
    assert "<script>" not in answer.text


def test_kubernetes_objects_are_as_old_as_they_were(client: httpx.Client, anchor: float) -> None:
    answer = client.get("/kubernetes/api/v1/namespaces/shop/pods", params={"limit": "500"})

    created = answer.json()["items"][0]["metadata"]["creationTimestamp"]
    assert created == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(anchor - 60))


def test_a_log_shows_what_is_written_by_now_and_no_more_than_asked_for(client: httpx.Client) -> None:
    parameters = {"container": "web", "tailLines": "1", "timestamps": "true"}

    stamped = client.get(f"/kubernetes{POD_LOG}", params=parameters).text
    plain = client.get(f"/kubernetes{POD_LOG}", params={"container": "web"}).text

    assert stamped.endswith(" two\n")
    assert stamped.count("\n") == 1
    assert plain == "one\ntwo\n"


def test_a_line_of_the_future_is_there_once_its_time_has_come() -> None:
    with serving(time.time() - 900) as client:
        assert client.get(f"/kubernetes{POD_LOG}", params={"container": "web"}).text == "one\ntwo\nnot yet\n"


def test_an_unknown_path_is_a_kubernetes_status(client: httpx.Client) -> None:
    answer = client.get("/kubernetes/apis/example.com/v1/widgets")

    assert answer.status_code == 404
    assert {key: answer.json()[key] for key in ("kind", "reason", "code")} == {
        "kind": "Status",
        "reason": "NotFound",
        "code": 404,
    }


@pytest.mark.parametrize(("verb", "allowed"), [("list", True), ("get", True), ("delete", False), ("create", False)])
def test_a_review_says_that_a_replay_may_be_read_only(client: httpx.Client, verb: str, allowed: bool) -> None:
    review = {"kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": {"verb": verb, "resource": "pods"}}}

    answer = client.post("/kubernetes/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", json=review)

    assert answer.status_code == 201
    assert answer.json()["status"]["allowed"] is allowed


def test_nothing_can_be_changed(client: httpx.Client) -> None:
    assert client.delete("/kubernetes/api/v1/namespaces/shop/pods/web-1").status_code == 405


def test_any_other_recorded_api_is_served_too(client: httpx.Client, anchor: float) -> None:
    answer = client.get("/github/repos/acme/web/deployments", params={"per_page": "50"})

    assert answer.json() == [{"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(anchor - 120))}]
    assert client.get("/github/repos/acme/cart/deployments").status_code == 404


def test_an_unknown_vendor_is_told_what_there_is(client: httpx.Client) -> None:
    answer = client.get("/datadog/api")

    assert (answer.status_code, answer.text) == (
        404,
        "nothing is served here; there are: /github/, /kubernetes/, /prometheus/\n",
    )


def test_a_body_that_is_too_large_is_refused(client: httpx.Client) -> None:
    answer = client.post("/prometheus/api/v1/query", content=b"x" * (1024 * 1024 + 1))

    assert answer.status_code == 413


def test_packing_keeps_gaps_and_what_is_no_number() -> None:
    values = [[0.0, "0.000123456789"], [30.0, "NaN"], [90.0, "+Inf"], [120.0, "-3"]]

    packed = matrix.packed([{"metric": {"a": "b"}, "values": values}], start=0.0, step=30.0)
    rows = matrix.unpacked(json.loads(json.dumps(packed)), start=0.0, end=120.0, step=30.0, shift=0.0)

    assert rows == [
        {"metric": {"a": "b"}, "values": [[0.0, "0.00012346"], [30.0, "NaN"], [90.0, "+Inf"], [120.0, "-3.0"]]}
    ]
