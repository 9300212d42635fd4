"""What the verdict may not claim: that all is well where nothing was measured, or a cause of what nobody saw."""

from __future__ import annotations

from scoring.evidence import Verdict
from scoring.observations import Dependency, Entity, EntityKind, Gap, Observation, Series, State
from tests.unit.scoring import shop
from tests.unit.scoring.made import at_service, ranked


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


def test_a_change_that_nothing_connects_with_what_fired_is_no_lead() -> None:
    unrelated: list[Observation] = [
        shop.alert(),
        *shop.calls(),
        shop.deploy("catalog", "v2", shop.SYMPTOM_AT - 60),
        Gap("kubernetes", "pods of checkout", "timed out after 8 s"),
    ]
    ranking = ranked(unrelated)

    assert ranking.verdict is Verdict.INCONCLUSIVE
    assert [score.is_lead for score in ranking.scores] == [False]
    assert ranking.explanation == "Nothing that was seen points to a cause."
    (light,) = ranking.weighed_light
    assert light == (
        "catalog v2 deployed 2 min before the onset, but no data shows that anything at catalog went wrong, and checkout is"
        " not known to need it"
    )
    assert ranking.next_check == (
        "Investigate again when kubernetes answers; until then open the alert's own chart, and read the logs of checkout:"
        " kubectl -n shop logs deployment/checkout --since=30m"
    )


def test_a_lead_with_weak_signs_is_told_as_that() -> None:
    ranking = ranked(
        [
            shop.alert(),
            *shop.calls(),
            shop.series("payments", "latency_p95", "seconds", 0.09, then=0.13, since=shop.CAUSE_AT),
            Gap("kubernetes", "pods of checkout", "timed out after 8 s"),
        ]
    )

    assert ranking.explanation == (
        "A fault in payments leads, but its signs are weak: payments p95 latency 133 ms, was 91 ms."
    )


def test_what_is_over_is_told_with_when_it_began_and_ended() -> None:
    over = shop.series(
        "payments", "latency_p95", "seconds", 0.09, then=0.95, since=shop.CAUSE_AT, until=shop.ALERT_AT - 60
    )
    rest = (
        one for one in shop.incident(changes=False) if not (isinstance(one, Series) and one.entity.name == "payments")
    )
    first = ranked([*rest, over]).scores[0]

    assert first.candidate.statement == (
        "A fault in payments itself: p95 latency 970 ms, was 91 ms (×11), ended 4 min after the onset; it began 1 min before the onset"
    )


def test_a_cause_is_dated_by_the_signs_that_its_timing_is_judged_by() -> None:
    soon = shop.series("checkout", "error_ratio", "ratio", 0.001, then=0.4, since=shop.SYMPTOM_AT - 60)
    of_checkout = ranked([*shop.incident(changes=False), soon]).scores[1]

    assert of_checkout.candidate.statement == (
        "A fault in checkout itself: p95 latency 2.5 s, was 177 ms (×14); it began 1 min before the onset"
    )
    timing = next(one.reason for one in of_checkout.factors if one.name == "temporal correlation")
    assert timing == "began 1 min before the onset, but no sooner than payments"


def test_the_check_of_what_is_inconclusive_names_the_namespace_that_all_else_is_in() -> None:
    """An alert names its service alone; `kubectl` without a namespace asks the default one."""
    subject = Entity(EntityKind.SERVICE, "checkout")
    ranking = ranked([*shop.calls(), shop.alert()], subject=subject)

    assert ranking.next_check == (
        "Open the alert's own chart, and read the logs of checkout: kubectl -n shop logs deployment/checkout --since=30m"
    )


def test_a_change_at_what_fired_or_below_it_is_a_lead_where_nothing_else_is_known() -> None:
    changed = ("payments", "catalog", "checkout")
    ranking = ranked(
        [shop.alert(), *shop.calls(), *(shop.deploy(name, "v2", shop.SYMPTOM_AT - 60) for name in changed)]
    )

    assert {score.candidate.entity.name: score.is_lead for score in ranking.scores} == {
        "checkout": True,
        "payments": True,
        "catalog": False,
    }
    assert ranking.explanation == (
        "The strongest lead is checkout (bad deploy), but no data shows whether anything went wrong there."
    )


def test_a_change_below_what_fired_is_no_lead_where_nothing_moved_there() -> None:
    ranking = ranked(
        [
            shop.alert(),
            *shop.calls(),
            *shop.usual("payments"),
            shop.deploy("payments", "v2", shop.SYMPTOM_AT - 60),
        ]
    )

    assert [score.is_lead for score in ranking.scores] == [False]
    assert ranking.weighed_light == (
        "payments v2 deployed 2 min before the onset, but nothing at payments left its baseline",
    )


def elsewhere(*more: Observation) -> list[Observation]:
    """Make an incident of checkout, and a change of catalog after which catalog fails, which checkout does not call."""
    moved = {("checkout", "latency_p95"), ("catalog", "error_ratio")}
    return [
        *(
            one
            for one in shop.quiet_day()
            if not (isinstance(one, Series) and (one.entity.name, one.indicator) in moved)
        ),
        shop.series("catalog", "error_ratio", "ratio", 0.002, then=0.3, since=shop.CAUSE_AT),
        shop.series("checkout", "latency_p95", "seconds", 0.18, then=2.4, since=shop.SYMPTOM_AT),
        shop.deploy("catalog", "v2", shop.ROLLOUT_AT),
        *more,
    ]


def test_a_change_and_what_it_did_elsewhere_are_no_lead_where_the_graph_connects_them_with_nothing() -> None:
    ranking = ranked(elsewhere())

    assert not at_service(ranking, "catalog").is_lead
    assert "catalog (" not in ranking.explanation
    assert ranking.weighed_light == (
        "catalog v2 deployed 2 min before the onset, but checkout is not known to need catalog",
    )


def test_they_are_one_where_both_need_something_that_suffers() -> None:
    shared = (
        Dependency(shop.service("catalog"), shop.service("orders-db"), "kubernetes"),
        Dependency(shop.service("checkout"), shop.service("orders-db"), "kubernetes"),
        shop.series("orders-db", "cpu_utilisation", "ratio", 0.3, then=1.0, since=shop.CAUSE_AT, limit=1.0),
    )

    assert at_service(ranked(elsewhere(*shared)), "catalog").is_lead


def test_they_are_one_where_nobody_knows_who_calls_whom() -> None:
    unknown = [one for one in elsewhere() if not isinstance(one, Dependency)]

    assert at_service(ranked(unknown), "catalog").is_lead
