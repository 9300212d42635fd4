"""The documents keep to the product: links resolve, command lines parse, settings, fields and weights are those of the code."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from pydantic import BaseModel, SecretStr
from pydantic_settings import BaseSettings

from copilot.cli import parse, parser
from copilot.config import AgentConfig, Config
from copilot.secret_stores.settings import StoreSettings
from integrations.prometheus import pack
from scoring.confidence import WEIGHTS
from scoring.version import VERSION
from slackbot.handlers.grammar import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!`)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
ASSIGNMENT = re.compile(r"[A-Z][A-Z0-9_]*=\S*")


def fences(text: str, *languages: str) -> Iterator[str]:
    for match in FENCE.finditer(text):
        if match["language"] in languages:
            yield re.sub(rf"^{match['indent']}", "", match["text"], flags=re.MULTILINE)


def command_lines(text: str) -> Iterator[list[str]]:
    """Yield the words of every line of a shell block, without assignments before and comments after the command."""
    for block in fences(text, "sh", "console", "shell"):
        begun = ""
        for line in block.replace("\\\n", " ").splitlines():
            begun += line + "\n"
            try:
                words = shlex.split(begun.removeprefix("$ "), comments=True)
            except ValueError:
                # A quotation goes on in the next line.
                continue
            begun = ""
            while words and ASSIGNMENT.fullmatch(words[0]):
                words.pop(0)
            if words:
                yield words
        assert not begun, f"a quotation is never closed: {begun}"


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    prose = FENCE.sub("", document.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def rows(text: str) -> list[list[str]]:
    """Return the cells of every table row, without backticks around a whole cell."""
    found = [re.split(r"(?<!\\)\|", line.strip())[1:-1] for line in text.splitlines() if line.lstrip().startswith("|")]
    return [[cell.strip().strip("`") for cell in row] for row in found]


def section(text: str, heading: str) -> str:
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"there is no section {heading!r}"
    return found[1]


def docs(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_inside_the_repository_leads_somewhere(document: Path) -> None:
    for match in LINK.finditer(FENCE.sub("", document.read_text(encoding="utf-8"))):
        target, _, anchor = match["target"].partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        path = (document.parent / target).resolve() if target else document
        assert path.exists(), f"{document.name} links to {target}, which is not there"
        assert path.is_relative_to(ROOT)
        if anchor:
            assert anchor in anchors(path), f"{document.name} links to {target}#{anchor}; there is no such heading"


def test_every_document_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        document = waiting.pop()
        if document not in reached:
            reached.add(document)
            targets = re.findall(r"\(((?:\.\./)*[\w/-]+\.md)", document.read_text(encoding="utf-8"))
            waiting.extend(path for target in targets if (path := (document.parent / target).resolve()).exists())
    assert set(DOCUMENTS) <= reached


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_copilot_command_line_parses(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in command_lines(document.read_text(encoding="utf-8")):
        if Path(words[0]).name != "copilot":
            continue
        try:
            options = parse(words[1:])
        except SystemExit:
            pytest.fail(f"{shlex.join(words)}\n{capsys.readouterr().err}")
        assert callable(options.run)


def test_the_documents_show_every_command() -> None:
    shown = {
        " ".join(word for word in words[1:3] if not word.startswith("-"))
        for document in DOCUMENTS
        for words in command_lines(document.read_text(encoding="utf-8"))
        if Path(words[0]).name == "copilot"
    }
    commands = re.findall(r"^    ([a-z]+)  ", parser().format_help(), re.MULTILINE)
    assert len(commands) > 10
    missing = [command for command in commands if not any(one.split()[0] == command for one in shown if one)]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_make_target_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for target in re.findall(r"(?:^|`)(?:sudo )?make ([a-z][a-z-]*)", text, re.MULTILINE):
        assert target in targets, f"{document.name} names make {target}"


# --- settings -----------------------------------------------------------------------------------------------------------


def settings(of: type[BaseSettings] = Config, prefix: str = "COPILOT_") -> dict[str, str]:
    """Return every environment variable of the configuration with its default, as an operator would write it."""
    found = {}
    for name, field in of.model_fields.items():
        alias = field.validation_alias
        variable = alias if isinstance(alias, str) else str(alias.choices[0]) if alias else f"{prefix}{name.upper()}"  # type: ignore[union-attr]
        default = field.get_default(call_default_factory=True)
        if isinstance(default, SecretStr):
            default = default.get_secret_value()
        if isinstance(default, list):
            default = ",".join(map(str, default))
        is_table = isinstance(default, dict) and all(isinstance(value, BaseModel) for value in default.values())
        found[variable] = "in copilot/config.py" if is_table else "" if default is None else str(default)
    return found


def agent_settings() -> dict[str, str]:
    return settings(AgentConfig, "COPILOT_AGENT_")


def store_settings() -> dict[str, str]:
    return settings(StoreSettings)


@pytest.mark.parametrize(
    ("page", "known"),
    [("operate.md", settings() | store_settings()), ("agent.md", agent_settings())],
    ids=["operate", "agent"],
)
def test_every_setting_is_documented_with_its_default(page: str, known: dict[str, str]) -> None:
    table = {row[0]: row[1] for row in rows(section(docs(page), "Settings")) if len(row) == 3}
    written = {
        variable: "" if shown == "–" else shown.replace("`", "") for variable, shown in table.items() if "_" in variable
    }
    assert written == known


def test_no_document_names_a_setting_that_does_not_exist() -> None:
    # Read by the command line and by the tests alone.
    others = {
        "COPILOT_ADMIN_DATABASE_URL",
        "COPILOT_OWNER_DATABASE_URL",
        "COPILOT_STAFF_DATABASE_URL",
        "COPILOT_IMAGE",
        "COPILOT_MCP_TOKEN",
        "COPILOT_SHARED",
        "COPILOT_TERRAFORM_PROVIDERS",
    }
    known = set(settings()) | set(store_settings()) | set(agent_settings()) | others
    for document in DOCUMENTS:
        found = re.findall(r"\bCOPILOT_[A-Z_]+\b", document.read_text(encoding="utf-8"))
        named = {one if one in known else one.removesuffix("_FILE") for one in found}
        assert named <= known, f"{document.name} names {sorted(named - known)}"


# --- what is asked, typed and weighed -------------------------------------------------------------------------------


def test_the_query_pack_that_is_shown_is_one() -> None:
    blocks = list(fences(section(docs("connect.md"), "Prometheus"), "yaml"))
    assert len(blocks) == 1
    extended = pack.builtin().extended(pack.parse(blocks[0]))
    first = next(one for one in extended.indicators if one.key == "latency_p95")
    assert "shop_request_seconds_bucket" in first.queries[0]
    assert [one.limit for one in extended.indicators if one.key == "orders_waiting"] == [("5000",)]


def test_every_yaml_and_python_block_is_well_formed() -> None:
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for block in fences(text, "yaml"):
            yaml.safe_load(block)
        for block in fences(text, "python"):
            compile(block, document.name, "exec")


def test_every_slash_command_is_documented() -> None:
    text = section(docs("slack.md"), "`/sre`")
    assert set(re.findall(r"`/sre ([a-z]+)", text)) == set(COMMANDS)


@pytest.mark.parametrize("name", ["README.md", "docs/scoring.md"])
def test_the_weights_are_those_of_the_code(name: str) -> None:
    table = {row[0]: row[1] for row in rows((ROOT / name).read_text(encoding="utf-8")) if row and row[0] in WEIGHTS}
    assert {factor: float(weight) for factor, weight in table.items()} == WEIGHTS


def test_the_version_of_the_mathematics_is_the_one_described() -> None:
    assert f"what version `{VERSION}` does" in docs("scoring.md").replace("\n", " ")
