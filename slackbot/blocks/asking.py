"""The windows that ask for what would be worse to type: which service, what to judge, which channel."""

from __future__ import annotations

import json
from calendar import day_name
from typing import TYPE_CHECKING

from slackbot.blocks import words
from slackbot.blocks.parts import Block, Element, entry, label, line, modal, option, rich, text
from slackbot.wording import clip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot.knowledge.briefing import Briefing

AS_WRITTEN = "as written"
NO_DAY = "none"
MOST_SERVICES = 100
WORDS_LIMIT = 2000
JUDGEMENTS = (("up", "👍 Helpful"), ("down", "👎 Not it"), ("confirm", "✓ This was it"))


def which_service_modal(said: str, closest: Sequence[tuple[int, str]], *, anew: bool = False) -> Block:
    """Return the window that asks what was meant, as no service is called so; `closest` holds ids and names."""
    options = [option(name, str(key), "closest" if place == 0 else "") for place, (key, name) in enumerate(closest)]
    options.append(option(f"As I wrote it: “{clip(said, 40)}”", AS_WRITTEN, "for no service in particular"))
    chips: Element = {"type": "radio_buttons", "options": options, "initial_option": options[0]}
    return modal(
        "which_service",
        "Which service?",
        [
            rich(
                line(text("No service is called "), text(clip(said, 300), bold=True), text(". What shall I look at?"))
            ),
            entry("service", "Investigate", chips),
        ],
        submit="Investigate",
        private=json.dumps({"words": clip(said, 500), "anew": anew}, ensure_ascii=False),
    )


def investigate_modal(services: Sequence[tuple[int, str]]) -> Block:
    """Return the window that asks what to look at: a service, or a few words about what is wrong."""
    blocks: list[Block] = []
    if services:
        menu: Element = {
            "type": "static_select",
            "options": [option(name, str(key)) for key, name in services[:MOST_SERVICES]],
            "placeholder": label("Choose a service"),
        }
        blocks.append(entry("service", "Service", menu, optional=True))
    box: Element = {
        "type": "plain_text_input",
        "max_length": 500,
        "placeholder": label("e.g. customers in the EU cannot pay since noon"),
    }
    blocks.append(entry("words", "What is wrong?", box, optional=bool(services)))
    again: Element = {"type": "checkboxes", "options": [option("Open a new incident even where one is open", "anew")]}
    blocks.append(entry("anew", "Another incident of this service", again, optional=True))
    return modal("investigate", "Investigate", blocks, submit="Investigate")


def feedback_modal(briefing: Briefing, reasons: Sequence[tuple[str, str]]) -> Block:
    """Return the window that asks for a verdict on one of an incident's hypotheses."""
    hypotheses = [
        option(f"{one.rank}. {clip(one.statement, 70)}", str(one.id), words.interval(one.low, one.high))
        for one in briefing.hypotheses[: words.MOST_HYPOTHESES]
    ]
    which: Element = {"type": "radio_buttons", "options": hypotheses, "initial_option": hypotheses[0]}
    verdict: Element = {"type": "radio_buttons", "options": [option(said, value) for value, said in JUDGEMENTS]}
    why: Element = {
        "type": "static_select",
        "options": [option(said, value) for value, said in reasons],
        "placeholder": label("Only for 👎"),
    }
    box: Element = {"type": "plain_text_input", "multiline": True, "max_length": WORDS_LIMIT}
    return modal(
        "feedback",
        f"Judge {words.name(briefing)}",
        [
            entry("hypothesis", "Hypothesis", which),
            entry("verdict", "Your verdict", verdict),
            entry("reason", "Reason", why, optional=True),
            entry("words", "In your words", box, optional=True),
        ],
        submit="Save",
        private=str(briefing.incident_id),
    )


def link_modal(services: Sequence[tuple[int, str]], *, chosen: int | None = None, here: str = "") -> Block:
    """Return the window that asks in which channel a service's incidents are shown; `here` is a channel's id."""
    options = [option(name, str(key)) for key, name in services[:MOST_SERVICES]]
    menu: Element = {"type": "static_select", "options": options, "placeholder": label("Choose a service")}
    initial = next((one for one in options if one["value"] == str(chosen)), None)
    if initial:
        menu["initial_option"] = initial
    channels: Element = {
        "type": "conversations_select",
        "placeholder": label("Choose a channel"),
        "filter": {"include": ["public", "private"], "exclude_bot_users": True},
    }
    if here.startswith(("C", "G")):
        channels["initial_conversation"] = here
    return modal(
        "link",
        "Incidents' channel",
        [
            entry("service", "Service", menu),
            entry("channel", "Channel", channels, hint="A private channel: invite the bot to it."),
        ],
        submit="Link",
    )


def digest_modal(*, day: int | None, hour: int, zone: str, channel: str) -> Block:
    """Return the window that asks when the weekly digest comes, if at all; `day` counts from Monday, 0."""
    days = [option("No digest", NO_DAY), *(option(f"{name}s", str(number)) for number, name in enumerate(day_name))]
    hours = [option(f"{one:02}:00", str(one)) for one in range(24)]
    where = f"It is posted in #{channel.lstrip('#')}." if channel else "No default channel is set: it cannot be posted."
    return modal(
        "digest",
        "Weekly digest",
        [
            rich(line(text(f"The last seven days in numbers, once a week. {where} A quiet week is not told."))),
            entry("day", "Day", {
                "type": "static_select", "options": days,
                "initial_option": days[0] if day is None else days[day + 1],
            }),
            entry("hour", "From", {"type": "static_select", "options": hours, "initial_option": hours[hour]}),
            entry(
                "zone",
                "Time zone",
                {"type": "plain_text_input", "initial_value": zone, "max_length": 64},
                hint="As IANA calls it: Europe/Berlin, America/New_York, UTC.",
            ),
        ],
        submit="Save",
    )  # fmt: skip


__all__ = [
    "AS_WRITTEN",
    "NO_DAY",
    "digest_modal",
    "feedback_modal",
    "investigate_modal",
    "link_modal",
    "which_service_modal",
]
