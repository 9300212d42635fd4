"""What a tool is, and within which bounds it looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from copilot.llm.dialogue import Looked

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

    from copilot.guard.http.deadline import Deadline
    from copilot.knowledge.briefing import Briefing
    from copilot.models import Connection, Incident, Scope, Service
    from integrations.base import Category
    from integrations.base import Scope as Bounds
    from scoring.observations import Window


@dataclass(frozen=True, slots=True)
class Reach:
    """Hold what may be looked at: some services of one tenant, in a time, until a deadline; of one incident, or of none."""

    tenant_id: UUID
    bounds: Bounds
    window: Window
    services: tuple[Service, ...]
    deadline: Deadline
    incident: Incident | None = None
    briefing: Briefing | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """Hold one read-only tool of a tenant.

    `cost` is about how many requests it makes, which budgets are charged; `per_minute` is how often a tenant may call it.
    `needs` is what a token must be allowed beside using tools; `connection` the source that it asks, if any. `schema` takes the
    place of the arguments' own where somebody else wrote it. `run` may raise `SourceError`: its reason is told.
    """

    name: str
    title: str
    description: str
    arguments: type[BaseModel]
    category: Category
    run: Callable[[Reach, Any], Looked]
    cost: int = 1
    per_minute: int = 60
    needs: Scope | None = None
    connection: Connection | None = None
    schema: Mapping[str, Any] | None = field(default=None, repr=False)
    # True where the answer comes from a system that is not the tenant's own record with us.
    asks_outside: bool = True

    @property
    def input_schema(self) -> dict[str, Any]:
        """Return the JSON schema of the arguments."""
        return dict(self.schema) if self.schema is not None else self.arguments.model_json_schema()


# What a module of `kinds`, or an entry point, is: it names the tools that a tenant has. Called in the tenant's scope.
Provider = Callable[[UUID], Iterable[Tool]]


def problems(wrong: ValidationError) -> str:
    """Return what is wrong with arguments, for whoever made them; values are not repeated."""
    return "; ".join(
        f"{'.'.join(str(part) for part in each['loc']) or 'arguments'}: {each['msg']}"
        for each in wrong.errors(include_input=False, include_url=False, include_context=False)[:5]
    )


def shown(arguments: Any) -> str:
    """Return arguments in few words; they are a model's, so only what a name may hold is kept."""
    values = arguments.values() if isinstance(arguments, dict) else ()
    words = [str(value) for value in values if isinstance(value, (str, int, float)) and str(value)]
    text = " ".join("".join(one for one in word if one.isalnum() or one in "_-.:/ ")[:60] for word in words[:6])
    return text.strip()[:120] or "looking"


__all__ = ["Looked", "Provider", "Reach", "Tool", "problems", "shown"]
