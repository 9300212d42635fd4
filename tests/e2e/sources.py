"""The demo's shop as sources to connect to: its recording replayed on any machine, or real servers with the same past."""

from __future__ import annotations

import json
import re
import threading
import time
from base64 import b64encode
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from copilot.replay import world
from copilot.replay.recording import load
from copilot.replay.serving import ReplayServer
from tests.e2e import shop_cluster, shop_metrics
from tests.e2e.shop import ALERT, NAMESPACE, WORLD
from tests.servers import prometheus
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from copilot.replay.answers import Answer
    from tests.servers.control_plane import ControlPlane
    from tests.servers.kubelet import Kubelet

RECORDING = Path(str(resources.files("copilot.replay") / "shop.json.gz"))
SHOP = world.read(WORLD)
ROLES = Path(__file__).parents[2] / "k8s" / "rbac.yaml"
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


@dataclass(frozen=True)
class Sources:
    """Hold what a customer connects, and when the shop's page fires, in Unix seconds."""

    connections: tuple[tuple[str, ...], ...]
    alert_at: float


def services() -> list[list[str]]:
    """Return the shop's services as `copilot service add` takes them."""
    found = []
    for one in SHOP.services:
        words = [one.name, "--pagerduty", one.pagerduty_id, "--namespace", one.namespace, "--workload", one.workload]
        words += ["--selector", one.selector, "--channel", one.channel]
        found.append([*words, *(word for name in one.depends_on for word in ("--depends-on", name))])
    return found


class Replay(ReplayServer):
    """The demo's recording as Prometheus and Kubernetes; it can be made to keep everybody waiting."""

    def __init__(self, *, alert_at: float) -> None:
        super().__init__(load(RECORDING), port=0, anchor=alert_at)
        self.alert_at = alert_at
        self.silent: set[str] = set()
        self.asked: list[str] = []
        self._speaks = threading.Event()

    @property
    def sources(self) -> Sources:
        """Return what a customer connects."""
        return Sources(
            (
                ("prometheus", "--set", f"url={self.url}/prometheus"),
                ("kubernetes", "--set", f"url={self.url}/kubernetes", "--set", "token=replay"),
            ),
            self.alert_at,
        )

    @contextmanager
    def silence(self, vendor: str) -> Iterator[None]:
        """Let a vendor take requests and answer none of them."""
        self._speaks.clear()
        self.silent.add(vendor)
        try:
            yield
        finally:
            self.silent.discard(vendor)
            self._speaks.set()

    def answer(self, method: str, target: str, form: bytes, body: bytes) -> Answer:
        """Return the answer to a request, when there is one."""
        vendor = target.split("/")[1]
        self.asked.append(vendor)
        if vendor in self.silent:
            self._speaks.wait(timeout=120)
        return super().answer(method, target, form, body)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of those who hung up: they were told to by a deadline, or killed."""


@contextmanager
def replaying() -> Iterator[Replay]:
    """Serve the recording as if its page fired now."""
    server = Replay(alert_at=time.time())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server._speaks.set()
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE)


def real(plane: ControlPlane, kubelet: Kubelet, start_prometheus: Callable[..., str], folder: Path) -> Sources:
    """Fill a real control plane and a real Prometheus with the shop's past, moved so that its page fires now."""
    pods = shop_cluster.build(plane, kubelet)
    alert_at = time.time()
    move_cluster(plane, kubelet, alert_at - ALERT)
    metrics = start_prometheus(
        moved_past(shop_metrics.shop(pods), alert_at - ALERT), arguments=("--query.lookback-delta=31s",)
    )
    plane.apply_file(ROLES)
    authority = folder / "ca.crt"
    authority.write_text(plane.ca_certificate)
    token = folder / "token"
    token.write_text(plane.token("sre-copilot", "sre-copilot-reader"))
    return Sources(
        (
            ("prometheus", "--set", f"url={metrics}"),
            ("kubernetes", "--set", f"url={plane.url}", "--set", f"token=@{token}", "--set", f"ca_certificate=@{authority}"),
        ),
        alert_at,
    )  # fmt: skip


def moved_past(past: prometheus.Past, seconds: float) -> prometheus.Past:
    """Return the same series at other times."""

    def moved(line: str) -> str:
        start, _, at = line.rpartition(" ")
        return f"{start} {float(at) + seconds:.3f}"

    return prometheus.Past({name: [moved(line) for line in lines] for name, lines in past.lines.items()})


def move_cluster(plane: ControlPlane, kubelet: Kubelet, seconds: float) -> None:
    """Move all times of the shop's objects and logs; the API server lets nobody do this, so it is done in its store."""
    places = {
        "replicasets/shop": f"apis/apps/v1/namespaces/{NAMESPACE}/replicasets",
        "deployments/shop": f"apis/apps/v1/namespaces/{NAMESPACE}/deployments",
        "pods/shop": f"api/v1/namespaces/{NAMESPACE}/pods",
        "services/specs/shop": f"api/v1/namespaces/{NAMESPACE}/services",
        "events/shop": f"api/v1/namespaces/{NAMESPACE}/events",
        "minions": "api/v1/nodes",
    }
    for key, path in places.items():
        for listed in plane.call("GET", path)["items"]:
            name = listed["metadata"]["name"]
            found = json.loads(_moved(json.dumps(plane.call("GET", f"{path}/{name}")), seconds))
            found["metadata"].pop("resourceVersion")
            found["metadata"].pop("managedFields", None)
            words = (f"/registry/{key}/{name}".encode(), json.dumps(found).encode())
            encoded, value = (b64encode(word).decode() for word in words)
            httpx.post(
                f"{plane.store}/v3/kv/put", json={"key": encoded, "value": value}, trust_env=False
            ).raise_for_status()
    for log, lines in kubelet.logs.items():
        kubelet.logs[log] = [(_moved(at, seconds), text) for at, text in lines]


def _moved(text: str, seconds: float) -> str:
    """Return a text with every RFC 3339 time in it moved by some seconds."""

    def moved(found: re.Match[str]) -> str:
        at = datetime.fromisoformat(found[0]).timestamp() + seconds
        whole = datetime.fromtimestamp(int(at), tz=UTC)
        fraction = found[0][19:-1]
        return f"{whole:%Y-%m-%dT%H:%M:%S}{fraction}Z"

    return _STAMP.sub(moved, text)
