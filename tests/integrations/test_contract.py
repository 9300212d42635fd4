"""The contract of every integration: fixtures, refusals, total parsing, bounded gathering, and no secret anywhere.

Each has a folder `fixtures/<slug>/`. One that receives keeps webhook bodies there; one that gathers keeps `answers.json`, what
its source answers by path, with things inside and outside the window of 2026-11-20T09:05:06Z to 10:15:06Z. Where a connection
cannot take a text in every field, `credentials.json` holds what a person would enter, with `hush4f0c2d9b` in the secrets.
"""

from __future__ import annotations

import json
import logging
import math
import re
import typing
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from copilot.agent import observed
from integrations.base import (
    BadPayload,
    Credentials,
    Event,
    EventKind,
    Health,
    Inbound,
    NotGenuine,
    Scope,
    ServiceScope,
    SourceError,
    Unreachable,
)
from integrations.registry import integrations
from scoring.frozen import plain_observation
from scoring.observations import Change, Gap, LogPattern, Note, Series, State, Window
from tests.integrations.door import Answer, FakeDoor, unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from integrations.base import Integration
    from scoring.observations import Observation

FIXTURES = Path(__file__).parent / "fixtures"
HUSH = "hush4f0c2d9b"
RECEIVED = 1_795_170_000.0
ALERT = 1795169106.0
WINDOW = Window(start=ALERT - 3600, end=ALERT + 600, alert_at=ALERT, alert_for=60)
# How much further back than the window a source may look for what shows late: changes, and words about them.
LOOK_BACK = 3600.0
SCOPE = Scope(
    service=ServiceScope(
        name="payments",
        namespace="shop",
        workload="payments",
        selector='service="payments"',
        repository="shop/payments",
        pagerduty_id="PPAY001",
    ),
    neighbours=(ServiceScope(name="checkout", namespace="shop", workload="checkout"),),
    alert_title="Checkout is slow",
    alert_labels={"alertname": "CheckoutLatencyHigh", "namespace": "shop"},
    dedupe_key="Q1CHECKOUT0001",
)
# Header values that lead into the branches of a parser.
HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"x-github-event": "deployment_status"},
    {"x-github-event": "deployment"},
    {"x-github-event": "release"},
    {"x-github-event": "pull_request"},
    {"x-github-event": "push", "content-type": "application/x-www-form-urlencoded"},
    {"sentry-hook-resource": "issue"},
    {"content-type": "application/cloudevents+json"},
    {
        "ce-specversion": "1.0",
        "ce-id": "1",
        "ce-source": "/shop",
        "ce-type": "alert.firing",
        "content-type": "text/plain",
    },
)

ALL = [pytest.param(item, id=slug) for slug, item in integrations().items()]
RECEIVING = [pytest.param(item, id=slug) for slug, item in integrations().items() if item.receives]
# Sources on the internet: any damage of their answers must be told, not only that of the whole.
DAMAGED = [
    pytest.param(item, id=slug)
    for slug, item in integrations().items()
    if slug in {"datadog", "github", "gitlab", "pagerduty", "statuspage"}
]
GATHERING = [pytest.param(item, id=slug) for slug, item in integrations().items() if item.gathers]

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from(["firing", "success", "2026-11-20T10:00:00Z", "incident.triggered", "0", "\x00", "\ud800"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FEW = settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
FUZZ = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])


def bodies(integration: Integration) -> list[bytes]:
    names = (path for path in sorted((FIXTURES / integration.slug).glob("*.json")))
    return [path.read_bytes() for path in names if path.name not in {"answers.json", "credentials.json"}]


def has_secret(annotation: object) -> bool:
    return annotation is SecretStr or any(has_secret(inner) for inner in typing.get_args(annotation))


def credentials(integration: Integration) -> Credentials:
    """Return credentials with a recognisable text in every secret."""
    path = FIXTURES / integration.slug / "credentials.json"
    if path.exists():
        return integration.Credentials.model_validate(json.loads(path.read_text()))
    entered: dict[str, Any] = {}
    for name, field in integration.Credentials.model_fields.items():
        if has_secret(field.annotation):
            entered[name] = f"{HUSH}-{name}"
        elif field.is_required() or name.endswith("url"):
            entered[name] = "http://source.test"
    return integration.Credentials.model_validate(entered)


def answering(integration: Integration) -> Callable[[str, str, Mapping[str, str], bytes], Answer]:
    known: dict[str, Any] = json.loads((FIXTURES / integration.slug / "answers.json").read_text())

    def handler(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        path = url.removeprefix("http://source.test").split("?", maxsplit=1)[0]
        return (200, {"content-type": "application/json"}, known[path]) if path in known else (404, {}, {})

    return handler


def texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from texts_in(name)
            yield from texts_in(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from texts_in(item)
    elif is_dataclass(value):
        for field in fields(value):
            yield from texts_in(getattr(value, field.name))


def times_of(observation: Observation) -> list[float]:
    match observation:
        case Series():
            return [float(moment) for moment in observation.times]
        case Change() | Note():
            return [observation.at]
        case LogPattern():
            return [moment for moment in (observation.first_seen, observation.last_seen) if moment is not None]
        case _:
            return []


def check_total(integration: Integration, inbound: Inbound) -> None:
    """Parse twice: only `BadPayload` may come out, or equal events that any store takes."""
    name = integration.external_id(inbound)
    assert name == integration.external_id(inbound)
    assert 0 < len(name) <= 200
    first, second = parsed(integration, inbound), parsed(integration, inbound)
    assert first == second
    if isinstance(first, str):
        assert 0 < len(first) < 400
    else:
        for event in first:
            check_event(integration, event)


def parsed(integration: Integration, inbound: Inbound) -> tuple[Event, ...] | str:
    """Return the events, or what is said against the payload."""
    try:
        return integration.parse(inbound)
    except BadPayload as error:
        return str(error)


def check_event(integration: Integration, event: Event) -> None:
    assert event.source == integration.slug
    for text in texts_in(event):
        assert "\x00" not in text
        text.encode()
    for moment in (event.occurred_at, event.started_at, *([event.change.at] if event.change else [])):
        assert math.isfinite(moment)
        assert 0 < moment < 253_402_300_800
    assert len(event.dedupe_key) <= 200
    assert event.severity in {"", "critical", "error", "warning", "info"}
    assert event.status in {None, "triggered", "acknowledged", "resolved"}
    assert (event.change is not None) == (event.kind is EventKind.CHANGE)
    if event.kind is EventKind.IGNORED:
        assert event.reason
    else:
        assert event.dedupe_key
    if event.kind is EventKind.INCIDENT:
        assert event.action is not None
    for address in (event.url, event.change.link if event.change else ""):
        assert re.match(r"https?://|$", address, re.IGNORECASE)


# --- what everyone has --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("integration", ALL)
def test_it_has_a_name_a_form_and_fixtures(integration: Integration) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]{1,30}", integration.slug)
    assert integration.title
    for told in ("gives", "needs", "limits"):
        assert getattr(integration, told), f"{told} is missing: docs/integrations tells it"
    assert type(integration).__doc__
    assert integration.receives or integration.gathers or integration.has_outside_tools
    assert issubclass(integration.Credentials, Credentials)
    assert set(integration.generated) <= set(integration.Credentials.model_fields)
    assert any((FIXTURES / integration.slug).iterdir())
    for name, field in integration.Credentials.model_fields.items():
        assert field.description, f"{name} needs a description for the form"
        if re.search(r"secret|token|password|api_key", name):
            assert has_secret(field.annotation), f"{name} must be a SecretStr"


@pytest.mark.parametrize("integration", ALL)
def test_its_secrets_do_not_show(integration: Integration) -> None:
    held = credentials(integration)
    for shown in (repr(held), str(held), f"{held}", repr(integration), str(held.model_dump()), held.model_dump_json()):
        assert HUSH not in shown


@pytest.mark.parametrize("integration", ALL)
def test_a_mistake_in_the_form_does_not_show_what_was_entered(integration: Integration) -> None:
    for name, field in integration.Credentials.model_fields.items():
        if has_secret(field.annotation):
            with pytest.raises(ValidationError) as caught:
                integration.Credentials.model_validate({name: [HUSH], "another": HUSH})
            assert name in str(caught.value)
            assert HUSH not in str(caught.value)


@pytest.mark.parametrize("integration", ALL)
def test_a_field_that_is_not_in_the_form_is_refused(integration: Integration) -> None:
    with pytest.raises(ValidationError, match="no_such_field"):
        integration.Credentials.model_validate({"no_such_field": "x"})


# --- what receives ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("integration", RECEIVING)
def test_its_webhooks_are_understood(integration: Integration) -> None:
    assert bodies(integration)
    for body in bodies(integration):
        events = integration.parse(Inbound({}, body, RECEIVED))
        assert any(event.kind is not EventKind.IGNORED for event in events)
        for event in events:
            check_event(integration, event)


@pytest.mark.parametrize("integration", RECEIVING)
@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer wrong"}, {"x-hub-signature-256": "sha256=00", "x-pagerduty-signature": "v1=00"}],
)
def test_a_wrong_signature_is_refused(
    integration: Integration, headers: Mapping[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    inbound = Inbound(headers, bodies(integration)[0], RECEIVED)
    with pytest.raises(NotGenuine) as caught:
        integration.verify(inbound, credentials(integration))
    assert HUSH not in f"{caught.value!r}{caplog.text}"


@pytest.mark.parametrize("integration", ALL)
@given(signature=st.text(max_size=80), body=st.binary(max_size=40))
@FUZZ
def test_no_signature_breaks_the_check(integration: Integration, signature: str, body: bytes) -> None:
    names = (
        "authorization", "x-pagerduty-signature", "x-hub-signature-256", "x-gitlab-token", "webhook-signature",
        "webhook-id", "x-ld-signature", "x-copilot-token", "sentry-hook-signature", "x-grafana-alerting-signature",
    )  # fmt: skip
    for prefix in ("", "v1=", "v1,", "sha256=", "Bearer ", "Basic "):
        inbound = Inbound(dict.fromkeys(names, prefix + signature), body, RECEIVED)
        with pytest.raises(NotGenuine):
            integration.verify_by_asking(FakeDoor(unreachable), inbound, credentials(integration))


@pytest.mark.parametrize("integration", RECEIVING)
@given(payload=JSON, headers=st.sampled_from(HEADERS))
@FUZZ
def test_any_json_is_read_or_refused(integration: Integration, payload: object, headers: Mapping[str, str]) -> None:
    check_total(integration, Inbound(headers, json.dumps(payload).encode(), RECEIVED))


@pytest.mark.parametrize("integration", RECEIVING)
@given(body=st.binary(max_size=200), headers=st.sampled_from(HEADERS))
@FUZZ
def test_any_bytes_are_read_or_refused(integration: Integration, body: bytes, headers: Mapping[str, str]) -> None:
    check_total(integration, Inbound(headers, body, RECEIVED))


@pytest.mark.parametrize("integration", RECEIVING)
@given(data=st.data(), replacement=JSON, headers=st.sampled_from(HEADERS))
@FUZZ
def test_a_webhook_with_a_damaged_part_is_read_or_refused(
    integration: Integration, data: st.DataObject, replacement: object, headers: Mapping[str, str]
) -> None:
    payload = json.loads(data.draw(st.sampled_from(bodies(integration))))
    places = list(places_in(payload))
    holder, key = data.draw(st.sampled_from(places))
    if data.draw(st.booleans()) and isinstance(holder, dict):
        del holder[key]
    else:
        holder[key] = replacement
    check_total(integration, Inbound(headers, json.dumps(payload).encode(), RECEIVED))


def places_in(value: Any) -> Iterator[tuple[Any, Any]]:
    entries = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    for key, item in entries:
        yield value, key
        yield from places_in(item)


@pytest.mark.parametrize("integration", RECEIVING)
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 10_000,
        b"\x00",
        b'{"a": Infinity}',
    ],
)
def test_hostile_json_is_refused(integration: Integration, body: bytes) -> None:
    with pytest.raises(BadPayload):
        integration.parse(Inbound({}, body, RECEIVED))
    integration.external_id(Inbound({}, body, RECEIVED))


# --- what gathers -------------------------------------------------------------------------------------------------------


def gather(integration: Integration, door: FakeDoor) -> list[Observation]:
    return list(integration.gather(door, credentials(integration), SCOPE, WINDOW))


@pytest.mark.parametrize("integration", GATHERING)
def test_what_it_says_comes_whole_through_an_agent(integration: Integration) -> None:
    found = gather(integration, FakeDoor(answering(integration)))
    sent = json.loads(json.dumps(observed.written(found, kind=integration.slug, max_bytes=16_000_000), allow_nan=False))

    assert list(map(plain_observation, observed.read(sent, kind=integration.slug))) == list(
        map(plain_observation, found)
    )


@pytest.mark.parametrize("integration", GATHERING)
def test_it_tells_what_its_source_answers_inside_the_window(integration: Integration) -> None:
    found = gather(integration, FakeDoor(answering(integration)))

    moments = [moment for item in found for moment in times_of(item)]
    # Conditions may have begun at any time before the window's end.
    begun = [item.at for item in found if isinstance(item, State) and item.at is not None]
    assert moments or begun
    assert WINDOW.start - LOOK_BACK <= min(moments, default=WINDOW.start)
    assert max([*moments, *begun]) <= WINDOW.end
    assert {item.source for item in found} == {integration.slug}


@pytest.mark.parametrize("integration", GATHERING)
def test_no_secret_reaches_observations_or_logs(integration: Integration, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    found = gather(integration, FakeDoor(answering(integration)))
    assert HUSH not in f"{found}{caplog.text}"


@pytest.mark.parametrize("integration", GATHERING)
def test_it_asks_nothing_but_its_source(integration: Integration) -> None:
    door = FakeDoor(answering(integration))
    gather(integration, door)
    assert door.asked
    assert all(asked.url.startswith("http://source.test/") for asked in door.asked)
    assert {asked.method for asked in door.asked} <= {"GET", "POST"}


@pytest.mark.parametrize("integration", GATHERING)
@pytest.mark.parametrize(
    "door",
    [
        pytest.param(lambda _: FakeDoor(unreachable), id="unreachable"),
        pytest.param(lambda handler: FakeDoor(handler, seconds=0), id="past the deadline"),
        pytest.param(lambda handler: FakeDoor(handler, seconds=1, cost=5), id="too slow"),
        pytest.param(lambda handler: FakeDoor(handler, max_bytes=1), id="too large"),
        pytest.param(lambda _: FakeDoor(lambda *_: (401, {}, {})), id="unauthorised"),
        pytest.param(lambda _: FakeDoor(lambda *_: (403, {}, {})), id="forbidden"),
        pytest.param(lambda _: FakeDoor(lambda *_: (500, {}, "oops")), id="broken"),
        pytest.param(lambda _: FakeDoor(lambda *_: (200, {}, "<html>")), id="no JSON"),
    ],
)
def test_a_source_that_gives_nothing_is_told(
    integration: Integration, door: Callable[[Any], FakeDoor], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(SourceError) as caught:
        gather(integration, door(answering(integration)))
    assert caught.value.reason
    assert HUSH not in f"{caught.value!r}{caplog.text}"
    with pytest.raises(SourceError) as caught:
        integration.check(door(answering(integration)), credentials(integration))
    assert HUSH not in f"{caught.value!r}{caplog.text}"


@pytest.mark.parametrize("integration", GATHERING)
def test_a_deadline_in_between_leaves_what_was_told(integration: Integration) -> None:
    whole = len([item for item in gather(integration, FakeDoor(answering(integration))) if not isinstance(item, Gap)])
    door = FakeDoor(answering(integration), seconds=1.5, cost=1.0)
    try:
        found = gather(integration, door)
    except SourceError:
        return
    told = len([item for item in found if not isinstance(item, Gap)])
    assert len(door.asked) <= 4
    # A source of a single question has told all before the deadline.
    assert any(isinstance(item, Gap) for item in found) or (len(door.asked) == 1 and told == whole)
    assert told <= whole


@pytest.mark.parametrize("integration", GATHERING)
@given(answer=JSON)
@FEW
def test_any_answer_is_taken_or_told(integration: Integration, answer: object) -> None:
    body = answer if isinstance(answer, dict | list) else json.dumps(answer)
    check_gathering(integration, FakeDoor(lambda *_: (200, {"content-type": "application/json"}, body)))


@pytest.mark.parametrize("integration", DAMAGED)
@given(data=st.data(), replacement=JSON)
@FUZZ
def test_a_damaged_answer_is_taken_or_told(integration: Integration, data: st.DataObject, replacement: object) -> None:
    handler = answering(integration)
    holder, key = data.draw(
        st.sampled_from(list(places_in(json.loads((FIXTURES / integration.slug / "answers.json").read_text()))))
    )
    damaged = json.loads((FIXTURES / integration.slug / "answers.json").read_text())
    spots = [place for place in places_in(damaged) if place[1] == key and place[0] == holder]
    spots[0][0][spots[0][1]] = replacement

    def broken(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        status, out, content = handler(method, url, headers, body)
        path = url.removeprefix("http://source.test").split("?", maxsplit=1)[0]
        content = damaged.get(path, content)
        return status, out, content if isinstance(content, dict | list) else json.dumps(content)

    check_gathering(integration, FakeDoor(broken))


def check_gathering(integration: Integration, door: FakeDoor) -> None:
    """Gather: only `SourceError` may come out, or observations inside the window that any store takes."""
    try:
        found = gather(integration, door)
    except SourceError:
        return
    for moment in (moment for item in found for moment in times_of(item)):
        assert WINDOW.start - LOOK_BACK <= moment <= WINDOW.end
    for text in (text for item in found if isinstance(item, Change | Note) for text in texts_in(item)):
        assert "\x00" not in text
        text.encode()


@pytest.mark.parametrize("integration", ALL)
def test_the_check_works_where_the_source_does(integration: Integration, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    if integration.has_outside_tools:
        # It speaks a protocol of many steps: tests/mcp holds it against a real server.
        with pytest.raises(Unreachable):
            integration.check(FakeDoor(unreachable), credentials(integration))
        return
    handler = answering(integration) if integration.gathers else unreachable
    health = integration.check(FakeDoor(handler), credentials(integration))
    if integration.gathers:
        assert health.works
        assert health.detail
    else:
        assert health == Health(works=None, detail="")
    assert HUSH not in f"{health}{caplog.text}"


@pytest.mark.parametrize("slug", [slug for slug, one in integrations().items() if one.receives])
def test_whatever_receives_says_how_a_first_webhook_is_provoked(slug: str) -> None:
    trial = integrations()[slug].trial

    assert trial
    assert not trial.endswith(".")
    assert "*" not in trial, "it is also printed in terminals"
