"""Jira: issues that stand for incidents, from webhooks and from automation rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from integrations.base import Action, Credentials, Event, EventKind, Inbound, Integration, NotGenuine
from integrations.genuine import plain, require_header, require_signature, separated
from integrations.naming import service_of, tagged
from integrations.payload import decode, link, moment_of, part, parts, required_part, required_text, text
from integrations.wording import severity, symptom

if TYPE_CHECKING:
    from collections.abc import Mapping

_VERSION = "sha256="
_STATUSES = {
    Action.TRIGGERED: "triggered",
    Action.REOPENED: "triggered",
    Action.ACKNOWLEDGED: "acknowledged",
    Action.RESOLVED: "resolved",
}


class JiraCredentials(Credentials):
    """Hold the secret that Jira signs with, or the token that an automation rule sends."""

    webhook_secret: SecretStr | None = Field(
        default=None,
        title="Webhook secret",
        description=(
            "The secret of the webhook; where it is set, the token does not count. Several, with commas, while you rotate it."
        ),
    )
    token: SecretStr | None = Field(
        default=None,
        title="Token",
        description="What an automation rule sends as header: `X-Copilot-Token`, or Authorization as bearer or basic password.",
    )


class Jira(Integration):
    """Take Jira issues in that stand for incidents, such as those of Jira Service Management's incident type.

    An issue is an incident from its creation until its status is of the category *done*; *in progress* acknowledges it.
    """

    slug: ClassVar[str] = "jira"
    title: ClassVar[str] = "Jira issues"
    Credentials: ClassVar[type[Credentials]] = JiraCredentials
    gives: ClassVar[str] = "issues as incidents, with status, assignee, priority, components and comments"
    needs: ClassVar[str] = "a webhook with a secret, or an automation rule that sends the issue with the token"
    limits: ClassVar[str] = (
        "every issue that is sent is an incident: narrow the webhook by JQL; nothing is written to Jira"
    )
    setup: ClassVar[str] = """
        As an administrator: *Settings → System → WebHooks → Create*, the address as *URL*, a *Secret* (entered here as
        `webhook_secret`), *JQL* such as `issuetype = "[System] Incident"`, events *Issue: created, updated, deleted* and *Comment:
        created*.

        Or, without an administrator, by an automation rule (*When issue created or transitioned → Send web request*): the address,
        *POST*, *Issue data (Jira format)*, and the header `X-Copilot-Token` with the token that `connect` printed.

        The service is found by labels `service:checkout`, else by the issue's one component; the severity by the priority: Highest
        critical, High error, Medium warning, Low and Lowest info.
    """
    trial: ClassVar[str] = "create an issue that the webhook or the rule is for, and delete it again"
    receives: ClassVar[bool] = True
    generated: ClassVar[tuple[str, ...]] = ("token",)

    def verify(self, inbound: Inbound, credentials: JiraCredentials) -> None:
        """Return if `X-Hub-Signature` is right, where there is a secret, else if the request carries the token.

        https://developer.atlassian.com/cloud/jira/platform/webhooks/#secure-admin-webhooks

        :raises NotGenuine: where it is not.
        """
        secrets, token = separated(plain(credentials.webhook_secret)), plain(credentials.token)
        if secrets:
            given = inbound.headers.get("x-hub-signature", "").strip()
            if not given.startswith(_VERSION):
                raise NotGenuine("the X-Hub-Signature header has no sha256 signature")
            require_signature(inbound.body, secrets=secrets, signatures=(given.removeprefix(_VERSION),))
        elif token:
            require_header(inbound.headers, token)
        else:
            raise NotGenuine("this Jira connection has neither a secret nor a token")

    def parse(self, inbound: Inbound) -> tuple[Event, ...]:
        """Return the one event of a webhook, or of an automation rule's issue.

        :raises BadPayload: where the issue, its key or its summary is missing; the text names the field.
        """
        payload = decode(inbound.body)
        # An automation rule sends the issue itself, a webhook what happened with the issue in it.
        is_whole = "issue" not in payload and "key" in payload
        path = "" if is_whole else "issue."
        issue = payload if is_whole else required_part(payload, "issue", "issue")
        fields = required_part(issue, "fields", f"{path}fields")
        title = required_text(fields, "summary", f"{path}fields.summary", longest=2000)
        named = text(payload, "webhookEvent") or "issue"
        action = _action(payload, fields, named, is_whole=is_whole)
        started_at = moment_of(fields, "created") or inbound.received_at
        labels = tagged(fields.get("labels"))
        components = [text(one, "name") for one in parts(fields, "components")]
        assignee = text(part(fields, "assignee"), "displayName", "emailAddress")
        return (
            Event(
                source=self.slug,
                kind=EventKind.INCIDENT,
                event_type=named[:80],
                dedupe_key=required_text(issue, "key", f"{path}key", longest=200),
                occurred_at=moment_of(payload, "timestamp") or moment_of(fields, "updated") or started_at,
                started_at=started_at,
                action=action,
                status=_STATUSES.get(action),
                title=title,
                symptom=symptom(title),
                severity=severity(text(part(fields, "priority"), "name")),
                service=service_of(labels, otherwise=components[0] if len(components) == 1 else ""),
                actor=text(part(payload, "user"), "displayName"),
                url=_address(issue),
                assignees=((assignee,) if assignee else ()) if "assignee" in fields else None,
                priority=text(part(fields, "priority"), "name") or None,
                text=text(part(payload, "comment"), "body") or text(fields, "description"),
                labels=labels,
            ),
        )


def _action(payload: Mapping[str, Any], fields: Mapping[str, Any], named: str, *, is_whole: bool) -> Action:
    """Return what happened: the issue's end goes before all else, then its way through the statuses."""
    category = text(part(part(fields, "status"), "statusCategory"), "key").lower()
    changed = {text(item, "field").lower() for item in parts(part(payload, "changelog"), "items")}
    is_new = is_whole or named.endswith("issue_created")
    if named.startswith("comment_"):
        return Action.ANNOTATED
    if named.endswith("issue_deleted") or category == "done":
        return Action.RESOLVED
    if category == "indeterminate" and (is_new or "status" in changed):
        return Action.ACKNOWLEDGED
    if is_new:
        return Action.TRIGGERED
    if "status" in changed:
        return Action.REOPENED
    if "assignee" in changed:
        return Action.REASSIGNED
    return Action.PRIORITY_CHANGED if "priority" in changed else Action.UPDATED


def _address(issue: Mapping[str, Any]) -> str:
    """Return where people read the issue, on the host of its REST address."""
    rest, key = link(issue, "self"), text(issue, "key")
    split = urlsplit(rest)
    return link({"url": f"{split.scheme}://{split.netloc}/browse/{key}"}, "url") if rest and key else ""
