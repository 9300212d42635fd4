"""The mathematics stand alone: no clock, no I/O, no randomness, nothing of ours, and nothing heavy before it is used."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import scoring

FILES = sorted(Path(scoring.__path__[0]).glob("*.py"))
ALLOWED = {
    "__future__", "base64", "binascii", "bisect", "collections", "dataclasses", "enum", "functools", "json", "math", "numpy",
    "re", "scipy", "scoring", "shlex", "types", "typing",
}  # fmt: skip


def imported(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def test_it_imports_nothing_that_reads_a_clock_a_file_or_chance() -> None:
    found = {name for file in FILES for name in imported(file)}
    assert {name.partition(".")[0] for name in found} <= ALLOWED
    assert {name for name in found if name.startswith("scipy")} == {"scipy.special"}


def test_it_uses_no_randomness_of_numpy() -> None:
    assert not [file.name for file in FILES if "np.random" in file.read_text()]


def test_a_process_that_never_scores_does_not_pay_for_scipy() -> None:
    code = "import sys, scoring.rank, scoring.candidates, scoring.detect, scoring.frozen; print('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "False\n"
