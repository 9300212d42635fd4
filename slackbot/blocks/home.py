"""The app's Home: open incidents, the week's numbers, connections and their health, and for admins what is left to set up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from slackbot.blocks.parts import (
    Block,
    Element,
    actions,
    bullets,
    button,
    context,
    divider,
    emoji,
    header,
    line,
    link,
    moment,
    ours,
    plain,
    rich,
    small_dated,
    small_moment,
    text,
)
from slackbot.wording import clip, duration

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from slackbot.blocks.replies import OpenIncident

INCIDENTS = 10
CONNECTIONS = 20
# Slack takes a hundred blocks; what is below is at most some seventy.
BLOCKS = 100
_HEALTH = {
    "works": ("white_check_mark", "works"),
    "failing": ("x", "does not work"),
    "waiting": ("hourglass_flowing_sand", "waits"),
}


@dataclass(frozen=True, slots=True)
class ConnectionLine:
    """Hold how one connection is."""

    id: str
    title: str
    health: str
    detail: str
    checked_at: datetime | None
    is_enabled: bool


@dataclass(frozen=True, slots=True)
class SetUpStep:
    """Hold one thing to set up: whether it is done, what it brings, and how it is done."""

    title: str
    is_done: bool
    how: str


@dataclass(frozen=True, slots=True)
class Week:
    """Hold the last week's numbers; None where there is nothing to count."""

    investigated: int
    median_seconds: float | None
    acceptance: float | None
    answered: int


def home_view(
    *,
    tenant: str,
    incidents: Sequence[OpenIncident],
    total: int,
    week: Week,
    connections: Sequence[ConnectionLine],
    steps: Sequence[SetUpStep],
    may_set_up: bool,
    shown_at: datetime,
) -> Block:
    """Return the Home tab of one person."""
    blocks = [*_incidents(incidents, total), divider(), header("This week"), _numbers(week), divider()]
    blocks.extend(_connections(connections, may_set_up=may_set_up))
    left = [one for one in steps if not one.is_done]
    if may_set_up and left:
        blocks.extend((divider(), *_steps(steps, left)))
    blocks.append(
        context(
            plain(tenant), ours(f"as of {small_moment(shown_at, '{time}')}"), ours("`/sre help` lists all commands")
        )
    )
    return {"type": "home", "callback_id": "home", "blocks": blocks[:BLOCKS]}


def _incidents(incidents: Sequence[OpenIncident], total: int) -> list[Block]:
    blocks = [header("Open incidents")]
    if not incidents:
        blocks.append(rich(line(emoji("white_check_mark"), text(" None. All quiet."))))
    for title, found in (
        ("Yours", [one for one in incidents if one.is_mine]),
        ("Others", [one for one in incidents if not one.is_mine]),
    ):
        if found:
            blocks.append(rich(line(text(title, bold=True)), bullets(*(_incident(one) for one in found[:INCIDENTS]))))
    if total > len(incidents):
        blocks.append(context(plain(f"and {total - len(incidents)} more: /sre status")))
    blocks.append(
        actions(
            button("Refresh", "home_refresh", "home", label="Show the Home tab as it is now"), block_id="home_refresh"
        )
    )
    return blocks


def _incident(one: OpenIncident) -> Element:
    words = [
        link(one.link, f"INC-{one.number}", bold=True),
        text(f" {clip(one.service, 60)}: {clip(one.title, 120)} — {one.status}, since "),
        moment(one.started_at, "{time} ({ago})"),
    ]
    if one.lead:
        words.append(text(f". {clip(one.lead, 160)}", italic=True))
    return line(*words)


def _numbers(week: Week) -> Block:
    if not week.investigated:
        return rich(line(text("Nothing was investigated in the last seven days.")))
    median = duration(week.median_seconds) if week.median_seconds is not None else "–"
    if week.acceptance is None:
        said = line(text("No verdicts yet", bold=True), text(": 👍 and 👎 on the card tell what helps"))
    else:
        on = f"{week.answered} incident{'' if week.answered == 1 else 's'}"
        said = line(text(f"{week.acceptance * 100:.0f} %", bold=True), text(f" of verdicts said 👍, on {on}"))
    return rich(
        bullets(
            line(text(f"{week.investigated}", bold=True), text(" investigated")),
            line(text(median, bold=True), text(" from page to first hypotheses (median)")),
            said,
        )
    )


def _connections(found: Sequence[ConnectionLine], *, may_set_up: bool) -> list[Block]:
    blocks = [header("Connections")]
    if not found:
        blocks.append(rich(line(text("Nothing is connected yet."))))
    for one in found[:CONNECTIONS]:
        sign, said = _HEALTH.get(one.health, ("grey_question", "not tested yet"))
        if not one.is_enabled:
            sign, said = "white_circle", "switched off"
        if may_set_up and one.is_enabled:
            name = clip(one.title, 60)
            test = button("Test", "home_test", one.id, label=f"Test the connection {clip(one.title, 40)}")
            words = {"type": "plain_text", "text": f":{sign}: {name}: {said}", "emoji": True}
            blocks.append({"type": "section", "block_id": f"home_test:{one.id}", "text": words, "accessory": test})
        else:
            blocks.append(rich(line(emoji(sign), text(f" {clip(one.title, 60)}", bold=True), text(f": {said}"))))
        about = small_dated(clip(one.detail, 240)) if one.detail else []
        if one.checked_at is not None:
            about.append(ours(f"{'· ' if about else ''}tested {small_moment(one.checked_at, '{ago}')}"))
        if about:
            blocks.append(context(*about))
    if len(found) > CONNECTIONS:
        blocks.append(context(plain(f"and {len(found) - CONNECTIONS} more in the admin")))
    return blocks


def _steps(steps: Sequence[SetUpStep], left: Sequence[SetUpStep]) -> list[Block]:
    done = len(steps) - len(left)
    lines = [
        line(emoji("white_check_mark"), text(f" {one.title}", strike=True))
        if one.is_done
        else line(emoji("white_circle"), text(f" {one.title}", bold=True), text(f": {one.how}"))
        for one in steps
    ]
    return [
        header(f"Set up: {done} of {len(steps)} done"),
        rich(*lines),
        actions(
            button("Connect something", "home_connect", "connect", style="primary", label="Choose what to connect"),
            block_id="home_connect",
        ),
    ]
