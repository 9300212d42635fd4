"""Should we roll back? Answered from what was weighed: the change that is suspected, or why the one that is meant is not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from copilot.answers import Line
from copilot.knowledge import way_back
from scoring.changes import parts
from scoring.evidence import Verdict
from scoring.units import format_onset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from copilot.knowledge.briefing import Briefing, HypothesisLine
    from scoring.evidence import Evidence

_VERSION = re.compile(r"\bv?\d[\w.+-]*")


def answer(question: str, briefing: Briefing) -> list[Line]:
    """Return whether anything speaks for undoing what the question names, or where it names nothing, what is suspected."""
    if not briefing.verdict:
        return [Line("I can't see that yet: there are no hypotheses to weigh a rollback by.", (), "unknown")]
    meant = _meant(question, briefing)
    blamed = {one.id: service for service, one in _blamed(briefing)}
    if not meant:
        first = next((one for one in briefing.hypotheses if one.id in blamed), None)
        if first is not None:
            return list(_for(first, briefing))
        return [
            Line("No change is suspected, so nothing that was seen speaks for a rollback."),
            *(Line(f"Weighed and found light: {one}", (), "bullet") for one in briefing.weighed_light[:3]),
        ]
    lines: list[Line] = []
    for service in meant:
        lead = next((one for one in briefing.hypotheses if blamed.get(one.id) == service), None)
        lines.extend(_for(lead, briefing) if lead is not None else _against(service, briefing))
    if not any(service in blamed.values() for service in meant) and briefing.hypotheses:
        lines.append(_told("What is suspected instead:", briefing.hypotheses[0]))
    return lines


def _blamed(briefing: Briefing) -> Iterator[tuple[str, HypothesisLine]]:
    """Return the hypotheses that blame a change, each with the service that was changed."""
    for one in briefing.hypotheses:
        behind = way_back.changes_behind(briefing, one)
        if behind:
            yield behind[0].entity.service, one


def _meant(question: str, briefing: Briefing) -> list[str]:
    """Return the services that the question names, by their own name or by a version that one was changed to."""
    text = question.lower()
    known = {one.entity.service for one in briefing.evidence if one.entity.service} | {briefing.service}
    named = {
        name: at.start() for name in known if (at := re.search(rf"(?<![\w-]){re.escape(name.lower())}(?![\w-])", text))
    }
    versions = {at[0].strip(".").removeprefix("v"): at.start() for at in _VERSION.finditer(text)}
    for change in briefing.changes:
        words = {word.removeprefix("v") for word in parts(change.statement)[0].lower().replace(",", " ").split()[:3]}
        for version in words & versions.keys():
            named.setdefault(change.entity.service, versions[version])
    return sorted(named, key=lambda name: (named[name], name))


def _for(one: HypothesisLine, briefing: Briefing) -> Iterator[Line]:
    """Return what speaks for undoing the change that a hypothesis blames, and how."""
    if one.is_confirmed:
        opening = "Yes, people confirmed it as the cause:"
    elif one.rank > 1:
        opening = "Hardly: it is suspected, but something else more:"
    elif briefing.verdict == Verdict.LIKELY:
        opening = "Yes, that is the likely cause:"
    elif briefing.verdict == Verdict.POSSIBLE:
        opening = "Perhaps: it is a possible cause, and none is clearly ahead:"
    elif briefing.verdict == Verdict.NO_FAULT:
        opening = "No, no fault is seen any more; what moved was:"
    else:
        opening = "Not on this alone: it is the strongest lead, and the look was inconclusive:"
    yield _told(opening, one)
    yield from way_back_lines(briefing, one)
    is_sure = one.is_confirmed or (one.rank == 1 and briefing.verdict == Verdict.LIKELY)
    if one.next_check and not is_sure:
        yield Line(f"Check first: {one.next_check}", one.supporting[:6])


def way_back_lines(briefing: Briefing, one: HypothesisLine) -> Iterator[Line]:
    """Return what the change that a hypothesis blames altered, and the command that takes it back, where they are known."""
    behind = way_back.changes_behind(briefing, one)
    if what := way_back.altered(behind):
        yield Line(f"What it changed: {what}", (way_back.telling(behind)[0].id,))
    if (seen := way_back.undone(behind)) is not None:
        yield Line(f"Way back: {way_back.command(behind)}", (seen.id,))


def _against(service: str, briefing: Briefing) -> Iterator[Line]:
    """Return why nothing speaks for undoing what changed at a service."""
    changes = _changes(service, briefing)
    if not changes:
        yield Line(f"I see no change at {service} that could be rolled back.")
        return
    cites = tuple(one.id for one in changes)[:6]
    opening = f"Nothing that was seen speaks for rolling {service} back."
    light = [one for one in briefing.weighed_light if one.split(" ", 1)[0] == service]
    if light:
        yield Line(f"{opening} It was weighed and found light: {'; '.join(light[:2])}.", cites)
        return
    what, why = parts(changes[0].statement)
    lead = briefing.lead(changes[0])
    when = f", {format_onset(lead)}" if lead is not None else ""
    yield Line(f"{opening} No hypothesis rests on what changed there: {what}{when}{f' ({why})' if why else ''}.", cites)


def _changes(service: str, briefing: Briefing) -> list[Evidence]:
    """Return a service's changes, one sighting of each, the nearest to the onset first."""
    told: dict[str, Evidence] = {}
    for one in briefing.changes:
        if one.entity.service == service:
            told.setdefault(one.change_key or one.id, one)
    return sorted(told.values(), key=lambda one: abs(briefing.lead(one) or 0.0))


def _told(opening: str, one: HypothesisLine) -> Line:
    return Line(f"{opening} {one.rank}. {one.statement} ({one.low:.2f}–{one.high:.2f})", one.supporting[:6])


__all__ = ["answer", "way_back_lines"]
