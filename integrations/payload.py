"""Read vendors' JSON: lenient on what is absent or null, clear on what is broken."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn
from urllib.parse import urlsplit

from integrations.base import BadPayload

# The last second of the year 9999: later times cannot be shown or stored as dates.
LATEST = 253_402_300_799.0
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?\s?([Zz]|UTC|[+-]\d\d:?\d\d)?")
# Some vendors put a blank before the offset.
_SPACED = re.compile(r"\s(Z|[+-][\d:]+)$")
# Unix time in milliseconds, from 1973 to 5138.
_MILLISECONDS = re.compile(r"[0-9]{12,14}")
_ADDRESS = re.compile(r"https?://[^\s<>|\"]{1,2000}", re.IGNORECASE)


def decode(body: bytes) -> dict[str, Any]:
    """Return the JSON object in a body.

    :raises BadPayload: where it is no JSON, or not an object.
    """
    value = decode_value(body)
    if not isinstance(value, dict):
        raise BadPayload(f"the body must be a JSON object, got {shown(value)}")
    return value


def decode_value(body: bytes | str) -> Any:
    """Return the JSON value in a body.

    :raises BadPayload: where it is no JSON.
    """
    try:
        return json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadPayload(f"the body must be JSON: {_short(str(error))}") from None


def clean(value: str) -> str:
    """Return a text that any store and encoder takes: without NUL and lone surrogates, no blanks around it."""
    return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8").strip()


def text(holder: object, *names: str) -> str:
    """Return the first non-empty text (or number, as text) of an object under the given names, else an empty text."""
    if isinstance(holder, Mapping):
        for name in names:
            value = holder.get(name)
            if isinstance(value, str) and (found := clean(value)):
                return found
            if isinstance(value, int | float) and not isinstance(value, bool):
                return _digits(value)
    return ""


def part(holder: object, name: str) -> Mapping[str, Any]:
    """Return the object under a name, or an empty one where it is absent, null or something else."""
    value = holder.get(name) if isinstance(holder, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def parts(holder: object, name: str) -> list[Mapping[str, Any]]:
    """Return the objects of the list under a name; what is no object is left out."""
    value = holder.get(name) if isinstance(holder, Mapping) else None
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, Sequence) else []


def required_part(holder: Mapping[str, Any], name: str, path: str) -> Mapping[str, Any]:
    """Return the object under a name.

    :raises BadPayload: where it is absent or no object; `path` is how the message names it.
    """
    value = holder.get(name)
    if not isinstance(value, Mapping):
        raise BadPayload(f"`{path}` must be an object, {_got(holder, name)}")
    return value


def required_text(holder: Mapping[str, Any], name: str, path: str, *, longest: int = 500) -> str:
    """Return the text under a name.

    :raises BadPayload: where it is absent, empty, no text or number, or longer than `longest` characters.
    """
    found = text(holder, name)
    if not found:
        raise BadPayload(f"`{path}` must be a non-empty text, {_got(holder, name)}")
    if len(found) > longest:
        raise BadPayload(f"`{path}` must be at most {longest} characters long, got {len(found)}")
    return found


def whole(holder: object, name: str) -> int | None:
    """Return the whole number under a name, given as a number or as digits, or None."""
    value = holder.get(name) if isinstance(holder, Mapping) else None
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if abs(value) < 2**63 else None
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value.strip()):
        return int(value)
    return None


def texts(holder: object) -> dict[str, str]:
    """Return the names and values of an object whose values are texts, numbers or truths; nested ones are left out."""
    found: dict[str, str] = {}
    if isinstance(holder, Mapping):
        for name, value in holder.items():
            if isinstance(value, bool):
                found[clean(str(name))] = "true" if value else "false"
            elif isinstance(value, str):
                found[clean(str(name))] = clean(value)
            elif isinstance(value, int | float):
                found[clean(str(name))] = _digits(value)
    return found


def seconds(value: object) -> float | None:
    """Return a time as Unix seconds, or None where it is no time between 1970 and 9999.

    Accepts RFC 3339 and Unix seconds, also as digits. Without an offset a time counts as UTC, and `UTC` may stand for one, as
    some vendors write it.
    """
    moment: float | None = None
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        moment = float(value) if abs(value) <= LATEST else None
    elif isinstance(value, str):
        stripped = value.strip()
        if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", stripped):
            moment = float(stripped)
        elif _RFC_3339.fullmatch(stripped):
            moment = _parsed(stripped)
    return moment if moment is not None and math.isfinite(moment) and 0 < moment <= LATEST else None


def moment_of(holder: object, *names: str) -> float | None:
    """Return the first readable time as `time_of` does, where a number beyond the year 5138 counts as milliseconds."""
    if isinstance(holder, Mapping):
        for name in names:
            value = holder.get(name)
            if isinstance(value, str) and _MILLISECONDS.fullmatch(value.strip()):
                value = int(value)
            if isinstance(value, int | float) and not isinstance(value, bool) and 1e11 < value <= LATEST * 1000:
                value /= 1000
            if (moment := seconds(value)) is not None:
                return moment
    return None


def time_of(holder: object, *names: str) -> float | None:
    """Return the first readable time of an object under the given names, in Unix seconds, or None."""
    if isinstance(holder, Mapping):
        for name in names:
            if (moment := seconds(holder.get(name))) is not None:
                return moment
    return None


def given_time(holder: Mapping[str, Any], name: str, path: str, *, default: float) -> float:
    """Return the time under a name in Unix seconds, or the default where it is absent or null.

    :raises BadPayload: where it is there and is no time.
    """
    if holder.get(name) is None:
        return default
    moment = seconds(holder[name])
    if moment is None:
        raise BadPayload(f"`{path}` must be an RFC 3339 time or Unix seconds, got {shown(holder[name])}")
    return moment


def shown(value: object) -> str:
    """Return a value as an error message shows it: short, and on one line."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return _short("null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value))


def link(holder: object, *names: str) -> str:
    """Return the first http or https address of an object under the given names, else an empty text."""
    found = (text(holder, name) for name in names)
    return next((address for address in found if _ADDRESS.fullmatch(address)), "")


def base_address(value: str) -> str:
    """Return an http or https address without a slash at its end, as a person enters it in a form.

    :raises ValueError: where it is none, or holds a user name or password.
    """
    split = urlsplit(value)
    if not _ADDRESS.fullmatch(value) or not split.hostname or split.query or split.fragment:
        raise ValueError("must be an address that begins with http:// or https://")
    if split.username or split.password:
        raise ValueError("must not hold a user name or password")
    return value.rstrip("/")


def iso(moment: float) -> str:
    """Return Unix seconds as an RFC 3339 time in UTC, to the second."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _parsed(value: str) -> float | None:
    try:
        moment = datetime.fromisoformat(_SPACED.sub(r"\1", value.upper().replace("UTC", "Z")))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _digits(value: float) -> str:
    try:
        return str(value)
    except ValueError:  # more digits than Python turns into text
        return ""


def _got(holder: Mapping[str, Any], name: str) -> str:
    return f"got {shown(holder[name])}" if name in holder else "and it is missing"


def _short(value: str) -> str:
    printable = clean("".join(letter if letter.isprintable() else " " for letter in value))
    return printable if len(printable) <= 80 else f"{printable[:79]}…"


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")
