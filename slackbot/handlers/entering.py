"""What a connection needs, as fields to enter: in a window of Slack, or on the page that hides secrets."""

from __future__ import annotations

from types import NoneType
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import SecretStr

from copilot.guard import vault
from copilot.guard.tenancy import tenant_scope
from copilot.models import Connection
from slackbot.blocks import connecting
from slackbot.handlers.visitor import entered, ticked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

    from pydantic.fields import FieldInfo

    from integrations.base import Integration

# What a description begins with where the value has many lines.
LONG_TEXTS = ("YAML", "PEM")
ABBREVIATIONS = {"url", "tls", "ca", "api", "id"}


def fields_of(tenant_id: UUID, integration: Integration) -> list[connecting.Field]:
    """Return what a connection of this kind needs, with what is entered already; secrets are never among that."""
    with tenant_scope(tenant_id):
        row = Connection.objects.filter(kind=integration.slug, name="default").first()
    try:
        stored = vault.unseal(row.tenant_id, row.sealed) if row else {}
    except vault.SealBroken:
        stored = {}
    found = []
    for name, field in integration.Credentials.model_fields.items():
        shape = _shape(field)
        value = (
            ""
            if shape.startswith("secret")
            else _shown(stored.get(name, None if field.is_required() else field.default))
        )
        found.append(
            connecting.Field(
                name=name,
                title=field.title or _title(name),
                hint=_hint(integration, name, field),
                shape=shape,
                is_required=field.is_required(),
                value=value,
                is_stored=shape.startswith("secret") and bool(stored.get(name)),
            )
        )
    return found


def _hint(integration: Integration, name: str, field: FieldInfo) -> str:
    made = " Leave empty to have one made." if name in integration.generated else ""
    return f"{field.description or ''}{made}".strip()


def _title(name: str) -> str:
    words = " ".join(word.upper() if word in ABBREVIATIONS else word for word in name.split("_"))
    return words[:1].upper() + words[1:]


def _shape(field: FieldInfo) -> str:
    inner = [one for one in get_args(field.annotation) if one is not NoneType]
    kind = inner[0] if NoneType in get_args(field.annotation) and len(inner) == 1 else field.annotation
    if kind is bool:
        return "flag"
    if kind is int:
        return "number"
    if (field.description or "").startswith(LONG_TEXTS):
        return "secret lines" if kind is SecretStr else "lines"
    if kind is SecretStr:
        return "secret"
    return "list" if (get_origin(kind) or kind) is tuple else "text"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return connecting.TRUE if value else ""
    if isinstance(value, (list, tuple)):
        return ", ".join(str(one) for one in value)
    return "" if value is None else str(value)


def values_in(view: Mapping[str, Any], integration: Integration) -> dict[str, Any]:
    """Return what was entered in a window."""
    return values_of(integration, said=lambda name: entered(view, name), is_ticked=lambda name: ticked(view, name))


def values_of(
    integration: Integration, *, said: Callable[[str], str], is_ticked: Callable[[str], bool]
) -> dict[str, Any]:
    """Return what was entered; an empty field leaves its value as it is, or at its default."""
    values: dict[str, Any] = {}
    for name, field in integration.Credentials.model_fields.items():
        shape = _shape(field)
        if shape == "flag":
            values[name] = is_ticked(name)
            continue
        given = said(name)
        if given:
            values[name] = [one.strip() for one in given.split(",") if one.strip()] if shape == "list" else given
        elif not shape.startswith("secret") and not field.is_required():
            values[name] = field.default
    return values


__all__ = ["fields_of", "values_in", "values_of"]
