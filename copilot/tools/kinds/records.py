"""The tools that read what the product knows itself: incidents, their evidence, and reported changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from django.utils import timezone
from pydantic import BaseModel, ConfigDict, Field

from copilot.guard.tenancy import tenant_scope
from copilot.models import Incident, IncidentStatus, Scope
from copilot.stages.changes import changes_between
from copilot.tools.reach import outside
from copilot.tools.tool import Looked, Tool
from integrations.base import Category
from scoring.changes import join

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from uuid import UUID

    from copilot.tools.tool import Reach
    from scoring.observations import Change

MOST_CHANGES = 40
MOST_INCIDENTS = 20


class Changes(BaseModel):
    """Ask for the changes that were reported of the services in scope."""

    model_config = ConfigDict(extra="forbid")

    hours: int = Field(default=3, ge=1, le=72, description="How long before the alert, or before now, to look.")
    service: str = Field(default="", max_length=120, description="One of the services; empty for all of them.")


class Evidence(BaseModel):
    """Ask for pieces of evidence in full."""

    model_config = ConfigDict(extra="forbid")

    ids: list[str] = Field(min_length=1, max_length=8, description="Ids such as E3.")


class Incidents(BaseModel):
    """Ask which incidents there are."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["open", "all"] = "open"
    service: str = Field(default="", max_length=120, description="Of this service alone; empty for all.")


class Report(BaseModel):
    """Ask for what an investigation found; the incident is named beside it."""

    model_config = ConfigDict(extra="forbid")


def tools(tenant_id: UUID) -> Iterator[Tool]:
    """Yield the tools over the tenant's own records."""
    del tenant_id
    yield Tool(
        name="evidence",
        title="Reading evidence in full",
        description="Read pieces of the incident's evidence in full: numbers, the query that was asked, samples.",
        arguments=Evidence,
        category=Category.KNOWLEDGE,
        needs=Scope.INCIDENTS_READ,
        run=_evidence,
        asks_outside=False,
    )
    yield Tool(
        name="changes",
        title="Reading reported changes",
        description="List deployments, releases and other changes that were reported of the services in scope.",
        arguments=Changes,
        category=Category.CHANGES,
        needs=Scope.CHANGES_READ,
        run=_changes,
        asks_outside=False,
    )
    yield Tool(
        name="incidents",
        title="Listing incidents",
        description=f"List incidents, the newest first, at most {MOST_INCIDENTS}.",
        arguments=Incidents,
        category=Category.KNOWLEDGE,
        needs=Scope.INCIDENTS_READ,
        run=_incidents,
        asks_outside=False,
    )
    yield Tool(
        name="report",
        title="Reading a report",
        description="Read what an incident's investigation found: verdict, hypotheses with confidence, evidence, what is missing.",
        arguments=Report,
        category=Category.KNOWLEDGE,
        needs=Scope.INCIDENTS_READ,
        run=_report,
        asks_outside=False,
    )


def _evidence(reach: Reach, asked: Evidence) -> Looked:
    if reach.briefing is None:
        return Looked(refused="name the incident whose evidence it is")
    known = {one.id: one for one in reach.briefing.evidence}
    found = [known[one] for one in asked.ids if one in known]
    if not found:
        return Looked(refused=f"there is no such evidence; there is {', '.join(list(known)[:60])}")
    rows = tuple(
        {
            "id": one.id,
            "statement": one.statement,
            "source": one.source,
            "about": one.entity.key,
            "value": one.value,
            "baseline": one.baseline,
            "unit": one.unit,
            "query": one.query,
            "samples": _samples(one.plot),
        }
        for one in found
    )
    return Looked(query=f"evidence {', '.join(one.id for one in found)}", rows=rows, origin="this incident")


def _samples(plot: Any) -> list[tuple[float, float]]:
    if plot is None:
        return []
    pairs = list(zip(plot.times, plot.values, strict=False))
    every = max(1, len(pairs) // 15)
    return [(round(at), float(f"{value:.4g}")) for at, value in pairs[::every]]


def _changes(reach: Reach, asked: Changes) -> Looked:
    chosen = [service for service in reach.services if asked.service in {"", service.name}]
    if asked.service and not chosen:
        raise outside(reach, asked.service)
    before = reach.incident.alert_at if reach.incident else timezone.now()
    since = before - timedelta(hours=asked.hours)
    named = reach.incident.display_service if reach.incident else ""
    with tenant_scope(reach.tenant_id):
        rows = changes_between(
            since,
            timezone.now(),
            services=[service.id for service in chosen],
            names=[named] if named and not asked.service else [],
        )
    told: dict[str, list[Change]] = {}
    for change, key in join(rows):
        told.setdefault(key, []).append(change)
    found = tuple(_told_once(group) for group in list(told.values())[-MOST_CHANGES:])
    of = asked.service or ("all services of the incident" if reach.incident else "all services")
    return Looked(
        query=f"changes of {of} since {since:%Y-%m-%d %H:%M} UTC",
        rows=found,
        origin="reported changes",
        note="" if found else "none was reported",
    )


def _told_once(group: list[Change]) -> Mapping[str, Any]:
    """Return one change with all who told of it."""
    first = group[0]
    return {
        "at": datetime.fromtimestamp(first.at, tz=UTC).isoformat(timespec="seconds"),
        "about": first.entity.key,
        "kind": first.kind.value,
        "title": first.title,
        "author": next((one.author for one in group if one.author), ""),
        "version": next((one.version for one in group if one.version), ""),
        "status": next((one.status for one in reversed(group) if one.status), ""),
        "source": ", ".join(dict.fromkeys(one.source for one in group)),
    }


def _incidents(reach: Reach, asked: Incidents) -> Looked:
    if asked.service and asked.service not in {service.name for service in reach.services}:
        raise outside(reach, asked.service)
    with tenant_scope(reach.tenant_id):
        rows = Incident.objects.select_related("service").order_by("-started_at")
        if asked.status == "open":
            rows = rows.exclude(status=IncidentStatus.RESOLVED)
        if asked.service:
            rows = rows.filter(service__name=asked.service)
        found = tuple(
            {
                "incident": one.number,
                "service": one.display_service,
                "title": one.title,
                "status": one.status,
                "severity": one.severity,
                "started_at": one.started_at.isoformat(timespec="seconds"),
            }
            for one in rows[:MOST_INCIDENTS]
        )
    return Looked(
        query=f"{asked.status} incidents{f' of {asked.service}' if asked.service else ''}",
        rows=found,
        origin="the product's record",
        note="" if found else "there are none",
    )


def _report(reach: Reach, _asked: Report) -> Looked:
    briefing = reach.briefing
    if briefing is None:
        return Looked(refused="name the incident whose report it is")
    rows: list[dict[str, Any]] = [
        {
            "incident": briefing.number,
            "title": briefing.title,
            "service": briefing.service,
            "status": briefing.status,
            "verdict": briefing.verdict or ("still being looked at" if briefing.is_working else "none"),
            "explanation": briefing.explanation,
            "next_check": briefing.next_check,
            "asked": briefing.routing,
            "missing": list(briefing.missing[:8]),
        }
    ]
    rows += [
        {
            "rank": one.rank,
            "hypothesis": one.statement,
            "about": one.entity,
            "cause_kind": one.cause_kind,
            "confidence": [round(one.low, 2), round(one.high, 2)],
            "is_confirmed": one.is_confirmed,
            "evidence_for": list(one.supporting),
            "evidence_against": list(one.contradicting),
        }
        for one in briefing.hypotheses[:5]
    ]
    rows += [{"evidence": one.id, "statement": one.statement, "source": one.source} for one in briefing.evidence[:30]]
    return Looked(query=f"report of INC-{briefing.number}", rows=tuple(rows), origin="the product's record")
