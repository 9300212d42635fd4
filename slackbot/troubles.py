"""What goes wrong with Slack, in words for the admin, and whether and when to try again."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from slack_sdk.errors import SlackApiError, SlackClientError

from copilot.faces import PutOff

if TYPE_CHECKING:
    from collections.abc import Mapping

# Errors that end by themselves.
_PASSING: Final = {
    "ratelimited": "Slack asks us to slow down",
    "rate_limited": "Slack asks us to slow down",
    "message_limit_exceeded": "Slack asks us to slow down",
    "internal_error": "Slack had an internal error",
    "fatal_error": "Slack had an internal error",
    "service_unavailable": "Slack is not available",
    "request_timeout": "Slack did not answer in time",
    "team_added_to_org": "the workspace is being moved into an organisation",
}
_REVOKED: Final = {
    "token_revoked": "the bot token was revoked: connect Slack again",
    "account_inactive": "the app was removed from the workspace, or its bot was deactivated: install it and connect Slack again",
    "invalid_auth": "the bot token is not valid: connect Slack again",
    "not_authed": "the bot token is missing: connect Slack again",
    "token_expired": "the bot token has expired: connect Slack again",
}
_CHANNEL: Final = {
    "channel_not_found": "the channel does not exist, or is private and the bot is not in it",
    "is_archived": "the channel is archived",
    "not_in_channel": "the bot is not in the channel and cannot join it: invite it",
    "restricted_action": "the workspace does not let the bot post in this channel",
    "restricted_action_read_only_channel": "the channel is read-only for the bot",
    "restricted_action_thread_only_channel": "the channel takes replies alone",
    "method_not_supported_for_channel_type": "the bot must be invited to this kind of channel",
    "cannot_post_in_channel": "the bot may not post in this channel",
}
_GONE: Final = {
    "message_not_found": "the message was deleted in Slack; it is not posted again",
    "thread_not_found": "the incident's message was deleted in Slack; its thread is gone with it",
}
# Slack may be back at any moment, and an incident should not wait much longer than it must.
LONGEST = 60.0
# Slack refuses what is shown, not us: said in fewer words it gets through.
TOO_MUCH: Final = frozenset(
    {
        "msg_too_long",
        "msg_blocks_too_long",
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_attachments",
        "metadata_too_large",
    }
)


@dataclass
class Trouble(PutOff):
    """Be a failure of Slack that is understood. `wait` is in seconds, zero for "back off as usual"."""

    code: str
    words: str
    retryable: bool = False
    wait: float = 0.0
    is_channel: bool = False
    is_the_workspace: bool = False
    revoked: bool = False

    def __str__(self) -> str:
        return self.words


def backoff(failures: int) -> float:
    """Return the seconds until the next try: doubling from five, at most a minute."""
    return float(min(LONGEST, 5.0 * 2 ** min(failures, 10)))


def understood(failure: Exception) -> Trouble | None:
    """Return what a failure of Slack means; None where it is none of Slack's, but a bug of ours."""
    if isinstance(failure, Trouble):
        return failure
    if isinstance(failure, SlackApiError):
        return _answered(failure)
    if isinstance(failure, (SlackClientError, OSError, http.client.HTTPException)):
        return Trouble(
            "unreachable", f"Slack does not answer: {type(failure).__name__}: {failure}"[:300], retryable=True
        )
    if isinstance(failure, ValueError) and str(failure).startswith("base_url:"):
        return Trouble("refused_address", str(failure), is_the_workspace=True)
    return None


def busy(status: int, headers: Mapping[str, object]) -> Trouble | None:
    """Return what an HTTP answer without a body of Slack's means, where it may be different later."""
    if status == 429:
        return Trouble("ratelimited", "Slack asks us to slow down", retryable=True, wait=_retry_after(headers))
    if status >= 500:
        return Trouble(f"http {status}", f"Slack had an error (http {status})", retryable=True)
    return None


def _answered(failure: SlackApiError) -> Trouble:
    response = failure.response
    status = int(getattr(response, "status_code", 0) or 0)
    code = str(response.get("error") or f"http {status}") if hasattr(response, "get") else "unknown"
    if status == 429 or code in {"ratelimited", "rate_limited"}:
        return Trouble("ratelimited", "Slack asks us to slow down", retryable=True, wait=_waits(response))
    if code in _PASSING or status >= 500:
        return Trouble(code, f"{_PASSING.get(code, 'Slack had an error')} ({code})", retryable=True)
    if code in _REVOKED:
        return Trouble(code, f"{_REVOKED[code]} ({code})", is_the_workspace=True, revoked=True)
    if code == "missing_scope":
        needed = response.get("needed") if hasattr(response, "get") else ""
        return Trouble(
            code,
            f"the app lacks the scope {needed or '(Slack does not say which)'}: add it under OAuth & Permissions and reinstall"
            " (missing_scope)",
            is_the_workspace=True,
        )
    if code in _CHANNEL:
        return Trouble(code, f"{_CHANNEL[code]} ({code})", is_channel=True)
    if code in _GONE:
        return Trouble(code, f"{_GONE[code]} ({code})")
    details = response.get("errors") or (response.get("response_metadata") or {}).get("messages") or []
    said = f": {'; '.join(str(one) for one in details[:3])}" if details else ""
    return Trouble(code, f"Slack answers {code}{said}"[:500])


def _waits(response: object) -> float:
    return _retry_after(getattr(response, "headers", None) or {})


def _retry_after(headers: Mapping[str, object]) -> float:
    for name, value in headers.items():
        if str(name).lower() == "retry-after":
            try:
                return max(1.0, float(str(value[0] if isinstance(value, list) else value)))
            except (TypeError, ValueError):
                break
    return 30.0
