"""Recorded incidents and support bundles: a folder of files becomes what the live sources would have said.

The files that are there decide what is read, never where the folder came from. Files that hold the answer are not opened.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from integrations.recorded import alerts, changes, logs, metrics, snapshots, topology, traces
from integrations.recorded.entities import Entities
from integrations.recorded.files import BadCase, Folder, Forbidden, number
from scoring.observations import Dependency, Entity, EntityKind, Gap, Note, Series, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from integrations.recorded.files import Table
    from scoring.observations import Observation

__all__ = ["BadCase", "Forbidden", "RecordedCase", "quiet", "read"]

# How far before an incident a snapshot's events are looked at, and how long after it the metrics.
BEFORE = 3600.0
# A healthy window ends so long before the fault, and has at least so many rows.
QUIET_GUARD = 60.0
QUIET_ROWS = 16
_ENTRY = ("ENTRY", "entry", "frontend", "gateway")


@dataclass(frozen=True, slots=True)
class RecordedCase:
    """Hold one recorded case as observations.

    `entities` are the names as the case itself spells them, `commits` the hashes that a change may be one of, `sources` what
    was read.
    """

    id: str
    dataset: str
    system: str
    subject: Entity
    window: Window
    observations: tuple[Observation, ...]
    entities: tuple[str, ...]
    namespace: str = ""
    nodes: tuple[str, ...] = ()
    commits: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


def read(directory: Path) -> RecordedCase:
    """Return the case in a folder.

    :raises BadCase: where there is no `case.json`, or a file cannot be read.
    """
    folder = Folder(directory)
    case = folder.json("case.json")
    if not isinstance(case, dict):
        raise BadCase(f"{folder.directory / 'case.json'}: expected a JSON object that describes the case")
    entities = _entities(case)
    references = _references(case)
    graphs = [folder.json(name) for name in references if name.endswith(".json.gz")]
    for graph in graphs:
        if isinstance(graph, dict):
            entities.learn(topology.types(graph))
    fault = number(case.get("anomaly_time"))
    table = _table(folder, references, fault)
    window = _window(folder, case, table)
    alert = case.get("alert") if isinstance(case.get("alert"), dict) else {}
    found = list(_observed(folder, case, entities, window, references, graphs, table))
    subject = _subject(case, alert or {}, entities, found)
    found += _entrances(subject, found)
    found += alerts.notes(
        [one for one in (alert, *_listed(case, "alerts")) if one], entities, at=window.alert_at, subject=subject.name
    )
    if not any(isinstance(one, Note) for one in found) and case.get("query"):
        found.append(Note(subject, str(case["query"]), window.alert_at, alerts.SOURCE))
    commits = _rows(folder, "commits.json.gz")
    return RecordedCase(
        id=str(case.get("id") or folder.directory.name),
        dataset=str(case.get("dataset") or ""),
        system=str(case.get("system") or ""),
        subject=subject,
        window=window,
        observations=tuple(found),
        entities=entities.spelt,
        namespace=entities.namespace,
        nodes=entities.nodes,
        commits=tuple(str(one.get("sha") or one.get("hash")) for one in commits if isinstance(one, dict)),
        sources=tuple(sorted({one.source for one in found if not isinstance(one, Gap) and one.source})),
    )


def _entities(case: Mapping[str, Any]) -> Entities:
    def names(key: str) -> tuple[str, ...]:
        told = case.get(key)
        return tuple(name for name in told if isinstance(name, str)) if isinstance(told, list) else ()

    return Entities(names("services"), names("nodes"), str(case.get("namespace") or ""))


def _references(case: Mapping[str, Any]) -> tuple[str, ...]:
    named = case.get("reference")
    # One reference is told as a text, several as a list.
    if isinstance(named, str):
        return (named,)
    return tuple(one for one in named if isinstance(one, str)) if isinstance(named, list) else ()


def _table(folder: Folder, references: Iterable[str], fault: float) -> Table | None:
    own = folder.table("metrics.csv.gz") or folder.table("metrics.csv")
    if own is None:
        return None
    normal = [
        found
        for name in references
        if name.endswith((".csv.gz", ".csv")) and "trace_stats" not in name and "templates" not in name
        and (found := folder.table(name)) is not None
    ]  # fmt: skip
    return metrics.joined(own, normal, quiet_until=fault - QUIET_GUARD)


def _window(folder: Folder, case: Mapping[str, Any], table: Table | None) -> Window:
    """Return the window of a case: all of its metrics and alerts, or an hour before a snapshot."""
    stamp = case.get("collection_timestamp")
    collected = snapshots.now_of(stamp, 0.0)[0] if stamp else None
    at = number(case.get("anomaly_time"))
    ends = [] if table is None else [float(table.times[-1])]
    if collected is not None:
        ends.append(collected.timestamp())
    ends += [found for one in folder.lines("alerts.jsonl.gz") if (found := traces.seconds(one.get("ts"))) is not None]
    stated = case.get("window")
    if not ends and isinstance(stated, list) and len(stated) == 2:
        ends.append(number(stated[1]))
    if not math.isfinite(at):
        at = max(ends, default=0.0)
    end = max([*ends, at])
    start = float(table.times[0]) if table is not None else at - BEFORE
    if table is not None and collected is not None:
        # The snapshot's objects are looked at as far back as without metrics.
        start = min(start, collected.timestamp() - BEFORE)
    return Window(start=start, end=end, alert_at=at)


def _observed(
    folder: Folder,
    case: Mapping[str, Any],
    entities: Entities,
    window: Window,
    references: tuple[str, ...],
    graphs: list[Any],
    table: Table | None,
) -> Iterator[Observation]:
    at = window.alert_at
    if table is not None:
        yield from metrics.series(table, entities)
    yield from topology.calls(case.get("call_graph"), entities)
    for graph in graphs:
        if isinstance(graph, dict):
            yield from topology.graph(graph, entities)
    names = folder.names()
    if "trace_stats.csv.gz" in names:
        normal = [row for name in references if "trace_stats" in name for row in folder.rows(name)]
        yield from traces.statistics(folder.rows("trace_stats.csv.gz"), normal, entities, anomaly_time=at)
    if "traces.json.gz" in names:
        yield from traces.spans(_rows(folder, "traces.json.gz"), entities)
    if "log_templates.csv.gz" in names:
        normal = [row for name in references if "templates" in name for row in folder.rows(name)]
        yield from logs.templates(
            folder.rows("log_templates.csv.gz"), normal, folder.lines("logs.jsonl.gz"), entities, anomaly_time=at
        )
    elif "logs.jsonl.gz" in names:
        totals = case.get("log_lines_total_and_error")
        # Where nobody tells when it began, a snapshot's lines are of what goes on.
        began = at if math.isfinite(number(case.get("anomaly_time"))) else window.start
        yield from logs.lines(
            folder.lines("logs.jsonl.gz"), totals if isinstance(totals, dict) else {}, entities,
            anomaly_time=began, start=window.start, end=window.end,
            wall=snapshots.now_of(case.get("collection_timestamp"), 0.0)[1],
        )  # fmt: skip
    if "patterns.json.gz" in names:
        yield from logs.patterns(
            _rows(folder, "patterns.json.gz"), entities, anomaly_time=at, start=window.start, end=window.end
        )
    if "alerts.jsonl.gz" in names:
        yield from alerts.stream(folder.lines("alerts.jsonl.gz"), entities)
    yield from alerts.entity_states(_listed(case, "alerts"), entities, at=at)
    yield from changes.changes(
        _rows(folder, "deploys.json.gz"), _rows(folder, "commits.json.gz"), _rows(folder, "flags.json.gz"), entities
    )
    if "k8s.json.gz" in names:
        probes = folder.json("probes.json.gz")
        probes = probes if isinstance(probes, dict) else {}
        texts = folder.json("k8s.json.gz")
        now, wall = snapshots.now_of(case.get("collection_timestamp") or probes.get("collection_timestamp"), window.end)
        yield from topology.drawn(probes.get("dependencies") or {}, entities)
        if isinstance(texts, dict):
            yield from snapshots.observations(texts, probes, entities, window, now=now, wall=wall)


def _subject(
    case: Mapping[str, Any], alert: Mapping[str, Any], entities: Entities, found: Iterable[Observation]
) -> Entity:
    """Return what the alert is about: what it names, else where users enter, else the system itself."""
    named = str(alert.get("service") or alert.get("name") or "")
    if named:
        return entities.named(named)
    measured = {one.entity.name for one in found if isinstance(one, Series)}
    entry = next((name for name in _ENTRY if name in measured), "")
    if entry:
        return entities.named(entry)
    calls = [one for one in found if isinstance(one, Dependency) and one.caller.kind is not EntityKind.NODE]
    called = {one.callee.name for one in calls}
    # Where users enter is what nobody calls and what needs the most.
    needs: dict[str, int] = {}
    for one in calls:
        if one.caller.name not in called and one.caller.name in entities.services:
            needs[one.caller.name] = needs.get(one.caller.name, 0) + 1
    if needs:
        return entities.named(min(needs, key=lambda name: (-needs[name], name)))
    return Entity(EntityKind.CLUSTER, str(case.get("system") or "system"))


def _entrances(subject: Entity, found: Iterable[Observation]) -> list[Dependency]:
    """Return what users reach first, where the subject is what they see and itself calls nobody that is known."""
    calls = [one for one in found if isinstance(one, Dependency)]
    called = {one.callee.name for one in calls}
    if subject.name in called | {one.caller.name for one in calls}:
        return []
    roots = sorted(
        {one.caller for one in calls if one.caller.name not in called and one.caller.kind is not EntityKind.POD}
    )
    doors = [door for door in _doors(subject, found) if door not in roots]
    # Behind a door that no call is known of lies what nobody else calls.
    behind = [(door, root) for door in doors if door.name not in called for root in roots]
    return [
        Dependency(one, other, "entrance") for one, other in [*((subject, door) for door in (*doors, *roots)), *behind]
    ]


def _doors(subject: Entity, found: Iterable[Observation]) -> list[Entity]:
    """Return the services whose own times to answer are, number by number, what users see: there they enter."""
    measured = [
        one for one in found if isinstance(one, Series) and one.peer is None and one.indicator.startswith("latency")
    ]
    seen = {one.indicator: one for one in measured if one.entity == subject}
    same = {
        one.entity
        for one in measured
        if one.entity != subject and one.indicator in seen and _is_one(one, seen[one.indicator])
    }
    return sorted(same)


def _is_one(one: Series, other: Series) -> bool:
    """Say whether two series are the same measurement: equal wherever both have a value, and not constant."""
    _, ours, theirs = np.intersect1d(one.times, other.times, return_indices=True)
    return (
        ours.size >= QUIET_ROWS
        and bool(np.array_equal(one.values[ours], other.values[theirs]))
        and float(np.ptp(one.values[ours])) > 0.0
    )


def _rows(folder: Folder, name: str) -> list[dict[str, Any]]:
    value = folder.json(name)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _listed(case: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    value = case.get(key)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def quiet(directory: Path, *, share: float = 0.75) -> RecordedCase | None:
    """Return a healthy window cut from what a case's metrics showed before its fault, None where that is too short.

    The same alert is taken to have fired when so large a `share` of the quiet time had passed, and nothing to have been wrong.

    :raises BadCase: where there is no case, or a file cannot be read.
    """
    folder = Folder(directory)
    case = folder.json("case.json")
    if not isinstance(case, dict):
        raise BadCase(f"{folder.directory / 'case.json'}: expected a JSON object that describes the case")
    entities, references = _entities(case), _references(case)
    fault = number(case.get("anomaly_time"))
    table = _table(folder, references, fault)
    if table is None or not math.isfinite(fault):
        return None
    kept = table.times < fault - QUIET_GUARD
    times = table.times[kept]
    if times.size < QUIET_ROWS:
        return None
    at = float(times[int(times.size * share)])
    healthy = metrics.Table(times, table.columns, table.values[kept])
    found: list[Observation] = [*metrics.series(healthy, entities), *topology.calls(case.get("call_graph"), entities)]
    alert = case.get("alert") if isinstance(case.get("alert"), dict) else {}
    subject = _subject(case, alert or {}, entities, found)
    found += _entrances(subject, found)
    if alert:
        told = {key: value for key, value in alert.items() if key not in {"time", "fired_at", "observed", "detail"}}
        found += alerts.notes([told], entities, at=at, subject=subject.name)
    return RecordedCase(
        id=str(case.get("id") or folder.directory.name),
        dataset=str(case.get("dataset") or ""),
        system=str(case.get("system") or ""),
        subject=subject,
        window=Window(start=float(times[0]), end=float(times[-1]), alert_at=at),
        observations=tuple(found),
        entities=entities.spelt,
        namespace=entities.namespace,
        nodes=entities.nodes,
        sources=tuple(sorted({one.source for one in found if not isinstance(one, Gap) and one.source})),
    )
