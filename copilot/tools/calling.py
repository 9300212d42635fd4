"""Call a tool: within its rate, its tenant's budget and its connection's breaker, and written into the audit log."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection as database
from django.utils import timezone
from pydantic import ValidationError

from copilot import breakers
from copilot.guard.tenancy import tenant_scope
from copilot.limits import count, limits_for, reached, used
from copilot.models import AuditEntry, Limit
from copilot.tools import reach as reaching
from copilot.tools.tool import Looked, Reach, Tool, problems, shown
from integrations.base import SourceError, TimedOut, Unreachable

if TYPE_CHECKING:
    from uuid import UUID

USED = "use tool"


class Refused(Exception):
    """Say why a tool is not run now; the text is for whoever called."""


def call(tool: Tool, reach: Reach, arguments: Any, *, actor: str, via: str) -> Looked:
    """Return what a tool sees, or in `refused` why it sees nothing; nothing is raised for the caller's or a source's trouble.

    `actor` is who asks, for the audit log; `via` is how: `mcp`, `conversation`. Opens scopes of its own.
    """
    try:
        asked = tool.arguments.model_validate(arguments)
    except ValidationError as wrong:
        return Looked(refused=problems(wrong))
    try:
        _charge(tool, reach.tenant_id, arguments, actor=actor, via=via)
    except Refused as refusal:
        return Looked(refused=str(refusal))
    try:
        looked = tool.run(reaching.narrowed(reach, asked), asked)
    except SourceError as error:
        if tool.connection is not None and isinstance(error, (TimedOut, Unreachable)):
            with tenant_scope(reach.tenant_id):
                breakers.failed(tool.connection.pk, error.reason)
        return Looked(refused=error.reason)
    if tool.connection is not None and tool.connection.failing_since is not None and not looked.refused:
        with tenant_scope(reach.tenant_id):
            breakers.worked(tool.connection.pk, f"answered {tool.name}")
    return looked


def _charge(tool: Tool, tenant_id: UUID, arguments: Any, *, actor: str, via: str) -> None:
    """Write a use down before it is made; uses of one tenant come one after another, so that together they overdraw nothing.

    :raises Refused: where the rate, the budget or the connection's breaker does not allow it.
    """
    with tenant_scope(tenant_id):
        with database.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"copilot/tools/{tenant_id}"])
        a_minute_ago = timezone.now() - timedelta(minutes=1)
        lately = AuditEntry.objects.filter(action=USED, target=tool.name, at__gte=a_minute_ago).count()
        if lately >= tool.per_minute:
            raise Refused(f"{tool.name} may be called {tool.per_minute} times a minute; wait a little")
        refusal = _beyond(tool, limits_for(tenant_id).tool_calls_per_day) or (
            breakers.refusal(tool.connection) if tool.connection else ""
        )
        if not refusal:
            detail = {"cost": tool.cost, "via": via, "category": tool.category.value, "asked": shown(arguments)}
            count(Limit.TOOLS, amount=tool.cost)
            AuditEntry.objects.create(actor=actor[:200], action=USED, target=tool.name, detail=detail)
    # Outside of the scope: what was written about the refusal stays.
    if refusal:
        raise Refused(refusal)


def _beyond(tool: Tool, limit: int) -> str:
    """Return why the tenant's budget of today does not cover a use, or nothing."""
    spent = used(Limit.TOOLS)
    if not limit or spent + tool.cost <= limit:
        return ""
    refusal = (
        f"the tools' budget for today is used up ({spent} of {limit} calls; this one costs {tool.cost});"
        " it begins anew at 00:00 UTC"
    )
    reached(Limit.TOOLS, f"{tool.name} was refused: {refusal}")
    return refusal
