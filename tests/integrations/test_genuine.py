"""Tokens and signatures: nothing empty is ever genuine."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from integrations.base import NotGenuine
from integrations.genuine import require_signature, require_token, separated


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Basic", "Basic Og==", "Basic "])
def test_an_empty_token_is_never_right(authorization: str) -> None:
    with pytest.raises(NotGenuine):
        require_token(authorization, "")


def test_a_signature_needs_a_secret_and_a_signature() -> None:
    right = hmac.new(b"secret", b"body", hashlib.sha256).hexdigest()

    require_signature(b"body", secrets=("secret",), signatures=(right,))
    for secrets, signatures in (
        ((), (right,)),
        (("secret",), ()),
        (("secret",), ("",)),
        (("secret",), (right.upper(),)),
    ):
        with pytest.raises(NotGenuine):
            require_signature(b"body", secrets=secrets, signatures=signatures)


def test_parts_between_commas_lose_their_blanks() -> None:
    assert separated(" a, ,b ,") == ("a", "b")
    assert separated("") == ()
