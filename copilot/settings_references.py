"""Settings by reference: `NAME=vault:…` or `NAME=aws-sm:…` names the secret of a store that holds what `NAME` would."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_settings import PydanticBaseSettingsSource

from copilot.secret_stores.reference import VAULT, Document, NotRead, Reference, Store
from copilot.secret_stores.settings import StoreSettings
from copilot.settings_files import key_of, names_of, of_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class Reading:
    """Hold which variable was read from where, and which version that was; not the value."""

    variable: str
    reference: Reference
    version: str


# What this process has read, for whoever asks how it was set up.
_readings: dict[str, Reading] = {}


def readings() -> tuple[Reading, ...]:
    """Return what this process has read from stores, in the order of the variables."""
    return tuple(_readings[name] for name in sorted(_readings))


class SettingsReferences(PydanticBaseSettingsSource):
    """Read each setting that refers to a store, all of them at one go."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the reference that stands in a field's variable, None where there is none.

        :raises NotRead: where it is malformed.
        """
        for variable in names_of(field, field_name, self.config.get("env_prefix", "")):
            if text := os.environ.get(variable, ""):
                return _reference(variable, text), variable, False
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return what the stores hold, by the names under which pydantic looks for it.

        :raises NotRead: where one cannot be read; names the variable and its reference.
        """
        wanted: dict[str, Reference] = {}
        keys: dict[str, tuple[str, str, FieldInfo]] = {}
        for field_name, field in self.settings_cls.model_fields.items():
            reference, variable, _ = self.get_field_value(field, field_name)
            if reference is not None:
                wanted[variable] = reference
                keys[variable] = (key_of(field, field_name), field_name, field)
        found = read(wanted)
        return {
            key: self.prepare_field_value(field_name, field, found[variable], value_is_complex=False)
            for variable, (key, field_name, field) in keys.items()
        }


def variable(name: str) -> str:
    """Return what a variable of the command line says: itself, or the file or the secret that it names; "" where unset.

    :raises ValueError: where the file or the secret cannot be read; the text names the variable.
    """
    text = of_file(name) or os.environ.get(name, "")
    reference = _reference(name, text)
    return text if reference is None else read({name: reference})[name]


def read(wanted: Mapping[str, Reference]) -> dict[str, str]:
    """Return what the references of these variables hold; each document is read once.

    :raises NotRead: where one cannot be read; names the variable and its reference.
    """
    stores: dict[str, Store] = {}
    documents: dict[tuple[str, str], Document] = {}
    found: dict[str, str] = {}
    try:
        for name, one in wanted.items():
            place = (one.store, one.document)
            try:
                if one.store not in stores:
                    stores[one.store] = _open(one.store, StoreSettings())
                if place not in documents:
                    documents[place] = stores[one.store].document(one.document)
                found[name] = documents[place].value(one)
            except NotRead as problem:
                raise NotRead(f"{name} is {one}: {problem}") from None
            _readings[name] = Reading(name, one, documents[place].version)
    finally:
        for store in stores.values():
            store.close()
    return found


def _open(store: str, settings: StoreSettings) -> Store:
    # Each brings a package that only those have who use it.
    if store == VAULT:
        from copilot.secret_stores.hashicorp import HashiCorpVault

        return HashiCorpVault(settings)
    from copilot.secret_stores.amazon import SecretsManager

    return SecretsManager(settings)


def _reference(name: str, text: str) -> Reference | None:
    try:
        return Reference.of(text)
    except NotRead as problem:
        raise NotRead(f"{name}: {problem}") from None
