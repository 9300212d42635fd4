"""What could not be seen: each source that failed once, then what else is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from copilot.knowledge.briefing import Briefing


def lines(briefing: Briefing) -> list[str]:
    """Return a sentence for each source that failed, each question that had no answer, and each thing that nobody shows.

    That a whole source gave nothing is among the sources, the gaps and what the ranking misses: it is told as the source's.
    """
    failed = [one for one in briefing.sources if one.status == "failed"]
    told = [f"{one.name}: {one.detail or 'did not answer'}" for one in failed]
    names = tuple(one.name.casefold() for one in failed)
    # A gap is told twice, too: as it was asked, and by the ranking as a sentence.
    gaps = briefing.missing or briefing.gaps
    told += [one for one in gaps if not one.casefold().startswith(names)]
    return list(dict.fromkeys(told))


__all__ = ["lines"]
