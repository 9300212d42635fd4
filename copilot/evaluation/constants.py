"""How many numbers the mathematics rests on: what a person set, and looked at these cases while setting it."""

from __future__ import annotations

import ast
from pathlib import Path

import scoring


def count() -> dict[str, int]:
    """Return how many numbers the named constants of each module of `scoring` hold, by module; none without any."""
    found = {}
    for path in sorted(Path(scoring.__file__).parent.glob("*.py")):
        numbers = sum(map(_numbers, ast.parse(path.read_text(encoding="utf-8")).body))
        if numbers:
            found[path.stem] = numbers
    return found


def _numbers(statement: ast.stmt) -> int:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if name.isupper():
            pass
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if name.isupper():
            pass
        case _:
            return 0
    return sum(
        1
        for node in ast.walk(value)
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool)
    )
