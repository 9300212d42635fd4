"""PagerDuty's REST API: change events, alerts and notes around an incident, through PagerDuty's own client."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from integrations.base import Health, Rejected, Scope, ServiceScope, SourceError, TimedOut, Unauthorised, Unreachable
from integrations.pagerduty import PagerDuty, PagerDutyCredentials
from scoring.observations import Change, ChangeKind, Entity, EntityKind, Gap, Note, Observation, Window
from tests.integrations.door import Answer, FakeDoor, unreachable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PAGERDUTY = PagerDuty()
ALERT = 1795169106.0  # 2026-11-20T10:05:06Z
WINDOW = Window(start=ALERT - 3600, end=ALERT + 600, alert_at=ALERT)
TOKEN = "u+secrettoken1234"
CHECKOUT = Entity(EntityKind.SERVICE, "checkout")
SCOPE = Scope(
    service=ServiceScope(name="checkout", pagerduty_id="PCHECK1"),
    neighbours=(ServiceScope(name="payments", pagerduty_id="PPAY001"), ServiceScope(name="cart")),
    dedupe_key="Q1CHECKOUT0001",
)


def change_event(key: str, at: str, **more: object) -> dict[str, Any]:
    return {"id": key, "type": "change_event", "summary": "Deployed payments v2.14.0", "timestamp": at, **more}


DEPLOY = change_event(
    "C1",
    "2026-11-20T10:01:00Z",
    source="ci",
    services=[{"id": "PPAY001", "type": "service_reference"}],
    custom_details={
        "version": "v2.14.0",
        "author": "grace",
        "commit": "6113728f",
        "build_state": "passed",
        "pool": "20 → 5",
        "nested": {},
    },
    links=[{"href": "javascript:alert(1)"}, {"href": "https://ci.shop.test/77", "text": "run"}],
)
ANSWERS: dict[str, dict[str, Any]] = {
    "/services/PCHECK1/change_events": {"change_events": [], "more": False},
    "/services/PPAY001/change_events": {"change_events": [DEPLOY], "more": False},
    "/incidents/Q1CHECKOUT0001/related_change_events": {
        "change_events": [
            DEPLOY,
            change_event(
                "C2", "2026-11-20T10:02:00Z", summary="Flag new-cart on", services=[{"id": "PX", "summary": "Web"}]
            ),
            change_event("C3", "2026-11-18T10:02:00Z"),
        ]
    },
    "/incidents/Q1CHECKOUT0001/alerts": {
        "alerts": [
            {
                "id": "PALERT1",
                "summary": "CheckoutLatencyHigh",
                "severity": "critical",
                "created_at": "2026-11-20T10:05:06Z",
                "html_url": "https://shop.pagerduty.test/alerts/PALERT1",
                "body": {"details": {"p99": 2.4, "pod": "checkout-1", "deep": {"er": 1}}},
            },
            {"id": "PALERT2", "summary": "", "created_at": "2026-11-20T10:05:06Z", "body": None},
        ],
        "more": True,
    },
    "/incidents/Q1CHECKOUT0001/notes": {
        "notes": [
            {
                "id": "PNOTE1",
                "content": "Pool looks exhausted",
                "created_at": "2026-11-20T10:09:00Z",
                "user": {"summary": "Ada Lovelace"},
            }
        ]
    },
}


def answers(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    path = url.split("?", maxsplit=1)[0].removeprefix("http://pagerduty.test")
    return (200, {}, ANSWERS[path]) if path in ANSWERS else (404, {}, {"error": {"message": "Not Found"}})


def credentials(**fields: object) -> PagerDutyCredentials:
    return PagerDutyCredentials.model_validate({"api_token": TOKEN, "base_url": "http://pagerduty.test", **fields})


def gather(door: FakeDoor, scope: Scope = SCOPE, **fields: object) -> list[Observation]:
    return list(PAGERDUTY.gather(door, credentials(**fields), scope, WINDOW))


def test_changes_alerts_and_notes_are_told() -> None:
    assert gather(FakeDoor(answers)) == [
        Change(
            entity=Entity(EntityKind.SERVICE, "payments"),
            kind=ChangeKind.DEPLOYMENT,
            at=1795168860.0,
            title="Deployed payments v2.14.0",
            source="pagerduty",
            author="grace",
            link="https://ci.shop.test/77",
            version="v2.14.0",
            status="passed",
            detail="Deployed payments v2.14.0; pool: 20 → 5",
            key="6113728f",
        ),
        Change(
            entity=Entity(EntityKind.SERVICE, "Web"),
            kind=ChangeKind.FLAG,
            at=1795168920.0,
            title="Flag new-cart on",
            source="pagerduty",
        ),
        Note(
            entity=CHECKOUT,
            text="CheckoutLatencyHigh\np99: 2.4; pod: checkout-1",
            at=ALERT,
            source="pagerduty",
            kind="alert",
            link="https://shop.pagerduty.test/alerts/PALERT1",
            labels={"p99": "2.4", "pod": "checkout-1", "severity": "critical"},
        ),
        Note(
            entity=CHECKOUT,
            text="Pool looks exhausted",
            at=1795169340.0,
            source="pagerduty",
            kind="human",
            author="Ada Lovelace",
        ),
    ]


def test_the_client_speaks_pagerdutys_dialect_inside_the_window() -> None:
    door = FakeDoor(answers)

    gather(door, from_email="oncall@shop.test")

    first = door.asked[0]
    assert first.url.startswith("http://pagerduty.test/services/PCHECK1/change_events?")
    assert first.parameters == {
        "since": "2026-11-20T08:05:06Z",
        "until": "2026-11-20T10:15:06Z",
        "limit": "100",
        "offset": "0",
    }
    assert first.headers["authorization"] == f"Token token={TOKEN}"
    assert first.headers["accept"] == "application/vnd.pagerduty+json;version=2"
    assert first.headers["from"] == "oncall@shop.test"
    assert [asked.path for asked in door.asked] == list(ANSWERS)


def test_without_a_known_service_the_accounts_changes_are_asked() -> None:
    def handler(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        return 200, {}, {"change_events": [DEPLOY]}

    door = FakeDoor(handler)
    (change,) = gather(door, Scope(service=None, dedupe_key="045a4bd19bda6345"))

    assert isinstance(change, Change)
    assert change.entity.name == "PPAY001"
    assert [asked.path for asked in door.asked] == ["/change_events"]


def test_pages_are_capped() -> None:
    def handler(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        return 200, {}, {"change_events": [change_event("", "2026-11-20T10:00:00Z")] * 100, "more": True}

    door = FakeDoor(handler)
    found = gather(door, Scope(service=ServiceScope(name="checkout", pagerduty_id="PCHECK1")))

    assert len(found) == 300
    assert [asked.parameters["offset"] for asked in door.asked] == ["0", "100", "200"]


def test_a_source_that_answers_in_part_leaves_gaps() -> None:
    def handler(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if "notes" in url:
            return 400, {}, {"error": {"message": "Invalid Input", "errors": ["odd id"]}}
        return (500, {}, "") if "change_events" in url else answers(method, url, headers, body)

    found = gather(FakeDoor(handler))

    assert [item.text.splitlines()[0] for item in found if isinstance(item, Note)] == ["CheckoutLatencyHigh"]
    assert [item for item in found if isinstance(item, Gap)] == [
        Gap("pagerduty", "change events of checkout", "PagerDuty failed on /services/PCHECK1/change_events (500)"),
        Gap("pagerduty", "change events of payments", "PagerDuty failed on /services/PPAY001/change_events (500)"),
        Gap(
            "pagerduty",
            "change events related to incident Q1CHECKOUT0001",
            "PagerDuty failed on /incidents/Q1CHECKOUT0001/related_change_events (500)",
        ),
        Gap(
            "pagerduty",
            "notes of incident Q1CHECKOUT0001",
            "PagerDuty refused /incidents/Q1CHECKOUT0001/notes (400): Invalid Input, odd id",
        ),
    ]


@pytest.mark.parametrize(
    ("answer", "error", "reason", "retryable"),
    [
        ((401, {}, ""), Unauthorised, "PagerDuty refuses the API token (401): enter a valid one", False),
        ((403, {}, ""), Unauthorised, "the API token may not read /services/PCHECK1/change_events (403)", False),
        (
            (429, {"ratelimit-reset": "7"}, ""),
            SourceError,
            "PagerDuty's rate limit is reached (429); it opens in 7 s",
            True,
        ),
        ((429, {}, ""), SourceError, "PagerDuty's rate limit is reached (429)", True),
        ((404, {}, "gone"), Rejected, "PagerDuty refused /services/PCHECK1/change_events (404)", False),
        (
            (302, {"location": "/x"}, ""),
            SourceError,
            "PagerDuty gave an answer that its client does not take, such as a redirect",
            True,
        ),
        ((200, {}, "<html>"), SourceError, "PagerDuty answered with something that is no JSON", True),
        ((200, {}, []), SourceError, "PagerDuty answered with something that is no JSON object", True),
    ],
)
def test_a_refusal_is_told_in_words_and_at_once(
    answer: Answer, error: type[SourceError], reason: str, retryable: bool
) -> None:
    door = FakeDoor(lambda *_: answer)

    with pytest.raises(SourceError) as caught:
        gather(door, Scope(service=ServiceScope(name="checkout", pagerduty_id="PCHECK1")))

    assert type(caught.value) is error
    assert (caught.value.reason, caught.value.retryable) == (reason, retryable)
    assert len(door.asked) == 1


def test_a_network_error_is_told_in_words_and_at_once() -> None:
    import httpx2

    def refuse(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        raise httpx2.ConnectError("refused")

    def stall(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        raise httpx2.ReadTimeout("slow")

    door = FakeDoor(refuse)
    alone = Scope(service=ServiceScope(name="checkout", pagerduty_id="PCHECK1"))
    with pytest.raises(Unreachable, match=r"PagerDuty could not be reached \(ConnectError\)"):
        gather(door, alone)
    assert len(door.asked) == 1
    with pytest.raises(TimedOut, match="PagerDuty did not answer in time"):
        gather(FakeDoor(stall))
    with pytest.raises(Unreachable, match=r"no connection to pagerduty\.test"):
        gather(FakeDoor(unreachable))


def test_the_deadline_ends_the_questions() -> None:
    found = gather(FakeDoor(answers, seconds=2.5, cost=1.0))
    assert [type(item).__name__ for item in found] == ["Change", "Gap", "Gap", "Gap"]
    with pytest.raises(TimedOut):
        gather(FakeDoor(answers, seconds=0))


def test_a_token_may_be_pasted_with_blanks_around_it() -> None:
    door = FakeDoor(answers)
    gather(door, api_token=f" {TOKEN}\n")
    assert {asked.headers["authorization"] for asked in door.asked} == {f"Token token={TOKEN}"}


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("api.pagerduty.com", "must be an address that begins with http:// or https://"),
        ("ftp://api.pagerduty.com", "must be an address that begins with http:// or https://"),
        ("https://", "must be an address that begins with http:// or https://"),
        ("https://api.pagerduty.com/?a=b", "must be an address that begins with http:// or https://"),
        ("https://ada:secret@api.pagerduty.com", "must not hold a user name or password"),
    ],
)
def test_the_address_must_be_one(address: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        credentials(base_url=address)


def test_the_address_loses_its_last_slash() -> None:
    assert credentials(base_url=" https://api.eu.pagerduty.com/ ").base_url == "https://api.eu.pagerduty.com"


def test_without_a_token_nothing_is_asked() -> None:
    door = FakeDoor(answers)
    assert gather(door, api_token=None) == []
    assert door.asked == []


def test_the_check_reads_the_abilities() -> None:
    door = FakeDoor(lambda *_: (200, {}, {"abilities": ["teams", "urgencies"]}))

    assert PAGERDUTY.check(door, credentials(webhook_secret="s")) == Health(
        works=True, detail="PagerDuty accepts the API token (2 abilities); webhooks are checked against the secret"
    )
    assert PAGERDUTY.check(door, credentials()).detail.endswith("no webhook secret is set")
    assert [asked.path for asked in door.asked] == ["/abilities"] * 2
    with pytest.raises(Unauthorised):
        PAGERDUTY.check(FakeDoor(lambda *_: (401, {}, "")), credentials())


def test_the_check_without_a_token_tells_what_is_there() -> None:
    door = FakeDoor(answers)
    assert PAGERDUTY.check(door, credentials(api_token=None, webhook_secret="s")) == Health(
        works=None, detail="without an API token it is asked nothing"
    )
    assert PAGERDUTY.check(door, credentials(api_token=None)) == Health(
        works=False, detail="enter a webhook secret, an API token, or both"
    )
    assert door.asked == []


def test_the_token_stays_out_of_errors_and_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(Unauthorised) as caught:
        gather(FakeDoor(lambda *_: (401, {}, "")))
    assert "1234" not in f"{caught.value!r}{caplog.text}"


def test_the_vendors_own_examples_are_understood(shared: Path) -> None:
    specification = json.loads((shared / "vendor/specs/pagerduty-rest-openapiv3.json").read_text())

    def example(path: str) -> Any:
        content = specification["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
        return content["examples"]["response"]["value"]

    def handler(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        names = {"alerts": "/incidents/{id}/alerts", "notes": "/incidents/{id}/notes"}
        last = url.split("?", maxsplit=1)[0].rpartition("/")[2]
        return 200, {}, example(names.get(last, "/services/{id}/change_events"))

    window = Window(start=0, end=2e9, alert_at=1e9)
    scope = Scope(service=ServiceScope(name="mail", pagerduty_id="PEYSGRV"), dedupe_key="PT4KHLK")
    found = list(PAGERDUTY.gather(FakeDoor(handler), credentials(), scope, window))

    changes = [item for item in found if isinstance(item, Change)]
    notes = [item for item in found if isinstance(item, Note)]
    assert [(item.kind, item.status, item.entity.name) for item in changes] == [
        (ChangeKind.DEPLOYMENT, "passed", "mail")
    ] * 2
    assert [(item.kind, item.author) for item in notes] == [
        ("alert", ""),
        ("human", "Earline Greenholt"),
        ("human", "A Global Event Rule"),
    ]
    assert len(found) == 5
