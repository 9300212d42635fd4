"""The tables that hold a tenant's rows, found by walking the models, so that a new one cannot be forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.apps import apps

from copilot.models import Tenant

if TYPE_CHECKING:
    from django.db.models import Model


def tables() -> list[type[Model]]:
    """Return every model whose rows belong to a tenant, in the order of their table names."""
    found = [
        model
        for model in apps.get_models()
        # Django's documented way to a model's columns.
        if any(one.name == "tenant" and one.related_model is Tenant for one in model._meta.concrete_fields)  # noqa: SLF001
    ]
    return sorted(found, key=table_of)


def table_of(model: type[Model]) -> str:
    """Return the name of a model's table."""
    name: str = model._meta.db_table  # noqa: SLF001 - Django's documented way
    return name
