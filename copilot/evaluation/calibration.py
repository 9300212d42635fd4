"""What a confidence was worth: raw, mapped by other cases, and mapped by other systems alone."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from scoring.calibrate import Judged, brier, expected_calibration_error, fit, reliability

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from copilot.evaluation.measures import Graded

# Confidence is mapped by what the other folds showed.
FOLDS: Final = 10


@dataclass(frozen=True, slots=True)
class _Held:
    """Hold a case's first line, judged, and the system that it is of."""

    system: str
    judged: Judged


def calibration(graded: Iterable[Graded]) -> dict[str, Any]:
    """Return Brier score, its base and expected calibration error of the first line, raw and by the other folds' map.

    `systems_out` has the same where the map of a system was fitted on all other systems.
    """
    # Dealt in the order of names, so that a set does not fall into one fold.
    held = [
        _Held(f"{one.solved.set} · {one.solved.system}", Judged(one.solved.entries[0].confidence, one.right))
        for one in sorted(graded, key=lambda one: one.solved.case)
        if one.solved.entries
    ]
    raw = [one.judged for one in held]
    mapped = [
        judged
        for ones in _mapped((number % FOLDS, one.judged) for number, one in enumerate(held)).values()
        for judged in ones
    ]
    share = _share(raw)
    base = share * (1.0 - share)
    after = brier(mapped)
    return {
        "judged": len(raw),
        "right": share,
        "brier_base": base,
        "brier_raw": brier(raw),
        "brier": after,
        "better_than_base": None if after is None or base == 0.0 else 1.0 - after / base,
        "ece_raw": expected_calibration_error(raw),
        "ece": expected_calibration_error(mapped),
        "reliability_raw": _rows(raw),
        "reliability": _rows(mapped),
        "systems_out": _systems_out(held, base),
    }


def _systems_out(held: Sequence[_Held], base: float) -> dict[str, Any] | None:
    """Return how well a map does at a system that it was not fitted on; None where there is one system alone."""
    by_system = _mapped((one.system, one.judged) for one in held)
    if len(by_system) < 2:
        return None
    mapped = [judged for ones in by_system.values() for judged in ones]
    after = brier(mapped)
    return {
        "brier": after,
        "better_than_base": None if after is None or base == 0.0 else 1.0 - after / base,
        "ece": expected_calibration_error(mapped),
        "reliability": _rows(mapped),
        "systems": {
            system: {
                "cases": len(ones),
                "right": _share(ones),
                "said": sum(one.confidence for one in ones) / len(ones),
                "brier": brier(ones),
                # What one would say of this system who knew the other systems' share alone.
                "brier_base": _base(ones, [one.judged for one in held if one.system != system]),
                "ece": expected_calibration_error(ones),
            }
            for system, ones in by_system.items()
        },
    }


def _mapped(parts: Iterable[tuple[Any, Judged]]) -> dict[Any, list[Judged]]:
    """Return the cases of each part, their confidences mapped by what all other parts showed."""
    by_part: dict[Any, list[Judged]] = defaultdict(list)
    for part, judged in parts:
        by_part[part].append(judged)
    found = {}
    for part, ones in sorted(by_part.items()):
        others = fit(judged for other, rest in by_part.items() if other != part for judged in rest)
        found[part] = [Judged(others.apply(one.confidence), one.accepted) for one in ones]
    return found


def _base(ones: Sequence[Judged], others: Sequence[Judged]) -> float | None:
    share = _share(others)
    return brier(Judged(share, one.accepted) for one in ones)


def _share(judged: Sequence[Judged]) -> float:
    return sum(one.accepted for one in judged) / len(judged) if judged else 0.0


def _rows(judged: Iterable[Judged]) -> list[dict[str, Any]]:
    return [
        {"low": one.low, "high": one.high, "cases": one.count, "said": one.confidence, "right": one.accepted}
        for one in reliability(judged)
    ]
