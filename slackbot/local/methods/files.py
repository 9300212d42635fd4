"""files.*: the three steps of an upload, and what is known of a file."""

import mimetypes
import urllib.parse

from slackbot.local.calls import Call, method
from slackbot.local.content import message_content
from slackbot.local.errors import SlackError
from slackbot.local.model import Channel, Json, StoredFile
from slackbot.local.posting import post_as_bot

LARGEST = 50 * 1024 * 1024


@method("files.getUploadURLExternal")
def get_upload_url(call: Call) -> Json:
    """Announce a file and return where to send its bytes."""
    name = call.text("filename")
    length = call.number("length", default=0, low=1, high=LARGEST, error="invalid_arguments")
    if call.optional("length") is None:
        raise SlackError("invalid_arguments", messages=["missing required field: length"])
    file = StoredFile(id=call.workspace.new_id("F"), name=name, length=length, alt_text=call.optional("alt_txt"))
    call.workspace.save_file(file)
    return {"upload_url": f"{call.base_url}/upload/v1/{call.workspace.slug}/{file.id}", "file_id": file.id}


@method("files.completeUploadExternal")
def complete_upload(call: Call) -> Json:
    """Finish the upload of one or several files, and share them in a channel or thread."""
    wanted = call.structure("files")
    if not isinstance(wanted, list) or not wanted:
        raise SlackError("invalid_arguments", messages=["no less than 1 items allowed [json-pointer:/files]"])
    stored = [_uploaded(call, entry) for entry in wanted]
    channels = _channels(call)
    for file, entry in zip(stored, wanted, strict=True):
        file.body = _public(call, file, title=str(entry.get("title") or file.name), channels=channels)
        call.workspace.save_file(file)
    files = [file.body for file in stored if file.body is not None]
    for channel in channels:
        thread_ts = call.optional("thread_ts")
        if thread_ts is not None and call.workspace.message(channel.id, thread_ts) is None:
            raise SlackError("thread_not_found")
        comment, blocks = call.optional("initial_comment"), call.structure("blocks")
        content: Json = {"text": ""}
        if comment or blocks:
            content = message_content(call.workspace, text=comment, blocks=blocks)
        post_as_bot(call.workspace, channel=channel, content=content, thread_ts=thread_ts, files=files)
    return {"files": files}


def _uploaded(call: Call, entry: object) -> StoredFile:
    file = call.workspace.files.get(str(entry.get("id"))) if isinstance(entry, dict) else None
    if file is None or not file.uploaded:
        raise SlackError("file_not_found")
    return file


def _channels(call: Call) -> list[Channel]:
    names = [name for name in (call.optional("channels") or call.optional("channel_id") or "").split(",") if name]
    found = []
    for name in names:
        channel = call.workspace.channels.get(name)
        if channel is None:
            raise SlackError("channel_not_found")
        if call.workspace.app.bot_user_id not in channel.members:
            raise SlackError("not_in_channel")
        if channel.is_archived:
            raise SlackError("is_archived")
        found.append(channel)
    return found


def _public(call: Call, file: StoredFile, *, title: str, channels: list[Channel]) -> Json:
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    suffix = file.name.rpartition(".")[2].lower() if "." in file.name else "binary"
    address = f"{call.base_url}/files/{call.workspace.slug}/{file.id}/{urllib.parse.quote(file.name, safe='')}"
    now = int(call.workspace.clock.now())
    return {
        "id": file.id,
        "created": now,
        "timestamp": now,
        "name": file.name,
        "title": title,
        "mimetype": kind,
        "filetype": suffix,
        "pretty_type": suffix.upper(),
        "user": call.workspace.app.bot_user_id,
        "user_team": call.workspace.id,
        "size": file.length,
        "mode": "hosted",
        "is_external": False,
        "is_public": bool(channels),
        "url_private": address,
        "url_private_download": f"{address}?download=1",
        "permalink": address,
        **({"alt_txt": file.alt_text} if file.alt_text else {}),
        "channels": [channel.id for channel in channels],
        "groups": [],
        "ims": [],
    }


@method("files.info")
def info(call: Call) -> Json:
    """Return one complete file."""
    file = call.workspace.files.get(call.text("file"))
    if file is None or file.body is None:
        raise SlackError("file_not_found")
    return {"file": file.body, "comments": [], "response_metadata": {"next_cursor": ""}}
