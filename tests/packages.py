"""Install a package as its project file says: its modules and what metadata of it tells, in a folder of its own."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def install(site: Path, project: str, modules: Mapping[str, str]) -> None:
    """Write the modules and the `.dist-info` of a project into a folder that is to be on the path, as an installer does.

    No network and no build is needed for that: the project has no dependencies but this product.
    """
    site.mkdir(exist_ok=True)
    read = tomllib.loads(project)
    assert set(read["tool"]["setuptools"]["py-modules"]) == set(modules)
    for name, text in modules.items():
        (site / f"{name}.py").write_text(text, encoding="utf-8")
    name, version = read["project"]["name"], read["project"]["version"]
    about = site / f"{name.replace('-', '_')}-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    groups = read["project"]["entry-points"].items()
    text = "\n".join(
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in points.items()) for group, points in groups
    )
    (about / "entry_points.txt").write_text(text, encoding="utf-8")
