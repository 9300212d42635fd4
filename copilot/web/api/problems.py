"""Refusals of the REST API: every one of them is a problem in the form of RFC 9457."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.db import InterfaceError, OperationalError
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from copilot import observe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import FastAPI
    from starlette.requests import Request

log = observe.logger(__name__)
MEDIA_TYPE = "application/problem+json"
_TYPES = "urn:sre-copilot:problem:"
_MOST_ERRORS = 20
# As RFC 9110 names them; Python's own names depend on its version.
_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}


class FieldError(BaseModel):
    """Say what is wrong with one part of a request."""

    where: str = Field(description="The part, e.g. `body.window.start` or `query.limit`.")
    message: str
    line: int | None = Field(default=None, description="Where a file is wrong: its line, counted from 1.")


class ProblemBody(BaseModel):
    """Be a refusal (RFC 9457). `type` tells programs what it is, `detail` tells people what to do."""

    model_config = ConfigDict(extra="allow", title="Problem")

    type: str = Field(description="A stable name of the kind of problem, e.g. `urn:sre-copilot:problem:not-found`.")
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    errors: list[FieldError] | None = Field(default=None, description="With `invalid`: each part that is wrong.")


class Problem(Exception):
    """Refuse a request; `name` ends the problem's type, `more` are members of its own."""

    def __init__(
        self,
        status: int,
        name: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.name = name
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = dict(more or {})

    def response(self) -> JSONResponse:
        """Return the refusal as it is sent."""
        title = _TITLES.get(self.status) or HTTPStatus(self.status).phrase
        body = {"type": _TYPES + self.name, "title": title, "status": self.status, "detail": self.detail, **self.more}
        headers = {"Cache-Control": "no-store", **self.headers}
        return JSONResponse(body, status_code=self.status, headers=headers, media_type=MEDIA_TYPE)


def not_found(what: str) -> Problem:
    """Return the refusal for what is not there, or is another tenant's: the two look alike."""
    return Problem(404, "not-found", f"there is no such {what}")


def invalid(errors: Sequence[tuple[str, str]], *, lines: Sequence[int] = ()) -> Problem:
    """Return the refusal of a request with these wrong parts: where, and what was expected; in a file, each with its line."""
    first = f"{errors[0][0]}: {errors[0][1]}" if errors else "the request is not valid"
    rest = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    listed: list[dict[str, Any]] = [{"where": where, "message": message} for where, message in errors[:_MOST_ERRORS]]
    for error, line in zip(listed, lines, strict=False):
        if line:
            error["line"] = line
    return Problem(422, "invalid", f"{first}{rest}", more={"errors": listed})


_OF_STATUS = {
    404: ("not-found", "there is nothing at this address"),
    405: ("method-not-allowed", "this address does not take this method"),
}


def add_handlers(application: FastAPI) -> None:
    """Make every refusal of the application a problem, also those that the framework makes."""

    async def problem(request: Request, error: Exception) -> JSONResponse:
        del request
        assert isinstance(error, Problem)  # noqa: S101 - for the type checker: Starlette hands over what was registered
        return error.response()

    async def framework(request: Request, error: Exception) -> JSONResponse:
        del request
        assert isinstance(error, HTTPException)  # noqa: S101 - as above
        if error.status_code == 400:
            # FastAPI's answer to bytes that are no text, or nested too deep to be read.
            return invalid([("body", "is not JSON in UTF-8")]).response()
        name, detail = _OF_STATUS.get(error.status_code, ("refused", str(error.detail)))
        return Problem(error.status_code, name, detail, headers=error.headers).response()

    async def validation(request: Request, error: Exception) -> JSONResponse:
        del request
        assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
        # What was sent is not sent back: it may be a secret in the wrong place.
        wrong = [(_place(one["loc"]), str(one["msg"]).removeprefix("Value error, ")) for one in error.errors()]
        return invalid(wrong).response()

    async def database(request: Request, error: Exception) -> JSONResponse:
        log.warning("the database did not answer", path=request.url.path, error=type(error).__name__)
        return Problem(
            503, "unavailable", "the database does not answer; send this again", headers={"Retry-After": "2"}
        ).response()

    async def trouble(request: Request, error: Exception) -> JSONResponse:
        log.error("request failed", path=request.url.path, error=type(error).__name__, exc_info=error)
        return Problem(500, "internal", "this is our fault, and it is in our log").response()

    application.add_exception_handler(Problem, problem)
    application.add_exception_handler(HTTPException, framework)
    application.add_exception_handler(RequestValidationError, validation)
    application.add_exception_handler(OperationalError, database)
    application.add_exception_handler(InterfaceError, database)
    application.add_exception_handler(Exception, trouble)


def _place(parts: Sequence[Any]) -> str:
    # What a client sent as a name may be anything; what is shown is short and printable.
    return ".".join(str(part)[:60].encode("ascii", "backslashreplace").decode() for part in parts[:8])


__all__ = ["MEDIA_TYPE", "Problem", "ProblemBody", "add_handlers", "invalid", "not_found"]
