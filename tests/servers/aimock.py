"""A stand-in for Claude's API, written by others: npm's @copilotkit/aimock, one process for all tests of a worker."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
PROGRAM = HERE / "node_modules" / "@copilotkit" / "aimock" / "dist" / "aimock-cli.js"
INSTALL = "npm ci --prefix tests/servers --ignore-scripts"


@dataclass(frozen=True, slots=True)
class AiMock:
    """Be a running stand-in: what it answers, and what it was asked."""

    base_url: str

    def load(self, *fixtures: dict[str, Any]) -> None:
        """Answer from these fixtures from now on, and forget what was asked before."""
        self._post("/__aimock/reset", None)
        self._post("/__aimock/fixtures", {"fixtures": list(fixtures)})

    def journal(self) -> list[dict[str, Any]]:
        """Return every request for a message, with its body as the stand-in understood it and the status it got."""
        answer = httpx.get(
            f"{self.base_url}/__aimock/journal", params={"path": "/v1/messages"}, timeout=PATIENCE, trust_env=False
        )
        entries: list[dict[str, Any]] = answer.raise_for_status().json()
        return entries

    def _post(self, path: str, body: dict[str, Any] | None) -> None:
        answer = httpx.post(f"{self.base_url}{path}", json=body, timeout=PATIENCE, trust_env=False)
        if answer.is_error:
            raise ValueError(f"aimock refuses {path}: {answer.text}")


def answers(
    content: str | dict[str, Any], *, model: str = "", tokens: tuple[int, int] = (1200, 80), **more: Any
) -> dict[str, Any]:
    """Return a fixture that answers with text, or with a document as JSON; `finishReason` and the like go in `more`."""
    usage = {"input_tokens": tokens[0], "output_tokens": tokens[1]}
    return {"match": _match(model), "response": {"content": content, "usage": usage, **more}}


def refuses(*, model: str = "") -> dict[str, Any]:
    """Return a fixture that ends with the stop reason `refusal`."""
    # It accepts no empty text.
    return answers(" ", model=model, tokens=(1200, 3), finishReason="refusal")


def fails(status: int, kind: str, *, model: str = "", retry_after: int = 1) -> dict[str, Any]:
    """Return a fixture that answers with an error of the API."""
    error = {"type": kind, "message": f"made up for a test: {kind}"}
    return {"match": _match(model), "response": {"error": error, "status": status, "retryAfter": retry_after}}


def cuts_off(content: str | dict[str, Any], *, chunks: int = 4, model: str = "") -> dict[str, Any]:
    """Return a fixture that breaks the connection after some events of the stream."""
    # Without a pause between the events it drops the connection before the first of them has left.
    return {**answers(content, model=model), "truncateAfterChunks": chunks, "latency": 10}


def _match(model: str) -> dict[str, Any]:
    return {"endpoint": "chat", "model": model} if model else {"endpoint": "chat"}


@pytest.fixture(scope="session")
def aimock_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AiMock]:
    """The stand-in's process on a free loopback port."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Claude stand-in: node is not installed")
    if not PROGRAM.exists():
        pytest.skip(f"no Claude stand-in: run `{INSTALL}`")
    folder = tmp_path_factory.mktemp("aimock")
    (folder / "none.json").write_text('{"fixtures": []}')
    settings = {"host": "127.0.0.1", "port": 0, "strict": True, "llm": {"fixtures": str(folder / "none.json")}}
    (folder / "aimock.json").write_text(json.dumps(settings))
    said = folder / "said.txt"
    with said.open("wb") as out:
        environment = {"PATH": os.environ["PATH"], "NO_COLOR": "1"}
        process = subprocess.Popen(
            [node, str(PROGRAM), "--config", str(folder / "aimock.json")],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment,
        )
    try:
        yield AiMock(_address(process, said))
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        process.kill()
        process.wait()


@pytest.fixture
def aimock(aimock_server: AiMock) -> Callable[..., AiMock]:
    """Start the stand-in with fixtures: `aimock(answers(…), refuses(model=…))`."""

    def load(*fixtures: dict[str, Any]) -> AiMock:
        aimock_server.load(*fixtures)
        return aimock_server

    return load


def _address(process: subprocess.Popen[bytes], said: Path) -> str:
    """Return the address that the process prints when it listens."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for line in said.read_text().splitlines():
            if "listening on http://" in line:
                return "http://" + line.rpartition("http://")[2].strip()
        if process.poll() is not None:
            break
        time.sleep(0.02)
    process.kill()
    raise RuntimeError(f"aimock did not start: {said.read_text()[-2000:]}")
