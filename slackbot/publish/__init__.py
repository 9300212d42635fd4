"""The post stage: bring an incident's message and thread up to its rows, once, whatever is killed when.

Whoever holds the lease on the incident's root row publishes; all others raise `wanted` and leave. The holder reads the
rows, calls Slack outside of any transaction, and goes round again until `shown` has caught up with `wanted`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from django.utils import timezone

from copilot.knowledge import incident_reader
from copilot.observe import logger
from slackbot import installs, troubles
from slackbot.models import InstallationStatus
from slackbot.publish import lease
from slackbot.publish.posting import Publication
from slackbot.troubles import Trouble

if TYPE_CHECKING:
    from uuid import UUID

    from slackbot.installs import Installation

log = logger(__name__)
ROUNDS = 20


def publish(tenant_id: UUID, incident_id: UUID) -> None:
    """Show the incident as it now is; safe to call at any time, twice, and side by side.

    :raises Trouble: where it may work later (Slack is busy or does not answer); the wish is kept in the rows.
    """
    installation = installs.of_tenant(tenant_id)
    if installation is None:
        return
    lease.wish(tenant_id, incident_id)
    for _ in range(ROUNDS):
        holder = uuid4()
        claim = lease.claim(tenant_id, incident_id, holder)
        if claim is None or not _round(installation, incident_id, claim):
            return


def _round(installation: Installation, incident_id: UUID, claim: lease.Claim) -> bool:
    """Publish once under the lease; return whether there is more to show by now."""
    tenant_id = installation.tenant_id
    read_at = timezone.now()
    try:
        briefing = incident_reader.read(tenant_id, incident_id)
        with lease.kept(claim):
            finished = Publication(_usable(installation), briefing, claim, read_at).bring_up()
    except lease.LeaseLost:
        log.info("slack lease lost", incident=str(incident_id))
        return False
    except Exception as failure:
        trouble = troubles.understood(failure)
        if trouble is None:
            lease.put_off(
                claim, seconds=troubles.backoff(claim.failures), error=f"{type(failure).__name__}: {failure}"[:500]
            )
            raise
        _note(installation, claim, trouble)
        if trouble.retryable:
            raise trouble from failure
        return False
    if claim.failures:
        installs.note_health(tenant_id, installation.connection_id, works=True, detail="posting works again")
    return lease.release(claim, read_at=read_at, finished=finished)


def _usable(installation: Installation) -> Installation:
    """Return the installation with a token that works.

    :raises Trouble: where its token has ended, and Slack does not renew it.
    """
    try:
        return installs.fresh(installation)
    except ValueError as ended:
        raise Trouble("token_expired", str(ended), is_the_workspace=True) from ended


def _note(installation: Installation, claim: lease.Claim, trouble: Trouble) -> None:
    """Write the trouble down where the admin sees it, and say when to try again."""
    lease.put_off(claim, seconds=trouble.wait or troubles.backoff(claim.failures), error=trouble.words)
    log.warning("slack post failed", error=trouble.code, incident=str(claim.incident_id), wait=trouble.wait)
    if trouble.is_the_workspace:
        installs.note_health(installation.tenant_id, installation.connection_id, works=False, detail=trouble.words)
    if trouble.revoked:
        installs.close(installation, InstallationStatus.REVOKED, trouble.words)


__all__ = ["Trouble", "publish"]
