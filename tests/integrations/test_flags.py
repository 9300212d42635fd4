"""Feature flags: LaunchDarkly's signed webhooks and Unleash's, as changes of the services that they concern."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from integrations.base import BadPayload, Event, EventKind, Inbound, NotGenuine, ServiceReference
from integrations.flags import services_of
from integrations.launchdarkly import LaunchDarkly, LaunchDarklyCredentials
from integrations.unleash import Unleash, UnleashCredentials
from scoring.observations import Change, ChangeKind, Entity, EntityKind

if TYPE_CHECKING:
    from integrations.base import Integration

FIXTURES = Path(__file__).parent / "fixtures"
RECEIVED = 1_795_170_000.0
LAUNCHDARKLY, UNLEASH = LaunchDarkly(), Unleash()


def fixture(name: str) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((FIXTURES / name).read_text())
    return payload


FLAG, ENABLED = fixture("launchdarkly/flag.json"), fixture("unleash/enabled.json")


def parse(integration: Integration, payload: dict[str, Any]) -> tuple[Event, ...]:
    return integration.parse(Inbound({}, json.dumps(payload).encode(), RECEIVED))


def change_of(integration: Integration, payload: dict[str, Any]) -> Change:
    change = parse(integration, payload)[0].change
    assert change is not None
    return change


# --- LaunchDarkly -------------------------------------------------------------------------------------------------------


def test_launchdarkly_signs_the_body() -> None:
    credentials = LaunchDarklyCredentials.model_validate({"webhook_secret": "old, new"})
    right = hmac.new(b"new", b"{}", hashlib.sha256).hexdigest()

    LAUNCHDARKLY.verify(Inbound({"x-ld-signature": right}, b"{}", RECEIVED), credentials)
    for body, header in ((b"{ }", right), (b"{}", ""), (b"{}", right[:-1])):
        with pytest.raises(NotGenuine):
            LAUNCHDARKLY.verify(Inbound({"x-ld-signature": header}, body, RECEIVED), credentials)
    empty = hmac.new(b"", b"{}", hashlib.sha256).hexdigest()
    with pytest.raises(NotGenuine):
        LAUNCHDARKLY.verify(Inbound({"x-ld-signature": empty}, b"{}", RECEIVED), LaunchDarklyCredentials())


def test_a_flag_that_was_turned_is_a_change_of_each_service_that_its_tags_name() -> None:
    payments, cart = parse(LAUNCHDARKLY, FLAG)

    assert payments == Event(
        source="launchdarkly",
        kind=EventKind.CHANGE,
        event_type="flag",
        dedupe_key="6a2405dadeb5910aa68bc4b5-payments",
        occurred_at=1795168860.123,
        started_at=1795168860.123,
        title="flag new-checkout turned on in production",
        service=ServiceReference(name="payments", labels={"environment": "production"}),
        actor="grace@shop.test",
        url="https://app.launchdarkly.com/shop/production/features/new-checkout",
        labels={"environment": "production"},
        change=Change(
            entity=Entity(EntityKind.SERVICE, "payments"),
            kind=ChangeKind.FLAG,
            at=1795168860.123,
            title="flag new-checkout turned on in production",
            source="launchdarkly",
            author="grace@shop.test",
            link="https://app.launchdarkly.com/shop/production/features/new-checkout",
            status="succeeded",
            detail=(
                "flag new-checkout turned on; Turned the flag on; Changed the default variation old → new; PAY-1211"
            ),
            key="launchdarkly:6a2405dadeb5910aa68bc4b5",
        ),
    )
    assert (cart.service.name, cart.dedupe_key) == ("cart", "6a2405dadeb5910aa68bc4b5-cart")


def test_without_a_tag_the_project_is_the_service() -> None:
    resource = "proj/payments:env/production:flag/new-checkout"
    payload = FLAG | {"accesses": [{"action": "updateRules", "resource": resource}], "currentVersion": {}}
    (event,) = parse(LAUNCHDARKLY, payload)
    assert (event.service.name, event.title) == ("payments", "flag new-checkout changed in production")


def test_which_way_a_flag_was_turned_is_read_from_its_new_version_else_from_the_words() -> None:
    off = FLAG | {"currentVersion": {"environments": {"production": {"on": False}}}}
    assert change_of(LAUNCHDARKLY, off).title == "flag new-checkout turned off in production"
    assert change_of(LAUNCHDARKLY, FLAG | {"currentVersion": None}).title == "flag new-checkout turned on in production"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (FLAG | {"kind": "member"}, "LaunchDarkly's member turns no flag"),
        ({}, "LaunchDarkly's unnamed turns no flag"),
        (
            FLAG | {"accesses": [{"action": "updateTags", "resource": ""}]},
            "it alters what people read of the flag, not what it answers",
        ),
    ],
)
def test_launchdarklys_other_events_are_ignored(payload: dict[str, Any], reason: str) -> None:
    (event,) = parse(LAUNCHDARKLY, payload)
    assert (event.kind, event.reason) == (EventKind.IGNORED, reason)


def test_a_broken_flag_is_told_by_its_field() -> None:
    with pytest.raises(BadPayload, match="`_id` must be a non-empty text, got null"):
        parse(LAUNCHDARKLY, FLAG | {"_id": None})


# --- Unleash ------------------------------------------------------------------------------------------------------------


def test_unleash_carries_the_token() -> None:
    credentials = UnleashCredentials.model_validate({"bearer_token": "t0ken"})
    UNLEASH.verify(Inbound({"authorization": "Bearer t0ken"}, b"{}", RECEIVED), credentials)
    for header, held in (("Bearer wrong", credentials), ("", credentials), ("Bearer ", UnleashCredentials())):
        with pytest.raises(NotGenuine):
            UNLEASH.verify(Inbound({"authorization": header}, b"{}", RECEIVED), held)


def test_an_enabled_flag_is_a_change_of_its_service() -> None:
    (event,) = parse(UNLEASH, ENABLED)
    assert (event.dedupe_key, event.service.name, event.actor) == ("231-payments", "payments", "grace@shop.test")
    change = change_of(UNLEASH, ENABLED)
    assert (change.kind, change.at, change.title, change.key) == (
        ChangeKind.FLAG, 1795168860.0, "flag new-checkout turned on in production", "unleash:231",
    )  # fmt: skip


def test_a_strategy_is_named() -> None:
    update = {
        "type": "feature-strategy-update",
        "data": {"title": "10 % of users", "name": "flexibleRollout"},
        "tags": [],
    }
    (event,) = parse(UNLEASH, ENABLED | update)
    assert event.service.name == "shop"
    change = change_of(UNLEASH, ENABLED | update)
    assert change.detail == "flag new-checkout given another strategy; strategy 10 % of users"


def test_unleashs_other_events_are_ignored() -> None:
    (event,) = parse(UNLEASH, ENABLED | {"type": "feature-created"})
    assert (event.kind, event.reason) == (
        EventKind.IGNORED, "Unleash's feature-created does not alter what a flag answers",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("tags", "services"),
    [
        (["service:payments", "SVC=cart", "service/payments"], ("payments", "cart")),
        (["beta", "service:"], ("shop",)),
        ([f"service:s{number}" for number in range(12)], tuple(f"s{number}" for number in range(10))),
    ],
)
def test_services_are_named_by_tags_else_by_the_project(tags: list[str], services: tuple[str, ...]) -> None:
    assert services_of(tags, "shop") == services
