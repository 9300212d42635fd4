"""Run the local Slack workspace: `python -m slackbot.local --port 8001 --data DIR`."""

import argparse
import asyncio
import logging
import sys
from pathlib import Path
from types import FrameType

import uvicorn

from slackbot.local.errors import LocalError
from slackbot.local.install import install
from slackbot.local.server import build, build_service


def _delays(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(",") if part.strip())


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    words = argparse.ArgumentParser(prog="python -m slackbot.local", description=__doc__)
    words.add_argument("--port", type=int, default=8001)
    words.add_argument("--host", default="127.0.0.1", help="address to listen on; this machine only unless you say so")
    words.add_argument(
        "--data", type=Path, help="folder that keeps the workspace; without it, nothing outlives the process"
    )
    words.add_argument("--app-url", help="install an app in the default team: where its signed requests go")
    words.add_argument("--signing-secret-file", type=Path, help="file with the secret that signs them")
    words.add_argument(
        "--public-url", help="this server's address as the app reaches it (default: http://127.0.0.1:PORT)"
    )
    words.add_argument("--deadline", type=float, default=3.0, help="seconds the app has to answer")
    words.add_argument("--trigger-seconds", type=float, default=3.0, help="seconds a trigger_id may open a view")
    words.add_argument(
        "--event-retries",
        type=_delays,
        default=(0.2, 1.0, 5.0),
        metavar="S,S,S",
        help="seconds before each retry of an event",
    )
    return words


async def run(arguments: argparse.Namespace) -> None:
    """Serve until told to stop."""
    service = build_service(
        arguments.data,
        base_url=(arguments.public_url or f"http://127.0.0.1:{arguments.port}").rstrip("/"),
        deadline=arguments.deadline,
        retry_delays=arguments.event_retries,
        trigger_seconds=arguments.trigger_seconds,
    )
    if arguments.app_url:
        body = {"app_url": arguments.app_url}
        if arguments.signing_secret_file:
            body["signing_secret"] = arguments.signing_secret_file.read_text().strip()
        await install(service, body)
    config = uvicorn.Config(
        build(service, host=arguments.host),
        host=arguments.host,
        port=arguments.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    handle_exit = server.handle_exit

    def leave(sig: int, frame: FrameType | None) -> None:
        # Open event streams end first, or uvicorn would wait for the readers to go.
        service.stopping.set()
        handle_exit(sig, frame)

    server.handle_exit = leave  # type: ignore[method-assign]
    print(f"local Slack workspace: http://127.0.0.1:{arguments.port}/", flush=True)
    await server.serve()
    if not server.started:
        raise SystemExit(1)


def main() -> None:
    """Read the command line and serve."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(run(parser().parse_args()))
    except LocalError as error:
        sys.exit(f"error: {error.message}")
    except OSError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
