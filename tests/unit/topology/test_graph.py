"""The graph's promises: who is hurt, the way down to a cause, what is stale; on any graph, with cycles, in bounded steps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.topology.graph import BlastRadius, Edge, Node, Sighting, Topology, is_stale, shortest, walk
from copilot.topology.telling import blast

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def arrow(caller: str, callee: str, *sources: str, stale: bool = False) -> Edge:
    return Edge(caller, callee, tuple(Sighting(one, "", NOW, NOW, stale) for one in sources or ("declared",)))


def shop() -> Topology:
    return Topology.of(
        [Node("web", entrance="kubernetes ingress"), Node("admin", entrance="file"), Node("mailer")],
        [
            arrow("web", "checkout"), arrow("admin", "orders"), arrow("checkout", "orders", "jaeger", "kubernetes environment"),
            arrow("checkout", "payments"), arrow("payments", "bank"), arrow("orders", "orders-db"), arrow("payments", "orders-db"),
            arrow("mailer", "orders-db", stale=True),
        ],
    )  # fmt: skip


def test_who_is_hurt_is_counted_once_each_with_the_calls_between_and_where_users_are() -> None:
    assert shop().blast_radius("orders-db") == BlastRadius(
        "orders-db",
        ("orders", "payments"),
        {"orders": 1, "payments": 1, "admin": 2, "checkout": 2, "web": 3},
        ("admin", "web"),
    )
    assert shop().blast_radius("web") == BlastRadius("web", (), {}, ())
    assert shop().blast_radius("nobody") == BlastRadius("nobody", (), {}, ())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("orders-db", "5 services depend on orders-db, 2 of them directly; users meet admin, web"),
        ("bank", "3 services depend on bank, 1 of them directly; users meet web"),
        ("checkout", "1 service depends on checkout; users meet web"),
        ("web", "nothing that is known depends on web"),
    ],
)
def test_who_is_hurt_is_told_in_a_sentence(name: str, said: str) -> None:
    assert blast(shop().blast_radius(name)) == said


def test_the_way_to_the_cause_is_the_shortest_and_of_equals_the_first_by_name() -> None:
    assert shop().path("web", "orders-db") == ("web", "checkout", "orders", "orders-db")
    assert shop().path("web", "web") == ("web",)
    assert shop().path("orders-db", "web") == ()
    assert shop().path("nobody", "web") == ()


def test_a_stale_arrow_hurts_nobody_and_is_gone_along_only_where_no_fresh_one_leads_there() -> None:
    assert shop().needs("mailer") == ()
    assert shop().needs("mailer", every=True) == ("orders-db",)
    assert shop().path("mailer", "orders-db") == ("mailer", "orders-db")
    detour = Topology.of([], [arrow("a", "d", stale=True), arrow("a", "b"), arrow("b", "c"), arrow("c", "d")])
    assert detour.path("a", "d") == ("a", "b", "c", "d")


def test_a_part_holds_what_is_near_up_and_down_with_all_arrows_between() -> None:
    part = shop().around("orders", hops=1)

    assert list(part.nodes) == ["admin", "checkout", "orders", "orders-db"]
    assert [(one.caller, one.callee) for one in part.edges] == [
        ("admin", "orders"), ("checkout", "orders"), ("orders", "orders-db"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "days", "stale"),
    [("jaeger", 7, False), ("jaeger", 7.01, True), ("declared", 900, False), ("file", 900, False)],
)
def test_what_a_source_has_not_seen_for_a_week_is_stale_and_what_people_said_never_is(
    source: str, days: float, stale: bool
) -> None:
    assert is_stale(source, NOW - timedelta(days=days), NOW) is stale


def test_an_arrow_is_as_fresh_as_its_freshest_sighting_and_names_who_still_says_so() -> None:
    old, new = Sighting("jaeger", "", NOW, NOW, is_stale=True), Sighting("tempo", "", NOW, NOW)

    assert (Edge("a", "b", (old, new)).is_stale, Edge("a", "b", (old, new)).sources) == (False, ("tempo",))
    assert (Edge("a", "b", (old,)).is_stale, Edge("a", "b", (old,)).sources) == (True, ("jaeger",))


def test_what_is_merely_allowed_is_shown_and_hurts_nobody() -> None:
    allowed = Topology.of([], [arrow("scraper", "db", "kubernetes network policy"), arrow("web", "db", "jaeger")])

    assert (allowed.needed_by("db"), allowed.needed_by("db", every=True)) == (("web",), ("scraper", "web"))
    assert allowed.blast_radius("db").count == 1


# --- on any graph ----------------------------------------------------------------------------------------------------

NAMES = st.sampled_from([f"s{number}" for number in range(9)])
ARROWS = st.builds(arrow, NAMES, NAMES, stale=st.booleans())
GRAPHS = st.lists(ARROWS, max_size=40, unique_by=lambda one: (one.caller, one.callee)).map(
    lambda arrows: Topology.of([Node("s0", entrance="file")], arrows)
)


def peer(graph: Topology) -> nx.DiGraph[str]:
    """The same graph by others."""
    drawn: nx.DiGraph[str] = nx.DiGraph()
    drawn.add_nodes_from(graph.nodes)
    drawn.add_edges_from((one.caller, one.callee) for one in graph.edges if one.is_used)
    return drawn


@given(GRAPHS, NAMES)
def test_all_that_can_reach_a_service_are_hurt_and_nobody_else(graph: Topology, name: str) -> None:
    radius = graph.blast_radius(name)

    wanted = nx.ancestors(peer(graph), name) if name in graph else set()
    assert set(radius.all) == wanted - {name}
    assert set(radius.direct) == {one for one, hops in radius.all.items() if hops == 1}
    assert set(radius.user_facing) == {"s0"} & set(radius.all)


@given(GRAPHS, NAMES, NAMES)
def test_a_way_goes_along_arrows_visits_nothing_twice_and_is_as_short_as_can_be(
    graph: Topology, symptom: str, cause: str
) -> None:
    way = graph.path(symptom, cause)

    if way:
        assert (way[0], way[-1], len(set(way))) == (symptom, cause, len(way))
        assert all(graph.edge(caller, callee) for caller, callee in pairwise(way))
    drawn = peer(graph)
    if symptom in graph and cause in graph and nx.has_path(drawn, symptom, cause):
        assert way == min(map(tuple, nx.all_shortest_paths(drawn, symptom, cause)))
        if symptom != cause:
            assert graph.blast_radius(cause).all[symptom] == len(way) - 1


@given(GRAPHS, NAMES, st.integers(0, 4))
def test_a_part_never_says_what_the_whole_does_not(graph: Topology, name: str, hops: int) -> None:
    part = graph.around(name, hops=hops)

    assert set(part.edges) <= set(graph.edges)
    assert set(part.nodes) <= set(graph.nodes)


@given(GRAPHS)
def test_nothing_needs_itself_and_every_arrow_has_its_ends(graph: Topology) -> None:
    assert all(one.caller != one.callee for one in graph.edges)
    assert {name for one in graph.edges for name in (one.caller, one.callee)} <= set(graph.nodes)


def test_ten_thousand_arrows_are_each_looked_at_once() -> None:
    # A ring with chords: everything reaches everything, 2,000 services, 10,000 arrows.
    callees = {f"n{one}": tuple(f"n{(one + step) % 2000}" for step in (1, 7, 31, 211, 977)) for one in range(2000)}
    asked: list[str] = []

    def follow(name: str) -> tuple[str, ...]:
        asked.append(name)
        return callees[name]

    assert len(walk(follow, "n0")) == 1999
    assert (len(asked), len(set(asked))) == (2000, 2000)
    asked.clear()
    assert shortest(follow, "n0", "n1234")[0] == "n0"
    assert len(asked) == len(set(asked)) <= 2000
    graph = Topology.of([], [arrow(caller, callee) for caller, others in callees.items() for callee in others])
    assert (len(graph.edges), graph.blast_radius("n5").count) == (10_000, 1999)
