"""A whole topology file by REST: as `copilot topology load` takes it, in YAML or JSON, all of it or nothing."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from copilot.models import Scope
from copilot.models.service import CHANNEL, MOST_PATHS
from copilot.topology import document, loading
from copilot.web.api.idempotency import REFUSALS, Done, Key, once
from copilot.web.api.problems import Problem, invalid
from copilot.web.api.route import JSON, MOST, Asking, needs, router

routes = router("topology")
YAML = "application/yaml"
NAME = {"type": ["string", "number", "boolean"], "maxLength": 120, "pattern": r"^[^\x00/]*[^\x00/\s][^\x00/]*$"}
EXAMPLE = """\
services:
  web: {namespace: shop, user_facing: true, needs: [checkout]}
  checkout:
    namespace: shop
    paths: [services/checkout]
    needs:
      - service: orders-db
        why: orders are kept there
  orders-db: {kind: database}
"""


def _word(longest: int, **more: Any) -> dict[str, Any]:
    """Return the schema of a text; YAML and we make no difference between a text and a number that stands for itself."""
    return {"type": ["string", "number", "boolean"], "maxLength": longest, **more}


def _words(most: int, longest: int) -> dict[str, Any]:
    return {"type": "array", "maxItems": most, "items": _word(longest)}


_NEED = {
    "type": "object",
    "required": ["service"],
    "additionalProperties": False,
    "properties": {"service": NAME, "why": _word(300)},
}
_SERVICE = {
    "type": ["object", "null"],
    "additionalProperties": False,
    "properties": {
        "kind": {"enum": list(document.KINDS)},
        "namespace": _word(63, description="In Kubernetes."),
        "workload": _word(253, description="In Kubernetes."),
        "selector": _word(500, description='Prometheus label matchers, e.g. `job="checkout"`.'),
        "pagerduty_id": _word(40),
        "channel": _word(100, pattern=CHANNEL, description="In Slack: `#incidents`, or an id."),
        "repository": _word(200, description="`owner/name`"),
        "paths": {**_words(MOST_PATHS, 300), "description": "Folders of the repository with its own code."},
        "owners": _words(50, 200),
        "user_facing": {"enum": [True, False, "true", "false", "yes", "no"]},
        "needs": {"type": "array", "maxItems": document.MOST_NEEDS, "items": {"anyOf": [NAME, _NEED]}},
    },
}
FILE = {
    "type": "object",
    "description": "What a field that is left out says stays as it is.",
    "required": ["services"],
    "additionalProperties": False,
    "properties": {
        "services": {
            "type": "object",
            "maxProperties": document.MOST_SERVICES,
            "propertyNames": {key: NAME[key] for key in ("maxLength", "pattern")},
            "additionalProperties": _SERVICE,
        }
    },
}


class Arrow(BaseModel):
    """Say that one service needs another."""

    caller: str
    callee: str


class LoadedBody(BaseModel):
    """Be what a file changed, by name; with `dry_run`, what it would change."""

    dry_run: bool
    added: list[str]
    changed: list[str]
    unchanged: list[str]
    drawn: list[Arrow]
    removed: list[Arrow]


@routes.put(
    "/topology",
    openapi_extra={
        **needs(Scope.TOPOLOGY_WRITE),
        MOST: document.MOST_CHARACTERS,
        "x-refusals": {**REFUSALS, "415": "The request is neither YAML nor JSON."},
        "requestBody": {
            "required": True,
            "content": {YAML: {"schema": FILE, "example": EXAMPLE}, JSON: {"schema": FILE}},
        },
    },
    operation_id="putTopology",
    response_model=LoadedBody,
)
async def put_topology(
    request: Request,
    caller: Asking,
    *,
    dry_run: Annotated[bool, Query(description="Check the file and say what it would change.")] = False,
    key: Key = None,
) -> Response:
    """Bring the topology up to date with a whole file.

    All of it is taken, or nothing. Arrows that an earlier file gave, and this one does not, go; what people declared one by one
    and what sources have seen stays. What is wrong is told all at once, each with its line.
    """
    is_json = request.headers.get("content-type", "").partition(";")[0].strip().lower() == JSON
    body = await request.body()

    def prepare() -> document.Document:
        try:
            text = body.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise invalid([("body", "is not UTF-8 text")]) from None
        try:
            return document.parse_json(text) if is_json else document.parse(text)
        except document.WrongTopology as wrong:
            raise _refused(wrong) from None

    def work(told: document.Document) -> Done:
        try:
            found = loading.load(caller.tenant_id, told, actor=caller.actor, dry_run=dry_run)
        except document.WrongTopology as wrong:
            raise _refused(wrong) from None
        drawn, removed = (
            [Arrow(caller=one, callee=other) for one, other in pairs] for pairs in (found.drawn, found.removed)
        )
        return Done(
            200,
            LoadedBody(
                dry_run=dry_run,
                added=found.added,
                changed=found.changed,
                unchanged=found.unchanged,
                drawn=drawn,
                removed=removed,
            ),
        )

    return await once(request, caller, key, prepare, work)


def _refused(wrong: document.WrongTopology) -> Problem:
    """Return the refusal of a file: each thing that is wrong in it, with its line."""
    errors = [(f"line {line}" if line else "body", text) for line, text in wrong.problems]
    return invalid(errors, lines=[line for line, _ in wrong.problems])
