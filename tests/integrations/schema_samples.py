"""Make values of a JSON Schema: whole ones by chance, and the rest of one of which a part is given.

Covers the draft-07 words that vendors' schemas of webhooks and objects use. hypothesis-jsonschema would be the library for it; it has seen no
release since early 2024.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
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
    """Make values of the definitions of one schema; the same randomness makes the same values.

    A field that need not be there is there in `share` of the cases. `seen` holds, by the names of fields, texts that occur in
    them: most texts are taken from there, so that what is made speaks of things that a reader knows.
    """

    root: Mapping[str, Any]
    random: Random
    share: float = 0.3
    seen: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def of(self, name: str) -> Any:
        """Return a value of a definition."""
        return self._value(self.root["definitions"][name], 0)

    def completed(self, name: str, given: Any) -> Any:
        """Return what was given, with what a definition demands besides; nothing given is altered."""
        return _with(self.of(name), given)

    def filled(self, name: str, given: Any) -> Any:
        """Return what was given, with what a definition demands besides at each place of it; nothing given is altered."""
        return self._filled(self.root["definitions"][name], given)

    def _filled(self, schema: Mapping[str, Any], given: Any) -> Any:
        if "$ref" in schema:
            return self._filled(self.root["definitions"][schema["$ref"].rpartition("/")[2]], given)
        if isinstance(given, list):
            return [self._filled(schema.get("items", {}), item) for item in given]
        if not isinstance(given, dict):
            return given
        fields, others = schema.get("properties", {}), schema.get("additionalProperties")
        rest = others if isinstance(others, dict) else {}
        lacking = {key: self._value(fields[key], 0, key) for key in schema.get("required", ()) if key not in given}
        return lacking | {key: self._filled(fields.get(key, rest), item) for key, item in given.items()}

    def _value(self, schema: Mapping[str, Any], depth: int, name: str = "") -> Any:
        if "$ref" in schema:
            return self._value(self.root["definitions"][schema["$ref"].rpartition("/")[2]], depth, name)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self.random.choice(schema["enum"])
        for word in ("oneOf", "anyOf"):
            if word in schema:
                return self._value(self.random.choice(schema[word]), depth, name)
        if "allOf" in schema:
            merged: Any = None
            for one in schema["allOf"]:
                merged = _with(merged, self._value(one, depth))
            return merged
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = self.random.choice(kind)
        return self._of_kind(kind, schema, depth, name)

    def _of_kind(self, kind: str, schema: Mapping[str, Any], depth: int, name: str) -> Any:
        match kind:
            case "object":
                needed = set(schema.get("required", ()))
                found = {
                    key: self._value(inner, depth + 1, key)
                    for key, inner in schema.get("properties", {}).items()
                    if key in needed or (depth < _DEEPEST and self.random.random() < self.share)
                }
                others = schema.get("additionalProperties")
                if isinstance(others, dict) and self.seen:
                    return {key: self._value(others, depth + 1, key) for key in self._some(f"{name} of")}
                return found
            case "array":
                if depth >= _DEEPEST and not schema.get("minItems"):
                    return []
                many = self.random.randint(schema.get("minItems", 0), schema.get("maxItems", 2))
                return [self._value(schema.get("items", {}), depth + 1, name) for _ in range(many)]
            case "integer" | "number":
                return self.random.randint(schema.get("minimum", 0), schema.get("maximum", 2**40))
            case "boolean":
                return self.random.random() < 0.5
            case "null":
                return None
            case _:
                texts = _BY_FORMAT.get(schema.get("format", ""), _TEXTS)
                if (known := self.seen.get(name)) and self.random.random() < 0.9:
                    texts = tuple(known)
                return self.random.choice(texts)[: schema.get("maxLength", 1000)]

    def _some(self, name: str) -> list[str]:
        known = self.seen.get(name, ())
        return self.random.sample(sorted(known), min(len(known), self.random.randint(0, 3)))


def _with(value: Any, given: Any) -> Any:
    if isinstance(value, dict) and isinstance(given, dict):
        return {**value, **{name: _with(value.get(name), inner) for name, inner in given.items()}}
    return given
