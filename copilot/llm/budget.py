"""What the model may cost: prices, and a reservation in the usage rows before each call, settled after it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import ROUND_UP, Decimal
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Sum

from copilot.config import config
from copilot.guard.tenancy import tenant_scope
from copilot.limits import limits_for, reached
from copilot.models import Limit, ModelCall, Run
from copilot.observe import model_dollars, model_tokens

if TYPE_CHECKING:
    from uuid import UUID

    from django.db.models import QuerySet

    from copilot.config import ModelPrice

PURPOSE = "hypotheses"
# Written before the call. It stays where a process dies in between: the call may have been billed.
ASKED = "asked"
# A token is about four characters of English and fewer of JSON and logs; a reservation must not fall short.
CHARACTERS_PER_TOKEN = 2.5
PER_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Hold the token counts of one call, each billed at its own price."""

    input: int = 0
    output: int = 0
    cache_write: int = 0
    cache_read: int = 0


class BudgetError(Exception):
    """Say why no money may be spent on a call; the text is for people."""


class LimitError(BudgetError):
    """Say that one of the tenant's limits does not cover a call, and which."""

    def __init__(self, text: str, limit: Limit) -> None:
        super().__init__(text)
        self.limit = limit


def estimate(text: str) -> int:
    """Return about how many tokens a text has, rounded up."""
    return int(len(text) / CHARACTERS_PER_TOKEN) + 1 if text else 0


def price_of(model: str) -> ModelPrice:
    """Return a model's price; a dated name (`claude-x-20260901`) has the price of the name it begins with.

    :raises BudgetError: where there is none: a budget that cannot be counted is none.
    """
    prices = config().model_prices
    names = [name for name in prices if model == name or model.startswith(f"{name}-")]
    if not names:
        raise BudgetError(f"no price is known for {model}: add it to COPILOT_MODEL_PRICES")
    return prices[max(names, key=len)]


def cost(price: ModelPrice, tokens: Tokens) -> Decimal:
    """Return what the tokens cost in US dollars, rounded up to a millionth."""
    total = (
        Decimal(str(price.input)) * tokens.input
        + Decimal(str(price.output)) * tokens.output
        + Decimal(str(price.cache_write)) * tokens.cache_write
        + Decimal(str(price.cache_read)) * tokens.cache_read
    )
    return (total / PER_MILLION).quantize(Decimal("0.000001"), rounding=ROUND_UP)


def reserve(
    tenant_id: UUID,
    run_id: UUID | None,
    *,
    model: str,
    prompt: str,
    max_tokens: int,
    prompt_version: str,
    question_id: UUID | None = None,
    purpose: str = PURPOSE,
) -> int:
    """Write the usage row of a call at the most it may cost, and return its id.

    A run's calls are bounded by incident, a question's by answer: talk must not use up what the investigation needs.

    Reservations of one tenant come one after another, so that runs side by side cannot overdraw the budget together.

    :raises BudgetError: where the incident's or the tenant's budget for today does not cover the call.
    """
    price = price_of(model)
    asked = estimate(prompt)
    dearest = price if price.cache_write <= price.input else price.model_copy(update={"input": price.cache_write})
    most = cost(dearest, Tokens(input=asked, output=max_tokens))
    asks = {"prompt_version": prompt_version, "purpose": purpose, "model": model}
    try:
        return _reserve(tenant_id, run_id, question_id, most, asks)
    except LimitError as error:
        # Of its own transaction: that of the reservation was undone with the error.
        with tenant_scope(tenant_id):
            reached(error.limit, str(error))
        raise


def _reserve(
    tenant_id: UUID, run_id: UUID | None, question_id: UUID | None, most: Decimal, asks: dict[str, str]
) -> int:
    limits = limits_for(tenant_id)
    with tenant_scope(tenant_id):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"copilot/model-budget/{tenant_id}"]
            )
        if run_id is not None:
            incident = Run.objects.filter(id=run_id).values("incident_id")
            calls = ModelCall.objects.filter(run__incident_id__in=incident)
            _cover(calls, most, limits.dollars_per_incident, "this incident", Limit.RUN_DOLLARS)
        elif question_id is not None:
            calls = ModelCall.objects.filter(question_id=question_id)
            _cover(calls, most, config().model_dollars_per_answer, "this answer")
        midnight = datetime.combine(datetime.now(UTC).date(), time.min, UTC)
        today = ModelCall.objects.filter(created_at__gte=midnight)
        _cover(today, most, limits.dollars_per_day, "today", Limit.DOLLARS)
        row = ModelCall.objects.create(run_id=run_id, question_id=question_id, outcome=ASKED, dollars=most, **asks)
    return row.pk


def settle(
    tenant_id: UUID, call_id: int, *, model: str, outcome: str, tokens: Tokens, request_id: str, seconds: float
) -> Decimal:
    """Write what a reserved call really was and cost, and return its US dollars."""
    dollars = cost(price_of(model), tokens)
    with tenant_scope(tenant_id):
        ModelCall.objects.filter(pk=call_id).update(
            outcome=outcome[:60],
            input_tokens=tokens.input,
            output_tokens=tokens.output,
            cache_write_tokens=tokens.cache_write,
            cache_read_tokens=tokens.cache_read,
            dollars=dollars,
            request_id=request_id[:120],
            seconds=round(seconds, 3),
        )
    for direction, count in (
        ("input", tokens.input),
        ("output", tokens.output),
        ("cache_write", tokens.cache_write),
        ("cache_read", tokens.cache_read),
    ):
        model_tokens.labels(model, direction).inc(count)
    model_dollars.labels(model).inc(float(dollars))
    return dollars


def relabel(tenant_id: UUID, call_id: int, outcome: str) -> None:
    """Write how a settled call ended once its answer was read: the bill is in the row before anyone looks at it."""
    with tenant_scope(tenant_id):
        ModelCall.objects.filter(pk=call_id).update(outcome=outcome[:60])


def _cover(calls: QuerySet[ModelCall], most: Decimal, bound: float, name: str, limit: Limit | None = None) -> None:
    spent = calls.aggregate(spent=Sum("dollars"))["spent"] or Decimal(0)
    if spent + most > Decimal(str(bound)):
        text = f"the model's budget for {name} is used up (${spent:.2f} of ${bound:.2f})"
        raise BudgetError(text) if limit is None else LimitError(text, limit)
