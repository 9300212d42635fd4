"""A runbook's placeholders are filled in where the incident knows the value for certain, and only with Kubernetes names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copilot.knowledge.placeholders import Part, Values, fill, known
from scoring.evidence import Evidence
from scoring.observations import Entity, EntityKind
from tests.unit.slackbot import briefings

SHOP = Values("shop", "payments", "payments-7d9f8b6c5d-x2x4z")
ROLLOUT = replace(briefings.ROLLOUT, id="E4", source="kubernetes")
SUSPECT = [("payments", ("E4", "E3"))]


def words(step: str, values: Values = SHOP) -> str:
    return "".join(part.text for part in fill(step, values))


@pytest.mark.parametrize(
    ("step", "filled"),
    [
        (
            "Undo: `kubectl -n <namespace> rollout undo deployment/<name>`.",
            "Undo: `kubectl -n shop rollout undo deployment/payments`.",
        ),
        ("kubectl scale deploy <name> --replicas=<n>", "kubectl scale deploy payments --replicas=<n>"),
        ("kubectl -n <namespace> delete pod <pod>", "kubectl -n shop delete pod payments-7d9f8b6c5d-x2x4z"),
        ("kubectl -n <namespace> describe hpa <name>", "kubectl -n shop describe hpa <name>"),
        ("kubectl rollout undo deployment/<deployment>", "kubectl rollout undo deployment/payments"),
        ("nc -zv <service> <port>", "nc -zv <service> <port>"),
    ],
)
def test_a_placeholder_is_filled_in_where_it_is_clear_what_it_means(step: str, filled: str) -> None:
    assert words(step) == filled


def test_what_was_filled_in_is_marked_and_the_rest_is_the_runbooks_word_for_word() -> None:
    step = "kubectl -n <namespace> get pods"

    assert fill(step, SHOP) == (Part("kubectl -n "), Part("shop", "<namespace>"), Part(" get pods"))
    assert "".join(part.was or part.text for part in fill(step, SHOP)) == step
    assert fill(step, Values()) == (Part(step),)


def pod(name: str, **changed: object) -> Evidence:
    entity = Entity(EntityKind.POD, name, "shop", "payments")
    return replace(briefings.WAITS, entity=entity, **changed)  # type: ignore[arg-type]


def test_a_likely_causes_namespace_deployment_and_one_cited_pod_are_known() -> None:
    name = "payments-7d9f8b6c5d-x2x4z"

    assert known([ROLLOUT], verdict="likely cause", service="checkout", suspects=SUSPECT) == Values("shop", "payments")
    assert known([pod(name, id="E3")], verdict="likely cause", service="checkout", suspects=SUSPECT) == SHOP
    two = [pod(name, id="E3"), pod("payments-7d9f8b6c5d-aaaaa", id="E4")]
    assert known(two, verdict="likely cause", service="checkout", suspects=SUSPECT) == Values("shop", "payments")


def test_a_stateful_sets_pod_is_no_deployment() -> None:
    seen = [pod("payments-0", id="E9")]

    assert known(seen, verdict="likely cause", service="checkout", suspects=SUSPECT) == Values("shop")


def test_of_possible_causes_only_a_common_namespace_is_known() -> None:
    suspects = [*SUSPECT, ("catalog", ("E6",))]
    elsewhere = replace(briefings.INNOCENT, entity=replace(briefings.CATALOG, namespace="web"))

    assert known(
        [ROLLOUT, briefings.INNOCENT], verdict="possible causes", service="payments", suspects=suspects
    ) == Values("shop")
    assert known([ROLLOUT, elsewhere], verdict="possible causes", service="payments", suspects=suspects) == Values()


@pytest.mark.parametrize("verdict", ["inconclusive", "no fault seen", ""])
def test_where_nothing_is_suspected_enough_to_act_on_nothing_is_known(verdict: str) -> None:
    assert known([ROLLOUT], verdict=verdict, service="checkout", suspects=SUSPECT) == Values()


@pytest.mark.parametrize("name", ["shop; rm -rf /", "$(id)", "Shop", "-n", "shop\n", "shоp", "a" * 254, "--all"])
def test_what_is_no_kubernetes_name_is_never_filled_in(name: str) -> None:
    placed = replace(ROLLOUT, entity=replace(briefings.PAYMENTS, namespace=name))
    named = replace(ROLLOUT, entity=Entity(EntityKind.SERVICE, name, "shop", name))

    assert known([placed], verdict="likely cause", service="checkout", suspects=SUSPECT) == Values()
    assert known([named], verdict="likely cause", service="checkout", suspects=[(name, ("E4",))]) == Values("shop")
