"""The world around a recorded incident: whose it is, its services, the page, and the deployments that were told of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from integrations.base import Scope, ServiceScope

if TYPE_CHECKING:
    from pathlib import Path


class BadWorld(ValueError):
    """Say which field of a world's description is missing or wrong."""


class _Described(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TenantOfWorld(_Described):
    """Name the tenant that a replay is given to."""

    slug: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")
    name: str = ""


class ServiceOfWorld(_Described):
    """Describe a service as `copilot service add` takes it."""

    name: str = Field(min_length=1)
    namespace: str = ""
    workload: str = ""
    selector: str = ""
    pagerduty_id: str = ""
    channel: str = ""
    repository: str = ""
    depends_on: tuple[str, ...] = ()

    @property
    def scope(self) -> ServiceScope:
        """Return what an integration must know of the service."""
        return ServiceScope(
            name=self.name,
            namespace=self.namespace,
            workload=self.workload,
            selector=self.selector,
            repository=self.repository,
            pagerduty_id=self.pagerduty_id,
        )


class Page(_Described):
    """Describe the page: which service, its title, and who is called."""

    service: str
    title: str = Field(min_length=1)
    urgency: str = Field(default="high", pattern="^(high|low)$")
    priority: str = ""
    assignee: str = ""
    escalation_policy: str = "Default"


class Deploy(_Described):
    """Describe a deployment that a CI tells of; `before_alert` is in seconds."""

    service: str
    version: str
    before_alert: float = Field(ge=0)
    previous_version: str = ""
    environment: str = "production"
    status: str = "succeeded"
    author: str = ""
    url: str = ""
    description: str = ""
    commit: str = ""


class World(_Described):
    """Describe the whole world."""

    tenant: TenantOfWorld
    services: tuple[ServiceOfWorld, ...] = Field(min_length=1)
    page: Page
    deploys: tuple[Deploy, ...] = ()
    # Whose fault it was, where that is known: a demo that names another service first has failed. No run ever reads it.
    cause: str = ""

    @model_validator(mode="after")
    def _names_are_known(self) -> World:
        names = [service.name for service in self.services]
        if len(set(names)) < len(names):
            raise ValueError("services: two have the same name")
        wanted = {
            "page.service": [self.page.service],
            "cause": [self.cause] if self.cause else [],
            "deploys": [deploy.service for deploy in self.deploys],
            "depends_on": [name for service in self.services for name in service.depends_on],
        }
        for field, mentioned in wanted.items():
            for name in mentioned:
                if name not in names:
                    raise ValueError(f"{field}: {name!r} is none of the services ({', '.join(names)})")
        return self

    def service(self, name: str) -> ServiceOfWorld:
        """Return the service of that name."""
        return next(service for service in self.services if service.name == name)

    @property
    def scope(self) -> Scope:
        """Return what is asked about when the page fires: its service, and all others as neighbours."""
        paged = self.service(self.page.service)
        others = tuple(service.scope for service in self.services if service is not paged)
        return Scope(service=paged.scope, neighbours=others, alert_title=self.page.title)


def read(path: Path) -> World:
    """Read a world's description from a YAML or JSON file.

    :raises BadWorld: naming the file, the field and what was expected.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return of(json.loads(text) if path.suffix == ".json" else yaml.safe_load(text), where=str(path))
    except OSError as error:
        raise BadWorld(f"{path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, json.JSONDecodeError) as error:
        raise BadWorld(f"{path} is neither YAML nor JSON: {error}") from error


def of(document: Any, *, where: str) -> World:
    """Return a world of its plain form.

    :raises BadWorld: naming `where`, the field and what was expected.
    """
    try:
        return World.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        problem = str(first["msg"]).removeprefix("Value error, ")
        raise BadWorld(f"{where}: {f'{field}: ' if field else ''}{problem}") from error
