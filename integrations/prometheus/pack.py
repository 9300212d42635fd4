"""The query pack: which PromQL answers for which indicator, as data that a tenant can extend."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib import resources
from string import Template
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

from scoring.observations import Worse

PLACEHOLDERS = frozenset({
    "service", "pods", "deployment", "statefulset", "daemonset", "hpa", "claims", "istio", "istio_source",
    "exporter", "name", "name_regex", "namespace", "workload", "rate", "step", "window",
})  # fmt: skip
MAX_TEXT = 64 * 1024
MAX_ENTRIES = 100

Unit = Literal["seconds", "ratio", "bytes", "bytes/s", "requests/s", "cores", "count", "count/s"]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Expression = Annotated[str, StringConstraints(min_length=1, max_length=4000, strip_whitespace=True)]
# A metric's name is what stands right before a brace; the pack writes `name{}` even where nothing is matched.
_METRIC = re.compile(r"(?!(?:and|or|unless)\b)\b([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?=\{)")


class BadPack(ValueError):
    """Refuse a query pack; the text names the entry, the field, and what was expected."""


class Indicator(BaseModel):
    """Hold how one indicator is asked for; `key` tells entries of one name apart and defaults to it."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: Word
    key: Word = ""
    unit: Unit
    worse: Worse = Worse.HIGH
    of: Literal["service", "store", "node"] = "service"
    golden: Literal["", "latency", "error", "traffic"] = ""
    counter: bool = False
    queries: tuple[Expression, ...] = Field(min_length=1, max_length=40)
    limit: tuple[Expression, ...] = ()
    peer: tuple[Word, ...] = ()
    node: tuple[Word, ...] = ()
    constants: dict[Word, str] = Field(default_factory=dict, alias="with")

    @model_validator(mode="before")
    @classmethod
    def _name_is_the_key(cls, value: object) -> object:
        if isinstance(value, dict) and not value.get("key"):
            return {**value, "key": value.get("name")}
        return value

    @field_validator("limit", mode="before")
    @classmethod
    def _limits_may_be_numbers(cls, value: object) -> object:
        if isinstance(value, int | float | str):
            value = [value]
        return [str(part) for part in value] if isinstance(value, list) else value

    @model_validator(mode="after")
    def _placeholders_are_known(self) -> Indicator:
        known = PLACEHOLDERS | set(self.constants)
        for field in ("queries", "limit"):
            for number, expression in enumerate(getattr(self, field), start=1):
                template = Template(expression)
                if not template.is_valid():
                    raise ValueError(
                        f"{field} {number}: a lone $ in {expression!r}; write $$ for a literal dollar sign"
                    )
                unknown = sorted(set(template.get_identifiers()) - known)
                if unknown:
                    words = ", ".join(f"${word}" for word in sorted(known))
                    raise ValueError(f"{field} {number}: unknown placeholder ${unknown[0]}; known are {words}")
        if self.of == "node" and not self.node:
            raise ValueError("node: an indicator of nodes must name the labels that hold the node's name")
        return self


class Pack(BaseModel):
    """Hold all indicators that are asked for, in order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    indicators: tuple[Indicator, ...] = Field(max_length=MAX_ENTRIES)

    @model_validator(mode="after")
    def _keys_are_unique(self) -> Pack:
        seen: set[str] = set()
        for indicator in self.indicators:
            if indicator.key in seen:
                raise ValueError(f"{indicator.key} stands twice; give one of the two another `key`")
            seen.add(indicator.key)
        return self

    def metrics(self, *, of_service: bool = False, of_stores: bool = False) -> tuple[str, ...]:
        """Return the names of the metrics that the pack reads.

        All but those of exporters of databases; `of_stores` these alone; `of_service` those found by the service's own labels.
        """
        return tuple(sorted({
            metric
            for indicator in self.indicators
            if (indicator.of == "store") == of_stores
            for expression in (*indicator.queries, *indicator.limit)
            if not of_service or "$service" in expression
            for metric in metrics_of(expression)
        }))  # fmt: skip

    def extended(self, other: Pack) -> Pack:
        """Return this pack with another's entries: those of a known key are tried first, new ones are added.

        :raises BadPack: where an entry gives a known key another name, unit or subject.
        """
        mine = {indicator.key: indicator for indicator in self.indicators}
        for entry in other.indicators:
            known = mine.get(entry.key)
            if known is None:
                mine[entry.key] = entry
                continue
            for field in ("name", "unit", "of"):
                if getattr(known, field) != getattr(entry, field):
                    raise BadPack(
                        f"indicator {entry.key}: {field}: is {getattr(entry, field)!r}, but the built-in entry has "
                        f"{getattr(known, field)!r}; give the entry a `key` of its own"
                    )
            mine[entry.key] = entry.model_copy(
                update={
                    "queries": (*entry.queries, *known.queries),
                    "limit": (*entry.limit, *known.limit),
                    "peer": entry.peer or known.peer,
                    "node": entry.node or known.node,
                    "golden": entry.golden or known.golden,
                    "constants": {**known.constants, **entry.constants},
                }
            )
        return Pack(indicators=tuple(mine.values()))


@lru_cache(maxsize=4096)
def metrics_of(expression: str) -> tuple[str, ...]:
    """Return the metrics' names in an expression, in order."""
    return tuple(dict.fromkeys(_METRIC.findall(expression)))


def parse(text: str) -> Pack:
    """Read a pack from YAML text.

    :raises BadPack: naming the entry and the field.
    """
    if len(text) > MAX_TEXT:
        raise BadPack(f"the query pack is over {MAX_TEXT // 1024} KiB")
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise BadPack(f"the query pack is not YAML: {where}{getattr(error, 'problem', '') or error}") from error
    if isinstance(raw, list):
        raw = {"indicators": raw}
    if not isinstance(raw, dict):
        raise BadPack("the query pack must be a list of indicators, or a mapping with the key `indicators`")
    try:
        return Pack.model_validate(raw)
    except ValidationError as error:
        raise BadPack(_explain(error, raw)) from error


def _explain(error: ValidationError, raw: dict[str, Any]) -> str:
    first = error.errors(include_url=False)[0]
    path = list(first["loc"])
    message = str(first["msg"]).removeprefix("Value error, ")
    entries = raw.get("indicators")
    if len(path) >= 2 and path[0] == "indicators" and isinstance(path[1], int) and isinstance(entries, list):
        entry = entries[path[1]]
        name = (entry.get("key") or entry.get("name")) if isinstance(entry, dict) else None
        field = ".".join(str(part) for part in path[2:])
        return f"indicator {path[1] + 1} ({name or 'without a name'}): {f'{field}: ' if field else ''}{message}"
    return f"{'.'.join(str(part) for part in path)}: {message}" if path else message


@cache
def builtin() -> Pack:
    """Return the pack that comes with the product."""
    files = resources.files(__package__)
    services, stores = (
        parse(files.joinpath(name).read_text(encoding="utf-8")) for name in ("queries.yaml", "stores.yaml")
    )
    return services.extended(stores)
