"""How an agent does, in words for `copilot doctor`, the admin, and whoever waited for it in vain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from copilot.agent.protocol import MAX_WAIT_SECONDS
from copilot.relay import tokens

if TYPE_CHECKING:
    from datetime import datetime

    from copilot.models import Agent

# An agent that lives says so at least once a poll; it is given up when two polls' time has passed.
SILENT = timedelta(seconds=2 * MAX_WAIT_SECONDS)


@dataclass(frozen=True, slots=True)
class State:
    """Hold one word for an agent's state, whether it can be asked, and what was seen or is to be done."""

    word: str
    works: bool
    detail: str


def state_of(agent: Agent) -> State:
    """Return how an agent does; call it in the tenant's scope."""
    now = timezone.now()
    seen, refused = agent.last_seen_at, agent.refused_at
    live = set(tokens.live(agent.id).values_list("id", flat=True))
    if not live:
        what = "every token of it is revoked or expired: `copilot agent token create` makes one"
        return State("no token", works=False, detail=f"{what}{_last(seen)}")
    is_refused = refused is not None and (seen is None or refused > seen)
    said = f"{agent.refused_reason} and was refused {_ago(now - refused)} ago" if refused else ""
    # What it was last seen with must still open: who has an old token can be refused, but not make a living agent look dead.
    if seen is not None and now - seen <= SILENT and agent.token_id in live:
        also = f"; another process comes with an old token: {said}" if is_refused else ""
        detail = f"version {agent.version}, seen {_ago(now - seen)} ago; {reaches(agent)}{also}"
        return State("connected", works=True, detail=detail)
    if is_refused:
        return State("stale token", works=False, detail=f"{said}: give the agent a new token{_last(seen)}")
    if seen is None:
        what = "it has never come: is it running, and may it reach the address of the api process?"
        return State("never seen", works=False, detail=what)
    when = f"last seen {_ago(now - seen)} ago ({seen:%Y-%m-%d %H:%M:%S} UTC)"
    return State("silent", works=False, detail=f"{when}: is it running, may it dial out?")


def reaches(agent: Agent) -> str:
    """Return which sources an agent says that it reaches."""
    found = [_reached(one) for one in agent.sources if isinstance(one, dict)]
    return f"reaches {'; '.join(found)}" if found else "it has no sources yet"


def _reached(source: dict[str, Any]) -> str:
    name = "" if source.get("name") == "default" else f" ({source.get('name')})"
    works = source.get("works")
    word = "not tried yet" if works is None else "works" if works else f"fails: {source.get('detail')}"
    return f"{source.get('kind')}{name} {word}"


def _last(seen: datetime | None) -> str:
    return f"; last seen {seen:%Y-%m-%d %H:%M} UTC" if seen else ""


def _ago(passed: timedelta) -> str:
    seconds = max(0, int(passed.total_seconds()))
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
