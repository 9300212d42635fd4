"""Which runbooks are for an incident: by its service, by the kinds of cause that are suspected, and by its words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

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
# Of the runbooks that fit the words, so many may be shown for their kind of cause, and so many for the words alone: a suspected
# kind is a guess, and what the incident says must bear it out.
NEAR_THE_WORDS: Final = 5
AT_THE_WORDS: Final = 1


def for_incident(
    tenant_id: UUID, *, service: str, words: str, suspected: Sequence[tuple[str, str]]
) -> tuple[RunbookQuote, ...]:
    """Return the runbooks to follow, the best first, with their steps word for word and why they are shown.

    `suspected` are the hypotheses' (service, kind of cause), the first-ranked first; none where nothing is suspected enough to
    act on. A runbook is shown where it names one of the services, or where something is suspected and it is among the first that
    fit the words: the very first, or one for a suspected kind. What is for other services alone is not shown. The services' own come
    first; then the words decide.
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
    by_kind = [one for one in by_words[:NEAR_THE_WORDS] if set(hits[one].causes) & set(kinds)]
    first = by_words[:AT_THE_WORDS] if kinds else []
    general = sorted({*by_kind, *first}, key=by_words.index)
    chosen = list(dict.fromkeys([*by_service, *general]))[:SHOWN]
    return tuple(quote(hits[one], why=_why(hits[one], services, kinds)) for one in chosen)


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
