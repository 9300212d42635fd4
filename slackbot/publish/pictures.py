"""Pictures of the topology that people asked for in an incident's thread: each is a row before it is a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot.guard.tenancy import tenant_scope
from copilot.knowledge import impact
from copilot.topology import picture
from slackbot.models import SlackPost
from slackbot.publish.drafts import File

if TYPE_CHECKING:
    from copilot.knowledge.briefing import Briefing
    from slackbot.publish import lease

PREFIX = "topology:"


def asked(claim: lease.Claim) -> list[str]:
    """Return the keys of the pictures that were asked for, and are not there yet; one that failed is not tried again."""
    with tenant_scope(claim.tenant_id):
        rows = SlackPost.objects.filter(incident_id=claim.incident_id, key__startswith=PREFIX, ts="", error="")
        return list(rows.order_by("id").values_list("key", flat=True))


def draw(briefing: Briefing) -> File:
    """Return the graph around an incident's suspected cause, or around its service where nothing is suspected.

    :raises ValueError: where nothing is known of the service.
    """
    if briefing.run_id is None:
        raise ValueError("there was no look yet")
    with tenant_scope(briefing.tenant_id):
        graph = impact.picture_parts(briefing.tenant_id, briefing.run_id)
    told = briefing.impact
    focus = told.cause if told else briefing.service
    if focus not in graph:
        raise ValueError(f"nothing is known of who needs {focus}")
    drawn = picture.draw(graph, focus, path=told.path if told else ())
    return File(drawn.png, drawn.title, drawn.alt_text)
