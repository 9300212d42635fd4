"""Who calls whom, as meshes (Istio, Linkerd) and service graphs of tracers count requests in Prometheus."""

from __future__ import annotations

import math
from functools import cache
from importlib import resources
from string import Template
from typing import TYPE_CHECKING

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from integrations.base import Rejected
from integrations.prometheus.api import Api
from integrations.prometheus.pack import metrics_of
from integrations.survey import MOST_TEXT, Call, Survey, Thing
from scoring.observations import EntityKind, Gap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from integrations.base import Door, Scope
    from integrations.prometheus import PrometheusCredentials
    from scoring.observations import Window

SOURCE = "prometheus"
# Requests are counted over so long at most: a count over more is dear, and the next survey sees the rest.
LONGEST = 3600
# What meshes write where they do not know who it is, and what tracers call the world outside.
_NOBODY = frozenset({"", "unknown", "user", "PassthroughCluster", "BlackHoleCluster"})
_KINDS = {"database": EntityKind.DATABASE, "messaging_system": EntityKind.QUEUE, "virtual_node": EntityKind.EXTERNAL}


class _End(BaseModel):
    """Hold which labels name one end of a call; `kind` is the label that says what it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: tuple[str, ...] = Field(min_length=1)
    namespace: tuple[str, ...] = ()
    kind: str = ""

    def thing(self, labels: Mapping[str, str]) -> Thing | None:
        """Return who is named, None where nobody is."""
        name = next((word for key in self.name if (word := labels.get(key, ""))), "")
        namespace = next((word for key in self.namespace if (word := labels.get(key, ""))), "")
        if name in _NOBODY or max(len(name), len(namespace)) > MOST_TEXT:
            return None
        if namespace in _NOBODY:
            namespace = ""
        kind = _KINDS.get(labels.get(self.kind, ""), EntityKind.SERVICE)
        return Thing(name, kind, namespace, name if namespace else "")


class Mesh(BaseModel):
    """Hold how one mesh is asked who calls whom."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    query: str
    caller: _End
    callee: _End
    unit: str


@cache
def meshes() -> tuple[Mesh, ...]:
    """Return the meshes that are known, in the order of asking."""
    text = resources.files(__package__).joinpath("mesh.yaml").read_text(encoding="utf-8")
    return TypeAdapter(tuple[Mesh, ...]).validate_python(yaml.safe_load(text))


def surveyed(door: Door, credentials: PrometheusCredentials, scope: Scope, window: Window) -> Survey:
    """Return every pair of caller and callee that a mesh or a service graph counted; without such metrics, none.

    :raises SourceError: where Prometheus does not answer.
    """
    # A mesh counts all that it carries, whoever set it up.
    del scope
    start = max(window.start, window.end - LONGEST)
    seconds = max(60, math.ceil(window.end - start))
    calls: list[Call] = []
    gaps: list[Gap] = []
    with Api(door, credentials) as api:
        wanted = tuple(dict.fromkeys(name for mesh in meshes() for name in metrics_of(mesh.query)))
        there = api.metric_names(wanted, start=start, end=window.end)
        for mesh in meshes():
            if not there.issuperset(metrics_of(mesh.query)):
                continue
            query = Template(mesh.query).substitute(window=f"{seconds}s")
            try:
                found = api.instant(query, at=window.end)
            except Rejected as error:
                gaps.append(Gap(SOURCE, f"calls by {mesh.source}", error.reason))
                continue
            calls += _calls(mesh, found, seconds)
    return Survey(calls=tuple(calls), gaps=tuple(gaps)).bounded(SOURCE)


def _calls(mesh: Mesh, found: list[dict[str, object]], seconds: int) -> Iterator[Call]:
    for one in found:
        metric, sample = one.get("metric"), one.get("value")
        if not isinstance(metric, dict) or not isinstance(sample, list) or len(sample) != 2:
            continue
        caller, callee = mesh.caller.thing(metric), mesh.callee.thing(metric)
        if caller is None or callee is None or caller == callee:
            continue
        try:
            count = f"{float(sample[1]):.0f}"
        except (TypeError, ValueError):
            continue
        yield Call(caller, callee, f"{SOURCE} {mesh.source}", f"{count} {mesh.unit} in {seconds // 60} min")
