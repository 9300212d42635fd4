"""What a ranking must obey, whatever it is given."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.evidence import Evidence, RankInputs, Verdict
from scoring.frozen import freeze, plain, thaw_evidence, thaw_inputs, thaw_ranking
from scoring.observations import Observation, Window
from scoring.rank import rank
from scoring.version import VERSION

from . import made, shop


def numbers(value: Any) -> list[float]:
    """Return all numbers anywhere in a value."""
    if is_dataclass(value) and not isinstance(value, type):
        return [number for field in fields(value) for number in numbers(getattr(value, field.name))]
    if isinstance(value, (tuple, list)):
        return [number for item in value for number in numbers(item)]
    return [value] if isinstance(value, float) else []


@made.thorough
@given(made.inputs())
def test_confidence_is_the_weighted_sum_and_lies_in_its_range(inputs: RankInputs) -> None:
    ranking = rank(inputs)
    assert all(math.isfinite(number) for number in numbers(ranking))
    for score in ranking.scores:
        assert [factor.weight for factor in score.factors] == [0.25, 0.20, 0.20, 0.20, 0.15]
        assert all(0.0 <= factor.low <= factor.value <= factor.high <= 1.0 for factor in score.factors)
        assert score.confidence == pytest.approx(sum(f.weight * f.value for f in score.factors), abs=1e-6)
        assert 0.0 <= score.low <= score.confidence <= score.high <= 1.0


@made.thorough
@given(made.inputs(), st.randoms(use_true_random=False))
def test_the_order_of_what_is_given_does_not_matter(inputs: RankInputs, random: Any) -> None:
    def shuffled(items: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(random.sample(items, len(items)))

    other = replace(
        inputs,
        evidence=shuffled(inputs.evidence),
        candidates=shuffled(inputs.candidates),
        dependencies=shuffled(inputs.dependencies),
        precedents=shuffled(inputs.precedents),
        acceptances=shuffled(inputs.acceptances),
        gaps=shuffled(inputs.gaps),
    )
    assert freeze(rank(other)) == freeze(rank(inputs))


@made.thorough
@given(made.inputs())
def test_better_stands_before_worse_and_ties_have_an_order(inputs: RankInputs) -> None:
    confidences = [score.confidence for score in rank(inputs).scores]
    assert confidences == sorted(confidences, reverse=True)
    assert len(confidences) == len(set(inputs.candidates))


@made.thorough
@given(made.inputs())
def test_frozen_inputs_give_the_same_bytes_again(inputs: RankInputs) -> None:
    frozen = freeze(inputs)
    assert freeze(thaw_inputs(frozen)) == frozen
    assert freeze(rank(thaw_inputs(frozen))) == freeze(rank(inputs))


@made.thorough
@given(made.inputs())
def test_a_frozen_ranking_thaws_to_itself(inputs: RankInputs) -> None:
    ranking = rank(inputs)
    assert thaw_ranking(freeze(ranking)) == ranking
    assert ranking.version == VERSION


@made.thorough
@given(made.inputs())
def test_parts_can_be_stored_alone(inputs: RankInputs) -> None:
    assert tuple(thaw_evidence(one) for one in plain(inputs.evidence)) == inputs.evidence


def moved(value: Any, later: float) -> Any:
    """Return the same with every moment later."""
    if isinstance(value, Window):
        return Window(value.start + later, value.end + later, value.alert_at + later, value.alert_for)
    if isinstance(value, Evidence):
        return replace(
            value,
            onset=None if value.onset is None else value.onset + later,
            until=None if value.until is None else value.until + later,
        )
    return value


whole_moments = st.integers(-3600, 3600).map(lambda seconds: shop.NOW + seconds)


@made.thorough
@given(made.inputs(), st.integers(-(10**8), 10**8))
def test_moving_all_times_changes_nothing_but_the_onset(inputs: RankInputs, later: int) -> None:
    def whole(item: Evidence) -> Evidence:
        # Whole seconds, so that adding does not round.
        return replace(
            item,
            onset=None if item.onset is None else float(round(item.onset)),
            until=None if item.until is None else float(round(item.until)),
        )

    here = replace(inputs, evidence=tuple(whole(item) for item in inputs.evidence))
    there = replace(
        here,
        window=moved(here.window, later),
        evidence=tuple(moved(item, later) for item in here.evidence),
    )
    first, second = rank(here), rank(there)
    assert second.onset == first.onset + later
    assert replace(second, onset=first.onset) == first


@settings(made.thorough, max_examples=200)
@given(st.lists(made.broken_observations, max_size=30), made.entities, st.lists(made.precedents, max_size=3))
def test_bad_input_never_raises_and_never_gives_what_is_no_number(
    observations: list[Observation], subject: Any, past: Any
) -> None:
    inputs = made.inputs_of(observations, subject=subject, history=tuple(past))
    ranking = rank(inputs)
    assert all(math.isfinite(number) for number in numbers(inputs.evidence))
    assert freeze(rank(thaw_inputs(freeze(inputs)))) == freeze(ranking)
    ids = {item.id for item in inputs.evidence}
    for candidate in inputs.candidates:
        assert candidate.supporting
        assert candidate.next_check
        assert candidate.statement
        assert ids.issuperset((*candidate.supporting, *candidate.contradicting))
        assert not set(candidate.supporting) & set(candidate.contradicting)


def test_nothing_at_all_is_inconclusive() -> None:
    ranking = rank(made.inputs_of([]))
    assert ranking.verdict is Verdict.INCONCLUSIVE
    assert ranking.scores == ()
    assert ranking.explanation == "Nothing that was seen points to a cause."
    assert ranking.missing == ("no data shows the symptom at checkout",)


def test_a_number_that_is_none_is_refused_with_its_place() -> None:
    inputs = made.inputs_of(shop.quiet_day())
    spoilt = replace(inputs, evidence=(replace(inputs.evidence[0], severity=math.nan), *inputs.evidence[1:]))
    with pytest.raises(ValueError, match=r"RankInputs\.evidence\[0\]\.severity: nan is not a finite number"):
        freeze(spoilt)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "RankInputs: expected an object, got list"),
        ("{}", r"RankInputs\.window: missing"),
        ('{"window": {"start": "early"}}', "RankInputs"),
        ('{"surprise": 1}', "RankInputs: unknown field 'surprise'"),
        ('{"window": NaN}', "NaN is not a finite number"),
    ],
)
def test_what_is_no_frozen_input_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        thaw_inputs(text)
