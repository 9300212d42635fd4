"""One line for each real change, whoever told of it and in whatever order."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.knowledge.recent_changes import ChangeLine, Source, Told, timeline
from scoring.observations import ChangeKind
from scoring.sightings import Sighting, same

BEGUN = 1795168860.0  # 2026-11-20T10:01:00Z
COMMIT = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"
OTHER = "f95f852bd8fca8fcc58a9a2d6c842781e32a215e"
DEPLOYMENT = ChangeKind.DEPLOYMENT


def told(
    source: str, after: float = 0.0, *, weight: int = 0, kind: ChangeKind | None = DEPLOYMENT, **more: Any
) -> Told:
    """What a source told so many seconds after the change began."""
    known = {name: more.pop(name) for name in ("author", "link", "detail", "incident") if name in more}
    status = more.get("status", "")
    at = BEGUN + after
    line = ChangeLine(
        datetime.fromtimestamp(at, UTC), more.pop("title", f"{source} says"), known.get("author", ""), known.get("link", ""),
        status, (Source(source, known.get("link", "")),), known.get("detail", ""), known.get("incident"),
    )  # fmt: skip
    return Told(line, Sighting("payments", kind, at, source, **more), weight)


ONE_CHANGE = (
    told("github", -900, weight=1, kind=ChangeKind.OTHER, status="merged", key=COMMIT, link="https://github.test/pull/12"),
    told("github", 0, title="shop/payments 6113728 to production", status="succeeded", key=COMMIT, version=COMMIT,
         link="https://github.test/run/9", author="grace"),
    told("deploys", 40, key=COMMIT[:8], version="v2.14.0", status="failed", link="https://ci.test/7"),
    # Argo CD's sync and the rollout that it caused are one sighting of the cluster; the image's tag is the version.
    told("kubernetes", 95, weight=2, kind=None, key="2.14.0", detail="DB_POOL_SIZE 20 → 5", incident=42),
)  # fmt: skip


@pytest.mark.parametrize("turn", range(4))
def test_one_change_that_four_tell_of_is_one_line_with_all_of_them(turn: int) -> None:
    (line,) = timeline((*ONE_CHANGE[turn:], *ONE_CHANGE[:turn]))

    assert line == ChangeLine(
        at=datetime.fromtimestamp(BEGUN, UTC),
        title="shop/payments 6113728 to production",
        author="grace",
        link="https://github.test/run/9",
        # One of them says that it failed.
        status="failed",
        sources=(
            Source("github", "https://github.test/run/9"),
            Source("deploys", "https://ci.test/7"),
            Source("github", "https://github.test/pull/12"),
            Source("kubernetes"),
        ),
        detail="DB_POOL_SIZE 20 → 5",
        incident=42,
    )


def test_a_second_deployment_and_a_flag_are_lines_of_their_own() -> None:
    again = told("github", 2400, key=COMMIT, version=COMMIT, title="once more")
    rolled = told("kubernetes", 2430, version="2.14.0", title="rolled out once more")
    flag = told("launchdarkly", 30, kind=ChangeKind.FLAG, key="launchdarkly:1", title="flag")

    lines = timeline((*ONE_CHANGE, again, rolled, flag))

    assert [(line.title, [source.name for source in line.sources]) for line in lines] == [
        ("once more", ["github", "kubernetes"]),
        ("flag", ["launchdarkly"]),
        ("shop/payments 6113728 to production", ["github", "deploys", "github", "kubernetes"]),
    ]


def test_environments_are_apart() -> None:
    staging, production = (
        told("github", at, key=COMMIT, environment=name) for at, name in ((0, "staging"), (60, "production"))
    )
    assert len(timeline((staging, production))) == 2
    assert len(timeline((staging, told("deploys", 30, key=COMMIT)))) == 1


def test_what_was_reported_is_not_told_again_by_the_investigations_that_saw_it() -> None:
    row = told("deploys", 0, key="abc", version="v1", link="https://ci.test/7")
    seen = [told("deploys", 0.4, weight=2, kind=None, key="another", incident=number) for number in (41, 43, 42)]
    (line,) = timeline((*seen, row))
    assert (line.sources, line.incident) == ((Source("deploys", "https://ci.test/7"),), 43)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({"key": COMMIT}, {"version": COMMIT[:7]}, True),
        ({"version": "v2.14.0"}, {"version": "2.14.0"}, True),
        ({"key": COMMIT}, {"key": OTHER}, False),
        ({"version": "2.1"}, {"version": "2.14"}, False),
        ({"version": "beef"}, {"key": "beef" * 10}, False),
        ({"key": COMMIT, "kind": ChangeKind.OTHER, "status": "released"}, {"version": COMMIT[:12]}, True),
        ({"key": COMMIT, "kind": ChangeKind.FLAG}, {"version": COMMIT[:12]}, False),
    ],
)
def test_versions_are_written_in_several_ways(one: dict[str, Any], other: dict[str, Any], expected: bool) -> None:
    first, second = told("a", 0, **one).sighting, told("b", 1200, **other).sighting
    assert same(first, second) is expected
    assert same(second, first) is expected


words = st.sampled_from(("", COMMIT, COMMIT[:7], OTHER, "v2.14.0", "2.14.0"))
tellings = st.builds(
    told,
    st.sampled_from(("github", "deploys", "kubernetes")),
    st.integers(0, 4000).map(float),
    weight=st.sampled_from((0, 1, 2)),
    kind=st.sampled_from((DEPLOYMENT, ChangeKind.FLAG, ChangeKind.OTHER)),
    key=words,
    version=words,
    status=st.sampled_from(("", "merged", "succeeded", "failed")),
    author=st.sampled_from(("", "grace", "ada")),
    link=st.sampled_from(("", "https://a.test", "https://b.test")),
)


@given(st.lists(tellings, max_size=8).flatmap(lambda found: st.tuples(st.just(found), st.permutations(found))))
@settings(deadline=None, max_examples=150)
def test_the_order_of_arrival_plays_no_part(orders: tuple[list[Told], list[Told]]) -> None:
    as_told, otherwise = orders
    lines = timeline(as_told)

    assert timeline(otherwise) == lines
    assert len(lines) <= len(as_told)
    # Nobody who told of anything is lost.
    assert {source.name for line in lines for source in line.sources} == {one.sighting.source for one in as_told}
