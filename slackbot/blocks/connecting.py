"""The windows of `/sre connect`: choose what to connect, enter how to reach it, see whether it works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slackbot.blocks.parts import (
    Block,
    Element,
    actions,
    bullets,
    button,
    context,
    emoji,
    entry,
    fallback,
    label,
    line,
    link_button,
    modal,
    option,
    ours,
    rich,
    safe_link,
    text,
)
from slackbot.wording import clip

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LONGEST_VALUE = 3000
TRUE = "yes"
RESULT = "result"
OUTCOMES = {True: "It works", False: "It does not work yet", None: "It waits for a first webhook"}


@dataclass(frozen=True, slots=True)
class Choice:
    """Hold something that can be connected, and how it stands: `health` is empty where it is not connected."""

    kind: str
    title: str
    health: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """Hold one value that a connection needs; `shape` is text, list, lines, secret, secret lines, number or flag."""

    name: str
    title: str
    hint: str
    shape: str
    is_required: bool
    value: str = ""
    is_stored: bool = False


def choose_modal(choices: Sequence[Choice], *, channel: str = "") -> Block:
    """Return the window that asks what to connect, and says what is connected; it keeps where it was asked for."""
    connected = [one for one in choices if one.health]
    blocks: list[Block] = []
    if connected:
        blocks.append(
            rich(
                line(text("Connected", bold=True)),
                bullets(*(line(text(clip(one.title, 60)), text(f": {clip(one.health, 200)}")) for one in connected)),
            )
        )
    menu: Element = {
        "type": "static_select",
        "action_id": "connect_kind",
        "placeholder": label("Choose what to connect"),
        "options": [option(one.title, one.kind, "change it" if one.health else "") for one in choices],
    }
    blocks.append({"type": "actions", "block_id": "connect_kind", "elements": [menu]})
    return modal("connect_choose", "Connect", blocks, close="Close", private=channel)


def form_modal(kind: str, title: str, fields: Sequence[Field], *, page: str) -> Block:
    """Return the form of one kind of connection; `page` is where secrets are hidden while they are entered, if any are."""
    said = "What you enter is sealed and never shown again."
    blocks: list[Block] = [context(ours(said))]
    if safe_link(page):
        hint = (
            f"{said} Slack does not hide secrets while you type; the page does. Its link works once, for ten minutes."
        )
        label = f"Enter what {clip(title, 30)} needs in your browser"
        button_ = {**link_button("Enter it in your browser", "connect_page", page, label=label), "style": "primary"}
        blocks = [context(ours(hint)), actions(button_, block_id="connect_page")]
    blocks.extend(_entry(one) for one in fields[:90])
    return modal("connect", f"Connect {title}", blocks, submit="Connect", private=kind)


def _entry(field: Field) -> Block:
    hint = clip(field.hint, 300)
    if field.is_stored:
        hint = f"{hint} Set already: leave empty to keep it.".strip()
    if field.shape == "flag":
        yes = option("Yes", TRUE)
        boxes: Element = {"type": "checkboxes", "options": [yes]}
        if field.value == TRUE:
            boxes["initial_options"] = [yes]
        return entry(field.name, field.title, boxes, optional=True, hint=hint)
    box: Element
    if field.shape == "number":
        box = {"type": "number_input", "is_decimal_allowed": False}
    else:
        box = {"type": "plain_text_input", "multiline": field.shape.endswith("lines"), "max_length": LONGEST_VALUE}
    if field.value and not field.shape.startswith("secret"):
        box["initial_value"] = field.value[:LONGEST_VALUE]
    return entry(field.name, field.title, box, optional=not field.is_required or field.is_stored, hint=hint)


def connected_modal(title: str, connection_id: str, *, webhook_url: str, generated: Mapping[str, str]) -> Block:
    """Return what connecting gave: the webhook's address and secrets that were made; the test is under way."""
    blocks: list[Block] = [rich(line(text(f"{clip(title, 60)} is connected.", bold=True)))]
    if webhook_url:
        blocks.append(rich(line(text("Webhook address, to be entered there: ")), line(text(webhook_url, code=True))))
    if generated:
        blocks.append(
            rich(
                line(text("Made for you, shown this once:")),
                bullets(*(line(text(f"{name}: "), text(value, code=True)) for name, value in generated.items())),
            )
        )
    blocks.append(_result("", works=None))
    blocks.append(
        actions(
            button("Test again", "connect_test", connection_id, label=f"Test the connection to {title} again"),
            block_id="connect_test",
        )
    )
    return modal("connected", f"Connect {title}", blocks, close="Done")


def told_message(title: str, *, works: bool | None, detail: str) -> tuple[list[Block], str]:
    """Return what the person is told in Slack who connected something on the page; None where only what comes in can tell."""
    said = f"{clip(title, 60)} is connected by the form that you asked for."
    detail = detail or ("" if works is not None else "/sre connect tells when it came")
    blocks = [rich(line(text(said))), _result(detail, works=works)]
    return blocks, fallback(f"{said} {OUTCOMES[works]}{f': {clip(detail, 600)}' if detail else '.'}")


def with_result(view: Mapping[str, Any], *, works: bool | None, detail: str = "") -> Block:
    """Return a window of `connected_modal`, as Slack sends it back, with the test's outcome in it.

    `works` is None while it runs, and with a detail where only what comes in can tell.
    """
    blocks = [
        _result(detail, works=works) if one.get("block_id") == RESULT else one for one in view.get("blocks") or []
    ]
    return {name: view[name] for name in ("type", "callback_id", "title", "close") if name in view} | {"blocks": blocks}


def _result(detail: str, *, works: bool | None) -> Block:
    if works is None and not detail:
        return rich(line(emoji("hourglass_flowing_sand"), text(" Testing the connection…")), block_id=RESULT)
    sign = emoji({True: "white_check_mark", False: "x", None: "hourglass_flowing_sand"}[works])
    return rich(
        line(sign, text(f" {OUTCOMES[works]}", bold=True), text(f": {clip(detail, 600)}" if detail else ".")),
        block_id=RESULT,
    )


__all__ = [
    "TRUE",
    "Choice",
    "Field",
    "choose_modal",
    "connected_modal",
    "form_modal",
    "told_message",
    "with_result",
]
