"""Take a message's or view's content from an app: check it, and give blocks and elements the ids Slack gives them."""

import copy
import json
from collections.abc import Iterator

from slackbot.local.blocks import MARKDOWN_TOTAL, check_message_blocks, check_view, markdown_length
from slackbot.local.elements import ELEMENTS
from slackbot.local.errors import SlackError
from slackbot.local.identity import random_text
from slackbot.local.model import Json
from slackbot.local.workspace import Workspace

TEXT_LIMIT = 40_000
UPDATE_TEXT_LIMIT = 4_000
VIEW_BYTES = 250_000
INTERACTIVE = frozenset(ELEMENTS) - {"image", "url"}


def walk_elements(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Yield every interactive element with the block it stands in."""
    for block in blocks:
        parts = [block.get("accessory"), block.get("element")]
        parts += [*(block.get("elements") or []), *(block.get("actions") or [])]
        for part in parts:
            if isinstance(part, dict) and part.get("type") in INTERACTIVE:
                yield block, part
        if block.get("type") in ("container", "carousel"):
            yield from walk_elements(block.get("child_blocks") or block.get("elements") or [])


def with_ids(blocks: list[Json]) -> list[Json]:
    """Return the blocks with a block_id and action_id wherever the app left one out."""
    given = copy.deepcopy(blocks)
    for block in given:
        block.setdefault("block_id", random_text(5))
    for block, element in walk_elements(given):
        block.setdefault("block_id", random_text(5))
        element.setdefault("action_id", random_text(5))
    return given


def _check_files(workspace: Workspace, blocks: list[Json]) -> None:
    """Check that images which name an uploaded file name one of this workspace."""
    for index, block in enumerate(blocks):
        file = block.get("slack_file")
        if isinstance(file, dict) and find_file(workspace, file) is None:
            raise SlackError(
                "invalid_blocks", messages=[f"invalid slack file [json-pointer:/blocks/{index}/slack_file]"]
            )


def find_file(workspace: Workspace, file: Json) -> Json | None:
    """Return the uploaded file that a `slack_file` names by id or address."""
    for stored in workspace.files.values():
        if stored.body is None:
            continue
        if file.get("id") == stored.id or file.get("url") in (
            stored.body["url_private"], stored.body["permalink"], stored.body["url_private_download"]
        ):  # fmt: skip
            return stored.body
    return None


def message_content(
    workspace: Workspace, *, text: str | None, blocks: object, attachments: object = None, limit: int = TEXT_LIMIT
) -> Json:
    """Return text, blocks and attachments as a message keeps them.

    :raises SlackError: no_text, msg_too_long, invalid_blocks, msg_blocks_too_long, invalid_attachments.
    """
    content: Json = {"text": text or ""}
    if blocks is not None and blocks != []:
        if not isinstance(blocks, list):
            raise SlackError("invalid_blocks_format", messages=["must provide an array [json-pointer:/blocks]"])
        if mistakes := check_message_blocks(blocks):
            raise SlackError("invalid_blocks", messages=mistakes)
        if markdown_length(blocks) > MARKDOWN_TOTAL:
            raise SlackError("msg_blocks_too_long")
        _check_files(workspace, blocks)
        content["blocks"] = with_ids(blocks)
    if attachments:
        if not isinstance(attachments, list) or not all(isinstance(part, dict) for part in attachments):
            raise SlackError("invalid_attachments")
        if len(attachments) > 100:
            raise SlackError("too_many_attachments")
        content["attachments"] = attachments
    if not content["text"] and "blocks" not in content and "attachments" not in content:
        raise SlackError("no_text")
    if len(content["text"]) > limit:
        raise SlackError("msg_too_long")
    return content


def message_metadata(metadata: object) -> Json | None:
    """Return a message's metadata.

    :raises SlackError: it lacks a type, or its payload is not an object.
    """
    if metadata in (None, "", {}):
        return None
    if isinstance(metadata, dict) and "event_type" not in metadata and "entities" in metadata:
        return metadata
    if not isinstance(metadata, dict) or not isinstance(metadata.get("event_type"), str):
        raise SlackError(
            "invalid_metadata_format", messages=["missing required field: event_type [json-pointer:/metadata]"]
        )
    if not isinstance(metadata.get("event_payload"), dict):
        raise SlackError(
            "invalid_metadata_format", messages=["must provide an object [json-pointer:/metadata/event_payload]"]
        )
    if len(json.dumps(metadata)) > 16_000:
        raise SlackError("metadata_too_large")
    return metadata


def view_content(view: object, *, kind: str) -> Json:
    """Return a view as Slack keeps it, with ids where the app left them out.

    :raises SlackError: invalid_arguments with the places, or view_too_large.
    """
    if not isinstance(view, dict):
        raise SlackError("invalid_arguments", messages=["must provide an object [json-pointer:/view]"])
    if view.get("type") in ("modal", "home") and view["type"] != kind:
        raise SlackError("invalid_arguments", messages=[f"must be a {kind} view [json-pointer:/view/type]"])
    if mistakes := check_view(view):
        raise SlackError("invalid_arguments", messages=mistakes)
    if len(json.dumps(view)) > VIEW_BYTES:
        raise SlackError("view_too_large")
    kept: Json = {
        "callback_id": "",
        "private_metadata": "",
        "external_id": "",
        "title": {"type": "plain_text", "text": "View Title"},
        "close": None,
        "submit": None,
        "clear_on_close": False,
        "notify_on_close": False,
        "submit_disabled": False,
    }
    kept.update({name: value for name, value in view.items() if value is not None})
    kept["blocks"] = with_ids(view["blocks"])
    return kept
