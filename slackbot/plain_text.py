"""Block Kit as plain text, near enough to what a person sees."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

_DATE = re.compile(r"<!date\^(\d+)\^([^|^>]*)(?:\^[^|>]*)?\|([^>]*)>")
_LINK = re.compile(r"<(https?://[^|>]+)(?:\|([^>]*))?>")
EMOJI = {
    "white_check_mark": "✅",
    "hourglass_flowing_sand": "⏳",
    "warning": "⚠️",
    "x": "❌",
    "link": "🔗",
    "mag": "🔍",
    "repeat": "🔁",
    "grey_question": "❔",
    "white_circle": "⚪",
    "leftwards_arrow_with_hook": "↩️",
}


def message_text(message: dict[str, Any]) -> str:
    """Return what a message shows: its blocks where it has any, else its text, and the names of its files."""
    blocks = message.get("blocks") or []
    lines = [block_text(block) for block in blocks] if blocks else [_markup(str(message.get("text") or ""))]
    for file in message.get("files") or []:
        alt = str(file.get("alt_txt") or "")
        sort = "picture" if str(file.get("mimetype") or "image/").startswith("image/") else "file"
        lines.append(f"[{sort}] {file.get('title') or file.get('name')}" + (f"\n  {alt}" if alt else ""))
    return "\n".join(line for line in lines if line)


def block_text(block: dict[str, Any]) -> str:
    """Return one block's words."""
    kind = block.get("type")
    if kind == "header":
        return f"{block['text']['text']}\n" + "─" * min(72, len(block["text"]["text"]) + 1)
    if kind == "divider":
        return "─" * 40
    if kind == "rich_text":
        return "\n".join(_rich(element) for element in block.get("elements") or [])
    if kind in {"context", "section"}:
        parts = [block["text"]] if block.get("text") else []
        parts += [*(block.get("fields") or []), *(block.get("elements") or [])]
        return "  ".join([*(_object(part) for part in parts), *_accessory(block.get("accessory") or {})])
    if kind == "actions":
        return "  ".join(
            f"[ {element['text']['text']} ]" for element in block.get("elements") or [] if "text" in element
        )
    if kind == "data_table":
        _, *rows = block["rows"]
        return "\n".join((block["caption"], *(f"  {'  ·  '.join(_cell(cell) for cell in row)}" for row in rows)))
    if kind == "image":
        return f"[picture] {block.get('alt_text', '')}"
    return ""


def _cell(cell: dict[str, Any]) -> str:
    return block_text(cell) if cell.get("type") == "rich_text" else str(cell.get("text") or "")


def _accessory(element: dict[str, Any]) -> list[str]:
    if element.get("type") == "overflow":
        return [f"[ {' / '.join(one['text']['text'] for one in element.get('options') or [])} ]"]
    shown = element.get("text") or element.get("placeholder") or {}
    return [f"[ {shown['text']} ]"] if shown.get("text") and element.get("type") != "image" else []


def _object(part: dict[str, Any]) -> str:
    words = str(part.get("text") or part.get("alt_text") or "")
    return _markup(words) if part.get("type") == "mrkdwn" else words


def _markup(words: str) -> str:
    def dated(match: re.Match[str]) -> str:
        return _moment(int(match.group(1)), match.group(2))

    words = _DATE.sub(dated, words)
    words = _LINK.sub(lambda match: match.group(2) or match.group(1), words)
    words = re.sub(r"(?<![\w*])\*([^*\n]+)\*(?![\w*])", r"\1", words)
    return words.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _rich(element: dict[str, Any]) -> str:
    kind = element.get("type")
    if kind == "rich_text_list":
        numbered = element.get("style") == "ordered"
        lines = element.get("elements") or []
        return "\n".join(f"  {f'{n}.' if numbered else '•'} {_rich(one)}" for n, one in enumerate(lines, start=1))
    return "".join(_inline(one) for one in element.get("elements") or [])


def _inline(element: dict[str, Any]) -> str:
    kind = element.get("type")
    if kind == "emoji":
        return EMOJI.get(element["name"], f":{element['name']}:")
    if kind == "link":
        return str(element.get("text") or element["url"])
    if kind == "date":
        return _moment(int(element["timestamp"]), element["format"])
    if kind == "user":
        return f"@{element['user_id']}"
    return str(element.get("text") or "")


def _moment(timestamp: int, form: str) -> str:
    at = datetime.fromtimestamp(timestamp, tz=UTC)
    shown = [f"{at:%Y-%m-%d}"] if "date" in form else []
    if "time" in form or not shown:
        shown.append(f"{at:%H:%M:%S} UTC" if "time_secs" in form else f"{at:%H:%M} UTC")
    return " ".join(shown)
