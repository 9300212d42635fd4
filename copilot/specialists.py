"""Which specialists an incident needs: what its words speak of, and a router that chooses by the alert's class; rules alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from integrations.base import Category
from scoring.indicators import fired_families

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from integrations.base import Integration

# What the words say of the sort of trouble: families of indicators, or a pattern. From the particular to the general.
_DOMAINS: Final[tuple[tuple[Category, frozenset[str], re.Pattern[str]], ...]] = tuple(
    (domain, frozenset(families), re.compile(pattern, re.IGNORECASE))
    for domain, families, pattern in (
        (
            Category.CREDENTIALS,
            (),
            (
                r"certificat|x509|expired|unauthori[sz]|forbidden|\b40[13]\b|credential|password|permission denied|access denied|"
                r"(missing|wrong|invalid|rotated) (secret|token|key)|login fail|authenticat"
            ),
        ),
        (
            Category.DATABASE,
            ("locks", "queries", "replication"),
            r"database|\bdb\b|postgres|mysql|mariadb|mongo|redis|\bsql\b|connection pool|too many connections",
        ),
        (
            Category.NETWORK,
            ("network",),
            r"\bdns\b|connection refused|no route|packet loss|handshake|network ?polic|ingress|resolve host",
        ),
        (
            Category.KUBERNETES,
            ("restarts", "node", "memory"),
            r"\bpods?\b|deployment|\boom|crash ?loop|image ?pull|evicted|quota|probe|schedul|cordon|\breplicas?\b|kubelet",
        ),
        (
            Category.CHANGES,
            (),
            r"deploy|release|rollout|roll ?back|upgrade|config|feature flag|environment variable|\benv var",
        ),
        (Category.LOGS, (), r"exception|stack ?trace|traceback|panic|log line|\blogs?\b"),
        (
            Category.METRICS,
            ("latency", "errors", "traffic", "cpu", "disk", "queue", "threads", "cache", "connections"),
            r"\bmetric",
        ),
    )
)
# Where users feel it, any source may know why: nothing is left out then.
_FELT: Final = frozenset({"latency", "errors", "traffic"})


@dataclass(frozen=True, slots=True)
class AlertClass:
    """Hold one class of alerts: how it is known, which specialists it needs first, and which can say nothing of it, and why."""

    words: str
    pattern: re.Pattern[str]
    first: tuple[Category, ...]
    left_out: tuple[Category, ...] = ()
    reason: str = ""


def _class(
    words: str, pattern: str, *first: Category, left_out: tuple[Category, ...] = (), reason: str = ""
) -> AlertClass:
    return AlertClass(words, re.compile(pattern, re.IGNORECASE), first, left_out, reason)


# Each pattern also finds the names of the usual alerts: those of the kubernetes-mixin, of node-exporter, of cert-manager.
CLASSES: Final = (
    _class(
        "pods that are not placed",
        (
            r"KubePodNotScheduled|unschedulable|failed ?scheduling|\bpods?\b.{0,40}\bpending|\bpending pods?\b|cordon\w*|"
            r"KubeQuota\w*|resource ?quota|exceeded quota|\bquota\b.{0,20}\b(?:full|used up)|Kube(?:CPU|Memory)(?:Quota)?Overcommit"
        ),
        Category.KUBERNETES,
        Category.CHANGES,
        Category.METRICS,
        left_out=(Category.LOGS, Category.NETWORK),
        reason="a pod that was never placed has written no log and made no call",
    ),
    _class(
        "an image that is not there",
        r"image ?pull\w*|ErrImage\w*|InvalidImageName|pull (?:the|its|an?) image|(?:bad|wrong) image",
        Category.KUBERNETES,
        Category.CHANGES,
        Category.CREDENTIALS,
        left_out=(Category.LOGS,),
        reason="a container that never started has written no log",
    ),
    _class(
        "a container that cannot be made",
        r"CreateContainer\w*|(?:missing|absent) (?:secret|config ?map)|(?:secret|config ?map)\b.{0,60}\bnot found",
        Category.KUBERNETES,
        Category.CHANGES,
        Category.CREDENTIALS,
    ),
    _class(
        "a pod that keeps stopping",
        r"KubePodCrashLooping|crash ?loop\w*|KubeContainerOOM\w*|\boom\w*|out of memory|\brestart\w*|KubePodNotReady|evicted",
        Category.KUBERNETES,
        Category.LOGS,
        Category.CHANGES,
        Category.METRICS,
    ),
    _class(
        "a workload that is not ready",
        r"Kube(?:Deployment|StatefulSet|DaemonSet|HPA|Job)\w*|\bprobes?\b|(?:not|un)[ -]?(?:ready|available|healthy)|endpoints?\b|selector",
        Category.KUBERNETES,
        Category.CHANGES,
        Category.LOGS,
    ),
    _class(
        "a node in trouble",
        r"KubeNode\w*|KubeletDown|Node(?:Filesystem|Memory|Disk)\w*|\bnode\b|kubelet",
        Category.KUBERNETES,
        Category.METRICS,
    ),
    _class(
        "a volume that fills",
        r"KubePersistentVolume\w*|persistent ?volume|volume .{0,20}(?:full|filling)|no space left",
        Category.KUBERNETES,
        Category.METRICS,
        left_out=(Category.NETWORK,),
        reason="calls between services fill no volume",
    ),
    _class(
        "credentials or certificates",
        (
            r"certificat\w*|CertManager\w*|x509|\btls\b|\bexpir\w+|unauthori[sz]\w*|forbidden|\b40[13]\b|credential\w*|"
            r"password|permission denied"
        ),
        Category.CREDENTIALS,
        Category.KUBERNETES,
        Category.LOGS,
        Category.CHANGES,
    ),
    _class(
        "a database",
        (
            r"postgres\w*|mysql\w*|mariadb\w*|mongo\w*|redis\w*|\bdatabase|\bdb\b|\bsql\b|connection pool|"
            r"too many connections|replication|deadlock"
        ),
        Category.DATABASE,
        Category.METRICS,
        Category.LOGS,
        Category.CHANGES,
    ),
    _class(
        "the network",
        r"\bdns\b|CoreDNS\w*|connection refused|no route|packet loss|network ?polic\w*|ingress\w*|resolve host|timed? ?out",
        Category.NETWORK,
        Category.KUBERNETES,
        Category.METRICS,
        Category.CHANGES,
    ),
    _class(
        "what users feel",
        r"latency|\bslow\w*|p9[59]|\berrors?\b|error ?(?:rate|ratio|budget)\w*|\b5\d\d\b|5xx|availability|apdex|burn ?rate|\bslo\b",
        Category.METRICS,
        Category.CHANGES,
        Category.LOGS,
        Category.NETWORK,
        Category.KUBERNETES,
    ),
)  # fmt: skip
# What tells an alert's class; other labels name things, and a service may well be called `image`.
TELLING_LABELS: Final = ("alertname", "reason", "condition")


@dataclass(frozen=True, slots=True)
class Routing:
    """Hold what the router chose: who is asked first, who is left out, and why, in words for people.

    `first` is in the order of the rules; nothing in it means that nobody goes before others.
    """

    first: tuple[Category, ...]
    left_out: tuple[Category, ...]
    why: str

    def asks(self, categories: Sequence[Category]) -> bool:
        """Return whether a source that knows about these is asked: one of unknown kind is, as it may know something."""
        return not categories or not set(categories) <= set(self.left_out)

    def place(self, categories: Sequence[Category]) -> int:
        """Return where a source stands when not all can be asked, the first at 0."""
        return min((self.first.index(one) for one in categories if one in self.first), default=len(self.first))

    def ordered(self, sources: Sequence[Integration]) -> list[Integration]:
        """Return the sources in the order in which they are asked where not all can be."""
        return sorted(sources, key=lambda one: self.place(one.categories))


def domains(words: str) -> tuple[Category, ...]:
    """Return the sorts of trouble that the words speak of, the most particular first."""
    families = fired_families([words])
    return tuple(domain for domain, its, pattern in _DOMAINS if families & its or pattern.search(words))


def route(title: str, labels: Mapping[str, str]) -> Routing:
    """Return which specialists an incident of this title and these labels needs; the same for the same words, always."""
    said = [*(labels[name] for name in TELLING_LABELS if labels.get(name)), title]
    found = [(one, match) for one in CLASSES if (match := _first_match(one, said))]
    if not found:
        spoken = domains(title)
        if spoken:
            return Routing(spoken, (), f"{_joined(spoken)} first: the words speak of it")
        return Routing((), (), "all: nothing in the alert names a sort of trouble")
    first = tuple(dict.fromkeys(category for one, _ in found for category in one.first))
    because = ", ".join(f"“{match}” ({one.words})" for one, match in found[:3])
    left_out: tuple[Category, ...] = ()
    why = f"{_joined(first)} first because of {because}"
    # Only where one class alone is named, and users feel nothing yet, is anybody left out.
    if len(found) == 1 and not fired_families(said) & _FELT:
        left_out = tuple(one for one in found[0][0].left_out if one not in first)
        if left_out:
            why += f"; not {_joined(left_out, ' or ')}: {found[0][0].reason}"
    return Routing(first, left_out, why)


def _first_match(one: AlertClass, said: Sequence[str]) -> str:
    """Return the words by which a class is known; an alert's name is told whole."""
    for text in said:
        if found := one.pattern.search(text):
            return text if " " not in text else found[0]
    return ""


def _joined(categories: Sequence[Category], between: str = " + ") -> str:
    return between.join(one.value for one in categories)


__all__ = ["CLASSES", "Routing", "domains", "route"]
