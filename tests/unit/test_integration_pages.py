"""docs/integrations keeps to the classes, and its example runs as it is written."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integrations import pages, registry
from integrations.base import Action, BadPayload, EventKind, Inbound, NotGenuine
from tests.packages import install

if TYPE_CHECKING:
    from integrations.base import Integration

FOLDER = Path(__file__).parents[2] / "docs" / "integrations"
OVERVIEW = (FOLDER / pages.OVERVIEW).read_text(encoding="utf-8")


def block(language: str) -> str:
    """Return the overview's one block of a language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", OVERVIEW, re.MULTILINE | re.DOTALL)
    return str(found)


def test_every_page_is_as_its_class_says() -> None:
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    wanted = pages.pages(OVERVIEW)
    stale = sorted(name for name in {*there, *wanted} if there.get(name) != wanted.get(name))
    assert not stale, f"{', '.join(stale)} in docs/integrations: run `make integration-pages` and commit"


def test_a_page_tells_fields_ways_and_limits() -> None:
    page = pages.pages(OVERVIEW)["alertmanager.md"]
    assert page.startswith("# Alertmanager\n")
    assert "| ways | sends webhooks |" in page
    assert "```sh\ncopilot connect acme alertmanager\n```" in page
    assert (
        "| `bearer_token` | optional | secret | What Alertmanager sends in http_config, as bearer credentials or as the "
        "basic_auth password. Made for you where it is left empty. |"
    ) in page


def test_a_new_field_makes_a_page_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(registry.get("deploys")), "limits", "none | at all")
    made = pages.pages(OVERVIEW)
    assert r"none \| at all" in made["deploys.md"]
    assert r"none \| at all" in made[pages.OVERVIEW]


def test_writing_takes_pages_away_that_have_no_integration(tmp_path: Path) -> None:
    (tmp_path / pages.OVERVIEW).write_text(
        "# All\n<!-- table -->\nold\n<!-- end of table -->\nmine\n", encoding="utf-8"
    )
    (tmp_path / "gone.md").write_text("x", encoding="utf-8")
    pages.main(tmp_path)
    assert {path.stem for path in tmp_path.iterdir()} == {"README", *registry.integrations()}
    overview = (tmp_path / pages.OVERVIEW).read_text(encoding="utf-8")
    assert overview.startswith("# All\n<!-- table -->\n| integration |")
    assert overview.endswith("|\n<!-- end of table -->\nmine\n")


def test_an_overview_without_a_place_for_the_table_is_told() -> None:
    with pytest.raises(ValueError, match=r"README\.md has no lines `<!-- table -->`"):
        pages.pages("# All")


# --- the example --------------------------------------------------------------------------------------------------------


@pytest.fixture
def kuma(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Integration:
    """The page's example, installed as the page's project file says."""
    project = tomllib.loads(block("toml"))
    (module,) = project["tool"]["setuptools"]["py-modules"]
    install(tmp_path, block("toml"), {module: block("python")})
    monkeypatch.syspath_prepend(tmp_path)
    found = registry.integrations.__wrapped__()
    assert set(found) == {*registry.integrations(), "kuma"}
    return found["kuma"]


def test_the_example_has_thirty_lines() -> None:
    lines = [line.strip() for line in block("python").splitlines()]
    assert len([line for line in lines if line and not line.startswith(("from ", '"""'))]) <= 30


def test_the_example_runs_as_it_is_written(kuma: Integration) -> None:
    credentials = kuma.Credentials.model_validate({"token": "right"})
    body = block("json").encode()
    kuma.verify(Inbound({"authorization": "Bearer right"}, body, 1_800_000_000.0), credentials)
    with pytest.raises(NotGenuine):
        kuma.verify(Inbound({"authorization": "Bearer wrong"}, body, 1_800_000_000.0), credentials)

    (down,) = kuma.parse(Inbound({}, body, 1_800_000_000.0))
    assert (down.kind, down.action, down.status) == (EventKind.INCIDENT, Action.TRIGGERED, "triggered")
    assert (down.title, down.symptom, down.severity) == ("checkout is down", "monitor is down", "critical")
    assert (down.service.name, down.started_at) == ("checkout", 1795169106.0)

    recovered = json.loads(body)
    recovered["heartbeat"]["status"] = 1
    (up,) = kuma.parse(Inbound({}, json.dumps(recovered).encode(), 1_800_000_000.0))
    assert (up.action, up.status, up.dedupe_key) == (Action.RESOLVED, "resolved", down.dedupe_key)

    with pytest.raises(BadPayload, match=r"`heartbeat` must be an object, and it is missing"):
        kuma.parse(Inbound({}, b'{"monitor": {"name": "checkout"}}', 1_800_000_000.0))
