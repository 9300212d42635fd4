"""The admin's style sheets and scripts, out of memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from django.http import HttpRequest


class StaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc] # whitenoise has no types
    """Be whitenoise without streaming: under ASGI Django would read the stream whole and warn of it."""

    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> HttpResponse:
        """Return the file, or what its headers say instead (304, 405, 416)."""
        found = static_file.get_response(request.method, request.META)
        body = b""
        if found.file is not None:
            with found.file:
                body = found.file.read()
        answer = HttpResponse(body, status=int(found.status))
        del answer.headers["Content-Type"]
        for name, value in found.headers:
            answer.headers[name] = value
        return answer
