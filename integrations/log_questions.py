"""What is asked of any log store: one service's telling lines before and since the onset, and a conversation's questions."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from integrations.base import Look, Seen
from integrations.templates import Sample, Tallies, onset_of
from scoring.observations import Entity, EntityKind, Gap

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from integrations.questions import Questions
    from integrations.templates import Line
    from scoring.observations import LogPattern, Window

    # Returns the telling lines from one Unix second to before another.
    Sampling = Callable[[float, float], Sample]

MAX_SERVICES = 12
MOST_MINUTES = 360
LINES = 40
LINE = 300
POINTS = 24
NOTHING = "there are none in this time"
ServiceName = Annotated[str, Field(max_length=120, description="One of the services named in the document.")]
Minutes = Annotated[int, Field(ge=1, le=MOST_MINUTES, description="How far back from now, or the incident's end.")]
Words = Annotated[str, Field(max_length=120, description="Lines must hold this text, as it is written.")]


class Lines(BaseModel):
    """Ask for some log lines of one service."""

    model_config = ConfigDict(extra="forbid")

    service: ServiceName
    containing: Words = ""
    minutes: Minutes = 15
    lines: int = Field(default=20, ge=1, le=LINES)


class Counts(BaseModel):
    """Ask how many lines of one service there were over time."""

    model_config = ConfigDict(extra="forbid")

    service: ServiceName
    containing: Words = ""
    minutes: Minutes = 60


class Templates(BaseModel):
    """Ask which templates of one service's lines tell of trouble, against the same time before."""

    model_config = ConfigDict(extra="forbid")

    service: ServiceName
    minutes: Minutes = 30


LOOKS = (
    Look("log_lines", "Read the newest log lines of one service, at most 40, of at most six hours.", Lines),
    Look("log_counts", "Count the log lines of one service over time, all or those with a text.", Counts),
    Look("log_templates", "List the templates of one service's lines that tell of trouble, with how often they came "
         "and how often in the same time before.", Templates),
)  # fmt: skip


def compared(
    questions: Questions, name: str, window: Window, sampling: Sampling, *, query: str, link: str
) -> list[LogPattern | Gap]:
    """Return the templates of a service's telling lines before and since the onset, and what was not read of them."""
    onset = onset_of(window)
    # What came since tells something by itself; without what was before, nothing can be called new.
    during = questions.ask(f"logs of {name}", partial(sampling, onset, window.end))
    if during is None:
        return []
    before = questions.ask(f"logs of {name} before the incident", partial(sampling, window.start, onset))
    entity = Entity(EntityKind.SERVICE, name)
    tallies = Tallies(onset)
    tallies.sample(entity, before or Sample(), during, query=query)
    seconds = (onset - window.start if before is not None else 0.0, window.end - onset)
    found: list[LogPattern | Gap] = list(tallies.patterns(questions.source, {entity: seconds}, link))
    samples = (before or Sample(), during)
    if not all(one.is_whole for one in samples):
        read, total = sum(len(one.lines) for one in samples), sum(one.total for one in samples)
        reason = f"read {read} of {total} lines that tell of trouble: the counts of templates are scaled from them"
        found.append(Gap(questions.source, f"all logs of {name}", reason))
    return found


def lines_seen(lines: Sequence[Line], *, query: str, link: str) -> Seen:
    """Return lines as a conversation sees them."""
    rows = tuple(
        {"at": clock(one.at), "line": one.text[:LINE], **({"level": one.level} if one.level else {})} for one in lines
    )
    return Seen(query=query, rows=rows, link=link, note="" if rows else NOTHING)


def counts_seen(counts: Sequence[tuple[float, int]], *, query: str, link: str) -> Seen:
    """Return numbers of lines, each up to a moment in Unix seconds, as a conversation sees them."""
    rows = tuple({"until": clock(at), "lines": lines} for at, lines in counts[: POINTS + 1])
    return Seen(query=query, rows=rows, link=link, note="" if any(lines for _, lines in counts) else NOTHING)


def templates_seen(asked: Templates, window: Window, sampling: Sampling, *, query: str, link: str) -> Seen:
    """Return templates as a conversation sees them, against the same time before the window.

    :raises SourceError: where the source does not answer.
    """
    entity = Entity(EntityKind.SERVICE, asked.service)
    length = window.end - window.start
    tallies = Tallies(window.start)
    during, before = sampling(window.start, window.end), sampling(window.start - length, window.start)
    tallies.sample(entity, before, during, query=query)
    rows = tuple(
        {"template": one.template, "lines": one.count_during, "same time before": one.count_before, "level": one.level}
        for one in tallies.patterns("", {entity: (length, length)})
    )
    note = f"{during.total} lines tell of trouble"
    if not (during.is_whole and before.is_whole):
        note += f"; templates are scaled from {len(during.lines) + len(before.lines)} lines that were read"
    return Seen(query=query, rows=rows, link=link, note=note)


def clock(at: float) -> str:
    """Return a time of day in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")
