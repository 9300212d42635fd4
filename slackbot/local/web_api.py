"""Slack's Web API over HTTP: reads the token and the arguments, calls the method, answers as Slack does."""

import base64
import json
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

import slackbot.local.methods  # noqa: F401 (importing registers them)
from slackbot.local.calls import METHODS, Call
from slackbot.local.errors import SlackError
from slackbot.local.methods.files import LARGEST
from slackbot.local.model import Json
from slackbot.local.service import Service

SCOPES = (
    "app_mentions:read,channels:history,channels:join,channels:manage,channels:read,assistant:write,chat:write,commands,files:read,"
    "files:write,im:history,im:read,im:write,links:read,links:write,reactions:read,reactions:write,team:read,users:read,users:read.email"
)


async def arguments_of(request: Request) -> Json:
    """Return the arguments of a call: query, then form or JSON body.

    :raises SlackError: the body is not what its content type says.
    """
    arguments: Json = dict(request.query_params)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        try:
            body: Any = json.loads(await request.body() or b"{}")
        except ValueError:
            raise SlackError("invalid_json") from None
        if not isinstance(body, dict):
            raise SlackError("json_not_object")
        arguments.update(body)
    elif kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
        async with request.form() as form:
            arguments.update({name: value for name, value in form.items() if isinstance(value, str)})
    return arguments


def token_of(request: Request, arguments: Json) -> str:
    """Return the bot token.

    :raises SlackError: not_authed without one, invalid_auth when it cannot be one.
    """
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    token = value.strip() if scheme.lower() == "bearer" else arguments.get("token")
    if not token:
        raise SlackError("not_authed")
    if not isinstance(token, str) or not token.startswith("xox"):
        raise SlackError("invalid_auth")
    return token


def _basic(request: Request) -> Json:
    """Return the client's id and secret where they come as a user name and password, as SDKs send them."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return {}
    client_id, _, secret = base64.b64decode(value).decode(errors="replace").partition(":")
    return {"client_id": client_id, "client_secret": secret}


async def answer(service: Service, name: str, request: Request) -> Json:
    """Call a method of the Web API and return its answer.

    :raises SlackError: in Slack's words why not.
    """
    arguments = await arguments_of(request)
    if name == "api.test":
        given = {key: value for key, value in arguments.items() if key != "token"}
        if "error" in given:
            raise SlackError(str(given["error"]), args=given)
        return {"args": given}
    if name == "oauth.v2.access":
        # The client's secret stands for a token.
        return service.codes.access({**_basic(request), **arguments})
    if name not in METHODS:
        raise SlackError("unknown_method", req_method=name)
    workspace = service.state.by_token(token_of(request, arguments))
    fault = service.faults.due(name, team=workspace.slug)
    if fault is not None:
        raise SlackError(fault.error, retry_after=fault.retry_after)
    call = Call(
        state=service.state,
        workspace=workspace,
        arguments=arguments,
        base_url=str(request.base_url).rstrip("/"),
        triggers=service.triggers,
    )
    return METHODS[name](call)


def routes(service: Service) -> APIRouter:
    """Return the routes under `/api/`, and the address that takes uploads."""
    router = APIRouter()

    @router.api_route("/api/{name}", methods=["GET", "POST"])
    async def call_method(name: str, request: Request) -> Response:
        try:
            body = await answer(service, name, request)
        except SlackError as error:
            if error.code == "ratelimited":
                wait = str(error.extra.get("retry_after", 1))
                return JSONResponse(
                    {"ok": False, "error": "ratelimited"}, status_code=429, headers={"Retry-After": wait}
                )
            error.extra.pop("retry_after", None)
            return JSONResponse(error.body())
        return JSONResponse({"ok": True, **body}, headers={"X-OAuth-Scopes": SCOPES})

    @router.post("/upload/v1/{team}/{file_id}")
    async def upload(team: str, file_id: str, request: Request) -> Response:
        workspace = service.state.workspaces.get(team)
        file = workspace.files.get(file_id) if workspace else None
        if workspace is None or file is None or file.uploaded:
            return PlainTextResponse("no such upload", status_code=404)
        content = await _uploaded_bytes(request)
        if len(content) != file.length or len(content) > LARGEST:
            return PlainTextResponse(
                f"{len(content)} bytes came, {file.length} were announced in `length`", status_code=400
            )
        workspace.documents.put_content(file.id, content)
        file.uploaded = True
        workspace.save_file(file)
        return PlainTextResponse(f"OK - {len(content)}")

    return router


async def _uploaded_bytes(request: Request) -> bytes:
    """Return the file's bytes, which come as the raw body or as one part of a form."""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with request.form() as form:
            for value in form.values():
                if not isinstance(value, str):
                    return await value.read()
        return b""
    return await request.body()
