"""The registry finds integrations in the tree and in installed packages, and refuses what is broken."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import ClassVar

import pytest

from integrations import registry
from integrations.base import Credentials, Integration


class Grafana(Integration):
    slug: ClassVar[str] = "grafana"
    title: ClassVar[str] = "Grafana"
    Credentials: ClassVar[type[Credentials]] = Credentials


class OtherGrafana(Grafana):
    title: ClassVar[str] = "Another Grafana"


def test_it_finds_what_is_in_the_tree() -> None:
    found = registry.integrations()

    assert {"pagerduty"} <= set(found)
    assert all(slug == integration.slug for slug, integration in found.items())
    assert list(found) == sorted(found)
    assert registry.get("pagerduty") is found["pagerduty"]


def test_an_unknown_slug_is_told_with_those_there_are() -> None:
    with pytest.raises(KeyError) as caught:
        registry.get("nagios")
    assert str(caught.value).startswith("there is no integration 'nagios'; known are: ")
    assert "pagerduty" in str(caught.value)


def test_two_of_one_slug_are_refused() -> None:
    with pytest.raises(RuntimeError, match=r"two integrations are called 'grafana': .*Grafana and .*OtherGrafana"):
        registry.collect([Grafana, OtherGrafana])


def test_installed_packages_add_theirs() -> None:
    point = EntryPoint("grafana", f"{__name__}:Grafana", registry.GROUP)
    assert list(registry._installed([point])) == [Grafana]


def test_an_entry_point_that_is_no_integration_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"'odd' of copilot.integrations is json:loads, which is no subclass"):
        list(registry._installed([EntryPoint("odd", "json:loads", registry.GROUP)]))


def test_an_integration_that_cannot_be_imported_stops_the_boot() -> None:
    with pytest.raises(ModuleNotFoundError):
        list(registry._installed([EntryPoint("gone", "there.is.no.such:Module", registry.GROUP)]))


def test_finding_them_loads_no_vendors_sdk() -> None:
    heavy = {"pagerduty", "httpx2", "kubernetes", "prometheus_api_client", "pandas"}
    script = f"import sys, integrations.registry as r; r.integrations(); print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
