"""Databases and caches behind the services of a scope: which exporter's targets speak of which of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from integrations.matchers import POD_SUFFIX, quoted
from integrations.prometheus.subjects import Subject, bare_selector
from scoring.observations import Entity, EntityKind
from scoring.stores import is_store

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from integrations.prometheus.api import Api

# The one metric that every such exporter has, whether it reaches its server or not; the part before `_up` begins all others.
UP = ("pg_up", "mysql_up", "redis_up")
MARK = "copilot_subject"
MAX_TARGETS = 50

# Labels of scrape targets in which people name what they monitor; the addresses last, since a host may run several.
_NAMING = (
    "service", "job", "app", "service_name", "app_kubernetes_io_name", "app_kubernetes_io_instance", "release", "cluster",
    "cluster_name", "dbinstance_identifier", "pod", "container", "instance", "server", "addr", "target", "host",
)  # fmt: skip
# Target labels are on all series of a target; a label of the metric itself (`server`, `addr`) may be on one alone.
_TARGET = ("namespace", "job", "instance", "service", "pod")
# What is added to a store's name for its exporter, its servers and its addresses …
_ROLE = re.compile(
    rf"({POD_SUFFIX}|-(exporter|metrics|prometheus|primary|master|leader|replicas?|slave|standby|read|write|rw|ro|r|headless|node|cluster|server))$"
)
# … and for the sort that it is of, which says that the name before it is a store's only where that looks like one.
_SORT = re.compile(r"-(postgres(ql)?|pgsql?|mysqld?|mariadb|percona|redis|valkey|sentinel)$")


@dataclass(frozen=True, slots=True)
class Target:
    """Hold one target of an exporter: its sort (`pg`, `mysql`, `redis`), its labels, and the subjects whose selector finds it."""

    sort: str
    labels: Mapping[str, str]
    selected_by: frozenset[str] = frozenset()


def found(subjects: tuple[Subject, ...], api: Api, *, start: float, end: float) -> tuple[Subject, ...]:
    """Return the subjects with the exporters that speak of them; one question is asked for all.

    :raises SourceError: where the question has no answer.
    """
    ups = "|".join(UP)
    parts = [f'{{__name__=~"{ups}"}}']
    for number, one in enumerate(subjects):
        if selector := bare_selector(one.scope.selector):
            parts.append(f'label_replace({{__name__=~"{ups}",{selector}}}, "{MARK}", "{number}", "__name__", ".*")')
    # A series that a selector finds differs from itself by its mark alone, so both stay in the answer.
    rows = api.range(" or ".join(parts), start=start, end=end, step=max(1.0, (end - start) / 4))
    return assigned(subjects, targets(rows, subjects))


def targets(rows: Iterable[Mapping[str, Any]], subjects: tuple[Subject, ...]) -> tuple[Target, ...]:
    """Return the targets in an answer, each once."""
    seen: dict[tuple[tuple[str, str], ...], set[str]] = {}
    for row in rows:
        labels = {str(name): str(value) for name, value in (row.get("metric") or {}).items()}
        mark = labels.pop(MARK, "")
        by = seen.setdefault(tuple(sorted(labels.items())), set())
        if mark.isdecimal() and int(mark) < len(subjects):
            by.add(subjects[int(mark)].scope.name)
    return tuple(
        Target(labels["__name__"].removesuffix("_up"), labels, frozenset(by))
        for key, by in sorted(seen.items())
        if (labels := dict(key)).get("__name__") in UP
    )


def assigned(subjects: tuple[Subject, ...], known: tuple[Target, ...]) -> tuple[Subject, ...]:
    """Return the subjects with the matchers of their exporters; a target speaks of the one whose name fits it most exactly."""
    mine: dict[str, list[Target]] = {}
    for target in known:
        for name in target.selected_by or _named_by(target, subjects):
            mine.setdefault(name, []).append(target)
    made = []
    for one in subjects:
        own = mine.get(one.scope.name, [])
        # Of two stores of one name, that in the service's own namespace is meant.
        near = [target for target in own if target.labels.get("namespace", "") == one.scope.namespace] or own
        sorts = frozenset(target.sort for target in near)
        made.append(replace(one, exporter=_matchers(near), exporters=sorts) if near else one)
    return tuple(made)


def entity(subject: Subject) -> Entity:
    """Return the database that an exporter of a service speaks of."""
    return Entity(EntityKind.DATABASE, subject.scope.name)


def _named_by(target: Target, subjects: tuple[Subject, ...]) -> tuple[str, ...]:
    words = {word: exact for label in reversed(_NAMING) for word, exact in _words(target.labels.get(label, ""))}
    space = target.labels.get("namespace", "")
    fitting = [
        (one.scope.namespace == space, words[word], len(word), one.scope.name)
        for one in subjects
        for word in {one.scope.name, one.workload}
        if word in words and (words[word] or is_store(Entity(EntityKind.SERVICE, word)))
    ]
    best = max((place[:3] for place in fitting), default=None)
    return tuple(sorted({place[3] for place in fitting if place[:3] == best}))


def _words(value: str) -> list[tuple[str, bool]]:
    """Return the names that a label's value may stand for, and whether each is meant without a doubt.

    `redis://sessions.shop.svc:6379` is `sessions`, `shop/orders-db-exporter` is `orders-db`; `orders-postgresql-0` is
    `orders-postgresql`, and `orders` only with doubt.
    """
    if not value or "://127." in value or value.startswith(("localhost", "127.")):
        return []
    host = urlsplit(value).hostname or "" if "://" in value else re.sub(r":\d+$", "", value).rpartition("/")[2]
    if re.fullmatch(r"[\d.]+", host):
        return []
    word = host.partition(".")[0]
    made = [(word, True)]
    exact = True
    while word:
        shorter = _ROLE.sub("", word)
        if shorter == word:
            shorter = _SORT.sub("", word)
            exact = False
        if shorter == word:
            break
        word = shorter
        made.append((word, exact))
    return made[::-1]


def _matchers(own: list[Target]) -> str:
    own = own[:MAX_TARGETS]
    labels = {
        label: sorted({target.labels.get(label, "") for target in own})
        for label in _TARGET
        if any(target.labels.get(label) for target in own)
    } or {"__name__": sorted({f"{target.sort}_.+" for target in own})}
    return ",".join(f'{label}=~"{quoted("|".join(map(re.escape, values)))}"' for label, values in labels.items())
