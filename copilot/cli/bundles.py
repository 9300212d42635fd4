"""`copilot investigate --bundle`: rank the causes in a support bundle, in the terminal, with nothing running."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from copilot.cli.session import Problem, print_json

if TYPE_CHECKING:
    import argparse

    from integrations.bundle import Bundle

_MOST_FILES = 12


def investigate_bundle(options: argparse.Namespace) -> int:
    """Read the folder, rank and print."""
    from rich.console import Console

    from copilot.evaluation import explain, solving
    from integrations import bundle
    from integrations.recorded.traces import seconds
    from scoring.frozen import plain

    at = None if options.at is None else seconds(options.at)
    if options.at is not None and at is None:
        raise Problem(f"--at: {options.at!r} is no time; give one such as 2026-11-21T03:00:00Z", code=2)
    words = " ".join(one for one in (options.slug, *options.words) if one)
    try:
        found = bundle.read(options.bundle, about=words, at=at)
    except bundle.BadCase as error:
        raise Problem(str(error)) from None
    detection, ranking, _, taken = solving.run(found.case)
    if options.json:
        print_json(
            {
                "bundle": str(options.bundle),
                "read": [{"file": file, "as": what} for file, what in found.read],
                "left_out": [{"file": file, "why": why} for file, why in found.left_out],
                "evidence": plain(detection.evidence),
                "ranking": plain(ranking),
            }
        )
        return 0
    console = Console(highlight=False)
    _show_files(console, found)
    explain.show(console, found.case, detection, ranking, seconds=taken)
    return 0


def _show_files(console: Any, found: Bundle) -> None:
    from rich.text import Text

    if found.read:
        console.print(Text(f"read {len(found.read)} files", style="bold"))
    by_kind: dict[str, list[str]] = {}
    for file, kind in found.read:
        by_kind.setdefault(kind, []).append(file)
    for kind, files in by_kind.items():
        more = f" and {len(files) - 3} more" if len(files) > 3 else ""
        console.print(Text(f"  {kind}: {', '.join(files[:3])}{more}"))
    for file, why in found.left_out[:_MOST_FILES]:
        console.print(Text(f"  not read: {file}: {why}", style="dim"))
    if len(found.left_out) > _MOST_FILES:
        console.print(
            Text(f"  not read: {len(found.left_out) - _MOST_FILES} more files (--json lists them)", style="dim")
        )
    console.print()
