"""Every message and window that the product can build of a briefing."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from copilot.knowledge.alert_runbooks import AlertRunbook
from copilot.knowledge.briefing import Briefing
from copilot.knowledge.recent_changes import ChangeLine, Source
from copilot.topology.graph import Edge, Node, Sighting, Topology
from slackbot import blocks
from slackbot.blocks import asking, connecting, replies, work_object
from slackbot.blocks.runbooks import runbooks_reply
from slackbot.blocks.topology import topology_reply
from slackbot.handlers import grammar
from slackbot.plain_text import message_text
from tests.unit.slackbot import briefings, digests

if TYPE_CHECKING:
    from collections.abc import Iterator

Made = list[dict[str, Any]]
ADDRESS = "https://copilot.example.com/slack/incidents/acme/0b5c8a52-7d0c-4ac4-9a20-3a83a3c7a6a1"
THREAD = "https://acme.slack.com/archives/C0CHECKOUT/p1795194120000100"


def all_messages(briefing: Briefing) -> Iterator[tuple[str, Made, str]]:
    """Every message that the product can build of a briefing."""
    for build in (
        blocks.root_card,
        blocks.evidence_message,
        blocks.evidence_lists,
        blocks.similar_message,
        blocks.resolution_message,
        blocks.related_message,
        replies.why_reply,
        replies.similar_reply,
    ):
        yield (build.__name__, *build(briefing))
    open_incident = replies.OpenIncident(
        number=briefing.number,
        title=briefing.title,
        service=briefing.service,
        status=briefing.status,
        severity=briefing.severity,
        started_at=briefing.started_at,
        assignees=briefing.assignees,
        is_mine=bool(briefing.number % 2),
        lead=briefing.explanation,
        link=briefing.url,
    )
    yield ("status_reply", *replies.status_reply([open_incident] * 15, 99))
    yield ("incident_reply", *replies.incident_reply(briefing, ADDRESS))
    yield ("classic_unfurl", work_object.classic_unfurl(briefing)["blocks"], briefing.source or "–")
    for works in (True, False, None):
        told = connecting.told_message(briefing.service, works=works, detail=briefing.explanation)
        yield ("told_message", *told)
    yield ("opened_reply", *replies.opened_reply(briefing.number, briefing.channel, briefing.url))
    yield ("thread_reply", *replies.thread_reply(briefing.number, "The draft is in", briefing.url))
    yield ("said", *replies.said(briefing.title))
    yield ("feedback_reply", *replies.feedback_reply(briefing.number, 1, "up", briefing.explanation))
    yield ("help_reply", *replies.help_reply(grammar.HELP))
    yield ("unchosen_reply", *replies.unchosen_reply(briefing.title, briefing.service))
    for count in (0, 30):
        changes = [change_line(briefing)] * count
        yield ("changes_reply", *replies.changes_reply(briefing.service, timedelta(hours=2), changes))
    for some in (digests.QUIET, digests.of(briefing)):
        yield ("digest_message", *blocks.digest_message(some))
    graph = topology_of(briefing)
    yield ("topology_reply", *topology_reply(graph, briefing.service, briefing.started_at))
    runbook = AlertRunbook(briefing.url, briefing.service, briefing.title, briefing.number)
    for found in ([], [runbook] * 5):
        yield ("runbooks_reply", *runbooks_reply(briefing.title, found, briefing.runbooks))


def topology_of(briefing: Briefing) -> Topology:
    """A graph in which outsiders chose every word."""
    seen = Sighting(briefing.model or "jaeger", briefing.title, briefing.started_at, briefing.started_at, is_stale=True)
    callers = [Edge(f"{briefing.title} {number}", briefing.service, (seen, seen)) for number in range(30)]
    needed = [Edge(briefing.service, one.service, (seen,)) for one in briefing.hypotheses]
    return Topology.of(
        [Node(briefing.service, "database", briefing.title, briefing.model, entrance="file")], callers + needed
    )


def change_line(briefing: Briefing) -> ChangeLine:
    """A change in which outsiders chose every word."""
    return ChangeLine(
        at=briefing.started_at,
        title=briefing.title,
        author=briefing.acknowledged_by,
        link=briefing.url,
        status=briefing.severity,
        sources=(Source(briefing.model, briefing.url), Source(briefing.title, "https://example.test/<seen>")) * 4,
        detail=briefing.explanation,
        incident=briefing.number,
    )


def all_views(briefing: Briefing) -> Iterator[dict[str, Any]]:
    """Every window that the product can build of a briefing."""
    reasons = [("wrong cause", "Wrong cause"), ("other", "Other")]
    for hypothesis in briefing.hypotheses:
        yield blocks.why_modal(briefing, hypothesis)
        yield blocks.reason_modal(
            hypothesis.id, hypothesis.statement, reasons, chosen="other", said=briefing.explanation
        )
    yield blocks.other_cause_modal(briefing)
    yield blocks.notice_modal(briefing.title, briefing.explanation)
    services = [(place, briefing.service) for place in range(120)]
    for few in ([], services[:4]):
        yield asking.which_service_modal(briefing.title, few)
    for some in ([], services):
        yield asking.investigate_modal(some)
    yield asking.link_modal(services, chosen=3, here="C0123456")
    if briefing.hypotheses:
        yield asking.feedback_modal(briefing, reasons)
    choices = [connecting.Choice(f"kind{n}", briefing.service, briefing.title if n % 2 else "") for n in range(20)]
    yield connecting.choose_modal(choices, channel="C0123456")
    shapes = ("text", "list", "lines", "secret", "secret lines", "number", "flag")
    fields = [
        connecting.Field(
            name=f"field_{shape.replace(' ', '_')}",
            title=briefing.service,
            hint=briefing.explanation,
            shape=shape,
            is_required=bool(place % 2),
            value={"number": "30", "flag": connecting.TRUE}.get(shape, briefing.title),
            is_stored=shape.startswith("secret"),
        )
        for place, shape in enumerate(shapes)
    ]
    for page in ("", f"http://127.0.0.1:8000/slack/connect/{'k' * 43}"):
        yield connecting.form_modal("prometheus", briefing.service, fields, page=page)
    made = connecting.connected_modal(
        briefing.service,
        str(briefing.incident_id),
        webhook_url="https://copilot.example.com/hooks/pagerduty/KEY",
        generated={"bearer_token": "s3cret"},
    )
    yield made
    for works in (None, True, False):
        yield connecting.with_result({**made, "id": "V1", "hash": "1.2"}, works=works, detail=briefing.explanation)


def all_entities(briefing: Briefing) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every Work Object that the product can build of a briefing: the card of a link, and the pane beside it."""
    for thread in (THREAD, ""):
        at = briefing.started_at
        yield (
            "unfurled",
            work_object.unfurl_entity(
                briefing, posted=f"{ADDRESS}?from=mail", address=ADDRESS, thread=thread, updated_at=at
            ),
        )
        yield "presented", work_object.details_entity(briefing, address=ADDRESS, thread=thread, updated_at=at)


def card(state: str) -> str:
    """The words of an incident's card."""
    made, _ = blocks.root_card(briefings.STATES[state])
    return message_text({"blocks": made})


def links_of(value: Any) -> Iterator[str]:
    """Every link in rich text."""
    if isinstance(value, dict):
        if value.get("type") == "link":
            yield value["url"]
        for inner in value.values():
            yield from links_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from links_of(inner)
