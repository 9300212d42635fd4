"""Services as people and programs set them up: one way in for the command line and the REST API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from copilot.guard.tenancy import tenant_scope
from copilot.models import AuditEntry, Service, ServiceDependency

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

FIELDS = ("pagerduty_id", "namespace", "workload", "selector", "channel", "repository")
DECLARED = "declared"


class WrongService(ValueError):
    """Say which values of a service are wrong; `problems` has them by field."""

    def __init__(self, problems: Iterable[tuple[str, str]]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{field}: {text}" for field, text in self.problems))


def put(
    tenant_id: UUID,
    name: str,
    values: Mapping[str, Any],
    *,
    needs: Iterable[str] = (),
    needs_only: bool = False,
    actor: str,
) -> tuple[Service, bool]:
    """Add a service, or change just the given values of one; return it, and whether it is new.

    Services that it needs are made where they do not exist. With `needs_only`, declared arrows to others are taken away; what
    a source has seen stays.

    :raises WrongService: where a value is wrong.
    """
    names = list(dict.fromkeys(one.strip() for one in needs if one.strip()))
    with tenant_scope(tenant_id):
        service, is_new = save(tenant_id, name, values)
        _point(service, names)
        if needs_only:
            ServiceDependency.objects.filter(caller=service, source=DECLARED).exclude(callee__name__in=names).delete()
        AuditEntry.objects.create(
            actor=actor,
            action="add service" if is_new else "change service",
            target=service.name,
            detail={**values, **({"needs": names} if names or needs_only else {})},
        )
    return service, is_new


def save(tenant_id: UUID, name: str, values: Mapping[str, Any]) -> tuple[Service, bool]:
    """Add a service, or change just the given values; one that a source had found is set up by people from now on.

    Runs inside the tenant's scope.

    :raises WrongService: where a value is wrong.
    """
    service = Service.objects.filter(name=name).first() or Service(tenant_id=tenant_id, name=name)
    is_new = service._state.adding  # noqa: SLF001 - Django's documented way to ask
    for field, value in {**values, "origin": ""}.items():
        setattr(service, field, value)
    try:
        service.clean_fields(exclude={"tenant"})
        service.clean()
        with transaction.atomic():
            service.save()
    except ValidationError as error:
        raise WrongService((field, " ".join(texts)) for field, texts in error.message_dict.items()) from None
    except IntegrityError:
        other = Service.objects.filter(pagerduty_id=service.pagerduty_id).first()
        raise WrongService([("pagerduty_id", f"{service.pagerduty_id} is already {other}")]) from None
    return service, is_new


def _point(service: Service, names: list[str]) -> None:
    for name in names:
        callee, _ = Service.objects.get_or_create(
            tenant_id=service.tenant_id, name=name, defaults={"namespace": service.namespace}
        )
        if callee.id != service.id:
            ServiceDependency.objects.get_or_create(
                tenant_id=service.tenant_id, caller=service, callee=callee, source=DECLARED
            )


__all__ = ["DECLARED", "FIELDS", "WrongService", "put", "save"]
