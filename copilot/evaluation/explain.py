"""One case in full: what was read, the evidence, the candidates and the five factors of each."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from copilot.evaluation import solving, vocabulary
from integrations import recorded
from scoring.units import format_lead

if TYPE_CHECKING:
    from rich.console import Console

    from copilot.evaluation.cases import Place

_MOST = 6


def explain(console: Console, place: Place) -> None:
    """Print a case as an engineer wants to read it; the truth is not opened.

    :raises integrations.recorded.BadCase: where it cannot be read.
    """
    from rich.table import Table
    from rich.text import Text

    case = recorded.read(place.directory)
    detection, ranking, _, seconds = solving.run(case)
    counts = Counter(type(one).__name__ for one in case.observations)
    moment = datetime.fromtimestamp(case.window.alert_at, UTC)
    console.print(
        Text(f"{place.set} {case.id}: {case.system}, about {case.subject}, at {moment:%Y-%m-%d %H:%M:%S} UTC")
    )
    console.print(
        Text(
            f"read: {', '.join(f'{count} {name}' for name, count in sorted(counts.items()))}; ranked in {seconds:.3f} s"
        )
    )
    console.print(Text(f"verdict: {ranking.verdict.value}. {ranking.explanation}"))
    table = Table(title="evidence", title_justify="left")
    for name in ("", "entity", "what", "severity", "since the alert", "direction", "source"):
        table.add_column(name, overflow="fold")
    for item in detection.evidence:
        since = "" if item.onset is None else format_lead(case.window.alert_at - item.onset)
        table.add_row(
            item.id, Text(str(item.peer or item.entity)), Text(item.statement), f"{item.severity:.2f}", since,
            item.direction.value + (", symptom" if item.is_symptom else ""), item.source,
        )  # fmt: skip
    console.print(table)
    by_id = {item.id: item for item in detection.evidence}
    for number, score in enumerate(ranking.scores[:_MOST], start=1):
        candidate = score.candidate
        cited = [by_id[one] for one in candidate.supporting if one in by_id]
        spelt = vocabulary.entity(case, candidate, cited)
        label = vocabulary.label(case, candidate, cited, spelt) if spelt else None
        console.print(
            Text(
                f"\n{number}. {candidate.entity}: {candidate.cause_kind.value}"
                f" {score.confidence:.2f} ({score.low:.2f}–{score.high:.2f})"
                f"{f' = {spelt}' if spelt else ', which is none of the case’s entities'}{f', {label}' if label else ''}"
            )
        )
        console.print(Text(f"   {candidate.statement}"))
        for factor in score.factors:
            console.print(
                Text(
                    f"   {factor.name:<21} {factor.weight:.2f} × {factor.value:.2f} ({factor.low:.2f}–{factor.high:.2f})  {factor.reason}"
                )
            )
        console.print(
            Text(f"   for {', '.join(candidate.supporting)}; against {', '.join(candidate.contradicting) or 'nothing'}")
        )
    for line in ranking.weighed_light:
        console.print(Text(f"weighed light: {line}"))
    for line in ranking.missing:
        console.print(Text(f"missing: {line}"))
    console.print(Text(f"next: {ranking.next_check}"))
