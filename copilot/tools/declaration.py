"""What a declared tool must be; those of packages that others wrote are looked at before anybody is offered them."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from copilot.models import Connection, Scope
from copilot.tools.tool import Tool
from integrations.base import Category

if TYPE_CHECKING:
    from uuid import UUID

# What the model's and the protocol's clients accept alike.
NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,63}")
MOST_TEXT = 2000
MOST_SCHEMA_BYTES = 16_384
MOST_COST = 1000
MOST_PER_MINUTE = 600


def problem(tool: Any, tenant_id: UUID) -> str:
    """Return what is wrong with a tool as it is declared, in words for who wrote it; nothing where all is well."""
    if not isinstance(tool, Tool):
        return f"it yields {type(tool).__name__}, and not copilot.tools.tool.Tool"
    if not NAME.fullmatch(str(tool.name)):
        return f"a tool cannot be called {tool.name!r}: a letter first, then letters, digits, _ and -, 64 at most"
    wrong = _texts(tool) or _numbers(tool) or _kinds(tool, tenant_id) or _schema(tool)
    return f"tool {tool.name}: {wrong}" if wrong else ""


def _texts(tool: Tool) -> str:
    for name, text in (("title", tool.title), ("description", tool.description)):
        if not isinstance(text, str) or not text.strip():
            return f"`{name}` is missing: a text that says what it is for"
        if len(text) > MOST_TEXT:
            return f"`{name}` has {len(text):,} characters; at most {MOST_TEXT:,}"
    return ""


def _numbers(tool: Tool) -> str:
    for name, value, most in (("cost", tool.cost, MOST_COST), ("per_minute", tool.per_minute, MOST_PER_MINUTE)):
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
            return f"`{name}` is {value!r}: a whole number from 1 to {most:,}"
    return ""


def _kinds(tool: Tool, tenant_id: UUID) -> str:
    # As they were given, which need not be as they are typed.
    category, arguments, run, needs, connection = (
        getattr(tool, name) for name in ("category", "arguments", "run", "needs", "connection")
    )
    if not isinstance(category, Category):
        return f"`category` is {category!r}: one of {', '.join(f'Category.{one.name}' for one in Category)}"
    if not (isinstance(arguments, type) and issubclass(arguments, BaseModel)):
        return f"`arguments` is {arguments!r}: a pydantic model, the class itself"
    if not callable(run):
        return f"`run` is {run!r}: a function (reach, arguments) -> Looked"
    if needs is not None and not isinstance(needs, Scope):
        return f"`needs` is {needs!r}: a Scope of tokens, or None"
    if connection is not None and not (isinstance(connection, Connection) and connection.tenant_id == tenant_id):
        return "`connection` is none of the tenant's connections"
    return ""


def _schema(tool: Tool) -> str:
    try:
        text = json.dumps(tool.input_schema, sort_keys=True)
    except Exception as error:  # noqa: BLE001 - whatever a model of others' raises
        return f"its arguments have no JSON schema ({type(error).__name__}: {str(error).splitlines()[0][:200]})"
    if len(text) > MOST_SCHEMA_BYTES:
        return f"its JSON schema has {len(text):,} bytes; at most {MOST_SCHEMA_BYTES:,}"
    return _schema_problem(text)


@lru_cache(maxsize=256)
def _schema_problem(text: str) -> str:
    from jsonschema import Draft202012Validator, SchemaError  # type: ignore[import-untyped]

    schema = json.loads(text)
    if schema.get("type", "object") != "object":
        return f"its JSON schema is of type {schema['type']!r}: arguments are an object"
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as wrong:
        where = "/".join(str(part) for part in wrong.absolute_path) or "the top"
        return f"its JSON schema is none, at {where}: {wrong.message[:200]}"
    return ""
