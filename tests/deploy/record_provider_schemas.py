"""Record which arguments the providers take whose binaries cannot be had here, from the types of CDKTF's prebuilt packages.

    npm install --ignore-scripts @cdktf/provider-azurerm@14.23.1 @cdktf/provider-helm@12.1.2
    python -m tests.deploy.record_provider_schemas node_modules/@cdktf

writes `provider_schemas.json` for the kinds that terraform/ uses: `{kind: {name: {"required": …, "block": {…}}}}`.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from tests.deploy.terraform import TERRAFORM, Schema, kinds_in

FACE = re.compile(r"export interface (\w+)( extends [\w.]+)? \{\n(.*?)\n\}", re.DOTALL)
FIELD = re.compile(r"/\*\*(.*?)\*/\s+readonly (\w+)(\??): ([^;]+);", re.DOTALL)
SCHEMAS = Path(__file__).with_name("provider_schemas.json")


def read(definitions: str) -> Schema:
    """Return the arguments of one kind from its TypeScript definitions."""
    faces: dict[str, list[tuple[str, bool, str]]] = {}
    main = ""
    for name, extends, body in FACE.findall(definitions):
        main = main or (name if extends else "")
        faces[name] = [
            (hcl_name(doc, field), not optional, (re.search(r"\w+", kind) or [""])[0])
            for doc, field, optional, kind in FIELD.findall(body)
        ]

    def block(name: str) -> Schema:
        return {
            field: {"required": required, **({"block": block(kind)} if kind in faces else {})}
            for field, required, kind in faces[name]
        }

    return block(main)


def hcl_name(doc: str, field: str) -> str:
    """Return a field's name in HCL: its documentation's anchor, else made from camel case."""
    anchor = re.search(r"#\w+ \w+#(\w+)\}", doc)
    return anchor[1] if anchor else re.sub(r"([A-Z])", lambda found: "_" + found[1].lower(), field)


def main() -> None:
    """Read what the files of terraform/ use."""
    packages = Path(sys.argv[1])
    found: dict[str, Any] = {}
    for kind in sorted(kinds_in(TERRAFORM)):
        is_data = kind.startswith("data.")
        provider, _, rest = kind.removeprefix("data.").partition("_")
        if provider in {"aws", "terraform"} or kind.startswith("ephemeral."):
            continue
        folder = rest.replace("_", "-")
        place = f"data-{provider}-{folder}" if is_data else folder
        found[kind] = read((packages / f"provider-{provider}" / "lib" / place / "index.d.ts").read_text())
    # A line for each kind, so that a change shows which one it is about.
    lines = ",\n".join(f'"{kind}": {json.dumps(schema, sort_keys=True)}' for kind, schema in found.items())
    SCHEMAS.write_text(f"{{\n{lines}\n}}\n")


if __name__ == "__main__":
    main()
