"""Messages that grow while an app writes them: chunks of text, tasks of a plan, and blocks."""

from slackbot.local.blocks import check_message_blocks
from slackbot.local.content import with_ids
from slackbot.local.elements import element
from slackbot.local.errors import SlackError
from slackbot.local.model import Json
from slackbot.local.shapes import Findings, anything, choice, items, record, string, typed

MARKDOWN_LIMIT = 12_000
PLAN = "stream_plan"
CHUNK = typed(
    {
        "markdown_text": record({"type": anything, "text": string(low=1, high=MARKDOWN_LIMIT)}),
        "plan_update": record({"type": anything, "title": string(low=1)}),
        "task_update": record(
            {
                "type": anything,
                "id": string(low=1),
                "title": string(low=1),
                "status": choice("pending", "in_progress", "complete", "error"),
            },
            {"details": string(), "output": string(), "sources": items(element(("url",)))},
        ),
        "blocks": record({"type": anything, "blocks": items(anything, low=1)}),
    },
    what="chunk type",
)


def grow(body: Json, *, markdown: str | None, chunks: object) -> None:
    """Add to a streaming message what an app sends.

    :raises SlackError: invalid_chunks or invalid_blocks with the places.
    """
    if chunks is not None:
        findings = Findings()
        items(CHUNK)(chunks, "/chunks", findings)
        if findings.messages:
            raise SlackError("invalid_chunks", messages=findings.messages)
    blocks: list[Json] = list(body.get("blocks") or [])
    if markdown:
        _write(blocks, markdown)
    for chunk in chunks if isinstance(chunks, list) else []:
        if chunk["type"] == "markdown_text":
            _write(blocks, chunk["text"])
        elif chunk["type"] == "blocks":
            blocks.extend(chunk["blocks"])
        else:
            _plan(blocks, chunk, display=str(body.get("task_display_mode") or "timeline"))
    checked = [block for block in blocks if block.get("block_id") != PLAN]
    if mistakes := check_message_blocks(checked):
        raise SlackError("invalid_blocks", messages=mistakes)
    body["blocks"] = with_ids(blocks)


def _write(blocks: list[Json], text: str) -> None:
    """Append text to the last block where that is text, else begin one."""
    if blocks and blocks[-1].get("type") == "markdown":
        blocks[-1] = {**blocks[-1], "text": blocks[-1]["text"] + text}
    else:
        blocks.append({"type": "markdown", "text": text})


def _plan(blocks: list[Json], chunk: Json, *, display: str) -> None:
    place = next((at for at, block in enumerate(blocks) if block.get("block_id") == PLAN), None)
    title = "Plan" if display == "plan" else "Steps"
    plan: Json = (
        {"type": "plan", "block_id": PLAN, "title": title, "tasks": []} if place is None else dict(blocks[place])
    )
    if chunk["type"] == "plan_update":
        plan["title"] = chunk["title"]
    else:
        task = {"type": "task_card", "task_id": chunk["id"], "title": chunk["title"], "status": chunk["status"]}
        for name in ("details", "output"):
            if chunk.get(name):
                task[name] = _rich(chunk[name])
        if chunk.get("sources"):
            task["sources"] = chunk["sources"]
        tasks = [one for one in plan["tasks"] if one["task_id"] != chunk["id"]]
        at = next((at for at, one in enumerate(plan["tasks"]) if one["task_id"] == chunk["id"]), len(tasks))
        plan["tasks"] = [*tasks[:at], task, *tasks[at:]]
    if place is None:
        blocks.insert(0, plan)
    else:
        blocks[place] = plan


def _rich(text: str) -> Json:
    return {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}],
    }
