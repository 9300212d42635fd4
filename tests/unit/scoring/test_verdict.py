"""What the verdict may not claim: that all is well where nothing was measured, or a cause of what nobody saw."""

from __future__ import annotations

from scoring.evidence import Verdict
from scoring.observations import Observation, Series, State
from tests.unit.scoring import shop
from tests.unit.scoring.made import ranked


def test_standing_replicas_alone_do_not_show_that_users_are_well() -> None:
    only: list[Observation] = [
        shop.alert("Is checkout well?"),
        shop.series("checkout", "replicas_unavailable", "count", 0.0),
    ]

    assert ranked(only).verdict is Verdict.INCONCLUSIVE


def test_they_do_where_the_alert_was_about_replicas() -> None:
    only: list[Observation] = [
        shop.alert("checkout has unavailable replicas"),
        shop.series("checkout", "replicas_unavailable", "count", 0.0),
    ]

    assert ranked(only).verdict is Verdict.NO_FAULT


def test_a_cause_elsewhere_is_not_likely_where_the_paged_service_shows_nothing() -> None:
    seen: list[Observation] = [
        one
        for one in shop.incident()
        if not (isinstance(one, Series | State) and one.entity.service in {"checkout", "web"})
    ]
    ranking = ranked(seen)

    assert ranking.scores[0].candidate.entity.name == "payments"
    assert ranking.verdict is Verdict.POSSIBLE
    assert "nothing that was seen of checkout" in ranking.explanation
