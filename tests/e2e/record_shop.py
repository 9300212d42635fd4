"""Make the demo's recording: the shop in a real Prometheus and a real Kubernetes API, recorded by `copilot record`.

`python -m tests.e2e.record_shop FILE` (`make record-demo`).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from copilot.cli import main
from tests.e2e import shop_cluster, shop_metrics
from tests.e2e.shop import ALERT, WORLD
from tests.servers import control_plane, kubelet, prometheus

ROLES = Path(__file__).parents[2] / "k8s" / "rbac.yaml"


def record(folder: Path, out: Path) -> int:
    """Start the servers, fill them, record, and return the command's exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    with control_plane.serving(folder / "kubernetes") as plane, kubelet.serving(folder) as logs:
        pods = shop_cluster.build(plane, logs)
        token, authority = folder / "token", folder / "ca.crt"
        token.write_text(reader(plane))
        authority.write_text(plane.ca_certificate)
        # A scrape marks series that ended; back-filled ones cannot be marked, so that they are forgotten sooner instead.
        ends = ["--query.lookback-delta=31s"]
        with prometheus.serving(folder / "prometheus", shop_metrics.shop(pods), arguments=ends) as metrics:
            return main([
                "record", "--prometheus", metrics, "--kubernetes", plane.url, "--token", f"@{token}", "--ca", str(authority),
                "--services", str(WORLD), "--alert-at", str(ALERT), "--out", str(out),
            ])  # fmt: skip


def reader(plane: control_plane.ControlPlane) -> str:
    """A token of the read-only account that our own roles make."""
    if ROLES.exists():
        plane.apply_file(ROLES)
        account = next(
            one for one in plane.objects("ServiceAccount", "sre-copilot") if one["metadata"]["name"] != "default"
        )
        return plane.token("sre-copilot", account["metadata"]["name"])
    return control_plane.ADMIN


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(record(Path(temporary), Path(sys.argv[1])))
