"""One gathering from Datadog: which metrics the services have, and then few questions for all of them at once."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import numpy as np

from integrations.datadog import api
from integrations.datadog.metrics import existing
from integrations.questions import Questions
from scoring.observations import Entity, EntityKind, Gap, Series

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from integrations.base import Door, Scope, ServiceScope
    from integrations.datadog import DatadogCredentials
    from integrations.datadog.api import Row
    from integrations.datadog.metrics import Template
    from scoring.observations import Observation, Window

SOURCE = "datadog"
MAX_SERVICES = 20
POINTS = 240
GOLDEN = frozenset({"latency_p95", "error_ratio", "request_rate"})


def gathered(door: Door, credentials: DatadogCredentials, scope: Scope, window: Window) -> Iterator[Observation]:
    """Yield the series of the scope's services, and gaps.

    :raises SourceError: where Datadog does not answer at all.
    """
    services = scope.services[:MAX_SERVICES]
    for left_out in scope.services[MAX_SERVICES:]:
        yield Gap(SOURCE, f"metrics of {left_out.name}", f"asked about the first {MAX_SERVICES} services only")
    if not services:
        return
    questions = Questions(source=SOURCE, door=door)
    step = max(30, math.ceil((window.end - window.start) / POINTS / 15) * 15)
    wanted = api.filter_of(credentials, services)
    heard: set[str] = set()
    with api.server(door, credentials) as asked:
        names = questions.ask("which metrics exist", partial(api.metrics, asked, wanted, since=window.start))
        templates = list(existing(names or frozenset()))
        told: set[tuple[str, str, EntityKind]] = set()
        for place in range(0, len(templates), api.MOST_TOGETHER // 2):
            batch = templates[place : place + api.MOST_TOGETHER // 2]
            about = ", ".join(dict.fromkeys(one.name for one in batch))
            filled = [_filled(one, wanted, credentials.service_tag) for one in batch]
            formulas = [formula for pair in filled for formula in pair]
            rows = questions.ask(
                about, partial(api.series, asked, formulas, start=window.start, end=window.end, step=step)
            )
            for one in _series(batch, filled, rows or [], services, credentials, window):
                key = (one.entity.name, one.indicator, one.entity.kind)
                if key not in told:
                    told.add(key)
                    yield one
        heard = {name for name, indicator, _ in told if indicator in GOLDEN or indicator == "connections"}
    if questions.answered:
        for service in services:
            if service.name not in heard:
                tried = " or ".join(f"{credentials.service_tag}:{api.tag_of(name)}" for name in api.names_of(service))
                yield Gap(
                    SOURCE,
                    f"golden signals of {service.name}",
                    f"no trace metrics found for {tried}; enter the tag that names services, or trace the service",
                )
    yield from questions.close()


def _filled(template: Template, wanted: str, tag: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return a template's formula with its queries, and that of its limit where it has one."""

    def fill(query: str) -> str:
        return query.replace("%", f"{{{wanted}}} by {{{tag}}}")

    made = [(template.formula, tuple(fill(query) for query in template.queries))]
    return [*made, ("a", (fill(template.limit),))] if template.limit else made


def _series(
    templates: Sequence[Template],
    filled: Sequence[Sequence[tuple[str, tuple[str, ...]]]],
    rows: Sequence[Row],
    services: Sequence[ServiceScope],
    credentials: DatadogCredentials,
    window: Window,
) -> Iterator[Series]:
    """Yield the series of each template for each service, in order."""
    known = {api.tag_of(name): one for one in reversed(services) for name in reversed(api.names_of(one))}
    of: dict[int, dict[str, Row]] = {}
    for row in rows:
        of.setdefault(row.formula, {}).setdefault(row.tags.get(credentials.service_tag, ""), row)
    index = 0
    for template, formulas in zip(templates, filled, strict=True):
        limits = of.get(index + 1, {}) if len(formulas) > 1 else {}
        for tag, row in sorted(of.get(index, {}).items()):
            service = known.get(tag)
            if service is None:
                continue
            formula, queries = formulas[0]
            query = api.named(formula, dict(zip("abcdef", queries, strict=False)))
            yield Series(
                entity=Entity(template.kind, service.name), indicator=template.name, unit=template.unit, times=np.array(row.times),
                values=np.array(row.values), source=SOURCE, worse=template.worse, counter=template.counter, limit=_limit(limits.get(tag)),
                query=query, link=_link(credentials, query, window), labels=row.tags,
            )  # fmt: skip
        index += len(formulas)


def _limit(row: Row | None) -> float | None:
    last = row.values[-1] if row is not None else 0.0
    return last if last > 0 else None


def _link(credentials: DatadogCredentials, query: str, window: Window) -> str:
    """Return the address of Datadog's query page for the window."""
    span = {"start": int(window.start * 1000), "end": int(window.end * 1000), "live": "false"}
    return f"{credentials.application}/metric/explorer?{urlencode({**span, 'query': query})}"
