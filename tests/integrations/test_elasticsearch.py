"""Elasticsearch and OpenSearch: which fields are asked, what is searched, and what comes of it (recorded exchanges, no server)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from pydantic import ValidationError

from integrations.base import Rejected, Scope, ServiceScope, SourceError
from integrations.elasticsearch import Elasticsearch, ElasticsearchCredentials
from integrations.elasticsearch.api import LEVELS, TROUBLE
from integrations.elasticsearch.fields import SERVICES
from integrations.log_questions import Counts, Lines, Templates
from scoring.observations import Entity, EntityKind, Gap, LogPattern, Window
from tests.integrations.door import Answer, FakeDoor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ALERT = 1_795_169_106.0
WINDOW = Window(start=ALERT - 3600, end=ALERT + 600, alert_at=ALERT, alert_for=60)
ONSET = ALERT - 360
PAYMENTS = ServiceScope(name="payments", namespace="shop", workload="deployment/payments-api")
CREDENTIALS = ElasticsearchCredentials(url="http://search.test", index="logs-*")
ECS = {"service.name": "keyword", "kubernetes.namespace": "keyword", "message": "text", "log.level": "keyword"}


@dataclass
class World:
    """Answer as the servers do: documents are (Unix seconds, source), and are selected by time alone."""

    documents: Sequence[tuple[float, Mapping[str, Any]]] = ()
    types: Mapping[str, str] = field(default_factory=lambda: ECS)
    indices: int = 2
    more: Mapping[str, Any] = field(default_factory=dict)
    searched: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if urlsplit(url).path.endswith("/_field_caps"):
            caps = {name: {kind: {"type": kind, "searchable": True}} for name, kind in self.types.items()}
            return 200, {}, {"indices": [f"logs-{number}" for number in range(self.indices)], "fields": caps}
        asked = json.loads(body)
        self.searched.append(asked)
        time = asked["query"]["bool"]["filter"][0]["range"]["@timestamp"]
        found = [(at, one) for at, one in self.documents if time["gte"] <= at * 1000 < time["lt"]]
        answer: dict[str, Any] = {
            "took": 3,
            "timed_out": False,
            "_shards": {"total": 2, "successful": 2, "skipped": 0, "failed": 0},
            "hits": {"total": {"value": len(found), "relation": "eq"}, "max_score": None, "hits": []},
        }
        if asked["size"]:
            found.sort(key=lambda one: one[0], reverse=asked["sort"][0]["@timestamp"]["order"] == "desc")
            answer["hits"]["hits"] = [
                {"_index": "logs-0", "_id": str(at), "_score": None, "_source": source, "sort": [int(at * 1000)],
                 "fields": {"@timestamp": [str(int(at * 1000))]}}
                for at, source in found[: asked["size"]]
            ]  # fmt: skip
        else:
            seconds = int(asked["aggs"]["over_time"]["date_histogram"]["fixed_interval"].removesuffix("s"))
            keys = sorted({int(at // seconds * seconds * 1000) for at, _ in found})
            buckets = [
                {"key": key, "doc_count": sum(at // seconds * seconds * 1000 == key for at, _ in found)} for key in keys
            ]
            answer["aggregations"] = {"over_time": {"buckets": buckets}}
        return 200, {}, {**answer, **self.more}


def ecs(message: str, level: str) -> dict[str, Any]:
    return {"message": message, "log": {"level": level}}


def gather(
    world: World, *, credentials: ElasticsearchCredentials = CREDENTIALS, service: ServiceScope = PAYMENTS
) -> tuple[list[LogPattern], list[Gap], FakeDoor]:
    door = FakeDoor(world)
    found = list(Elasticsearch().gather(door, credentials, Scope(service=service), WINDOW))
    return (
        [one for one in found if isinstance(one, LogPattern)],
        [one for one in found if isinstance(one, Gap)],
        door,
    )


def test_documents_become_templates_counted_before_and_since_the_onset() -> None:
    world = World(
        [
            (ONSET - 1000, ecs("retrying charge 17", "WARN")),
            (ONSET + 60, ecs("pool exhausted after 30001 ms", "ERROR")),
            (ONSET + 61.5, ecs("pool exhausted after 30017 ms", "ERROR")),
        ]
    )

    patterns, gaps, _ = gather(world)

    assert gaps == []
    assert patterns == [
        LogPattern(
            entity=Entity(EntityKind.SERVICE, "payments"), template="pool exhausted after <n> ms", count_before=0,
            count_during=2, source="elasticsearch", seconds_before=3240.0, seconds_during=960.0, level="error",
            first_seen=ONSET + 60, last_seen=ONSET + 61.5, example="pool exhausted after 30001 ms",
            query='logs-*: service.name:"payments" and what tells of trouble',
        ),
        LogPattern(
            entity=Entity(EntityKind.SERVICE, "payments"), template="retrying charge <n>", count_before=1,
            count_during=0, source="elasticsearch", seconds_before=3240.0, seconds_during=960.0, level="warn",
            first_seen=ONSET - 1000, last_seen=ONSET - 1000, example="retrying charge 17",
            query='logs-*: service.name:"payments" and what tells of trouble',
        ),
    ]  # fmt: skip


def test_the_search_is_bounded_and_asks_for_the_service_its_namespace_and_trouble() -> None:
    world = World()
    _, _, door = gather(world)

    assert [(one.method, one.path) for one in door.asked] == [
        ("GET", "/logs-*/_field_caps"),
        ("POST", "/logs-*/_search"),
        ("POST", "/logs-*/_search"),
    ]
    assert {one.parameters["ignore_unavailable"] for one in door.asked} == {"true"}
    assert world.searched[0] == {
        "timeout": "12s",
        "size": 500,
        "track_total_hits": True,
        "_source": ["message", "log.level"],
        "docvalue_fields": [{"field": "@timestamp", "format": "epoch_millis"}],
        "sort": [{"@timestamp": {"order": "asc"}}],
        "query": {
            "bool": {
                "filter": [
                    {"range": {"@timestamp": {"gte": int(ONSET * 1000), "lt": int(WINDOW.end * 1000), "format": "epoch_millis"}}},
                    {
                        "bool": {
                            "filter": [
                                {
                                    "bool": {
                                        "filter": [
                                            {"bool": {"should": [{"terms": {"service.name": ["payments", "payments-api"]}}], "minimum_should_match": 1}},
                                            {
                                                "bool": {
                                                    "should": [
                                                        {"term": {"kubernetes.namespace": "shop"}},
                                                        {"bool": {"must_not": [{"exists": {"field": "kubernetes.namespace"}}]}},
                                                    ],
                                                    "minimum_should_match": 1,
                                                }
                                            },
                                        ]
                                    }
                                }
                            ],
                            "should": [
                                {"terms": {"log.level": list(LEVELS)}},
                                {"simple_query_string": {"query": TROUBLE, "fields": ["message"], "default_operator": "or"}},
                            ],
                            "minimum_should_match": 1,
                        }
                    },
                ]
            }
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("types", "source", "named"),
    [
        pytest.param(
            {"resource.attributes.service.name": "keyword", "body.text": "match_only_text", "severity_text": "keyword"},
            {"body": {"text": "boom 1"}, "severity_text": "ERROR"},
            "resource.attributes.service.name",
            id="OpenTelemetry",
        ),
        pytest.param(
            {"kubernetes.labels.app": "text", "kubernetes.labels.app.keyword": "keyword", "log": "text", "level": "text", "level.keyword": "keyword"},
            {"kubernetes": {"labels": {"app": "payments"}}, "log": "boom 1", "level": "error"},
            "kubernetes.labels.app.keyword",
            id="Fluent Bit with dynamic mapping",
        ),
        pytest.param(
            {"service.name": "constant_keyword", "message": "text", "log.level": "keyword"},
            {"service.name": "payments", "message": "boom 1", "log.level": "error"},
            "service.name",
            id="ECS with dotted names",
        ),
    ],
)  # fmt: skip
def test_the_fields_of_several_conventions_are_known(types: dict[str, str], source: dict[str, Any], named: str) -> None:
    patterns, _, _ = gather(World([(ONSET + 1, source)], types=types))

    assert [(one.template, one.level, one.query) for one in patterns] == [
        ("boom <n>", "error", f'logs-*: {named}:"payments" and what tells of trouble')
    ]


def test_fields_of_one_s_own_take_the_place_of_the_usual_ones() -> None:
    credentials = ElasticsearchCredentials(
        url="http://search.test", index="app-*", service_field="team.svc, app", message_field="text"
    )
    world = World(
        [(ONSET + 1, {"text": "error 5"})], types={"team.svc": "keyword", "text": "text", "service.name": "keyword"}
    )
    patterns, _, door = gather(world, credentials=credentials)
    assert [one.query for one in patterns] == ['app-*: team.svc:"payments" and what tells of trouble']
    assert "service.name" not in door.asked[0].parameters["fields"].split(",")


@pytest.mark.parametrize(
    ("world", "reason"),
    [
        (World(indices=0), "no index matches logs-*: enter the one that holds logs"),
        (World(types={"service.name": "text", "message": "text"}), "no field that is known names a service: enter service_field"),
        (World(types={"service.name": "keyword"}), "no field that is known holds the message: enter message_field"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_told(world: World, reason: str) -> None:
    assert gather(world)[1] == [Gap("elasticsearch", "logs in logs-*", reason)]
    seen = Elasticsearch().check(FakeDoor(world), CREDENTIALS)
    assert (seen.works, seen.detail) == (False, reason)


def test_of_many_lines_the_ends_are_read_and_counts_are_scaled() -> None:
    world = World([(ONSET + 0.2 * number, ecs(f"pool exhausted {number}", "error")) for number in range(3000)])

    patterns, gaps, _ = gather(world)

    assert [(one.count_before, one.count_during) for one in patterns] == [(0, 3000)]
    assert patterns[0].last_seen == pytest.approx(ONSET + 599.8)
    assert gaps == [
        Gap(
            "elasticsearch",
            "all logs of payments",
            "read 1000 of 3000 lines that tell of trouble: the counts of templates are scaled from them",
        )
    ]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"timed_out": True}, "the search took longer than 12s"),
        (
            {"_shards": {"total": 5, "failed": 2, "failures": [{"reason": {"type": "circuit_breaking_exception", "reason": "Data too large"}}]}},
            "2 of 5 shards did not answer: Data too large",
        ),
    ],
)  # fmt: skip
def test_half_an_answer_counts_as_none(more: dict[str, Any], reason: str) -> None:
    patterns, gaps, _ = gather(World([(ONSET + 1, ecs("error", "error"))], more=more))
    assert patterns == []
    assert gaps == [Gap("elasticsearch", "logs of payments", reason)]


def test_it_says_what_the_server_refuses() -> None:
    refusal = {
        "error": {"root_cause": [], "type": "security_exception", "reason": "action is unauthorized for API key"},
        "status": 403,
    }
    with pytest.raises(SourceError) as caught:
        Elasticsearch().check(FakeDoor(lambda *_: (403, {}, refusal)), CREDENTIALS)
    assert caught.value.reason == (
        "Elasticsearch answered /logs-*/_field_caps with 403: action is unauthorized for API key; "
        "check how this connection signs in, and what it may read"
    )  # fmt: skip


def test_the_check_says_what_can_be_seen() -> None:
    seen = Elasticsearch().check(FakeDoor(World()), CREDENTIALS)
    assert (seen.works, seen.detail) == (True, "2 indices match logs-*; services are named by service.name")


def test_it_signs_in_with_an_api_key_and_links_to_discover() -> None:
    credentials = ElasticsearchCredentials.model_validate(
        {"url": "http://search.test/es", "api_key": "a2V5", "index": "logs-*", "dashboards_url": "https://kibana.example.org/"}
    )  # fmt: skip
    patterns, _, door = gather(World([(ONSET + 1, ecs("error", "error"))]), credentials=credentials)
    assert {one.headers["authorization"] for one in door.asked} == {"ApiKey a2V5"}
    assert {one.path for one in door.asked} == {"/es/logs-*/_field_caps", "/es/logs-*/_search"}
    assert patterns[0].link == (
        "https://kibana.example.org/app/discover#/?_g=(time:(from:'2026-11-20T09:05:06Z',to:'2026-11-20T10:15:06Z'))"
        "&_a=(query:(language:kuery,query:'service.name%3A%22payments%22'))"
    )


@pytest.mark.parametrize(
    ("entered", "words"),
    [
        ({"index": "logs-*/_delete_by_query"}, "index"),
        ({"index": "logs?x=1"}, "index"),
        ({"index": ""}, "index"),
        ({"time_field": 'a"b'}, "time_field"),
        ({"api_key": "k", "username": "u"}, "not several"),
    ],
)
def test_a_form_that_cannot_work_is_refused(entered: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ElasticsearchCredentials.model_validate({"url": "http://search.test", **entered})


def test_every_field_that_is_looked_for_is_documented() -> None:
    assert [one for one in SERVICES if f"`{one}`" not in Elasticsearch.setup] == []


# --- in a conversation --------------------------------------------------------------------------------------------------

NOW = Window(start=ALERT - 3600, end=ALERT, alert_at=ALERT)


def look(arguments: Lines | Counts | Templates, world: World) -> Any:
    return Elasticsearch().look(FakeDoor(world), CREDENTIALS, Scope(service=PAYMENTS), NOW, arguments)


def talk() -> World:
    return World([(ALERT - 60 * number, ecs(f"pool exhausted {number}", "error")) for number in range(1, 20)])


def test_a_conversation_reads_the_newest_lines_with_a_text() -> None:
    world = talk()
    seen = look(Lines(service="payments", containing='pool" exhausted', lines=2), world)
    assert seen.rows == (
        {"at": "10:03:06", "line": "pool exhausted 2", "level": "error"},
        {"at": "10:04:06", "line": "pool exhausted 1", "level": "error"},
    )
    assert seen.query == 'logs-*: service.name:"payments" and “pool" exhausted”'
    words = {"multi_match": {"query": 'pool" exhausted', "type": "phrase", "fields": ["message"]}}
    assert world.searched[0]["query"]["bool"]["filter"][1]["bool"]["filter"][1] == words
    assert world.searched[0]["size"] == 2


def test_a_conversation_counts_lines_over_time() -> None:
    seen = look(Counts(service="payments", minutes=20), talk())
    assert sum(one["lines"] for one in seen.rows) == 19


def test_a_conversation_lists_templates_against_the_time_before() -> None:
    seen = look(Templates(service="payments", minutes=10), talk())
    assert seen.rows == ({"template": "pool exhausted <n>", "lines": 10, "same time before": 9, "level": "error"},)
    with pytest.raises(Rejected, match="outside this incident"):
        look(Templates(service="billing"), talk())
