"""What a tenant may use, by REST: its own numbers and the deployment's, what is used, and what came to an end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from copilot import limits
from copilot.config import config
from copilot.guard.tenancy import tenant_scope
from copilot.models import AuditEntry, Limit, Role, Tenant

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
        "tool_seconds_per_day",
        "calls_per_run",
        "seconds_per_run",
        "dollars_per_incident",
    ]
    runs, evidence = items["runs_per_hour"], items["evidence_megabytes"]
    assert (runs["limit"], runs["used"], runs["is_own"], runs["is_reached"]) == (2, 3, True, True)
    assert runs["last_reached"].startswith("run 3 of an hour that has 2")
    assert (evidence["limit"], evidence["used"], evidence["is_own"]) == (config().evidence_megabytes, None, False)
    assert evidence["last_reached_at"] is None


def audited(tenant: Tenant) -> list[tuple[str, str, object]]:
    with tenant_scope(tenant.pk):
        return list(AuditEntry.objects.filter(action="set limits").values_list("actor", "target", "detail"))


def test_a_token_that_may_changes_what_it_names_and_is_written_down(
    acme: World, program: Callable[..., Client]
) -> None:
    Tenant.objects.filter(pk=acme.tenant.pk).update(keep_days=30, tool_calls_per_day=5)
    billing = program(acme.tenant, Role.ADMIN, "limits:write", name="billing")

    answer = billing("PATCH", "/limits", json={"runs_per_hour": 60, "dollars_per_day": 2.5, "keep_days": None})

    assert answer.status_code == 200
    items = {one["name"]: (one["limit"], one["is_own"]) for one in answer.json()["items"]}
    assert (items["runs_per_hour"], items["dollars_per_day"], items["tool_calls_per_day"]) == (
        (60, True),
        (2.5, True),
        (5, True),
    )
    assert answer.json()["kept"] == [
        {"name": "keep_days", "limit": config().keep_days, "is_own": False},
        {"name": "keep_raw_days", "limit": config().keep_raw_days, "is_own": False},
    ]
    assert limits.limits_for(acme.tenant.pk).runs_per_hour == 60
    assert audited(acme.tenant) == [
        ("billing (API)", acme.tenant.slug, {"runs_per_hour": 60, "dollars_per_day": 2.5, "keep_days": None})
    ]


@pytest.mark.parametrize(
    ("sent", "where"),
    [
        ({"runs_per_hour": -1}, "body.runs_per_hour"),
        ({"runs_per_hour": 2_147_483_648}, "body.runs_per_hour"),
        ({"runs_per_hour": True}, "body.runs_per_hour"),
        ({"runs_per_hour": "60"}, "body.runs_per_hour"),
        ({"evidence_megabytes": 1.5}, "body.evidence_megabytes"),
        ({"dollars_per_day": -0.01}, "body.dollars_per_day"),
        ({"dollars_per_incident": -0.01}, "body.dollars_per_incident"),
        ({"seconds_per_run": 0}, "body.seconds_per_run"),
        ({"seconds_per_run": 121}, "body.seconds_per_run"),
        ({"runs_a_day": 1}, "body.runs_a_day"),
        ({"keep_days": 10, "keep_raw_days": -1}, "body.keep_raw_days"),
    ],
)
def test_what_is_no_limit_changes_nothing(
    acme: World, program: Callable[..., Client], sent: dict[str, object], where: str
) -> None:
    answer = program(acme.tenant, Role.ADMIN, "limits:write")("PATCH", "/limits", json=sent)

    assert answer.status_code == 422
    assert [one["where"] for one in answer.json()["errors"]] == [where]
    assert Tenant.objects.get(pk=acme.tenant.pk).keep_days is None
    assert audited(acme.tenant) == []


def test_a_role_alone_does_not_bring_the_right(acme: World, program: Callable[..., Client]) -> None:
    answer = program(acme.tenant, Role.ADMIN)("PATCH", "/limits", json={"dollars_per_day": 1000})

    assert answer.status_code == 403
    assert "limits:write" in answer.json()["detail"]
    assert Tenant.objects.get(pk=acme.tenant.pk).dollars_per_day is None


@pytest.mark.parametrize(
    ("value", "said"), [(float("nan"), "a number that ends"), (-1.0, "greater than or equal to 0")]
)
def test_the_same_bounds_hold_wherever_limits_are_set(acme: World, value: float, said: str) -> None:
    with pytest.raises(limits.NotALimit, match=said):
        limits.change(acme.tenant, {"dollars_per_day": value}, actor="test")
