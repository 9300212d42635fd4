"""Run the main path's tests of the version of before on the tables of now: what serves while a release is being rolled out.

`python -m tests.deploy.upgrade [COMMIT]`. The version of before is the newest tag `v…`, or, where nothing was released, the
commit before the newest migration came. Its own tests run its own code; only the database is migrated by the code of now.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
from psycopg import sql

from copilot.embedded import OWNER, as_role, postgres_server, prepare
from tests.conftest import TEMPLATE

HERE = Path(__file__).parents[2]
MIGRATIONS = ("copilot/migrations", "slackbot/migrations")
# Webhook to Slack and back, each stage once.
MAIN_PATH = (
    "tests/flow/test_webhooks.py", "tests/flow/test_correlate.py", "tests/flow/test_flow.py", "tests/flow/test_sources.py",
    "tests/flow/test_learn.py", "tests/flow/test_slack_publish.py", "tests/flow/test_slack_lifecycle.py", "tests/flow/test_slack_commands.py",
    "tests/flow/test_custody.py",
)  # fmt: skip
# It tells a second from less than one: the suite judges that, not a check that shares its machine.
TIMED = (
    "tests/flow/test_slack_publish.py::test_progress_is_edited_at_most_once_a_second_and_the_end_always_gets_through"
)


def git(*words: str) -> str:
    """Return what git says."""
    return subprocess.run(["git", "-C", str(HERE), *words], check=True, capture_output=True, text=True).stdout.strip()


def version_before() -> str:
    """Return the newest released version, or the commit before the newest migration."""
    tags = git("tag", "--list", "v*", "--sort=-version:refname").splitlines()
    if tags:
        return tags[0]
    newest = git("log", "-1", "--diff-filter=A", "--format=%H", "--", *(f"{folder}/0*.py" for folder in MIGRATIONS))
    return git("rev-parse", f"{newest}^")


def migrated_by_now(postgres: str, database: str = TEMPLATE) -> int:
    """Make a database, by default the template that tests copy, and migrate it by the code of now; return its migrations."""
    prepare(postgres, database)
    environment = {
        **os.environ,
        "DATABASE_URL": as_role(postgres, OWNER, database),
        "DJANGO_SETTINGS_MODULE": "copilot.settings",
        "COPILOT_SECRET_KEYS": "only-for-this-check-and-long-enough-to-pass",
    }
    subprocess.run(
        [sys.executable, "-m", "django", "migrate", "--verbosity", "0"], cwd=HERE, env=environment, check=True
    )
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(sql.SQL("COMMENT ON DATABASE {} IS 'migrated'").format(sql.Identifier(database)))
    with psycopg.connect(as_role(postgres, OWNER, database)) as owner:
        (count,) = owner.execute(
            "SELECT count(*) FROM django_migrations WHERE app IN ('copilot', 'slackbot')"
        ).fetchone() or (0,)
    return int(count)


def main() -> int:
    """Check, say what was checked, and return 0 where the version of before still works."""
    before = sys.argv[1] if len(sys.argv) > 1 else version_before()
    with tempfile.TemporaryDirectory(prefix="copilot-upgrade-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        tree = root / "before"
        tree.mkdir()
        archive = subprocess.run(["git", "-C", str(HERE), "archive", before], check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", str(tree)], input=archive, check=True)
        known = sum(len(list((tree / one).glob("0*.py"))) for one in MIGRATIONS)
        server = postgres_server(root / "postgres", cleanup_mode="delete")
        try:
            count = migrated_by_now(server.get_uri())
            print(
                f"code of {git('log', '-1', '--format=%h %s', before)}: knows {known} migrations, the database has {count}"
            )
            started = time.monotonic()
            tests = [one for one in MAIN_PATH if (tree / one).exists()]
            done = subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "pytest",
                    "-q",
                    "-p",
                    "no:cacheprovider",
                    "--durations=0",
                    "--durations-min=60",
                    f"--deselect={TIMED}",
                    *tests,
                ],
                cwd=tree,
                env={**os.environ, "TEST_DATABASE_URL": server.get_uri(), "PYTHONPATH": str(tree)},
                check=False,
            )
            print(
                f"{len(tests)} files of its main path in {time.monotonic() - started:.0f} s: exit code {done.returncode}"
            )
        finally:
            server.cleanup()
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
