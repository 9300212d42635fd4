"""The routes under /local/: acting as a person, installing an app, and the page's data."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from slackbot.local import modals
from slackbot.local.act import perform, person
from slackbot.local.errors import LocalError, SlackError
from slackbot.local.events import verify_url
from slackbot.local.install import install
from slackbot.local.model import Channel, Json, User
from slackbot.local.service import Service
from slackbot.local.state import CHANNEL_NAME
from slackbot.local.workspace import Workspace

HEARTBEAT = 15.0
Handler = Callable[[Request], Awaitable[Json]]


async def json_body(request: Request) -> Json:
    """Return the JSON object that was sent.

    :raises LocalError: it is something else; a web page elsewhere cannot send this content type unasked.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise LocalError("send JSON with Content-Type: application/json", field="Content-Type", status=415)
    try:
        body: Any = json.loads(await request.body())
    except ValueError as error:
        raise LocalError(f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise LocalError("the body must be a JSON object")
    return body


def find_channel(workspace: Workspace, name: str | None) -> Channel:
    """Return the channel a query or path names.

    :raises LocalError: missing or unknown.
    """
    if not name:
        raise LocalError("channel: missing", field="channel")
    channel = workspace.find_channel(name)
    if channel is None:
        known = ", ".join(f"#{one.name}" for one in workspace.channels.values() if not one.is_im)
        raise LocalError(f"channel: no {name!r} here; there are: {known}", field="channel", status=404)
    return channel


def messages_for(workspace: Workspace, channel: Channel, *, reader: User | None, thread_ts: str | None) -> list[Json]:
    """Return what a person sees in a channel, or in one of its threads, oldest first."""
    shown = []
    for message in workspace.messages[channel.id].values():
        if message.only_for is not None and (reader is None or message.only_for != reader.id):
            continue
        if thread_ts is None and message.is_reply and not message.broadcast:
            continue
        if thread_ts is not None and thread_ts not in (message.thread_ts, message.ts):
            continue
        shown.append(workspace.public(message, metadata=True, reader=reader.id if reader else None))
    return shown


def _described(workspace: Workspace) -> Json:
    app = workspace.app
    return {
        "team": workspace.slug,
        "team_id": workspace.id,
        "name": workspace.name,
        "app": {
            "app_id": app.app_id,
            "bot_id": app.bot_id,
            "bot_user_id": app.bot_user_id,
            "name": app.name,
            "installed": app.app_url is not None,
            "url_verified": app.url_verified,
            "commands": app.commands,
        },
        "users": [user.public() for user in workspace.users.values()],
        "channels": [
            {
                **channel.public(reader=workspace.app.bot_user_id),
                "last_ts": next(reversed(workspace.messages[channel.id]), None),
                "members": channel.members,
            }
            for channel in workspace.channels.values()
        ],
        "last_change": workspace.last_change,
    }


def _make_channel(workspace: Workspace, body: Json) -> Channel:
    name = str(body.get("name") or "").strip().removeprefix("#")
    if not CHANNEL_NAME.fullmatch(name) or name != name.lower():
        raise LocalError("name: a channel name has up to 80 lower-case letters, digits, - and _", field="name")
    channel = workspace.find_channel(name)
    people = [user.id for user in workspace.users.values() if not user.is_bot]
    if channel is None:
        channel = workspace.create_channel(
            name, creator=people[0], members=list(people), private=bool(body.get("private"))
        )
        body.setdefault("bot", True)
    bot = workspace.app.bot_user_id
    if body.get("bot") is True and bot not in channel.members:
        channel.members.append(bot)
    if body.get("bot") is False and bot in channel.members:
        channel.members.remove(bot)
    for field, name in (("archived", "is_archived"), ("topic", "topic"), ("purpose", "purpose")):
        if field in body:
            setattr(channel, name, body[field])
    workspace.save_channel(channel)
    return channel


def _make_user(workspace: Workspace, body: Json) -> User:
    name = str(body.get("name") or "").strip().removeprefix("@").lower()
    if not name or not name.replace(".", "").replace("-", "").replace("_", "").isalnum():
        raise LocalError("name: a handle has letters, digits, ., - and _", field="name")
    found = workspace.find_user(name)
    zone = str(body.get("tz") or (found.tz if found else "UTC"))
    user = found or workspace.new_user(name)
    user.real_name = str(body.get("real_name") or user.real_name)
    user.email = str(body.get("email") or user.email)
    user.set_zone(zone)
    workspace.save_user(user)
    for channel in workspace.channels.values():
        if not channel.is_im and not channel.is_private and user.id not in channel.members:
            channel.members.append(user.id)
            workspace.save_channel(channel)
    return user


class LocalRoutes:
    """The handlers of the JSON routes; each takes a request and returns the answer's fields."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def asked(self, request: Request) -> Workspace:
        """Return the workspace a query names."""
        return self.service.state.workspace(request.query_params.get("team"))

    def reader(self, request: Request, workspace: Workspace) -> User | None:
        """Return the person a query reads as, if it names one."""
        name = request.query_params.get("as")
        return person(workspace, name) if name else None

    async def post_app(self, request: Request) -> Json:
        """Install or change the app."""
        body = await json_body(request)
        return await install(self.service, body)

    async def post_verify(self, request: Request) -> Json:
        """Ask the app's address for the challenge again."""
        body = await json_body(request)
        return {"url_verified": await verify_url(self.service, self.service.state.workspace(body.get("team")))}

    async def get_workspace(self, request: Request) -> Json:
        """Describe a workspace: its people, channels and app."""
        workspace = self.asked(request)
        teams = [
            {"team": one.slug, "team_id": one.id, "name": one.name} for one in self.service.state.workspaces.values()
        ]
        return {"teams": teams, **_described(workspace)}

    async def post_channels(self, request: Request) -> Json:
        """Make or change a channel."""
        body = await json_body(request)
        workspace = self.service.state.workspace(body.get("team"))
        return {"channel": _make_channel(workspace, body).public(reader=workspace.app.bot_user_id)}

    async def delete_channel(self, request: Request) -> Json:
        """Remove a channel."""
        workspace = self.asked(request)
        channel = find_channel(workspace, request.path_params["name"])
        workspace.delete_channel(channel)
        return {"deleted": channel.id}

    async def post_users(self, request: Request) -> Json:
        """Make or change a person."""
        body = await json_body(request)
        return {"user": _make_user(self.service.state.workspace(body.get("team")), body).public()}

    async def post_act(self, request: Request) -> Json:
        """Do what a person does."""
        return await perform(self.service, await json_body(request))

    async def get_messages(self, request: Request) -> Json:
        """Return what a person sees in a channel or thread."""
        workspace = self.asked(request)
        name = request.query_params.get("channel")
        user = self.reader(request, workspace)
        if user is not None and name in ("@copilot", workspace.app.bot_user_id):
            channel = workspace.direct_channel(user)
        else:
            channel = find_channel(workspace, name)
        shown = messages_for(workspace, channel, reader=user, thread_ts=request.query_params.get("thread_ts"))
        offered = workspace.prompts.get(channel.id)
        return {
            "channel": channel.id,
            "messages": shown,
            "working": [
                {"thread_ts": thread_ts, "title": session.title}
                for (where, thread_ts), session in workspace.sessions.items()
                if where == channel.id and session.status == "processing"
            ],
            "prompts": {"title": offered.title, "prompts": offered.prompts} if offered else None,
        }

    async def get_views(self, request: Request) -> Json:
        """Return the modals a person has open, and the Home tab."""
        workspace = self.asked(request)
        user = person(workspace, request.query_params.get("as"))
        home = workspace.home(user.id)
        return {
            "views": [{**modals.public(workspace, view), "errors": view.errors} for view in workspace.modals(user.id)],
            "home": modals.public(workspace, home) if home else None,
            "details": workspace.details.get(user.id),
        }

    async def get_deliveries(self, request: Request) -> Json:
        """Return the journal of requests sent to the app."""
        workspace, kind = self.asked(request), request.query_params.get("kind")
        text = request.query_params.get("after") or "0"
        if not text.isdecimal():
            raise LocalError(f"after: {text!r} is not the number of a delivery", field="after")
        after = int(text)
        return {
            "deliveries": [
                delivery.shown()
                for delivery in self.service.sender.journal
                if delivery.team == workspace.slug
                and delivery.number > after
                and (not kind or delivery.kind.startswith(kind))
            ]
        }

    async def post_faults(self, request: Request) -> Json:
        """Make coming calls of a Web API method fail."""
        body = await json_body(request)
        self.service.faults.plan(body, team=self.service.state.workspace(body.get("team")).slug)
        return {}

    async def delete_faults(self, _request: Request) -> Json:
        """Forget planned faults."""
        self.service.faults.clear()
        return {}

    def table(self) -> list[tuple[str, str, Handler]]:
        """Return path, method and handler of every route."""
        return [
            ("/local/app", "POST", self.post_app),
            ("/local/app/verify", "POST", self.post_verify),
            ("/local/workspace", "GET", self.get_workspace),
            ("/local/channels", "POST", self.post_channels),
            ("/local/channels/{name}", "DELETE", self.delete_channel),
            ("/local/users", "POST", self.post_users),
            ("/local/act", "POST", self.post_act),
            ("/local/messages", "GET", self.get_messages),
            ("/local/views", "GET", self.get_views),
            ("/local/deliveries", "GET", self.get_deliveries),
            ("/local/faults", "POST", self.post_faults),
            ("/local/faults", "DELETE", self.delete_faults),
        ]


def _endpoint(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse({"ok": True, **await handler(request)})
        except LocalError as error:
            return JSONResponse(error.body(), status_code=error.status)

    return endpoint


def routes(service: Service) -> APIRouter:
    """Return the local routes, and the addresses where apps answer acts."""
    router = APIRouter()
    local = LocalRoutes(service)
    for path, method, handler in local.table():
        router.add_api_route(path, _endpoint(handler), methods=[method])

    @router.get("/local/stream")
    async def stream(request: Request) -> Response:
        try:
            workspace = local.asked(request)
            user = local.reader(request, workspace)
        except LocalError as error:
            return JSONResponse(error.body(), status_code=error.status)
        lines = change_lines(service, workspace, user)
        return StreamingResponse(lines, media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    @router.post("/response/{key}")
    async def take_response(key: str, request: Request) -> Response:
        try:
            body: Any = json.loads(await request.body() or b"{}")
            service.responses.take(key, body)
        except ValueError:
            return PlainTextResponse("invalid_payload", status_code=400)
        except SlackError as error:
            status = 404 if error.code in ("no_such_response_url", "expired_url", "used_url") else 400
            text = error.code + ("".join(f"\n{message}" for message in error.messages))
            return PlainTextResponse(text, status_code=status)
        return PlainTextResponse("ok")

    return router


async def change_lines(service: Service, workspace: Workspace, user: User | None) -> AsyncIterator[str]:
    """Yield server-sent events: the changes one person's page must hear of."""
    seen = workspace.last_change
    yield f"retry: 1000\ndata: {json.dumps({'kind': 'hello', 'number': seen})}\n\n"
    stopping = asyncio.ensure_future(service.stopping.wait())
    try:
        while not service.stopping.is_set():
            waiting = asyncio.ensure_future(workspace.wait_for_change(after=seen, seconds=HEARTBEAT))
            await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                waiting.cancel()
                return
            changes = workspace.changes_after(seen)
            seen = workspace.last_change
            for change in changes:
                if change.user is None or user is None or change.user == user.id or change.kind == "people":
                    yield f"data: {json.dumps(vars(change))}\n\n"
            if not changes:
                yield ": still here\n\n"
    finally:
        stopping.cancel()
