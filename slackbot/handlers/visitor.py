"""Who is asking: a person of a verified workspace, what they may do, and how they are answered."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.webhook import WebhookClient

from copilot import flow
from copilot.guard.tenancy import tenant_scope
from copilot.models import Membership, Role, Tenant
from copilot.observe import logger
from copilot.web.db import give_back
from slackbot import troubles
from slackbot.blocks.parts import escape
from slackbot.troubles import Trouble
from slackbot.wording import clip

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from uuid import UUID

    from slack_sdk import WebClient

    from slackbot.blocks.parts import Block
    from slackbot.installs import Installation

log = logger(__name__)
ANSWER_SECONDS = 10
OK = 200
REFUSAL = "You are {role} here; this needs the role {needed} in {tenant}. An admin can give it to you."


@dataclass(frozen=True, slots=True)
class Visitor:
    """Hold one person's request: the tenant comes from the verified workspace, never from what the request claims."""

    installation: Installation
    client: WebClient
    person: str
    name: str
    channel: str
    thread_ts: str
    response_url: str
    trigger_id: str
    is_guest: bool

    @property
    def tenant_id(self) -> UUID:
        """Return the tenant whose workspace this is."""
        return self.installation.tenant_id

    def role(self) -> Role:
        """Return what the person may do: as their membership says, else as the tenant's default; guests only look."""
        with tenant_scope(self.tenant_id):
            member = Membership.objects.filter(slack_user_id=self.person).first()
            if member:
                return Role(member.role)
            # People of another workspace, met in a shared channel, are not the tenant's.
            return Role.VIEWER if self.is_guest else Role(Tenant.objects.get(id=self.tenant_id).default_role)

    def names(self) -> frozenset[str]:
        """Return what the person may be called elsewhere, in lower case; PagerDuty assigns to full names.

        Slack is asked for the full name; without its scope users:read, the id and the name in the request are all.
        """
        known = {self.person, self.name}
        try:
            user = self.client.users_info(user=self.person).get("user") or {}
            profile = user.get("profile") or {}
            known |= {str(one or "") for one in (user.get("real_name"), profile.get("real_name"), profile.get("email"))}
        except (SlackClientError, OSError) as failure:
            log.info("slack person not looked up", error=str(failure)[:200])
        return frozenset(one.lower() for one in known if one)

    def refusal(self, needed: Role) -> str:
        """Return why the person may not do this, or nothing where they may."""
        role = self.role()
        if role.may(needed):
            return ""
        tenant = Tenant.objects.get(id=self.tenant_id)
        return REFUSAL.format(role=role.value, needed=needed.value, tenant=tenant.name or tenant.slug)

    def tell(self, words: str, blocks: list[Block] | None = None, *, to_all: bool = False) -> None:
        """Answer the person alone, or where they ask for it everyone in the channel; an answer that fails is only logged.

        With blocks, `words` are their `fallback`; alone they are told as they stand.
        """
        try:
            self.deliver(words, blocks, to_all=to_all)
        except (SlackClientError, OSError, Trouble) as failure:
            # The deed is done and recorded; only the words did not arrive.
            log.warning("slack answer not delivered", error=f"{type(failure).__name__}: {failure}"[:200])

    def deliver(self, words: str, blocks: list[Block] | None = None, *, to_all: bool = False) -> None:
        """Answer as `tell` does: at the address that Slack gave, where that is closed in the channel, else to the person alone.

        :raises Trouble: where Slack asks for patience, or has trouble of its own.
        :raises SlackApiError: where Slack does not take it at all.
        :raises OSError: where Slack does not answer.
        """
        # What stands beside blocks is escaped by whoever made them.
        text = words if blocks else escape(clip(words, 2500))
        give_back()
        if self.response_url and self.installation.takes_answers_at(self.response_url):
            answer = WebhookClient(self.response_url, timeout=ANSWER_SECONDS).send(
                text=text,
                blocks=blocks,
                response_type="in_channel" if to_all else "ephemeral",
                replace_original=False,
                unfurl_links=False,
            )
            if answer.status_code == OK:
                return
            busy = troubles.busy(answer.status_code, answer.headers)
            if busy is not None:
                raise busy
            # It is taken five times within thirty minutes.
            log.info("slack takes no answer here any more", status=answer.status_code, said=answer.body[:60])
        self._post(text, blocks, to_all=to_all)

    def _post(self, text: str, blocks: list[Block] | None, *, to_all: bool) -> None:
        if self.channel:
            try:
                if to_all:
                    self.client.chat_postMessage(channel=self.channel, text=text, blocks=blocks, unfurl_links=False)
                else:
                    self.client.chat_postEphemeral(channel=self.channel, user=self.person, text=text, blocks=blocks)
            except SlackApiError as failure:
                trouble = troubles.understood(failure)
                if trouble is None or not (trouble.is_channel or trouble.code == "user_not_in_channel"):
                    raise
            else:
                return
        # Commands may be typed where the bot is not; the app's own conversation with the person is always there.
        self.client.chat_postMessage(channel=self.person, text=text, blocks=blocks, unfurl_links=False)

    def show(self, view: Block) -> None:
        """Open a window; told in words where its three seconds are over."""
        try:
            self.client.views_open(trigger_id=self.trigger_id, view=view)
        except SlackApiError as failure:
            log.warning("slack view not opened", error=str(failure.response.get("error")))
            self.tell("Slack did not open the window in time; please try again.")

    def replace(self, view: Mapping[str, Any], made: Block) -> None:
        """Put another content into a window that the person has open."""
        try:
            self.client.views_update(view_id=str(view.get("id")), view=made)
        except SlackApiError as failure:
            # Closed meanwhile: what was done is done.
            log.info("slack view not updated", error=str(failure.response.get("error")))

    def publish(self, incident_id: UUID) -> None:
        """Show what was changed; where that fails now, the wish is in the rows and the sweeper does it."""
        try:
            flow.publish(self.tenant_id, incident_id)
        except Exception as failure:  # noqa: BLE001 - what was asked for is recorded; showing it is tried again
            log.warning("not shown yet", error=f"{type(failure).__name__}: {failure}"[:300])

    @contextmanager
    def once(self, *parts: str) -> Iterator[bool]:
        """Open the tenant's scope and give whether this request is new; what is done inside is done with it, or not at all.

        A retry finds the key only where the first delivery's work was committed: Slack's retries are never dropped unseen.
        """
        key = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        with tenant_scope(self.tenant_id):
            with connection.cursor() as cursor:
                cursor.execute(
                    "INSERT INTO slackbot_seenrequest (tenant_id, key) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                    [self.tenant_id, key],
                )
                is_new = cursor.rowcount == 1
            yield is_new


def _mapping(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a nested object, empty where there is none: requests of different kinds are shaped differently."""
    found = body.get(name)
    return found if isinstance(found, dict) else {}


def entered(view: Mapping[str, Any], name: str) -> str:
    """Return what was typed or chosen in a window's field, whose block and action bear the same name."""
    state = _mapping(_mapping(_mapping(_mapping(view, "state"), "values"), name), name)
    chosen = _mapping(state, "selected_option")
    return str(chosen.get("value") or state.get("value") or state.get("selected_conversation") or "").strip()


def ticked(view: Mapping[str, Any], name: str) -> bool:
    """Return whether a window's only box of that name is ticked."""
    state = _mapping(_mapping(_mapping(_mapping(view, "state"), "values"), name), name)
    return bool(state.get("selected_options"))


def _authorized(body: Mapping[str, Any]) -> str:
    """Return the person in whose name Slack sends an event that names nobody itself."""
    given = body.get("authorizations")
    first = given[0] if isinstance(given, list) and given and isinstance(given[0], dict) else {}
    return "" if first.get("is_bot", True) else str(first.get("user_id") or "")


def visitor(body: Mapping[str, Any], context: Mapping[str, Any]) -> Visitor:
    """Return who sent this verified request; reads slash commands, interactions and events alike."""
    installation: Installation = context["installation"]
    user, event, container = _mapping(body, "user"), _mapping(body, "event"), _mapping(body, "container")
    person = str(body.get("user_id") or user.get("id") or event.get("user") or _authorized(body) or "")
    channel = body.get("channel")
    where = channel.get("id") if isinstance(channel, dict) else body.get("channel_id") or event.get("channel")
    team = str(user.get("team_id") or body.get("team_id") or "")
    return Visitor(
        installation=installation,
        client=context["client"],
        person=person,
        name=str(body.get("user_name") or user.get("name") or user.get("username") or person),
        channel=str(where or ""),
        thread_ts=str(container.get("thread_ts") or ""),
        response_url=str(body.get("response_url") or ""),
        trigger_id=str(body.get("trigger_id") or ""),
        is_guest=bool(installation.team_id and team and team != installation.team_id),
    )
