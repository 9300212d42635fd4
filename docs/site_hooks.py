"""What the site does with pages that live elsewhere in the repository: the README is its first page, code is named, not linked."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"(?<!!)\[(?P<words>[^\]]+)\]\((?P<target>[^)\s]+)\)")


def on_files(files: Files, *, config: Any) -> Files:
    """Add the README and the changelog."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8").replace("](docs/", "](")
    files.append(File.generated(config, "index.md", content=readme))
    files.append(File.generated(config, "changelog.md", content=(ROOT / "CHANGELOG.md").read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    """Leave the words of links that lead out of the documents: who reads the site has no checkout."""
    here = Path(config["docs_dir"]) / Path(page.file.src_uri).parent

    def kept(match: re.Match[str]) -> str:
        target = match["target"].partition("#")[0]
        if not target or re.match(r"[a-z]+:", target):
            return match[0]
        # A link that stays inside and leads nowhere is left for MkDocs to find.
        return match[0] if (here / target).resolve().is_relative_to(config["docs_dir"]) else match["words"]

    return LINK.sub(kept, markdown)
