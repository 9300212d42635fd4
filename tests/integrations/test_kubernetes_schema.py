"""Kubernetes' published schemas, both ways: what we hold keeps to them, we read only what they have, and all they allow is read."""

from __future__ import annotations

import ast
import json
from collections import defaultdict
from functools import cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

import integrations
from copilot import replay
from copilot.replay.recording import load
from integrations.base import Scope, ServiceScope
from integrations.cluster import Cluster, dependencies, fields, find
from integrations.kubernetes import conditions, cron, environment, events, logs, looking, releases, rollouts, versions
from integrations.kubernetes.ownership import Owners
from integrations.kubernetes.snapshot import CLUSTER_WIDE, KINDS, NAMESPACED, REVISIONS, Snapshot
from scoring.observations import State, Window
from tests.integrations.kubernetes_schema import NoSuchField, Schema, packaged
from tests.integrations.schema_samples import Sampler
from tests.unit.cluster.shop import NOW, VERSION, objects

if TYPE_CHECKING:
    from collections.abc import Iterator

Object = dict[str, Any]
ANSWERS = Path(__file__).parent / "fixtures" / "kubernetes" / "answers.json"
# Kinds that others define, and one of our own for what no API tells.
OTHERS = {"Gateway", "GatewayClass", "HTTPRoute", "NodeService"}
OF_PLURAL = {**KINDS, REVISIONS.plural: "ControllerRevision", "configmaps": "ConfigMap", "secrets": "Secret"}
# Versions that ship with the tests: one of some years ago and the newest. The vendor's own file is read where it is there.
PACKAGED = ("1.29", VERSION)
SCOPE = Scope(
    service=ServiceScope("payments", "shop", "payments"),
    neighbours=(ServiceScope("db", "shop", "db"), ServiceScope("checkout", "shop")),
)
WINDOW = Window(start=NOW - 3600, end=NOW, alert_at=NOW - 60)


@pytest.fixture(scope="module", params=[*PACKAGED, "the vendor's"])
def schema(request: pytest.FixtureRequest) -> Schema:
    if request.param in PACKAGED:
        return packaged(request.param)
    shared: Path = request.getfixturevalue("shared")
    return Schema.of(json.loads((shared / "vendor/specs/kubernetes-swagger.json").read_text())["definitions"])


def of_fixtures() -> Iterator[tuple[str, Object]]:
    for kind, items in objects().items():
        yield from ((kind, one) for one in items)
    for path, answer in json.loads(ANSWERS.read_text()).items():
        plural = path.rpartition("/")[2]
        if plural in OF_PLURAL:
            yield from ((OF_PLURAL[plural], one) for one in answer["items"])


@cache
def of_the_demo() -> list[tuple[str, Object]]:
    recording = load(Path(replay.__file__).parent / "shop.json.gz")
    found: list[tuple[str, Object]] = []
    for one in recording.exchanges.values():
        plural = one.path.rpartition("/")[2]
        # The recorded server is old enough to have versions that no schema describes any more.
        is_told = one.vendor == "kubernetes" and plural in OF_PLURAL and "beta" not in one.path
        if is_told and isinstance(one.body, dict):
            found += [(OF_PLURAL[plural], item) for item in one.body.get("items", ())]
    return found


def of_vendors(shared: Path) -> Iterator[tuple[str, Object]]:
    folder = shared / "vendor/payloads/kubernetes"
    for path in sorted(folder.glob("real-apiserver-*/*.json")):
        yield from ((OF_PLURAL[path.stem], one) for one in json.loads(path.read_text())["items"])


def seen() -> dict[str, list[str]]:
    """Return the texts of our own objects by the names of their fields, and the keys of their maps."""
    found: dict[str, set[str]] = defaultdict(set)

    def walk(name: str, value: Any) -> None:
        if isinstance(value, dict):
            found[f"{name} of"] |= set(value)
            for key, inner in value.items():
                walk(key, inner)
        elif isinstance(value, list):
            for inner in value:
                walk(name, inner)
        elif isinstance(value, str):
            found[name].add(value)

    for kind, one in (*of_fixtures(), *of_the_demo()):
        walk("", one)
        found["kind"].add(kind)
    return {name: sorted(texts) for name, texts in found.items()}


SEEN = seen()


def completed(schema: Schema, kind: str, given: Object) -> list[Object]:
    """Return an object with what each version of its kind demands besides: fixtures hold what is read alone."""
    root = {"definitions": schema.definitions}
    return [Sampler(root, Random(1), share=0.0).filled(name, given) for name in schema.names(kind)]


# --- what we hold -------------------------------------------------------------------------------------------------------


def test_every_field_of_our_fixtures_is_one_of_kubernetes(schema: Schema) -> None:
    read = [(kind, one) for kind, one in of_fixtures() if kind not in OTHERS]
    assert len({kind for kind, _ in read}) > 30
    for kind, given in read:
        faults = [schema.faults(kind, whole) for whole in completed(schema, kind, given)]
        assert "" in faults, faults


def test_every_object_of_the_demos_world_is_one_of_kubernetes(schema: Schema) -> None:
    found = of_the_demo()
    assert {"Pod", "Deployment", "ReplicaSet", "Node", "Event", "Service"} <= {kind for kind, _ in found}
    assert [fault for kind, one in found if (fault := schema.faults(kind, one))] == []


def test_every_object_of_the_vendors_is_one_of_kubernetes(schema: Schema, shared: Path) -> None:
    found = list(of_vendors(shared))
    assert len(found) > 10
    assert [fault for kind, one in found if (fault := schema.faults(kind, one))] == []


def test_a_field_that_kubernetes_does_not_have_is_refused(schema: Schema) -> None:
    pod = next(one for kind, one in of_the_demo() if kind == "Pod")
    assert schema.faults("Pod", {**pod, "status": {**pod["status"], "fase": "Running"}}).startswith("Pod.status: ")
    assert schema.faults("Pod", {**pod, "spec": {"containers": "none"}}).startswith("Pod.spec.containers: ")


# --- what we read -------------------------------------------------------------------------------------------------------


def test_a_misspelt_field_is_caught_when_it_is_read(schema: Schema) -> None:
    pod = schema.watched("Pod", next(one for kind, one in of_the_demo() if kind == "Pod"))

    assert fields.text(pod, "status", "phase") == "Running"
    with pytest.raises(NoSuchField, match=r"^Pod\.status has no fase$"):
        fields.text(pod, "status", "fase")
    with pytest.raises(NoSuchField, match=r"^Pod\.spec\.containers\[\] has no livenesProbe$"):
        fields.part(next(fields.parts(pod, "spec", "containers")), "livenesProbe")


def test_every_name_that_we_read_by_is_one_of_kubernetes(schema: Schema) -> None:
    """Also where no test leads; by the name alone, for the source does not tell of which object."""
    known = {name for one in schema.definitions.values() for name in one.get("properties", ())}
    known |= {
        # the Gateway API's, and an Ingress of Kubernetes before 1.22
        "backendRefs", "certificateRefs", "gatewayClassName", "listeners", "parentRefs", "parents", "sectionName", "servicePort",
        # our own NodeService's
        "node", "since",
        # a list that is made up on the way
        "all",
        # of a gateway's configuration, which a config map holds as text
        "predicates", "statusPort", "uri",
    }  # fmt: skip
    folder = Path(integrations.__file__).parent
    others = {"argo", "flux", "certificates", "releases", "access", "custom"}
    files = [*folder.glob("cluster/*.py"), *(one for one in folder.glob("kubernetes/*.py") if one.stem not in others)]
    read = {(path.stem, name) for path in files for name in names_read(path)}
    assert len({name for _, name in read}) > 150
    assert sorted((stem, name) for stem, name in read if name not in known and "/" not in name) == []


def names_read(path: Path) -> Iterator[str]:
    readers = {"part", "parts", "has", "text", "texts", "words", "number"}
    for node in ast.walk(ast.parse(path.read_text())):
        call = node.func if isinstance(node, ast.Call) else None
        if isinstance(call, ast.Attribute) and call.attr in readers and ast.unparse(call.value) == "fields":
            arguments = [one.value for one in node.args[1:] if isinstance(one, ast.Constant)]  # type: ignore[attr-defined]
            yield from (one for one in arguments if isinstance(one, str) and not one.startswith("f:"))


# --- what they allow ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_whatever_keeps_to_the_schema_is_read_without_a_fault(schema: Schema, seed: int) -> None:
    random = Random(seed)
    made: dict[str, list[Object]] = defaultdict(list)
    for kind in sorted({*objects(), "ControllerRevision"} - OTHERS):
        for number in range(8):
            for name in schema.names(kind):
                sampler = Sampler({"definitions": schema.definitions}, random, share=0.45, seen=SEEN)
                one = sampler.of(name)
                if number == 0 and seed == 0:
                    assert schema.faults(kind, one) == ""
                made[kind].append(schema.watched(kind, one))

    cluster = Cluster.of(made, at=NOW, since=NOW - 3600)
    found = [*find(cluster), *dependencies(cluster)]
    assert len({one.condition for one in found if isinstance(one, State)}) > 10

    snapshot = Snapshot({one.plural: made[OF_PLURAL[one.plural]] for one in (*NAMESPACED, *CLUSTER_WIDE)
                         if OF_PLURAL[one.plural] in made}, namespaces=frozenset({"shop"}))  # fmt: skip
    written = Snapshot({"configmaps": made["ConfigMap"], "secrets": made["Secret"]})
    owners = Owners(snapshot, SCOPE)
    list(rollouts.changes(snapshot, owners, WINDOW))
    list(cron.changes(snapshot, owners, WINDOW))
    list(events.scalings(snapshot, owners, WINDOW))
    list(conditions.observations(snapshot, owners, WINDOW))
    list(environment.dependencies(snapshot, owners))
    list(logs.wanted(made["Pod"], owners, WINDOW))
    list(releases.changes(made["Secret"], snapshot, owners, WINDOW, except_of=frozenset()))
    list(versions.changes(written, snapshot, owners, WINDOW))
    for kind, resource in looking.READABLE.items():
        for one in made[OF_PLURAL[resource.plural]]:
            # It asks objects of all kinds for the counts of each.
            looking._short(kind, json.loads(json.dumps(one)))
