"""Tokens that end: renewed well before, by whoever tests or uses the connection; the old one works meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone

from copilot.guard import vault
from copilot.guard.tenancy import tenant_scope
from copilot.models import Connection
from copilot.observe import logger
from slackbot.installs.installation import of_connection
from slackbot.installs.oauth import InstallRefused, exchange, lifetime

if TYPE_CHECKING:
    from uuid import UUID

    from slackbot.installs.installation import Installation

log = logger(__name__)
# Slack's tokens live for twelve hours; the test every quarter of an hour renews them long before they end.
EARLY_SECONDS = 2 * 3600
LAST_MOMENT_SECONDS = 60


def fresh(installation: Installation) -> Installation:
    """Return the installation with a token that works, renewed where it has all but ended.

    :raises ValueError: where it has ended and Slack does not renew it.
    """
    ends = installation.secrets.expires_at
    if not ends or ends - timezone.now().timestamp() > LAST_MOMENT_SECONDS:
        return installation
    renew(installation.tenant_id, installation.connection_id, within=LAST_MOMENT_SECONDS)
    return of_connection(installation.tenant_id, installation.connection_id) or installation


def renew(tenant_id: UUID, connection_id: UUID, *, within: float = EARLY_SECONDS) -> bool:
    """Renew the token if it ends within some seconds; return whether it was renewed.

    :raises ValueError: where it has ended and Slack does not renew it.
    """
    before = _sealed(tenant_id, connection_id)
    ends = float(before.get("expires_at") or 0)
    if not ends or ends - timezone.now().timestamp() > within:
        return False
    try:
        answer = exchange(grant_type="refresh_token", refresh_token=before["refresh_token"])
    except InstallRefused as refused:
        # Another process may have been quicker: a refresh token works once.
        if _sealed(tenant_id, connection_id).get("refresh_token") != before["refresh_token"]:
            return False
        if ends > timezone.now().timestamp():
            log.warning("slack token not renewed yet", error=str(refused))
            return False
        raise ValueError(f"the bot token has ended and was not renewed: {refused} Install the app again.") from refused
    with tenant_scope(tenant_id):
        row = Connection.objects.select_for_update().get(id=connection_id)
        sealed = vault.unseal(tenant_id, bytes(row.sealed))
        row.seal({**sealed, "bot_token": str(answer["access_token"]), **lifetime(answer)})
        row.save(update_fields=["sealed"])
    log.info("slack token renewed")
    return True


def _sealed(tenant_id: UUID, connection_id: UUID) -> dict[str, str]:
    with tenant_scope(tenant_id):
        row = Connection.objects.get(id=connection_id)
        return {name: str(value) for name, value in vault.unseal(tenant_id, bytes(row.sealed)).items()}
