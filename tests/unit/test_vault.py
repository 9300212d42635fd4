"""Sealed secrets open for their tenant alone, and survive a change of the master key."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from copilot.config import config
from copilot.guard import vault

if TYPE_CHECKING:
    from collections.abc import Callable

ACME = UUID("00000000-0000-0000-0000-00000000000a")
UMBRELLA = UUID("00000000-0000-0000-0000-00000000000b")
OLD, NEW = "old-master-secret-of-more-than-32-characters", "new-master-secret-of-more-than-32-characters"


@pytest.fixture
def masters(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def use(*keys: str) -> None:
        changed = config().model_copy(update={"secret_keys": [SecretStr(key) for key in keys]})
        monkeypatch.setattr(vault, "config", lambda: changed)

    return use


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=50), max_size=5))
def test_what_was_sealed_opens(secrets: dict[str, str]) -> None:
    assert vault.unseal(ACME, vault.seal(ACME, secrets)) == secrets


def test_nothing_of_the_secret_is_in_the_sealed_bytes() -> None:
    assert b"hunter2" not in vault.seal(ACME, {"password": "hunter2"})


def test_another_tenants_seal_does_not_open() -> None:
    sealed = vault.seal(ACME, {"password": "hunter2"})

    with pytest.raises(vault.SealBroken, match="do not open"):
        vault.unseal(UMBRELLA, sealed)


def test_a_changed_byte_does_not_open() -> None:
    sealed = bytearray(vault.seal(ACME, {"password": "hunter2"}))
    sealed[40] ^= 1

    with pytest.raises(vault.SealBroken):
        vault.unseal(ACME, bytes(sealed))


def test_the_old_key_still_opens_while_both_are_there_and_rotation_frees_from_it(masters: Callable[..., None]) -> None:
    masters(OLD)
    sealed = vault.seal(ACME, {"password": "hunter2"})
    masters(NEW, OLD)
    assert vault.unseal(ACME, sealed) == {"password": "hunter2"}
    rotated = vault.rotate(ACME, sealed)
    masters(NEW)

    assert vault.unseal(ACME, rotated) == {"password": "hunter2"}
    with pytest.raises(vault.SealBroken):
        vault.unseal(ACME, sealed)


def test_a_webhook_key_is_found_under_old_and_new_master_keys(masters: Callable[..., None]) -> None:
    masters(OLD)
    (stored,) = vault.fingerprints("endpoint-key")
    masters(NEW, OLD)

    assert stored in vault.fingerprints("endpoint-key")
    assert vault.fingerprints("endpoint-key")[0] != stored


def test_without_a_master_key_it_says_which_setting_is_missing(masters: Callable[..., None]) -> None:
    masters()

    with pytest.raises(RuntimeError, match="COPILOT_SECRET_KEYS"):
        vault.seal(ACME, {})


def test_no_secret_shows_in_the_settings() -> None:
    assert NEW not in repr(config().model_copy(update={"secret_keys": [SecretStr(NEW)]}))
