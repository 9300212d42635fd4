"""Loki: whose streams are whose, what is asked, and how lines become counted templates (recorded exchanges, no server)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import ValidationError

from integrations.base import Rejected, Scope, ServiceScope, SourceError, Unauthorised
from integrations.log_questions import Counts, Lines, Templates
from integrations.loki import Loki, LokiCredentials
from integrations.loki.streams import NAMESPACES, NAMING
from scoring.observations import Entity, EntityKind, Gap, LogPattern, Observation, Window
from tests.integrations.door import Answer, FakeDoor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ALERT = 1_795_169_106.0
WINDOW = Window(start=ALERT - 3600, end=ALERT + 600, alert_at=ALERT, alert_for=60)
ONSET = ALERT - 360
PAYMENTS = ServiceScope(name="payments", namespace="shop", workload="deployment/payments")
CHECKOUT = ServiceScope(name="checkout", namespace="shop")
URL = "http://loki.test"
CREDENTIALS = LokiCredentials(url=URL)
WORDS = (
    ' |~ "(?i)(error|exception|fail|fatal|panic|timed? ?out|timeout|refused|denied|unavailable|exhausted|unreachable|'
    "reset by peer|out of memory|oom|killed|deadlock|too many|no route|cannot|could not|unable|"
    'traceback|rejected|expired|corrupt|warn)"'
)


@dataclass
class World:
    """Answer as Loki does: `logs` are (Unix seconds, line) of each stream selector, and are filtered by time alone."""

    streams: Sequence[Mapping[str, str]] = ()
    logs: Mapping[str, Sequence[tuple[float, str]]] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    queries: list[str] = field(default_factory=list)

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        parts = urlsplit(url)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = parts.path.removeprefix("/loki/api/v1/")
        if path == "series":
            return 200, {}, {"status": "success", "data": list(self.streams)}
        if path == "labels":
            return 200, {}, {"status": "success", "data": sorted({label for one in self.streams for label in one})}
        query = asked["query"]
        self.queries.append(query)
        if "count_over_time" in query:
            return self._counted(query, asked, ranged=path == "query_range")
        low, high = int(asked["start"]) / 1e9, int(asked["end"]) / 1e9
        lines = [one for one in self._lines(query) if low <= one[0] < high]
        lines.sort(reverse=asked["direction"] == "backward")
        values = [[f"{int(at * 1000)}000000", line] for at, line in lines[: int(asked["limit"])]]
        stream = {"stream": {**self.metadata}, "values": values}
        return 200, {}, _success("streams", [stream] if values else [])

    def _counted(self, query: str, asked: Mapping[str, str], *, ranged: bool) -> Answer:
        inner = re.fullmatch(r"sum\(count_over_time\((.*) \[(\d+)s\]\)\)", query, re.DOTALL)
        assert inner
        moments = [int(asked["time"]) / 1e9] if not ranged else []
        if ranged:
            at, step = int(asked["start"]) / 1e9, float(asked["step"].removesuffix("s"))
            while at <= int(asked["end"]) / 1e9:
                moments.append(at)
                at += step
        counts = [[at, str(sum(at - int(inner[2]) < one[0] <= at for one in self._lines(inner[1])))] for at in moments]
        if ranged:
            return 200, {}, _success("matrix", [{"metric": {}, "values": counts}])
        return 200, {}, _success("vector", [{"metric": {}, "value": counts[0]}])

    def _lines(self, query: str) -> list[tuple[float, str]]:
        return [one for selector, lines in self.logs.items() if query.startswith(selector) for one in lines]


def _success(kind: str, result: list[Any]) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": kind, "result": result, "stats": {}}}


def gather(
    world: World, *services: ServiceScope, credentials: LokiCredentials = CREDENTIALS
) -> tuple[list[LogPattern], list[Gap], FakeDoor]:
    door = FakeDoor(world)
    scope = Scope(service=services[0], neighbours=services[1:])
    found: list[Observation] = list(Loki().gather(door, credentials, scope, WINDOW))
    return (
        [one for one in found if isinstance(one, LogPattern)],
        [one for one in found if isinstance(one, Gap)],
        door,
    )


def test_lines_become_templates_counted_before_and_since_the_onset() -> None:
    selector = '{namespace="shop",app="payments"}'
    world = World(
        streams=[{"namespace": "shop", "app": "payments"}],
        logs={
            selector: [
                (ONSET - 1000, "WARN retrying charge 17 at 10.1.2.3:443"),
                (ONSET - 500, "INFO charged order 4, errors=0"),
                (ONSET + 60, "ERROR pool exhausted after 30001 ms"),
                (ONSET + 61, "ERROR pool exhausted after 30017 ms"),
                (ONSET + 90, "WARN retrying charge 18 at 10.1.2.3:443"),
            ]
        },
    )

    patterns, gaps, _ = gather(world, PAYMENTS)

    assert gaps == []
    assert patterns == [
        LogPattern(
            entity=Entity(EntityKind.SERVICE, "payments"), template="ERROR pool exhausted after <n> ms",
            count_before=0, count_during=2, source="loki", seconds_before=3240.0, seconds_during=960.0, level="error",
            first_seen=ONSET + 60, last_seen=ONSET + 61, example="ERROR pool exhausted after 30001 ms",
            query=selector + WORDS,
        ),
        LogPattern(
            entity=Entity(EntityKind.SERVICE, "payments"), template="WARN retrying charge <n> at <address>",
            count_before=1, count_during=1, source="loki", seconds_before=3240.0, seconds_during=960.0, level="warn",
            first_seen=ONSET - 1000, last_seen=ONSET + 90, example="WARN retrying charge 17 at 10.1.2.3:443",
            query=selector + WORDS,
        ),
        LogPattern(
            entity=Entity(EntityKind.SERVICE, "payments"), template="INFO charged order <n>, errors=<n>",
            count_before=1, count_during=0, source="loki", seconds_before=3240.0, seconds_during=960.0, level="info",
            first_seen=ONSET - 500, last_seen=ONSET - 500, example="INFO charged order 4, errors=0",
            query=selector + WORDS,
        ),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("stream", "selector"),
    [
        ({"service_name": "payments", "app": "payments"}, '{service_name="payments"}'),
        ({"namespace": "shop", "app": "payments"}, '{namespace="shop",app="payments"}'),
        (
            {"k8s_namespace_name": "shop", "k8s_deployment_name": "payments"},
            '{k8s_namespace_name="shop",k8s_deployment_name="payments"}',
        ),
        ({"job": "shop/payments"}, '{job="shop/payments"}'),
        (
            {"namespace": "shop", "pod": "payments-7f65d78dcf-xv6cx"},
            '{namespace="shop",pod=~"payments-(?:[bcdf-hj-np-tv-xz0-9]{5,10}-[a-z0-9]{5}|[bcdf-hj-np-tv-xz0-9]{5}|[0-9]{1,4})"}',
        ),
    ],
)
def test_a_service_is_found_by_the_labels_of_its_streams(stream: dict[str, str], selector: str) -> None:
    world = World(streams=[stream], logs={selector: [(ONSET + 1, "boom: error")]})

    patterns, gaps, _ = gather(world, PAYMENTS)

    assert [one.query for one in patterns] == [selector + WORDS]
    assert gaps == []


@pytest.mark.parametrize(
    "stream",
    [{"namespace": "staging", "app": "payments"}, {"app": "payments-worker"}, {"pod": "payments-7f65d78dcf-xv6cx"}, {}],
)
def test_streams_of_another_namespace_or_name_are_not_a_service_s(stream: dict[str, str]) -> None:
    patterns, gaps, _ = gather(World(streams=[stream]), PAYMENTS)

    assert patterns == []
    assert gaps == [
        Gap("loki", "logs of payments", "no stream carries its name in the labels that are known; enter a selector")
    ]


def test_one_question_finds_the_streams_of_all_services() -> None:
    _, _, door = gather(World(), PAYMENTS, CHECKOUT)

    (asked,) = door.asked
    assert (asked.method, asked.path) == ("POST", "/loki/api/v1/series")
    form = parse_qs(asked.body.decode())
    assert form["start"] == ["1795165506000000000"]
    assert form["end"] == ["1795169706000000000"]
    assert '{app=~"checkout|payments"}' in form["match[]"]
    assert '{job=~"checkout|payments|shop/checkout|shop/payments"}' in form["match[]"]


def test_a_selector_of_one_s_own_is_filled_in_and_nothing_else_is_asked() -> None:
    credentials = LokiCredentials(url=URL, selector='{cluster="eu", ns="$namespace", component="$workload"}')
    odd = ServiceScope(name='pay"ments', namespace="shop")

    _, _, door = gather(World(), PAYMENTS, odd, credentials=credentials)

    assert {one.path for one in door.asked} == {"/loki/api/v1/query_range"}
    assert {one.parameters["query"].partition(" |~")[0] for one in door.asked} == {
        '{cluster="eu", ns="shop", component="payments"}',
        '{cluster="eu", ns="shop", component="pay\\"ments"}',
    }


def test_levels_of_structured_metadata_select_and_name_lines() -> None:
    selector = '{app="payments"}'
    world = World(
        streams=[{"app": "payments"}],
        logs={selector: [(ONSET + 5, "charge 5 came back empty")]},
        metadata={"detected_level": "error"},
    )

    patterns, _, _ = gather(world, PAYMENTS, credentials=LokiCredentials(url=URL, level_label="detected_level"))

    assert [(one.template, one.level, one.query) for one in patterns] == [
        (
            "charge <n> came back empty",
            "error",
            '{app="payments"} | detected_level=~"(?i)(warn|err|fatal|crit|panic|alert|emerg).*"',
        )
    ]


def test_of_many_lines_the_ends_are_read_and_counts_are_scaled() -> None:
    selector = '{app="payments"}'
    during = [(ONSET + 0.2 * number, f"ERROR pool exhausted {number}") for number in range(3000)]
    before = [(ONSET - 1 - number, f"ERROR slow call {number}") for number in range(1500)]
    world = World(streams=[{"app": "payments"}], logs={selector: [*during, *before]})

    patterns, gaps, door = gather(world, PAYMENTS)

    assert [(one.template, one.count_before, one.count_during) for one in patterns] == [
        # It may have been among the lines before that were not read: it stands for one that was.
        ("ERROR pool exhausted <n>", 2, 3000),
        ("ERROR slow call <n>", 1500, 0),
    ]
    assert patterns[0].last_seen == pytest.approx(ONSET + 599.8)
    assert gaps == [
        Gap(
            "loki",
            "all logs of payments",
            "read 2000 of 4500 lines that tell of trouble: the counts of templates are scaled from them",
        )
    ]
    assert {one.parameters.get("limit") for one in door.asked} == {None, "500"}


def test_where_lines_are_too_long_fewer_are_read() -> None:
    selector = '{app="payments"}'
    logs = [(ONSET + number, "ERROR " + "x" * 800) for number in range(300)]
    door = FakeDoor(World(streams=[{"app": "payments"}], logs={selector: logs}), max_bytes=60_000)

    found = list(Loki().gather(door, CREDENTIALS, Scope(service=PAYMENTS), WINDOW))

    assert [(one.count_during, one.count_before) for one in found if isinstance(one, LogPattern)] == [(300, 0)]


def test_without_the_lines_before_nothing_is_said_to_be_new() -> None:
    world = World(streams=[{"app": "payments"}], logs={'{app="payments"}': [(ONSET + 1, "ERROR pool exhausted")]})

    def handler(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if f"start={int(WINDOW.start)}" in url:
            return 500, {"content-type": "text/plain"}, "context canceled"
        return world(method, url, headers, body)

    found = list(Loki().gather(FakeDoor(handler), CREDENTIALS, Scope(service=PAYMENTS), WINDOW))

    assert [one.seconds_before for one in found if isinstance(one, LogPattern)] == [0.0]
    assert [one for one in found if isinstance(one, Gap)] == [
        Gap("loki", "logs of payments before the incident", "Loki answered /loki/api/v1/query_range with 500: context canceled")
    ]  # fmt: skip


def test_it_signs_in_and_names_its_tenant_and_links_to_grafana() -> None:
    credentials = LokiCredentials.model_validate(
        {
            "url": f"{URL}/proxy/", "username": "reader", "password": "pass", "tenant": "team-a|team-b",
            "grafana_url": "https://grafana.example.org", "datasource": "P8E80", "selector": '{app="$name"}',
        }
    )  # fmt: skip
    door = FakeDoor(
        lambda *_: (200, {}, _success("streams", [{"stream": {}, "values": [[f"{int(ONSET)}000000001", "error"]]}]))
    )

    (pattern,) = Loki().gather(door, credentials, Scope(service=CHECKOUT), WINDOW)

    assert isinstance(pattern, LogPattern)
    assert {one.headers["x-scope-orgid"] for one in door.asked} == {"team-a|team-b"}
    assert {one.headers["authorization"] for one in door.asked} == {"Basic cmVhZGVyOnBhc3M="}
    assert {urlsplit(one.url).path for one in door.asked} == {"/proxy/loki/api/v1/query_range"}
    assert pattern.link.startswith(
        "https://grafana.example.org/explore?schemaVersion=1&orgId=1&panes=%7B%22a%22%3A%7B%22datasource%22%3A%22P8E80%22"
    )


def test_what_loki_refuses_is_told_in_its_own_words() -> None:
    def refuse(status: int, words: str) -> FakeDoor:
        return FakeDoor(lambda *_: (status, {"content-type": "text/plain"}, words))

    with pytest.raises(Unauthorised) as caught:
        Loki().check(refuse(401, "no org id"), CREDENTIALS)
    assert caught.value.reason == (
        "Loki answered /loki/api/v1/labels with 401: no org id; check how this connection signs in, and what it may read"
    )
    with pytest.raises(SourceError) as other:
        list(
            Loki().gather(
                refuse(400, "the query time range exceeds the limit"), CREDENTIALS, Scope(service=PAYMENTS), WINDOW
            )
        )
    assert other.value.reason == "Loki answered /loki/api/v1/series with 400: the query time range exceeds the limit"
    assert not other.value.retryable


def test_the_check_says_what_can_be_seen() -> None:
    seen = Loki().check(FakeDoor(World(streams=[{"app": "a", "namespace": "b"}])), CREDENTIALS)
    assert (seen.works, seen.detail) == (True, "answers queries; 2 labels, among them app, namespace")
    seen = Loki().check(FakeDoor(World()), LokiCredentials(url=URL, tenant="a"))
    assert (seen.works, seen.detail) == (True, "answers, but tenant 'a' has no logs of the last six hours")


@pytest.mark.parametrize(
    ("entered", "words"),
    [
        ({"url": "loki:3100"}, "must be an address"),
        ({"url": "http://me:pass@loki"}, "user name or password"),
        ({"selector": 'app="$name"'}, "in braces"),
        ({"selector": '{app="payments"}'}, r"must hold \$name"),
        ({"level_label": 'a="b"} or {c'}, "level_label"),
        ({"tenant": "a\nX-Other: b"}, "tenant"),
        ({"bearer_token": "t", "username": "u"}, "not both"),
    ],
)
def test_a_form_that_cannot_work_is_refused(entered: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        LokiCredentials.model_validate({"url": URL, **entered})


def test_every_label_that_is_looked_for_is_documented() -> None:
    assert [one for one in (*NAMING, *NAMESPACES) if f"`{one}`" not in Loki.setup] == []


# --- in a conversation --------------------------------------------------------------------------------------------------

NOW = Window(start=ALERT - 3600, end=ALERT, alert_at=ALERT)
TALK = World(
    streams=[{"app": "payments"}],
    logs={
        '{app="payments"}': [
            *((ALERT - 60 * number, f"INFO charged {number}") for number in range(1, 10)),
            (ALERT - 100, "ERROR pool exhausted 7"),
            (ALERT - 1000, "ERROR pool exhausted 8"),
        ]
    },
)


def look(arguments: Lines | Counts | Templates) -> Any:
    return Loki().look(FakeDoor(TALK), CREDENTIALS, Scope(service=PAYMENTS), NOW, arguments)


def test_a_conversation_reads_the_newest_lines() -> None:
    seen = look(Lines(service="payments", minutes=30, lines=3))
    assert seen.query == '{app="payments"}'
    assert [one["line"] for one in seen.rows] == ["INFO charged 2", "ERROR pool exhausted 7", "INFO charged 1"]
    assert seen.rows[-1]["at"] == "10:04:06"


def test_a_conversation_s_words_stay_words() -> None:
    seen = look(Lines(service="payments", containing='"} or {x="\\'))
    assert seen.query == '{app="payments"} |= "\\"} or {x=\\"\\\\"'


def test_a_conversation_counts_lines_over_time() -> None:
    seen = look(Counts(service="payments", minutes=10))
    assert seen.query == 'sum(count_over_time({app="payments"} [25s]))'
    assert sum(one["lines"] for one in seen.rows) == 10
    assert len(seen.rows) == 24


def test_a_conversation_lists_templates_against_the_time_before() -> None:
    seen = look(Templates(service="payments", minutes=10))
    assert seen.rows == ({"template": "ERROR pool exhausted <n>", "lines": 1, "same time before": 1, "level": "error"},)
    assert seen.note == "10 lines tell of trouble"


def test_a_conversation_stays_inside_the_incident() -> None:
    with pytest.raises(Rejected, match="service 'billing' is outside this incident; known are: payments"):
        look(Lines(service="billing"))
