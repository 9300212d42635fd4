"""Make values of a JSON Schema: whole ones by chance, and the rest of one of which a part is given.

Covers the draft-07 words that vendors' webhook schemas use. hypothesis-jsonschema would be the library for it; it has seen no
release since early 2024.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

_DEEPEST = 12
_TEXTS = ("", "production", "v2.14.0", "#12", "→", "null", "a" * 300, "\u2028", "refs/heads/main", "0")
_BY_FORMAT = {
    "date-time": ("2026-11-20T10:01:00Z", "2026-11-20T11:01:00+01:00", "1970-01-01T00:00:01Z"),
    "uri": ("https://github.test/shop/payments/pull/12", "http://github.test/x?y=%20#z"),
    "uri-template": ("https://github.test/shop/payments/statuses{/sha}",),
}


@dataclass(frozen=True, slots=True)
class Sampler:
    """Make values of the definitions of one schema; the same randomness makes the same values."""

    root: Mapping[str, Any]
    random: Random

    def of(self, name: str) -> Any:
        """Return a value of a definition."""
        return self._value(self.root["definitions"][name], 0)

    def completed(self, name: str, given: Any) -> Any:
        """Return what was given, with what a definition demands besides; nothing given is altered."""
        return _with(self.of(name), given)

    def _value(self, schema: Mapping[str, Any], depth: int) -> Any:
        if "$ref" in schema:
            return self._value(self.root["definitions"][schema["$ref"].rpartition("/")[2]], depth)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self.random.choice(schema["enum"])
        for word in ("oneOf", "anyOf"):
            if word in schema:
                return self._value(self.random.choice(schema[word]), depth)
        if "allOf" in schema:
            merged: Any = None
            for one in schema["allOf"]:
                merged = _with(merged, self._value(one, depth))
            return merged
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = self.random.choice(kind)
        return self._of_kind(kind, schema, depth)

    def _of_kind(self, kind: str, schema: Mapping[str, Any], depth: int) -> Any:
        match kind:
            case "object":
                needed = set(schema.get("required", ()))
                return {
                    name: self._value(inner, depth + 1)
                    for name, inner in schema.get("properties", {}).items()
                    if name in needed or (depth < _DEEPEST and self.random.random() < 0.3)
                }
            case "array":
                if depth >= _DEEPEST and not schema.get("minItems"):
                    return []
                many = self.random.randint(schema.get("minItems", 0), schema.get("maxItems", 2))
                return [self._value(schema.get("items", {}), depth + 1) for _ in range(many)]
            case "integer" | "number":
                return self.random.randint(schema.get("minimum", 0), schema.get("maximum", 2**40))
            case "boolean":
                return self.random.random() < 0.5
            case "null":
                return None
            case _:
                texts = _BY_FORMAT.get(schema.get("format", ""), _TEXTS)
                return self.random.choice(texts)[: schema.get("maxLength", 1000)]


def _with(value: Any, given: Any) -> Any:
    if isinstance(value, dict) and isinstance(given, dict):
        return {**value, **{name: _with(value.get(name), inner) for name, inner in given.items()}}
    return given
