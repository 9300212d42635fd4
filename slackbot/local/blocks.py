"""What Slack allows in blocks, messages and views: the limits an app must keep, checked as Slack checks them."""

from slackbot.local.elements import (
    ELEMENTS,
    IMAGE,
    IN_ACTIONS,
    IN_CONTEXT_ACTIONS,
    IN_INPUT,
    IN_SECTION,
    SLACK_FILE,
    action_ids,
    element,
    mrkdwn,
    plain,
    text,
)
from slackbot.local.shapes import (
    Binding,
    Check,
    Findings,
    Json,
    address,
    anything,
    boolean,
    choice,
    exactly_one,
    items,
    number,
    record,
    string,
    typed,
    whole,
)

BLOCKS_IN_MESSAGE = 50
BLOCKS_IN_VIEW = 100
MARKDOWN_TOTAL = 12_000
TABLE_CHARACTERS = 10_000

_STYLE = record(
    {},
    dict.fromkeys(
        ("bold", "italic", "strike", "code", "underline", "highlight", "client_highlight", "unlink"), boolean
    ),
)


def _inline(**fields: Check) -> Check:
    return record({"type": anything, **fields}, {"style": _STYLE})


RICH_INLINE = typed(
    {
        "text": _inline(text=string(low=1)),
        "link": record({"type": anything, "url": address}, {"text": string(), "unsafe": boolean, "style": _STYLE}),
        "user": _inline(user_id=string(low=1)),
        "channel": _inline(channel_id=string(low=1)),
        "usergroup": _inline(usergroup_id=string(low=1)),
        "team": _inline(team_id=string(low=1)),
        "color": _inline(value=string(low=1)),
        "broadcast": _inline(range=choice("here", "channel", "everyone")),
        "emoji": record(
            {"type": anything, "name": string(low=1)},
            {"unicode": string(), "url": address, "skin_tone": whole(), "style": _STYLE},
        ),
        "date": record(
            {"type": anything, "timestamp": whole(), "format": string(low=1)},
            {"url": address, "fallback": string(), "style": _STYLE},
        ),
    },
    what="rich text element",
)
_LINES = items(RICH_INLINE)
_BORDER: dict[str, Check] = {"border": choice(0, 1)}
RICH_SECTION = record({"type": anything, "elements": _LINES})
RICH_TEXT = record(
    {
        "type": anything,
        "elements": items(
            typed(
                {
                    "rich_text_section": RICH_SECTION,
                    "rich_text_quote": record({"type": anything, "elements": _LINES}, _BORDER),
                    "rich_text_preformatted": record(
                        {"type": anything, "elements": _LINES}, {**_BORDER, "language": string()}
                    ),
                    "rich_text_list": record(
                        {
                            "type": anything,
                            "style": choice("bullet", "ordered"),
                            "elements": items(typed({"rich_text_section": RICH_SECTION}, what="list item")),
                        },
                        {**_BORDER, "indent": whole(low=0, high=8), "offset": whole(low=0)},
                    ),
                },
                what="rich text element",
            )
        ),
    },
    {"block_id": string(low=1, high=255)},
)
CELL = typed(
    {
        "raw_text": record({"type": anything, "text": string(low=1)}),
        "raw_number": record({"type": anything, "value": number, "text": string(low=1)}),
        "rich_text": RICH_TEXT,
    },
    what="cell type",
)


def _block(
    required: dict[str, Check] | None = None, optional: dict[str, Check] | None = None, also: Binding | None = None
) -> Check:
    return record(
        {"type": anything, **(required or {})}, {"block_id": string(low=1, high=255), **(optional or {})}, also=also
    )


def _text_or_fields(value: Json, pointer: str, findings: Findings) -> None:
    if value.get("text") is None and not value.get("fields"):
        findings.add(pointer, "must provide text or fields")


def _same_width(value: Json, pointer: str, findings: Findings) -> None:
    """Check that the rows of a table are equally long and its text is not too long in all."""
    rows = [row for row in value.get("rows") or [] if isinstance(row, list)]
    for index, row in enumerate(rows):
        if len(row) != len(rows[0]):
            findings.add(f"{pointer}/rows/{index}", f"must have {len(rows[0])} cells like the first row")
    written = sum(len(cell.get("text") or "") for row in rows for cell in row if isinstance(cell, dict))
    if written > TABLE_CHARACTERS:
        findings.add(f"{pointer}/rows", f"must be less than {TABLE_CHARACTERS + 1} characters in all cells")


_TASK = _block(
    {
        "task_id": string(low=1),
        "title": string(low=1),
        "status": choice("pending", "in_progress", "complete", "error"),
    },
    {
        "details": typed({"rich_text": RICH_TEXT}),
        "output": typed({"rich_text": RICH_TEXT}),
        "sources": items(element(("url",))),
    },
)
_CARD = _block(
    {},
    {
        "title": mrkdwn(150),
        "subtitle": mrkdwn(150),
        "body": mrkdwn(200),
        "icon": element(("image",)),
        "hero_image": element(("image",)),
        "actions": items(element(("button",)), low=1, high=3),
    },
)

BLOCKS: dict[str, Check] = {
    "section": _block(
        {},
        {
            "text": text(3000),
            "fields": items(text(2000), low=1, high=10),
            "accessory": element(IN_SECTION),
            "expand": boolean,
        },
        _text_or_fields,
    ),
    "header": _block({"text": plain(150)}, {"level": whole(low=1, high=4)}),
    "divider": _block(),
    "image": _block(
        {"alt_text": string(high=2000)},
        {"image_url": address, "slack_file": SLACK_FILE, "title": plain(2000)},
        exactly_one("image_url", "slack_file"),
    ),
    "actions": _block({"elements": items(element(IN_ACTIONS), low=1, high=25)}),
    "context": _block(
        {
            "elements": items(
                typed({"image": IMAGE, **{kind: text(2000) for kind in ("plain_text", "mrkdwn")}}), low=1, high=10
            )
        }
    ),
    "context_actions": _block({"elements": items(element(IN_CONTEXT_ACTIONS), low=1, high=5)}),
    "input": _block(
        {"label": plain(2000), "element": element(IN_INPUT)},
        {"hint": plain(2000), "optional": boolean, "dispatch_action": boolean},
    ),
    "markdown": _block({"text": string(low=1, high=MARKDOWN_TOTAL)}),
    "rich_text": RICH_TEXT,
    "table": _block(
        {"rows": items(items(CELL, low=1, high=20), low=1, high=100)},
        {
            "column_settings": items(
                record({}, {"align": choice("left", "center", "right"), "is_wrapped": boolean}), high=20
            )
        },
        _same_width,
    ),
    "data_table": _block(
        {"caption": string(low=1), "rows": items(items(CELL, low=1, high=20), low=1, high=101)},
        {"page_size": whole(low=1, high=100), "row_header_column_index": whole(low=0, high=19)},
        _same_width,
    ),
    "file": _block({"external_id": string(low=1), "source": choice("remote")}),
    "video": _block(
        {"alt_text": string(low=1), "title": plain(200), "video_url": address, "thumbnail_url": address},
        {
            "title_url": address,
            "description": plain(200),
            "provider_icon_url": address,
            "provider_name": string(),
            "author_name": string(high=50),
        },
    ),
    "task_card": _TASK,
    "plan": _block({"title": string(low=1)}, {"tasks": items(typed({"task_card": _TASK}), high=50)}),
    "card": _CARD,
    "carousel": _block({"elements": items(typed({"card": _CARD}), low=1, high=10)}),
    "alert": _block({"text": text(200)}, {"level": choice("default", "info", "warning", "error", "success")}),
}
BLOCKS["container"] = _block(
    {
        "child_blocks": items(
            typed(
                {
                    kind: BLOCKS[kind]
                    for kind in (
                        "actions", "context", "divider", "file", "header", "image", "input", "rich_text",
                        "section", "table", "video",
                    )
                },
                what="block type",
            ),
            low=1,
            high=10,
        )
    },
    {
        "title": plain(150),
        "subtitle": text(150),
        "icon": element(("image",)),
        "rich_text_title": typed({"rich_text": RICH_TEXT}),
        "width": choice("narrow", "standard", "wide", "full"),
        "default_collapsed": boolean,
        "is_collapsible": boolean,
        "has_header_divider": boolean,
    },
)  # fmt: skip

IN_MESSAGE = typed({kind: check for kind, check in BLOCKS.items() if kind != "alert"}, what="block type")
IN_MODAL = typed(
    {kind: check for kind, check in BLOCKS.items() if kind not in ("context_actions", "file", "task_card", "plan")},
    what="block type",
)


def _unique_ids(blocks: object, pointer: str, findings: Findings) -> None:
    """Check that no block_id is used twice, and no action_id twice in a block."""
    seen: set[str] = set()
    for index, block in enumerate(blocks if isinstance(blocks, list) else []):
        if not isinstance(block, dict):
            continue
        identifier = block.get("block_id")
        if isinstance(identifier, str):
            if identifier in seen:
                findings.add(f"{pointer}/{index}/block_id", f'`block_id` "{identifier}" already exists')
            seen.add(identifier)
        actions: set[str] = set()
        for place, action in action_ids(block):
            if action in actions:
                findings.add(
                    f"{pointer}/{index}{place}",
                    f'`action_id` "{action}" already exists for another element in the block',
                )
            actions.add(action)


def check_message_blocks(blocks: object) -> list[str]:
    """Return what Slack would find wrong with a message's blocks."""
    findings = Findings()
    items(IN_MESSAGE, high=BLOCKS_IN_MESSAGE)(blocks, "/blocks", findings)
    _unique_ids(blocks, "/blocks", findings)
    if isinstance(blocks, list):
        for kind, most in (("table", 1), ("data_table", 2)):
            used = [
                index for index, block in enumerate(blocks) if isinstance(block, dict) and block.get("type") == kind
            ]
            if len(used) > most:
                findings.add(f"/blocks/{used[most]}", f"no more than {most} {kind} blocks allowed in a message")
    return findings.messages


def markdown_length(blocks: list[Json]) -> int:
    """Return the characters of all markdown blocks together, which Slack limits to 12,000."""
    return sum(len(block.get("text") or "") for block in blocks if block.get("type") == "markdown")


_VIEW_TEXTS: dict[str, Check] = {"title": plain(24), "submit": plain(24), "close": plain(24)}
_VIEW_FIELDS: dict[str, Check] = {
    "private_metadata": string(high=3000),
    "callback_id": string(high=255),
    "external_id": string(high=255),
}


def _submit_for_inputs(value: Json, pointer: str, findings: Findings) -> None:
    blocks = value.get("blocks")
    has_input = isinstance(blocks, list) and any(
        isinstance(block, dict) and block.get("type") == "input" for block in blocks
    )
    if has_input and value.get("submit") is None:
        findings.add(pointer, "missing required field: submit (the view has input blocks)")


_VIEW = typed(
    {
        "modal": record(
            {"type": anything, "title": plain(24), "blocks": items(IN_MODAL, high=BLOCKS_IN_VIEW)},
            {
                **_VIEW_TEXTS,
                **_VIEW_FIELDS,
                "clear_on_close": boolean,
                "notify_on_close": boolean,
                "submit_disabled": boolean,
            },
            also=_submit_for_inputs,
        ),
        "home": record(
            {"type": anything, "blocks": items(IN_MODAL, high=BLOCKS_IN_VIEW)},
            {**_VIEW_TEXTS, **_VIEW_FIELDS},
        ),
    },
    what="view type",
)


def check_view(view: object) -> list[str]:
    """Return what Slack would find wrong with a modal or App Home view."""
    findings = Findings()
    _VIEW(view, "/view", findings)
    if isinstance(view, dict):
        _unique_ids(view.get("blocks"), "/view/blocks", findings)
    return findings.messages


__all__ = ["BLOCKS", "ELEMENTS", "check_message_blocks", "check_view", "markdown_length"]
