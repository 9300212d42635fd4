"""Datadog's query API: which metrics there are for a tag, and their values over time.

https://docs.datadoghq.com/api/latest/metrics/: `GET /api/v1/metrics` and `POST /api/v2/query/timeseries`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from integrations.base import Rejected
from integrations.payload import part, parts, whole
from integrations.server import Server, ServerCredentials

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from integrations.base import Door, ServiceScope
    from integrations.datadog import DatadogCredentials

VENDOR: Final = "Datadog"
# So many formulas in one request; each is a series for each service.
MOST_TOGETHER: Final = 20
_LETTER: Final = re.compile(r"\b[a-f]\b")
_TAG: Final = re.compile(r"[^a-z0-9_\-./]")


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """Hold one series of an answer: of which formula it is, its tags, and its samples in Unix seconds."""

    formula: int
    tags: Mapping[str, str]
    times: tuple[float, ...]
    values: tuple[float, ...]


def server(door: Door, credentials: DatadogCredentials) -> Server:
    """Return the API, with both keys in its headers; use `with`."""
    sent = {
        "DD-API-KEY": credentials.api_key.get_secret_value() if credentials.api_key else "",
        "DD-APPLICATION-KEY": credentials.application_key.get_secret_value() if credentials.application_key else "",
    }
    return Server(door, ServerCredentials(url=credentials.address), vendor=VENDOR, headers=sent)


def tag_of(name: str) -> str:
    """Return a name as Datadog keeps it in a tag: lower case, other letters as underscores."""
    return _TAG.sub("_", name.lower())[:200]


def filter_of(credentials: DatadogCredentials, services: Iterable[ServiceScope]) -> str:
    """Return the filter that finds the series of services."""
    words = sorted({tag for one in services for name in names_of(one) if (tag := tag_of(name))})
    found = f"{credentials.service_tag} IN ({','.join(words)})"
    return f"env:{tag_of(credentials.env)} AND {found}" if credentials.env else found


def names_of(service: ServiceScope) -> tuple[str, ...]:
    """Return the names that a service may have in Datadog: its own, and its workload's."""
    return tuple(dict.fromkeys((service.name, service.workload.rpartition("/")[2] or service.name)))


def metrics(asked: Server, wanted: str, *, since: float) -> frozenset[str]:
    """Return the names of the metrics that were reported for a filter.

    :raises SourceError: where there is no answer.
    """
    answer = asked.get("/api/v1/metrics", (("from", str(int(since))), ("tag_filter", wanted)))
    found = answer.get("metrics")
    if not isinstance(found, list):
        raise Rejected("/api/v1/metrics was answered in an unknown shape; is this address Datadog's?", retryable=False)
    return frozenset(name for name in found if isinstance(name, str))


def series(
    asked: Server, formulas: Sequence[tuple[str, Sequence[str]]], *, start: float, end: float, step: float
) -> list[Row]:
    """Return the series of formulas, each with its queries, which it calls a, b and so on.

    :raises SourceError: where there is no answer.
    """
    queries: list[dict[str, str]] = []
    written: list[dict[str, str]] = []
    for formula, parts_of in formulas:
        called: dict[str, str] = {}
        for letter, query in zip("abcdef", parts_of, strict=False):
            called[letter] = f"query{len(queries)}"
            queries.append({"data_source": "metrics", "name": called[letter], "query": query})
        written.append({"formula": named(formula, called)})
    attributes = {
        "from": int(start * 1000), "to": int(end * 1000), "interval": int(step * 1000), "queries": queries, "formulas": written,
    }  # fmt: skip
    answer = asked.post(
        "/api/v2/query/timeseries", body={"data": {"type": "timeseries_request", "attributes": attributes}}
    )
    return list(_rows(part(part(answer, "data"), "attributes"), start=start, end=end))


def named(formula: str, called: Mapping[str, str]) -> str:
    """Return a formula with each letter in the words that stand for it."""
    return _LETTER.sub(lambda match: called.get(match[0], match[0]), formula)


def _rows(attributes: Mapping[str, Any], *, start: float, end: float) -> Iterator[Row]:
    times, values = attributes.get("times"), attributes.get("values")
    if not isinstance(times, list) or not isinstance(values, list):
        raise Rejected("the answer holds no times and values; is this address Datadog's?", retryable=False)
    for one, samples in zip(parts(attributes, "series"), values, strict=False):
        index = whole(one, "query_index")
        points = [
            (float(at) / 1000.0, float(value))
            for at, value in zip(times, samples if isinstance(samples, list) else [], strict=False)
            if _is_number(at) and _is_number(value) and start <= float(at) / 1000.0 <= end
        ]
        if index is None or not points:
            continue
        given = one.get("group_tags")
        tags = [tag for tag in given if isinstance(tag, str)] if isinstance(given, list) else []
        labels = dict(tag.split(":", 1) for tag in tags if ":" in tag)
        yield Row(index, labels, tuple(at for at, _ in points), tuple(value for _, value in points))


def _is_number(value: object) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300 and math.isfinite(value)
    )
