"""GitLab: deployments, merge requests, releases and feature flags as changes, by webhook and by looking back over REST."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, SecretStr, field_validator

from integrations.base import Category, Credentials, Door, Event, Health, Inbound, Integration, NotGenuine, Scope
from integrations.genuine import separated
from integrations.gitlab import api, events
from integrations.gitlab.signing import require_secret, require_signature, signing_key
from integrations.payload import base_address
from integrations.repositories import path_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scoring.observations import Observation, Window

_LONGEST_ID = 200


class GitLabCredentials(Credentials):
    """Hold a read-only token, what proves that a webhook is GitLab's, and the projects to look at; each may be left out."""

    token: SecretStr | None = Field(
        default=None,
        title="Token",
        description="A project or group access token with the scope read_api. Empty: public projects only.",
    )
    webhook_secret: SecretStr | None = Field(
        default=None,
        title="Secret token",
        description="The webhook's secret token. Several, separated by commas, while you rotate it.",
    )
    signing_token: SecretStr | None = Field(
        default=None,
        title="Signing token",
        description="The webhook's signing token (whsec_…), where your GitLab has one; then the signature alone counts.",
    )
    base_url: str = Field(
        default=api.BASE_URL, title="Address", description="https://gitlab.com, or the address of your own GitLab."
    )
    projects: str = Field(
        default="",
        title="Projects",
        description="group/name, separated by commas: asked where the paged service has no repository of its own.",
    )

    @field_validator("base_url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        return base_address(value).removesuffix("/api/v4")

    @field_validator("signing_token")
    @classmethod
    def _are_signing_tokens(cls, value: SecretStr | None) -> SecretStr | None:
        for token in separated(value.get_secret_value()) if value else ():
            signing_key(token)
        return value

    @field_validator("projects")
    @classmethod
    def _are_projects(cls, value: str) -> str:
        for item in separated(value):
            if not path_at(item, deepest=api.DEEPEST):
                raise ValueError(f"a project is written group/name, got {item!r}")
        return ",".join(path_at(item, deepest=api.DEEPEST) for item in separated(value))

    @property
    def bearer(self) -> str:
        """Return the token, or an empty text."""
        return self.token.get_secret_value().strip() if self.token else ""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return every secret token that counts."""
        return separated(self.webhook_secret.get_secret_value()) if self.webhook_secret else ()

    @property
    def signing_tokens(self) -> tuple[str, ...]:
        """Return every signing token that counts."""
        return separated(self.signing_token.get_secret_value()) if self.signing_token else ()


class GitLab(Integration):
    """Tell of deployments, merge requests, releases and flags, by webhook and by REST from an hour before the window.

    Over REST a deployment comes with the commits, files and lines between it and the last one that succeeded, and the merge
    requests that it brought. What was merged or released and went out with none is told by itself, as a lesser lead. A pipeline
    counts where its jobs deploy to an environment.
    """

    slug: ClassVar[str] = "gitlab"
    title: ClassVar[str] = "GitLab"
    Credentials: ClassVar[type[Credentials]] = GitLabCredentials
    gives: ClassVar[str] = (
        "changes: deployments, merged merge requests, pushes, releases and feature flags, with the files and settings that they "
        "altered, and by CODEOWNERS whose these are"
    )
    needs: ClassVar[str] = (
        "the webhook triggers Deployment, Merge request, Push, Releases and Feature flag (Pipeline, where deployments have no "
        "environment of their own); a token with the scope read_api"
    )
    limits: ClassVar[str] = (
        "8 projects, and the last 100 deployments of each; 3 are compared with the ones before; the files of 3 merge requests "
        "and 3 releases that no deployment brought; pushes to the default branch alone; 256 KiB of CODEOWNERS, kept for 10 minutes"
    )
    setup: ClassVar[str] = (
        "In the project or group: *Settings → Webhooks → Add new webhook*; paste the address and the secret token. Where your "
        "GitLab offers a signing token (since 2026), let it make one and give it here as `signing_token`: then nothing "
        "secret travels, and an old message that is sent again is refused."
    )
    trial: ClassVar[str] = "in GitLab, Settings → Webhooks → Test beside the webhook"
    receives: ClassVar[bool] = True
    gathers: ClassVar[bool] = True
    categories: ClassVar[tuple[Category, ...]] = (Category.CHANGES,)
    gather_cost: ClassVar[int] = 20
    generated: ClassVar[tuple[str, ...]] = ("webhook_secret",)

    def verify(self, inbound: Inbound, credentials: GitLabCredentials) -> None:
        """Return if the signature is right, or, without a signing token, the secret token.

        :raises NotGenuine: where it is not.
        """
        if credentials.signing_tokens:
            require_signature(inbound, credentials.signing_tokens)
        elif credentials.secrets:
            require_secret(inbound, credentials.secrets)
        else:
            raise NotGenuine("this GitLab connection has no secret token")

    def external_id(self, inbound: Inbound) -> str:
        """Return `Idempotency-Key`, which GitLab repeats when it sends a webhook again, else a hash of the body."""
        given = inbound.headers.get("idempotency-key", "").strip() or inbound.headers.get("webhook-id", "").strip()
        return given if 0 < len(given) <= _LONGEST_ID else hashlib.sha256(inbound.body).hexdigest()

    def parse(self, inbound: Inbound) -> tuple[Event, ...]:
        """Return the changes that a webhook tells of, or an ignored event with the reason.

        :raises BadPayload: where the body cannot be understood; the text names the field.
        """
        return events.read(inbound, source=self.slug)

    def gather(self, door: Door, credentials: GitLabCredentials, scope: Scope, window: Window) -> Iterator[Observation]:
        """Yield deployments, merge requests and releases of the services' projects around the window.

        :raises SourceError: where nothing at all could be asked.
        """
        return api.gather(door, credentials, scope, window, source=self.slug)

    def check(self, door: Door, credentials: GitLabCredentials) -> Health:
        """Read whose token it is, and the first projects.

        :raises SourceError: where GitLab does not answer or refuses the token.
        """
        return api.check(door, credentials)
