"""Fixtures for the model's door: an incident with a run, evidence to show, and settings that point to a stand-in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from copilot.config import config
from copilot.guard.tenancy import tenant_scope
from copilot.llm import client
from tests.servers.aimock import aimock, aimock_server
from tests.unit.llm.incident import Asked, evidence, payments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from copilot.models import Run, Tenant

__all__ = ["aimock", "aimock_server"]


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Set settings by their names in the environment, and have them read anew."""

    def set_them(**settings: Any) -> None:
        for name, value in settings.items():
            monkeypatch.setenv(name, str(value))
        config.cache_clear()

    yield set_them
    client.close()
    monkeypatch.undo()
    config.cache_clear()


@pytest.fixture
def run(tenant: Tenant) -> Run:
    """A run of an incident of `tenant`."""
    return make_run(tenant)


def make_run(tenant: Tenant, number: int = 1) -> Run:
    """Return a run of a new incident."""
    from copilot.models import Incident, Run

    at = datetime(2026, 11, 3, 14, 0, tzinfo=UTC)
    with tenant_scope(tenant.id):
        incident = Incident.objects.create(
            number=number,
            title="checkout is slow",
            source="pagerduty",
            dedupe_key=f"k{number}",
            started_at=at,
            alert_at=at,
            last_event_at=at,
        )
        return Run.objects.create(incident=incident)


@pytest.fixture
def ask(tenant: Tenant, run: Run) -> Asked:
    """Ask the model about the standard incident; keywords replace its parts."""
    return Asked(tenant.id, run.id, {"subject": payments, "title": "checkout is slow", "evidence": evidence()})
