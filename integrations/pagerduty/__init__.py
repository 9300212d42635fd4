"""PagerDuty: V3 webhooks in, and change events, alerts and notes from its REST API."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, SecretStr, field_validator

from integrations.base import (
    BadPayload,
    Category,
    Credentials,
    Door,
    Event,
    Health,
    Inbound,
    Integration,
    NotGenuine,
    Scope,
)
from integrations.genuine import require_signature, separated
from integrations.pagerduty import api, events
from integrations.payload import base_address, decode, part, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scoring.observations import Observation, Window

_VERSION = "v1="
_LONGEST_ID = 200


class PagerDutyCredentials(Credentials):
    """Hold the secrets of the webhook subscription and the token of the REST API; either may be left out."""

    webhook_secret: SecretStr | None = Field(
        default=None,
        title="Webhook secret",
        description="The secret of the V3 webhook subscription. Several, separated by commas, while you rotate it.",
    )
    api_token: SecretStr | None = Field(
        default=None,
        title="REST API token",
        description="A read-only REST API key, for change events, alerts and notes. Without it, only webhooks come in.",
    )
    base_url: str = Field(
        default=api.BASE_URL,
        title="REST API address",
        description="https://api.pagerduty.com, or https://api.eu.pagerduty.com in the EU service region.",
    )
    from_email: str | None = Field(
        default=None,
        title="From",
        description="The e-mail address of a PagerDuty user, sent in the From header with an account-level key.",
    )

    @field_validator("base_url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        return base_address(value)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return every webhook secret that counts."""
        return separated(self.webhook_secret.get_secret_value()) if self.webhook_secret else ()

    @property
    def token(self) -> str:
        """Return the REST API token, or an empty text."""
        return self.api_token.get_secret_value().strip() if self.api_token else ""


class PagerDuty(Integration):
    """Take V3 webhooks in, and ask the REST API for change events, alerts and notes."""

    slug: ClassVar[str] = "pagerduty"
    title: ClassVar[str] = "PagerDuty"
    Credentials: ClassVar[type[Credentials]] = PagerDutyCredentials
    gives: ClassVar[str] = (
        "pages as incidents with all that happens to them; change events, alerts and notes as evidence"
    )
    needs: ClassVar[str] = "a V3 webhook subscription with its secret; a read-only REST API key for evidence"
    limits: ClassVar[str] = "300 change events and 50 notes an incident; nothing is written to PagerDuty"
    setup: ClassVar[str] = "Step by step: [connect](../connect.md#pagerduty)."
    trial: ClassVar[str] = "in PagerDuty, Integrations → Generic Webhooks (v3) → the webhook → Send Test Event"
    receives: ClassVar[bool] = True
    gathers: ClassVar[bool] = True
    categories: ClassVar[tuple[Category, ...]] = (Category.CHANGES, Category.KNOWLEDGE)
    gather_cost: ClassVar[int] = 3

    def verify(self, inbound: Inbound, credentials: PagerDutyCredentials) -> None:
        """Return if one of the `v1=` signatures of `X-PagerDuty-Signature` is right; other versions are passed over.

        The header holds several while the secret is rotated at PagerDuty, and the credentials while it is rotated here.
        https://developer.pagerduty.com/docs/webhooks-v3-signatures

        :raises NotGenuine: where none is.
        """
        if not credentials.secrets:
            raise NotGenuine("this PagerDuty connection has no webhook secret")
        given = separated(inbound.headers.get("x-pagerduty-signature", ""))
        signatures = tuple(item.removeprefix(_VERSION) for item in given if item.startswith(_VERSION))
        if not signatures:
            raise NotGenuine("the X-PagerDuty-Signature header has no v1 signature")
        require_signature(inbound.body, secrets=credentials.secrets, signatures=signatures)

    def external_id(self, inbound: Inbound) -> str:
        """Return `X-Webhook-Id`, which is the same for retries, else the event's id, else a hash of the body."""
        header = inbound.headers.get("x-webhook-id", "").strip()
        try:
            found = header or text(part(decode(inbound.body), "event"), "id")
        except BadPayload:
            found = ""
        return found if 0 < len(found) <= _LONGEST_ID else hashlib.sha256(inbound.body).hexdigest()

    def parse(self, inbound: Inbound) -> tuple[Event, ...]:
        """Return the one event of a V3 webhook.

        :raises BadPayload: where the envelope is broken; the text names the field.
        """
        return (events.read(decode(inbound.body), received_at=inbound.received_at, source=self.slug),)

    def asks(self, credentials: PagerDutyCredentials) -> bool:
        """Return whether there is an API token to ask with."""
        return bool(credentials.token)

    def gather(
        self, door: Door, credentials: PagerDutyCredentials, scope: Scope, window: Window
    ) -> Iterator[Observation]:
        """Yield change events, the incident's alerts and its notes; nothing where there is no API token.

        :raises SourceError: where nothing at all could be asked.
        """
        if credentials.token:
            yield from api.gather(door, credentials, scope, window, source=self.slug)

    def check(self, door: Door, credentials: PagerDutyCredentials) -> Health:
        """Read the account's abilities with the API token.

        :raises SourceError: where PagerDuty does not answer or refuses the token.
        """
        webhooks = "webhooks are checked against the secret" if credentials.secrets else "no webhook secret is set"
        if credentials.token:
            return Health(works=True, detail=f"{api.check(door, credentials)}; {webhooks}")
        if credentials.secrets:
            return Health(works=None, detail="without an API token it is asked nothing")
        return Health(works=False, detail="enter a webhook secret, an API token, or both")
