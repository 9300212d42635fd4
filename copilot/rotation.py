"""Seal every tenant's credentials anew under the first master key, so that an old key can be taken away."""

from __future__ import annotations

from dataclasses import dataclass

from copilot.connections import ENDPOINT_KEY
from copilot.guard import vault
from copilot.guard.tenancy import tenant_scope
from copilot.models import AuditEntry, Connection, Endpoint, Tenant


@dataclass(frozen=True, slots=True)
class Rotated:
    """Hold how many connections were sealed anew, and which do not open under any key that is set."""

    sealed: int
    broken: tuple[str, ...]


def rotate_all(*, actor: str) -> Rotated:
    """Rotate the seals and webhook look-ups of all tenants; safe to repeat, and to interrupt."""
    sealed = 0
    broken: list[str] = []
    for tenant in Tenant.objects.order_by("slug"):
        with tenant_scope(tenant.id):
            for connection in Connection.objects.select_for_update():
                try:
                    key = vault.unseal(tenant.id, connection.sealed).get(ENDPOINT_KEY, "")
                    anew = vault.rotate(tenant.id, connection.sealed)
                except vault.SealBroken:
                    broken.append(f"{tenant.slug}: {connection}")
                    continue
                Connection.objects.filter(id=connection.id).update(sealed=anew)
                if key:
                    Endpoint.objects.filter(tenant=tenant, connection_id=connection.id).update(
                        key_hash=vault.fingerprints(key)[0]
                    )
                sealed += 1
            AuditEntry.objects.create(actor=actor, action="rotate secrets", target=tenant.slug)
    return Rotated(sealed, tuple(broken))
