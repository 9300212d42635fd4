"""An embedder that has learnt nothing: hashed words and runs of letters, so that equal texts are near; it needs no network."""

from __future__ import annotations

import math
import re
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Hashed:
    """Make vectors of so many dimensions, to measure what keeping and comparing them costs; not what a model would find."""

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions

    @property
    def name(self) -> str:
        """Return what it is, and its length."""
        return f"hashed letters:{self._dimensions}"

    def embed(self, texts: Sequence[str], *, seconds: float) -> list[list[float]]:
        """Return one vector a text, in order."""
        del seconds
        return [vector(text, self._dimensions) for text in texts]


def vector(text: str, dimensions: int) -> list[float]:
    """Return a unit vector of a text's words and of their runs of four letters; the same in every process."""
    numbers = [0.0] * dimensions
    for word in re.findall(r"[a-z0-9]+", text.lower()):
        padded = f"<{word}>"
        for part, weight in ((word, 2.0), *((padded[i : i + 4], 1.0) for i in range(max(1, len(padded) - 3)))):
            digest = zlib.crc32(part.encode())
            numbers[digest % dimensions] += weight if digest & 0x10000 else -weight
    length = math.sqrt(sum(number * number for number in numbers)) or 1.0
    return [number / length for number in numbers]


__all__ = ["Hashed", "vector"]
