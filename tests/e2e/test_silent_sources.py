"""A source that does not answer never holds up the others: it is named, and the range is wider for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e import sources
from tests.e2e.customer import Customer, join, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.stack import Stack

pytestmark = [pytest.mark.xdist_group("e2e-silent"), pytest.mark.slow]

SECONDS = 6.0
NAMES = {"prometheus": "Prometheus", "kubernetes": "Kubernetes"}


@pytest.fixture(scope="module")
def stack(start_stack: Callable[..., Stack]) -> Stack:
    return start_stack(COPILOT_GATHER_SECONDS=str(SECONDS))


@pytest.fixture(scope="module")
def customer(stack: Stack, replay: sources.Replay) -> Customer:
    made = join(stack, "silent", *replay.sources.connections, ("deploys",), services=sources.services())
    for deploy in sources.SHOP.deploys:
        assert made.tell_of_deploy(deploy, alert_at=replay.alert_at).status_code == 202
    return made


@pytest.fixture(scope="module")
def with_all(customer: Customer, replay: sources.Replay) -> dict[str, Any]:
    """The incident as it is seen when every source answers."""
    page = customer.page(title="all answer on checkout", created_at=replay.alert_at)
    return customer.stack.incident("silent", customer.wait_until_shown(page)["number"])


def payments(shown: dict[str, Any]) -> dict[str, Any]:
    """Return the hypothesis about the deployment of payments, which a CI told of, whatever else is silent."""
    (found,) = [one for one in shown["hypotheses"] if (one["service"], one["cause_kind"]) == ("payments", "bad deploy")]
    return dict(found)


def width(one: dict[str, Any]) -> float:
    return float(one["high"] - one["low"])


@pytest.mark.parametrize("vendor", ["prometheus", "kubernetes"])
def test_the_run_goes_on_without_a_source_that_never_answers(
    vendor: str, customer: Customer, replay: sources.Replay, with_all: dict[str, Any]
) -> None:
    name = NAMES[vendor]
    (other,) = NAMES.keys() - {vendor}
    with replay.silence(vendor):
        page = customer.page(title=f"no {vendor} on checkout", created_at=replay.alert_at)
        row = customer.wait_until_shown(page)
        assert vendor in replay.silent
    shown = customer.stack.incident("silent", row["number"])

    (gather,) = [one for one in shown["stages"] if one["stage"] == "gather"]
    # No sooner than its limit; and it was not waited for any longer, as it is silent still.
    assert gather["seconds"] >= SECONDS - 0.5
    (silent,) = shown["sources_without_answer"]
    assert (silent["name"], silent["status"]) == (name, "failed")
    assert f"{SECONDS:g} s" in silent["detail"]
    assert {one["name"]: one["status"] for one in shown["sources"]}[NAMES[other]] == "answered"
    (root,) = customer.roots(row["number"])
    assert f"did not answer: {name}" in words(root)
    assert f"asked {NAMES[other]}" in words(root)
    (evidence,) = [one for one in customer.thread(root) if "pieces of evidence" in words(one)]
    assert "Could not be seen" in words(evidence)

    assert with_all["sources_without_answer"] == []
    before, after = payments(with_all), payments(shown)
    assert width(after) > width(before)
    was, quality = (one["factors"][3] for one in (before, after))
    assert was["name"] == quality["name"] == "evidence quality"
    assert width(quality) > width(was)
    assert quality["value"] < was["value"]
    assert f"not answered: {vendor}" in quality["reason"]


def test_with_no_source_at_all_the_thread_says_what_is_missing(customer: Customer, replay: sources.Replay) -> None:
    with replay.silence("prometheus"), replay.silence("kubernetes"):
        page = customer.page(title="nothing answers on checkout", created_at=replay.alert_at)
        row = customer.wait_until_shown(page)
    shown = customer.stack.incident("silent", row["number"])

    assert shown["verdict"] == "inconclusive"
    assert [one["kind"] for one in shown["evidence"]] == ["change", "change", "note"]
    assert [one["name"] for one in shown["sources_without_answer"]] == ["Kubernetes", "Prometheus"]
    (root,) = customer.roots(row["number"])
    assert "Inconclusive" in words(root)
    assert "Missing: " in words(root)
    assert "did not answer: Kubernetes, Prometheus" in words(root)
