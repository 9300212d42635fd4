"""Pages of lists: each cursor names the last row that was seen, so that rows that come in meanwhile move nothing."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar
from uuid import UUID

from django.db.models import Q
from fastapi import Query
from pydantic import BaseModel, Field

from copilot.web.api.problems import invalid
from copilot.web.api.shapes import in_utc

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.db.models import Model, QuerySet

M = TypeVar("M", bound="Model")
T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=100, description="How many at most.")]
Cursor = Annotated[
    str | None, Query(max_length=400, description="`next_cursor` of the page before; without it, the first page.")
]


class Page(BaseModel, Generic[T]):
    """Be some rows of a list, and where it goes on."""

    items: list[T]
    next_cursor: str | None = Field(description="Ask for the next page with it; null on the last.")


def page(
    rows: QuerySet[M],
    *,
    kind: str,
    order: Sequence[str],
    limit: int,
    cursor: str | None,
    show: Callable[[M], T],
) -> Page[T]:
    """Return a page of rows in a total order by fields such as `-number`, the last of which is unique.

    :raises Problem: where the cursor is none of this list's.
    """
    if cursor is not None:
        rows = rows.filter(_after(order, _places(rows, kind, order, cursor)))
    found = list(rows.order_by(*order)[: limit + 1])
    following = None
    if len(found) > limit:
        found = found[:limit]
        following = _cursor(kind, [getattr(found[-1], name.lstrip("-")) for name in order])
    return Page(items=[show(one) for one in found], next_cursor=following)


def _after(order: Sequence[str], places: Sequence[Any]) -> Q:
    """Return the condition of being after a row: beyond it in a field, and equal in all the fields before."""
    found = Q()
    for position, name in enumerate(order):
        equal = Q(**{before.lstrip("-"): places[i] for i, before in enumerate(order[:position])})
        beyond = Q(**{f"{name.lstrip('-')}__{'lt' if name.startswith('-') else 'gt'}": places[position]})
        found |= equal & beyond
    return found


def _cursor(kind: str, places: Sequence[Any]) -> str:
    text = json.dumps([kind, *(place if isinstance(place, int) else _text(place) for place in places)])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _text(place: Any) -> str:
    return place.isoformat() if isinstance(place, datetime) else str(place)


def _places(rows: QuerySet[Any], kind: str, order: Sequence[str], cursor: str) -> list[Any]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        said = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        head, *said_places = said
        if head != kind:
            said_places = []
        fields = [rows.model._meta.get_field(name.lstrip("-")) for name in order]  # noqa: SLF001 - Django's documented way
        return [_place(field.get_internal_type(), place) for field, place in zip(fields, said_places, strict=True)]
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error):
        raise invalid([("query.cursor", "is none of this list's: take it from `next_cursor` as it is")]) from None


def _place(kind: str, said: Any) -> Any:
    if "Integer" in kind or "AutoField" in kind:
        if type(said) is not int or not 0 <= said < 2**63:
            raise ValueError(kind)
        return said
    if not isinstance(said, str) or "\x00" in said:
        raise ValueError(kind)
    if kind == "DateTimeField":
        moment = datetime.fromisoformat(said)
        if moment.tzinfo is None:
            raise ValueError(kind)
        return in_utc(moment)
    return UUID(said) if kind == "UUIDField" else said


__all__ = ["Cursor", "Limit", "Page", "page"]
