"""What the admin's browser may load: our own files, and no script or style inside a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.utils.decorators import sync_and_async_middleware

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from django.http import HttpRequest, HttpResponse

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@sync_and_async_middleware
def content_security_policy(
    get_response: Callable[[HttpRequest], HttpResponse] | Callable[[HttpRequest], Awaitable[HttpResponse]],
) -> Callable[..., object]:
    """Send the policy with every page, so that text from outside stays text even where escaping were forgotten."""
    if iscoroutinefunction(get_response):

        async def asynchronous(request: HttpRequest) -> HttpResponse:
            response: HttpResponse = await get_response(request)
            return _with_policy(response)

        markcoroutinefunction(asynchronous)
        return asynchronous

    def synchronous(request: HttpRequest) -> HttpResponse:
        return _with_policy(get_response(request))  # type: ignore[arg-type]

    return synchronous


def _with_policy(response: HttpResponse) -> HttpResponse:
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    # Pages hold a tenant's data: neither a shared cache nor the back button after a logout may show them.
    response.headers.setdefault("Cache-Control", "private, no-store")
    return response
