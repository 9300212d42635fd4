"""A new master key takes over: what was sealed, and the keys in webhook addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from copilot import connections
from copilot.config import config
from copilot.guard import vault
from copilot.guard.tenancy import tenant_scope
from copilot.models import AuditEntry, Connection
from copilot.rotation import rotate_all
from copilot.web.inbox import find_door

if TYPE_CHECKING:
    from copilot.models import Tenant

OLD, NEW = "old-master-secret-of-more-than-32-characters", "new-master-secret-of-more-than-32-characters"


def masters(monkeypatch: pytest.MonkeyPatch, *keys: str) -> None:
    changed = config().model_copy(update={"secret_keys": [SecretStr(key) for key in keys]})
    monkeypatch.setattr(vault, "config", lambda: changed)


def test_after_a_rotation_the_old_key_is_not_needed(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    masters(monkeypatch, OLD)
    opened = connections.connect(tenant.id, "pagerduty", {"webhook_secret": "s3cret"}, actor="test")
    key = opened.webhook_url.rpartition("/")[2]

    masters(monkeypatch, NEW, OLD)
    assert find_door(key) is not None
    assert rotate_all(actor="alice").sealed == 1

    masters(monkeypatch, NEW)
    door = find_door(key)
    assert door is not None
    assert vault.unseal(tenant.id, door.sealed)["webhook_secret"] == "s3cret"
    with tenant_scope(tenant.id):
        assert AuditEntry.objects.filter(actor="alice", action="rotate secrets").count() == 1


def test_a_connection_that_opens_under_no_key_is_named_and_left_alone(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    masters(monkeypatch, OLD)
    connections.connect(tenant.id, "pagerduty", {"webhook_secret": "s3cret"}, actor="test")
    with tenant_scope(tenant.id):
        before = bytes(Connection.objects.get().sealed)

    masters(monkeypatch, NEW)
    done = rotate_all(actor="alice")

    assert (done.sealed, done.broken) == (0, ("acme: pagerduty",))
    with tenant_scope(tenant.id):
        assert bytes(Connection.objects.get().sealed) == before
