"""A real Prometheus (Debian's package) whose past is written by promtool before it starts."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.servers.processes import answers, free_port, running

if TYPE_CHECKING:
    from pathlib import Path

Points = Sequence[tuple[float, float]]


def skip_reason() -> str:
    """Return why no Prometheus can be started here, or nothing."""
    absent = [name for name in ("prometheus", "promtool") if shutil.which(name) is None]
    return f"needs {' and '.join(absent)} (Debian's package prometheus; make test-deps installs it)" if absent else ""


@dataclass
class Past:
    """Collect series and write them as OpenMetrics: counters end in `_total`, `_bucket`, `_sum` or `_count`."""

    lines: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: str, labels: Mapping[str, str], points: Points) -> None:
        """Add one series; times are Unix seconds."""
        words = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items())
        self.lines.setdefault(name, []).extend(f"{name}{{{words}}} {value!r} {at:.3f}" for at, value in points)

    def counter(self, name: str, labels: Mapping[str, str], rates: Points) -> None:
        """Add a counter that grows by `rate` per second up to each point."""
        total, before, points = 0.0, None, []
        for at, rate in rates:
            total += 0.0 if before is None else rate * (at - before)
            before = at
            points.append((at, total))
        self.add(name, labels, points)

    def histogram(
        self,
        name: str,
        labels: Mapping[str, str],
        rates: Points,
        *,
        seconds: Mapping[float, float],
        bounds: Iterable[float],
    ) -> None:
        """Add a histogram whose observations all take `seconds[at]` at each point (the times of `rates`)."""
        edges = [*bounds, float("inf")]
        for edge in edges:
            word = "+Inf" if edge == float("inf") else f"{edge:g}"
            self.counter(
                f"{name}_bucket",
                {**labels, "le": word},
                [(at, rate if seconds[at] <= edge else 0.0) for at, rate in rates],
            )
        self.counter(f"{name}_count", labels, rates)
        self.counter(f"{name}_sum", labels, [(at, rate * seconds[at]) for at, rate in rates])

    def text(self) -> str:
        """Return the whole past in the OpenMetrics format."""
        parts = []
        for name, lines in self.lines.items():
            # `unknown` keeps every name as it is: a family's suffix rules do not apply to it.
            parts += [f"# TYPE {name} unknown", *lines]
        return "\n".join([*parts, "# EOF", ""])


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@contextmanager
def scraping(folder: Path, ports: Mapping[str, int], *, rules: Sequence[Path] = ()) -> Iterator[str]:
    """Start a Prometheus that scrapes jobs on ports of this machine each second, and yield its address."""
    jobs = [{"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]} for job, port in ports.items()]
    settings = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "scrape_configs": jobs,
        "rule_files": [str(one) for one in rules],
    }
    past = Past()
    # promtool makes no block of nothing.
    past.add("begun", {}, [(time.time() - 60, 1.0)])
    with serving(folder, past, config=json.dumps(settings)) as url:
        yield url


@contextmanager
def serving(
    folder: Path,
    past: Past,
    *,
    web_config: str = "",
    arguments: Sequence[str] = (),
    config: str = "scrape_configs: []\n",
) -> Iterator[str]:
    """Start a Prometheus that holds this past, and yield its address; `config` is the text of its settings.

    `web_config` is the text of its `--web.config.file`, for TLS and passwords; then the address is not waited for.
    """
    if reason := skip_reason():
        pytest.skip(reason)
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "data"
    text = folder / "past.txt"
    text.write_text(past.text())
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=24h", text, data],
        check=True,
        capture_output=True,
    )
    settings = folder / "prometheus.yml"
    settings.write_text(config)
    if web_config:
        (folder / "web.yml").write_text(web_config)
        arguments = [*arguments, f"--web.config.file={folder / 'web.yml'}"]
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    log = folder / "prometheus.log"
    command = [
        "prometheus",
        f"--config.file={settings}",
        f"--storage.tsdb.path={data}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--storage.tsdb.retention.time=10y",
        *arguments,
    ]

    def ready() -> bool:
        if web_config:
            return "Server is ready" in log.read_text(errors="replace")
        return answers(f"{url}/-/ready")

    with running(command, log=log, ready=ready):
        yield url
