"""Slack as a face of the product: the contract of `copilot.faces`, each method one call into the parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slackbot import installs, publish, transcript
from slackbot.installs import oauth
from slackbot.publish import behind, weekly
from slackbot.publish import telling as tellings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

    from fastapi import APIRouter

    from copilot.faces import Connected, Telling


class SlackFace:
    """Be how people meet the product in Slack."""

    slug = "slack"
    title = "Slack"
    loads: tuple[str, ...] = (
        "matplotlib.backends.backend_agg",
        "matplotlib.dates",
        "matplotlib.figure",
        "slack_sdk.web.client",
    )

    def publish(self, tenant_id: UUID, incident_id: UUID) -> None:
        """Bring the incident's message and thread up to its rows."""
        publish.publish(tenant_id, incident_id)

    def routes(self) -> APIRouter | None:
        """Return Slack's Request URLs."""
        # Bolt and FastAPI are needed by the api process alone; a worker goes without their weight.
        from slackbot.app import routes

        return routes()

    def connect(self, tenant_id: UUID, values: Mapping[str, str], *, actor: str) -> Connected:
        """Connect a tenant's workspace, or return the link with which somebody installs the shared app there."""
        if values.get("install"):
            return oauth.link(tenant_id, actor=actor)
        return installs.connect(tenant_id, values, actor=actor)

    def check(self, tenant_id: UUID, connection_id: UUID) -> tuple[bool, str]:
        """Test the connection, and renew its token where that ends soon."""
        try:
            installs.renew(tenant_id, connection_id)
        except ValueError as ended:
            installs.note_health(tenant_id, connection_id, works=False, detail=str(ended))
            return False, str(ended)
        return installs.check(tenant_id, connection_id)

    def with_work(self) -> Iterable[UUID]:
        """Return the tenants whose threads lag behind, and those that are owed an answer."""
        return behind.tenants()

    def unfinished(self, tenant_id: UUID) -> Iterable[UUID]:
        """Return incidents whose message lags behind their rows."""
        return behind.unfinished(tenant_id)

    def telling(self, tenant_id: UUID, question_id: UUID, place: Mapping[str, Any]) -> Telling:
        """Return where the answer to a question is shown."""
        return tellings.telling(tenant_id, question_id, place)

    def owed(self, tenant_id: UUID) -> Iterable[UUID]:
        """Return the answers to commands that nobody is at."""
        from slackbot.handlers import owed

        return owed.overdue(tenant_id)

    def give(self, tenant_id: UUID, answer_id: UUID) -> None:
        """Answer a command whose process died."""
        from slackbot.handlers import commands

        commands.give(tenant_id, answer_id)

    def tell_of_week(self, tenant_id: UUID) -> bool:
        """Post the weekly digest where it is due."""
        return weekly.post_due(tenant_id)

    def transcript(self, tenant_id: UUID, incident_id: UUID) -> str:
        """Return the incident's thread as Slack shows it, as plain text."""
        return transcript.read(tenant_id, incident_id)
