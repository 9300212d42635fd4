"""How the parts of a deployment do: settings, database, tables, secrets, broker, workers, beat, what waits, and the api."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.utils import timezone

from copilot import backlog, pulse, settings_references
from copilot.config import config
from copilot.guard import vault
from copilot.guard.tenancy import tenant_scope
from copilot.models import Connection, LimitReached, Tenant
from copilot.secret_stores.reference import VAULT
from copilot.secret_stores.settings import StoreSettings

if TYPE_CHECKING:
    from collections.abc import Callable

# As the alert CopilotQueueOld: what waits for longer waits for a reason.
OLD_SECONDS = 60.0
ANSWER_SECONDS = 5.0
# A token that ends sooner, and that nothing renews, is to be replaced now.
TOKEN_SECONDS = 7 * 86_400
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True, slots=True)
class Part:
    """Hold how one part does, and what was seen of it, for people."""

    name: str
    works: bool
    detail: str


def examine() -> list[Part]:
    """Return how each part does; trouble of one is told and does not keep the others from being looked at."""
    parts: list[Part] = []
    looks: tuple[tuple[str, Callable[[], Part]], ...] = (
        ("settings", _settings),
        *((("stores", stores),) if settings_references.readings() else ()),
        ("database", _database),
        ("tables", _tables),
        ("secrets", _secrets),
        ("broker", _broker),
        ("workers", _workers),
        ("beat", _beat),
        ("work", _work),
        ("api", _api),
        ("model", _model),
        ("limits", _limits),
    )
    for name, look in looks:
        try:
            parts.append(look())
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a part is what was asked for
            said = str(error).strip().splitlines()
            parts.append(
                Part(name, works=False, detail=f"{type(error).__name__}: {said[0] if said else 'no word why'}"[:300])
            )
    return parts


def _settings() -> Part:
    settings = config()
    wrong = []
    if not settings.secret_keys:
        wrong.append("COPILOT_SECRET_KEYS is not set")
    for name, url in (("COPILOT_PUBLIC_URL", settings.public_url), ("COPILOT_OPS_URL", settings.ops_url)):
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            wrong.append(f"{name} is {url}: vendors and people should come by https")
    if settings.debug:
        wrong.append("COPILOT_DEBUG is on: never where others can reach the admin")
    count = len(settings.secret_keys)
    return Part("settings", not wrong, "; ".join(wrong) or f"{count} master secret{'s' if count > 1 else ''}")


def stores() -> Part:
    """Tell what this process has just read from secret stores, and how long the token for it lives."""
    found = settings_references.readings()
    said = "; ".join(f"{one.variable} is {one.reference}, {one.version}" for one in found)
    settings = StoreSettings()
    if settings.vault_login == "token" and any(one.reference.store == VAULT for one in found):
        from copilot.secret_stores import hashicorp

        token = hashicorp.look_up(settings)
        if token.seconds:
            renewed = "beat renews it" if token.renewable else "and cannot be renewed: give a new one before"
            said += f"; the token for Vault ends in {timedelta(seconds=token.seconds)}, {renewed}"
            return Part("stores", works=token.renewable or token.seconds > TOKEN_SECONDS, detail=said)
    return Part("stores", works=True, detail=said)


def _database() -> Part:
    from django.db import connection

    started = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user, rolsuper OR rolbypassrls, current_setting('server_version') FROM pg_roles"
            " WHERE rolname = current_user"
        )
        role, is_over_the_wall, version = cursor.fetchone()
    took = (time.monotonic() - started) * 1e3
    if is_over_the_wall:
        return Part("database", works=False, detail=f"{role} does not obey row security: use the app's role")
    return Part("database", works=True, detail=f"PostgreSQL {version.split()[0]} as {role}, {took:.0f} ms")


def _tables() -> Part:
    from copilot.provision import unapplied, what_is_missing

    missing = what_is_missing(unapplied())
    return Part(
        "tables", not missing, f"{missing}: copilot database migrate" if missing else "are those of this version"
    )


def _secrets() -> Part:
    opened, broken = 0, []
    for tenant in Tenant.objects.order_by("slug"):
        with tenant_scope(tenant.pk):
            for row in Connection.objects.order_by("kind", "name"):
                try:
                    vault.unseal(tenant.pk, row.sealed)
                    opened += 1
                except vault.SealBroken:
                    broken.append(f"{tenant.slug}: {row}")
    if broken:
        said = f"{len(broken)} do not open under any master secret: {', '.join(broken[:5])}; enter them again, or bring the old secret back"
        return Part("secrets", works=False, detail=said)
    return Part("secrets", works=True, detail=f"the credentials of {opened} connections open")


def _broker() -> Part:
    from copilot.celery import app

    started = time.monotonic()
    with app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, timeout=ANSWER_SECONDS)
    return Part("broker", works=True, detail=f"answers in {(time.monotonic() - started) * 1e3:.0f} ms")


def _workers() -> Part:
    from copilot.celery import app

    found = [name for answer in app.control.ping(timeout=2.0) for name in answer]
    if not found:
        return Part(
            "workers", works=False, detail="none answers: is `celery -A copilot worker` up, and with this REDIS_URL?"
        )
    return Part("workers", works=True, detail=f"{len(found)}: {', '.join(sorted(found)[:8])}")


def _beat() -> Part:
    ago = pulse.seconds_ago()
    limit = 3 * config().sweep_seconds + 10
    if ago is None or ago > limit:
        last = "none is known of" if ago is None else f"the last was {ago:.0f} s ago"
        return Part(
            "beat",
            works=False,
            detail=f"no sweep within {limit:.0f} s, {last}: is `celery -A copilot beat` up, and a worker?",
        )
    return Part("beat", works=True, detail=f"the last sweep was {ago:.0f} s ago")


def _work() -> Part:
    waits = backlog.waiting()
    runs = f"{waits.unfinished_runs} runs under way, {waits.late_runs} late"
    said = f"{runs}; the oldest work that nobody does waits {waits.age_seconds:.0f} s"
    return Part("work", waits.age_seconds <= OLD_SECONDS and not waits.late_runs, said)


def _api() -> Part:
    import httpx

    url = f"{config().public_url.rstrip('/')}/health/ready"
    answer = httpx.get(url, timeout=ANSWER_SECONDS, trust_env=False)
    if answer.status_code == httpx.codes.OK:
        return Part("api", works=True, detail=f"{url} is ready")
    return Part("api", works=False, detail=f"{url} answers {answer.status_code}: {answer.text[:120]}")


def _model() -> Part:
    settings = config()
    if settings.anthropic_api_key is None:
        return Part("model", works=True, detail="no ANTHROPIC_API_KEY: rules speak alone")
    from copilot.llm import budget

    budget.price_of(settings.model)
    return Part(
        "model",
        works=True,
        detail=f"{settings.model}, ${settings.model_dollars_per_day:g} a tenant and day unless it has its own",
    )


def _limits() -> Part:
    reached: list[str] = []
    for tenant in Tenant.objects.order_by("slug"):
        with tenant_scope(tenant.pk):
            today = LimitReached.objects.filter(day=timezone.now().date())
            reached.extend(f"{tenant.slug}: {one.get_limit_display()} {one.times} times" for one in today)
    # A limit does what it is for: this is to be known, and no failure.
    return Part("limits", works=True, detail="; ".join(reached[:8]) or "none reached today")
