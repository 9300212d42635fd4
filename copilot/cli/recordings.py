"""`copilot record`, `copilot replay`: keep what the sources said around a page, and serve it again."""

from __future__ import annotations

import re
import shlex
import signal
import ssl
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot.cli.session import Problem

if TYPE_CHECKING:
    import argparse

    from copilot.replay.recorder import Source

PORT = 8003


def add(subparsers: Any, common: argparse.ArgumentParser) -> None:
    """Add the commands."""
    record = subparsers.add_parser(
        "record",
        parents=[common],
        help="record what the sources say around a page into one file",
        description="Ask the sources about a page exactly as a run does, and keep every question with its answer. "
        "Secrets in the answers are masked; look through the file before you share it all the same.",
    )
    record.add_argument("--prometheus", metavar="URL")
    record.add_argument(
        "--prometheus-token", metavar="TOKEN", help="bearer token, where one is asked for; @FILE reads it"
    )
    record.add_argument("--kubernetes", metavar="URL", help="address of the API server")
    record.add_argument("--token", metavar="TOKEN", help="of a read-only ServiceAccount; @FILE reads it")
    record.add_argument("--ca", type=Path, metavar="FILE", help="PEM certificate of the API server's authority")
    record.add_argument(
        "--services", type=Path, required=True, metavar="FILE", help="YAML: tenant, services, page, deploys"
    )
    record.add_argument(
        "--alert-at", required=True, metavar="TIME", help="when the page fired: RFC 3339 or Unix seconds"
    )
    record.add_argument("--out", type=Path, required=True, metavar="FILE.json.gz")
    record.set_defaults(run=run_record, needs_installation=False)

    replay = subparsers.add_parser(
        "replay",
        parents=[common],
        help="serve a recording over the vendors' own HTTP APIs, its times moved to now",
        description="Serve a recording on loopback until Ctrl-C, and print what to connect. The page fires as it starts.",
    )
    replay.add_argument("file", type=Path, metavar="FILE")
    replay.add_argument("--port", type=int, default=PORT, help=f"default {PORT}")
    replay.add_argument("--anchor", metavar="TIME", help="when the page fires: RFC 3339 or Unix seconds (default: now)")
    replay.set_defaults(run=run_replay, needs_installation=False)


def run_record(options: argparse.Namespace) -> int:
    """Record, and say what was kept."""
    from pydantic import ValidationError

    from copilot.replay import recorder, world
    from integrations.base import SourceError

    alert_at = _time(options.alert_at, "--alert-at")
    if alert_at > time.time():
        raise Problem(f"--alert-at: {options.alert_at} is in the future; give the time of a page that fired", code=2)
    if not options.out.parent.is_dir():
        raise Problem(f"--out: there is no folder {options.out.parent}", code=2)
    try:
        around = world.read(options.services)
        recording = recorder.record(around, alert_at=alert_at, sources=_sources(options), say=_say)
    except world.BadWorld as error:
        raise Problem(str(error), code=2) from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise Problem(f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": "), code=2) from None
    except SourceError as error:
        raise Problem(error.reason) from None
    recording.save(options.out)
    kibibytes = options.out.stat().st_size / 1024
    print(f"{options.out}: {len(recording.exchanges)} questions with answers, {kibibytes:.0f} KiB")
    return 0


def _sources(options: argparse.Namespace) -> list[Source]:
    from copilot.replay.recorder import Source

    found: list[Source] = []
    if options.prometheus:
        values: dict[str, str] = {"url": options.prometheus}
        if options.prometheus_token:
            values["bearer_token"] = _secret(options.prometheus_token, "--prometheus-token")
        found.append(Source("prometheus", values))
    if options.kubernetes:
        if not options.token:
            raise Problem("--kubernetes needs --token: kubectl -n sre-copilot create token sre-copilot-reader", code=2)
        values = {"url": options.kubernetes, "token": _secret(options.token, "--token")}
        found.append(Source("kubernetes", values, verify=_trust(options.ca)))
    if not found:
        raise Problem("nothing to record: give --prometheus URL, --kubernetes URL, or both", code=2)
    return found


def _trust(authority: Path | None) -> ssl.SSLContext | bool:
    if authority is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(authority))
    except (OSError, ssl.SSLError) as error:
        raise Problem(f"--ca: {authority} is not a PEM certificate that can be read: {error}", code=2) from None


def _secret(text: str, option: str) -> str:
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).expanduser().read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Problem(f"{option}: {text[1:]} cannot be read: {error.strerror}", code=2) from None


def _time(text: str, option: str) -> float:
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Problem(
            f"{option}: {text!r} is neither RFC 3339 (2026-11-03T14:02:00Z) nor Unix seconds", code=2
        ) from None
    if at.tzinfo is None:
        raise Problem(f"{option}: {text!r} has no time zone; end it with Z for UTC", code=2)
    return at.timestamp()


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def run_replay(options: argparse.Namespace) -> int:
    """Serve until asked to stop."""
    import threading

    from copilot.replay import world
    from copilot.replay.recording import BadRecording, load
    from copilot.replay.serving import ReplayServer

    anchor = _time(options.anchor, "--anchor") if options.anchor else time.time()
    try:
        recording = load(options.file)
        around = world.of(recording.world, where=str(options.file))
        server = ReplayServer(recording, port=options.port, anchor=anchor)
    except (BadRecording, world.BadWorld) as error:
        raise Problem(str(error), code=2) from None
    except OSError as error:
        raise Problem(f"port {options.port}: {error.strerror}; choose another with --port") from None
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    threading.Thread(target=server.serve_forever, args=(0.1,), name="replay", daemon=True).start()
    for vendor in recording.vendors:
        print(f"{vendor:<11} {server.url}/{vendor}")
    print(f"page        {datetime.fromtimestamp(anchor).astimezone():%Y-%m-%d %H:%M:%S %Z} on {around.page.service}\n")
    print("\n".join(connect_lines(around, server.url, recording.vendors)), flush=True)
    stopping.wait()
    server.shutdown()
    server.server_close()
    return 0


def connect_lines(around: Any, url: str, vendors: tuple[str, ...]) -> list[str]:
    """Return the commands that give a tenant this replay and its services."""
    slug = around.tenant.slug
    lines = [
        f"copilot tenant create {slug}" + (f" --name {shlex.quote(around.tenant.name)}" if around.tenant.name else "")
    ]
    for vendor in vendors:
        field = "url" if vendor in {"prometheus", "kubernetes"} else "base_url"
        secret = {
            "kubernetes": " --set token=replay",
            "pagerduty": " --set api_token=replay",
            "github": " --set token=replay",
        }
        lines.append(f"copilot connect {slug} {vendor} --set {field}={url}/{vendor}{secret.get(vendor, '')}")
    for service in around.services:
        words = ["copilot", "service", "add", slug, service.name]
        for option, value in (
            ("--pagerduty", service.pagerduty_id),
            ("--namespace", service.namespace),
            ("--workload", service.workload),
            ("--channel", service.channel),
            ("--repository", service.repository),
            ("--selector", service.selector),
        ):
            words += [option, value] if value else []
        for callee in service.depends_on:
            words += ["--depends-on", callee]
        lines.append(shlex.join(words))
    return lines
