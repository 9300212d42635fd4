"""Attempts to sign in to the admin: counted in Valkey by who and from where, and refused for a while where they are many."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING, Any

import redis
from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from redis.backoff import NoBackoff
from redis.retry import Retry

from copilot import observe
from copilot.config import config

if TYPE_CHECKING:
    from collections.abc import Iterator

log = observe.logger(__name__)

WINDOW_SECONDS = 15 * 60
# How many attempts a window allows: of one login from one address, of one login from anywhere, of one address for any login.
MOST_OF_BOTH = 10
MOST_OF_ONE = 100
# Valkey counts within milliseconds or not at all.
VALKEY_SECONDS = 1.0


class PacedAuthenticationForm(AdminAuthenticationForm):
    """Sign people in, unless too many attempts were made: then the password is not even looked at."""

    def clean(self) -> dict[str, Any]:
        """Count the attempt, then check the password; who is let in has made none.

        :raises ValidationError: where there were too many, or the password is wrong.
        """
        name = str(self.cleaned_data.get("username") or "")
        address = str(self.request.META.get("REMOTE_ADDR") or "") if self.request else ""
        wait = _counted(name, address)
        if wait:
            log.warning("a login was refused: too many attempts", address=address)
            raise forms.ValidationError(
                f"Too many attempts to sign in. Try again in {-(-wait // 60)} minutes.", code="too_many"
            )
        found = super().clean()
        _forget(name, address)
        return found


def _counted(name: str, address: str) -> int:
    """Count an attempt; return for how many seconds no other is allowed, 0 where it is.

    Without Valkey nothing is counted: its outage must not keep out those who mend it.
    """
    wait = 0
    try:
        for key, most in _keys(name, address):
            with _valkey().pipeline() as asked:
                asked.incr(key)
                asked.expire(key, WINDOW_SECONDS, nx=True)
                asked.ttl(key)
                count, _, left = asked.execute()
            if count > most:
                wait = max(wait, left, 1)
    except redis.RedisError as error:
        log.warning("attempts to sign in are not counted: Valkey does not answer", error=type(error).__name__)
    return wait


def _forget(name: str, address: str) -> None:
    try:
        _valkey().delete(next(key for key, _ in _keys(name, address)))
    except redis.RedisError as error:
        log.warning("attempts to sign in are not counted: Valkey does not answer", error=type(error).__name__)


def _keys(name: str, address: str) -> Iterator[tuple[str, int]]:
    """Yield what an attempt counts for, and how many of it are allowed; names are hashed, as they may be passwords."""
    who = hashlib.sha256(name.casefold().encode("utf-8", "surrogatepass")).hexdigest()[:32]
    yield f"copilot/login/{who}/{address}", MOST_OF_BOTH
    yield f"copilot/login/{who}", MOST_OF_ONE
    yield f"copilot/login//{address}", MOST_OF_ONE


@cache
def _valkey() -> redis.Redis:
    return redis.Redis.from_url(
        config().redis_url.get_secret_value(),
        socket_timeout=VALKEY_SECONDS,
        socket_connect_timeout=VALKEY_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
