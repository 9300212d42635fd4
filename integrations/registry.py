"""Find the integrations: in this folder, then among installed packages that declare the entry point group."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import TYPE_CHECKING

import integrations as package
from integrations.base import Integration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

GROUP = "copilot.integrations"


class UnknownIntegration(KeyError):
    """Say that no integration has this slug, and which there are."""

    def __init__(self, slug: str, known: Iterable[str]) -> None:
        super().__init__(slug)
        self.slug = slug
        self.known = tuple(sorted(known))

    def __str__(self) -> str:
        return f"there is no integration {self.slug!r}; known are: {', '.join(self.known) or 'none'}"


@cache
def integrations() -> Mapping[str, Integration]:
    """Return every integration by its slug, in the order of slugs.

    An import error goes through: an integration that cannot be loaded stops the boot.

    :raises RuntimeError: where two integrations have the same slug, or an entry point is no integration.
    """
    return collect([*_in_tree(), *_installed(entry_points(group=GROUP))])


def get(slug: str) -> Integration:
    """Return the integration of a slug.

    :raises UnknownIntegration: where there is none (a `KeyError`).
    """
    known = integrations()
    if slug not in known:
        raise UnknownIntegration(slug, known)
    return known[slug]


def collect(classes: Iterable[type[Integration]]) -> Mapping[str, Integration]:
    """Return one instance of each class by its slug.

    :raises RuntimeError: where two classes have the same slug.
    """
    found: dict[str, Integration] = {}
    for cls in classes:
        slug = cls.slug
        if slug in found:
            first = type(found[slug])
            raise RuntimeError(
                f"two integrations are called {slug!r}: {first.__module__}.{first.__qualname__} and "
                f"{cls.__module__}.{cls.__qualname__}; rename or remove one"
            )
        found[slug] = cls()
    return MappingProxyType(dict(sorted(found.items())))


def _in_tree() -> Iterator[type[Integration]]:
    for module_info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        name = f"{package.__name__}.{module_info.name}"
        module = importlib.import_module(name)
        for _, cls in sorted(inspect.getmembers(module, inspect.isclass)):
            home = cls.__module__ == name or cls.__module__.startswith(f"{name}.")
            if home and issubclass(cls, Integration) and hasattr(cls, "slug"):
                yield cls


def _installed(points: Iterable[EntryPoint]) -> Iterator[type[Integration]]:
    for point in points:
        cls = point.load()
        if not (inspect.isclass(cls) and issubclass(cls, Integration) and hasattr(cls, "slug")):
            raise RuntimeError(
                f"the entry point {point.name!r} of {GROUP} is {point.value}, which is no subclass of "
                f"integrations.base.Integration with a slug"
            )
        yield cls
