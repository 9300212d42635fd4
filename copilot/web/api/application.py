"""The REST API as an application of its own, with its OpenAPI description; the api process mounts it."""

from __future__ import annotations

import re
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import Mount

from copilot.web.api import (
    changes,
    events,
    feedback,
    incidents,
    investigations,
    limits,
    runbooks,
    topology,
    topology_file,
)
from copilot.web.api.problems import MEDIA_TYPE, ProblemBody, add_handlers
from copilot.web.api.route import SCOPE

PATH = "/api/v1"
ROUTERS = (investigations, events, incidents, feedback, changes, runbooks, topology, topology_file, limits)
_ALWAYS = {
    "401": "No token, or one that is unknown, expired or revoked.",
    "403": "The token may not do this.",
    "404": "There is no such thing, or it is another tenant's.",
    "422": "The request is not valid.",
    "429": "The token's requests come too fast.",
    "500": "Our fault.",
    "503": "The database does not answer.",
}
_WITH_BODY = {"413": "The request is too large.", "415": "The request is not JSON."}


def make() -> FastAPI:
    """Return the application."""
    application = Api(
        title="SRE Copilot",
        version="1",
        summary="Report a problem, follow its investigation, read what was found; tell of changes and services.",
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        servers=[{"url": PATH}],
        root_path_in_servers=False,
    )
    for one in ROUTERS:
        application.include_router(one.routes)
    add_handlers(application)
    return application


def mount(outer: FastAPI) -> None:
    """Put the API into the api process's application, under its path."""
    place = Mount(PATH, app=make())
    # Starlette's own pattern stops at a line break, and would leave such an address to the outer application's refusals.
    place.path_regex = re.compile(place.path_regex.pattern, re.DOTALL)
    outer.router.routes.append(place)


class Api(FastAPI):
    """Be the API; it describes its refusals and its tokens, which FastAPI does not know of."""

    def openapi(self) -> dict[str, Any]:
        """Return the description (OpenAPI 3.1)."""
        if self.openapi_schema is None:
            self.openapi_schema = _described(
                get_openapi(
                    title=self.title,
                    version=self.version,
                    summary=self.summary,
                    routes=self.routes,
                    servers=self.servers,
                )
            )
        return self.openapi_schema


def _described(schema: dict[str, Any]) -> dict[str, Any]:
    components = schema.setdefault("components", {})
    shapes = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        shapes.pop(name, None)
    problem = ProblemBody.model_json_schema(ref_template="#/components/schemas/{model}")
    shapes |= {**problem.pop("$defs", {}), "Problem": problem}
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "A tenant's token, from `copilot token create`."}
    }
    for path in schema["paths"].values():
        for operation in path.values():
            _describe(operation)
    return schema


def _describe(operation: dict[str, Any]) -> None:
    scope = operation[SCOPE]
    operation["security"] = [{"token": [scope]}]
    operation["description"] = f"{operation.get('description', '')}\n\nNeeds the scope `{scope}`.".strip()
    refusals = {**_ALWAYS, **(_WITH_BODY if "requestBody" in operation else {}), **operation.pop("x-refusals", {})}
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status, text in refusals.items():
        operation["responses"][status] = {"description": text, "content": content}
    operation["responses"] = dict(sorted(operation["responses"].items()))


__all__ = ["PATH", "ROUTERS", "make", "mount"]
