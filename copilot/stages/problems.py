"""A problem in plain words: which service it is about, what else it names, and what sort of trouble it speaks of; by rules."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from copilot import specialists
from copilot.models import Service
from copilot.stages.services import closest_services, named_service
from integrations.matchers import POD_SUFFIX
from scoring.indicators import fired_families

if TYPE_CHECKING:
    from collections.abc import Iterable

# So alike (of 100) is what was mistyped, even in a sentence.
MISTYPED: Final = 75.0
MOST_CHOICES: Final = 10
# A service that may be meant, how alike its name is (0 to 100), and why.
Doubt = tuple[Service, float, str]
_POD = re.compile(rf"(?P<workload>[a-z0-9][a-z0-9-]*?){POD_SUFFIX}")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")
_NAMESPACE = re.compile(
    r"(?:\bnamespace[:=]?\s+|\bns[:/=]\s*|(?<!\S)-n\s+|\bin the\s+(?=\S+\s+namespace\b))[`'\"]?(?P<name>[a-z0-9][a-z0-9-]{0,62})",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Choice:
    """Hold a service that may be meant, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Reading:
    """Hold what the words were understood to say.

    `how` says by what the service was found. Where several may be meant, `service` is None and `choices` holds them; without
    either, the words name nothing that is known. `families` are scoring's families of indicators. `domains` are kubernetes,
    metrics, logs, changes, database, network, credentials, the likeliest first.
    """

    words: str
    service: Service | None = None
    how: str = ""
    choices: tuple[Choice, ...] = ()
    pods: tuple[str, ...] = ()
    namespace: str = ""
    families: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()


def read(words: str) -> Reading:
    """Return what the words say; call it in the tenant's scope."""
    words = " ".join(words.split())
    pods, namespace = _places(words)
    service, how, doubts = _service(words, pods, namespace)
    return Reading(
        words=words,
        service=service,
        how=how,
        choices=tuple(Choice(one.name, why) for one, _, why in doubts),
        pods=pods,
        namespace=namespace,
        families=tuple(sorted(fired_families([words]))),
        domains=specialists.domains(words),
    )


def _places(words: str) -> tuple[tuple[str, ...], str]:
    """Return the pods and the namespace that are named."""
    said = _NAMESPACE.search(words)
    pods = dict.fromkeys(one for one in _tokens(words) if _POD.fullmatch(one))
    return tuple(pods), said["name"].lower() if said else ""


def _service(words: str, pods: tuple[str, ...], namespace: str) -> tuple[Service | None, str, list[Doubt]]:
    """Return the service that is meant and by what; or those that may be."""
    if found := named_service(words) or _spelt_apart(words):
        return found, f"the words name {found.name}", []
    for pod in pods:
        matched = _POD.fullmatch(pod)
        if matched and (found := named_service(matched["workload"])):
            return found, f"{pod} is a pod of {found.name}", []
    if namespace:
        there = list(Service.objects.filter(namespace=namespace).order_by("name")[: MOST_CHOICES + 1])
        if len(there) == 1:
            return there[0], f"it is the only service in the namespace {namespace}", []
        if there:
            return None, "", [(one, 0.0, f"it is in the namespace {namespace}") for one in there[:MOST_CHOICES]]
    return None, "", _mistyped(words)


def doubted(words: str) -> list[tuple[Service, float]]:
    """Return the services that may be meant where the words leave it open, the likeliest first; none where they do not.

    They do where a name seems mistyped (words close to a name, or a single word that is none), and where they name a namespace of
    several. Each has its likeness as `closest_services` does, or 0 where nothing is alike. Call it in the tenant's scope.
    """
    return [(one, likeness) for one, likeness, _ in _service(words, *_places(words))[2]]


def _mistyped(words: str) -> list[Doubt]:
    """Return the services that may be meant where a name seems mistyped: words close to one, or a single word that is none."""
    is_single = len(words.split()) == 1
    closest = closest_services(words) if words else []
    if closest and (closest[0][1] >= MISTYPED or is_single):
        return [(one, near, "its name is like a word of yours") for one, near in closest]
    if not is_single:
        return []
    return [(one, 0.0, "it is set up") for one in Service.objects.order_by("name")[:4]]


def _spelt_apart(words: str) -> Service | None:
    """Return the service whose name stands in the words with other breaks: `front end`, `front_end` for `front-end`."""
    said = f"-{_joined(words)}-"
    found = [
        (said.find(f"-{_joined(one.name)}-"), one) for one in Service.objects.all() if re.search(r"[-_ ]", one.name)
    ]
    there = sorted(
        ((place, -len(one.name), one.id, one) for place, one in found if place >= 0), key=lambda each: each[:3]
    )
    return there[0][3] if there else None


def _joined(words: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", words.casefold()))


def _tokens(words: str) -> Iterable[str]:
    for one in _WORD.findall(words.lower()):
        yield from (part.strip(".-") for part in one.split("/"))


__all__ = ["Choice", "Reading", "doubted", "read"]
