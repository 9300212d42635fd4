"""Everything this Slack knows: its workspaces, seeded on first sight and read back after a restart."""

import re
import secrets
from pathlib import Path
from typing import Any

from slackbot.local.clock import Clock
from slackbot.local.documents import Documents
from slackbot.local.errors import LocalError
from slackbot.local.identity import DEFAULT_TEAM, random_text, shaped
from slackbot.local.model import App, Channel, Message, StoredFile, User, View
from slackbot.local.workspace import Workspace

PEOPLE = (
    ("alice", "Alice Nguyen", "Europe/Berlin"),
    ("bob", "Bob Martins", "America/New_York"),
    ("carol", "Carol Okafor", "Asia/Kolkata"),
)
CHANNELS = (
    ("general", "Company-wide announcements"),
    ("incidents", "Pages, and what we do about them"),
)
TEAM_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}")
CHANNEL_NAME = re.compile(r"[\w-]{1,80}")


class State:
    """All workspaces of this process, the store under them and the clock."""

    def __init__(self, folder: Path | None = None) -> None:
        self.clock = Clock()
        self.documents = Documents(folder)
        self.workspaces: dict[str, Workspace] = {}
        self._load()
        if DEFAULT_TEAM not in self.workspaces:
            self.create(DEFAULT_TEAM)

    def create(self, slug: str) -> Workspace:
        """Make a workspace with its seeded people, channels and bot.

        :raises LocalError: the name is not a short lower-case word.
        """
        if not TEAM_NAME.fullmatch(slug):
            raise LocalError(
                f"team: {slug!r} is not a team name; use lower-case letters, digits, - and _", field="team"
            )
        app = App(
            app_id=shaped("A", "copilot", scope=slug),
            bot_id=shaped("B", "copilot", scope=slug),
            bot_user_id=shaped("U", "copilot", scope=slug),
            name="SRE Copilot",
            bot_token=f"xoxb-{slug}-{random_text(24)}",
            signing_secret=secrets.token_hex(16),
        )
        team_id = shaped("T", slug, taken={workspace.id for workspace in self.workspaces.values()})
        workspace = Workspace(
            slug=slug,
            id=team_id,
            name=slug.replace("-", " ").replace("_", " ").title(),
            app=app,
            clock=self.clock,
            documents=self.documents,
        )
        self.workspaces[slug] = workspace
        workspace.save_team()
        workspace.save_user(
            User(
                id=app.bot_user_id,
                team_id=team_id,
                name="copilot",
                real_name=app.name,
                is_bot=True,
            )
        )
        for name, real_name, zone in PEOPLE:
            workspace.save_user(
                User(
                    id=shaped("U", name, scope=slug),
                    team_id=team_id,
                    name=name,
                    real_name=real_name,
                    email=f"{name}@{slug}.example",
                    tz=zone,
                )
            )
        everyone = list(workspace.users)
        for name, purpose in CHANNELS:
            channel = workspace.create_channel(name, creator=everyone[1], members=list(everyone))
            channel.purpose = purpose
            workspace.save_channel(channel)
        return workspace

    def _load(self) -> None:
        for body in self.documents.every("team"):
            self.workspaces[body["slug"]] = Workspace(
                slug=body["slug"],
                id=body["id"],
                name=body["name"],
                app=App(**body["app"]),
                clock=self.clock,
                documents=self.documents,
            )
        for workspace, body in self._every("user"):
            workspace.users[body["id"]] = User(**body)
        for workspace, body in self._every("channel"):
            workspace.channels[body["id"]] = Channel(**body)
            workspace.messages[body["id"]] = {}
        messages = sorted(
            ((workspace, Message(**body)) for workspace, body in self._every("message")),
            key=lambda pair: tuple(int(part) for part in pair[1].ts.split(".")),
        )
        for workspace, message in messages:
            workspace.load_message(message)
        for workspace, body in self._every("view"):
            workspace.views[body["id"]] = View(**body)
        for workspace, body in self._every("file"):
            workspace.files[body["id"]] = StoredFile(**body)

    def _every(self, kind: str) -> list[tuple[Workspace, dict[str, Any]]]:
        return [(self.workspaces[body.pop("team")], body) for body in self.documents.every(kind)]

    @property
    def default(self) -> Workspace:
        """The workspace meant when none is named: the default team, or the first with an app where that has none."""
        usual = self.workspaces[DEFAULT_TEAM]
        installed = [workspace for workspace in self.workspaces.values() if workspace.app.app_url is not None]
        return usual if usual in installed or not installed else installed[0]

    def workspace(self, name: str | None) -> Workspace:
        """Return a workspace by slug or team id; the default one without a name.

        :raises LocalError: there is none of that name.
        """
        if not name:
            return self.default
        for workspace in self.workspaces.values():
            if name in (workspace.slug, workspace.id):
                return workspace
        known = ", ".join(self.workspaces)
        raise LocalError(f"team: no workspace {name!r}; there are: {known}", field="team", status=404)

    def by_token(self, token: str) -> Workspace:
        """Return the workspace that `xoxb-<team>-…` names; any other token works on the default one."""
        _, _, rest = token.partition("-")
        fitting = [slug for slug in self.workspaces if rest.startswith(f"{slug}-")]
        return self.workspaces[max(fitting, key=len)] if fitting else self.default
