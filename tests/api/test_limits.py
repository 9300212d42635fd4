"""What a tenant may use, by REST: its own numbers and the deployment's, what is used, and what came to an end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot import limits
from copilot.config import config
from copilot.guard.tenancy import tenant_scope
from copilot.models import Limit, Role, Tenant

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api.conftest import Client
    from tests.flow.admin_world import World


def test_each_limit_with_what_is_used_and_what_was_done_without(acme: World, program: Callable[..., Client]) -> None:
    Tenant.objects.filter(pk=acme.tenant.pk).update(runs_per_hour=2)
    with tenant_scope(acme.tenant.pk):
        limits.count(Limit.RUNS, amount=3)
        limits.reached(Limit.RUNS, "run 3 of an hour that has 2: rules alone, and 3 sources at most")

    answer = program(acme.tenant, Role.VIEWER).get("/limits")

    assert answer.status_code == 200
    items = {one["name"]: one for one in answer.json()["items"]}
    assert list(items) == [
        "dollars_per_day",
        "runs_per_hour",
        "webhooks_per_minute",
        "evidence_megabytes",
        "tool_calls_per_day",
    ]
    runs, evidence = items["runs_per_hour"], items["evidence_megabytes"]
    assert (runs["limit"], runs["used"], runs["is_own"], runs["is_reached"]) == (2, 3, True, True)
    assert runs["last_reached"].startswith("run 3 of an hour that has 2")
    assert (evidence["limit"], evidence["used"], evidence["is_own"]) == (config().evidence_megabytes, None, False)
    assert evidence["last_reached_at"] is None
