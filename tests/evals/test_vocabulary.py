"""Entities and kinds of fault are named as each set of cases names them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from copilot.evaluation import vocabulary
from copilot.evaluation.vocabulary_kubernetes import CONDITIONS, KINDS
from integrations import recorded
from scoring.evidence import Candidate, CauseKind, Direction, Evidence, EvidenceKind
from scoring.observations import Entity, EntityKind, Window


def case_of(
    *names: str, nodes: tuple[str, ...] = (), namespace: str = "", dataset: str = "cloudopsbench"
) -> recorded.RecordedCase:
    web = Entity(EntityKind.SERVICE, "web")
    window = Window(0, 10, 5)
    return recorded.RecordedCase(
        "c", dataset, "s", web, window, (), (*names, *nodes, *filter(None, [namespace])), namespace, nodes
    )


@pytest.mark.parametrize(
    ("entity", "name"),
    [
        (Entity(EntityKind.POD, "cart-79b49f5555-2z682", "shop", "cart"), "cart"),
        (Entity(EntityKind.POD, "cart-79b49f5555-2z682", "shop"), "cart"),
        (Entity(EntityKind.POD, "db-mysql-0", "shop"), "db-mysql"),
        (Entity(EntityKind.SERVICE, "db"), "db-mysql"),
        (Entity(EntityKind.COMPONENT, "quota memory", "shop"), "shop"),
        (Entity(EntityKind.NODE, "worker-1"), "worker-1"),
        (Entity(EntityKind.SERVICE, "ENTRY"), None),
    ],
)
def test_entities_are_spelt_as_the_case_spells_them(entity: Entity, name: str | None) -> None:
    assert vocabulary.spelt(case_of("cart", "db-mysql", nodes=("worker-1",), namespace="shop"), entity) == name


def state(condition: str, words: str, severity: float = 0.9) -> Evidence:
    return Evidence(
        "E1",
        EvidenceKind.STATE,
        Entity(EntityKind.SERVICE, "cart"),
        condition,
        words,
        severity,
        Direction.FOR,
        "kubernetes",
    )


@pytest.mark.parametrize(
    ("condition", "words", "kind"),
    [
        ("TargetPortMismatch", "port 5050 leads to 5051", "service_port_mapping_mismatch"),
        ("ImagePullBackOff", "Back-off pulling image: manifest unknown", "incorrect_image_reference"),
        ("ErrImagePull", "dial tcp: lookup registry: no such host", "image_registry_dns_failure"),
        ("FailedScheduling", "0/4 nodes are available: 3 Insufficient cpu", "cpu_capacity_mismatch"),
        ("HostPortUnknown", "cart looks for mysql on port 34000, 20 others on 3306", "mysql_invalid_port"),
        (
            "HostPortUnknown",
            "CURRENCY_ADDR is currency:7001, but currency serves 7000",
            "service_env_var_address_mismatch",
        ),
    ],
)
def test_conditions_are_told_in_the_sets_own_words(condition: str, words: str, kind: str) -> None:
    candidate = Candidate(Entity(EntityKind.SERVICE, "cart"), CauseKind.CONFIG_CHANGE, "it is", ("E1",))
    assert vocabulary.label(case_of("cart"), candidate, [state(condition, words)], "cart") == kind
    assert kind in KINDS


def test_a_quota_blames_the_namespace() -> None:
    case = case_of("cart", namespace="shop")
    candidate = Candidate(Entity(EntityKind.SERVICE, "cart"), CauseKind.SCHEDULING, "it is", ("E1",))
    assert vocabulary.entity(case, candidate, [state("FailedCreate", "exceeded quota: pods, used: pods=3")]) == "shop"
    assert vocabulary.entity(case, candidate, [state("FailedCreate", "forbidden by a webhook")]) == "cart"


def test_there_are_49_kinds_and_no_other_is_given() -> None:
    assert len(KINDS) == 49
    assert set(CONDITIONS.values()) <= set(KINDS)


def test_every_true_kind_of_the_shared_cases_is_among_them(shared: Path) -> None:
    folder = shared / "cases" / "cloudopsbench" / "cases"
    if not folder.is_dir():
        pytest.skip("no recorded cases of Kubernetes clusters")
    told = {json.loads(one.read_text(encoding="utf-8"))["fault_kind"] for one in folder.glob("*/truth.json")}
    assert told == set(KINDS)
