"""Write docs/integrations: a page for each integration, made from its class, and their table in the overview.

`python -m integrations.pages FOLDER` writes them; a test says when they are stale.
"""

from __future__ import annotations

import inspect
import re
import sys
import typing
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from integrations.registry import integrations

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic.fields import FieldInfo

    from integrations.base import Integration

OVERVIEW = "README.md"
_NOTICE = "<!-- Made from the code by `make integration-pages`; changes belong in the class. -->"
_TABLE = re.compile(r"(?<=<!-- table -->\n).*?(?=<!-- end of table -->)", re.DOTALL)
_NONE = "–"


def pages(overview: str) -> Mapping[str, str]:
    """Return every file of the folder by its name; `overview` is the overview as it stands, whose table is replaced.

    :raises ValueError: where the overview has no place for the table.
    """
    known = integrations()
    if not _TABLE.search(overview):
        raise ValueError(f"{OVERVIEW} has no lines `<!-- table -->` and `<!-- end of table -->`")
    table = "\n".join(_overview(known)) + "\n"
    made = {f"{slug}.md": "\n".join(_page(integration)) + "\n" for slug, integration in known.items()}
    return {OVERVIEW: _TABLE.sub(lambda _: table, overview), **made}


def main(folder: Path) -> None:
    """Write the folder's files, and take away pages of integrations that are gone."""
    made = pages((folder / OVERVIEW).read_text(encoding="utf-8"))
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")
    for path in folder.glob("*.md"):
        if path.name not in made:
            path.unlink()


def _overview(known: Mapping[str, Integration]) -> Iterator[str]:
    yield "| integration | | gives | needs | limits |"
    yield "|---|---|---|---|---|"
    for slug, one in sorted(known.items(), key=lambda pair: pair[1].title.casefold()):
        cells = (f"[{one.title}]({slug}.md)", ", ".join(_ways(one)), one.gives, one.needs, one.limits)
        yield _row(*cells)


def _page(integration: Integration) -> Iterator[str]:
    yield from (f"# {integration.title}", "", _NOTICE, "", _docstring(type(integration)), "")
    yield from ("| | |", "|---|---|")
    yield _row("ways", ", ".join(_ways(integration)))
    for name in ("gives", "needs", "limits"):
        yield _row(name, getattr(integration, name))
    if integration.trial:
        yield _row("to try it", integration.trial)
    yield from ("", "## Connect", "", "```sh", _command(integration), "```", "")
    if integration.receives:
        address = f"https://copilot.example.org/hooks/{integration.slug}/KEY"
        yield from (f"It prints the address for its webhooks, `{address}`, whose key is a secret by itself.", "")
    yield from ("`/sre connect` in Slack and *Connections* in the admin do the same with a form.", "")
    yield from _fields(integration)
    if integration.setup:
        yield from ("", "## Set up", "", inspect.cleandoc(integration.setup))
    if integration.looks:
        yield from ("", "## What a conversation may ask", "", "| question | |", "|---|---|")
        yield from (_row(f"`{look.name}`", look.description) for look in integration.looks)


def _fields(integration: Integration) -> Iterator[str]:
    fields = integration.Credentials.model_fields
    if not fields:
        yield "There is nothing to enter."
        return
    yield from ("| field | | | |", "|---|---|---|---|")
    for name, field in fields.items():
        need = "required" if field.is_required() else "optional"
        kind = "secret" if _is_secret(field.annotation) else "text" if field.annotation is str else ""
        made = " Made for you where it is left empty." if name in integration.generated else ""
        said = (field.description or "").rstrip(".") + "."
        yield _row(f"`{name}`", need, kind, f"{said}{made}{_default(field)}")


def _default(field: FieldInfo) -> str:
    value = field.default
    if field.is_required() or value in {None, "", ()}:
        return ""
    return f" Default: `{str(value).lower() if isinstance(value, bool) else value}`."


def _is_secret(annotation: object) -> bool:
    return annotation is SecretStr or any(_is_secret(inner) for inner in typing.get_args(annotation))


def _ways(integration: Integration) -> Iterator[str]:
    if integration.receives:
        yield "sends webhooks"
    if integration.gathers:
        yield "is asked for evidence"
    if integration.looks or integration.has_outside_tools:
        yield "is asked in conversations"


def _command(integration: Integration) -> str:
    required = [name for name, field in integration.Credentials.model_fields.items() if field.is_required()]
    return " ".join((f"copilot connect acme {integration.slug}", *(f"--set {name}=…" for name in required)))


def _docstring(cls: type) -> str:
    """Return what the class's docstring says to people: all but the lines that tell of errors and shapes."""
    return "\n".join(line for line in inspect.cleandoc(cls.__doc__ or "").splitlines() if not line.startswith(":"))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') or _NONE for cell in cells)} |"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
