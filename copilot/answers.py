"""An answer as plain data: lines that cite, and the sources that the citations mean."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scoring.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Line:
    """Hold one line of an answer. `cites` are ids of sources; `kind` is text, bullet, or unknown (what could not be seen)."""

    text: str
    cites: tuple[str, ...] = ()
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class Source:
    """Hold what a citation means: evidence of the run (E3), or a query that was run for the answer (Q1)."""

    id: str
    text: str
    origin: str
    link: str = ""
    query: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold a finished answer. `by` is model or rules; `note` says why the model did not answer, or what cut it short."""

    lines: tuple[Line, ...]
    sources: tuple[Source, ...] = ()
    by: str = "rules"
    note: str = ""
    model: str = ""
    dollars: float = 0.0
    seconds: float = 0.0
    is_stopped: bool = False

    def cited(self) -> tuple[Source, ...]:
        """Return the sources that the lines cite, in the order of citing."""
        known = {one.id: one for one in self.sources}
        wanted = dict.fromkeys(cite for line in self.lines for cite in line.cites)
        return tuple(known[cite] for cite in wanted if cite in known)


def source_of(one: Evidence) -> Source:
    """Return a piece of evidence as a source."""
    return Source(id=one.id, text=one.statement, origin=one.source, link=one.link, query=one.query)


def stored(answer: Answer) -> dict[str, Any]:
    """Return what the question's row keeps of an answer."""
    return {
        "answer": [asdict(line) for line in answer.lines],
        "sources": [asdict(source) for source in answer.cited()],
        "answered_by": answer.by,
        "note": answer.note[:1000],
    }


def read_back(lines: Iterable[dict[str, Any]], sources: Iterable[dict[str, Any]], **more: Any) -> Answer:
    """Return the answer that a row keeps."""
    return Answer(
        lines=tuple(Line(line["text"], tuple(line["cites"]), line["kind"]) for line in lines),
        sources=tuple(Source(**source) for source in sources),
        **more,
    )
