"""What is old goes: incidents with all that belongs to them, changes and questions after a while, raw webhooks sooner."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils import timezone

from copilot import observe
from copilot.custody.tables import tables
from copilot.guard.tenancy import TenantModel, tenant_scope
from copilot.limits import limits_of
from copilot.models import Tenant

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

log = observe.logger(__name__)

# Rows that go in one transaction; each incident brings some hundred of others with it.
BATCH = 100


def forget_old() -> int:
    """Delete what every tenant no longer wants to keep; return how many rows went, those that went with them not counted."""
    total = 0
    for tenant in Tenant.objects.all():
        gone = forget_of(tenant)
        if gone:
            log.info("old rows deleted", tenant=str(tenant.id), **gone)
        total += sum(gone.values())
    return total


def forget_of(tenant: Tenant) -> Counter[str]:
    """Delete what one tenant no longer wants to keep; return how many rows of each table went."""
    now = timezone.now()
    kept = limits_of(tenant)
    gone: Counter[str] = Counter()
    for model in tables():
        if not issubclass(model, TenantModel) or not model.aged_by:
            continue
        limit = kept.keep_raw_days if model.is_raw else kept.keep_days
        if limit:
            count = _forget(tenant.id, model, now - timedelta(days=limit))
            if count:
                gone[model.__name__] = count
    return gone


def _forget(tenant_id: UUID, model: type[TenantModel], before: datetime) -> int:
    count = 0
    while True:
        with tenant_scope(tenant_id):
            keys = list(model.forgettable(before).values_list("pk", flat=True)[:BATCH])
            model._default_manager.filter(pk__in=keys).delete()  # noqa: SLF001 - Django's documented way
        count += len(keys)
        if len(keys) < BATCH:
            return count
