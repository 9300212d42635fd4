"""Deploys: any CI or script may tell that something was deployed, with one POST of a small JSON object."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, SecretStr

from integrations.base import BadPayload, Credentials, Event, EventKind, Inbound, Integration, ServiceReference
from integrations.genuine import require_token
from integrations.payload import clean, decode, given_time, link, required_text, shown, text
from scoring.observations import Change, ChangeKind, Entity, EntityKind

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST_ID = 200

# A deployment's status as CI systems call it, and as it is called here.
_STATUSES: Mapping[str, str] = {
    **dict.fromkeys(("succeeded", "success", "successful", "passed", "completed", "complete", "ok"), "succeeded"),
    **dict.fromkeys(("failed", "failure", "error", "errored"), "failed"),
    **dict.fromkeys(("cancelled", "canceled", "aborted", "skipped"), "cancelled"),
    **dict.fromkeys(("in_progress", "started", "running", "deploying"), "in_progress"),
    **dict.fromkeys(("pending", "queued", "waiting", "created"), "pending"),
    **dict.fromkeys(("rolled_back", "rollback", "reverted"), "rolled_back"),
}

# Unix seconds have ten digits until the year 2286: thirteen digits are milliseconds.
_MILLISECONDS = re.compile(r"\d{13}(\.\d+)?")
# A script writes its own machine's time: read as UTC, it would be hours off, and another change would be the one that fits.
_WITHOUT_ZONE = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?")

# A clock that runs this much ahead (seconds) is taken; more is a mistake.
_AHEAD = 86_400.0


class DeploysCredentials(Credentials):
    """Hold an optional token: the endpoint's address is a secret by itself."""

    bearer_token: SecretStr | None = Field(
        default=None,
        title="Token",
        description="Optional. When set, requests must send it as `Authorization: Bearer …`.",
    )


class Deploys(Integration):
    """Take a small JSON object in that any CI or script posts when something was deployed."""

    slug: ClassVar[str] = "deploys"
    title: ClassVar[str] = "Deploys from any CI"
    Credentials: ClassVar[type[Credentials]] = DeploysCredentials
    gives: ClassVar[str] = "changes: what was deployed or switched, when, by whom, in which version"
    needs: ClassVar[str] = "nothing; a token, where one is set"
    limits: ClassVar[str] = (
        "knows what is posted, and nothing before; a wrong value is answered 422 with the field's name"
    )
    setup: ClassVar[str] = """
        ```sh
        curl -fsS -X POST https://copilot.example.org/hooks/deploys/KEY -H 'Content-Type: application/json' \\
            -d '{"service": "checkout", "version": "1.42.0", "environment": "production", "author": "alice"}'
        ```

        Where a token is set, with `-H 'Authorization: Bearer TOKEN'`. All fields: [deployments from any
        CI](../connect.md#deployments-from-any-ci).
    """
    trial: ClassVar[str] = "the `curl` in docs/integrations/deploys.md, with the address"
    receives: ClassVar[bool] = True
    validates_at_door: ClassVar[bool] = True

    def verify(self, inbound: Inbound, credentials: DeploysCredentials) -> None:
        """Return if the request carries the token, where one is set; without one the endpoint's key is proof enough.

        :raises NotGenuine: where the token is set and missing or wrong.
        """
        token = credentials.bearer_token.get_secret_value().strip() if credentials.bearer_token else ""
        if token:
            require_token(inbound.headers.get("authorization", ""), token)

    def external_id(self, inbound: Inbound) -> str:
        """Return the `Idempotency-Key` header, else a hash of the body."""
        given = clean(inbound.headers.get("idempotency-key", ""))
        return given if 0 < len(given) <= _LONGEST_ID else hashlib.sha256(inbound.body).hexdigest()

    def parse(self, inbound: Inbound) -> tuple[Event, ...]:
        """Return the change that the body tells of.

        `service` and `version` are required. `environment`, `status` (succeeded), `kind` (deployment), `deployed_at`
        (now), `author`, `url`, `description`, `commit`, `previous_version` and `id` may be given. Posts with the same
        `id` are one deployment that moves on; without it every `deployed_at` is a deployment of its own. Unknown keys
        are passed over.

        :raises BadPayload: where something is missing or wrong; the text names the field and what was expected.
        """
        payload = decode(inbound.body)
        service = required_text(payload, "service", "service", longest=200)
        version = required_text(payload, "version", "version", longest=200)
        environment = _optional(payload, "environment", longest=100)
        author = _optional(payload, "author", longest=200)
        description = _optional(payload, "description", longest=10_000)
        commit = _optional(payload, "commit", longest=200)
        status = _status(payload)
        kind = _kind(payload)
        at = _deployed_at(payload, inbound.received_at)
        key = _optional(payload, "id", longest=_LONGEST_ID)
        place = f" to {environment}" if environment else ""
        change = Change(
            entity=Entity(EntityKind.SERVICE, service),
            kind=kind,
            at=at,
            title=f"{service} {version}{place}",
            source=self.slug,
            author=author,
            link=_address(payload),
            version=version,
            previous_version=_optional(payload, "previous_version", longest=200),
            status=status,
            detail="; ".join(part for part in (environment and f"environment {environment}", description) if part),
            key=commit or version,
        )
        labels = {"environment": environment} if environment else {}
        return (
            Event(
                source=self.slug,
                kind=EventKind.CHANGE,
                event_type=f"{kind.value}.{status}",
                dedupe_key=key or _key(service, environment, version, f"{at:.0f}"),
                occurred_at=at,
                started_at=at,
                title=change.title,
                service=ServiceReference(name=service, labels=labels),
                actor=author,
                url=change.link,
                text=description,
                labels=labels,
                change=change,
            ),
        )


def _optional(payload: Mapping[str, Any], name: str, *, longest: int) -> str:
    value = payload.get(name)
    if value is None or (isinstance(value, str) and not value.strip()):
        return ""
    return required_text(payload, name, name, longest=longest)


def _status(payload: Mapping[str, Any]) -> str:
    if payload.get("status") is None:
        return "succeeded"
    word = text(payload, "status").lower().replace("-", "_").replace(" ", "_")
    if word not in _STATUSES:
        known = ", ".join(dict.fromkeys(_STATUSES.values()))
        raise BadPayload(f"`status` must be one of {known}, got {shown(payload['status'])}")
    return _STATUSES[word]


def _kind(payload: Mapping[str, Any]) -> ChangeKind:
    if payload.get("kind") is None:
        return ChangeKind.DEPLOYMENT
    try:
        return ChangeKind(text(payload, "kind").lower())
    except ValueError:
        raise BadPayload(f"`kind` must be one of {', '.join(ChangeKind)}, got {shown(payload['kind'])}") from None


def _deployed_at(payload: Mapping[str, Any], received_at: float) -> float:
    if _MILLISECONDS.fullmatch(text(payload, "deployed_at")):
        raise BadPayload(
            f"`deployed_at` must be an RFC 3339 time or Unix seconds, got {shown(payload['deployed_at'])}, "
            "which looks like milliseconds"
        )
    if _WITHOUT_ZONE.fullmatch(text(payload, "deployed_at")):
        raise BadPayload(
            f"`deployed_at` must say its time zone, as in 2026-11-21T03:00:00Z or +01:00, got {shown(payload['deployed_at'])}"
        )
    at = given_time(payload, "deployed_at", "deployed_at", default=received_at)
    if at > received_at + _AHEAD:
        raise BadPayload(f"`deployed_at` must not be in the future, got {shown(payload['deployed_at'])}")
    return at


def _address(payload: Mapping[str, Any]) -> str:
    if not _optional(payload, "url", longest=2000):
        return ""
    found = link(payload, "url")
    if not found:
        raise BadPayload(f"`url` must be an http or https address, got {shown(payload['url'])}")
    return found


def _key(*words: str) -> str:
    return hashlib.sha256("\x00".join(words).encode()).hexdigest()[:32]
