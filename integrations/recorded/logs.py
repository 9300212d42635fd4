"""Recorded logs: counted templates, patterns and plain lines become log patterns before and since the onset."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from integrations.recorded.files import number
from integrations.recorded.traces import minute_of, seconds
from integrations.templates import is_telling, mask
from scoring.observations import LogPattern

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from integrations.recorded.entities import Entities

SOURCE = "logs"
_MINUTE = 60.0
_MOST_OF_A_SERVICE = 40
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?")
_MOST_EXAMPLE = 300
_OFFSET = re.compile(r"[+-]\d\d:?\d\d$")
# What kubectl itself says where there is no log.
_NO_LOG = re.compile(
    r"^(Error: )?(Error from server|error: container|Defaulted container|Unable to retrieve container logs)",
    re.IGNORECASE,
)


@dataclass(slots=True)
class _Tally:
    service: str
    template: str
    level: str
    example: str
    before: float = 0.0
    during: float = 0.0
    times: list[float] = field(default_factory=list)


def templates(
    rows: Iterable[dict[str, str]],
    references: Iterable[dict[str, str]],
    lines: Iterable[Mapping[str, Any]],
    entities: Entities,
    *,
    anomaly_time: float,
) -> Iterator[LogPattern]:
    """Yield the templates that were counted by minute, against those of a normal minute; vanished ones count nothing during."""
    tallies: dict[tuple[str, str], _Tally] = {}
    before: set[object] = set()
    during: set[float] = set()
    for row in rows:
        at = minute_of(row.get("minute", ""), anomaly_time)
        if at is None:
            continue
        tally = _tally(tallies, row)
        # The minute in which it began belongs to what came after.
        if at + _MINUTE <= anomaly_time:
            before.add(at)
            tally.before += _count(row)
        else:
            during.add(at)
            tally.during += _count(row)
            tally.times.append(max(at, anomaly_time))
    for row in references:
        before.add(row.get("minute", ""))
        _tally(tallies, row).before += _count(row)
    examples = _examples(lines)
    for tally in tallies.values():
        tally.example = examples.get((tally.service, tally.template), tally.example)
    yield from _patterns(tallies, entities, len(before) * _MINUTE, len(during) * _MINUTE)


def lines(
    records: Iterable[Mapping[str, Any]],
    totals: Mapping[str, Any],
    entities: Entities,
    *,
    anomaly_time: float,
    start: float,
    end: float,
    wall: bool = False,
) -> Iterator[LogPattern]:
    """Yield the templates of plain lines that tell of trouble.

    `totals` holds all lines and all lines with errors of each service, where only a sample of the lines was kept: the lines
    of trouble then stand for as many as there were. `wall` says that the record's own times carry no zone: then the clock on
    the wall is what all of them share.
    """
    tallies: dict[tuple[str, str], _Tally] = {}
    sampled: dict[str, int] = {}
    for record in records:
        service, text = str(record.get("service") or ""), _text(record)
        if not service or not text or _NO_LOG.search(text):
            continue
        template, level = mask(text)
        level = str(record.get("severity_text") or record.get("level") or level).lower()
        if not is_telling(template, level):
            continue
        sampled[service] = sampled.get(service, 0) + 1
        tally = tallies.setdefault((service, template), _Tally(service, template, level, text[:_MOST_EXAMPLE]))
        stamp = record.get("ts") or record.get("timestamp")
        at = seconds(_OFFSET.sub("", stamp) if wall and isinstance(stamp, str) else stamp)
        if at is not None and at < anomaly_time:
            tally.before += 1
        else:
            tally.during += 1
            if at is not None:
                tally.times.append(at)
    for tally in tallies.values():
        total = totals.get(tally.service)
        errors = number(total[1]) if isinstance(total, list) and len(total) > 1 else 0.0
        if errors > sampled[tally.service]:
            tally.during *= errors / sampled[tally.service]
    tallies = _of_containers(tallies, set(entities.services) | set(sampled))
    yield from _patterns(tallies, entities, max(0.0, anomaly_time - start), max(0.0, end - anomaly_time))


def _of_containers(tallies: Mapping[tuple[str, str], _Tally], names: Collection[str]) -> dict[tuple[str, str], _Tally]:
    """Return the tallies by service, where a container of it (`cart.proxy`) or one that ended (`cart.previous`) was told apart."""
    found: dict[tuple[str, str], _Tally] = {}
    for tally in tallies.values():
        stem = tally.service.partition(".")[0]
        tally.service = stem if stem in names else tally.service
        known = found.setdefault((tally.service, tally.template), tally)
        if known is not tally:
            known.before += tally.before
            known.during += tally.during
            known.times += tally.times
    return found


def patterns(
    recorded: Iterable[Mapping[str, Any]], entities: Entities, *, anomaly_time: float, start: float, end: float
) -> Iterator[LogPattern]:
    """Yield what another tool counted: how often a pattern came, and how much more than usual that is."""
    for one in recorded:
        count, delta = number(one.get("count")), number(str(one.get("delta_vs_baseline", "")).replace("+", ""))
        template = " ".join(str(one.get("signature") or one.get("template") or "").split())
        if not template or not math.isfinite(count):
            continue
        before = max(0.0, count - delta) if math.isfinite(delta) else 0.0
        length = max(1.0, end - anomaly_time)
        yield LogPattern(
            entity=entities.named(str(one.get("service", ""))),
            template=template,
            count_before=round(before),
            count_during=round(count),
            source="log patterns",
            # The usual count is for as long a time as the one that is looked at.
            seconds_before=length,
            seconds_during=length,
            level="error" if one.get("sentiment") == "negative" else "",
            first_seen=anomaly_time if before == 0 else start,
            example=template,
        )


def _tally(tallies: dict[tuple[str, str], _Tally], row: Mapping[str, str]) -> _Tally:
    service, text = row.get("service", ""), row.get("template", "")
    template, level = mask(text)
    return tallies.setdefault((service, template), _Tally(service, template, level, text[:_MOST_EXAMPLE]))


def _count(row: Mapping[str, str]) -> float:
    found = number(row.get("count"))
    return found if math.isfinite(found) else 0.0


def _examples(records: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for record in records:
        text = _text(record)
        key = (str(record.get("service") or ""), mask(text)[0])
        found.setdefault(key, text[:_MOST_EXAMPLE])
    return found


def _text(record: Mapping[str, Any]) -> str:
    text = str(record.get("msg") or record.get("message") or record.get("body") or "").strip()
    if text.startswith("{"):
        try:
            inner = json.loads(text)
        except ValueError:
            return text
        if isinstance(inner, dict):
            # Only what says something of the line itself: a level beside its message.
            words = [str(inner[key]) for key in ("message", "msg", "event", "error", "err") if inner.get(key)]
            level = str(inner.get("level") or inner.get("severity") or "")
            return " ".join([*([level.upper()] if level else []), *words]) or text
    return text


def _patterns(
    tallies: Mapping[tuple[str, str], _Tally], entities: Entities, before: float, during: float
) -> Iterator[LogPattern]:
    by_service: dict[str, list[_Tally]] = {}
    for tally in tallies.values():
        by_service.setdefault(tally.service, []).append(tally)
    for service, own in sorted(by_service.items()):
        own.sort(key=lambda one: (one.level not in {"fatal", "error"}, -one.during, -one.before, one.template))
        for tally in own[:_MOST_OF_A_SERVICE]:
            yield LogPattern(
                entity=entities.named(service),
                template=tally.template,
                count_before=round(tally.before),
                count_during=round(tally.during),
                source=SOURCE,
                seconds_before=before,
                seconds_during=during,
                level=tally.level,
                first_seen=min(tally.times, default=None),
                last_seen=max(tally.times, default=None),
                example=tally.example,
            )
