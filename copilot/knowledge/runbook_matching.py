"""Which runbooks are for an incident: by its service, by the kinds of cause that are suspected, and by its words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from copilot.knowledge import fusion
from copilot.knowledge.briefing import RunbookQuote
from copilot.knowledge.runbook_search import search

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from copilot.knowledge.runbook_search import Hit

SHOWN: Final = 3
# How many of the runbooks that fit the words are looked at, and how many hypotheses.
LOOKED_AT: Final = 30
HYPOTHESES: Final = 3


def for_incident(
    tenant_id: UUID, *, service: str, words: str, suspected: Sequence[tuple[str, str]]
) -> tuple[RunbookQuote, ...]:
    """Return the runbooks to follow, the best first, with their steps word for word and why they are shown.

    `suspected` are the hypotheses' (service, kind of cause), the first-ranked first. A runbook is shown where it is for one of
    their kinds or names one of the services, and is for no other services; how well it fits the words decides among those.
    """
    services = {name.casefold() for name in (service, *(name for name, _ in suspected)) if name}
    kinds = list(dict.fromkeys(kind for _, kind in suspected[:HYPOTHESES]))
    meant = [
        hit
        for hit in search(tenant_id, words, most=LOOKED_AT)
        if hit.steps and (not hit.services or _named(hit, services))
    ]
    hits = {hit.id: hit for hit in meant}
    by_words = [hit.id for hit in meant]
    by_service = [hit.id for hit in meant if _named(hit, services)]
    by_kind = [hit.id for kind in kinds for hit in meant if kind in hit.causes]
    fitting = {*by_service, *by_kind}
    fused = fusion.fuse([by_words, by_service, list(dict.fromkeys(by_kind))])
    chosen = [hits[one] for one, _ in fused if one in fitting][:SHOWN]
    return tuple(quote(hit, why=_why(hit, services, kinds)) for hit in chosen)


def quote(hit: Hit, *, why: str) -> RunbookQuote:
    """Return a runbook that was found as it is shown."""
    return RunbookQuote(
        id=hit.id,
        title=hit.title,
        steps=hit.steps,
        source=hit.source,
        path=hit.path,
        link=hit.link,
        version=hit.version,
        written_at=hit.written_at,
        read_at=hit.read_at,
        why=why,
    )


def _named(hit: Hit, services: set[str]) -> list[str]:
    return [name for name in hit.services if name.casefold() in services]


def _why(hit: Hit, services: set[str], kinds: Sequence[str]) -> str:
    named = _named(hit, services)
    about = [kind for kind in kinds if kind in hit.causes]
    return "; ".join(
        part
        for part in (
            f"it is for {', '.join(named)}" if named else "",
            f"it is about {', '.join(about)}" if about else "",
            "it fits the incident's words",
        )
        if part
    )


__all__ = ["for_incident", "quote"]
