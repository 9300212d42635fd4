"""The model's budget: reserved before a call, settled after it, kept by all runs together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.utils import timezone
from pydantic import ValidationError

from copilot.config import ModelPrice, config
from copilot.guard.tenancy import tenant_scope
from copilot.llm import budget
from copilot.llm.budget import BudgetError, Tokens
from tests.unit.llm.conftest import make_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from copilot.models import Run, Tenant

MODEL = "claude-sonnet-5-5"
PRICES = '{"claude-sonnet-5-5": {"input": 4, "output": 10, "cache_write": 8, "cache_read": 1}}'


@pytest.fixture(autouse=True)
def prices(configure: Callable[..., None]) -> None:
    configure(COPILOT_MODEL_PRICES=PRICES)


def reserve(tenant: Tenant, run: Run, *, max_tokens: int = 1000, model: str = MODEL) -> int:
    return budget.reserve(
        tenant.id, run.id, model=model, prompt="x" * 2499, max_tokens=max_tokens, prompt_version="t/1"
    )


def spend(tenant: Tenant, run: Run, dollars: str, *, days_ago: int = 0) -> None:
    from copilot.models import ModelCall

    with tenant_scope(tenant.id):
        call = ModelCall.objects.create(
            run=run, purpose="t", model=MODEL, prompt_version="t/1", outcome="end_turn", dollars=dollars
        )
        ModelCall.objects.filter(pk=call.pk).update(created_at=timezone.now() - timedelta(days=days_ago))


def rows(tenant: Tenant) -> list[tuple[str, Decimal]]:
    from copilot.models import ModelCall

    with tenant_scope(tenant.id):
        return list(ModelCall.objects.order_by("id").values_list("outcome", "dollars"))


def test_it_reserves_the_most_that_a_call_may_cost(tenant: Tenant, run: Run) -> None:
    reserve(tenant, run)

    # 1,000 tokens of prompt, all written to the cache at $8 a million, and 1,000 of answer at $10.
    assert rows(tenant) == [("asked", Decimal("0.018000"))]


def test_it_settles_a_reservation_at_what_was_used(tenant: Tenant, run: Run) -> None:
    call = reserve(tenant, run)

    dollars = budget.settle(
        tenant.id,
        call,
        model=MODEL,
        outcome="end_turn",
        tokens=Tokens(100, 10, 0, 900),
        request_id="req_1",
        seconds=1.5,
    )

    # 100 at $4, 10 at $10 and 900 at $1 a million.
    assert dollars == Decimal("0.001400")
    assert rows(tenant) == [("end_turn", Decimal("0.001400"))]


def test_it_refuses_what_the_incident_has_no_budget_for(
    tenant: Tenant, run: Run, configure: Callable[..., None]
) -> None:
    configure(COPILOT_MODEL_DOLLARS_PER_INCIDENT="0.05")
    spend(tenant, run, "0.04", days_ago=3)

    with pytest.raises(BudgetError, match=r"^the model's budget for this incident is used up \(\$0\.04 of \$0\.05\)$"):
        reserve(tenant, run)

    assert rows(tenant) == [("end_turn", Decimal("0.040000"))]


def test_it_counts_all_runs_of_an_incident_and_no_other_incident(
    tenant: Tenant, run: Run, configure: Callable[..., None]
) -> None:
    from copilot.models import Run

    configure(COPILOT_MODEL_DOLLARS_PER_INCIDENT="0.05")
    with tenant_scope(tenant.id):
        again = Run.objects.create(incident_id=run.incident_id, sequence=2)
    spend(tenant, run, "0.04")

    reserve(tenant, make_run(tenant, number=2))
    with pytest.raises(BudgetError, match="this incident"):
        reserve(tenant, again)


def test_it_refuses_what_the_day_has_no_budget_for(tenant: Tenant, run: Run, configure: Callable[..., None]) -> None:
    configure(COPILOT_MODEL_DOLLARS_PER_DAY="1.00", COPILOT_MODEL_DOLLARS_PER_INCIDENT="9")
    spend(tenant, make_run(tenant, number=2), "0.99")

    with pytest.raises(BudgetError, match=r"budget for today is used up \(\$0\.99 of \$1\.00\)"):
        reserve(tenant, run)


def test_it_forgets_yesterday(tenant: Tenant, run: Run, configure: Callable[..., None]) -> None:
    configure(COPILOT_MODEL_DOLLARS_PER_DAY="1.00", COPILOT_MODEL_DOLLARS_PER_INCIDENT="9")
    spend(tenant, run, "5.00", days_ago=1)

    reserve(tenant, run)

    assert [outcome for outcome, _ in rows(tenant)] == ["end_turn", "asked"]


def test_it_does_not_charge_one_tenant_for_another(
    tenant: Tenant, other_tenant: Tenant, run: Run, configure: Callable[..., None]
) -> None:
    configure(COPILOT_MODEL_DOLLARS_PER_DAY="1.00")
    spend(other_tenant, make_run(other_tenant), "5.00")

    reserve(tenant, run)

    assert [outcome for outcome, _ in rows(tenant)] == ["asked"]


def test_it_refuses_a_model_without_a_price(tenant: Tenant, run: Run) -> None:
    with pytest.raises(BudgetError, match=r"^no price is known for claude-x: add it to COPILOT_MODEL_PRICES$"):
        reserve(tenant, run, model="claude-x")

    assert rows(tenant) == []


def test_it_knows_the_price_of_a_dated_name() -> None:
    assert budget.price_of("claude-sonnet-5-5-20260901") == ModelPrice(input=4, output=10, cache_write=8, cache_read=1)


def test_it_lets_runs_side_by_side_not_overdraw_the_budget(
    committed_db: str, tenant: Tenant, configure: Callable[..., None]
) -> None:
    # Room for three calls of $0.018.
    configure(COPILOT_MODEL_DOLLARS_PER_DAY="0.06")
    runs = [make_run(tenant, number=number) for number in range(1, 9)]

    def try_to(run: Run) -> bool:
        try:
            reserve(tenant, run)
        except BudgetError:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        granted = list(pool.map(try_to, runs))

    assert sum(granted) == 3
    assert rows(tenant) == [("asked", Decimal("0.018000"))] * 3


def test_it_reads_prices_from_their_setting_alone_and_wants_them_whole(
    configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPUT", "no number")
    configure(COPILOT_MODEL_PRICES='{"claude-x": {"input": 1, "cache_write": 2, "cache_read": 0.1}}')

    with pytest.raises(ValidationError, match=r"model_prices\.claude-x\.output\n +Field required"):
        config()
