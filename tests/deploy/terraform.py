"""Read Terraform's files without Terraform: blocks, what they call and what they lack."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hcl2

if TYPE_CHECKING:
    from collections.abc import Iterator

TERRAFORM = Path(__file__).parents[2] / "terraform"
Schema = dict[str, dict[str, Any]]
Block = dict[str, Any]
# Arguments that Terraform itself gives every resource.
META = {"count", "for_each", "provider", "depends_on", "lifecycle", "timeouts", "id"}
PROVIDERS = "registry.terraform.io"


def roots() -> list[Path]:
    """Return every folder with Terraform files."""
    return sorted({file.parent for file in TERRAFORM.rglob("*.tf") if ".terraform" not in file.parts})


def blocks(folder: Path) -> Block:
    """Return all blocks of a folder by their kind, quotation marks taken off."""
    found: dict[str, list[Any]] = {}
    for file in sorted(folder.glob("*.tf")):
        for kind, several in plain(hcl2.loads(file.read_text(encoding="utf-8"))).items():
            if kind != "__comments__":
                found.setdefault(kind, []).extend(several)
    return found


def plain(value: Any) -> Any:
    """Take quotation marks and comments off what the parser gives."""
    if isinstance(value, dict):
        return {str(plain(key)): plain(one) for key, one in value.items() if key != "__comments__"}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] == '"':
        return value[1:-1]
    return value


def named(parsed: Block, kind: str) -> Block:
    """Return the blocks of a kind with one label, by that label."""
    return {name: body for one in parsed.get(kind, []) for name, body in one.items()}


def resources(parsed: Block) -> Iterator[tuple[str, str, Block]]:
    """Yield every resource, data source and ephemeral resource: its kind, its name, its body."""
    for prefix, kind in (("", "resource"), ("data.", "data"), ("ephemeral.", "ephemeral")):
        for one in parsed.get(kind, []):
            for label, several in one.items():
                for name, body in several.items():
                    yield prefix + label, name, body


def kinds_in(folder: Path) -> set[str]:
    """Return the kinds of all resources below a folder."""
    return {kind for root in roots() if root.is_relative_to(folder) for kind, _, _ in resources(blocks(root))}


def complaints(body: Block, schema: Schema, where: str) -> list[str]:
    """Return what a block says that its kind does not take, and what it leaves out that must be there."""
    dynamic = {label: [one["content"][0]] for several in body.get("dynamic", []) for label, one in several.items()}
    given = {name: value for name, value in body.items() if name != "dynamic" and not name.startswith("__")} | dynamic
    found = [f"{where}: {name} is not an argument" for name in given if name not in schema and name not in META]
    found += [
        f"{where}: {name} is missing" for name, facts in schema.items() if facts["required"] and name not in given
    ]
    for name, value in given.items():
        inner = schema.get(name, {}).get("block")
        several = value if isinstance(value, list) else [value]
        if inner and all(isinstance(one, dict) for one in several):
            for one in several:
                found += complaints(one, inner, f"{where}.{name}")
    return found


def schemas() -> dict[str, Schema]:
    """Return what was recorded of providers that cannot be had here."""
    return dict(json.loads(Path(__file__).with_name("provider_schemas.json").read_text()))


def mirror() -> Path | None:
    """Return a folder with providers' binaries, laid out as Terraform mirrors them, where this machine has one."""
    given = os.environ.get("COPILOT_TERRAFORM_PROVIDERS")
    places = (
        [Path(given)]
        if given
        else [*Path("/opt").glob("*"), Path("/usr/local/share/terraform/plugins"), Path.home() / ".terraform.d/plugins"]
    )
    return next((place for place in places if (place / PROVIDERS / "hashicorp" / "aws").is_dir()), None)


def skip_reason() -> str:
    """Return why Terraform cannot be run here, or nothing."""
    if not shutil.which("terraform"):
        return "needs terraform on the PATH"
    if not mirror():
        return "needs the aws provider in a folder of Terraform providers (COPILOT_TERRAFORM_PROVIDERS)"
    return ""
