"""The tools that look into what was written and what happened before: runbooks, and incidents like this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from copilot.knowledge import memory, runbook_search
from copilot.models import Scope
from copilot.tools.tool import Looked, Tool
from integrations.base import Category

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from copilot.tools.tool import Reach

MOST_STEPS = 12
TEXT = 1200


class Runbooks(BaseModel):
    """Ask which runbooks speak of something."""

    model_config = ConfigDict(extra="forbid")

    words: str = Field(min_length=2, max_length=400, description="What is wrong, in a few words.")
    most: int = Field(default=3, ge=1, le=5)


class Similar(BaseModel):
    """Ask for past incidents like this one; the incident is named beside it."""

    model_config = ConfigDict(extra="forbid")


def tools(tenant_id: UUID) -> Iterator[Tool]:
    """Yield the tools over knowledge."""
    del tenant_id
    yield Tool(
        name="runbooks",
        title="Searching runbooks",
        description="Search the runbooks; their sections and steps are quoted word for word, with source and date.",
        arguments=Runbooks,
        category=Category.KNOWLEDGE,
        needs=Scope.RUNBOOKS_READ,
        run=_runbooks,
        asks_outside=False,
    )
    yield Tool(
        name="similar_incidents",
        title="Looking for similar incidents",
        description="List past incidents like this one: why they are alike, and what their cause was.",
        arguments=Similar,
        category=Category.KNOWLEDGE,
        needs=Scope.INCIDENTS_READ,
        run=_similar,
        asks_outside=False,
    )


def _runbooks(reach: Reach, asked: Runbooks) -> Looked:
    hits = runbook_search.search(reach.tenant_id, asked.words, most=asked.most, memory=memory.configured())
    rows = tuple(
        {
            "title": hit.title,
            "section": hit.heading,
            "text": hit.text[:TEXT],
            "steps": list(hit.steps[:MOST_STEPS]),
            "source": f"{hit.source} {hit.path}",
            "read_at": hit.read_at.isoformat(timespec="minutes"),
        }
        for hit in hits
    )
    return Looked(
        query=f"runbooks on {asked.words}", rows=rows, origin="runbooks", note="" if rows else "none was found"
    )


def _similar(reach: Reach, _asked: Similar) -> Looked:
    if reach.briefing is None:
        return Looked(refused="name the incident to compare with")
    rows = tuple(
        {
            "incident": one.number,
            "title": one.title,
            "when": one.started_at.isoformat(timespec="minutes"),
            "alike": one.why,
            "cause": one.cause or "never confirmed",
            "words": one.words,
        }
        for one in reach.briefing.similar
    )
    return Looked(
        query=f"incidents like INC-{reach.briefing.number}",
        rows=rows,
        origin="the product's record",
        note="" if rows else "none is alike",
    )
