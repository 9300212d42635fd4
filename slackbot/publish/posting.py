"""One publication under the lease: the root message, then its thread, each posted once and edited ever after."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from slack_sdk.errors import SlackApiError

from copilot.guard.tenancy import tenant_scope
from copilot.knowledge import postmortem
from copilot.models import Hypothesis, Stage
from copilot.observe import logger
from slackbot import blocks, channels, charts, installs, troubles
from slackbot.blocks import words
from slackbot.models import SlackPost
from slackbot.publish import drafts, finding, lease, pictures
from slackbot.publish.drafts import File
from slackbot.troubles import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from slack_sdk import WebClient

    from copilot.knowledge.briefing import Briefing
    from scoring.evidence import Evidence
    from slackbot.blocks.parts import Block
    from slackbot.installs import Installation

log = logger(__name__)
# At most one edit a second while it works; what is final always gets through.
EDIT_SECONDS = 1.0
# While alerts pour in, an edit for each would only keep Slack busy.
STORM_ALERTS = 5
STORM_SECONDS = 60.0
STORM_EDIT_SECONDS = 3.0


class Publication:
    """Bring one incident's message and thread up to a briefing, under a lease that is held."""

    def __init__(self, installation: Installation, briefing: Briefing, claim: lease.Claim, read_at: datetime) -> None:
        self.installation = installation
        # A mute that is over is none; the briefing knows no clock.
        muted = briefing.muted_until is not None and briefing.muted_until > read_at
        self.briefing = briefing if muted else replace(briefing, muted_until=None)
        self.claim = claim
        self.read_at = read_at
        self.client: WebClient = installation.client()

    def bring_up(self) -> bool:
        """Post or edit whatever differs; return whether everything is shown."""
        root = self._row(lease.ROOT)
        made, text = blocks.root_card(self.briefing)
        if root.ts and root.digest != digest(made, text) and self._too_soon(root):
            return False
        root = self._root(root, made, text)
        for part in self._thread(root):
            self._aside(part)
        return True

    def _thread(self, root: SlackPost) -> Iterator[Callable[[], None]]:
        """Yield what belongs in the thread by now, in the order in which it is read."""
        briefing = self.briefing
        if words.has_ranking(briefing):
            yield partial(self._evidence, root)
            for one in words.decisive(briefing):
                yield partial(self._chart, root, one)
            if briefing.similar:
                yield lambda: self._message(root, "similar", *blocks.similar_message(briefing))
        if briefing.related or self._posted("related"):
            yield lambda: self._message(root, "related", *blocks.related_message(briefing))
        settled = briefing.status == "resolved" and (words.has_ranking(briefing) or not briefing.is_working)
        if settled or self._posted("resolution"):
            yield lambda: self._message(root, "resolution", *blocks.resolution_message(briefing))
        for key in self._drafts():
            yield partial(self._draft, root, key)
        for key in pictures.asked(self.claim):
            yield partial(self._picture, root, key)

    def _aside(self, part: Callable[[], None]) -> None:
        """Post a part of the thread; one that Slack refuses for good is noted, and holds up nothing else."""
        try:
            part()
        except SlackApiError as failure:
            trouble = troubles.understood(failure)
            if trouble is None or trouble.retryable or trouble.revoked or trouble.is_channel:
                raise
            log.warning("slack thread post refused", error=trouble.code, incident=str(self.claim.incident_id))
            if trouble.is_the_workspace:
                installs.note_health(
                    self.claim.tenant_id, self.installation.connection_id, works=False, detail=trouble.words
                )
            with tenant_scope(self.claim.tenant_id):
                rows = SlackPost.objects.filter(incident_id=self.claim.incident_id, ts="").exclude(key=lease.ROOT)
                rows.update(error=trouble.words)

    def _too_soon(self, root: SlackPost) -> bool:
        # That a look has begun is news, however soon after the last edit; who pressed the button waits for it.
        if self._is_storming(root):
            return True
        has_begun = self.briefing.stage == Stage.OPEN
        is_ranked = words.has_ranking(self.briefing) and not self.briefing.is_looking_again
        if has_begun or not self.briefing.is_working or is_ranked:
            return False
        return self._since_edit(root) < EDIT_SECONDS

    def _is_storming(self, root: SlackPost) -> bool:
        """Return whether alerts join faster than people read: then the message is edited every few seconds alone."""
        last = max((one.started_at for one in self.briefing.related), default=None)
        if last is None or len(self.briefing.related) < STORM_ALERTS:
            return False
        is_recent = (self.read_at - last).total_seconds() < STORM_SECONDS
        return is_recent and self._since_edit(root) < STORM_EDIT_SECONDS

    def _since_edit(self, root: SlackPost) -> float:
        last = root.edited_at or root.posted_at
        return (timezone.now() - last).total_seconds() if last is not None else math.inf

    # The rows --------------------------------------------------------------------------------------------------------

    def _row(self, key: str) -> SlackPost:
        """Return the intent row of one thing to show; it is there before Slack is called."""
        with tenant_scope(self.claim.tenant_id):
            row, _ = SlackPost.objects.get_or_create(
                incident_id=self.claim.incident_id, key=key, defaults={"tenant_id": self.claim.tenant_id}
            )
        return row

    def _posted(self, key: str) -> bool:
        with tenant_scope(self.claim.tenant_id):
            return SlackPost.objects.filter(incident_id=self.claim.incident_id, key=key).exclude(ts="").exists()

    def _save(self, row: SlackPost, **values: Any) -> None:
        """Save what Slack answered; by the row's id alone, as it is true whoever holds the lease by now."""
        for name, value in values.items():
            setattr(row, name, value)
        with tenant_scope(self.claim.tenant_id):
            SlackPost.objects.filter(id=row.id).update(**values)

    # The root --------------------------------------------------------------------------------------------------------

    def _root(self, root: SlackPost, made: list[Block], text: str) -> SlackPost:
        """Show the root; where Slack refuses the card itself, in the few words that it takes."""
        try:
            return self._placed(root, made, text)
        except SlackApiError as failure:
            code = str(failure.response.get("error"))
            if code not in troubles.TOO_MUCH:
                raise
            # An incident is shown even where our card is at fault.
            log.exception("slack refuses the card", error=code, incident=str(self.claim.incident_id))
            bare, said = blocks.bare_card(self.briefing)
            return self._placed(root, bare, said)

    def _placed(self, root: SlackPost, made: list[Block], text: str) -> SlackPost:
        """Post the root in the service's channel, or where that is gone in the default one; edit it where it is posted."""
        if root.ts:
            try:
                self._edit(root, made, text)
            except SlackApiError as failure:
                trouble = troubles.understood(failure)
                if trouble is None or not trouble.is_channel or not self._may_move(root):
                    raise
                self._move_away(trouble)
                root = self._row(lease.ROOT)
            else:
                return root
        last: Trouble | None = None
        for channel in self._candidates(root):
            try:
                self._post(root, channel, None, made, text)
            except SlackApiError as failure:
                last = troubles.understood(failure)
                if last is None or not last.is_channel:
                    raise
                # Nothing was posted there, so there is nothing to look for there.
                self._save(root, attempted_at=None, channel="")
            else:
                return root
        if last is not None:
            raise Trouble(
                last.code,
                f"#{self._wanted_channel().lstrip('#')}: {last.words}",
                is_channel=True,
                is_the_workspace=True,
            )
        raise Trouble(
            "no_channel",
            f"the service {self.briefing.service!r} has no Slack channel and the workspace no default one:"
            " set either (copilot connect SLUG slack --set default_channel=…)",
            is_the_workspace=True,
        )

    def _wanted_channel(self) -> str:
        return self.briefing.channel or self.installation.default_channel

    def _candidates(self, root: SlackPost) -> list[str]:
        """Return the channels to try, the one of an unfinished attempt first."""
        wanted = [root.channel if root.attempted_at else "", self.briefing.channel, self.installation.default_channel]
        return list(dict.fromkeys(one.strip() for one in wanted if one.strip()))

    def _may_move(self, root: SlackPost) -> bool:
        default = self.installation.default_channel
        return bool(default) and channels.find(self.client, default) not in {None, root.channel}

    def _move_away(self, trouble: Trouble) -> None:
        """Forget where things were posted, as the channel is gone: they are posted anew in the default channel."""
        with tenant_scope(self.claim.tenant_id):
            SlackPost.objects.filter(incident_id=self.claim.incident_id).update(
                ts="", channel="", digest="", attempted_at=None, posted_at=None, edited_at=None, error=trouble.words
            )

    # Messages --------------------------------------------------------------------------------------------------------

    def _message(self, root: SlackPost, key: str, made: list[Block], text: str) -> None:
        """Post one message in the thread, or edit it where it differs."""
        row = self._row(key)
        if row.ts:
            self._edit(row, made, text)
        elif not self.briefing.muted_until:
            self._post(row, root.channel, root.ts, made, text)

    def _evidence(self, root: SlackPost) -> None:
        """Show the evidence as a table, or in lists where this workspace takes no tables."""
        try:
            self._message(root, "evidence", *blocks.evidence_message(self.briefing))
        except SlackApiError as failure:
            if str(failure.response.get("error")) not in troubles.TOO_MUCH:
                raise
            log.info("slack takes no table", error=str(failure.response.get("error")))
            self._message(root, "evidence", *blocks.evidence_lists(self.briefing))

    def _edit(self, row: SlackPost, made: list[Block], text: str) -> None:
        shown = digest(made, text)
        if row.digest == shown:
            return
        lease.renew()
        self.client.chat_update(
            channel=row.channel,
            ts=row.ts,
            text=text,
            blocks=made,
            metadata=finding.metadata(row.id),
            unfurl_links=False,
            unfurl_media=False,
        )
        self._save(row, digest=shown, edited_at=timezone.now())

    def _post(self, row: SlackPost, channel: str, thread_ts: str | None, made: list[Block], text: str) -> None:
        """Post a message once: where an earlier attempt may have reached Slack, it is looked for and adopted first."""
        if row.attempted_at is not None:
            found = self._find(row, thread_ts, lambda message: finding.mark_of(message) == str(row.id))
            if found is not None:
                self._save(row, channel=found[0], ts=str(found[1]["ts"]), posted_at=row.attempted_at, digest="")
                self._edit(row, made, text)
                return
        self._save(row, channel=channel, attempted_at=timezone.now())
        lease.renew()

        def post(where: str) -> Any:
            return self.client.chat_postMessage(
                channel=where,
                text=text,
                blocks=made,
                metadata=finding.metadata(row.id),
                thread_ts=thread_ts,
                unfurl_links=False,
                unfurl_media=False,
            )

        answer = channels.joining(self.client, channel, post)
        self._save(
            row,
            channel=str(answer["channel"]),
            ts=str(answer["ts"]),
            digest=digest(made, text),
            posted_at=timezone.now(),
        )

    def _chart(self, root: SlackPost, evidence: Evidence) -> None:
        """Upload one chart into the thread, once for each series; a file cannot be edited."""
        series = f"{evidence.entity.key} {evidence.indicator}"
        row = self._row(f"chart:{hashlib.sha256(series.encode()).hexdigest()[:16]}")
        if row.ts or self.briefing.muted_until:
            return

        def draw() -> File:
            drawn = charts.draw(evidence)
            return File(drawn.png, drawn.title, drawn.alt_text)

        self._file(root, row, f"{words.name(self.briefing).lower()}-{evidence.id.lower()}", "png", draw)

    def _drafts(self) -> list[str]:
        """Return the keys of the post-mortem drafts that are due: those asked for, and one for each cause that was settled.

        Without an answer to what the cause was, one comes ten minutes after the resolution.
        """
        briefing = self.briefing
        with tenant_scope(self.claim.tenant_id):
            known = SlackPost.objects.filter(incident_id=self.claim.incident_id, key__startswith=drafts.PREFIX)
            rows = dict(known.values_list("key", "ts"))
            has_hypotheses = Hypothesis.objects.filter(run__incident_id=self.claim.incident_id).exists()
        due = [key for key, ts in rows.items() if not ts]
        if briefing.status != "resolved" or briefing.resolved_at is None:
            return due
        cause = words.confirmed_cause(briefing)
        if cause:
            due.append(drafts.key_of(cause))
        elif has_hypotheses and not rows and self.read_at - briefing.resolved_at >= drafts.PATIENCE:
            due.append(drafts.UNANSWERED)
        return [key for key in dict.fromkeys(due) if not rows.get(key)]

    def _draft(self, root: SlackPost, key: str) -> None:
        """Upload a post-mortem draft into the thread."""
        row = self._row(key)
        if row.ts or self.briefing.muted_until:
            return
        name = words.name(self.briefing)

        def write() -> File:
            return File(postmortem.draft(self.briefing).encode(), f"{name} post-mortem draft", "")

        self._file(root, row, f"{name.lower()}-post-mortem", "md", write)

    def _picture(self, root: SlackPost, key: str) -> None:
        """Upload a picture of who needs whom into the thread."""
        stem = f"{words.name(self.briefing).lower()}-topology"
        self._file(root, self._row(key), stem, "png", partial(pictures.draw, self.briefing))

    def _file(self, root: SlackPost, row: SlackPost, stem: str, suffix: str, make: Callable[[], File]) -> None:
        """Upload a file once: where an earlier attempt may have reached Slack, it is looked for and adopted first."""
        ending = f"-{row.id.hex[:12]}.{suffix}"
        if row.attempted_at is not None:
            found = self._find(
                row,
                root.ts,
                lambda message: any(str(one.get("name", "")).endswith(ending) for one in message.get("files") or []),
            )
            if found is not None:
                file = next(one for one in found[1]["files"] if str(one.get("name", "")).endswith(ending))
                self._save(row, channel=found[0], ts=str(file["id"]), posted_at=row.attempted_at)
                return
        try:
            made = make()
        except Exception as failure:
            # A file that cannot be made must not keep back the words.
            log.exception("file not made", key=row.key)
            self._save(row, error=f"not drawn: {type(failure).__name__}: {failure}"[:300])
            return
        lease.renew()
        self._save(row, channel=root.channel, attempted_at=timezone.now())
        answer = self.client.files_upload_v2(
            content=made.content,
            filename=f"{stem}{ending}",
            title=made.title,
            alt_txt=made.alt_text or None,
            channel=root.channel,
            thread_ts=root.ts,
        )
        self._save(
            row,
            ts=str(answer["files"][0]["id"]),
            posted_at=timezone.now(),
            digest=hashlib.sha256(made.content).hexdigest(),
        )

    def _find(
        self, row: SlackPost, thread_ts: str | None, is_ours: Callable[[dict[str, Any]], bool]
    ) -> tuple[str, dict[str, Any]] | None:
        """Look for what an interrupted attempt may have posted; return its channel and message."""
        if row.attempted_at is None:
            return None
        return finding.find(
            self.client,
            row.channel,
            since=row.attempted_at,
            thread_ts=thread_ts,
            is_ours=is_ours,
            before_each=lease.renew,
        )


def digest(made: list[Block], text: str) -> str:
    """Return a fingerprint of what is shown."""
    return hashlib.sha256(json.dumps([made, text], sort_keys=True).encode()).hexdigest()
