"""The things of a workspace: people, channels, the app, messages, views and files."""

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from slackbot.local.errors import LocalError

Json = dict[str, Any]


@dataclass
class User:
    """A person, or the app's bot."""

    id: str
    team_id: str
    name: str
    real_name: str
    email: str | None = None
    tz: str = "UTC"
    is_bot: bool = False

    def set_zone(self, zone: str) -> None:
        """Change the person's time zone.

        :raises LocalError: there is no such zone.
        """
        try:
            ZoneInfo(zone)
        except (ValueError, KeyError, OSError):
            raise LocalError(f"tz: {zone!r} is not a time zone such as Europe/Berlin", field="tz") from None
        self.tz = zone

    def public(self) -> Json:
        """Return the user as `users.info` shows it."""
        offset = datetime.now(UTC).astimezone(ZoneInfo(self.tz)).utcoffset()
        return {
            "id": self.id,
            "team_id": self.team_id,
            "name": self.name,
            "real_name": self.real_name,
            "deleted": False,
            "tz": self.tz,
            "tz_label": self.tz,
            "tz_offset": int(offset.total_seconds()) if offset else 0,
            "is_bot": self.is_bot,
            "is_app_user": False,
            "is_admin": False,
            "is_owner": False,
            "is_restricted": False,
            "updated": 0,
            "profile": {
                "real_name": self.real_name,
                "real_name_normalized": self.real_name,
                "display_name": self.name,
                "display_name_normalized": self.name,
                "team": self.team_id,
                **({"email": self.email} if self.email else {}),
            },
        }


@dataclass
class Channel:
    """A channel, or a direct conversation (`is_im`)."""

    id: str
    name: str
    created: int
    creator: str
    members: list[str] = field(default_factory=list)
    is_im: bool = False
    is_private: bool = False
    is_archived: bool = False
    topic: str = ""
    purpose: str = ""

    def public(self, *, reader: str) -> Json:
        """Return the channel as `conversations.info` shows it to a member or stranger."""
        if self.is_im:
            other = next((member for member in self.members if member != reader), reader)
            return {
                "id": self.id,
                "created": self.created,
                "is_im": True,
                "is_org_shared": False,
                "user": other,
                "is_archived": False,
            }
        return {
            "id": self.id,
            "name": self.name,
            "name_normalized": self.name,
            "created": self.created,
            "creator": self.creator,
            "is_channel": not self.is_private,
            "is_group": self.is_private,
            "is_im": False,
            "is_mpim": False,
            "is_private": self.is_private,
            "is_archived": self.is_archived,
            "is_general": self.name == "general",
            "is_member": reader in self.members,
            "num_members": len(self.members),
            "topic": {"value": self.topic, "creator": self.creator, "last_set": self.created},
            "purpose": {"value": self.purpose, "creator": self.creator, "last_set": self.created},
        }


@dataclass
class App:
    """The app installed in a workspace, and where its requests go."""

    app_id: str
    bot_id: str
    bot_user_id: str
    name: str
    bot_token: str = field(repr=False)
    signing_secret: str = field(repr=False)
    app_url: str | None = None
    commands: list[str] = field(default_factory=list)
    url_verified: bool = False
    # Links to these hosts are told to the app.
    unfurl_domains: list[str] = field(default_factory=list)


@dataclass
class Message:
    """A message; `body` is what Slack's API shows of it, `only_for` makes it ephemeral."""

    channel: str
    ts: str
    body: Json
    thread_ts: str | None = None
    only_for: str | None = None
    metadata: Json | None = None
    broadcast: bool = False
    reactions: dict[str, list[str]] = field(default_factory=dict)

    @property
    def is_reply(self) -> bool:
        """Tell whether the message lives in another message's thread."""
        return self.thread_ts is not None and self.thread_ts != self.ts


@dataclass
class Session:
    """How the app's work on a thread stands; `processing` shows a Stop button."""

    status: str
    title: str


@dataclass
class Prompts:
    """What the app offers to be asked in a direct conversation."""

    title: str
    prompts: list[Json]


@dataclass
class View:
    """A modal that one person has open, or their App Home."""

    id: str
    user: str
    body: Json
    root_view_id: str
    previous_view_id: str | None = None
    values: Json = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def is_home(self) -> bool:
        """Tell whether this is an App Home tab."""
        return bool(self.body.get("type") == "home")


@dataclass
class StoredFile:
    """A file announced by `files.getUploadURLExternal`; `body` is set once it is complete."""

    id: str
    name: str
    length: int
    alt_text: str | None = None
    uploaded: bool = False
    body: Json | None = None


def document(thing: User | Channel | App | Message | View | StoredFile) -> Json:
    """Return a thing as plain JSON for the store."""
    return asdict(thing)
