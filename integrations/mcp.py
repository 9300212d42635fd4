"""Outside servers of the Model Context Protocol as sources: named, read-only tools, asked over streamable HTTP."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from pydantic import Field, field_validator

from integrations.base import (
    Category,
    Health,
    Integration,
    Rejected,
    Seen,
    SourceError,
    TimedOut,
    Unauthorised,
    Unreachable,
)
from integrations.payload import clean
from integrations.server import ServerCredentials

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    import httpx2
    from mcp import Client

    from integrations.base import Door

Answer = TypeVar("Answer")
MOST_TOOLS = 40
MOST_PAGES = 10
MOST_ROWS = 60
TEXT = 2000
DESCRIPTION = 600
SCHEMA_BYTES = 16_384
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class McpCredentials(ServerCredentials):
    """Hold where a server of the Model Context Protocol is, how to get in, and which of its tools may be asked."""

    url: str = Field(description="Address of the server's streamable HTTP endpoint, e.g. https://mcp.example.org/mcp")
    tools: tuple[str, ...] = Field(
        default=(), description="Names of the tools that may be asked, separated by commas; none without"
    )

    @field_validator("tools", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(filter(None, re.split(r"[\s,]+", value))) if isinstance(value, str) else value

    @field_validator("tools")
    @classmethod
    def _are_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name[:64]!r} is no name of a tool: letters, digits, `_`, `-` and `.`, 64 at most")
        if len(value) > MOST_TOOLS:
            raise ValueError(f"{MOST_TOOLS} tools at most")
        return tuple(dict.fromkeys(value))


@dataclass(frozen=True, slots=True)
class OutsideTool:
    """Hold one tool of the server as the server describes it, cut to size, and why it is not offered, if it is not."""

    name: str
    description: str
    schema: Mapping[str, Any]
    refusal: str = ""


class Mcp(Integration):
    """A server of the Model Context Protocol that somebody else runs: its read-only tools, asked in conversations and by other agents.

    A tool is offered only where an admin of the tenant has named it, and the server says of it that it only reads
    (`readOnlyHint`). What it answers is data: bounded, redacted, cited by its source, and never an instruction.
    """

    slug: ClassVar[str] = "mcp"
    title: ClassVar[str] = "MCP server"
    Credentials: ClassVar[type[McpCredentials]] = McpCredentials
    gives: ClassVar[str] = "the answers of the tools that an admin has named, in conversations and to other agents"
    needs: ClassVar[str] = (
        "the address of its streamable HTTP endpoint, a token where it asks for one, and the tools' names"
    )
    limits: ClassVar[str] = (
        "streamable HTTP alone: no commands are started, no server-sent events of 2024; 40 tools; no tool without `readOnlyHint`; "
        "no sampling, no elicitation; investigations do not ask it"
    )
    setup: ClassVar[str] = """
        Name the tools that may be asked; *Test connection* lists which of the server's are offered, and why others are not.

        ```sh
        copilot connect acme mcp --name wiki --set url=https://mcp.example.org/mcp --set bearer_token=… --set tools=search,read_page
        ```

        One inside a cluster that cannot be reached is asked [through the agent](../agent.md), whose own file names its tools:

        ```sh
        copilot connect acme mcp --name wiki --agent cluster-eu
        ```
        """
    categories: ClassVar[tuple[Category, ...]] = (Category.KNOWLEDGE,)
    loads: ClassVar[tuple[str, ...]] = ()
    # Its tools are not known before it is asked: `listed` returns them, and `asked` takes the place of `look`.
    has_outside_tools: ClassVar[bool] = True

    def listed(self, door: Door, credentials: McpCredentials) -> tuple[OutsideTool, ...]:
        """Return the tools that an admin has named, each with the reason where it is not offered.

        :raises SourceError: where the server does not answer.
        """

        async def ask(client: Client) -> list[Any]:
            found: list[Any] = []
            cursor: str | None = None
            for _ in range(MOST_PAGES):
                page = await client.list_tools(cursor=cursor)
                found.extend(page.tools)
                cursor = page.next_cursor
                if not cursor:
                    break
            return found

        known = {one.name: one for one in _speak(door, credentials, ask)}
        return tuple(_described(name, known.get(name)) for name in credentials.tools)

    def asked(self, door: Door, credentials: McpCredentials, name: str, arguments: Mapping[str, Any]) -> Seen:
        """Return what a tool answers; whether it is offered is looked up anew, as a server may change its mind.

        :raises SourceError: where it is not offered, refuses, or does not answer.
        """
        tool = next((one for one in self.listed(door, credentials) if one.name == name), None)
        if tool is None or tool.refusal:
            raise Rejected(
                f"{name[:64]} may not be asked: {tool.refusal if tool else 'no admin has named it'}", retryable=False
            )

        async def ask(client: Client) -> Any:
            return await client.call_tool(name, dict(arguments), read_timeout_seconds=max(0.1, door.remaining()))

        result = _speak(door, credentials, ask)
        rows, left = _rows(result)
        if result.is_error:
            said = "; ".join(str(row.get("text", row)) for row in rows)[:400]
            raise Rejected(f"the server refused {name}: {clean(said)}", retryable=False)
        return Seen(
            query=f"{name} {json.dumps(dict(arguments), ensure_ascii=False, sort_keys=True)[:400]}",
            rows=rows,
            note=f"{left} more were left out" if left else "" if rows else "it answered nothing",
        )

    def check(self, door: Door, credentials: McpCredentials) -> Health:
        """List the tools, and say which are offered."""
        tools = self.listed(door, credentials)
        offered = [one.name for one in tools if not one.refusal]
        refused = [f"{one.name}: {one.refusal}" for one in tools if one.refusal]
        if not tools:
            return Health(works=False, detail="it answers, but no tool is named: enter their names in `tools`")
        said = f"offers {', '.join(offered)}" if offered else "it answers, but offers nothing"
        return Health(works=bool(offered), detail="; ".join([said, *(f"not {one}" for one in refused)]))


def _described(name: str, tool: Any) -> OutsideTool:
    if tool is None:
        return OutsideTool(name, "", {}, "the server has no tool of this name")
    description = clean(" ".join((tool.description or tool.title or name).split()))[:DESCRIPTION]
    schema = tool.input_schema if isinstance(tool.input_schema, dict) else {}
    refusal = ""
    if len(json.dumps(schema, default=str)) > SCHEMA_BYTES:
        schema, refusal = {}, f"its schema has more than {SCHEMA_BYTES // 1024} KiB"
    hints = tool.annotations
    if hints is None or hints.read_only_hint is not True:
        refusal = "the server does not say that it only reads (`readOnlyHint`)"
    elif hints.destructive_hint:
        refusal = "the server says that it destroys (`destructiveHint`)"
    return OutsideTool(name, description, {"type": "object", **schema}, refusal)


def _rows(result: Any) -> tuple[tuple[dict[str, Any], ...], int]:
    """Return what a tool answered as rows, and how many were left out; pictures and sounds are named, not kept."""
    structured = result.structured_content
    if isinstance(structured, dict):
        values = (
            next((one for one in structured.values() if isinstance(one, list)), None) if len(structured) == 1 else None
        )
        found = [
            one if isinstance(one, dict) else {"value": one} for one in (values if values is not None else [structured])
        ]
    else:
        found = [_part(one) for one in result.content]
    return tuple(_cut(one) for one in found[:MOST_ROWS]), max(0, len(found) - MOST_ROWS)


def _part(content: Any) -> dict[str, Any]:
    if content.type == "text":
        return {"text": content.text}
    if content.type == "resource" and isinstance(getattr(content.resource, "text", None), str):
        return {"uri": str(content.resource.uri), "text": content.resource.text}
    if content.type == "resource_link":
        return {"uri": str(content.uri), "name": content.name}
    return {"left_out": content.type}


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        text = clean(value)
        return text if len(text) <= TEXT else f"{text[: TEXT - 1]}…"
    if isinstance(value, dict):
        return {str(name)[:100]: _cut(one) for name, one in list(value.items())[:MOST_ROWS]}
    return [_cut(one) for one in value[:MOST_ROWS]] if isinstance(value, list) else value


def _speak(door: Door, credentials: McpCredentials, ask: Callable[[Client], Awaitable[Answer]]) -> Answer:
    """Return what is asked of the server in one session, through the door's guarded transport.

    :raises SourceError: where it does not answer; the reason is in words.
    """
    import anyio
    import httpx2
    from mcp import Client, MCPError
    from mcp.client.streamable_http import streamable_http_client

    verify: bool | str = credentials.verify_tls and (credentials.ca_certificate or True)
    guarded = _guarded(door, verify=verify)

    async def talk() -> Answer:
        password = credentials.password.get_secret_value() if credentials.password else ""
        async with httpx2.AsyncClient(
            headers=credentials.headers(),
            auth=(credentials.username, password) if credentials.username else None,
            transport=guarded,
            timeout=max(0.1, door.remaining()),
            follow_redirects=False,
            trust_env=False,
        ) as through:
            with anyio.fail_after(max(0.1, door.remaining())):
                transport = streamable_http_client(credentials.url, http_client=through, terminate_on_close=False)
                async with Client(transport, cache=None) as client:
                    return await ask(client)

    try:
        return anyio.run(talk)
    except BaseException as error:
        found = guarded.failure or _first(error, SourceError) or _first(error, TimeoutError) or _first(error, MCPError)
        if isinstance(found, SourceError):
            raise found from error
        if isinstance(found, TimeoutError):
            raise TimedOut("the server did not answer in time") from error
        if found is not None:
            raise Rejected(f"the server refused: {clean(str(found))[:300]}", retryable=False) from error
        raise


def _first(error: BaseException, wanted: type[Exception]) -> Exception | None:
    """Return the first error of a kind among those that were raised together, or that led to it."""
    if isinstance(error, wanted):
        return error
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return next(
        (found for one in (*inner, error.__cause__) if one is not None and (found := _first(one, wanted))), None
    )


def _guarded(door: Door, *, verify: bool | str) -> Any:
    """Return the door's transport for the SDK, which wants one that can be awaited; answers are read whole, within the door's cap."""
    import anyio.to_thread
    import httpx2

    inner = door.transport2(verify=verify)

    class Guarded(httpx2.AsyncBaseTransport):
        failure: SourceError | None = None

        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            if request.method == "GET":
                # The stream on which a server speaks unasked: nobody listens to it here.
                return httpx2.Response(405, request=request)
            body = await request.aread()

            def send() -> httpx2.Response:
                plain = httpx2.Request(request.method, request.url, headers=request.headers, content=body)
                answer = inner.handle_request(plain)
                try:
                    content = answer.read()
                finally:
                    answer.close()
                coded = {"content-encoding", "content-length", "transfer-encoding"}
                headers = [(name, value) for name, value in answer.headers.multi_items() if name not in coded]
                return httpx2.Response(answer.status_code, headers=headers, content=content, request=request)

            try:
                answer = await anyio.to_thread.run_sync(send)
            except SourceError as error:
                self.failure = error
                raise httpx2.ConnectError(error.reason, request=request) from error
            if answer.status_code in {401, 403}:
                self.failure = Unauthorised(
                    f"the server answered {answer.status_code}: check the token", retryable=False
                )
            elif answer.status_code >= 500:
                self.failure = Unreachable(f"the server answered {answer.status_code}")
            return answer

        async def aclose(self) -> None:
            inner.close()

    return Guarded()
