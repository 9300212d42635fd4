"""Call a tool: within its rate, its tenant's budget and its connection's breaker, and written into the audit log."""

from __future__ import annotations

import math
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from django.db import connection as database
from django.utils import timezone
from pydantic import ValidationError

from copilot import breakers, observe
from copilot.guard.tenancy import tenant_scope
from copilot.limits import PARTS, count, limits_for, reached, used
from copilot.models import AuditEntry, Limit
from copilot.tools import reach as reaching
from copilot.tools.tool import Looked, Reach, Tool, problems, shown
from integrations.base import OutOfScope, SourceError, TimedOut, Unreachable

if TYPE_CHECKING:
    from uuid import UUID

log = observe.logger(__name__)
USED = "use tool"
# How a tool is called; a run asks its sources by their collectors, beside the tools.
Way = Literal["conversation", "mcp"]
Reason = Literal["arguments", "rate", "budget", "breaker", "scope", "unknown"]


class Refused(Exception):
    """Say why a tool is not run now: a text for whoever called, and in one word for the metrics."""

    def __init__(self, text: str, reason: Reason) -> None:
        super().__init__(text)
        self.reason: Reason = reason


def call(tool: Tool, reach: Reach, arguments: Any, *, actor: str, via: Way) -> Looked:
    """Return what a tool sees, or in `refused` why it sees nothing; nothing is raised for the caller's or a source's trouble.

    `actor` is who asks, for the audit log; `via` is how. Opens scopes of its own.
    """
    try:
        asked = tool.arguments.model_validate(arguments)
    except ValidationError as wrong:
        refused(tool, via, "arguments")
        return Looked(refused=problems(wrong))
    try:
        _charge(tool, reach.tenant_id, arguments, actor=actor, via=via)
    except Refused as refusal:
        refused(tool, via, refusal.reason)
        return Looked(refused=str(refusal))
    started = time.monotonic()
    outcome = "failed"
    try:
        looked = _run(tool, reaching.narrowed(reach, asked), asked)
        outcome = "refused" if looked.refused else "answered"
    except OutOfScope as error:
        outcome = "refused"
        refused(tool, via, "scope")
        return Looked(refused=error.reason)
    except SourceError as error:
        if tool.connection is not None and isinstance(error, (TimedOut, Unreachable)):
            with tenant_scope(reach.tenant_id):
                breakers.failed(tool.connection.pk, error.reason)
        return Looked(refused=error.reason)
    finally:
        seconds = time.monotonic() - started
        observe.tool_seconds.labels(tool.category.value, via, outcome).observe(seconds)
        with tenant_scope(reach.tenant_id):
            count(Limit.TOOL_SECONDS, amount=math.ceil(seconds * PARTS[Limit.TOOL_SECONDS]))
    if tool.connection is not None and tool.connection.failing_since is not None and not looked.refused:
        with tenant_scope(reach.tenant_id):
            breakers.worked(tool.connection.pk, f"answered {tool.name}")
    return looked


def refused(tool: Tool | None, via: Way, reason: Reason) -> None:
    """Count a call that is refused, of a tool, or of one that does not exist."""
    observe.tool_refusals.labels(tool.category.value if tool else "none", via, reason).inc()


def _run(tool: Tool, reach: Reach, asked: Any) -> Looked:
    """Return what a tool sees; one of another's package may be wrong in ways that ours are tested against.

    :raises SourceError: what the tool raises, or in words that it failed otherwise.
    """
    try:
        looked: Any = tool.run(reach, asked)
    except SourceError:
        raise
    except Exception as error:
        log.exception("a tool failed unexpectedly", tool=tool.name)
        raise SourceError(f"{tool.name} failed unexpectedly ({type(error).__name__})", retryable=False) from error
    if not isinstance(looked, Looked):
        log.error("a tool answered something else than what it saw", tool=tool.name, kind=type(looked).__name__)
        raise SourceError(f"{tool.name} answered something unexpected ({type(looked).__name__})", retryable=False)
    seen: Looked = looked
    return seen


def _charge(tool: Tool, tenant_id: UUID, arguments: Any, *, actor: str, via: Way) -> None:
    """Write a use down before it is made; uses of one tenant come one after another, so that together they overdraw nothing.

    :raises Refused: where the rate, the budget or the connection's breaker does not allow it.
    """
    with tenant_scope(tenant_id):
        with database.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"copilot/tools/{tenant_id}"])
        a_minute_ago = timezone.now() - timedelta(minutes=1)
        lately = AuditEntry.objects.filter(action=USED, target=tool.name, at__gte=a_minute_ago).count()
        if lately >= tool.per_minute:
            raise Refused(f"{tool.name} may be called {tool.per_minute} times a minute; wait a little", "rate")
        limits = limits_for(tenant_id)
        refusal = (
            _beyond(tool, limits.tool_calls_per_day) or _too_long(tool, limits.tool_seconds_per_day) or _broken(tool)
        )
        if refusal is None:
            detail = {"cost": tool.cost, "via": via, "category": tool.category.value, "asked": shown(arguments)}
            count(Limit.TOOLS, amount=tool.cost)
            AuditEntry.objects.create(actor=actor[:200], action=USED, target=tool.name, detail=detail)
    # Outside of the scope: what was written about the refusal stays.
    if refusal is not None:
        raise refusal


def _beyond(tool: Tool, limit: int) -> Refused | None:
    """Return why the tenant's budget of today does not cover a use, or nothing."""
    spent = used(Limit.TOOLS)
    if not limit or spent + tool.cost <= limit:
        return None
    text = (
        f"the tools' budget for today is used up ({spent} of {limit} calls; this one costs {tool.cost});"
        " it begins anew at 00:00 UTC"
    )
    reached(Limit.TOOLS, f"{tool.name} was refused: {text}")
    return Refused(text, "budget")


def _too_long(tool: Tool, limit: int) -> Refused | None:
    """Return why the tenant's seconds of today do not cover a use, or nothing; what runs meanwhile is charged when it ends."""
    spent = used(Limit.TOOL_SECONDS) / PARTS[Limit.TOOL_SECONDS]
    if not limit or spent < limit:
        return None
    text = f"the tools' time for today is used up ({spent:,.0f} of {limit:,} s); it begins anew at 00:00 UTC"
    reached(Limit.TOOL_SECONDS, f"{tool.name} was refused: {text}")
    return Refused(text, "budget")


def _broken(tool: Tool) -> Refused | None:
    text = breakers.refusal(tool.connection) if tool.connection else ""
    return Refused(text, "breaker") if text else None
