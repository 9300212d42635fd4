"""The recording that comes along: complete for today's integrations, and telling its story."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from copilot.replay.recording import Recording, load
from scoring.candidates import candidates
from scoring.detect import detect
from scoring.evidence import Ranking, RankInputs
from scoring.observations import Change, Gap, LogPattern, Series
from scoring.rank import rank
from tests.unit.replay.gathering import Gathered, gathered

FILE = Path(str(resources.files("copilot.replay") / "shop.json.gz"))


@pytest.fixture(scope="module")
def shop() -> Recording:
    return load(FILE)


@pytest.fixture(scope="module")
def answers(shop: Recording) -> Gathered:
    return gathered(shop)


@pytest.fixture(scope="module")
def ranking(answers: Gathered) -> Ranking:
    observations = [*answers.known, *(one for source in answers.observations.values() for one in source)]
    detection = detect(observations, answers.window, subject=answers.subject)
    return rank(
        RankInputs(
            window=answers.window,
            subject=answers.subject,
            evidence=detection.evidence,
            candidates=candidates(detection, window=answers.window, subject=answers.subject),
            dependencies=detection.dependencies,
            gaps=detection.gaps,
            precedents=(),
            acceptances=(),
            sources_asked=("kubernetes", "prometheus"),
        )
    )


def test_it_is_small() -> None:
    assert FILE.stat().st_size < 300_000


def test_it_answers_every_question_of_today_s_integrations(answers: Gathered) -> None:
    """Where this fails the query pack or an integration asks for something new: `make record-demo` makes the file anew."""
    assert answers.misses == {}


def test_nothing_is_missing_in_its_answers(answers: Gathered) -> None:
    assert [one for source in answers.observations.values() for one in source if isinstance(one, Gap)] == []


def test_its_connections_pass_their_test(answers: Gathered) -> None:
    assert answers.health["prometheus"].works
    assert answers.health["prometheus"].detail == "answers queries; 12 scrape targets are up"
    assert answers.health["kubernetes"].works
    assert answers.health["kubernetes"].detail.startswith("Kubernetes v1.20.2; everything that is needed may be read")


def test_every_service_has_its_golden_signals(answers: Gathered) -> None:
    seen = {(one.entity.name, one.indicator) for one in answers.observations["prometheus"] if isinstance(one, Series)}

    for service in answers.world.services:
        assert {(service.name, name) for name in ("latency_p95", "error_ratio", "request_rate")} <= seen


def test_the_series_reach_from_an_hour_before_the_page_to_now(answers: Gathered) -> None:
    checkout = next(
        one
        for one in answers.observations["prometheus"]
        if isinstance(one, Series) and (one.entity.name, one.indicator, one.peer) == ("checkout", "latency_p95", None)
    )

    assert len(checkout.times) >= 119
    assert answers.window.end - checkout.times[-1] < 60


def test_the_two_rollouts_are_as_long_ago_as_they_were(answers: Gathered) -> None:
    rollouts = {
        one.entity.name: (one.version, round(answers.window.alert_at - one.at))
        for one in answers.observations["kubernetes"]
        if isinstance(one, Change)
    }

    assert rollouts == {"catalog": ("v3.2.0", 300), "payments": ("2.14.0", 255)}


def test_the_rollout_tells_what_it_changed(answers: Gathered) -> None:
    payments = next(
        one for one in answers.observations["kubernetes"] if isinstance(one, Change) and one.entity.name == "payments"
    )

    assert "DB_POOL_SIZE 20 → 5" in payments.detail


def test_the_logs_of_payments_tell_that_there_is_no_connection(answers: Gathered) -> None:
    patterns = [
        one
        for one in answers.observations["kubernetes"]
        if isinstance(one, LogPattern) and one.entity.name == "payments" and one.level == "error"
    ]

    assert [one.template for one in patterns] == [
        "ERROR HikariPool-<n> - Connection is not available, request timed out after <n>ms (total=<n>, active=<n>, idle=<n>, waiting=<n>)"
    ]
    assert patterns[0].count_before == 0


def test_payments_is_ranked_first_although_checkout_is_louder(ranking: Ranking) -> None:
    first = ranking.scores[0].candidate

    assert (first.entity.name, first.cause_kind.value) == ("payments", "bad deploy")
    assert ranking.verdict.value == "likely cause"


def test_the_innocent_deploy_is_weighed_and_found_light(ranking: Ranking) -> None:
    assert [line for line in ranking.weighed_light if line.startswith("catalog v3.2.0")]
    assert "catalog" not in {score.candidate.entity.name for score in ranking.scores[:3]}


def test_it_holds_no_secret(shop: Recording) -> None:
    text = repr([exchange.body for exchange in shop.exchanges.values()])

    for word in ("Bearer ", "eyJhbGciOi", "managedFields", "admin-token"):
        assert word not in text
