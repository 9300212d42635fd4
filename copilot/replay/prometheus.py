"""Prometheus' HTTP API over a recording, its times moved."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from copilot.replay import graph, matrix, promql
from copilot.replay.questions import PROMETHEUS, asked_of_prometheus, question_of
from copilot.replay.times import unix

if TYPE_CHECKING:
    from copilot.replay.answers import Answer, Misses
    from copilot.replay.questions import Parameters
    from copilot.replay.recording import Recording

# Prometheus' own limit (web/api/v1: "exceeded maximum resolution of 11,000 points per timeseries").
MAX_POINTS = 11_000
NAMES = "/api/v1/label/__name__/values"
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_ONE_MATCHER = re.compile(r'match\[\]=\{__name__=~"(.*)"\}$', re.DOTALL)


class BadRequest(ValueError):
    """Refuse a request as Prometheus does."""


class PrometheusReplay:
    """Answer Prometheus' questions; what was never asked has an empty answer, as a metric that does not exist."""

    def __init__(self, recording: Recording, *, shift: int, misses: Misses) -> None:
        self.recording = recording
        self.shift = shift
        self.misses = misses

    def answer(self, method: str, path: str, parameters: Parameters, body: bytes, *, now: float) -> Answer:
        """Return status, content type and body."""
        del method, body  # a POSTed form is among the parameters, and asks the same as a GET
        path = unquote(path)
        given = dict(parameters)
        try:
            if path == "/api/v1/query_range":
                return _success({"resultType": "matrix", "result": self._range(given, now)})
            if path == "/api/v1/query":
                return _success(self._instant(given, now))
            if path in {"/graph", "/query"}:
                return self._graph(given, now)
        except BadRequest as error:
            return _failure(400, "bad_data", str(error))
        question = question_of(PROMETHEUS, parameters)
        found = self.recording.find(PROMETHEUS, "GET", path, question)
        if found is not None:
            content = found.body if isinstance(found.body, str) else json.dumps(found.body)
            return found.status, found.content_type, content.encode()
        if path == NAMES and (names := self._names(question)) is not None:
            return _success(names)
        self.misses.note(PROMETHEUS, path, question)
        if path.startswith("/api/v1/"):
            return _success([])
        return 404, "text/plain; charset=utf-8", b"404 page not found\n"

    def _graph(self, given: dict[str, str], now: float) -> Answer:
        """Return the page that evidence links to."""
        query = given.get("g0.expr", "").strip()
        start, end = graph.span(given, now=now)
        asked = {"query": query, "start": str(start), "end": str(end), "step": str(max(15.0, (end - start) / 240))}
        rows = self._range(asked, now) if query else []
        return 200, "text/html; charset=utf-8", graph.page(query, rows, start=start, end=end)

    def _range(self, given: dict[str, str], now: float) -> list[dict[str, Any]]:
        query = _required(given, "query")
        start, end = _time(given, "start"), _time(given, "end")
        step = _seconds(_required(given, "step"))
        if end < start:
            raise BadRequest('invalid parameter "end": end timestamp must not be before start time')
        if step <= 0:
            raise BadRequest('invalid parameter "step": zero or negative query resolution step widths are not accepted')
        if (end - start) / step > MAX_POINTS:
            raise BadRequest("exceeded maximum resolution of 11,000 points per timeseries")
        result: list[dict[str, Any]] = []
        for part in self._parts("/api/v1/query_range", query):
            data = self._data("/api/v1/query_range", part.query)
            if data.get("resultType") == matrix.PACKED:
                rows = matrix.unpacked(data, start=start, end=min(end, now), step=step, shift=self.shift)
                result += [_marked(row, part) for row in rows]
        return result

    def _instant(self, given: dict[str, str], now: float) -> dict[str, Any]:
        query = _required(given, "query")
        at = _time(given, "time") if given.get("time") else now
        kind, result = "vector", []
        for part in self._parts("/api/v1/query", query):
            data = self._data("/api/v1/query", part.query)
            kind = data.get("resultType", kind)
            if kind in {"scalar", "string"}:
                return {"resultType": kind, "result": [at, data["result"][1]]}
            result += [
                _marked({"metric": dict(row["metric"]), "value": [at, row["value"][1]]}, part) for row in data["result"]
            ]
        return {"resultType": kind, "result": result}

    def _parts(self, path: str, query: str) -> tuple[promql.Part, ...]:
        if self.recording.find(PROMETHEUS, "GET", path, asked_of_prometheus(query)):
            return (promql.Part(query.strip()),)
        return promql.parts(query)

    def _data(self, path: str, query: str) -> dict[str, Any]:
        found = self.recording.find(PROMETHEUS, "GET", path, asked_of_prometheus(query))
        if found is None or found.status != 200:
            self.misses.note(PROMETHEUS, path, asked_of_prometheus(query))
            return {"result": []}
        data: dict[str, Any] = found.body["data"]
        return data

    def _names(self, question: str) -> list[str] | None:
        """Return the recorded metrics' names that fit, where the question is just for names by a pattern."""
        everything = self.recording.find(PROMETHEUS, "GET", NAMES, "")
        pattern = _ONE_MATCHER.match(question)
        if everything is None or pattern is None:
            return None
        try:
            fits = re.compile(json.loads(f'"{pattern[1]}"'))
        except (re.error, ValueError):
            return None
        return [name for name in everything.body["data"] if fits.fullmatch(name)]


def _marked(row: dict[str, Any], part: promql.Part) -> dict[str, Any]:
    if part.label:
        row["metric"][part.label] = part.value
    return row


def _required(given: dict[str, str], name: str) -> str:
    value = given.get(name, "").strip()
    if not value:
        raise BadRequest(f'invalid parameter "{name}": it is missing')
    return value


def _time(given: dict[str, str], name: str) -> float:
    try:
        return unix(_required(given, name))
    except ValueError as error:
        if isinstance(error, BadRequest):
            raise
        raise BadRequest(f'invalid parameter "{name}": cannot parse "{given[name]}" to a valid timestamp') from None


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    found = _DURATION.findall(text)
    if not found or "".join(number + unit for number, unit in found) != text:
        raise BadRequest(f'invalid parameter "step": cannot parse "{text}" to a valid duration')
    return sum(float(number) * _UNITS[unit] for number, unit in found)


def _success(data: object) -> Answer:
    return 200, "application/json", json.dumps({"status": "success", "data": data}).encode()


def _failure(status: int, kind: str, text: str) -> Answer:
    return status, "application/json", json.dumps({"status": "error", "errorType": kind, "error": text}).encode()
