"""Words to describe what Block Kit allows, and to say what is wrong where, as Slack says it."""

import re
from collections.abc import Callable, Mapping
from typing import Any

Json = dict[str, Any]


class Findings:
    """What is wrong with a payload, each with the JSON pointer to the place."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def add(self, pointer: str, message: str) -> None:
        """Note one mistake."""
        self.messages.append(f"{message} [json-pointer:{pointer}]")


Check = Callable[[object, str, Findings], None]
Binding = Callable[[Json, str, Findings], None]


def string(*, low: int = 0, high: int | None = None, pattern: str | None = None) -> Check:
    """Check a text by length in characters and by pattern."""

    def check(value: object, pointer: str, findings: Findings) -> None:
        if not isinstance(value, str):
            findings.add(pointer, "must provide a string")
        elif len(value) < low:
            findings.add(pointer, f"must be more than {low - 1} characters")
        elif high is not None and len(value) > high:
            findings.add(pointer, f"must be less than {high + 1} characters")
        elif pattern is not None and not re.fullmatch(pattern, value):
            findings.add(pointer, f"does not match the pattern {pattern}")

    return check


def address(value: object, pointer: str, findings: Findings) -> None:
    """Check a link of at most 3000 characters."""
    if not isinstance(value, str) or not re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:", value):
        findings.add(pointer, "must be a valid URL")
    elif len(value) > 3000:
        findings.add(pointer, "must be less than 3001 characters")


def boolean(value: object, pointer: str, findings: Findings) -> None:
    """Check true or false."""
    if not isinstance(value, bool):
        findings.add(pointer, "must provide a boolean")


def whole(*, low: int | None = None, high: int | None = None) -> Check:
    """Check a whole number in a range."""

    def check(value: object, pointer: str, findings: Findings) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            findings.add(pointer, "must be an integer")
        elif low is not None and value < low:
            findings.add(pointer, f"must be greater than {low - 1}")
        elif high is not None and value > high:
            findings.add(pointer, f"must be less than {high + 1}")

    return check


def number(value: object, pointer: str, findings: Findings) -> None:
    """Check any number."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        findings.add(pointer, "must provide a number")


def choice(*allowed: object) -> Check:
    """Check one of a few values."""

    def check(value: object, pointer: str, findings: Findings) -> None:
        if value not in allowed:
            findings.add(pointer, f"must be a valid enum value; expected one of {', '.join(map(str, allowed))}")

    return check


def anything(_value: object, _pointer: str, _findings: Findings) -> None:
    """Accept whatever is there."""


def items(of: Check, *, low: int = 0, high: int | None = None) -> Check:
    """Check a list by its length, and each of its items."""

    def check(value: object, pointer: str, findings: Findings) -> None:
        if not isinstance(value, list):
            findings.add(pointer, "must provide an array")
            return
        if len(value) < low:
            findings.add(pointer, f"no less than {low} items allowed")
        if high is not None and len(value) > high:
            findings.add(pointer, f"no more than {high} items allowed")
        for index, item in enumerate(value):
            of(item, f"{pointer}/{index}", findings)

    return check


def record(
    required: Mapping[str, Check] | None = None,
    optional: Mapping[str, Check] | None = None,
    *,
    also: Binding | None = None,
) -> Check:
    """Check an object: fields that must be there, fields that may, and no others; then what binds them together."""
    must = dict(required or {})
    known = {**must, **(optional or {})}

    def check(value: object, pointer: str, findings: Findings) -> None:
        if not isinstance(value, dict):
            findings.add(pointer, "must provide an object")
            return
        before = len(findings.messages)
        for name in must:
            if value.get(name) is None:
                findings.add(pointer, f"missing required field: {name}")
        for name, field in value.items():
            if name not in known:
                findings.add(pointer, f"invalid additional property: {name}")
            elif field is not None:
                known[name](field, f"{pointer}/{name}", findings)
        # What binds the fields together may rely on each being well formed.
        if also is not None and len(findings.messages) == before:
            also(value, pointer, findings)

    return check


def typed(table: Mapping[str, Check], *, what: str = "type") -> Check:
    """Check an object by the entry of the table that its `type` names."""

    def check(value: object, pointer: str, findings: Findings) -> None:
        if not isinstance(value, dict):
            findings.add(pointer, "must provide an object")
        elif "type" not in value:
            findings.add(pointer, "missing required field: type")
        elif not isinstance(value["type"], str) or value["type"] not in table:
            findings.add(f"{pointer}/type", f"unsupported {what}: {value['type']}")
        else:
            table[value["type"]](value, pointer, findings)

    return check


def exactly_one(*names: str) -> Binding:
    """Check that one of the fields is there, and only one."""

    def check(value: Json, pointer: str, findings: Findings) -> None:
        given = [name for name in names if value.get(name) is not None]
        if not given:
            findings.add(pointer, f"missing required field: {names[0]} or {names[1]}")
        elif len(given) > 1:
            findings.add(pointer, f"only one of {' and '.join(given)} is allowed")

    return check
