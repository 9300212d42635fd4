"""Who may see and do what: a login's roles in its tenants, read once a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from copilot.models import Membership, Role, Tenant

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from django.db.models import Model, QuerySet
    from django.http import HttpRequest

_M = TypeVar("_M", bound="Model")
_KEPT = "copilot_roles"


@dataclass(frozen=True, slots=True)
class Roles:
    """Hold a login's role in each of its tenants; superusers may do everything everywhere."""

    is_everywhere: bool
    by_tenant: Mapping[UUID, Role]

    def may(self, needed: Role, tenant_id: UUID | None = None) -> bool:
        """Return whether the login has this role, or one that includes it: in the tenant, or in any where none is named."""
        if self.is_everywhere:
            return True
        if tenant_id is None:
            return any(role.may(needed) for role in self.by_tenant.values())
        role = self.by_tenant.get(tenant_id)
        return role is not None and role.may(needed)

    def limit(self, rows: QuerySet[_M], needed: Role, *, path: str = "tenant") -> QuerySet[_M]:
        """Return the rows of tenants in which the login has this role; `path` leads from a row to its tenant."""
        if self.is_everywhere:
            return rows
        allowed = [tenant_id for tenant_id, role in self.by_tenant.items() if role.may(needed)]
        return rows.filter(**{f"{path}__in": allowed})

    def tenants(self, needed: Role) -> QuerySet[Tenant]:
        """Return the tenants in which the login has this role."""
        return self.limit(Tenant.objects.all(), needed, path="pk")


def roles_of(request: HttpRequest) -> Roles:
    """Return the roles of the person who asks."""
    kept = getattr(request, _KEPT, None)
    if isinstance(kept, Roles):
        return kept
    user: Any = request.user
    if not (user.is_active and user.is_staff):
        roles = Roles(is_everywhere=False, by_tenant={})
    elif user.is_superuser:
        roles = Roles(is_everywhere=True, by_tenant={})
    else:
        rows = Membership.objects.filter(user=user).values_list("tenant_id", "role")
        roles = Roles(is_everywhere=False, by_tenant={tenant_id: Role(role) for tenant_id, role in rows})
    setattr(request, _KEPT, roles)
    return roles
