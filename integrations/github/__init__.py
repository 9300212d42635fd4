"""GitHub: deployments, merged pull requests and releases as changes, by webhook and by looking back over REST."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, SecretStr, field_validator

from integrations.base import Category, Credentials, Door, Event, Health, Inbound, Integration, NotGenuine, Scope
from integrations.genuine import require_signature, separated
from integrations.github import api, events
from integrations.payload import base_address
from integrations.repositories import path_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scoring.observations import Observation, Window

_VERSION = "sha256="
_LONGEST_ID = 200


class GitHubCredentials(Credentials):
    """Hold a read-only token, the webhook's secret and the repositories to look at; each may be left out."""

    token: SecretStr | None = Field(
        default=None,
        title="Token",
        description="A fine-grained token that may read deployments, contents and pull requests. Empty: public repositories only.",
    )
    webhook_secret: SecretStr | None = Field(
        default=None,
        title="Webhook secret",
        description="The secret of the webhook. Several, separated by commas, while you rotate it.",
    )
    base_url: str = Field(
        default=api.BASE_URL,
        title="API address",
        description="https://api.github.com, or https://HOST/api/v3 of a GitHub Enterprise Server.",
    )
    repositories: str = Field(
        default="",
        title="Repositories",
        description="owner/name, separated by commas: asked where the paged service has no repository of its own.",
    )

    @field_validator("base_url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        return base_address(value)

    @field_validator("repositories", mode="before")
    @classmethod
    def _joined(cls, value: object) -> object:
        return ",".join(str(item) for item in value) if isinstance(value, list | tuple) else value

    @field_validator("repositories")
    @classmethod
    def _are_repositories(cls, value: str) -> str:
        for item in separated(value):
            if not path_at(item):
                raise ValueError(f"a repository is written owner/name, got {item!r}")
        return ",".join(path_at(item) for item in separated(value))

    @property
    def bearer(self) -> str:
        """Return the token, or an empty text."""
        return self.token.get_secret_value().strip() if self.token else ""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return every webhook secret that counts."""
        return separated(self.webhook_secret.get_secret_value()) if self.webhook_secret else ()


class GitHub(Integration):
    """Tell of deployments, merged pull requests and releases, by webhook and by REST from an hour before the window.

    Over REST a deployment comes with its latest status, the commits, files and lines between it and the deployment before, and
    the pull requests that it brought. What was merged or released and went out with none is told by itself, as a lesser lead.
    """

    slug: ClassVar[str] = "github"
    title: ClassVar[str] = "GitHub"
    Credentials: ClassVar[type[Credentials]] = GitHubCredentials
    gives: ClassVar[str] = (
        "changes: deployments, merged pull requests, pushes and releases, with the files and settings that they altered, and "
        "by CODEOWNERS whose these are"
    )
    needs: ClassVar[str] = (
        "the webhook events Deployments, Deployment statuses, Pull requests, Pushes and Releases; a token that may read "
        "Deployments, Contents and Pull requests"
    )
    limits: ClassVar[str] = (
        "8 repositories and 150 deployments of each at most; the last 3 are compared with the ones before, of "
        "which GitHub lists 300 files; the files of 3 pull requests and 3 releases that no deployment brought; "
        "pushes to the default branch alone; 256 KiB of CODEOWNERS, kept for 10 minutes; 60 requests an hour without a token"
    )
    setup: ClassVar[str] = "Step by step: [connect](../connect.md#github)."
    trial: ClassVar[str] = (
        "in GitHub, Settings → Webhooks → the webhook → Recent Deliveries → Redeliver, the ping that it begins with"
    )
    receives: ClassVar[bool] = True
    gathers: ClassVar[bool] = True
    categories: ClassVar[tuple[Category, ...]] = (Category.CHANGES,)
    gather_cost: ClassVar[int] = 20
    generated: ClassVar[tuple[str, ...]] = ("webhook_secret",)

    def verify(self, inbound: Inbound, credentials: GitHubCredentials) -> None:
        """Return if `X-Hub-Signature-256` is right.

        https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries

        :raises NotGenuine: where it is not.
        """
        if not credentials.secrets:
            raise NotGenuine("this GitHub connection has no webhook secret")
        given = inbound.headers.get("x-hub-signature-256", "").strip()
        if not given.startswith(_VERSION):
            raise NotGenuine("the X-Hub-Signature-256 header is missing")
        require_signature(inbound.body, secrets=credentials.secrets, signatures=(given.removeprefix(_VERSION),))

    def external_id(self, inbound: Inbound) -> str:
        """Return `X-GitHub-Delivery`, which a redelivery repeats, else a hash of the body."""
        given = inbound.headers.get("x-github-delivery", "").strip()
        return given if 0 < len(given) <= _LONGEST_ID else hashlib.sha256(inbound.body).hexdigest()

    def parse(self, inbound: Inbound) -> tuple[Event, ...]:
        """Return the change that a webhook tells of, or an ignored event with the reason.

        :raises BadPayload: where the body cannot be understood; the text names the field.
        """
        return (events.read(inbound, source=self.slug),)

    def gather(self, door: Door, credentials: GitHubCredentials, scope: Scope, window: Window) -> Iterator[Observation]:
        """Yield deployments, merged pull requests and releases of the services' repositories around the window.

        :raises SourceError: where nothing at all could be asked.
        """
        return api.gather(door, credentials, scope, window, source=self.slug)

    def check(self, door: Door, credentials: GitHubCredentials) -> Health:
        """Read the rate limit, which any token may, and the first repositories.

        :raises SourceError: where GitHub does not answer or refuses the token.
        """
        return api.check(door, credentials)
