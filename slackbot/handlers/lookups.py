"""The `/sre` commands that only look: incidents, why, similar ones, changes, runbooks."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from copilot.guard.tenancy import tenant_scope
from copilot.knowledge import digest as digests
from copilot.knowledge import incident_reader, memory, runbook_matching
from copilot.knowledge.alert_runbooks import LABEL, AlertRunbook, alert_runbooks
from copilot.knowledge.recent_changes import recent_changes
from copilot.knowledge.runbook_search import search
from copilot.models import Hypothesis, Incident, IncidentStatus, RankingRecord, Tenant
from copilot.stages.services import closest_services, named_service
from copilot.topology.reading import read as read_topology
from scoring.evidence import Verdict
from slackbot import incident_links
from slackbot.blocks import digest_message, evidence_lists, replies
from slackbot.blocks.parts import Block
from slackbot.blocks.runbooks import runbooks_reply
from slackbot.blocks.topology import topology_reply
from slackbot.handlers import grammar
from slackbot.models import SlackPost

if TYPE_CHECKING:
    from uuid import UUID

    from slackbot.handlers.visitor import Visitor
    from slackbot.installs import Installation

Reply = tuple[list[Block], str]

SHOWN = 15
RUNBOOKS = 3
DIGEST_SPAN, LONGEST_DIGEST = timedelta(days=7), timedelta(days=90)
CHANGES_SPAN, LONGEST_SPAN = timedelta(hours=2), timedelta(days=7)


class Misunderstood(ValueError):
    """Say in words what a command lacks."""


def numbered(who: Visitor, words: str, example: str) -> tuple[int, UUID, str]:
    """Return the incident's number and id, and the rest of the words.

    :raises Misunderstood: where no number is given.
    :raises LookupError: where there is no such incident.
    """
    number, rest = grammar.number(words)
    if number is None:
        raise Misunderstood(f"Say which incident, e.g. `{example}`. `/sre status` lists the open ones.")
    return number, incident_reader.find(who.tenant_id, number), rest


def status(who: Visitor, _rest: str, _body: dict[str, Any]) -> Reply:
    """Answer `/sre status`: the open incidents, the asker's first."""
    return replies.status_reply(*open_incidents(who))


def open_incidents(who: Visitor) -> tuple[list[replies.OpenIncident], int]:
    """Return the open incidents, the asker's first, and how many there are in all."""
    names = who.names()
    with tenant_scope(who.tenant_id):
        rows = Incident.objects.exclude(status=IncidentStatus.RESOLVED).select_related("service")
        total = rows.count()
        found = list(rows.order_by("-started_at")[:200])
        mine = {one.id for one in found if _is_theirs(names, one)}
        found = sorted(found, key=lambda one: (one.id not in mine, -one.number))[:SHOWN]
        posts = {
            post.incident_id: post for post in SlackPost.objects.filter(incident__in=found, key="root").exclude(ts="")
        }
        leads = {
            row.run.incident_id: row
            for row in Hypothesis.objects.filter(run__incident__in=found, rank=1)
            .select_related("run")
            .order_by("run__sequence")
        }
        ranked = RankingRecord.objects.filter(run__incident__in=found).order_by("run__sequence")
        rankings = {row.run.incident_id: row for row in ranked.select_related("run").defer("inputs", "outcome")}
    lines = [
        replies.OpenIncident(
            number=one.number,
            title=one.title,
            service=one.display_service,
            status=one.status,
            severity=one.severity,
            started_at=one.started_at,
            assignees=tuple(one.assignees),
            is_mine=one.id in mine,
            lead=_lead(rankings.get(one.id), leads.get(one.id)),
            link=permalink(who, posts.get(one.id)) or one.url,
        )
        for one in found
    ]
    return lines, total


def _lead(ranking: RankingRecord | None, first: Hypothesis | None) -> str:
    """Return what the newest ranking says of the cause in a line; an all-clear has no lead, whatever else moved."""
    if ranking is None:
        return ""
    if ranking.verdict == Verdict.NO_FAULT:
        return "No fault seen"
    # A later look may have found nothing where an earlier one had a lead.
    lead = first.statement if first is not None and first.run_id == ranking.run_id else ""
    if ranking.verdict == Verdict.INCONCLUSIVE:
        return f"Inconclusive; strongest lead: {lead}" if lead else "Inconclusive: nothing points to a cause"
    return f"Lead: {lead}" if lead else ""


def _is_theirs(names: frozenset[str], incident: Incident) -> bool:
    """Return whether the incident is somebody's: assigned to, or acknowledged by them, or of a service they own."""
    owners = incident.service.owners if incident.service else []
    people = [*incident.assignees, incident.acknowledged_by, *owners]
    # An assignee is named as PagerDuty does it: in full, or by e-mail address.
    known = {part for one in people for part in (str(one).lower(), str(one).lower().partition("@")[0])}
    return bool(names & known)


def permalink(who: Visitor, post: SlackPost | None) -> str:
    """Return the web address of a posted message."""
    return permalink_in(who.installation, post)


def permalink_in(installation: Installation, post: SlackPost | None) -> str:
    """Return the web address of a message that was posted in a workspace."""
    base = installation.team_url
    return f"{base.rstrip('/')}/archives/{post.channel}/p{post.ts.replace('.', '')}" if post and base else ""


def incident(who: Visitor, rest: str, _body: dict[str, Any]) -> Reply:
    """Answer `/sre incident 42`."""
    _, incident_id, _ = numbered(who, rest, "/sre incident 42")
    slug = Tenant.objects.values_list("slug", flat=True).get(id=who.tenant_id)
    address = incident_links.address(slug, incident_id)
    return replies.incident_reply(incident_reader.read(who.tenant_id, incident_id), address)


def why(who: Visitor, rest: str, _body: dict[str, Any]) -> Reply:
    """Answer `/sre why 42`."""
    _, incident_id, _ = numbered(who, rest, "/sre why 42")
    return replies.why_reply(incident_reader.read(who.tenant_id, incident_id))


def evidence(who: Visitor, rest: str, _body: dict[str, Any]) -> Reply:
    """Answer `/sre evidence 42`: in lists, as not every place where a reply is shown takes tables."""
    _, incident_id, _ = numbered(who, rest, "/sre evidence 42")
    return evidence_lists(incident_reader.read(who.tenant_id, incident_id))


def similar(who: Visitor, rest: str, _body: dict[str, Any]) -> Reply:
    """Answer `/sre similar 42`."""
    _, incident_id, _ = numbered(who, rest, "/sre similar 42")
    return replies.similar_reply(incident_reader.read(who.tenant_id, incident_id))


def changes(who: Visitor, rest: str, _body: dict[str, Any]) -> Reply:
    """Answer `/sre changes checkout 2h`."""
    words, span = grammar.span(rest, usual=CHANGES_SPAN, most=LONGEST_SPAN)
    if not words:
        raise Misunderstood("Say of which service: `/sre changes checkout`, or `/sre changes checkout 6h`.")
    with tenant_scope(who.tenant_id):
        service = named_service(words)
        closest = [] if service else closest_services(words, most=1)
    if service is None:
        more = f" Did you mean `/sre changes {closest[0][0].name}`?" if closest else ""
        raise Misunderstood(f"I know no service “{words}”.{more}")
    now = timezone.now()
    return replies.changes_reply(
        service.name, span, recent_changes(who.tenant_id, service, since=now - span, until=now)
    )


def runbook(who: Visitor, rest: str, _body: dict[str, Any]) -> Reply:
    """Answer `/sre runbook checkout latency`, or `/sre runbook 42`."""
    number, _ = grammar.number(rest)
    if number is None:
        alerts = alert_runbooks(who.tenant_id, rest)
        if not rest.strip() and not alerts:
            raise Misunderstood(
                "Say what to look for: `/sre runbook disk full`, or of which incident: `/sre runbook 42`."
            )
        hits = search(who.tenant_id, rest, most=RUNBOOKS, memory=memory.configured())
        quoted = [runbook_matching.quote(hit, why="it fits the words") for hit in hits if hit.steps]
        return runbooks_reply(rest, alerts, quoted)
    briefing = incident_reader.read(who.tenant_id, incident_reader.find(who.tenant_id, number))
    url = dict(briefing.labels).get(LABEL, "")
    if url:
        named: tuple[AlertRunbook, ...] = (AlertRunbook(url, briefing.service, briefing.title, number),)
    else:
        named = alert_runbooks(who.tenant_id, briefing.service)
    return runbooks_reply(briefing.service, named, briefing.runbooks)


def topology(who: Visitor, rest: str, _body: dict[str, Any]) -> Reply:
    """Answer `/sre topology checkout`."""
    graph = read_topology(who.tenant_id)
    if not rest:
        raise Misunderstood(
            "Say around which service: `/sre topology checkout`, or of which incident: `/sre topology 42`."
        )
    with tenant_scope(who.tenant_id):
        service = named_service(rest)
        closest = [] if service else closest_services(rest, most=1)
    if service is None:
        more = f" Did you mean `/sre topology {closest[0][0].name}`?" if closest else ""
        raise Misunderstood(f"I know no service “{rest}”.{more}")
    return topology_reply(graph, service.name, timezone.now())


def digest(who: Visitor, rest: str, _body: dict[str, Any]) -> Reply:
    """Answer `/sre digest 30d`: the last days in numbers."""
    words, span = grammar.span(rest, usual=DIGEST_SPAN, most=LONGEST_DIGEST)
    if words or not span:
        raise Misunderstood("Say over how long: `/sre digest`, or `/sre digest 30d`.")
    now = timezone.now()
    return digest_message(digests.read(who.tenant_id, since=now - span, until=now))
