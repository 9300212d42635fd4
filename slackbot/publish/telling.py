"""One answer as it grows in Slack: a stream with a plan of what is looked at, its lines, and at the end what it rests on.

Lines travel as rich text blocks, in which Slack parses neither mentions nor links nor commands, whoever wrote the words.
The stream's `ts` is in the question's row as soon as Slack has told it: whoever answers again edits that message. That a
message was about to be begun is there before: where its `ts` never came to be known, it is looked for and adopted.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from slack_sdk.errors import SlackApiError, SlackClientError

from copilot.guard.tenancy import tenant_scope
from copilot.models import Question
from copilot.observe import logger
from slackbot import channels, installs, troubles
from slackbot.blocks import answer as blocks
from slackbot.models import InstallationStatus
from slackbot.publish import finding
from slackbot.wording import clip

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping
    from uuid import UUID

    from slack_sdk import WebClient

    from copilot.answers import Answer, Line
    from slackbot.installs import Installation
    from slackbot.troubles import Trouble

log = logger(__name__)
# Appending is allowed some hundred times a minute; a reader sees no more than two changes a second anyway.
PAUSE_SECONDS = 0.5
# Waiting for longer would hold a thread: the row is tried again instead.
LONGEST_WAIT = 5.0
TRIES = 3
# An app that is not declared an agent, or a stand-in, may lack streaming: the answer is then posted in one piece.
NO_STREAMS = frozenset(
    {"unknown_method", "method_deprecated", "not_allowed_token_type", "streaming_not_supported", "feature_not_enabled",
     "channel_type_not_supported", "missing_recipient_team_id", "missing_recipient_user_id"}
)  # fmt: skip
# Slack ended the stream by itself: the person pressed Stop, or it was silent for long.
STREAM_OVER = frozenset({"message_not_in_streaming_state", "streaming_state_conflict"})


class SlackTelling:
    """Show one answer in the thread where it was asked for."""

    def __init__(self, installation: Installation, question_id: UUID, place: Mapping[str, Any]) -> None:
        self.installation = installation
        self.question_id = question_id
        self.place = dict(place)
        self.client: WebClient = installation.client()
        self.channel = str(place.get("channel") or "")
        self.thread_ts = str(place.get("thread_ts") or "")
        # Another attempt began this message: it is edited when the answer is whole.
        self.ts = str(place.get("ts") or "")
        self.streams = not self.ts
        # Found in the thread, begun by an attempt that never learned of it.
        self.is_adopted = False
        self._waiting: list[dict[str, Any]] = []
        self._not_before = 0.0
        self._planned = False

    def step(self, step_id: str, title: str, *, status: str = "in_progress", output: str = "") -> None:
        """Show what is being looked at."""
        if not self._planned:
            self._planned = True
            self._waiting.append({"type": "plan_update", "title": "Looking into it"})
        task = {"type": "task_update", "id": step_id, "title": clip(title, 150), "status": status}
        self._waiting.append({**task, **({"output": clip(output, 200)} if output else {})})
        self._flush()

    def say(self, line: Line) -> None:
        """Show one more line."""
        self._waiting.append({"type": "blocks", "blocks": [blocks.line_block(line)]})
        self._flush()

    def finish(self, answer: Answer) -> None:
        """Show the answer whole.

        :raises Trouble: where Slack does not take it now, or never will.
        """
        try:
            self._patiently(lambda: self._finish(answer))
        except (SlackClientError, OSError) as failure:
            trouble = troubles.understood(failure)
            if trouble is None:
                raise
            self._note(trouble)
            raise trouble from failure

    # Streaming -------------------------------------------------------------------------------------------------------

    def _flush(self) -> None:
        """Send what has gathered, if it is time; what does not arrive now arrives with what comes next."""
        if not self.streams or not self._waiting or time.monotonic() < self._not_before:
            return
        self._not_before = time.monotonic() + PAUSE_SECONDS
        chunks = self._waiting
        try:
            if self.ts:
                self.client.chat_appendStream(channel=self.channel, ts=self.ts, chunks=chunks)
            else:
                self._begin(chunks)
        except (SlackClientError, OSError) as failure:
            self._hold_back(failure)
        else:
            self._waiting = []

    def _begin(self, chunks: list[dict[str, Any]]) -> None:
        def start(channel: str) -> Any:
            return self.client.chat_startStream(
                channel=channel,
                thread_ts=self.thread_ts,
                recipient_team_id=self.place.get("team") or None,
                recipient_user_id=self.place.get("user") or None,
                task_display_mode="plan",
                chunks=chunks,
            )

        if self._adopted():
            return
        self._note_attempt()
        answered = channels.joining(self.client, self.channel, start)
        self._remember(str(answered["ts"]))

    def _hold_back(self, failure: Exception) -> None:
        trouble = troubles.understood(failure)
        code = trouble.code if trouble else type(failure).__name__
        if code in NO_STREAMS | STREAM_OVER:
            self.streams = False
        elif trouble and trouble.wait:
            self._not_before = time.monotonic() + trouble.wait
        log.info("slack stream held back", error=code)

    def _finish(self, answer: Answer) -> None:
        question = str(self.question_id)
        if self.streams:
            title = "Stopped" if answer.is_stopped else "Looked into it"
            chunks = [*self._waiting, *([{"type": "plan_update", "title": title}] if self._planned else [])]
            try:
                if not self.ts:
                    self._begin([])
                if self.is_adopted:
                    self._replace(answer)
                    return
                self.client.chat_stopStream(
                    channel=self.channel,
                    ts=self.ts,
                    chunks=chunks or None,
                    blocks=blocks.closing_blocks(question, answer),
                    metadata=self._metadata(),
                    session_status="active",
                )
            except SlackApiError as failure:
                if str(failure.response.get("error")) not in NO_STREAMS | STREAM_OVER:
                    raise
                self.streams = False
            else:
                return
        if self.ts or self._adopted():
            self._replace(answer)
            return
        made, text = blocks.whole_message(question, answer)

        def post(channel: str) -> Any:
            return self.client.chat_postMessage(
                channel=channel, thread_ts=self.thread_ts, text=text, blocks=made, metadata=self._metadata(),
                unfurl_links=False, unfurl_media=False,
            )  # fmt: skip

        self._note_attempt()
        self._remember(str(channels.joining(self.client, self.channel, post)["ts"]))

    def _replace(self, answer: Answer) -> None:
        """Put the whole answer in the place of what an earlier attempt began."""
        self._end_stream()
        made, text = blocks.whole_message(str(self.question_id), answer)
        self.client.chat_update(channel=self.channel, ts=self.ts, text=text, blocks=made, metadata=self._metadata())

    def _end_stream(self) -> None:
        """End what an attempt before this one may have left streaming: a message that streams cannot be edited."""
        try:
            self.client.chat_stopStream(channel=self.channel, ts=self.ts, session_status="active")
        except SlackApiError as failure:
            log.info("slack stream was over", error=str(failure.response.get("error")))

    def _patiently(self, act: Callable[[], None]) -> None:
        """Try again what Slack asks to send a little later."""
        for left in reversed(range(TRIES)):
            try:
                act()
            except (SlackClientError, OSError) as failure:
                trouble = troubles.understood(failure)
                if trouble is None or not trouble.retryable or not left or trouble.wait > LONGEST_WAIT:
                    raise
                time.sleep(trouble.wait or 1.0)
            else:
                return

    # The row ---------------------------------------------------------------------------------------------------------

    def _note_attempt(self) -> None:
        """Write down that a message may exist from now on; an earlier time is kept."""
        self.place.setdefault("attempted_at", timezone.now().isoformat())
        self._save()

    def _adopted(self) -> bool:
        """Look for the message that an attempt before this one may have begun; return whether there is one."""
        attempted = self.place.get("attempted_at")
        if not attempted:
            return False
        with tenant_scope(self.installation.tenant_id):
            known = set(
                Question.objects.filter(thread=Question.objects.values("thread").get(id=self.question_id)["thread"])
                .exclude(id=self.question_id)
                .values_list("place__ts", flat=True)
            )
        found = finding.find(
            self.client,
            self.channel,
            since=datetime.fromisoformat(str(attempted)),
            thread_ts=self.thread_ts,
            is_ours=lambda message: self._is_ours(message, known),
        )
        if found is None:
            return False
        # It cannot be known what of it has arrived: it is made whole by an edit.
        self.streams, self.is_adopted = False, True
        self._remember(str(found[1]["ts"]))
        return True

    def _is_ours(self, message: Mapping[str, Any], known: Container[object]) -> bool:
        """Return whether a message in the thread is this answer: Slack lets a stream carry no mark before its end.

        What else we post bears a mark or is a file, and other answers' messages are `known`.
        """
        mark = message.get("metadata") or {}
        if mark.get("event_type"):
            return dict(mark) == self._metadata()
        is_bot = self.installation.bot_user_id == message.get("user") or (
            bool(self.installation.bot_id) and self.installation.bot_id == message.get("bot_id")
        )
        is_file = bool(message.get("files")) or message.get("subtype") == "file_share"
        return is_bot and not is_file and message.get("ts") not in known and message.get("ts") != self.thread_ts

    def _remember(self, ts: str) -> None:
        self.ts = ts
        self.place["ts"] = ts
        self._save()

    def _save(self) -> None:
        with tenant_scope(self.installation.tenant_id):
            Question.objects.filter(id=self.question_id).update(place=self.place)

    def _metadata(self) -> dict[str, Any]:
        return {"event_type": "sre_copilot_answer", "event_payload": {"question": str(self.question_id)}}

    def _note(self, trouble: Trouble) -> None:
        """Write down where the admin sees it what concerns more than this answer."""
        tenant_id, connection_id = self.installation.tenant_id, self.installation.connection_id
        log.warning("slack answer not shown", error=trouble.code, question=str(self.question_id))
        if trouble.is_the_workspace:
            installs.note_health(tenant_id, connection_id, works=False, detail=trouble.words)
        if trouble.revoked:
            installs.close(self.installation, InstallationStatus.REVOKED, trouble.words)


def telling(tenant_id: UUID, question_id: UUID, place: Mapping[str, Any]) -> SlackTelling:
    """Return where an answer is shown.

    :raises LookupError: where the tenant has no working Slack workspace.
    :raises ValueError: where its token has ended, and Slack does not renew it.
    """
    installation = installs.of_tenant(tenant_id)
    if installation is None:
        raise LookupError("Slack is not connected any more")
    return SlackTelling(installs.fresh(installation), question_id, place)
