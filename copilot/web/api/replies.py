"""Answers of the REST API: JSON or Markdown, with a tag by which a client that has it already is spared the rest."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

if TYPE_CHECKING:
    from pydantic import BaseModel
    from starlette.requests import Request

MARKDOWN = "text/markdown"
# What a route that answers with a tag says of itself, in OpenAPI.
TAGGED: dict[int | str, dict[str, Any]] = {304: {"description": "Not changed since the `ETag` in `If-None-Match`."}}


def reply(request: Request, body: BaseModel) -> Response:
    """Return an object as JSON."""
    return _tagged(request, body.model_dump_json().encode(), "application/json")


def reply_markdown(request: Request, text: str) -> Response:
    """Return a text as Markdown."""
    return _tagged(request, text.encode(), f"{MARKDOWN}; charset=utf-8")


def wants_markdown(request: Request) -> bool:
    """Return whether the client asks for Markdown rather than JSON: the kind that it names first of the two."""
    accepted = [part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "").split(",")]
    wanted = next((kind for kind in accepted if kind in {MARKDOWN, "application/json", "*/*"}), "")
    return wanted == MARKDOWN


def _tagged(request: Request, content: bytes, media_type: str) -> Response:
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Vary": "Accept, Authorization", "Cache-Control": "private, no-cache"}
    known = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    if tag in known or known == ["*"]:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)


__all__ = ["MARKDOWN", "TAGGED", "reply", "reply_markdown", "wants_markdown"]
