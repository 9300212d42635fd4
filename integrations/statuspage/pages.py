"""Which pages are read, for whom, and what they say as observations about a vendor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError, field_validator

from integrations.payload import base_address
from scoring.observations import Dependency, Entity, EntityKind, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from integrations.base import Scope, ServiceScope
    from scoring.observations import Observation

MAX_PAGES = 20
MAX_TEXT = 16 * 1024
EVERY = "*"
Word = Annotated[str, StringConstraints(min_length=1, max_length=120, strip_whitespace=True)]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Hold one incident or degraded component of a vendor; times are Unix seconds, `until` None where it lasts."""

    condition: str
    title: str
    since: float | None
    until: float | None = None
    words: str = ""
    link: str = ""


class Page(BaseModel):
    """Name one vendor's page, and which of the tenant's services depend on the vendor."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    name: Word
    services: tuple[Word, ...] = Field(min_length=1, max_length=200)
    components: tuple[Word, ...] = ()
    regions: tuple[Word, ...] = ()

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        return base_address(value)

    @property
    def base(self) -> str:
        """Return the address that the paths of questions are added to."""
        return self.url.removesuffix("/incidents.json")

    @property
    def entity(self) -> Entity:
        """Return the vendor."""
        return Entity(EntityKind.EXTERNAL, self.name)

    def dependents(self, scope: Scope) -> tuple[ServiceScope, ...]:
        """Return the services of a scope that depend on the vendor."""
        return tuple(one for one in scope.services if EVERY in self.services or one.name in self.services)

    def concerns(self, components: Iterable[str]) -> bool:
        """Say whether something at these components counts; what names none may be about any."""
        named = {one.casefold() for one in components}
        return not self.components or not named or any(one.casefold() in named for one in self.components)

    def observations(
        self, found: Iterable[Trouble], dependents: Iterable[ServiceScope], *, source: str
    ) -> Iterator[Observation]:
        """Yield who depends on the vendor, and each trouble as a condition that it is or was in."""
        for one in dependents:
            yield Dependency(Entity(EntityKind.SERVICE, one.name, one.namespace, one.name), self.entity, source)
        for trouble in found:
            yield State(
                entity=self.entity,
                condition=trouble.condition,
                source=source,
                at=trouble.since,
                detail=": ".join(part for part in (trouble.title, trouble.words) if part),
                active=trouble.until is None,
                link=trouble.link,
                query=self.url,
            )


def parse(text: str) -> tuple[Page, ...]:
    """Read pages from YAML text.

    :raises ValueError: naming the page and the field.
    """
    if len(text) > MAX_TEXT:
        raise ValueError(f"is over {MAX_TEXT // 1024} KiB")
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise ValueError(f"is not YAML: {where}{getattr(error, 'problem', '') or 'cannot be read'}") from None
    if not isinstance(raw, list) or not raw:
        raise ValueError("must be a list of pages, each with url, name and services")
    if len(raw) > MAX_PAGES:
        raise ValueError(f"lists {len(raw)} pages; at most {MAX_PAGES} are read")
    try:
        return TypeAdapter(tuple[Page, ...]).validate_python(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        number, *field = first["loc"]
        name = ".".join(str(part) for part in field)
        raise ValueError(f"page {int(number) + 1}: {name}: {first['msg'].removeprefix('Value error, ')}") from None
