"""Settings from files: `NAME_FILE` names a file that holds what `NAME` would, as whoever mounts secrets likes it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import AliasChoices
from pydantic_settings import PydanticBaseSettingsSource

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from pydantic_settings import BaseSettings

# No setting is longer; a path that names something else by mistake must not be read whole.
MOST_BYTES = 65_536


class SettingsFiles(PydanticBaseSettingsSource):
    """Read each setting whose `NAME_FILE` is in the environment."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the value of one field, None where no file is named for it.

        :raises ValueError: where the file cannot be read, or the setting is given both ways; the text names the variable.
        """
        for name in names_of(field, field_name, self.config.get("env_prefix", "")):
            if (text := of_file(name)) is not None:
                return text, field_name, self.field_is_complex(field)
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return what the files say, by the names under which pydantic looks for it."""
        found: dict[str, Any] = {}
        for field_name, field in self.settings_cls.model_fields.items():
            value, _, is_complex = self.get_field_value(field, field_name)
            if value is not None:
                found[key_of(field, field_name)] = self.prepare_field_value(field_name, field, value, is_complex)
        return found


def of_file(name: str) -> str | None:
    """Return what the file holds that `NAME_FILE` names, None where it names none.

    :raises ValueError: where the file cannot be read, or the variable is given both ways; the text names the variable.
    """
    path = os.environ.get(f"{name}_FILE", "")
    if not path:
        return None
    if os.environ.get(name):
        raise ValueError(f"{name} and {name}_FILE are both set: keep one of them")
    return _read(f"{name}_FILE", Path(path))


def is_given(*names: str) -> bool:
    """Return whether the environment gives one of these variables, itself or by a file."""
    return any(os.environ.get(name) or os.environ.get(f"{name}_FILE") for name in names)


def given_to(settings: type[BaseSettings]) -> dict[str, str]:
    """Return the variables of the environment that these settings are read from, files that hold one by their whole path."""
    prefix = settings.model_config.get("env_prefix", "")
    names = [
        name for field_name, field in settings.model_fields.items() for name in names_of(field, field_name, prefix)
    ]
    values = {name: value for name in names if (value := os.environ.get(name))}
    files = {f"{name}_FILE": str(Path(path).resolve()) for name in names if (path := os.environ.get(f"{name}_FILE"))}
    return values | files


def key_of(field: FieldInfo, field_name: str) -> str:
    """Return the name under which pydantic looks for a field's value first."""
    alias = field.validation_alias
    return str((alias.choices[0] if isinstance(alias, AliasChoices) else alias) or field_name)


def names_of(field: FieldInfo, field_name: str, prefix: str) -> list[str]:
    """Return the environment variables that a setting is read from."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return [one for one in alias.choices if isinstance(one, str)]
    return [alias] if isinstance(alias, str) else [f"{prefix}{field_name}".upper()]


def _read(variable: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{variable} names {path}, which cannot be read: {error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise ValueError(f"{variable} names {path}, which has more than {MOST_BYTES} bytes: that is no setting")
    try:
        # Editors and `echo` end a file with a line break that is not part of the secret.
        return content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"{variable} names {path}, which is not text") from None
