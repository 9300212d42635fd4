"""Start a server process on this machine, wait until it answers, and make sure that it ends."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.waiting import PATIENCE

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping, Sequence


# Below those that the system takes for outgoing connections, of which one could come between a port and its server.
PORTS = range(12_000, 32_000)


def free_port() -> int:
    """Return a loopback port that nobody listens on, and that no other test on this machine was given lately.

    :raises RuntimeError: where none is free.
    """
    with (Path(tempfile.gettempdir()) / f"copilot-ports-{os.getuid()}").open("a+") as given:
        fcntl.flock(given, fcntl.LOCK_EX)
        given.seek(0)
        last = given.read()
        first = int(last) - PORTS.start + 1 if last.isdigit() else 0
        for step in range(len(PORTS)):
            port = PORTS[(first + step) % len(PORTS)]
            if _is_free(port):
                given.truncate(0)
                given.write(str(port))
                return port
    raise RuntimeError(f"no port from {PORTS.start} to {PORTS.stop} is free")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    log: Path,
    ready: Callable[[], bool],
    seconds: float = PATIENCE,
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server in a process group of its own; what it says goes to `log`."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
    try:
        _wait(process, log, ready, seconds)
        yield process
    finally:
        _stop(process)


def answers(url: str, *, headers: Mapping[str, str] | None = None, context: ssl.SSLContext | None = None) -> bool:
    """Return whether a GET is answered with 2xx."""
    request = urllib.request.Request(url, headers=dict(headers or {}))  # noqa: S310 (our own server)
    try:
        with urllib.request.urlopen(request, timeout=2, context=context) as response:  # noqa: S310 (our own server)
            return 200 <= int(response.status) < 300
    except OSError:
        return False


def _wait(process: subprocess.Popen[bytes], log: Path, ready: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None or time.monotonic() > end:
            tail = log.read_text(errors="replace")[-2000:]
            what = "ended" if process.poll() is not None else f"was not ready after {seconds:g} s"
            raise RuntimeError(f"{process.args!r} {what}:\n{tail}")
        time.sleep(0.05)


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            continue
        return
