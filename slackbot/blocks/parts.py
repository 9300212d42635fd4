"""The small words of Block Kit that all our messages are built from: within Slack's limits, and deaf to what outsiders write.

Text from outside goes into rich text or plain text alone, where Slack parses neither mentions, links nor formatting. Markup
(`mrkdwn`) is used for our own words only.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from slackbot.wording import clip, utc

Block = dict[str, Any]
Element = dict[str, Any]

HEADER_LIMIT = 150
CONTEXT_LIMIT = 2000
BUTTON_LIMIT = 75
OPTION_LIMIT = 75
TITLE_LIMIT = 24
LINK_LIMIT = 2000
_TIME = re.compile(r"\b(?P<minute>\d{4}-\d\d-\d\d \d\d:\d\d)(?P<second>:\d\d)? UTC\b", re.ASCII)


def escape(text: str) -> str:
    """Return the text with the three characters escaped that open mentions, links and entities in Slack's markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescape(text: str) -> str:
    """Return text that Slack sends as it was typed: in messages and commands the same three characters come escaped."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def fallback(text: str, limit: int = 3000) -> str:
    """Return the text for a message's `text`: one line, escaped, within the limit of an edit."""
    # Escaping grows a text at most fivefold; cutting first keeps entities whole.
    return escape(clip(text, limit // 5 if any(mark in text for mark in "&<>") else limit)) or "–"


def safe_link(url: str) -> str:
    """Return the URL where it is a web address that Slack takes, else nothing."""
    if (
        not url
        or len(url) > LINK_LIMIT
        or any(character in url for character in ' <>|"\\^`{}\n\t\r')
        or not url.isprintable()
    ):
        return ""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return ""
    return url if parts.scheme in {"http", "https"} and parts.hostname else ""


# Rich text -----------------------------------------------------------------------------------------------------------


def text(words: str, *, bold: bool = False, italic: bool = False, code: bool = False, strike: bool = False) -> Element:
    """Return a run of rich text; what is in it is shown as it stands."""
    style = {
        name: True
        for name, wanted in (("bold", bold), ("italic", italic), ("code", code), ("strike", strike))
        if wanted
    }
    return {"type": "text", "text": words, **({"style": style} if style else {})}


def link(url: str, words: str, *, bold: bool = False) -> Element:
    """Return a link, or the bare words where the URL is none that we follow."""
    target = safe_link(url)
    if not target:
        return text(words, bold=bold)
    return {"type": "link", "url": target, "text": words or target, **({"style": {"bold": True}} if bold else {})}


def emoji(name: str) -> Element:
    """Return one of Slack's own emoji."""
    return {"type": "emoji", "name": name}


def moment(at: datetime, form: str = "{time}") -> Element:
    """Return a time that each reader sees in their own time zone."""
    return {"type": "date", "timestamp": int(at.timestamp()), "format": form, "fallback": utc(at)}


def coded(words: str) -> list[Element]:
    """Return words in which what stands between backticks is shown as code; still nothing in them is parsed by Slack."""
    return [text(run, code=bool(place % 2)) for place, run in enumerate(words.split("`"))]


def dated(words: str) -> list[Element]:
    """Return words with the times in them, `2026-11-20 14:02 UTC`, as each reader's own."""
    elements: list[Element] = []
    done = 0
    for found in _TIME.finditer(words):
        try:
            at = datetime.fromisoformat(f"{found['minute']}{found['second'] or ''}+00:00")
        except ValueError:
            continue
        form = "{date_short_pretty} {time_secs}" if found["second"] else "{date_short_pretty} {time}"
        elements += [text(words[done : found.start()]), moment(at, form)]
        done = found.end()
    return [*elements, text(words[done:])]


def line(*elements: Element) -> Element:
    """Return a paragraph of rich text; empty runs are left out, as Slack refuses them."""
    kept = [element for element in elements if element["type"] != "text" or element["text"]]
    return {"type": "rich_text_section", "elements": kept or [text(" ")]}


def bullets(*lines: Element) -> Element:
    """Return a bulleted list of paragraphs."""
    return {"type": "rich_text_list", "style": "bullet", "elements": list(lines)}


def rich(*parts: Element, block_id: str = "") -> Block:
    """Return a rich text block."""
    return {"type": "rich_text", "elements": list(parts), **({"block_id": block_id} if block_id else {})}


# Windows -------------------------------------------------------------------------------------------------------------


def label(words: str, limit: int = 2000) -> Element:
    """Return the plain text of a title, a label or an option."""
    return {"type": "plain_text", "text": clip(words, limit) or "–", "emoji": True}


def option(words: str, value: str, description: str = "") -> Element:
    """Return one choice of a menu or of radio buttons; `value` holds an id or a word of ours."""
    made: Element = {"text": label(words, OPTION_LIMIT), "value": value}
    if description:
        made["description"] = label(description, OPTION_LIMIT)
    return made


def entry(block_id: str, asked: str, element: Element, *, optional: bool = False, hint: str = "") -> Block:
    """Return a field to fill in; its element's `action_id` is the block's."""
    made: Block = {
        "type": "input",
        "block_id": block_id,
        "label": label(asked),
        "element": {**element, "action_id": block_id},
        "optional": optional,
    }
    if hint:
        made["hint"] = label(hint)
    return made


def modal(
    callback_id: str, title: str, blocks: list[Block], *, submit: str = "", close: str = "Cancel", private: str = ""
) -> Block:
    """Return a window; with `submit` it is a form. `private` comes back with what is entered."""
    made: Block = {
        "type": "modal",
        "callback_id": callback_id,
        "title": label(title, TITLE_LIMIT),
        "close": label(close, TITLE_LIMIT),
        "blocks": blocks,
    }
    if submit:
        made["submit"] = label(submit, TITLE_LIMIT)
    if private:
        made["private_metadata"] = private
    return made


# Other blocks --------------------------------------------------------------------------------------------------------


def header(words: str) -> Block:
    """Return a header."""
    return {"type": "header", "text": {"type": "plain_text", "text": clip(words, HEADER_LIMIT) or "–", "emoji": True}}


def divider() -> Block:
    """Return a thin line."""
    return {"type": "divider"}


def plain(words: str) -> Element:
    """Return small grey text that is shown as it stands; for text from outside."""
    return {"type": "plain_text", "text": clip(words, 600) or "–", "emoji": False}


def ours(words: str) -> Element:
    """Return small grey marked-up text; for our own words, times and checked links alone."""
    return {"type": "mrkdwn", "text": words[:CONTEXT_LIMIT] or "–", "verbatim": True}


def context(*elements: Element) -> Block:
    """Return a line of small grey text."""
    return {"type": "context", "elements": list(elements[:10])}


def small_moment(at: datetime, form: str = "{time}") -> str:
    """Return a time in markup, in the reader's zone."""
    return f"<!date^{int(at.timestamp())}^{form}|{utc(at)}>"


def small_link(url: str, words: str) -> str:
    """Return a link in markup with our own words, or the words alone."""
    target = safe_link(url)
    return f"<{target.replace('&', '&amp;')}|{words}>" if target else words


def small_dated(words: str) -> list[Element]:
    """Return small words as they stand, with the times in them as each reader's own; at most eight pieces."""
    pieces = [
        ours(small_moment(datetime.fromtimestamp(one["timestamp"], tz=UTC), one["format"]))
        if one["type"] == "date"
        else plain(one["text"])
        for one in dated(words)
        if one["type"] == "date" or one["text"].strip()
    ]
    return pieces if len(pieces) <= 8 else [plain(words)]


def button(words: str, action_id: str, value: str, *, style: str = "", label: str = "") -> Element:
    """Return a button; `value` holds an id and nothing else, `label` is what a screen reader says."""
    made: Element = {
        "type": "button",
        "action_id": action_id,
        "text": {"type": "plain_text", "text": clip(words, BUTTON_LIMIT), "emoji": True},
        "value": value,
    }
    if style:
        made["style"] = style
    if label:
        made["accessibility_label"] = clip(label, BUTTON_LIMIT)
    return made


def link_button(words: str, action_id: str, url: str, *, label: str) -> Element:
    """Return a button that opens a web address; the caller has checked it with `safe_link`."""
    return {
        "type": "button",
        "action_id": action_id,
        "text": {"type": "plain_text", "text": clip(words, BUTTON_LIMIT), "emoji": True},
        "url": url,
        "accessibility_label": clip(label, BUTTON_LIMIT),
    }


def actions(*elements: Element, block_id: str) -> Block:
    """Return a row of buttons."""
    return {"type": "actions", "block_id": block_id, "elements": list(elements)}
