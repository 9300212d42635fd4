"""Status pages: what vendors say, about whom it counts, and that it counts only where somebody suffers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from integrations.base import Scope, ServiceScope
from integrations.statuspage import StatusPageCredentials, StatusPages
from scoring.evidence import CauseKind
from scoring.observations import Dependency, Entity, EntityKind, Gap, Observation, State, Window
from tests.integrations.door import Answer, FakeDoor
from tests.unit.scoring import shop
from tests.unit.scoring.made import ranked

if TYPE_CHECKING:
    from collections.abc import Mapping

FIXTURES = Path(__file__).parent / "fixtures" / "statuspage"
ANSWERS = json.loads((FIXTURES / "answers.json").read_text())
CREDENTIALS = StatusPageCredentials.model_validate_json((FIXTURES / "credentials.json").read_text())
ALERT = 1_795_169_106.0  # 2026-11-20T10:05:06Z
WINDOW = Window(start=ALERT - 3600, end=ALERT + 600, alert_at=ALERT, alert_for=60)
PAYMENTS, CHECKOUT = ServiceScope("payments", "shop"), ServiceScope("checkout", "shop")
GITHUB, GOOGLE = Entity(EntityKind.EXTERNAL, "github"), Entity(EntityKind.EXTERNAL, "google-cloud")


def pages(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    path = url.removeprefix("http://source.test").split("?")[0]
    return (200, {}, ANSWERS[path]) if path in ANSWERS else (404, {}, {})


def gather(scope: Scope, door: FakeDoor | None = None, window: Window = WINDOW) -> list[Observation]:
    return list(StatusPages().gather(door or FakeDoor(pages), CREDENTIALS, scope, window))


def states(found: list[Observation], vendor: Entity) -> list[tuple[str, str, bool]]:
    return [(one.condition, one.detail, one.active) for one in found if isinstance(one, State) and one.entity == vendor]


def test_a_page_s_incidents_and_components_become_conditions_of_the_vendor() -> None:
    found = gather(Scope(service=PAYMENTS))

    assert states(found, GITHUB) == [
        (
            "VendorOutage",
            "Incident with Actions: Jobs do not start. We are looking into it & will update.",
            True,
        ),
        ("VendorDegraded", "Delays of API Requests: This is resolved.", False),
    ]
    first = next(one for one in found if isinstance(one, State))
    assert (first.at, first.link, first.query) == (
        ALERT - 846,
        "https://stspg.io/open",
        "http://source.test/github",
    )


def test_google_s_incidents_count_by_product_region_and_impact() -> None:
    found = gather(Scope(service=CHECKOUT))

    assert states(found, GOOGLE) == [
        (
            "VendorOutage",
            "Google Kubernetes Engine: control planes unreachable in europe-west1: Engineering is at work on a mitigation.",
            True,
        )
    ]
    assert next(one.link for one in found if isinstance(one, State)) == "http://source.test/cloud/incidents/g-open"


def test_a_component_that_says_so_alone_counts_too() -> None:
    def quiet(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        status, headers, answer = pages(method, url, headers, body)
        return status, headers, {**answer, "incidents": []} if isinstance(answer, dict) else answer

    assert states(gather(Scope(service=PAYMENTS), FakeDoor(quiet)), GITHUB) == [
        ("VendorDegraded", "API Requests degraded performance", True),
        ("VendorOutage", "Actions major outage", True),
    ]


def test_only_services_that_are_said_to_depend_on_a_vendor_get_its_page() -> None:
    door = FakeDoor(pages)
    found = gather(Scope(service=CHECKOUT), door)

    assert [asked.path for asked in door.asked] == ["/cloud/incidents.json"]
    assert [one for one in found if isinstance(one, Dependency)] == [
        Dependency(Entity(EntityKind.SERVICE, "checkout", "shop", "checkout"), GOOGLE, "statuspage")
    ]


def test_a_page_that_fails_is_a_gap_and_the_others_are_told() -> None:
    def half(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        return (503, {}, "") if "github" in url else pages(method, url, headers, body)

    found = gather(Scope(service=PAYMENTS), FakeDoor(half))

    assert [one for one in found if isinstance(one, Gap)] == [
        Gap("statuspage", "status of github", "github failed on api/v2/summary.json (503)")
    ]
    assert states(found, GOOGLE)


def test_what_began_after_the_window_is_not_told() -> None:
    before = Window(start=ALERT - 90_000, end=ALERT - 86_400 + 600, alert_at=ALERT - 86_400)

    assert [name for _, name, _ in states(gather(Scope(service=PAYMENTS), window=before), GITHUB)] == [
        "Actions were slow yesterday"
    ]


def test_the_check_tells_what_each_page_says_and_which_one_fails() -> None:
    well = StatusPages().check(FakeDoor(pages), CREDENTIALS)

    assert (well.works, well.detail) == (True, "github: Partial System Outage; google-cloud: 4 open incidents")

    def other(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        return (200, {}, {"hello": "world"}) if "github" in url else pages(method, url, headers, body)

    ill = StatusPages().check(FakeDoor(other), CREDENTIALS)
    assert not ill.works
    assert ill.detail.startswith("github: github's page has no summary at /api/v2/summary.json; is it an Atlassian")


@pytest.mark.parametrize(
    ("entered", "message"),
    [
        ("- url: [", "is not YAML: line 1"),
        ("hello", "must be a list of pages"),
        ("- {url: ftp://x, name: a, services: [b]}", "page 1: url: "),
        ("- {url: https://a.example, name: a}", "page 1: services: Field required"),
        ("- {url: https://a.example, name: a, services: [b], region: x}", "page 1: region: Extra inputs"),
    ],
)
def test_mistakes_in_the_pages_are_named(entered: str, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        StatusPageCredentials(pages=entered)

    assert message in str(caught.value)


# --- what it counts for --------------------------------------------------------------------------------------------------


def outage(*, at: float) -> list[Observation]:
    acquirer = Entity(EntityKind.EXTERNAL, "acquirer")
    said = State(acquirer, "VendorOutage", "statuspage", at=at, detail="Card payments fail")
    return [Dependency(shop.service("payments"), acquirer, "statuspage"), said]


def test_an_outage_is_the_cause_of_what_its_dependents_suffer_after_it() -> None:
    suffering = [one for one in shop.incident(changes=False) if getattr(one, "indicator", "") != "pool_utilisation"]

    ranking = ranked([*suffering, *outage(at=shop.CAUSE_AT - 60)])
    first = ranking.scores[0].candidate

    assert (first.entity.service, first.cause_kind) == ("acquirer", CauseKind.THIRD_PARTY)


def test_an_outage_without_a_symptom_is_no_cause_and_does_not_spoil_the_all_clear() -> None:
    ranking = ranked([*shop.quiet_day(), *outage(at=shop.CAUSE_AT)])

    assert ranking.scores == ()
    assert ranking.verdict.value == "no fault seen"


def test_an_outage_that_nobody_who_is_ill_depends_on_is_no_cause() -> None:
    elsewhere = [
        replace(one, caller=shop.service("catalog")) if isinstance(one, Dependency) else one
        for one in outage(at=shop.CAUSE_AT)
    ]

    ranking = ranked([*shop.incident(changes=False), *elsewhere])

    assert "acquirer" not in {score.candidate.entity.service for score in ranking.scores}
