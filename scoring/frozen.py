"""Rankings and their inputs as canonical JSON and back: equal inputs give equal bytes, and the bytes give the inputs again."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from scoring import evidence, observations
from scoring.evidence import Ranking, RankInputs

if TYPE_CHECKING:
    from scoring.evidence import Acceptance, Candidate, Evidence, Factor, Precedent
    from scoring.observations import Dependency, Entity, Gap, Observation, Window

_Frozen = TypeVar("_Frozen", RankInputs, Ranking)
OBSERVED = {kind.__name__: kind for kind in get_args(observations.Observation)}
# Arrays of numbers are written as base64 of their little-endian float64: exact, and a third of the text of decimals.
ARRAY = np.dtype("<f8")


def freeze(frozen: RankInputs | Ranking) -> str:
    """Return canonical JSON: sorted keys, no spaces, ASCII, numbers by their shortest exact form.

    :raises ValueError: where a number is not finite; the text names the field.
    """
    return json.dumps(
        _plain(frozen, type(frozen), type(frozen).__name__),
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=True,
        allow_nan=False,
    )


def plain(value: Any) -> Any:
    """Return a part of inputs or of a ranking, or a sequence of such parts, as JSON's own types.

    :raises ValueError: where a number is not finite; the text names the field.
    """
    return _plain(value, type(value), type(value).__name__)


def thaw_window(value: Any) -> Window:
    """Return the window that `plain` made a mapping of; so do the next ones for what they name.

    :raises ValueError: where the value is something else; the message names the field.
    """
    thawed: Window = _instance(value, observations.Window, "Window")
    return thawed


def thaw_entity(value: Any) -> Entity:
    """Return the entity."""
    thawed: Entity = _instance(value, observations.Entity, "Entity")
    return thawed


def thaw_dependency(value: Any) -> Dependency:
    """Return the dependency."""
    thawed: Dependency = _instance(value, observations.Dependency, "Dependency")
    return thawed


def thaw_gap(value: Any) -> Gap:
    """Return the gap."""
    thawed: Gap = _instance(value, observations.Gap, "Gap")
    return thawed


def plain_observation(observation: Observation) -> dict[str, Any]:
    """Return an observation as JSON's own types, with the name of its kind under `type`."""
    kind = type(observation)
    written: dict[str, Any] = _plain(observation, kind, kind.__name__)
    return {"type": kind.__name__, **written}


def thaw_observation(value: Any) -> Observation:
    """Return the observation that `plain_observation` wrote.

    :raises ValueError: where the value is something else; the message names the field.
    """
    kind = (
        OBSERVED.get(value.get("type", "")) if isinstance(value, dict) and isinstance(value.get("type"), str) else None
    )
    if kind is None:
        raise ValueError(f"an observation must have a type of {', '.join(OBSERVED)}")
    thawed: Observation = _instance({name: item for name, item in value.items() if name != "type"}, kind, kind.__name__)
    return thawed


def thaw_evidence(value: Any) -> Evidence:
    """Return the item of evidence."""
    thawed: Evidence = _instance(value, evidence.Evidence, "Evidence")
    return thawed


def thaw_candidate(value: Any) -> Candidate:
    """Return the candidate."""
    thawed: Candidate = _instance(value, evidence.Candidate, "Candidate")
    return thawed


def thaw_factor(value: Any) -> Factor:
    """Return the factor."""
    thawed: Factor = _instance(value, evidence.Factor, "Factor")
    return thawed


def thaw_precedent(value: Any) -> Precedent:
    """Return the precedent."""
    thawed: Precedent = _instance(value, evidence.Precedent, "Precedent")
    return thawed


def thaw_acceptance(value: Any) -> Acceptance:
    """Return the acceptance."""
    thawed: Acceptance = _instance(value, evidence.Acceptance, "Acceptance")
    return thawed


def thaw_inputs(text: str) -> RankInputs:
    """Return the inputs that `freeze` wrote.

    :raises ValueError: where the text is something else; the message names the field.
    """
    return _thaw(text, RankInputs)


def thaw_ranking(text: str) -> Ranking:
    """Return the ranking that `freeze` wrote.

    :raises ValueError: where the text is something else; the message names the field.
    """
    return _thaw(text, Ranking)


def _thaw(text: str, kind: type[_Frozen]) -> _Frozen:
    try:
        plain = json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError(f"{kind.__name__}: nested too deeply to be a frozen one") from None
    thawed: _Frozen = _typed(plain, kind, kind.__name__)
    return thawed


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is not a finite number")


@cache
def _hints(kind: type) -> dict[str, Any]:
    # The dataclasses name their types only for the checker: both modules' names are needed to read them.
    return get_type_hints(
        kind, localns={**vars(observations), **vars(evidence), "Mapping": Mapping, "np": np, "NDArray": NDArray}
    )


def _plain(value: Any, hint: Any, where: str) -> Any:
    """Return a value as JSON's own types; numbers become what their field says, so that 5 and 5.0 are written alike."""
    if is_dataclass(value) and not isinstance(value, type):
        hints = _hints(type(value))
        return {
            field.name: _plain(getattr(value, field.name), hints[field.name], f"{where}.{field.name}")
            for field in fields(value)
        }
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): str(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return base64.b64encode(value.astype(ARRAY).tobytes()).decode("ascii")
    if isinstance(value, (tuple, list)):
        inner = (get_args(hint) or (Any,))[0]
        return [_plain(item, inner, f"{where}[{place}]") for place, item in enumerate(value)]
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if _is_float(hint) or isinstance(value, float):
        number = float(value)
        if not math.isfinite(number):
            raise ValueError(f"{where}: {number} is not a finite number")
        return number
    return int(value)


def _is_float(hint: Any) -> bool:
    return hint is float or (get_origin(hint) in (Union, UnionType) and float in get_args(hint))


def _typed(value: Any, hint: Any, where: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        if value is None and type(None) in get_args(hint):
            return None
        return _typed(value, next(one for one in get_args(hint) if one is not type(None)), where)
    if origin in {tuple, Mapping, np.ndarray}:
        return _gathered(value, hint, where)
    if origin is Literal or (isinstance(hint, type) and issubclass(hint, Enum)):
        return _chosen(value, hint, where)
    if is_dataclass(hint) and isinstance(hint, type):
        return _instance(value, hint, where)
    if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return _finite(value, where)
    if isinstance(hint, type) and type(value) is hint:
        return value
    raise ValueError(f"{where}: expected {getattr(hint, '__name__', hint)}, got {type(value).__name__}")


def _gathered(value: Any, hint: Any, where: str) -> Any:
    """Return a list as a tuple of what its type says, an object as a mapping of texts, or an array of numbers."""
    origin = get_origin(hint)
    if origin is tuple:
        if not isinstance(value, list):
            raise ValueError(f"{where}: expected a list, got {type(value).__name__}")
        inner = get_args(hint)[0]
        return tuple(_typed(item, inner, f"{where}[{place}]") for place, item in enumerate(value))
    if origin is Mapping:
        if not isinstance(value, dict) or not all(isinstance(word, str) for pair in value.items() for word in pair):
            raise ValueError(f"{where}: expected an object of texts")
        return value
    try:
        return np.frombuffer(base64.b64decode(value, validate=True), dtype=ARRAY).astype(np.float64)
    except (binascii.Error, TypeError, ValueError):
        raise ValueError(f"{where}: expected base64 of 64-bit numbers") from None


def _chosen(value: Any, hint: Any, where: str) -> Any:
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise ValueError(f"{where}: {value!r} is none of {', '.join(map(str, get_args(hint)))}")
        return value
    try:
        return hint(value)
    except ValueError:
        raise ValueError(f"{where}: {value!r} is no {hint.__name__}") from None


def _finite(value: float, where: str) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{where}: not a finite number")
    return number


def _instance(value: Any, kind: type, where: str) -> Any:
    if not isinstance(value, dict):
        # Frozen text with the wrong thing inside is a wrong value to whoever thaws it.
        raise ValueError(f"{where}: expected an object, got {type(value).__name__}")  # noqa: TRY004
    known = {field.name: field for field in fields(kind)}
    if unknown := sorted(set(value) - set(known)):
        raise ValueError(f"{where}: unknown field {unknown[0]!r}")
    needed = [name for name, field in known.items() if field.default is MISSING and field.default_factory is MISSING]
    if lacking := [name for name in needed if name not in value]:
        raise ValueError(f"{where}.{lacking[0]}: missing")
    hints = _hints(kind)
    return kind(**{name: _typed(item, hints[name], f"{where}.{name}") for name, item in value.items()})
