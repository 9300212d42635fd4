"""What would keep a workspace from showing an incident, found before one comes: scopes, channels, and what failed last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slack_sdk.errors import SlackApiError

from copilot.guard.tenancy import tenant_scope
from copilot.models import Service
from slackbot.models import SlackInstallation, SlackPost

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from slack_sdk import WebClient

# What each scope is for; without the needed ones nothing is shown at all.
NEEDED = {"chat:write": "messages", "commands": "/sre"}
USEFUL = {
    "app_mentions:read": "questions in threads",
    "channels:history": "finding a message whose posting was interrupted",
    "channels:join": "joining public channels",
    "channels:read": "finding a channel by its name",
    "files:write": "charts and post-mortem drafts",
    "im:history": "questions in the app's pane",
    "links:read": "links to incidents that unfurl",
    "links:write": "links to incidents that unfurl",
    "users:read": "knowing whose an incident is",
}
PAGES = 20
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Readiness:
    """Hold what keeps incidents from being shown, and what is only less than it could be; both in words for the admin."""

    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def read(tenant_id: UUID, connection_id: UUID, client: WebClient, scopes: Iterable[str]) -> Readiness:
    """Return what stands in the way; asks Slack for its channels where any is named.

    :raises SlackApiError: where Slack refuses to list them for another reason than a missing scope.
    """
    with tenant_scope(tenant_id):
        row = SlackInstallation.objects.filter(connection_id=connection_id).first()
        default = row.default_channel if row else ""
        services = dict(Service.objects.filter(origin="").values_list("name", "channel"))
        failed = list(
            SlackPost.objects.filter(key="root")
            .exclude(error="")
            .order_by("-not_before")
            .values_list("error", flat=True)[:200]
        )
    granted = set(scopes)
    problems: list[str] = []
    remarks: list[str] = []
    if granted:
        lacking = [scope for scope in NEEDED if scope not in granted]
        if lacking:
            problems.append(f"missing scope {', '.join(lacking)}: add it under OAuth & Permissions and reinstall")
        less = [f"{scope} ({use})" for scope, use in USEFUL.items() if scope not in granted]
        if less:
            remarks.append(f"without {', '.join(less)}")
    homeless = sorted(name for name, channel in services.items() if not channel)
    if not default and (homeless or not services):
        whose = f"of {_listed(homeless)}" if homeless else "of services that are not set up yet"
        problems.append(
            f"no default channel: incidents {whose} cannot be posted; set one (default_channel, or /sre link)"
        )
    elif not default:
        remarks.append("no default channel: incidents of services that are not set up yet cannot be posted")
    wanted = {
        channel.strip().lstrip("#").lower(): channel for channel in (default, *services.values()) if channel.strip()
    }
    problems.extend(_unusable(client, wanted, may_join=not granted or "channels:join" in granted))
    if failed:
        count = f"{len(failed)} incident{'' if len(failed) == 1 else 's'}"
        problems.append(f"{count} could not be shown: {failed[0]}")
    return Readiness(tuple(problems), tuple(remarks))


def _unusable(client: WebClient, wanted: dict[str, str], *, may_join: bool) -> list[str]:
    """Return what is wrong with the channels that are named."""
    seen = _channels(client, set(wanted)) if wanted else {}
    if seen is None:
        # Names cannot be looked up; posting by name still works where the bot is in the channel.
        return []
    said = []
    for name, written in wanted.items():
        channel = seen.get(name)
        if channel is None:
            said.append(f"{written} does not exist, or is private and the bot is not in it")
        elif channel.get("is_archived"):
            said.append(f"{written} is archived")
        elif not channel.get("is_member") and not may_join:
            said.append(f"the bot is not in {written} and may not join it: invite it")
    return said


def _channels(client: WebClient, wanted: set[str]) -> dict[str, dict[str, Any]] | None:
    """Return the wanted channels by name or id; None where Slack does not let us list."""
    seen: dict[str, dict[str, Any]] = {}
    cursor = ""
    for _ in range(PAGES):
        try:
            answer = client.conversations_list(
                types="public_channel,private_channel", exclude_archived=False, limit=1000, cursor=cursor or None
            )
        except SlackApiError as failure:
            if failure.response.get("error") == "missing_scope":
                return None
            raise
        for one in answer.get("channels") or []:
            names = {str(one.get("name", "")).lower(), str(one.get("id", "")).lower()}
            seen.update(dict.fromkeys(names & wanted, one))
        cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
        if not cursor or len(seen) == len(wanted):
            break
    return seen


def _listed(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
