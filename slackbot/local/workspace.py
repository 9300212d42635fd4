"""One workspace (team): who and what is in it, and every change that a reader must hear of."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

from slackbot.local.clock import Clock
from slackbot.local.documents import Documents
from slackbot.local.identity import random_text, shaped
from slackbot.local.model import App, Channel, Json, Message, Prompts, Session, StoredFile, User, View, document

KEPT_CHANGES = 5_000


@dataclass(frozen=True)
class Change:
    """One thing that changed: what a page must read again, and what a person sees as an answer."""

    number: int
    kind: str
    channel: str | None = None
    ts: str | None = None
    thread_ts: str | None = None
    user: str | None = None
    view: str | None = None


@dataclass
class Workspace:
    """A team with its people, channels, messages and installed app."""

    slug: str
    id: str
    name: str
    app: App
    clock: Clock = field(repr=False)
    documents: Documents = field(repr=False)
    users: dict[str, User] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    messages: dict[str, dict[str, Message]] = field(default_factory=dict)
    threads: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    views: dict[str, View] = field(default_factory=dict)
    files: dict[str, StoredFile] = field(default_factory=dict)
    selections: dict[tuple[str, str], Json] = field(default_factory=dict)
    # An app at work does not outlive a restart of this server, nor does what it shows of it.
    sessions: dict[tuple[str, str], Session] = field(default_factory=dict)
    prompts: dict[str, Prompts] = field(default_factory=dict)
    unfurls: dict[str, tuple[str, str]] = field(default_factory=dict)
    # The card that each person has open beside the conversation, and what they look at.
    details: dict[str, Json] = field(default_factory=dict)
    looking: dict[str, list[Json]] = field(default_factory=dict)
    changes: deque[Change] = field(default_factory=lambda: deque(maxlen=KEPT_CHANGES))
    last_change: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    # Changes -----------------------------------------------------------------------------------------------------

    def changed(self, kind: str, **what: str | None) -> None:
        """Note a change and wake everyone who waits for one."""
        self.last_change += 1
        self.changes.append(Change(number=self.last_change, kind=kind, **what))
        self._changed.set()
        self._changed = asyncio.Event()

    def changes_after(self, number: int) -> list[Change]:
        """Return the changes later than the given number."""
        return [change for change in self.changes if change.number > number]

    async def wait_for_change(self, *, after: int, seconds: float) -> bool:
        """Wait until something changed after the given number; False when nothing did in time."""
        if self.last_change > after:
            return True
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return False
        return True

    # People and channels -----------------------------------------------------------------------------------------

    def save_team(self) -> None:
        """Write the team and its app to the store."""
        self.documents.put(
            "team",
            self.slug,
            {"slug": self.slug, "id": self.id, "name": self.name, "app": document(self.app)},
        )

    def save_user(self, user: User) -> None:
        """Add or change a person."""
        self.users[user.id] = user
        self.documents.put("user", f"{self.slug}/{user.id}", {"team": self.slug, **document(user)})
        self.changed("people", user=user.id)

    def save_channel(self, channel: Channel) -> None:
        """Add or change a channel."""
        self.channels[channel.id] = channel
        self.messages.setdefault(channel.id, {})
        self.documents.put("channel", f"{self.slug}/{channel.id}", {"team": self.slug, **document(channel)})
        self.changed("channels", channel=channel.id)

    def delete_channel(self, channel: Channel) -> None:
        """Remove a channel and what was said in it."""
        for message in list(self.messages[channel.id].values()):
            self.delete_message(message)
        del self.channels[channel.id], self.messages[channel.id]
        self.documents.drop("channel", f"{self.slug}/{channel.id}")
        self.changed("channels", channel=channel.id)

    def new_user(self, name: str) -> User:
        """Return a person with a handle of their own; the caller fills in the rest and saves."""
        return User(
            id=shaped("U", name, scope=self.slug, taken=self.users),
            team_id=self.id,
            name=name,
            real_name=name.replace(".", " ").title(),
            email=f"{name}@{self.slug}.example",
        )

    def find_user(self, name: str) -> User | None:
        """Return the person with this id, handle, real name or e-mail address."""
        wanted = name.strip().removeprefix("<@").removesuffix(">").removeprefix("@")
        if wanted in self.users:
            return self.users[wanted]
        wanted = wanted.casefold()
        for user in self.users.values():
            if wanted in (user.name.casefold(), user.real_name.casefold(), (user.email or "").casefold()):
                return user
        return None

    def find_channel(self, name: str) -> Channel | None:
        """Return the channel with this id or name; `#` in front does not matter."""
        wanted = name.strip().removeprefix("#")
        if wanted in self.channels:
            return self.channels[wanted]
        for channel in self.channels.values():
            if not channel.is_im and channel.name == wanted.casefold():
                return channel
        return None

    def create_channel(self, name: str, *, creator: str, members: list[str], private: bool = False) -> Channel:
        """Make a channel; the caller has checked that the name is free and well formed."""
        identifier = shaped("C", name, scope=self.slug, taken=self.channels)
        channel = Channel(
            id=identifier,
            name=name,
            created=int(self.clock.now()),
            creator=creator,
            members=members,
            is_private=private,
        )
        self.save_channel(channel)
        return channel

    def direct_channel(self, user: User) -> Channel:
        """Return the direct conversation between a person and the bot, opened if need be."""
        for channel in self.channels.values():
            if channel.is_im and user.id in channel.members:
                return channel
        identifier = shaped("D", user.name, scope=self.slug, taken=self.channels)
        channel = Channel(
            id=identifier,
            name=identifier,
            created=int(self.clock.now()),
            creator=self.app.bot_user_id,
            members=[self.app.bot_user_id, user.id],
            is_im=True,
        )
        self.save_channel(channel)
        return channel

    def look(self, user: User, channel: Channel, thread_ts: str | None) -> bool:
        """Note what a person looks at, the thread before its channel; return whether it is something else than before."""
        entities: list[Json] = [{"type": "slack#/types/channel_id", "value": channel.id, "team_id": self.id}]
        if thread_ts is not None:
            value = {"channel_id": channel.id, "message_ts": thread_ts}
            entities.insert(0, {"type": "slack#/types/message_context", "value": value, "team_id": self.id})
        before, self.looking[user.id] = self.looking.get(user.id), entities
        return before != entities

    def context(self, user: str) -> Json:
        """Return what a person looks at, as Slack tells an app."""
        entities = self.looking.get(user)
        return {"entities": entities} if entities else {}

    # Messages ----------------------------------------------------------------------------------------------------

    def load_message(self, message: Message) -> None:
        """Take a message into the indexes without telling anyone."""
        self.messages.setdefault(message.channel, {})[message.ts] = message
        self.clock.seen(message.ts)
        if message.is_reply and message.thread_ts and message.only_for is None:
            self.threads.setdefault((message.channel, message.thread_ts), []).append(message.ts)

    def _save_message(self, message: Message) -> None:
        key = f"{self.slug}/{message.channel}/{message.ts}"
        self.documents.put("message", key, {"team": self.slug, **document(message)})

    def add_message(self, message: Message) -> Message:
        """Post a message."""
        self.load_message(message)
        self._save_message(message)
        self._tell("posted", message)
        return message

    def change_message(self, message: Message) -> None:
        """Write a message that was edited in place."""
        self._save_message(message)
        self._tell("edited", message)

    def delete_message(self, message: Message) -> None:
        """Remove a message; one with replies leaves a tombstone, as in Slack."""
        if self.threads.get((message.channel, message.ts)):
            message.body = {
                "type": "message",
                "subtype": "tombstone",
                "user": "USLACKBOT",
                "text": "This message was deleted.",
                "hidden": True,
                "ts": message.ts,
            }
            message.metadata = None
            message.reactions = {}
            self._save_message(message)
            self._tell("edited", message)
            return
        del self.messages[message.channel][message.ts]
        thread = self.threads.get((message.channel, message.thread_ts or ""), [])
        if message.ts in thread:
            thread.remove(message.ts)
        self.documents.drop("message", f"{self.slug}/{message.channel}/{message.ts}")
        self._tell("deleted", message)

    def _tell(self, kind: str, message: Message) -> None:
        self.changed(
            kind,
            channel=message.channel,
            ts=message.ts,
            thread_ts=message.thread_ts if message.is_reply else None,
            user=message.only_for,
        )

    def message(self, channel: str, ts: str, *, reader: str | None = None) -> Message | None:
        """Return a message that the reader may see; without a reader, only what all may see."""
        message = self.messages.get(channel, {}).get(ts)
        if message is None or (message.only_for is not None and message.only_for != reader):
            return None
        return message

    def public(self, message: Message, *, metadata: bool = False, reader: str | None = None) -> Json:
        """Return a message as Slack's API shows it."""
        shown: Json = dict(message.body)
        if message.thread_ts is not None:
            shown["thread_ts"] = message.thread_ts
            if message.is_reply:
                parent = self.messages[message.channel].get(message.thread_ts)
                if parent is not None and "user" in parent.body:
                    shown["parent_user_id"] = parent.body["user"]
        replies = self.threads.get((message.channel, message.ts), [])
        if replies:
            authors: list[str] = []
            for ts in replies:
                author = self.messages[message.channel][ts].body.get("user")
                if author and author not in authors:
                    authors.append(author)
            shown.update(
                thread_ts=message.ts,
                reply_count=len(replies),
                reply_users_count=len(authors),
                latest_reply=replies[-1],
                reply_users=authors,
                is_locked=False,
                subscribed=False,
            )
        if message.reactions:
            shown["reactions"] = [
                {"name": name, "users": list(users), "count": len(users)} for name, users in message.reactions.items()
            ]
        if metadata and message.metadata is not None:
            shown["metadata"] = message.metadata
        if message.only_for is not None and reader is not None:
            shown["is_ephemeral"] = True
        return shown

    # Views and files ---------------------------------------------------------------------------------------------

    def save_view(self, view: View, *, kind: str = "view") -> None:
        """Add or change a modal or an App Home tab."""
        self.views[view.id] = view
        self.documents.put("view", f"{self.slug}/{view.id}", {"team": self.slug, **document(view)})
        self.changed(kind, user=view.user, view=view.id)

    def drop_view(self, view: View) -> None:
        """Close a modal."""
        self.views.pop(view.id, None)
        self.documents.drop("view", f"{self.slug}/{view.id}")
        self.changed("view_closed", user=view.user, view=view.id)

    def modals(self, user: str) -> list[View]:
        """Return the modals a person has open, the topmost last."""
        return [view for view in self.views.values() if view.user == user and not view.is_home]

    def home(self, user: str) -> View | None:
        """Return the App Home tab that was published for a person."""
        return next((view for view in self.views.values() if view.user == user and view.is_home), None)

    def save_file(self, file: StoredFile) -> None:
        """Add or change a file."""
        self.files[file.id] = file
        self.documents.put("file", f"{self.slug}/{file.id}", {"team": self.slug, **document(file)})

    def new_id(self, prefix: str) -> str:
        """Return a fresh id of Slack's shape, such as `V0` followed by nine letters and digits."""
        return prefix + "0" + random_text(9)
