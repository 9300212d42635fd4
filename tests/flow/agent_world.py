"""An agent and its service in one process: the app's own routes behind a link that needs no network."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr

from copilot.agent.link import Link
from copilot.config import AgentConfig
from copilot.web import agents as web
from integrations import base
from integrations.base import Health, Integration, Look, Rejected, Scope, Seen
from scoring.observations import Entity, EntityKind, Gap, Observation, State, Window

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.testclient import TestClient

    from integrations.base import Door


class Credentials(base.Credentials):
    url: str = "https://inside.example.org"
    bearer_token: SecretStr | None = None


class HowMany(BaseModel):
    model_config = ConfigDict(extra="forbid")

    count: int


class Inside(Integration):
    """A source inside the cluster whose answers a test decides."""

    slug: ClassVar[str] = "prometheus"
    title: ClassVar[str] = "Prometheus"
    Credentials: ClassVar[type[base.Credentials]] = Credentials
    gathers: ClassVar[bool] = True
    looks: ClassVar[tuple[Look, ...]] = (Look("count", "Count.", HowMany),)

    def __init__(self) -> None:
        self.says: list[Observation] = [state("web-1"), Gap("prometheus", "the rest", "not asked")]
        self.fails: Exception | None = None
        self.asked: list[tuple[Scope, Window]] = []
        self.credentials: list[Any] = []
        self.go = threading.Event()
        self.go.set()
        self.begun = threading.Event()

    def gather(self, door: Door, credentials: Any, scope: Scope, window: Window) -> Iterable[Observation]:
        self.asked.append((scope, window))
        self.credentials.append(credentials)
        self.begun.set()
        self.go.wait(30)
        yield from self.says
        if self.fails:
            raise self.fails

    def look(self, door: Door, credentials: Any, scope: Scope, window: Window, arguments: Any) -> Seen:
        if arguments.count > 10:
            raise Rejected("too many", retryable=False)
        return Seen(
            query="count", rows=tuple({"n": n, "note": "password=hunter2secret"} for n in range(arguments.count))
        )

    def check(self, door: Door, credentials: Any) -> Health:
        return Health(works=True, detail="12 targets are up")


def state(name: str, detail: str = "") -> State:
    return State(
        Entity(EntityKind.POD, name, "shop", "web"), "OOMKilled", "prometheus", at=1_700_000_000.0, detail=detail
    )


class InProcess(Link):
    """Be a link whose network is the application in this process; `cut` breaks it as a firewall does."""

    def __init__(self, settings: AgentConfig, client: TestClient) -> None:
        super().__init__(settings)
        self._client = client
        self.cut = False

    @contextmanager
    def _connected(self, seconds: float) -> Iterator[Any]:
        if self.cut:
            raise base.Unreachable("the connection failed (connection reset by peer)")
        yield self._client


def settings_of(
    folder: Path, token: str, *, sources: str = "sources: [{kind: prometheus}]", **values: Any
) -> AgentConfig:
    path = folder / "agent.yaml"
    path.write_text(sources)
    return AgentConfig(
        url="http://127.0.0.1:8000", token=SecretStr(token), sources=path, **{"wait_seconds": 0.0, **values}
    )


@pytest.fixture
def line(committed_db: str) -> Iterator[TestClient]:
    from fastapi import FastAPI
    from starlette.testclient import TestClient

    application = FastAPI()
    application.include_router(web.router)
    with TestClient(application, base_url="http://127.0.0.1:8000") as client:
        yield client
