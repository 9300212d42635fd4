"""The picture: who is drawn, where, and what those are told who cannot see it."""

from __future__ import annotations

import io
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from copilot.topology.graph import MACHINE, Node, Topology
from copilot.topology.picture import MOST_DRAWN, chosen, draw, legend, places
from tests.unit.topology.test_graph import GRAPHS, NAMES, arrow, shop

WAY = ("web", "checkout", "orders", "orders-db")


def test_a_caller_stands_left_of_whom_it_calls_and_a_circle_stands_in_one_column() -> None:
    graph = Topology.of([], [arrow("a", "b"), arrow("b", "c"), arrow("c", "b"), arrow("c", "d"), arrow("a", "d")])

    assert {name: column for name, (column, _) in places(graph, ("a", "b", "c", "d")).items()} == {
        "a": 0, "b": 1, "c": 1, "d": 2,
    }  # fmt: skip


@given(GRAPHS, NAMES)
def test_no_two_boxes_are_in_one_place_and_no_arrow_leads_left_but_in_a_circle(graph: Topology, focus: str) -> None:
    if focus not in graph:
        return
    names = chosen(graph, focus)
    at = places(graph, names)

    assert set(at) == set(names)
    assert len(set(at.values())) == len(names)
    for edge in graph.edges:
        if edge.caller in at and edge.callee in at:
            assert at[edge.caller][0] <= at[edge.callee][0]


@given(st.integers(2, 60))
def test_the_way_is_always_drawn_and_never_too_much(many: int) -> None:
    way = [f"w{number}" for number in range(5)]
    crowd = [arrow(f"caller{number:02}", "w4") for number in range(many)]
    graph = Topology.of([], [*crowd, *(arrow(one, other) for one, other in pairwise(way))])

    found = chosen(graph, "w4", way)

    assert set(way) <= set(found)
    assert len(found) == min(MOST_DRAWN, many + 5)


def test_an_equal_graph_gives_an_equal_picture_on_white() -> None:
    first, second = (draw(shop(), "orders-db", path=WAY) for _ in range(2))

    assert first == second
    with Image.open(io.BytesIO(first.png)) as picture:
        assert picture.getpixel((2, 2)) == (255, 255, 255, 255)
        assert picture.width <= 1600


def test_the_legend_tells_what_is_drawn_and_names_what_is_not() -> None:
    on_node = Topology.of([Node("node-a", kind=MACHINE)], [arrow("web", "checkout"), arrow("checkout", "node-a")])
    deep = Topology.of([], [arrow(one, other) for one, other in pairwise("abcdef")])

    assert legend(on_node, ("web", "checkout", "node-a"), "checkout") == "→ calls · dashed: runs on"
    assert legend(shop(), chosen(shop(), "orders-db"), "orders-db") == (
        "→ calls · dotted: not seen for a week, or merely allowed"
    )
    assert legend(deep, chosen(deep, "a"), "a") == "→ calls · not drawn: d (/sre topology NAME tells of each)"


def test_those_who_cannot_see_it_are_told_what_it_shows() -> None:
    assert draw(shop(), "orders-db", path=WAY).alt_text == (
        "Graph of 7 services around orders-db. The way from the symptom to the cause is web → checkout → orders → orders-db."
        " orders-db is needed by orders, payments. When it fails: 5 services depend on orders-db, 2 of them directly; users meet"
        " admin, web."
    )


@pytest.mark.parametrize("name", ["$x^2$", "結帳", "a" * 120, "<b>&amp;</b>", "\u202eevil"])
def test_any_name_can_be_drawn(name: str) -> None:
    assert draw(Topology.of([Node(name)], [arrow(name, "b")]), name).png[:8] == b"\x89PNG\r\n\x1a\n"


def test_nobody_is_no_picture() -> None:
    with pytest.raises(KeyError):
        draw(shop(), "nobody")
