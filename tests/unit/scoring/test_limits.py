"""Limits that no source tells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scoring.evidence import CauseKind, Direction
from scoring.limits import with_limits
from scoring.observations import Series

from . import shop
from .made import inputs_of

MEBIBYTE = 2.0**20


def pair(*, share: float = 0.5) -> tuple[Series, Series]:
    """Make a use of memory under a limit of 128 MiB that grows to `share` of it, and the utilisation that shows it."""
    use = shop.series(
        "orders", "memory_usage", "bytes", 32 * MEBIBYTE, then=128 * share * MEBIBYTE, since=shop.CAUSE_AT, noise=0.01
    )
    return use, replace(use, indicator="memory_utilisation", unit="ratio", values=use.values / (128 * MEBIBYTE))


def test_use_and_utilisation_tell_the_limit() -> None:
    use, _ = with_limits(pair())
    assert use.limit == pytest.approx(128 * MEBIBYTE)


def test_a_known_limit_stays() -> None:
    use, share = pair()
    assert with_limits([replace(use, limit=1.0), share])[0].limit == 1.0


def test_a_utilisation_of_something_else_tells_none() -> None:
    use, share = pair()
    other = replace(share, values=np.random.default_rng(1).uniform(0.1, 0.9, share.values.size))
    assert with_limits([use, other])[0].limit is None
    assert with_limits([use, replace(share, entity=shop.service("cart"))])[0].limit is None
    assert with_limits([use, replace(share, values=np.full(share.values.size, np.nan))])[0].limit is None


@pytest.mark.parametrize(("share", "hint"), [(0.7, Direction.CONTEXT), (0.97, Direction.FOR)])
def test_memory_that_grew_with_plenty_left_is_no_cause(share: float, hint: Direction) -> None:
    grown = [
        item
        for item in inputs_of([*shop.incident(), *pair(share=share)]).evidence
        if item.indicator.startswith("memory_")
    ]
    assert {item.direction for item in grown} == {hint}
    assert {item.cause_kinds for item in grown} == {(CauseKind.MEMORY_SATURATION,) if hint is Direction.FOR else ()}
