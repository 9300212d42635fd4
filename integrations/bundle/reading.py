"""The files of a bundle, sorted by what they are, become one case of observations."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from integrations import cluster
from integrations.bundle import api, printed, tables
from integrations.recorded import RecordedCase, logs, metrics, objects, topology
from integrations.recorded.entities import Entities
from integrations.recorded.files import BadCase
from integrations.recorded.snapshots import KINDS
from integrations.recorded.traces import seconds
from scoring.observations import Dependency, Entity, EntityKind, Gap, Note, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import PurePath

    from integrations.bundle.files import File
    from integrations.recorded.files import Table
    from scoring.observations import Observation

Object = dict[str, Any]

BEFORE = 3600.0
_SOURCE = "bundle"
_DATES = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?")
_POD_SUFFIX = re.compile(r"(-[bcdf-hj-np-tv-xz0-9]{5,10})?-[bcdf-hj-np-tv-xz0-9]{5}$")
_LOG_WORDS = re.compile(r"[._-]?(logs?|current|previous|stdout|stderr|output)$", re.IGNORECASE)
_MOST_LINES = 200_000
_MOST_TOLD = 4


@dataclass(frozen=True, slots=True)
class Bundle:
    """Hold a bundle as a case, what each file was read as, and which files were not read and why."""

    case: RecordedCase
    read: tuple[tuple[str, str], ...]
    left_out: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Sorted:
    """Collect what the files are."""

    texts: dict[str, str] = field(default_factory=dict)
    objects: dict[str, list[Object]] = field(default_factory=dict)
    # Of which kind all objects were listed, in which namespace ("" where the list does not tell).
    whole: set[tuple[str, str]] = field(default_factory=set)
    tables: list[Table] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    calls: list[Any] = field(default_factory=list)
    read: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    written: float = 0.0


def assemble(name: str, files: Iterable[File], *, about: str = "", at: float | None = None) -> Bundle:
    """Return the bundle that files make.

    :raises BadCase: where nothing in them can be read; the text says what was looked for.
    """
    found = _Sorted()
    for file in files:
        kind = "" if file.why_not else _sort(file, found)
        if kind:
            found.read.append((str(file.path), kind))
        else:
            found.left_out.append((str(file.path), file.why_not or "is none of what is known"))
    if not found.read:
        raise BadCase(
            f"{name}: nothing in it can be read; expected what kubectl printed (get, describe, -o json, cluster-info dump),"
            " metrics (CSV with a column of times, or Prometheus range answers), or logs"
        )
    table = tables.merged(found.tables)
    now = _now(found, table, at)
    seen, names = _cluster(found, now)
    entities = Entities(names, tuple(sorted(one["metadata"].get("name", "") for one in seen.all("Node"))))
    window = Window(
        start=min(now - BEFORE, float(table.times[0]) if table is not None else now),
        end=max(now, float(table.times[-1]) if table is not None else now),
        alert_at=now,
    )
    observed = list(_observed(found, seen, entities, table, window, at))
    things = _things(observed)
    subject = _subject(about, things, observed, name)
    if about:
        observed.append(Note(subject, about, now, "you", kind="alert"))
    observed += _entrances(subject, observed)
    case = RecordedCase(
        id=name,
        dataset="",
        system=name,
        subject=subject,
        window=window,
        observations=tuple(observed),
        entities=tuple(sorted({*names, *things})),
        nodes=entities.nodes,
        sources=tuple(sorted({one.source for one in observed if not isinstance(one, Gap | Note) and one.source})),
    )
    return Bundle(case, tuple(found.read), tuple(found.left_out))


def _sort(file: File, found: _Sorted) -> str:
    """Keep what a file holds, and return in words what it is; "" where it is nothing that is known."""
    found.written = max(found.written, file.written)
    path = file.path if file.path.suffix != ".gz" else file.path.with_suffix("")
    home = printed.namespace_of(path.name) or (path.parent.name or "")
    kinds: list[str] = []
    text, dumped = api.logs(file.text)
    for pod, lines in dumped:
        found.lines += _lines(lines, _service_of(pod))
    kinds += ["logs"] * bool(dumped)
    if path.suffix in {".csv", ".tsv"}:
        table = tables.read_csv(text, stem=_stem(path))
        if table is not None:
            found.tables.append(table)
            return "metrics"
        return ""
    for document in api.documents(text):
        kinds += _sort_document(document, path, home, found)
    if not kinds:
        for command, output in printed.commands(text, namespace=home or "default"):
            kept = found.texts.get(command)
            found.texts[command] = output if kept is None else f"{kept}\n{output}"
            kinds.append(" ".join(command.split()[1:3]))
    if not kinds and _is_log(path, text):
        found.lines += _lines(text, _service_of(_log_name(path)))
        kinds.append("logs")
    told = list(dict.fromkeys(kinds))
    return ", ".join(told) if len(told) <= _MOST_TOLD else f"{len(told)} kinds of objects and outputs"


def _sort_document(document: Any, path: PurePath, home: str, found: _Sorted) -> Iterator[str]:
    if isinstance(document, list) and all(isinstance(one, list) and len(one) == 2 for one in document) and document:
        found.calls += document
        yield "calls"
        return
    table = tables.read_prometheus(document, stem=_stem(path))
    if table is not None:
        found.tables.append(table)
        yield "metrics"
        return
    if isinstance(document, dict) and "kind" not in document and (document.keys() & {"msg", "message", "body"}):
        # One line of a log that is written as JSON.
        found.lines += _lines(json.dumps(document), _service_of(_log_name(path)))
        yield "logs"
        return
    for kind, value in api.objects(document):
        if value is None:
            found.whole.add((kind, home))
            found.objects.setdefault(kind, [])
        else:
            found.objects.setdefault(kind, []).append(value)
            if str(document.get("kind")).endswith("List"):
                found.whole.add((kind, str(value["metadata"].get("namespace") or "")))
        yield kind


def _stem(path: PurePath) -> str:
    return path.name.partition(".")[0] or "bundle"


def _log_name(path: PurePath) -> str:
    """Return the pod or service that a log file is called after: its own name, or its folder's where it is `logs.txt`."""
    name = _LOG_WORDS.sub("", path.name.partition(".")[0])
    while not name and path.parent.name:
        path = path.parent
        name = _LOG_WORDS.sub("", path.name)
    return name.removeprefix("kubectl_logs_").removeprefix("logs-").removeprefix("logs_") or "logs"


def _service_of(pod: str) -> str:
    return _POD_SUFFIX.sub("", pod) or pod


def _is_log(path: PurePath, text: str) -> bool:
    if path.suffix in {".log", ".jsonl"} or re.search(r"log", "/".join(path.parts), re.IGNORECASE):
        return True
    lines = [line for line in text[:20_000].splitlines() if line.strip()][:50]
    return len(lines) > 2 and sum(1 for line in lines if _DATES.search(line[:60])) >= 0.6 * len(lines)


def _lines(text: str, service: str) -> list[dict[str, Any]]:
    found = []
    for line in text.splitlines()[-_MOST_LINES:]:
        if not line.strip():
            continue
        record: dict[str, Any] = {}
        if line.lstrip().startswith("{"):
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                value = None
            record = value if isinstance(value, dict) else {}
        stamp = record.get("ts") or record.get("time") or record.get("timestamp") or record.get("@timestamp")
        match = None if stamp else _DATES.search(line[:80])
        level = record.get("level") or record.get("severity")
        found.append(
            {
                "service": str(record.get("service") or record.get("app") or service),
                "msg": str(record.get("msg") or record.get("message") or record.get("body") or line.strip()),
                "timestamp": stamp or (match[0].replace(",", ".") if match else None),
                **({"level": str(level)} if level else {}),
            }
        )
    return found


def _now(found: _Sorted, table: Table | None, at: float | None) -> float:
    """Return the moment of the bundle: what was said, else the newest time in it, else when its files were written."""
    if at is not None:
        return at
    times = [float(table.times[-1])] if table is not None else []
    times += [moment for one in found.lines if (moment := seconds(one["timestamp"])) is not None]
    for event in found.objects.get("Event", ()):
        for key in ("lastTimestamp", "eventTime", "firstTimestamp"):
            moment = seconds(event.get(key))
            times += [] if moment is None else [moment]
    return max((one for one in times if math.isfinite(one) and one > 0.0), default=found.written)


def _cluster(found: _Sorted, now: float) -> tuple[cluster.Cluster, tuple[str, ...]]:
    """Return all objects as a cluster, and the services that its workloads are."""
    moment = datetime.fromtimestamp(now, UTC)
    read = objects.read(
        {command: text for command, text in found.texts.items() if not command.startswith("kubectl get pods ")},
        now=moment, wall=False, namespace="default",
    )  # fmt: skip
    for command, text in found.texts.items():
        for plural, value in printed.objects(command, text, now=moment):
            read.fill(plural, value, complete=False)
    by_kind = {KINDS[plural]: list(some) for plural, some in read.objects.items() if plural in KINDS}
    by_kind["Event"] = [*read.events, *found.objects.get("Event", ())]
    for kind, some in found.objects.items():
        if kind != "Event":
            # What the API itself said stands before what was printed of it.
            by_kind[kind] = [*by_kind.get(kind, ()), *some]
    homes = {str(one["metadata"].get("namespace") or "") for some in by_kind.values() for one in some} - {""}
    whole = set(found.whole)
    for command in found.texts:
        match = re.match(r"^kubectl get (\S+) -n (\S+)", command)
        if match and match[1] in KINDS:
            whole.add((KINDS[match[1]], match[2]))
    told = {"Pod"} if "pods" in read.objects and _unlabelled(read.objects["pods"]) else set()
    unread = {
        (kind, home) for kind in by_kind for home in homes if kind in told or not {(kind, home), (kind, "")} & whole
    }
    seen = cluster.Cluster.of(by_kind, at=now, since=now - BEFORE, unread=unread)
    names = {
        seen.owner(kind, str(one["metadata"].get("namespace") or ""), str(one["metadata"].get("name") or ""))
        for kind, one in seen.workloads("Deployment", "StatefulSet", "DaemonSet")
    }
    names |= {seen.pod(pod).service for pod in seen.all("Pod")}
    return seen, tuple(sorted(name for name in names if name))


def _unlabelled(pods: Iterable[Object]) -> bool:
    """Say whether some pods were only listed: a list tells no labels, so that nothing can be said of what selects them."""
    return any(not pod["metadata"].get("labels") for pod in pods)


def _observed(
    found: _Sorted, seen: cluster.Cluster, entities: Entities, table: Table | None, window: Window, at: float | None
) -> Iterator[Observation]:
    if table is not None:
        yield from metrics.series(table, entities)
    yield from topology.calls(found.calls, entities)
    yield from cluster.find(seen)
    yield from cluster.dependencies(seen)
    for pod in seen.all("Pod"):
        node = str((pod.get("spec") or {}).get("nodeName") or "")
        if node:
            yield Dependency(seen.pod(pod), Entity(EntityKind.NODE, node), "placement")
    if found.lines:
        times = [moment for one in found.lines if (moment := seconds(one["timestamp"])) is not None]
        # Without a time of the alert nobody knows which lines are of before it.
        since = at if at is not None and times and min(times) < at < max(times) else min(times, default=window.start)
        names = {one: _mapped(one, entities.services) for one in {str(line["service"]) for line in found.lines}}
        lines = [{**line, "service": names[str(line["service"])]} for line in found.lines]
        start, end = min([*times, since]), max([*times, window.end])
        yield from logs.lines(lines, {}, entities, anomaly_time=since, start=start, end=end)


def _mapped(name: str, services: tuple[str, ...]) -> str:
    """Return the service that a log is of: the one whose name it bears, with or without what stands around it."""
    if name in services:
        return name
    inside = [one for one in services if re.search(rf"(^|[^a-z0-9]){re.escape(one)}([^a-z0-9]|$)", name)]
    return max(inside, key=len) if inside else name


def _things(observed: Iterable[Observation]) -> frozenset[str]:
    return frozenset(one.entity.service for one in observed if not isinstance(one, Dependency | Gap | Note))


def _subject(about: str, things: frozenset[str], observed: list[Observation], name: str) -> Entity:
    """Return what was asked about: a thing that the words name, else where calls begin, else the whole bundle."""
    calls = [one for one in observed if isinstance(one, Dependency) and one.callee.kind is not EntityKind.NODE]
    known = things | {entity.service for one in calls for entity in (one.caller, one.callee)}
    words = re.findall(r"[\w.-]+", about)
    for word in words:
        if word in known:
            return Entity(EntityKind.SERVICE, word)
    called = {one.callee.service for one in calls}
    needs: dict[str, int] = {}
    for one in calls:
        if one.caller.service not in called:
            needs[one.caller.service] = needs.get(one.caller.service, 0) + 1
    if needs:
        return Entity(EntityKind.SERVICE, min(needs, key=lambda one: (-needs[one], one)))
    return Entity(EntityKind.CLUSTER, name)


def _entrances(subject: Entity, observed: Iterable[Observation]) -> list[Dependency]:
    """Return that a whole system needs each of its things, where nothing says who calls whom from its edge."""
    if subject.kind is not EntityKind.CLUSTER:
        return []
    things = {Entity(EntityKind.SERVICE, one) for one in _things(observed)}
    return [Dependency(subject, one, _SOURCE) for one in sorted(things)]
