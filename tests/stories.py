"""Tell at the end of a run how the stories went whose cases are judged: a plugin, registered in tests/conftest.py.

A story passes where enough of its cases are right; which were not is wanted in every run, on whichever worker they ran.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest import TerminalReporter  # noqa: PT013 - the hook's own spelling

PROPERTY = "story"


def tell(record_property: Callable[[str, object], None], story: str, case: str, said: str, *, is_right: bool) -> None:
    """Note how one case of a story went, in what travels from a worker to whoever prints."""
    record_property(PROPERTY, [story, case, said, is_right])


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Print each story: how many of its cases were right, and of each what was said."""
    found: dict[str, list[tuple[str, str, bool]]] = defaultdict(list)
    for reports in terminalreporter.stats.values():
        for report in reports:
            values: list[tuple[str, Any]] = getattr(report, "user_properties", [])
            for name, value in values:
                if name == PROPERTY and getattr(report, "when", "") == "call":
                    story, case, said, is_right = value
                    found[story].append((case, said, is_right))
    for story, cases in sorted(found.items()):
        right = sum(is_right for _, _, is_right in cases)
        terminalreporter.write_sep("=", f"{story}: {right} of {len(cases)}")
        for case, said, is_right in cases:
            terminalreporter.write_line(f"{'right    ' if is_right else 'NOT RIGHT'}  {case}: {said}")
