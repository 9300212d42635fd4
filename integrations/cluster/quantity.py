"""Read Kubernetes quantities such as `250m` and `1Gi`."""

from __future__ import annotations

import re

_SUFFIXES = {
    "": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}  # fmt: skip
_QUANTITY = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]?)")


def parse(text: object) -> float | None:
    """Return a quantity as a number in base units, None where it is no quantity."""
    match = _QUANTITY.fullmatch(str(text).strip()) if text is not None else None
    try:
        return float(match[1]) * _SUFFIXES[match[2]] if match else None
    except ValueError:
        return None
