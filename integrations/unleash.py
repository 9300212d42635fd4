"""Unleash: what was turned in a feature flag, by its webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, SecretStr

from integrations import flags
from integrations.base import Credentials, Event, Inbound, Integration
from integrations.genuine import require_token
from integrations.payload import decode, given_time, part, parts, required_text, text

if TYPE_CHECKING:
    from collections.abc import Mapping

# Unleash's events that alter what a flag answers, and what they do in words.
_TURNS: Mapping[str, str] = {
    "feature-environment-enabled": "turned on",
    "feature-environment-disabled": "turned off",
    "feature-strategy-add": "given a strategy",
    "feature-strategy-update": "given another strategy",
    "feature-strategy-remove": "deprived of a strategy",
    "feature-environment-variants-updated": "given other variants",
    "feature-variants-updated": "given other variants",
    "feature-archived": "archived",
    "feature-revived": "revived",
    "segment-updated": "changed",
}


class UnleashCredentials(Credentials):
    """Hold the token that Unleash sends."""

    bearer_token: SecretStr | None = Field(
        default=None,
        title="Token",
        description="Enter `Bearer …` with it as the Authorization of the webhook in Unleash.",
    )


class Unleash(Integration):
    """Tell what was turned in feature flags: which, in which environment, by whom.

    A flag concerns the services that its tags name (of the type `service`, or `service:payments`), else the one that is called
    like its project. Creation, descriptions and tags of flags are passed over: they turn nothing.
    """

    slug: ClassVar[str] = "unleash"
    title: ClassVar[str] = "Unleash"
    Credentials: ClassVar[type[Credentials]] = UnleashCredentials
    gives: ClassVar[str] = "changes: feature flags and segments, with the environment and who turned them"
    needs: ClassVar[str] = "a webhook with a token; a tag that names the service, where a project has several"
    limits: ClassVar[str] = "10 services of a flag; what was turned before the webhook was made is not known"
    setup: ClassVar[str] = (
        "In Unleash: *Integrations → Webhook*; paste the address, enter `Bearer TOKEN` as *Authorization*, choose the events of "
        "feature environments, strategies and variants, and leave the body template empty."
    )
    trial: ClassVar[str] = "switch a flag in a test environment"
    receives: ClassVar[bool] = True
    generated: ClassVar[tuple[str, ...]] = ("bearer_token",)

    def verify(self, inbound: Inbound, credentials: UnleashCredentials) -> None:
        """Return if the request carries the token.

        :raises NotGenuine: where it does not.
        """
        token = credentials.bearer_token.get_secret_value().strip() if credentials.bearer_token else ""
        require_token(inbound.headers.get("authorization", ""), token)

    def parse(self, inbound: Inbound) -> tuple[Event, ...]:
        """Return the flag's change, one event for each service, or an ignored event with the reason.

        :raises BadPayload: where the body cannot be understood; the text names the field.
        """
        payload = decode(inbound.body)
        kind = required_text(payload, "type", "type", longest=100)
        author = text(payload, "createdBy")
        if kind not in _TURNS:
            reason = f"Unleash's {kind} does not alter what a flag answers"
            return flags.ignored(
                source=self.slug, event_type=kind, at=inbound.received_at, reason=reason, author=author
            )
        key = required_text(payload, "id", "id", longest=60)
        data = part(payload, "data")
        flag = text(payload, "featureName")[:200] or required_text(data, "name", "data.name", longest=200)
        tags = [f"{text(tag, 'type')}:{text(tag, 'value')}" for tag in parts(payload, "tags")]
        tags += [text(tag, "value") for tag in parts(payload, "tags")]
        old, new = text(part(payload, "preData"), "name", "title"), text(data, "title", "name")
        strategy = new or old if kind.startswith("feature-strategy") else ""
        return flags.events(
            source=self.slug,
            event_type=kind,
            key=key,
            at=given_time(payload, "createdAt", "createdAt", default=inbound.received_at),
            flag=flag,
            did=_TURNS[kind],
            details=(f"strategy {strategy}",) if strategy else (),
            environment=text(payload, "environment")[:100],
            services=flags.services_of(tags, text(payload, "project")[:120] or flag),
            author=author,
        )
