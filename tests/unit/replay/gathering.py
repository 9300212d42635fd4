"""Ask a replayed recording what a run asks, by today's integrations over real HTTP."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from ipaddress import ip_network

from copilot.guard.http import HttpDoor
from copilot.replay import world
from copilot.replay.recording import Recording
from copilot.replay.serving import ReplayServer
from integrations import registry
from integrations.base import Health
from scoring.observations import Change, ChangeKind, Dependency, Entity, EntityKind, Note, Observation, Window
from tests.waiting import PATIENCE


@dataclass(frozen=True)
class Gathered:
    """What came of it: observations by source, how the connections' tests went, and questions without an answer."""

    world: world.World
    window: Window
    subject: Entity
    observations: dict[str, list[Observation]]
    health: dict[str, Health]
    misses: dict[str, int]

    @property
    def known(self) -> list[Observation]:
        """What the product itself knows: the page, the services' dependencies, and the deployments that CI told of."""
        entities = {service.name: Entity(EntityKind.SERVICE, service.name) for service in self.world.services}
        page = Note(self.subject, self.world.page.title, self.window.alert_at, "pagerduty", "alert")
        calls = [
            Dependency(entities[one.name], entities[name], "declared")
            for one in self.world.services
            for name in one.depends_on
        ]
        deploys = [
            Change(
                entity=entities[one.service], kind=ChangeKind.DEPLOYMENT, at=self.window.alert_at - one.before_alert,
                title=f"{one.service} {one.version} to {one.environment}", source="deploys", author=one.author,
                version=one.version, previous_version=one.previous_version, status=one.status, detail=one.description,
                key=one.commit,
            )
            for one in self.world.deploys
        ]  # fmt: skip
        return [page, *calls, *deploys]


def gathered(recording: Recording, *, page_age: float = 6.0) -> Gathered:
    anchor = time.time() - page_age
    server = ReplayServer(recording, port=0, anchor=anchor)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    around = world.of(recording.world, where="the recording")
    window = Window(start=anchor - 3600, end=anchor + page_age, alert_at=anchor)
    try:
        observations, health = {}, {}
        for kind, values in (("prometheus", {}), ("kubernetes", {"token": "replay"})):
            integration = registry.get(kind)
            credentials = integration.Credentials.model_validate({"url": f"{server.url}/{kind}", **values})
            health[kind] = integration.check(_door(), credentials)
            observations[kind] = list(integration.gather(_door(), credentials, around.scope, window))
        misses = server.misses.seen()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    return Gathered(around, window, Entity(EntityKind.SERVICE, around.page.service), observations, health, misses)


def _door() -> HttpDoor:
    return HttpDoor(deadline_seconds=PATIENCE, max_bytes=16 << 20, allowed_private=(ip_network("127.0.0.0/8"),))
