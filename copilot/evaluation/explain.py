"""One case in full: what was read, the verdict, the candidates with their five factors, and the evidence."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from copilot.evaluation import solving, vocabulary
from integrations import recorded
from scoring.evidence import Direction, Verdict
from scoring.units import format_onset

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from copilot.evaluation.cases import Place
    from integrations.recorded import RecordedCase
    from scoring.detect import Detection
    from scoring.evidence import Evidence, Ranking, Score

_MOST = 6
_MOST_EVIDENCE = 40
_MOST_CITED = 4
_BAR = 8
_STYLES = {Verdict.LIKELY: "bold green", Verdict.POSSIBLE: "bold yellow", Verdict.NO_FAULT: "bold cyan"}
_OBSERVED = {
    "Series": "series", "State": "conditions", "LogPattern": "log patterns", "Change": "changes", "Note": "notes",
    "Dependency": "dependencies", "Gap": "gaps",
}  # fmt: skip


def explain(console: Console, place: Place) -> None:
    """Print a case as an engineer wants to read it; the truth is not opened.

    :raises integrations.recorded.BadCase: where it cannot be read.
    """
    case = recorded.read(place.directory)
    detection, ranking, _, seconds = solving.run(case)
    show(console, case, detection, ranking, seconds=seconds, title=f"{place.set} {case.id}, system {case.system}")


def show(
    console: Console, case: RecordedCase, detection: Detection, ranking: Ranking, *, seconds: float, title: str = ""
) -> None:
    """Print what was found in a case and how it was ranked."""
    from rich.text import Text

    counts = Counter(_OBSERVED[type(one).__name__] for one in case.observations)
    alert = datetime.fromtimestamp(case.window.alert_at, UTC)
    console.print(Text(title or case.id, style="bold"))
    console.print(Text(f"about {case.subject}, alert at {alert:%Y-%m-%d %H:%M:%S} UTC"))
    console.print(
        Text(
            f"seen: {', '.join(f'{count} {name}' for name, count in sorted(counts.items()))}; ranked in {seconds:.3f} s\n"
        )
    )
    console.print(
        Text.assemble((ranking.verdict.value, _STYLES.get(ranking.verdict, "bold")), f": {ranking.explanation}")
    )
    by_id = {item.id: item for item in detection.evidence}
    for number, score in enumerate(ranking.scores[:_MOST], start=1):
        _show_score(console, case, score, by_id, number)
    if len(ranking.scores) > _MOST:
        console.print(Text(f"\n{len(ranking.scores) - _MOST} weaker candidates", style="dim"))
    for heading, lines in (("weighed light", ranking.weighed_light), ("missing", ranking.missing)):
        for line in lines:
            console.print(Text.assemble((f"{heading}: ", "bold"), line))
    if ranking.next_check:
        console.print(Text.assemble(("next: ", "bold"), ranking.next_check))
    if detection.evidence:
        console.print()
        console.print(_evidence(detection))


def _show_score(console: Console, case: RecordedCase, score: Score, by_id: dict[str, Evidence], number: int) -> None:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    candidate = score.candidate
    cited = [by_id[one] for one in candidate.supporting if one in by_id]
    console.print(
        Text.assemble(
            f"\n{number}. ", (f"{candidate.entity}: {candidate.cause_kind.value}", "bold"),
            f"  {score.confidence:.2f} ({score.low:.2f}–{score.high:.2f})", (_spelt(case, score, cited), "dim"),
        )
    )  # fmt: skip
    console.print(Padding(Text(candidate.statement), (0, 0, 0, 3)))
    if not score.is_lead:
        console.print(Padding(Text("not suggested to people: nothing connects it with what fired"), (0, 0, 0, 3)))
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0))
    for _ in range(4):
        table.add_column(overflow="fold")
    for factor in score.factors:
        filled = round(factor.value * _BAR)
        table.add_row(
            factor.name, Text("█" * filled + "·" * (_BAR - filled), style="blue"),
            f"{factor.weight:.2f} × {factor.value:.2f}", Text(factor.reason),
        )  # fmt: skip
    console.print(Padding(table, (0, 0, 0, 3)))
    for word, ids in (("for", candidate.supporting), ("against", candidate.contradicting)):
        told = [by_id[one] for one in ids if one in by_id]
        more = f" and {len(told) - _MOST_CITED} more" if len(told) > _MOST_CITED else ""
        if told:
            console.print(
                Padding(Text(f"{word} {', '.join(one.id for one in told[:_MOST_CITED])}{more}"), (0, 0, 0, 3))
            )
    if candidate.next_check:
        console.print(Padding(Text(f"check: {candidate.next_check}", style="italic"), (0, 0, 0, 3)))


def _spelt(case: RecordedCase, score: Score, cited: list[Evidence]) -> str:
    """Return what a recorded set calls the entity and the fault, where it calls them otherwise; "" for a bundle."""
    if not case.dataset:
        return ""
    spelt = vocabulary.entity(case, score.candidate, cited)
    if spelt is None:
        return "  (none of the case’s entities)"
    label = vocabulary.label(case, score.candidate, cited, spelt)
    same = spelt == score.candidate.entity.name
    words = ", ".join(word for word in ("" if same else spelt, label or "") if word)
    return f"  = {words}" if words else ""


def _evidence(detection: Detection) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(title="evidence", title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    for name in ("", "severity", "began", "", "source", "what"):
        table.add_column(
            name,
            overflow="fold",
            justify="right" if name == "severity" else "left",
            ratio=1 if name == "what" else None,
        )
    for item in detection.evidence[:_MOST_EVIDENCE]:
        since = "" if item.onset is None else format_onset(detection.onset - item.onset)
        direction = "symptom" if item.is_symptom else "" if item.direction is Direction.FOR else item.direction.value
        table.add_row(item.id, f"{item.severity:.2f}", since, direction, item.source, Text(item.statement))
    if len(detection.evidence) > _MOST_EVIDENCE:
        more = len(detection.evidence) - _MOST_EVIDENCE
        table.add_row("", "", "", "", "", Text(f"and {more} more", style="dim"))
    return table
