"""Say a condition of an object as a State: its words, the command that shows it, the times it was seen."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from integrations.cluster import fields
from integrations.cluster.words import Word
from scoring.observations import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from integrations.cluster.cluster import Cluster
    from integrations.cluster.fields import Object
    from scoring.observations import Entity


def tell(
    cluster: Cluster,
    word: Word | str,
    entity: Entity,
    kind: str,
    thing: Object,
    detail: str,
    *,
    about: str = "",
    at: float | None = None,
    count: int = 1,
    active: bool = True,
    attributes: Mapping[str, str] | None = None,
    **more: str,
) -> State:
    """Return the State of an object of a kind; a vendor's own word is told with `kubectl describe`.

    `about` names what the object points at. Empty attributes are left out.
    """
    known = {key: value for key, value in {**(attributes or {}), **more}.items() if value}
    return State(
        entity, str(word), cluster.source, at=at, detail=fields.short(detail), count=max(1, count), active=active,
        query=command(word, kind, fields.namespace(thing), fields.name(thing), about),
        attributes={"kind": kind.lower(), **known},
    )  # fmt: skip


def command(word: Word | str, kind: str, namespace: str, name: str, about: str = "") -> str:
    """Return the command that shows a condition; names are quoted, for a person will paste it into a shell."""
    template = word.check if isinstance(word, Word) else "kubectl {ns} describe {kind} {name}"
    ns = f"-n {shlex.quote(namespace)}" if namespace else ""
    filled = template.format(
        ns=ns, kind=kind.lower(), name=shlex.quote(name), about=shlex.quote(about) if about else ""
    )
    return " ".join(filled.split())


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, e.g. `1 pod`, `2 pods`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(names: list[str] | tuple[str, ...], most: int = 4) -> str:
    """Return names with commas, the rest as a number."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
