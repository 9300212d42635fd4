"""Feature flags: what was turned, where, by whom, and which services it concerns, as changes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from integrations.base import Event, EventKind, ServiceReference
from scoring.observations import Change, ChangeKind, Entity, EntityKind

if TYPE_CHECKING:
    from collections.abc import Iterable

# A tag that names a service: `service:payments`.
_SERVICE_TAG = re.compile(r"(?:service|svc)[:=/](?P<name>[\w.-]{1,120})", re.IGNORECASE)
_MOST_SERVICES = 10
_LONGEST_DETAIL = 2000


def services_of(tags: Iterable[str], project: str) -> tuple[str, ...]:
    """Return the services that a flag's tags name, else its project."""
    named = dict.fromkeys(found["name"] for tag in tags if (found := _SERVICE_TAG.fullmatch(tag.strip())))
    return tuple(named)[:_MOST_SERVICES] or (project,)


def events(
    *,
    source: str,
    event_type: str,
    key: str,
    at: float,
    flag: str,
    did: str,
    details: Iterable[str],
    environment: str,
    services: Iterable[str],
    author: str,
    link: str = "",
) -> tuple[Event, ...]:
    """Return one event for each service; `did` is what was done, e.g. `turned on`, `details` what that altered, in words."""
    where = f" in {environment}" if environment else ""
    labels = {"environment": environment} if environment else {}
    title = f"flag {flag} {did}{where}"
    detail = "; ".join((f"flag {flag} {did}", *details))[:_LONGEST_DETAIL]
    return tuple(
        Event(
            source=source,
            kind=EventKind.CHANGE,
            event_type=event_type,
            dedupe_key=f"{key}-{service}"[:200],
            occurred_at=at,
            started_at=at,
            title=title,
            service=ServiceReference(name=service, labels=labels),
            actor=author,
            url=link,
            labels=labels,
            change=Change(
                entity=Entity(EntityKind.SERVICE, service),
                kind=ChangeKind.FLAG,
                at=at,
                title=title,
                source=source,
                author=author,
                link=link,
                status="succeeded",
                detail=detail,
                key=f"{source}:{key}",
            ),
        )
        for service in services
    )


def ignored(*, source: str, event_type: str, at: float, reason: str, author: str = "") -> tuple[Event, ...]:
    """Return the event of what turns no flag, with the reason."""
    return (
        Event(
            source=source,
            kind=EventKind.IGNORED,
            event_type=event_type[:200],
            dedupe_key="",
            occurred_at=at,
            started_at=at,
            actor=author,
            reason=reason,
        ),
    )
