"""What a change touches of its service: by folders that somebody said are its own, and by who owns the files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scoring import folders
from scoring.observations import Change, ChangeKind, Entity, EntityKind
from scoring.relevance import CLEARED, FITS, UNKNOWN, Relevance, weigh

CHECKOUT = Entity(EntityKind.SERVICE, "checkout", "shop")
DIFF = """\
-    ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
+    callCtx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
"""
TEXTS = ("context deadline exceeded after 300ms",)


def deployed(*files: str, paths: tuple[str, ...] = (), owners: tuple[str, ...] = (), kept_by: str = "") -> Change:
    change = Change(CHECKOUT, ChangeKind.DEPLOYMENT, 0.0, "deploy", "github", key="abc", files=files, diff=DIFF)
    return replace(change, paths=paths, owners=owners, kept_by=kept_by)


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        ("libs/payment/tax.go", True),
        ("/libs/payment/tax.go", True),
        ("libs/payment", True),
        ("libs/payments/tax.go", False),
        ("other/libs/payment/tax.go", False),
        ("", False),
    ],
)
def test_a_folder_holds_what_lies_in_it(path: str, inside: bool) -> None:
    assert folders.is_under(path, ("libs/payment/",)) is inside


def test_what_lies_in_a_folder_that_was_said_to_be_the_service_s_is_its_own_and_told() -> None:
    mine = deployed(
        "libs/payment/call.go", "services/cart/x.go", paths=("libs/payment", "web"), owners=("@shop/pay", "@shop/cart")
    )
    found = weigh((mine,), TEXTS, services=("cart", "checkout"))

    assert found.value >= FITS
    assert found.words.endswith("; it touches libs/payment/** (1 of 2 files), owned by @shop/pay")


def test_the_same_files_without_that_word_are_others() -> None:
    """The folder of another service's name counts against it until somebody says that it is this one's."""
    theirs = weigh((deployed("services/cart/call.go"),), TEXTS, services=("cart", "checkout"))
    mine = weigh((deployed("services/cart/call.go", paths=("services/cart",)),), TEXTS, services=("cart", "checkout"))

    assert (theirs.value, theirs.words) == (0.1, "it touches only the folders of cart")
    assert mine.value >= FITS
    assert mine.words.endswith("; it touches services/cart/**")


def test_what_others_own_alone_weighs_as_a_restart() -> None:
    others = deployed(
        "libs/search/index.go", "libs/search/rank.go",
        paths=("services/checkout",), owners=("@shop/search", "@shop/search @ann"), kept_by="@shop/pay",
    )  # fmt: skip
    found = weigh((others,), TEXTS, services=("checkout",))

    assert (found.value, found.words) == (0.1, "it touches only what @ann, @shop/search owns, and nothing of checkout")
    assert CLEARED <= found.value < UNKNOWN


@pytest.mark.parametrize(
    ("files", "owners", "kept_by"),
    [
        (("libs/search/index.go", "go.mod"), ("@shop/search", ""), "@shop/pay"),  # nobody owns one of them
        (("libs/search/index.go",), ("@shop/search @shop/pay",), "@shop/pay"),  # its own people own it too
        (("libs/search/index.go",), ("@shop/search",), ""),  # nobody said who owns the service
        (("services/checkout/a.go",), ("@shop/search",), "@shop/pay"),  # it lies in the service's folder
    ],
)
def test_what_may_be_its_own_is_no_others(files: tuple[str, ...], owners: tuple[str, ...], kept_by: str) -> None:
    change = deployed(*files, paths=("services/checkout",), owners=owners, kept_by=kept_by)
    assert folders.foreign((change,)) == ()
    assert weigh((change,), TEXTS, services=("checkout",)).value >= FITS


def test_files_whose_lines_nobody_knows_are_no_sign_against_a_change() -> None:
    """A push names the files alone: what was altered in them may be anything."""
    named = replace(deployed("services/checkout/pool.yaml", paths=("services/checkout",)), diff="")

    assert weigh((named,), TEXTS) == Relevance(UNKNOWN, "it touches services/checkout/**")
    assert weigh((replace(named, diff="-colour: red\n+colour: blue"),), TEXTS).value < UNKNOWN


def test_a_folder_of_the_service_s_name_is_told_where_owners_are_known() -> None:
    change = deployed("services/checkout-api/call.go", owners=("@shop/pay @bo",))
    assert folders.told((change,)) == "it touches services/checkout-api/**, owned by @bo, @shop/pay"
    assert folders.told((replace(change, owners=()),)) == ""
    assert folders.told((deployed(),)) == ""
