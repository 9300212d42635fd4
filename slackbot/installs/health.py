"""How a connected workspace is: tested on request, noted after use, closed where Slack no longer lets us in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models.functions import Now
from django.utils import timezone
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from copilot.guard.tenancy import tenant_scope
from copilot.models import AuditEntry, Connection, ConnectionHealth
from slackbot.installs import readiness
from slackbot.installs.installation import SECONDS, guard_address, of_connection
from slackbot.models import InstallationStatus, SlackInstallation, SlackPost, SlackWorkspace

if TYPE_CHECKING:
    from uuid import UUID

    from slackbot.installs.installation import Installation

HISTORY = 50


def who_am_i(token: str, base_url: str) -> dict[str, Any]:
    """Return what auth.test says.

    :raises ValueError: where Slack turns the token down or does not answer.
    """
    client = WebClient(token=token, base_url=base_url, timeout=SECONDS, retry_handlers=[])
    try:
        answer = client.auth_test()
    except SlackApiError as refused:
        raise ValueError(f"bot_token: Slack answers {refused.response.get('error')!r} to auth.test") from refused
    except (SlackClientError, OSError) as failure:
        raise ValueError(f"base_url: {base_url} does not answer: {failure}") from failure
    scopes = answer.headers.get("x-oauth-scopes") or answer.headers.get("X-OAuth-Scopes") or ""
    data = answer.data if isinstance(answer.data, dict) else {}
    return {**data, "scopes": [scope.strip() for scope in str(scopes).split(",") if scope.strip()]}


def check(tenant_id: UUID, connection_id: UUID) -> tuple[bool, str]:
    """Test the connection with auth.test; return whether it works and what was seen."""
    found = of_connection(tenant_id, connection_id)
    if found is None:
        return False, "this connection was never completed: connect Slack again"
    try:
        guard_address(found.base_url)
        who = who_am_i(found.secrets.bot_token, found.base_url)
    except ValueError as failure:
        note_health(tenant_id, connection_id, works=False, detail=str(failure))
        return False, str(failure)
    detail = f"workspace {who.get('team')} as {who.get('user')}"
    try:
        ready = readiness.read(tenant_id, connection_id, found.client(), who["scopes"])
    except (SlackClientError, OSError) as failure:
        ready = readiness.Readiness(problems=(f"its channels cannot be listed: {failure}"[:300],))
    detail = "; ".join((detail, *ready.problems, *ready.remarks))
    works = not ready.problems
    note_health(tenant_id, connection_id, works=works, detail=detail)
    with tenant_scope(tenant_id):
        # Slack lets us in: what failed for want of that is tried again at once.
        SlackInstallation.objects.filter(connection_id=connection_id).exclude(status=InstallationStatus.ACTIVE).update(
            status=InstallationStatus.ACTIVE, status_detail=""
        )
        SlackPost.objects.exclude(error="").update(not_before=Now())
    return works, detail


def note_health(tenant_id: UUID, connection_id: UUID, *, works: bool, detail: str) -> None:
    """Write down how the last use of the connection went."""
    now = timezone.now()
    with tenant_scope(tenant_id):
        rows = Connection.objects.filter(id=connection_id)
        if works:
            rows.update(health=ConnectionHealth.WORKS, health_detail=detail, checked_at=now, failing_since=None)
            return
        rows.filter(failing_since=None).update(failing_since=now)
        rows.update(health=ConnectionHealth.FAILING, health_detail=detail, checked_at=now)


def close(installation: Installation, status: InstallationStatus, detail: str) -> None:
    """Write down that Slack no longer lets us in."""
    with tenant_scope(installation.tenant_id):
        row = SlackInstallation.objects.filter(connection_id=installation.connection_id).first()
        if row is None or row.status == status:
            return
        row.status, row.status_detail = status, detail
        row.history = [*row.history, {"at": timezone.now().isoformat(), "what": status, "by": "Slack"}][-HISTORY:]
        row.save()
        if status == InstallationStatus.UNINSTALLED:
            # The workspace is free again: whoever installs the app there next, for whichever tenant, may have it.
            SlackWorkspace.objects.filter(tenant_id=installation.tenant_id, connection_id=row.connection_id).delete()
        AuditEntry.objects.create(
            actor="Slack", action=f"slack {status}", target=row.team_name, detail={"detail": detail}
        )
    note_health(installation.tenant_id, installation.connection_id, works=False, detail=detail)
