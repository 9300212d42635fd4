"""Find the tools: modules of `kinds`, then installed packages that declare the entry point group."""

from __future__ import annotations

import importlib
import pkgutil
import re
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from copilot.guard.tenancy import tenant_scope
from copilot.tools import kinds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from uuid import UUID

    from copilot.tools.tool import Provider, Tool

GROUP = "copilot.tools"
# What the model's and the protocol's clients accept alike.
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,63}")


class UnknownTool(LookupError):
    """Say that the tenant has no such tool, and which it has."""


@cache
def providers() -> tuple[Provider, ...]:
    """Return who names tools, our own first.

    An import error goes through: a provider that cannot be loaded stops the boot.

    :raises TypeError: where an entry point is no function.
    """
    return (*_in_tree(), *_installed(entry_points(group=GROUP)))


def offered(tenant_id: UUID, *, by: Sequence[Provider] | None = None) -> tuple[Tool, ...]:
    """Return a tenant's tools, each name once, in the order in which they are found.

    :raises RuntimeError: where two providers give a tool the same name, or one gives an impossible one.
    """
    found: dict[str, Tool] = {}
    with tenant_scope(tenant_id):
        for provider in providers() if by is None else by:
            for tool in provider(tenant_id):
                if not _NAME.fullmatch(tool.name):
                    raise RuntimeError(f"a tool cannot be called {tool.name!r}: 64 letters, digits, _ and - at most")
                if tool.name in found:
                    raise RuntimeError(f"two tools are called {tool.name!r}: rename or remove one")
                found[tool.name] = tool
    return tuple(found.values())


def find(tools: Iterable[Tool], name: str) -> Tool:
    """Return the tool of a name.

    :raises UnknownTool: where there is none.
    """
    known = {one.name: one for one in tools}
    if name not in known:
        raise UnknownTool(f"there is no tool {name[:64]!r} here; there are: {', '.join(known) or 'none'}")
    return known[name]


def _in_tree() -> Iterator[Provider]:
    for module_info in sorted(pkgutil.iter_modules(kinds.__path__), key=lambda info: info.name):
        yield importlib.import_module(f"{kinds.__name__}.{module_info.name}").tools


def _installed(points: Iterable[EntryPoint]) -> Iterator[Provider]:
    for point in points:
        provider = point.load()
        if not callable(provider):
            raise TypeError(
                f"the entry point {point.name!r} of {GROUP} is {point.value}, which is no function (tenant id) -> tools"
            )
        yield provider
