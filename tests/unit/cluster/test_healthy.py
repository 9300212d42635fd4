"""A cluster in which all is well is silent, and so is what was not read."""

from __future__ import annotations

import pytest

from integrations.cluster import Cluster, find

from .shop import NOW, Shop, objects


def test_a_shop_in_which_all_is_well_is_silent() -> None:
    assert Shop().said() == []


@pytest.mark.parametrize("kind", sorted(objects()))
def test_a_kind_that_was_not_read_makes_nothing_missing(kind: str) -> None:
    shop = Shop()
    del shop.objects[kind]

    assert shop.said() == []


@pytest.mark.parametrize("kind", sorted(objects()))
def test_a_kind_that_could_not_be_read_in_a_namespace_makes_nothing_missing(kind: str) -> None:
    shop = Shop()
    shop.objects[kind] = (
        [one for one in shop.objects[kind] if one["metadata"].get("namespace") != "shop"] if kind != "Node" else []
    )
    shop.unread = [(kind, "shop"), (kind, "")]

    assert shop.said() == []


def test_an_empty_cluster_is_silent() -> None:
    assert list(find(Cluster.of({}))) == []
    assert list(find(Cluster.of({kind: [] for kind in objects()}, at=NOW))) == []
