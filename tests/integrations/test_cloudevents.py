"""CloudEvents 1.0: the three content modes, what is refused, and what an event means."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from integrations.base import Action, BadPayload, Event, EventKind, Inbound, NotGenuine
from integrations.cloudevents import BATCHED, STRUCTURED, CloudEvents, CloudEventsCredentials, envelopes

EVENT: dict[str, Any] = json.loads((Path(__file__).parent / "fixtures" / "cloudevents" / "structured.json").read_text())
NOW = 1_795_169_200.0
CLOUD = CloudEvents()


def inbound(value: object, sort: str = STRUCTURED, **headers: str) -> Inbound:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Inbound({"content-type": sort, **{f"ce-{name}": text for name, text in headers.items()}}, body, NOW)


def one(value: object, sort: str = STRUCTURED, **headers: str) -> Event:
    (found,) = CLOUD.parse(inbound(value, sort, **headers))
    return found


def attributes() -> dict[str, str]:
    return {name: value for name, value in EVENT.items() if name not in {"data", "datacontenttype"}}


def test_the_three_modes_say_the_same() -> None:
    structured = one(EVENT, f"{STRUCTURED}; charset=utf-8")
    (batched,) = CLOUD.parse(inbound([EVENT], BATCHED))
    binary = one(EVENT["data"], "application/json", **attributes())
    packed = {key: value for key, value in EVENT.items() if key != "data"}
    packed["data_base64"] = base64.b64encode(json.dumps(EVENT["data"]).encode()).decode()
    assert structured == batched == binary == one(packed)
    assert (structured.action, structured.title) == (Action.TRIGGERED, "Checkout p95 latency is high")
    assert (structured.service.name, structured.service.namespace) == ("checkout", "shop")
    assert (structured.severity, structured.started_at) == ("critical", 1795169106.0)
    assert (structured.dedupe_key, structured.url) == ("alert-71", "https://monitor.shop.test/alerts/71")


def test_a_header_s_percent_encoding_is_undone() -> None:
    found = one(b"", "", **{**attributes(), "subject": "K%C3%A4se%20%22x%22"})
    assert (found.service.name, found.title) == ('Käse "x"', 'Käse "x"')


def test_data_that_is_no_json_is_a_text() -> None:
    (found,) = envelopes(inbound(b"\xffhello", "text/plain", **attributes()))
    assert found["data"] == "\N{REPLACEMENT CHARACTER}hello"


def test_its_id_and_source_make_a_delivery_one() -> None:
    same = [inbound(EVENT), inbound({**EVENT, "data": {}}), inbound(EVENT["data"], "application/json", **attributes())]
    assert len({CLOUD.external_id(each) for each in same}) == 1
    others = [inbound({**EVENT, "id": "2"}), inbound({**EVENT, "source": "/other"}), inbound([EVENT, EVENT], BATCHED)]
    assert len({CLOUD.external_id(each) for each in [*same, *others]}) == 4


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"type": "com.example.alert.resolved"}, "resolved"),
        ({"type": "com.example.alert.acknowledged"}, "acknowledged"),
        ({"type": "x", "data": {"status": "firing"}}, "triggered"),
        ({"type": "com.example.alert.firing", "data": {"state": "OK"}}, "resolved"),
    ],
)
def test_the_data_s_status_or_the_type_s_last_word_says_what_happened(changed: dict[str, Any], status: str) -> None:
    assert one({**EVENT, **changed}).status == status


@pytest.mark.parametrize(
    "sort", ["com.github.pull_request.opened", "com.example.order.created", "com.example.job.failed"]
)
def test_an_event_about_no_alert_is_ignored_with_the_reason(sort: str) -> None:
    found = one({**EVENT, "type": sort})
    assert (found.kind, found.event_type) == (EventKind.IGNORED, sort)
    assert "say in `statuses` what it means" in found.reason


def test_a_mapping_says_where_the_fields_are() -> None:
    written = """
    title: data.check.name
    status: type
    statuses: {com.example.check.red: triggered, com.example.check.green: resolved}
    dedupe_key: join('/', [source, subject])
    """
    held = CloudEventsCredentials.model_validate({"mapping": written, "token": "x"})
    event = {**EVENT, "type": "com.example.check.red", "data": {"check": {"name": "Disk is full"}}}
    (found,) = CLOUD.read(inbound(event), held)
    assert (found.title, found.status, found.dedupe_key) == ("Disk is full", "triggered", "/shop/monitor/checkout")
    assert found.service.name == "checkout"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"id": ""}, "`id` must be a non-empty text, got ''"),
        ({"id": 7}, "`id` must be a non-empty text, got 7"),
        ({"source": None}, "`source` must be a non-empty text, got null"),
        ({"type": []}, "`type` must be a non-empty text, got a list"),
        ({"specversion": "0.3"}, "`specversion` must be 1.0, got '0.3'"),
        ({"subject": ""}, "`subject` must be a non-empty text where it is there, got ''"),
        ({"time": "yesterday"}, "`time` must be an RFC 3339 time, got 'yesterday'"),
        ({"data_base64": "x"}, "`data` and `data_base64` must not both be there"),
    ],
)
def test_what_is_no_cloud_event_is_told_by_its_attribute(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(BadPayload) as caught:
        one({**EVENT, **changed})
    assert str(caught.value) == said
    with pytest.raises(BadPayload) as caught:
        CLOUD.parse(inbound([EVENT, {**EVENT, **changed}], BATCHED))
    assert str(caught.value).startswith("`[1].")


def test_other_formats_are_refused() -> None:
    with pytest.raises(BadPayload, match=r"the format application/cloudevents\+avro is not read"):
        one(b"\x00", "application/cloudevents+avro")
    with pytest.raises(BadPayload, match="a batch must hold at most 200 events, got 201"):
        CLOUD.parse(inbound([EVENT] * 201, BATCHED))


def test_the_token_tells_it_genuine() -> None:
    held = CloudEventsCredentials.model_validate({"token": "right"})
    CLOUD.verify(Inbound({"authorization": "Bearer right"}, b"", NOW), held)
    for token in ("wrong", ""):
        with pytest.raises(NotGenuine):
            CLOUD.verify(Inbound({"authorization": f"Bearer {token}"}, b"", NOW), held)


def test_only_a_proper_origin_is_allowed() -> None:
    greeted = CLOUD.greet(Inbound({"webhook-request-origin": "events.example.com"}, b"", NOW))
    assert greeted == {"Allow": "POST", "WebHook-Allowed-Origin": "events.example.com"}
    for origin in ("", "a\r\nSet-Cookie: x", "a b", "x" * 300):
        assert CLOUD.greet(Inbound({"webhook-request-origin": origin}, b"", NOW)) is None


# --- against the specification's own schema -----------------------------------------------------------------------------


def test_what_is_read_is_what_the_schema_allows(shared: Path) -> None:
    schema = json.loads((shared / "vendor/specs/cloudevents-1.0.schema.json").read_text())
    validator = jsonschema.Draft7Validator(schema)
    variants: list[dict[str, Any]] = [
        EVENT,
        *json.loads((Path(__file__).parent / "fixtures/cloudevents/batch.json").read_text()),
    ]
    for name in (*EVENT, "dataschema", "data_base64", "extension"):
        variants.append({key: value for key, value in EVENT.items() if key != name})
        others: list[Any] = [None, "", "x", 7, True, [], {}, "2026-11-20T10:05:06Z", "1.0"]
        variants += [{**EVENT, name: value} for value in others]
    said = {repr(variant): refusal(variant) for variant in variants}
    for variant in variants:
        if not said[repr(variant)]:
            assert validator.is_valid(variant), variant
        elif validator.is_valid(variant):
            # Stricter than the schema only where the specification's text is: version, time, one of data and data_base64.
            assert re.search(r"specversion|`time`|data_base64|the body", said[repr(variant)]), (
                variant,
                said[repr(variant)],
            )
    assert 20 < len([text for text in said.values() if text]) < len(said) - 20


def refusal(value: object) -> str:
    """Return what is said against a CloudEvent, or nothing."""
    try:
        envelopes(inbound(value))
    except BadPayload as error:
        return str(error)
    return ""
