"""What a stream of alerts says: rare kinds count, common ones hardly, and what all parts share is the whole's."""

from __future__ import annotations

import math
import random

import pytest

from scoring.alerts import from_alerts
from scoring.detect import detect
from scoring.evidence import CauseKind
from scoring.observations import Dependency, Entity, EntityKind, State

from . import shop

SERVICES = {name: Entity(EntityKind.SERVICE, name) for name in ("web", "cart", "mail")}
PODS = {
    name: tuple(Entity(EntityKind.POD, f"{name}-{number}") for number in range(3)) for name in SERVICES
}  # fmt: skip
PARTS = tuple(Dependency(SERVICES[name], pod) for name, pods in PODS.items() for pod in pods)
EVERY_POD = tuple(pod for pods in PODS.values() for pod in pods)


def alert(thing: Entity, word: str, indicator: str, at: float = shop.ALERT_AT, direction: str = "high") -> State:
    return State(
        thing, word, "alerts", at=at, attributes={"alert": "yes", "indicator": indicator, "direction": direction}
    )


def severities(*alerts: State) -> dict[str, float]:
    return {one.entity.name: one.severity for one in from_alerts(alerts, PARTS)}


def test_a_kind_that_fires_at_one_thing_weighs_more_than_one_that_fires_everywhere() -> None:
    slow = [alert(pod, "latency high", "latency_p95") for pod in EVERY_POD]
    found = severities(*slow, alert(PODS["cart"][1], "memory high", "memory_usage"))
    assert max(found, key=found.__getitem__) == "cart-1"
    # Twelve things are watched: one of thirteen is a surprise of ln 13, less the one nat of a common kind. Latency fires at
    # nine of them, which hardly says anything, and half of that, as it is what users feel.
    one, common = math.log(13) - 1, 0.5 * 0.1
    assert found["cart-1"] == pytest.approx(0.95 * (one + common) / (one + common + 3.0), abs=1e-6)
    assert found["cart-0"] == pytest.approx(0.95 * common / (one + common + 3.0), abs=1e-6)


def test_each_further_kind_adds_but_the_same_kind_again_does_not() -> None:
    memory, disk = alert(PODS["cart"][0], "memory high", "memory_usage"), alert(PODS["cart"][0], "disk high", "disk_io")
    other = alert(PODS["mail"][0], "cpu high", "cpu_usage")
    found = severities(memory, disk, other)
    assert found["cart-0"] == pytest.approx(2 * found["mail-0"], abs=1e-6)
    again = alert(PODS["cart"][0], "memory high", "memory_usage", at=shop.ALERT_AT + 60)
    assert severities(memory, again, disk, other) == found


def test_what_all_instances_of_a_service_share_and_others_do_not_is_the_services() -> None:
    found = severities(*(alert(pod, "disk reads high", "disk_io") for pod in PODS["mail"]))
    assert max(found, key=found.__getitem__) == "mail"
    # Three of three, where of the six others none does, which is taken for half of one in seven.
    shared = 0.5 * 3 * math.log(0.9 / (0.5 / 7))
    assert found["mail"] == pytest.approx(0.95 * shared / (shared + 3.0), abs=1e-6)


def test_one_instance_alone_does_not_speak_for_its_service() -> None:
    assert set(severities(alert(PODS["mail"][0], "disk reads high", "disk_io"))) == {"mail-0"}


def test_what_instances_everywhere_show_is_no_services_own() -> None:
    found = severities(*(alert(pod, "latency high", "latency_p95") for pod in EVERY_POD))
    assert set(found) == {pod.name for pod in EVERY_POD}


def test_pods_that_name_their_owner_are_its_parts() -> None:
    pods = [Entity(EntityKind.POD, f"pay-{number}", "shop", "pay") for number in range(2)]
    evidence = from_alerts([alert(pod, "oom high", "oom_kills") for pod in pods], PARTS)
    loudest = max(evidence, key=lambda one: one.severity)
    assert loudest.entity == Entity(EntityKind.SERVICE, "pay", "shop")
    assert loudest.cause_kinds == (CauseKind.MEMORY_SATURATION,)


def test_the_statement_tells_the_rarest_kinds_first_and_no_onset_is_claimed() -> None:
    pod = PODS["cart"][0]
    slow = [alert(one, "latency high", "latency_p95") for one in EVERY_POD]
    (told,) = (
        one for one in from_alerts([*slow, alert(pod, "rss high", "memory_usage")], PARTS) if one.entity == pod
    )  # fmt: skip
    assert told.statement == "pod cart-0 fires 2 kinds of alert, 1 of which nothing else fires: rss high, latency high"
    assert told.onset is None
    assert told.cause_kinds == (CauseKind.MEMORY_SATURATION,)


def test_what_falls_hints_at_no_exhaustion() -> None:
    (told,) = from_alerts([alert(PODS["cart"][0], "cpu low", "cpu_usage", direction="low")], PARTS)
    assert told.cause_kinds == ()


def test_the_order_of_alerts_and_edges_changes_nothing() -> None:
    alerts = [
        alert(pod, word, "disk_io", at=shop.ALERT_AT + place) for place, pod in enumerate(EVERY_POD) for word in "ab"
    ]
    shuffled, edges = list(alerts), list(PARTS)
    random.Random(7).shuffle(shuffled)
    random.Random(8).shuffle(edges)
    assert from_alerts(shuffled, edges) == from_alerts(alerts, PARTS)


def test_no_alerts_say_nothing() -> None:
    assert from_alerts([], PARTS) == []


def test_an_alert_after_the_end_of_what_is_looked_at_does_not_count() -> None:
    late = alert(PODS["cart"][0], "memory high", "memory_usage", at=shop.WINDOW.end + 60)
    assert detect([late], shop.WINDOW, subject=SERVICES["cart"]).evidence == ()
