"""A runbook's placeholders, filled in where the incident knows the value for certain and the value is safe to paste."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scoring.evidence import EvidenceKind, Verdict
from scoring.observations import EntityKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scoring.evidence import Evidence
    from scoring.observations import Entity

# RFC 1123 labels, as Kubernetes takes them for namespaces, services and (with dots) pods and deployments.
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)
# Which value a placeholder means; `<name>` says of what only by the word before it.
_PLACEHOLDER: Final = re.compile(r"(?P<of>\bdeploy(?:ment)?s?[/ ])?<(?P<word>[a-z]+)>")
# A deployment's pod: its name, the replica set's hash, five letters.
_OF_DEPLOYMENT: Final = re.compile(r"-[a-z0-9]{6,10}-[a-z0-9]{5}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Values:
    """Hold what an incident knows; an empty one is not known for certain."""

    namespace: str = ""
    deployment: str = ""
    pod: str = ""

    def of(self, match: re.Match[str]) -> str:
        """Return the value that a placeholder stands for, or nothing."""
        word = match["word"]
        if word == "name" and match["of"]:
            word = "deployment"
        return {"namespace": self.namespace, "deployment": self.deployment, "pod": self.pod}.get(word, "")


UNKNOWN: Final = Values()


@dataclass(frozen=True, slots=True)
class Part:
    """Hold a piece of a step; `was` is the placeholder that its text stands for, nothing where it is the runbook's own."""

    text: str
    was: str = ""


def fill(step: str, values: Values) -> tuple[Part, ...]:
    """Return a step in parts, those that the incident filled in marked; without them it is the runbook's, word for word."""
    parts: list[Part] = []
    end = 0
    for match in _PLACEHOLDER.finditer(step):
        value = values.of(match)
        if value:
            start = match.start("word") - 1
            parts += [Part(step[end:start]), Part(value, f"<{match['word']}>")]
            end = match.end()
    return tuple(part for part in (*parts, Part(step[end:])) if part.text)


def known(
    evidence: Iterable[Evidence], *, verdict: str, service: str, suspects: Sequence[tuple[str, Sequence[str]]]
) -> Values:
    """Return what an incident of `service` knows; `suspects` are its hypotheses' services and the evidence that each cites.

    Only of a likely cause are deployment and pod known; the namespace also where all that is suspected, and what was paged, is
    in one. What does not look like a Kubernetes name is not known: people will paste it.
    """
    if verdict not in {Verdict.LIKELY, Verdict.POSSIBLE} or not suspects:
        return UNKNOWN
    is_likely = verdict == Verdict.LIKELY
    services = {suspects[0][0]} if is_likely else {service, *(name for name, _ in suspects)}
    seen = [one for one in evidence if one.entity.service in services]
    namespaces = {one.entity.namespace for one in seen if one.entity.namespace}
    namespace = _safe(namespaces, _LABEL)
    if not is_likely or not namespace:
        return Values(namespace)
    first, cited = suspects[0]
    pods = {one.entity.name: one.id in cited for one in seen if one.entity.kind is EntityKind.POD}
    deployments = {first} if any(_rolls_out(one) for one in seen) or any(_is_of(pod, first) for pod in pods) else set()
    return Values(
        namespace, _safe(deployments, _NAME), _safe({pod for pod, is_cited in pods.items() if is_cited}, _NAME)
    )


def _safe(values: set[str], shape: re.Pattern[str]) -> str:
    """Return the only value where there is just one and it looks like a Kubernetes name."""
    only = next(iter(values)) if len(values) == 1 else ""
    return only if shape.fullmatch(only) else ""


def _rolls_out(one: Evidence) -> bool:
    """Say whether evidence is a rollout that the cluster itself tells of."""
    return one.kind is EvidenceKind.CHANGE and one.source == "kubernetes" and _is_workload(one.entity)


def _is_workload(entity: Entity) -> bool:
    return entity.kind in {EntityKind.SERVICE, EntityKind.WORKLOAD}


def _is_of(pod: str, name: str) -> bool:
    return pod.startswith(name) and _OF_DEPLOYMENT.fullmatch(pod.removeprefix(name)) is not None


__all__ = ["UNKNOWN", "Part", "Values", "fill", "known"]
