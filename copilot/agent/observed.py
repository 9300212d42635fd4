"""Observations on the wire: written by an agent, and read by the service as what they are, words of a stranger."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from integrations import registry
from scoring.frozen import plain_observation, thaw_observation
from scoring.observations import Dependency, Gap, Series

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scoring.observations import Observation

# Far more than any source says: a limit is for who does not play by the rules.
MAX_TEXT = 200_000
MAX_PAIRS = 1000
MAX_POINTS = 11_000
MAX_INTEGER = 2**53


def written(observations: Iterable[Observation], *, kind: str, max_bytes: int) -> list[Any]:
    """Return observations as they are sent, as many as fit; that some were left out is said by a `Gap` at the end."""
    found: list[Any] = []
    # Room for the gap and for the message around.
    left, left_out = max_bytes - 4096, 0
    for one in observations:
        try:
            value = plain_observation(one)
        except ValueError:
            left_out += 1
            continue
        left -= len(json.dumps(value, ensure_ascii=False).encode()) + 2
        if left < 0:
            left_out += 1
            left = -1
            continue
        found.append(value)
    if left_out:
        reason = f"{left_out} observations were left out: an agent's answer is limited to {max_bytes // 1024} KiB"
        found.append(plain_observation(Gap(kind, "the rest of the answer", reason)))
    return found


def read(values: Iterable[Any], *, kind: str) -> list[Observation]:
    """Return the observations that an agent sent for a source of this kind.

    :raises ValueError: where one is not what a source of this kind could have said; the message names the field.
    """
    found = []
    for place, value in enumerate(values):
        try:
            one = thaw_observation(value)
            _bounded(one, type(one).__name__)
            _genuine(one, kind)
        except (ValueError, RecursionError) as wrong:
            raise ValueError(f"observation {place}: {str(wrong)[:300] or 'nested too deeply'}") from None
        found.append(one)
    return found


def _genuine(one: Observation, kind: str) -> None:
    """Return if an observation speaks for its own source, leads to a page at most, and its numbers belong together."""
    # Where a dependency was read is said in words of their own, but never in another source's name.
    others = registry.integrations() if isinstance(one, Dependency) else None
    if one.source not in {kind, ""} and (others is None or one.source in others):
        raise ValueError(f"source: an agent's {kind} speaks for itself alone")
    link = getattr(one, "link", "")
    if link and urlsplit(link).scheme not in {"http", "https"}:
        raise ValueError("link: must be an address that begins with http:// or https://")
    if isinstance(one, Series):
        lengths = {len(array) for array in (one.times, one.values, one.counts) if array is not None}
        if len(lengths) != 1 or max(lengths) > MAX_POINTS:
            raise ValueError(f"times, values, counts: must be as many as each other, and {MAX_POINTS} at most")
        if not np.isfinite(one.times).all() or (np.diff(one.times) <= 0).any():
            raise ValueError("times: must be finite and grow")


def _bounded(value: Any, where: str) -> None:
    """Return if every text, list and whole number in a value is of a sensible size."""
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            raise ValueError(f"{where}: a text of {MAX_TEXT} characters at most is expected")
    elif is_dataclass(value):
        for field in fields(value):
            _bounded(getattr(value, field.name), f"{where}.{field.name}")
    elif isinstance(value, (Mapping, tuple)):
        if len(value) > MAX_PAIRS:
            raise ValueError(f"{where}: {MAX_PAIRS} entries at most are expected")
        for part in (*value.keys(), *value.values()) if isinstance(value, Mapping) else value:
            _bounded(part, where)
    elif isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise ValueError(f"{where}: too large a number")
