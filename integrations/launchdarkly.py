"""LaunchDarkly: what was turned in a flag or segment, by its signed webhooks."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, SecretStr

from integrations import flags
from integrations.base import Credentials, Event, Inbound, Integration, NotGenuine
from integrations.genuine import require_signature, separated
from integrations.payload import LATEST, decode, part, parts, required_text, text, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

_SITE = "https://app.launchdarkly.com"
_RESOURCE = re.compile(r"(?:^|:)(?P<kind>proj|env|flag|segment)/(?P<key>[^:;]+)")
_TAGS = re.compile(r";(?P<tags>[^:]+)")
# What alters how a flag is read by people, and not what it answers.
_HARMLESS = frozenset(
    {
        "updateName", "updateDescription", "updateTags", "updateMaintainer", "updateTemporary", "updateClientSideFlagAvailability",
        "createFlag", "cloneFlag", "createSegment", "updateFlagLink", "createFlagLink", "deleteFlagLink", "updateFlagCustomProperties",
        "updateIncludeInSnippet", "createApprovalRequest", "reviewApprovalRequest", "updateApprovalRequest", "deleteApprovalRequest",
    }
)  # fmt: skip
_MOVED = re.compile(r"from ~~`?(?P<old>[^~`]+)`?~~ to (?:`(?P<new>[^`]+)`|\*(?P<name>[^*]+)\*)")
_MARKS = re.compile(r"[`*]|~~")
_MOST_LINES = 8


class LaunchDarklyCredentials(Credentials):
    """Hold the webhook's secret."""

    webhook_secret: SecretStr | None = Field(
        default=None,
        title="Webhook secret",
        description="The secret with which LaunchDarkly signs. Several, separated by commas, while you rotate it.",
    )

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return every webhook secret that counts."""
        return separated(self.webhook_secret.get_secret_value()) if self.webhook_secret else ()


class LaunchDarkly(Integration):
    """Tell what was turned in feature flags and segments: which, in which environment, by whom, from what to what.

    A flag concerns the services that its tags name (`service:payments`), else the one that is called like its project. Names,
    descriptions and tags of flags are passed over: they turn nothing.
    """

    slug: ClassVar[str] = "launchdarkly"
    title: ClassVar[str] = "LaunchDarkly"
    Credentials: ClassVar[type[Credentials]] = LaunchDarklyCredentials
    gives: ClassVar[str] = "changes: feature flags and segments, with the environment and who turned them"
    needs: ClassVar[str] = "a signed webhook; a tag `service:NAME` at flags, where a project has several services"
    limits: ClassVar[str] = "10 services of a flag; what was turned before the webhook was made is not known"
    setup: ClassVar[str] = (
        "In LaunchDarkly: *Integrations → Webhooks → Add integration*; paste the address, tick *Sign this webhook*, enter the "
        "secret, and limit the policy to the environments that matter."
    )
    trial: ClassVar[str] = "switch a flag in a test environment that the policy names"
    receives: ClassVar[bool] = True
    generated: ClassVar[tuple[str, ...]] = ("webhook_secret",)

    def verify(self, inbound: Inbound, credentials: LaunchDarklyCredentials) -> None:
        """Return if `X-LD-Signature`, the hex HMAC-SHA256 of the body, is right.

        https://launchdarkly.com/docs/integrations/webhooks

        :raises NotGenuine: where it is not.
        """
        if not credentials.secrets:
            raise NotGenuine("this LaunchDarkly connection has no webhook secret")
        given = inbound.headers.get("x-ld-signature", "").strip()
        if not given:
            raise NotGenuine("the X-LD-Signature header is missing: sign the webhook")
        require_signature(inbound.body, secrets=credentials.secrets, signatures=(given,))

    def external_id(self, inbound: Inbound) -> str:
        """Return a hash of the body, which holds the audit log entry's own id."""
        return hashlib.sha256(inbound.body).hexdigest()

    def parse(self, inbound: Inbound) -> tuple[Event, ...]:
        """Return the flag's change, one event for each service, or an ignored event with the reason.

        :raises BadPayload: where the body cannot be understood; the text names the field.
        """
        payload = decode(inbound.body)
        kind = text(payload, "kind")
        member = part(payload, "member")
        author = text(member, "email") or f"{text(member, 'firstName')} {text(member, 'lastName')}".strip()
        accesses = parts(payload, "accesses")
        actions = {text(access, "action") for access in accesses}
        if kind not in {"flag", "segment"}:
            reason = f"LaunchDarkly's {kind[:60] or 'unnamed'} turns no flag"
            return self._ignored(kind, inbound, reason, author)
        if actions and actions <= _HARMLESS:
            return self._ignored(kind, inbound, "it alters what people read of the flag, not what it answers", author)
        resources = [text(access, "resource") for access in accesses] or _targets(payload)
        places = {found["kind"]: found["key"][:100] for one in resources for found in _RESOURCE.finditer(one)}
        key = required_text(payload, "_id", "_id", longest=100)
        flag = places.get(kind) or required_text(payload, "name", "name", longest=200)
        tags = [tag for one in resources for found in _TAGS.finditer(one) for tag in found["tags"].split(",")]
        listed = part(payload, "currentVersion").get("tags")
        tags += [tag for tag in listed if isinstance(tag, str)] if isinstance(listed, list) else []
        lines = _lines(text(payload, "description"))
        return flags.events(
            source=self.slug,
            event_type=kind,
            key=key,
            at=_date(payload, inbound.received_at),
            flag=flag if kind == "flag" else f"segment {flag}",
            did=_did(payload, actions, places.get("env", "")),
            details=(*lines, *((text(payload, "comment"),) if text(payload, "comment") else ())),
            environment=places.get("env", ""),
            services=flags.services_of(tags, places.get("proj", "") or flag),
            author=author,
            link=_link(payload),
        )

    def _ignored(self, kind: str, inbound: Inbound, reason: str, author: str) -> tuple[Event, ...]:
        return flags.ignored(source=self.slug, event_type=kind, at=inbound.received_at, reason=reason, author=author)


def _targets(payload: Mapping[str, Any]) -> list[str]:
    found = part(payload, "target").get("resources")
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def _date(payload: Mapping[str, Any], received_at: float) -> float:
    """Return when it happened; LaunchDarkly writes milliseconds."""
    milliseconds = whole(payload, "date")
    return milliseconds / 1000 if milliseconds is not None and 0 < milliseconds / 1000 < LATEST else received_at


def _did(payload: Mapping[str, Any], actions: set[str], environment: str) -> str:
    if "updateOn" in actions:
        now = part(part(part(payload, "currentVersion"), "environments"), environment).get("on")
        if isinstance(now, bool):
            return f"turned {'on' if now else 'off'}"
        words = text(payload, "description").lower()
        return "turned on" if "flag on" in words else "turned off" if "flag off" in words else "turned"
    return "deleted" if actions & {"deleteFlag", "deleteSegment"} else "changed"


def _lines(description: str) -> list[str]:
    """Return the lines of the description without its Markdown, with `old → new` for what moved."""
    moved = (
        _MOVED.sub(lambda found: f"{found['old']} → {found['new'] or found['name']}", line)
        for line in description.splitlines()
    )
    plain = (_MARKS.sub("", line).strip(" -\t") for line in moved)
    return [line for line in plain if line][:_MOST_LINES]


def _link(payload: Mapping[str, Any]) -> str:
    path = text(part(part(payload, "_links"), "site"), "href")
    return f"{_SITE}{path}" if re.fullmatch(r"/[\w~./#?&=%:+-]{1,500}", path) else ""
