"""Find the tools: modules of `kinds`, then installed packages that declare the entry point group."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import TYPE_CHECKING

from copilot import observe
from copilot.guard.tenancy import tenant_scope
from copilot.tools import kinds
from copilot.tools.declaration import problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from uuid import UUID

    from copilot.tools.tool import Provider, Tool

log = observe.logger(__name__)
GROUP = "copilot.tools"


class UnknownTool(LookupError):
    """Say that the tenant has no such tool, and which it has."""


@dataclass(frozen=True, slots=True)
class Found:
    """Hold a tenant's tools, from which package each is ("" for our own), and what was refused, in words for people."""

    tools: tuple[Tool, ...]
    packages: Mapping[str, str]
    refused: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Source:
    """Hold who names tools: a module of ours, or an entry point of a package, with why it cannot be asked, if it cannot."""

    provider: Provider | None
    package: str = ""
    point: str = ""
    refusal: str = ""


def offered(tenant_id: UUID) -> tuple[Tool, ...]:
    """Return a tenant's tools, each name once, in the order in which they are found; refused ones are logged."""
    found = look(tenant_id)
    for text in found.refused:
        _tell_once(text)
    return found.tools


def look(tenant_id: UUID) -> Found:
    """Return a tenant's tools, and what is refused of those that others declare: a wrong one takes no other away."""
    found: dict[str, Tool] = {}
    packages: dict[str, str] = {}
    refused: list[str] = []
    with tenant_scope(tenant_id):
        for source in _sources():
            for tool, problems in _named(source, tenant_id):
                wrong = problems
                if not wrong and tool is not None and tool.name in found:
                    wrong = f"two tools are called {tool.name!r}: rename or remove one"
                if not wrong and tool is not None:
                    found[tool.name] = tool
                    packages[tool.name] = source.package
                else:
                    # An outside server's tools are declared by it, though a module of ours names them.
                    connection = getattr(tool, "connection", None)
                    refused.append(f"{source.point or connection or 'the product'}: {wrong}")
    return Found(tuple(found.values()), MappingProxyType(packages), tuple(refused))


def find(tools: Iterable[Tool], name: str) -> Tool:
    """Return the tool of a name.

    :raises UnknownTool: where there is none.
    """
    known = {one.name: one for one in tools}
    if name not in known:
        raise UnknownTool(f"there is no tool {name[:64]!r} here; there are: {', '.join(known) or 'none'}")
    return known[name]


def forget() -> None:
    """Look for installed packages anew when next asked."""
    _sources.cache_clear()
    _tell_once.cache_clear()


@cache
def _sources() -> tuple[_Source, ...]:
    """Return who names tools, our own first; an import error of ours goes through."""
    return (*_in_tree(), *_installed(entry_points(group=GROUP)))


def _in_tree() -> Iterator[_Source]:
    for module_info in sorted(pkgutil.iter_modules(kinds.__path__), key=lambda info: info.name):
        yield _Source(importlib.import_module(f"{kinds.__name__}.{module_info.name}").tools)


def _installed(points: Iterable[EntryPoint]) -> Iterator[_Source]:
    for point in points:
        package = point.dist.name if point.dist else point.module
        words = f"{package}, entry point {point.name!r} of {GROUP} ({point.value})"
        try:
            provider = point.load()
        except Exception as error:  # noqa: BLE001 - importing others' code may raise anything
            yield _Source(None, package, words, f"cannot be imported: {type(error).__name__}: {str(error)[:300]}")
            continue
        if callable(provider):
            yield _Source(provider, package, words)
        else:
            yield _Source(None, package, words, "is no function (tenant id) -> tools")


def _named(source: _Source, tenant_id: UUID) -> Iterator[tuple[Tool | None, str]]:
    """Yield what a source names, each with what is wrong with it; what goes wrong in a module of ours goes through."""
    if source.provider is None:
        yield None, source.refusal
        return
    try:
        for tool in source.provider(tenant_id):
            yield tool, problem(tool, tenant_id)
    except Exception as error:
        if not source.package:
            raise
        yield None, f"failed when it was asked for its tools: {type(error).__name__}: {str(error)[:300]}"


@cache
def _tell_once(text: str) -> None:
    log.error("a tool is refused", why=text)
