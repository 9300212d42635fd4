"""Repositories are written in several ways, and kept at one forge."""

from __future__ import annotations

import pytest

from integrations.repositories import kept_at, path_at


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("shop/payments", "shop/payments"),
        (" https://github.com/shop/payments.git ", "shop/payments"),
        ("https://github.com/shop/payments/", "shop/payments"),
        ("git@github.com:shop/payments.git", "shop/payments"),
        ("payments", ""),
        ("../../user", ""),
        ("shop/..", ""),
        ("shop/pay ments", ""),
        ("shop/eu/payments", ""),
    ],
)
def test_repositories_are_written_in_several_ways(written: str, name: str) -> None:
    assert path_at(written) == name


def test_groups_may_hold_groups_where_the_forge_has_them() -> None:
    assert path_at("https://gitlab.com/shop/eu/payments", "https://gitlab.com", deepest=21) == "shop/eu/payments"


@pytest.mark.parametrize(
    ("written", "api", "expected"),
    [
        ("shop/payments", "https://api.github.com", True),
        ("https://github.com/shop/payments", "https://api.github.com", True),
        ("git@github.com:shop/payments", "https://api.github.com", True),
        ("https://gitlab.com/shop/payments", "https://api.github.com", False),
        ("https://git.shop.test:8443/shop/payments", "https://git.shop.test:8443/api/v3", True),
        ("no repository", "https://api.github.com", True),
    ],
)
def test_a_repository_with_an_address_is_kept_at_one_forge(written: str, api: str, expected: bool) -> None:
    assert kept_at(written, api) is expected
