"""Both transports as processes: the official SDK's client over stdio, and the Inspector, written by others, over HTTP."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from django.db import connection
from mcp import Client, MCPError, StdioServerParameters

from copilot import tokens
from tests.servers.processes import free_port, running
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp import types

    from tests.mcp.conftest import Shop

ROOT = Path(__file__).parents[2]
INSPECTOR = ROOT / "tests/servers/node_modules/@modelcontextprotocol/inspector/cli/build/cli.js"
INSTALL = "npm ci --prefix tests/servers --ignore-scripts"


def environment(url: str) -> dict[str, str]:
    """What a command needs to reach the test's database as the app."""
    kept = {name: os.environ[name] for name in ("PATH", "COPILOT_SECRET_KEYS", "COPILOT_DATA") if name in os.environ}
    return {**kept, "DATABASE_URL": url, "PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "copilot.settings"}


@pytest.fixture
def command(committed_db: str, shop: Shop, tmp_path: Path) -> list[str]:
    (tmp_path / "token").write_text(f"{shop.token}\n")
    return [sys.executable, "-m", "copilot", "mcp", "--token-file", str(tmp_path / "token")]


def test_the_official_client_lists_and_calls_over_stdio(
    committed_db: str, shop: Shop, command: list[str], token_of: Callable[..., str]
) -> None:
    async def run() -> tuple[list[str], types.CallToolResult, types.CallToolResult]:
        server = StdioServerParameters(
            command=command[0], args=command[1:], env=environment(committed_db), cwd=str(ROOT)
        )
        async with Client(server, cache=None) as client:
            listed = [tool.name for tool in (await client.list_tools()).tools]
            called = await client.call_tool("topology", {"service": "checkout"})
            refused = await client.call_tool("topology", {"service": "ledger"})
            # Taken away while the process runs: the next call is refused.
            await anyio.to_thread.run_sync(revoke)
            with pytest.raises(MCPError, match="this token is unknown, expired or revoked"):
                await client.call_tool("topology", {})
            return listed, called, refused

    def revoke() -> None:
        tokens.revoke(shop.tenant.id, "agent 0", actor="test")
        connection.close()

    listed, called, refused = anyio.run(run)

    assert {"topology", "report", "prometheus_metric"} <= set(listed)
    assert called.structured_content is not None
    assert called.structured_content["result"] == [
        {"caller": "checkout", "needs": "payments", "source": "declared", "is_used": True}
    ]
    assert refused.is_error


def test_a_wrong_token_ends_the_command_with_the_reason(committed_db: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("sre_nothing")
    said = subprocess.run(
        [sys.executable, "-m", "copilot", "mcp", "--token-file", str(tmp_path / "token")],
        env=environment(committed_db), cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip

    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr == "copilot: this token is unknown, expired or revoked\n"


def listens(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def inspect(*arguments: str, env: dict[str, str]) -> Any:
    """What the Inspector's command line answers."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Inspector: node is not installed")
    if not INSPECTOR.exists():
        pytest.skip(f"no Inspector: run `{INSTALL}`")
    said = subprocess.run(
        [node, str(INSPECTOR), "--cli", *arguments],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert said.returncode == 0, said.stderr[-2000:]
    return json.loads(said.stdout)


def test_the_inspector_lists_and_calls_over_http(committed_db: str, shop: Shop, tmp_path: Path) -> None:
    env = environment(committed_db)
    port = free_port()
    url = f"http://127.0.0.1:{port}/mcp"
    serve = [sys.executable, "-m", "copilot", "mcp", "--http", f"127.0.0.1:{port}"]
    sign_in = ("--transport", "http", "--header", f"Authorization: Bearer {shop.token}")
    with running(serve, log=tmp_path / "mcp.log", environment=env, ready=lambda: listens(port)):
        tools = inspect(url, *sign_in, "--method", "tools/list", env=env)
        called = inspect(
            url, *sign_in, "--method", "tools/call", "--tool-name", "incidents", "--tool-arg", "status=all", env=env
        )

    assert {"topology", "report"} <= {tool["name"] for tool in tools["tools"]}
    assert [one["incident"] for one in called["structuredContent"]["result"]] == [42]
