"""What an agent may ask, and with which credentials: a file that the customer writes, and that the service never sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import Field, TypeAdapter, ValidationError, field_validator

from copilot.agent.protocol import Name, Slug, Strict, told
from integrations import registry

if TYPE_CHECKING:
    from pathlib import Path

    from integrations.base import Integration

MAX_SOURCES = 50


class WrongSources(ValueError):
    """Say what is wrong in the file of sources; the text names fields, never values."""


class Entry(Strict):
    """Be one source in the file."""

    kind: Slug
    name: Name = "default"
    credentials: dict[str, Any] = Field(default_factory=dict)


class File(Strict):
    """Be the whole file."""

    sources: list[Entry] = Field(min_length=1, max_length=MAX_SOURCES)

    @field_validator("sources")
    @classmethod
    def _named_apart(cls, entries: list[Entry]) -> list[Entry]:
        names = [(one.kind, one.name) for one in entries]
        if len(set(names)) != len(names):
            raise ValueError("two sources of one kind have the same name")
        return entries


@dataclass(frozen=True, slots=True)
class Source:
    """Hold one source with its credentials, opened for one request."""

    integration: Integration
    name: str
    credentials: Any

    @property
    def kind(self) -> str:
        """Return the integration's slug."""
        return self.integration.slug


def load(path: Path) -> dict[tuple[str, str], Source]:
    """Return the sources of a file by kind and name.

    :raises WrongSources: where the file cannot be read, or something in it is wrong.
    """
    try:
        entries = TypeAdapter(File).validate_python(yaml.safe_load(path.read_text(encoding="utf-8"))).sources
    except OSError as error:
        raise WrongSources(f"{path} cannot be read: {error.strerror}") from None
    except yaml.YAMLError:
        raise WrongSources(f"{path} is not YAML") from None
    except ValidationError as wrong:
        raise WrongSources(f"{path}: {told(wrong)}") from None
    return {(one.kind, one.name): _opened(one, path) for one in entries}


def _opened(entry: Entry, path: Path) -> Source:
    try:
        integration = registry.get(entry.kind)
    except registry.UnknownIntegration as error:
        raise WrongSources(f"{path}: {error}") from None
    if not (integration.gathers or integration.has_outside_tools):
        raise WrongSources(f"{path}: {entry.kind} is no source that can be asked")
    values = {key: _read(key, value, path) for key, value in entry.credentials.items()}
    try:
        return Source(integration, entry.name, integration.Credentials.model_validate(values))
    except ValidationError as wrong:
        raise WrongSources(f"{path}: {entry.kind}: {told(wrong)}") from None


def _read(key: str, value: Any, path: Path) -> Any:
    """Return a value; `@file` stands for the file's text, beside the sources where it is no absolute path."""
    if not isinstance(value, str) or not value.startswith("@"):
        return value
    try:
        return (path.parent / value[1:]).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongSources(f"{path}: {key}: {value[1:]} cannot be read: {type(error).__name__}") from None
