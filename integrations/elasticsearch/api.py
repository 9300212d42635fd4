"""Searches of Elasticsearch and OpenSearch: telling lines of a time, and how many there were."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from integrations.base import Rejected, SourceError, TooLarge
from integrations.elasticsearch.fields import LENIENT, Fields, address, value
from integrations.payload import clean, part, parts, text, whole
from integrations.templates import Line, Sample

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from integrations.elasticsearch import ElasticsearchCredentials
    from integrations.server import Server

MOST_LINES = 500
FEWER_LINES = 60
_LONGEST = 2000
# A search gives up after this long and tells what it has; that counts as no answer.
_SECONDS = "12s"
# Prefixes and phrases for words of trouble, in the simple query string's syntax.
TROUBLE = (
    'error* exception* fail* fatal* panic* timeout* "timed out" refused denied unavailable exhausted unreachable '
    '"reset by peer" "out of memory" oom* killed deadlock* "too many" "no route" cannot "could not" unable traceback '
    "rejected expired corrupt* warn*"
)
_LEVELS = (
    "warn",
    "warning",
    "error",
    "err",
    "severe",
    "critical",
    "crit",
    "fatal",
    "alert",
    "emerg",
    "emergency",
    "panic",
)
LEVELS = tuple(form for level in _LEVELS for form in (level, level.upper(), level.capitalize()))


@dataclass(frozen=True, slots=True)
class Searches:
    """Ask one server about documents that a query selects."""

    server: Server
    credentials: ElasticsearchCredentials
    fields: Fields

    def telling(self, query: Mapping[str, Any]) -> dict[str, Any]:
        """Return the query for those documents that tell of trouble, by level or by words."""
        should: list[dict[str, Any]] = [{"terms": {field: list(LEVELS)}} for field in self.fields.levels]
        if self.fields.messages:
            fields = list(self.fields.messages)
            should.append({"simple_query_string": {"query": TROUBLE, "fields": fields, "default_operator": "or"}})
        return {"bool": {"filter": [dict(query)], "should": should, "minimum_should_match": 1}}

    def containing(self, query: Mapping[str, Any], words: str) -> dict[str, Any]:
        """Return the query for those documents whose message holds the words one after the other."""
        if not words:
            return dict(query)
        match = {"multi_match": {"query": words, "type": "phrase", "fields": list(self.fields.messages)}}
        return {"bool": {"filter": [dict(query), match]}}

    def sample(self, query: Mapping[str, Any], start: float, end: float) -> Sample:
        """Return the lines of a time: all of them, or the first and the last of them with the number of all.

        :raises SourceError: where the server does not answer, or only a part of it does.
        """
        if end <= start:
            return Sample()
        limit = MOST_LINES
        try:
            first, total = self.lines(query, start, end, limit=limit)
        except TooLarge:
            limit = FEWER_LINES
            first, total = self.lines(query, start, end, limit=limit)
        if total <= len(first) or not first:
            return Sample(tuple(first), len(first))
        newest, _ = self.lines(query, start, end, limit=limit, newest=True)
        last = [one for one in newest if one.at > first[-1].at]
        return Sample((*first, *last), max(total, len(first) + len(last)))

    def lines(
        self, query: Mapping[str, Any], start: float, end: float, *, limit: int, newest: bool = False
    ) -> tuple[list[Line], int]:
        """Return the oldest lines from `start` to before `end` (Unix seconds) in order of time, or the newest, and how many.

        :raises SourceError: as `sample` does.
        """
        stamp = self.credentials.time_field
        answer = self._search(
            {
                "size": limit,
                "track_total_hits": True,
                "_source": [*self._unkeyed(self.fields.messages), *self._unkeyed(self.fields.levels)],
                "docvalue_fields": [{"field": stamp, "format": "epoch_millis"}],
                "sort": [{stamp: {"order": "desc" if newest else "asc"}}],
                "query": self._within(query, start, end),
            }
        )
        hits = parts(part(answer, "hits"), "hits")
        found = sorted(
            (line for hit in hits if (line := self._line(hit, start, end))), key=lambda one: (one.at, one.text)
        )
        total = whole(part(part(answer, "hits"), "total"), "value")
        # Documents without a message are none of the lines; of more than were asked for, all count.
        return found, len(found) if total is None or len(hits) < limit else total

    def counts(self, query: Mapping[str, Any], start: float, end: float, seconds: int) -> list[tuple[float, int]]:
        """Return how many documents there were in each so many seconds, with the end of that time.

        :raises SourceError: as `sample` does.
        """
        histogram = {"field": self.credentials.time_field, "fixed_interval": f"{seconds}s", "min_doc_count": 0}
        body = {
            "size": 0,
            "query": self._within(query, start, end),
            "aggs": {"over_time": {"date_histogram": histogram}},
        }
        answer = self._search(body)
        found = []
        for bucket in parts(part(part(answer, "aggregations"), "over_time"), "buckets"):
            key, count = _number(bucket.get("key")), whole(bucket, "doc_count")
            if key is not None and count is not None:
                found.append((key / 1000 + seconds, count))
        return found

    def _search(self, body: dict[str, Any]) -> dict[str, Any]:
        path = f"/{address(self.credentials.index)}/_search"
        answer = self.server.post(path, body={"timeout": _SECONDS, **body}, parameters=LENIENT)
        if not isinstance(answer.get("hits"), dict):
            raise Rejected(
                f"{path} was answered in an unknown shape; is this an Elasticsearch or OpenSearch?", retryable=False
            )
        if answer.get("timed_out") is True:
            raise SourceError(f"the search took longer than {_SECONDS}")
        shards = part(answer, "_shards")
        if whole(shards, "failed"):
            failures = parts(shards, "failures")
            why = text(part(failures[0], "reason"), "reason", "type") if failures else ""
            said = f"{whole(shards, 'failed')} of {whole(shards, 'total')} shards did not answer"
            raise SourceError(f"{said}{f': {why[:200]}' if why else ''}")
        return answer

    def _within(self, query: Mapping[str, Any], start: float, end: float) -> dict[str, Any]:
        time = {"gte": int(start * 1000), "lt": int(end * 1000), "format": "epoch_millis"}
        return {"bool": {"filter": [{"range": {self.credentials.time_field: time}}, dict(query)]}}

    def _line(self, hit: Mapping[str, Any], start: float, end: float) -> Line | None:
        stamps = part(hit, "fields").get(self.credentials.time_field)
        at = _number(stamps[0]) if isinstance(stamps, list) and stamps else None
        source = part(hit, "_source")
        message = next((found for field in self._unkeyed(self.fields.messages) if (found := value(source, field))), "")
        if at is None or not message or not int(start * 1000) <= at < int(end * 1000):
            return None
        level = next((found for field in self._unkeyed(self.fields.levels) if (found := value(source, field))), "")
        return Line(at / 1000, clean(message[:_LONGEST]), level)

    @staticmethod
    def _unkeyed(fields: Sequence[str]) -> list[str]:
        """Return fields as documents name them: the keyword beside a text is no field of its own there."""
        return [field.removesuffix(".keyword") for field in fields]


def _number(found: object) -> float | None:
    try:
        number = float(found) if isinstance(found, str | int | float) else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) and 0 < number < 1e15 else None
