"""`copilot mcp`: the tools for other agents, by the Model Context Protocol."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot.cli.session import Problem

if TYPE_CHECKING:
    import argparse

VARIABLE = "COPILOT_MCP_TOKEN"


def add(subparsers: Any, common: argparse.ArgumentParser) -> None:
    """Add the command."""
    command = subparsers.add_parser(
        "mcp",
        parents=[common],
        help="serve the tools to another agent by the Model Context Protocol (stdio, or streamable HTTP with --http)",
    )
    command.add_argument(
        "--token-file", type=Path, metavar="FILE", help=f"file with the tenant's token; without it, ${VARIABLE} (stdio)"
    )
    command.add_argument(
        "--http",
        metavar="HOST:PORT",
        help="serve streamable HTTP at /mcp there instead, each request with its own token, as the api process does",
    )
    command.set_defaults(run=serve, needs_installation=True)


def serve(options: argparse.Namespace) -> int:
    """Serve until the client goes, or until Ctrl-C."""
    if options.http:
        return _serve_http(options.http)
    from copilot import tokens
    from copilot.mcp import http, stdio

    def token() -> str:
        if options.token_file is None:
            return os.environ.get(VARIABLE, "").strip()
        try:
            return str(options.token_file.read_text(encoding="utf-8")).strip()
        except OSError as error:
            raise Problem(f"{options.token_file} cannot be read: {error.strerror}", code=2) from None

    if not token():
        raise Problem(f"no token: set ${VARIABLE}, or give --token-file (`copilot token create` makes one)", code=2)
    # Told before the client says its first word, where people look: a client shows little of what goes wrong later.
    try:
        http.admitted(token())
    except (tokens.NotAuthentic, tokens.TooFast, PermissionError) as error:
        raise Problem(str(error)) from None
    stdio.serve(token)
    return 0


def _serve_http(address: str) -> int:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import Route

    from copilot import exposition
    from copilot.config import config
    from copilot.mcp.http import PATH, Endpoint

    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise Problem(f"--http: HOST:PORT, such as 127.0.0.1:8010, not {address}", code=2)
    if config().metrics_port:
        exposition.serve(config().metrics_port)
    endpoint = Endpoint()
    application = Starlette(routes=[Route(PATH, endpoint=endpoint)], lifespan=lambda _application: endpoint.running())
    uvicorn.run(application, host=host.strip("[]"), port=int(port), log_level="warning")
    return 0
