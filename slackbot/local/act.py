"""Do in the workspace what a person does, and say what that person then sees."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from slackbot.local import events, modals, sharing, submitting
from slackbot.local.choosing import action_of, find_element, state_of
from slackbot.local.delivery import Delivery
from slackbot.local.errors import LocalError, SlackError
from slackbot.local.interactions import message_action_payload, slash_fields, view_action_payload
from slackbot.local.methods.streams import STREAMING, end_stream
from slackbot.local.model import Channel, Json, Message, User, View
from slackbot.local.posting import escaped, post_as_bot, post_as_person, with_links, with_mentions
from slackbot.local.reacting import add_reaction, remove_reaction
from slackbot.local.responses import ResponseAddress, respond
from slackbot.local.service import Service
from slackbot.local.workspace import Workspace

LONGEST_WAIT = 60.0
QUIET = 0.15
SHOWN = ("posted", "edited", "deleted")
VIEWS = ("view_opened", "view_updated", "view_closed", "home", "details")


@dataclass
class Act:
    """One act of one person: what was asked, and what it has led to so far."""

    service: Service
    workspace: Workspace
    user: User
    body: Json
    delivery: Delivery | None = None
    errors: dict[str, str] | None = None
    settle: float = 1.0

    def required(self, name: str) -> str:
        """Return a text field that must be there.

        :raises LocalError: it is missing.
        """
        value = self.body.get(name)
        if not isinstance(value, str) or not value.strip():
            raise LocalError(f"{name}: missing; a {self.body.get('type')} needs it", field=name)
        return value

    def channel(self) -> Channel:
        """Return the channel named in the act.

        :raises LocalError: there is none.
        """
        name = self.required("channel")
        channel = self.workspace.find_channel(name)
        if channel is None and (person := self.workspace.find_user(name)) is not None and person.is_bot:
            channel = self.workspace.direct_channel(self.user)
        if channel is None:
            known = ", ".join(f"#{one.name}" for one in self.workspace.channels.values() if not one.is_im)
            raise LocalError(f"channel: no {name!r} here; there are: {known}", field="channel", status=404)
        return channel

    def message(self, name: str = "ts") -> Message:
        """Return the message named by channel and ts, among those this person sees."""
        channel, ts = self.channel(), self.required(name)
        message = self.workspace.message(channel.id, ts, reader=self.user.id)
        if message is None:
            raise LocalError(f"{name}: no message {ts} in #{channel.name}", field=name, status=404)
        return message

    def thread(self, channel: Channel) -> str | None:
        """Return the root of the thread the act is in, if it is in one."""
        if not self.body.get("thread_ts"):
            return None
        ts = self.required("thread_ts")
        message = self.workspace.message(channel.id, ts)
        if message is None:
            raise LocalError(f"thread_ts: no message {ts} in #{channel.name}", field="thread_ts", status=404)
        return message.thread_ts or message.ts

    def view(self) -> View:
        """Return the view named in the act, or the topmost modal this person has open."""
        wanted = self.body.get("view_id")
        if wanted:
            view = self.workspace.views.get(str(wanted))
            if view is None or view.user != self.user.id:
                raise LocalError(f"view_id: {self.user.name} has no view {wanted!r} open", field="view_id", status=404)
            return view
        stack = self.workspace.modals(self.user.id)
        if not stack:
            raise LocalError(f"view_id: {self.user.name} has no modal open", field="view_id", status=404)
        return stack[-1]


async def slash(act: Act) -> None:
    """Type a slash command."""
    workspace, channel = act.workspace, act.channel()
    command = act.required("command").strip()
    command, _, more = command.partition(" ")
    if not command.startswith("/"):
        raise LocalError("command: must begin with /", field="command")
    text = " ".join(part for part in (more.strip(), str(act.body.get("text") or "").strip()) if part)
    thread_ts = act.thread(channel)
    if command not in workspace.app.commands:
        known = ", ".join(workspace.app.commands) or "none, since no app is installed"
        _tell(act, channel, thread_ts, f"`{command}` is not a valid command. Commands of this workspace: {known}.")
        return
    fields = slash_fields(
        act.service,
        workspace,
        user=act.user,
        channel=channel,
        command=command,
        text=escaped(with_mentions(workspace, text)),
        thread_ts=thread_ts,
    )
    # Slack's own deadline for the acknowledgement; an answer that comes later is rare, and worth waiting for.
    act.settle = 3.0
    delivery = await act.service.sender.send_form(workspace.app, team=workspace.slug, kind="slash", fields=fields)
    act.delivery = delivery
    if not delivery.accepted:
        reason = "operation_timeout" if delivery.reason == "http_timeout" else "dispatch_failed"
        if delivery.reason == "app_not_installed":
            reason = "app_not_installed"
        _tell(act, channel, thread_ts, f'{command} failed with the error "{reason}"')
        return
    answer = delivery.json()
    if answer is None and delivery.answer.strip():
        answer = {"text": delivery.answer}
    if not answer:
        return
    if answer.get("response_type") == "in_channel":
        post_as_person(workspace, user=act.user, channel=channel, text=f"{command} {text}".strip(), thread_ts=thread_ts)
    address = ResponseAddress(
        workspace=workspace, channel=channel.id, user=act.user.id, issued=0.0, thread_ts=thread_ts
    )
    try:
        respond(address, answer)
    except SlackError as error:
        delivery.reason = f"{error.code}: {'; '.join(error.messages)}"
        _tell(act, channel, thread_ts, f'{command} failed with the error "dispatch_unknown_error" ({delivery.reason})')
    act.settle = 0.0


def _tell(act: Act, channel: Channel, thread_ts: str | None, text: str) -> None:
    """Show the person a line of Slackbot's."""
    act.settle = 0.0
    message = post_as_bot(
        act.workspace, channel=channel, content={"text": text}, thread_ts=thread_ts, only_for=act.user.id
    )
    message.body.update(user="USLACKBOT", bot_id="B0SLACKBOT")
    message.body["bot_profile"] = {"name": "Slackbot"}
    act.workspace.change_message(message)


async def click(act: Act) -> None:
    """Press a button, or choose in a menu, of a message or view."""
    workspace, value = act.workspace, act.body.get("value")
    action_id, block_id = act.required("action_id"), act.body.get("block_id")
    ts = workspace.clock.timestamp()
    if act.body.get("view_id") or not act.body.get("ts"):
        view = act.view()
        block, element = find_element(
            view.body["blocks"], user=act.user, action_id=action_id, block_id=block_id, value=value
        )
        action = action_of(block, element, value=value, ts=ts)
        if element["type"] in modals.EMPTY:
            view.values.setdefault(block["block_id"], {})[element["action_id"]] = state_of(element, value)
            workspace.save_view(view, kind="view_entered")
        payload = view_action_payload(act.service, workspace, user=act.user, view=view, action=action)
    else:
        message = act.message()
        block, element = find_element(
            message.body.get("blocks") or [], user=act.user, action_id=action_id, block_id=block_id, value=value
        )
        action = action_of(block, element, value=value, ts=ts)
        if element["type"] in modals.EMPTY:
            kept = workspace.selections.setdefault((message.ts, act.user.id), {})
            kept.setdefault(block["block_id"], {})[element["action_id"]] = state_of(element, value)
        payload = message_action_payload(act.service, workspace, user=act.user, message=message, action=action)
    act.delivery = await act.service.sender.send_form(
        workspace.app, team=workspace.slug, kind="block_actions", fields={"payload": payload}
    )


async def select(act: Act) -> None:
    """Choose in a menu; the same as a click that carries a value."""
    if act.body.get("value") is None:
        raise LocalError("value: missing; a select needs it", field="value")
    await click(act)


async def say(act: Act) -> None:
    """Write a message; a mention of the bot reaches the app as such."""
    workspace, channel = act.workspace, act.channel()
    if channel.is_archived:
        raise LocalError(f"channel: #{channel.name} is archived", field="channel")
    text = escaped(with_links(with_mentions(workspace, act.required("text"))))
    message = post_as_person(workspace, user=act.user, channel=channel, text=text, thread_ts=act.thread(channel))
    mentioned = f"<@{workspace.app.bot_user_id}>" in text
    act.settle = 1.0 if mentioned or channel.is_im else 0.0
    await sharing.tell_links(act.service, workspace, message, channel)
    if workspace.app.bot_user_id not in channel.members:
        return
    if mentioned and not channel.is_im:
        mention = events.mention_event(workspace, message, channel)
        act.delivery = await events.emit(act.service, workspace, mention)
    plain = await events.emit(act.service, workspace, events.message_event(workspace, message, channel))
    act.delivery = act.delivery or plain


async def submit(act: Act) -> None:
    """Fill in a modal and submit it."""
    view, values = act.view(), act.body.get("values") or {}
    if view.is_home:
        raise LocalError("view_id: an App Home tab is not submitted", field="view_id")
    if not isinstance(values, dict):
        raise LocalError("values: must be an object of block_id or action_id to value", field="values")
    submitting.fill_in(act.workspace, view, values)
    act.delivery, act.errors = await submitting.submit(act.service, act.workspace, user=act.user, view=view)
    if act.errors:
        act.settle = 0.0


async def close(act: Act) -> None:
    """Close the topmost modal, or with `"all": true` the whole stack."""
    view = act.view()
    act.delivery = await submitting.close(
        act.service, act.workspace, user=act.user, view=view, all_of_them=bool(act.body.get("all"))
    )
    act.settle = 0.0


async def react(act: Act) -> None:
    """Put an emoji under a message; the same again takes it away."""
    message, name = act.message(), act.required("name").strip(":")
    try:
        added = add_reaction(act.workspace, message, name=name, user=act.user.id)
    except SlackError:
        raise LocalError(f"name: {name!r} is not the name of an emoji", field="name") from None
    if not added:
        remove_reaction(act.workspace, message, name=name, user=act.user.id)
    event = events.reaction_event(act.workspace, message, user=act.user, name=name, added=added)
    act.delivery = await events.emit(act.service, act.workspace, event)
    act.settle = 0.3


async def open_home(act: Act) -> None:
    """Look at the app's Home or Messages tab."""
    tab = str(act.body.get("tab") or "home")
    if tab not in ("home", "messages"):
        raise LocalError(f"tab: {tab!r} is neither home nor messages", field="tab")
    view = act.workspace.home(act.user.id)
    shown = modals.public(act.workspace, view) if view is not None and tab == "home" else None
    event = events.home_opened_event(act.workspace, act.user, tab=tab, view=shown)
    act.delivery = await events.emit(act.service, act.workspace, event)


async def stop(act: Act) -> None:
    """Press Stop on the app's work in a thread: what streams there ends, and the app is told."""
    workspace, channel = act.workspace, act.channel()
    thread_ts = act.thread(channel)
    session = workspace.sessions.get((channel.id, thread_ts or ""))
    if session is None or session.status != "processing":
        raise LocalError("thread_ts: the app does not work on this thread", field="thread_ts")
    streaming = [
        message
        for message in workspace.messages[channel.id].values()
        if message.thread_ts == thread_ts and message.body.get("streaming_state") == STREAMING
    ]
    for message in streaming:
        end_stream(message)
        workspace.change_message(message)
    event = events.stopped_event(workspace, channel, user=act.user, thread_ts=thread_ts or "", streaming=streaming)
    act.delivery = await events.emit(act.service, workspace, event)


ACTS: dict[str, Callable[[Act], Awaitable[None]]] = {
    "slash": slash,
    "click": click,
    "select": select,
    "message": say,
    "submit": submit,
    "close": close,
    "react": react,
    "open_home": open_home,
    "stop": stop,
    "look": sharing.look,
    "open_entity": sharing.open_entity,
    "close_entity": sharing.close_entity,
    "use_entity": sharing.use_entity,
}


def person(workspace: Workspace, name: object) -> User:
    """Return the person who acts or reads.

    :raises LocalError: the field is missing, unknown, or names the bot.
    """
    people = ", ".join(user.name for user in workspace.users.values() if not user.is_bot)
    if not isinstance(name, str) or not name.strip():
        raise LocalError(f"as: missing; say who acts, one of {people}", field="as")
    user = workspace.find_user(name)
    if user is None or user.is_bot:
        raise LocalError(f"as: no person {name!r} here; there are: {people}", field="as", status=404)
    return user


async def perform(service: Service, body: Json) -> Json:
    """Do what a body asks for and return what the person sees of the answer.

    :raises LocalError: a field is missing or names nothing.
    """
    workspace = service.state.workspace(body.get("team"))
    user = person(workspace, body.get("as"))
    kind = body.get("type")
    if not isinstance(kind, str) or kind not in ACTS:
        raise LocalError(f"type: {kind!r} is not an act; one of {', '.join(ACTS)}", field="type")
    act = Act(service=service, workspace=workspace, user=user, body=body)
    wait = body.get("wait")
    if wait is not None and (not isinstance(wait, (int, float)) or isinstance(wait, bool) or wait < 0):
        raise LocalError(f"wait: {wait!r} is not a number of seconds", field="wait")
    before = workspace.last_change
    await ACTS[kind](act)
    settle = min(float(wait), LONGEST_WAIT) if wait is not None else act.settle
    if act.delivery is None or act.delivery.accepted:
        # What a command answers is for the person alone, as a rule; a message that is edited meanwhile is no answer to it.
        reader = user.id if kind == "slash" else None
        await _settle(workspace, after=before, seconds=settle, own=_own_changes(act), reader=reader)
    return _seen(act, before=before)


def _own_changes(act: Act) -> int:
    """Return how many visible changes the act itself made, before anything the app did."""
    return 1 if act.body["type"] in ("message", "react", "open_entity") else 0


async def _settle(workspace: Workspace, *, after: int, seconds: float, own: int, reader: str | None) -> None:
    """Wait for the app's answer to show, to `reader` alone where one is named, then until it has been quiet for a moment."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while (left := end - loop.time()) > 0:
        shown = [
            change
            for change in workspace.changes_after(after)
            if change.kind in (*SHOWN, *VIEWS) and reader in (None, change.user)
        ]
        seen = workspace.last_change
        patience = left if len(shown) <= own else min(QUIET, left)
        if not await workspace.wait_for_change(after=seen, seconds=patience):
            return


def _seen(act: Act, *, before: int) -> Json:
    """Return the answer: the request's outcome, and the messages and views that came or changed."""
    workspace, delivery = act.workspace, act.delivery
    messages: dict[tuple[str, str], Json] = {}
    views: dict[str, Json] = {}
    closed: list[str] = []
    for change in workspace.changes_after(before):
        if change.kind in SHOWN and change.user in (None, act.user.id) and change.channel and change.ts:
            message = workspace.message(change.channel, change.ts, reader=act.user.id)
            shown: Json = {"ts": change.ts, "deleted": True}
            if message is not None:
                shown = workspace.public(message, reader=act.user.id)
            messages[change.channel, change.ts] = {"channel": change.channel, **shown}
        elif change.kind in VIEWS and change.user == act.user.id and change.view:
            view = workspace.views.get(change.view)
            if view is not None:
                views[view.id] = modals.public(workspace, view)
            elif change.view not in closed:
                closed.append(change.view)
                views.pop(change.view, None)
    failed = delivery is not None and not delivery.accepted
    in_order = [views[identifier] for identifier in workspace.views if identifier in views]
    answer: Json = {
        "ok": not failed and not act.errors,
        "status": delivery.status if delivery else None,
        "response": (delivery.json() or delivery.answer or None) if delivery else None,
        "messages": list(messages.values()),
        "views": in_order,
        "closed_views": closed,
    }
    if failed and delivery is not None:
        answer["error"] = delivery.reason
    if act.errors:
        answer["errors"] = act.errors
    return answer
