"""Tools and integrations of packages that others install: found, routed, served, and refused where they are declared wrongly."""

from __future__ import annotations

import json
import re
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from mcp import Client, StdioServerParameters

from copilot import connections
from copilot.cli import main
from copilot.conversation import looking
from copilot.guard.http.deadline import Deadline
from copilot.guard.tenancy import tenant_scope
from copilot.knowledge import incident_reader
from copilot.models import AuditEntry, Incident
from copilot.tools import calling, registry
from integrations import registry as integrations
from tests.mcp.conftest import connected
from tests.mcp.test_transports import ROOT, environment
from tests.packages import install

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mcp import types

    from tests.mcp.conftest import Shop

DOCS = ROOT / "docs"
PROJECT = """
    [project]
    name = "acme-extra"
    version = "0.1.0"
    [project.entry-points."copilot.tools"]
    extra = "acme_extra:tools"
    [tool.setuptools]
    py-modules = ["acme_extra"]
"""
FLAGS = """
    [project]
    name = "acme-flags"
    version = "1.2.0"
    [project.entry-points."copilot.integrations"]
    flags = "acme_flags:Flags"
    [tool.setuptools]
    py-modules = ["acme_flags"]
"""
# A tool that is well; each test spoils one thing of it.
MODULE = """
from pydantic import BaseModel
from copilot.tools.tool import Looked, Tool
from integrations.base import Category

class Asked(BaseModel):
    words: str = ""

def tools(tenant_id):
    yield Tool(name="extra", title="Reading more", description="Say more.", arguments=Asked, category=Category.DATABASE,
               run=lambda reach, asked: Looked(query="more", rows=({"more": asked.words},)))
"""
POINT = "acme-extra, entry point 'extra' of copilot.tools (acme_extra:tools)"


def blocks(page: str, title: str, language: str) -> list[str]:
    """The blocks of a language below a heading of a page."""
    _, _, rest = (DOCS / page).read_text(encoding="utf-8").partition(f"## {title}\n")
    return re.findall(rf"^```{language}\n(.*?)^```$", rest.partition("\n## ")[0], re.MULTILINE | re.DOTALL)


@contextmanager
def installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder of packages on this process's path, too; what was imported from it is forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(site)
    registry.forget()
    found = integrations.integrations.__wrapped__()
    monkeypatch.setattr(integrations, "integrations", lambda: found)
    try:
        yield
    finally:
        monkeypatch.undo()
        registry.forget()
        for name in set(sys.modules) - before:
            if name.startswith("acme_"):
                del sys.modules[name]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Install a module as the package `acme-extra`."""
    monkeypatch.setattr("copilot.cli.find_installation", lambda _: None)

    def write(module: str) -> None:
        install(tmp_path / "site", PROJECT, {"acme_extra": module})
        registry.forget()

    with installed(tmp_path / "site", monkeypatch):
        yield write


def test_the_documented_tool_and_integration_are_installed_found_and_served(
    committed_db: str, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project,), (module,) = (
        blocks("mcp.md", "Write your own tool", "toml"),
        blocks("mcp.md", "Write your own tool", "python"),
    )
    install(tmp_path / "site", project, {"acme_rota": module})
    install(tmp_path / "site", FLAGS, {"acme_flags": blocks("develop.md", "Add an integration", "python")[0]})
    (tmp_path / "rota.json").write_text(json.dumps({"payments": ["Ada", "Grace"]}))
    with installed(tmp_path / "site", monkeypatch):
        connections.connect(shop.tenant.id, "flags", {"url": "https://flags.example.org", "token": "t"}, actor="test")
    env = {
        **environment(committed_db),
        "PYTHONPATH": f"{tmp_path / 'site'}:{ROOT}",
        "ACME_ROTA": str(tmp_path / "rota.json"),
        "COPILOT_MCP_TOKEN": shop.token,
    }

    async def run() -> tuple[dict[str, types.Tool], list[types.CallToolResult]]:
        server = StdioServerParameters(command=sys.executable, args=["-m", "copilot", "mcp"], env=env, cwd=str(ROOT))
        async with Client(server, cache=None) as client:
            listed = {tool.name: tool for tool in (await client.list_tools()).tools}
            asked: list[dict[str, Any]] = [{"service": "payments"}, {"service": "ledger"}, {"team": "shop"}]
            return listed, [await client.call_tool("rota", one) for one in asked]

    listed, (answered, outside, wrong) = anyio.run(run)

    rota = listed["rota"]
    assert (rota.title, rota.description) == ("Reading the rota", "Say who is on call for a service.")
    assert rota.meta == {"category": "knowledge", "cost": 1, "calls_per_minute": 60}
    assert set(rota.input_schema["properties"]) == {"service", "incident"}
    assert listed["flags_collect"].meta == {"category": "knowledge", "cost": 10, "calls_per_minute": 6}
    assert answered.structured_content is not None
    assert answered.structured_content["result"] == [{"name": "Ada"}, {"name": "Grace"}]
    assert (outside.structured_content, wrong.structured_content) == (
        {"refused": "service 'ledger' is none that may be looked at"},
        {"refused": "service: Field required; team: Extra inputs are not permitted"},
    )
    with tenant_scope(shop.tenant.id):
        used = AuditEntry.objects.filter(action=calling.USED).order_by("id")
        assert [(one.target, one.detail["cost"]) for one in used] == [("rota", 1)] * 2


def test_the_alerts_class_says_which_tools_come_first(shop: Shop, package: Callable[[str], None]) -> None:
    package(MODULE)

    def order(title: str) -> list[str]:
        with tenant_scope(shop.tenant.id):
            Incident.objects.filter(number=42).update(title=title, labels={})
        briefing = incident_reader.read(shop.tenant.id, incident_reader.find(shop.tenant.id, 42))
        return [one.name for one in looking.tools(shop.tenant.id, briefing, Deadline(5), actor="ada")]

    assert order("too many connections to postgres")[:2] == ["extra", "prometheus_metric"]
    # Another sort of trouble needs others first: it is offered all the same.
    quota = order("the quota is full: pods are pending")
    assert quota[0] == "changes"
    assert "extra" in quota[3:]


@pytest.mark.parametrize(
    ("good", "bad", "why"),
    [
        ('name="extra"', 'name="rm -rf /"', "a tool cannot be called 'rm -rf /': a letter first, then letters, digits, _ and -, 64 at most"),
        ('name="extra"', 'name="topology"', "two tools are called 'topology': rename or remove one"),
        ('description="Say more."', 'description=" "', "tool extra: `description` is missing: a text that says what it is for"),
        ("category=Category.DATABASE", 'category="databases"', "tool extra: `category` is 'databases': one of Category.KUBERNETES, Category."),
        ("arguments=Asked", "arguments=Asked()", "tool extra: `arguments` is Asked(words=''): a pydantic model, the class itself"),
        ("words: str", "words: __import__('typing').Callable", "tool extra: its arguments have no JSON schema (PydanticInvalidForJsonSchema"),
        ("arguments=Asked", 'arguments=Asked, schema={"type": "text"}', "tool extra: its JSON schema is of type 'text': arguments are an object"),
        ("arguments=Asked", 'arguments=Asked, schema={"properties": {"a": {"type": "text"}}}', "tool extra: its JSON schema is none, at properties/a/type: 'text' is not valid under any of the given schemas"),
        ("arguments=Asked", 'arguments=Asked, schema={"description": "x" * 20_000}', "tool extra: its JSON schema has 20,019 bytes; at most 16,384"),
        ("arguments=Asked", "arguments=Asked, cost=0", "tool extra: `cost` is 0: a whole number from 1 to 1,000"),
        ("arguments=Asked", "arguments=Asked, needs='all'", "tool extra: `needs` is 'all': a Scope of tokens, or None"),
        ("yield Tool", "yield dict", "it yields dict, and not copilot.tools.tool.Tool"),
        ("yield Tool", "1 / 0; yield Tool", "failed when it was asked for its tools: ZeroDivisionError: division by zero"),
        ("def tools", "tools = 3\\ndef others", "is no function (tenant id) -> tools"),
        ("from pydantic", "from pydantics", "cannot be imported: ModuleNotFoundError: No module named 'pydantics'"),
    ],
)  # fmt: skip
def test_what_is_declared_wrongly_is_refused_in_words_and_takes_nothing_away(
    shop: Shop,
    package: Callable[[str], None],
    good: str,
    bad: str,
    why: str,
) -> None:
    assert good in MODULE
    package(MODULE.replace(good, bad.replace("\\n", "\n"), 1))

    found = registry.look(shop.tenant.id)

    (refused,) = found.refused
    assert refused.startswith(f"{POINT}: {why}")
    names = {tool.name for tool in found.tools}
    assert {"topology", "report", "prometheus_metric"} <= names
    assert "extra" not in names
    assert set(found.packages.values()) == {""}


def test_people_and_clients_are_told(
    shop: Shop, package: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    second = 'yield Tool(name="bad", title="", description="", arguments=Asked, category=Category.LOGS, run=print)'
    package(f"{MODULE}    {second}\n")

    async def run() -> set[str]:
        async with connected(shop.token) as client:
            return {tool.name for tool in (await client.list_tools()).tools}

    assert {"extra", "topology"} <= anyio.run(run)
    assert "bad" not in anyio.run(run)
    capsys.readouterr()
    assert main(["tool", "list", shop.tenant.slug, "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    (extra,) = [one for one in said["tools"] if one["name"] == "extra"]
    assert extra == {
        "name": "extra", "category": "database", "cost": 1, "per_minute": 60, "needs": "", "from": "acme-extra",
    }  # fmt: skip
    why = f"{POINT}: tool bad: `title` is missing: a text that says what it is for"
    assert said["refused"] == [why]
    assert main(["tool", "list", shop.tenant.slug]) == 1
    assert "✗ refused: acme-extra, entry point 'extra'" in " ".join(capsys.readouterr().out.split())


def test_a_tool_that_fails_or_answers_nonsense_is_told_by_its_name(shop: Shop, package: Callable[[str], None]) -> None:
    package(MODULE.replace('Looked(query="more", rows=({"more": asked.words},))', "1 / 0 if asked.words else 42"))

    async def run() -> list[Any]:
        async with connected(shop.token) as client:
            return [(await client.call_tool("extra", {"words": words})).structured_content for words in ("x", "")]

    assert anyio.run(run) == [
        {"refused": "extra failed unexpectedly (ZeroDivisionError)"},
        {"refused": "extra answered something unexpected (int)"},
    ]
