"""What the model may look at while it answers: the tenant's tools within the incident's scope; those that would take long are left out."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from copilot.llm import dialogue
from copilot.specialists import route
from copilot.tools import calling, reach, registry
from copilot.tools.tool import shown

if TYPE_CHECKING:
    from uuid import UUID

    from copilot.guard.http.deadline import Deadline
    from copilot.knowledge.briefing import Briefing
    from copilot.tools.tool import Reach, Tool

# What an answer that somebody waits for has no time for, and what the document before the model says already.
DEAREST = 8
TOLD_ALREADY = frozenset({"report", "incidents", "similar_incidents"})
# More than this no model chooses well among, and each is paid for with every question.
MOST = 48


def tools(tenant_id: UUID, briefing: Briefing, deadline: Deadline, *, actor: str) -> tuple[dialogue.Tool, ...]:
    """Return the look-ups for an incident; each reads, within the services that the incident is about, and none can write.

    Those of the specialists that the alert's class needs come first; where there are more than `MOST`, the last are left out.
    """
    bounds = reach.of_incident(tenant_id, briefing.incident_id, deadline, briefing=briefing)
    routing = route(briefing.title, bounds.bounds.alert_labels)
    found = [tool for tool in registry.offered(tenant_id) if tool.cost <= DEAREST and tool.name not in TOLD_ALREADY]
    found.sort(key=lambda tool: routing.place((tool.category,)))
    return tuple(_offered(tool, bounds, actor) for tool in found[:MOST])


def _offered(tool: Tool, bounds: Reach, actor: str) -> dialogue.Tool:
    services = ", ".join(service.name for service in bounds.bounds.services[:30])
    where = f" Services: {services}." if services and tool.asks_outside else ""

    def title(arguments: Any) -> str:
        return f"{tool.title}: {shown(arguments)}" if tool.connection is not None else tool.title

    return dialogue.Tool(
        name=tool.name,
        description=f"{tool.description}{where}",
        schema=tool.input_schema,
        run=partial(calling.call, tool, bounds, actor=actor, via="conversation"),
        title=title,
    )
