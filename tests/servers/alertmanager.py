"""A real Alertmanager (Debian's package) that is told of alerts over its API and notifies a webhook."""

from __future__ import annotations

import json
import shutil
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.servers.processes import answers, free_port, running
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

COMMAND = "prometheus-alertmanager"


def skip_reason() -> str:
    """Return why no Alertmanager can be started here, or nothing."""
    return "" if shutil.which(COMMAND) else f"needs {COMMAND} (Debian's package; make test-deps installs it)"


@dataclass(frozen=True)
class Alertmanager:
    """Hold the address of a running Alertmanager."""

    url: str

    def tell(self, labels: Mapping[str, str], *, summary: str, began: float, ended: float | None = None) -> None:
        """Post an alert as Prometheus does; times are Unix seconds, and one that ended is resolved."""
        alert = {"labels": labels, "annotations": {"summary": summary}, "startsAt": _moment(began)}
        if ended is not None:
            alert["endsAt"] = _moment(ended)
        request = urllib.request.Request(  # noqa: S310 - our own server
            f"{self.url}/api/v2/alerts",
            data=json.dumps([alert]).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE):  # noqa: S310 - our own server
            pass


@contextmanager
def serving(folder: Path, *, webhook: str, token: str) -> Iterator[Alertmanager]:
    """Start an Alertmanager whose one receiver is configured as docs/connect.md says, but without any waiting."""
    if reason := skip_reason():
        pytest.skip(reason)
    folder.mkdir(parents=True, exist_ok=True)
    receiver = {
        "name": "sre-copilot",
        "webhook_configs": [
            {
                "url": webhook,
                "send_resolved": True,
                "http_config": {"authorization": {"type": "Bearer", "credentials": token}},
            }
        ],
    }
    route = {"receiver": "sre-copilot", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s"}
    # JSON is YAML.
    (folder / "alertmanager.yml").write_text(json.dumps({"receivers": [receiver], "route": route}), encoding="utf-8")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    # An empty listening address turns the cluster off, which takes ten seconds to settle; an address to advertise is wanted still.
    command = [
        COMMAND,
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        f"--cluster.advertise-address=127.0.0.1:{free_port()}",
    ]
    with running(command, log=folder / "alertmanager.log", ready=lambda: answers(f"{url}/-/ready")):
        yield Alertmanager(url)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
