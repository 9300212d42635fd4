"""Recorded alerts: the one that paged, and streams of them told as one state for each thing and kind of alert."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from integrations.recorded.columns import meaning
from integrations.recorded.files import number
from integrations.recorded.traces import seconds
from integrations.templates import is_telling, mask
from scoring.observations import Dependency, LogPattern, Note, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from integrations.recorded.entities import Entities

SOURCE = "alerts"
_WAYS = {"up": "high", "down": "low"}
_TEXTS = (
    "summary",
    "title",
    "detail",
    "description",
    "monitor",
    "metric",
    "raw_error",
    "business_action",
    "metric_category",
)


@dataclass(slots=True)
class _Stream:
    """Count the alerts of one kind at one thing."""

    count: int = 0
    first: float = float("inf")
    last: float = 0.0
    what: dict[str, int] = field(default_factory=dict)

    def add(self, at: float, what: str) -> None:
        self.count += 1
        self.first, self.last = min(self.first, at), max(self.last, at)
        self.what[what] = self.what.get(what, 0) + 1


def stream(records: Iterable[Mapping[str, Any]], entities: Entities) -> Iterator[State | LogPattern | Dependency]:
    """Yield a state for each thing and kind of alert (`latency high`, `system.cpu.pct_usage high`), its count and its first sight.

    An alert about a call is about the one that was called.
    """
    states: dict[tuple[str, str, str, str], _Stream] = defaultdict(_Stream)
    logged: dict[tuple[str, str, str], _Stream] = defaultdict(_Stream)
    edges: set[tuple[str, str]] = set()
    for record in records:
        at = seconds(record.get("ts") or record.get("timestamp"))
        if at is None:
            continue
        kind = str(record.get("kind", ""))
        if kind == "trace":
            caller, callee = str(record.get("source", "")), str(record.get("target", ""))
            if caller != callee and caller and callee:
                edges.add((caller, callee))
            word, indicator = _felt(str(record.get("symptom", "")))
            # The caller's own span of a call that it makes says how long it waited.
            states[callee or caller, word, indicator, "high"].add(at, str(record.get("operation", "")))
        elif kind == "metric":
            name, indicator, direction = _metric(str(record.get("metric", "")), str(record.get("direction", "")))
            states[str(record.get("entity", "")), name, indicator, direction].add(at, "")
        elif kind == "log":
            messages = record.get("messages")
            text = str(messages[0]) if isinstance(messages, list) and messages else str(record.get("template", ""))
            template, level = mask(text)
            count = number(record.get("count"))
            one = logged[str(record.get("entity", "")), template, level]
            one.add(at, text)
            one.count += max(0, int(count) - 1) if math.isfinite(count) else 0
    for caller, callee in sorted(edges):
        yield Dependency(entities.named(caller), entities.named(callee), "trace alerts")
    for (name, what, indicator, direction), found in sorted(states.items()):
        told = sorted(found.what, key=lambda what: (-found.what[what], what))
        yield State(
            entities.named(name), what, SOURCE, at=found.first, count=found.count,
            detail=", ".join(told[:4]), attributes={"alert": "yes", "indicator": indicator, "direction": direction},
        )  # fmt: skip
    for (name, template, level), found in sorted(logged.items()):
        yield LogPattern(
            entities.named(name), template, 0, found.count, "log alerts",
            level=level or ("error" if is_telling(template, level) else ""),
            example=next(iter(found.what))[:300],
        )  # fmt: skip


def notes(alerts: Iterable[Mapping[str, Any]], entities: Entities, *, at: float, subject: str) -> Iterator[Note]:
    """Yield the words of alerts; one that names no thing is about the subject."""
    for alert in alerts:
        text = " ".join(
            str(part) for part in (*(alert.get(key) for key in _TEXTS), *_evidence(alert), alert.get("type")) if part
        )
        name = next(
            (str(alert[key]) for key in ("service", "name", "entity_name", "entry_service") if alert.get(key)), subject
        )
        fired = seconds(alert.get("fired_at") or alert.get("time"))
        yield Note(
            entities.named(name), text or "an alert without words", fired if fired is not None else at, SOURCE,
            labels={key: str(alert[key]) for key in ("severity", "metric", "monitor") if alert.get(key)},
        )  # fmt: skip


def entity_states(alerts: Iterable[Mapping[str, Any]], entities: Entities, *, at: float) -> Iterator[State]:
    """Yield what alerts that carry their own measurements say of a thing, one state for each."""
    for alert in alerts:
        name = str(alert.get("name") or alert.get("entity_name") or "")
        for line in _evidence(alert):
            word = line.partition("[")[0].partition("|")[0].strip()
            if name and word:
                yield State(entities.named(name), word.title().replace("_", ""), SOURCE, at=at, detail=line[:400])


def _evidence(alert: Mapping[str, Any]) -> list[str]:
    found = alert.get("evidence")
    return [str(line) for line in found] if isinstance(found, list) else []


def _felt(symptom: str) -> tuple[str, str]:
    """Return what an alert about a call says, and the indicator that it is of: how long the call took, or that it failed."""
    slow = symptom.lower().startswith("laten")
    return (f"{symptom} high", "latency_p95") if slow else (symptom, "error_ratio")


def _metric(name: str, way: str) -> tuple[str, str, str]:
    """Return what an alert about a metric says, the metric's indicator where one is known, and which way that went."""
    column = meaning(name)
    # A share of good that falls is a share of bad that rises.
    bad = {"up": "down", "down": "up"}.get(way, way) if column is not None and column.complement else way
    return f"{name} {_WAYS.get(way, way)}".strip(), column.indicator if column is not None else "", _WAYS.get(bad, bad)
