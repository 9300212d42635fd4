"""What a recorded column's name means: which indicator in which unit, and which way is bad."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from scoring.observations import Worse

_HIGH, _LOW, _EITHER = Worse.HIGH, Worse.LOW, Worse.EITHER


@dataclass(frozen=True, slots=True)
class Column:
    """Say what a column holds.

    `scale` brings its numbers into `unit`; 0 means that the numbers themselves must tell (percent or share, seconds or
    milliseconds). `complement` marks a share of good, of which one minus the share is what goes wrong. `outgoing` marks what
    a caller sees of its own calls. `is_limit` marks the limit of the indicator and no series of its own.
    """

    indicator: str
    unit: str
    worse: Worse = _HIGH
    scale: float = 1.0
    complement: bool = False
    counter: bool = False
    outgoing: bool = False
    is_limit: bool = False


def _plain(indicator: str, unit: str, worse: Worse = _HIGH, scale: float = 1.0) -> Column:
    return Column(indicator, unit, worse, scale)


# In this order: the first that matches decides.
_MEANINGS: tuple[tuple[re.Pattern[str], Column], ...] = tuple(
    (re.compile(pattern), column)
    for pattern, column in (
        (r"cert.*(expir|lifetime)", _plain("certificate_lifetime", "seconds", _LOW)),
        (r"oom", _plain("oom_kills", "count")),
        (r"restart", _plain("restarts", "count")),
        (r"uptime", _plain("uptime", "seconds", _LOW)),
        (r"pool.*(max|limit|size)|max_?conn", Column("connections", "count", is_limit=True)),
        (r"mem.*limit|limit.*mem", Column("memory_usage", "bytes", is_limit=True)),
        (r"cpu.*limit|limit.*cpu", Column("cpu_usage", "cores", is_limit=True)),
        (r"(pool|conn).*wait|wait.*(pool|conn)", _plain("connection_wait", "seconds", scale=0.0)),
        (r"pool.*(ratio|util|pct)", _plain("pool_utilisation", "ratio", scale=0.0)),
        (r"pool.*(use|active|busy)", _plain("connections", "count")),
        (r"cpu.*(cfs|throttl)|(cfs|throttl).*cpu", _plain("cpu_throttling", "ratio", scale=0.0)),
        (r"cancel.*(ratio|rate|pct|percent)", _plain("cancelled_ratio", "ratio", scale=0.0)),
        (r"success|availab", Column("error_ratio", "ratio", scale=0.0, complement=True)),
        (r"(err|5xx|4xx|fail|cancel|timeout|panic|exhaust|throttl).*(ratio|rate|pct|percent)", _plain("error_ratio", "ratio", scale=0.0)),
        (r"err|5xx|fail|cancel|timeout|panic|exhaust|throttl|missing", _plain("errors", "count")),
        (r"re?tr?ans(?!mit|action)|(net|packet).*(err|drop|loss|corrupt)", _plain("network_errors", "count")),
        (r"lat(ency)?(?![a-z])|duration|response_?time|mrt|elapsed", _plain("latency", "seconds", scale=0.0)),
        (r"queue|lag(?![a-z])|backlog|message_age", _plain("queue_depth", "count")),
        (r"syscall", _plain("system_calls", "count/s", _EITHER)),
        (r"net.*(rx|receiv|in(?![a-z]))|(rx|receiv)", _plain("network_in", "bytes/s", _EITHER)),
        (r"net.*(tx|trans|out|sent)|(tx|transmit)", _plain("network_out", "bytes/s", _EITHER)),
        (r"(disk|fs|volume).*(used|util|pct|percent|full)", _plain("disk_utilisation", "ratio", scale=0.0)),
        (r"iops|io_?(ops|count)|(read|write)s?_(ops|completed)", _plain("disk_operations", "count/s", _EITHER)),
        (r"disk|io_|_io|fs_", _plain("disk_io", "bytes/s", _EITHER)),
        (r"mem.*(rate|ratio|util|pct|percent)|heap.*(ratio|pct)", _plain("memory_utilisation", "ratio", scale=0.0)),
        (r"mem|rss|heap", _plain("memory_usage", "bytes")),
        (r"cpu.*(rate|ratio|util|pct|percent)", _plain("cpu_utilisation", "ratio", scale=0.0)),
        (r"cpu.*_m$", _plain("cpu_usage", "cores", scale=1e-3)),
        (r"cpu", _plain("cpu_usage", "cores", scale=0.0)),
        (r"thread|goroutine", _plain("threads", "count")),
        (r"conn", _plain("connections", "count")),
        (r"capacity|consumed", _plain("capacity", "count", _EITHER)),
        (r"_per_min", _plain("request_rate", "requests/s", _EITHER, 1 / 60)),
        (r"ops|rps|qps|request|throughput|load|lod|per_(s|sec|second)$|traffic|hits|count$", _plain("request_rate", "requests/s", _EITHER)),
    )
)  # fmt: skip
_SCALES: tuple[tuple[re.Pattern[str], float], ...] = (
    (re.compile(r"(_|-)ms(_|$)|millis"), 1e-3),
    (re.compile(r"(_|-)us(_|$)|micros"), 1e-6),
    (re.compile(r"(_|-)(s|sec|secs|seconds)(_|$)"), 1.0),
)
_SIZES: tuple[tuple[re.Pattern[str], float], ...] = (
    (re.compile(r"_(kb|kib|ki)(_|$)"), 2.0**10),
    (re.compile(r"_(mb|mib|mi)(_|$)"), 2.0**20),
    (re.compile(r"_(gb|gib|gi)(_|$)"), 2.0**30),
)
_PERCENT = re.compile(r"pct|percent")
_QUANTILE = re.compile(r"(?:p|_|lat)(\d{2,3})(?![0-9])")
_OUTGOING = re.compile(r"client|upstream|outbound|egress|downstream")
_NODES = re.compile(r"^node_")


@lru_cache(maxsize=4096)
def meaning(name: str) -> Column | None:
    """Return what a column's name means; of an unknown one, itself as the indicator; None where it is a node's own.

    A node's number in a column of a service that runs on it does not name the node, and so says nothing of anyone.
    """
    word = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    if _NODES.match(word):
        return None
    found = next((column for pattern, column in _MEANINGS if pattern.search(word)), None)
    if found is None:
        return Column(word or "value", "", _EITHER)
    if found.indicator == "latency":
        found = replace(found, indicator=_quantile(word), scale=_scale(word))
    elif found.unit == "seconds" and found.scale == 0.0:
        found = replace(found, scale=_scale(word))
    elif found.unit == "ratio" and found.scale == 0.0 and _PERCENT.search(word):
        found = replace(found, scale=0.01)
    elif found.unit == "bytes":
        found = replace(found, scale=next((size for pattern, size in _SIZES if pattern.search(word)), 1.0))
    return replace(found, counter=word.endswith("_total"), outgoing=bool(_OUTGOING.search(word)))


def _quantile(word: str) -> str:
    """Return the standard word nearest to a quantile; a mean is taken for the median, which it is read as."""
    match = _QUANTILE.search(word)
    share = float(f"0.{match[1]}") if match else 0.5
    return "latency_p50" if share < 0.75 else "latency_p95" if share < 0.97 else "latency_p99"


def _scale(word: str) -> float:
    return next((scale for pattern, scale in _SCALES if pattern.search(word)), 0.0)
