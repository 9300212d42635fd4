"""Every migration is safe while the version of before still runs: it only adds, and holds no long lock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import models
from django.db.migrations import Migration, operations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ModelState, ProjectState

from copilot.provision import LOCK_TIMEOUT
from tests.deploy.migration_safety import CONTRACTED, READ, unsafe

if TYPE_CHECKING:
    from django.db.migrations.operations.base import Operation

APPS = ("copilot", "slackbot")
LOADER = MigrationLoader(None, ignore_no_migrations=True)
OURS = sorted(key for key in LOADER.disk_migrations if key[0] in APPS)
INDEX = models.Index(fields=("title",), name="by_title")


@pytest.mark.parametrize("key", OURS, ids=".".join)
def test_a_migration_harms_no_version_that_still_runs(key: tuple[str, str]) -> None:
    assert unsafe(LOADER.disk_migrations[key], LOADER.project_state(key, at_end=False)) == []


def test_migrations_have_one_end() -> None:
    assert LOADER.detect_conflicts() == {}


def test_what_was_excused_is_there() -> None:
    assert {(app, name) for app, name, *_ in CONTRACTED} | set(READ) <= set(OURS)


def test_a_migration_waits_ten_seconds_for_a_table_at_most() -> None:
    assert LOCK_TIMEOUT == "10s"


def judged(*changes: Operation, atomic: bool = True) -> list[str]:
    """Judge a made-up migration on one table in use."""
    state = ProjectState()
    fields: list[tuple[str, models.Field[Any, Any]]] = [
        ("id", models.BigAutoField(primary_key=True)),
        ("title", models.CharField(max_length=50)),
        ("note", models.TextField(null=True)),
    ]
    state.add_model(ModelState("copilot", "Page", fields))
    made_up = type("MadeUp", (Migration,), {"operations": list(changes), "atomic": atomic})
    return unsafe(made_up("0099_made_up", "copilot"), state)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (operations.RemoveField("page", "note"), "take it away a release later"),
        (operations.RenameField("page", "note", "words"), "take it away a release later"),
        (operations.DeleteModel("Page"), "take it away a release later"),
        (operations.RenameModel("Page", "Sheet"), "take it away a release later"),
        (operations.AddField("page", "size", models.IntegerField(default=0)), "give it null=True or a db_default"),
        (operations.AddField("page", "key", models.IntegerField(null=True, unique=True)), "an index under a lock"),
        (operations.AddField("page", "key", models.IntegerField(null=True, db_index=True)), "AddIndexConcurrently"),
        (operations.AlterField("page", "note", models.TextField(default="")), "still writes NULL"),
        (operations.AlterField("page", "title", models.CharField(max_length=20)), "rewrites the table"),
        (operations.AlterField("page", "title", models.CharField(max_length=50, unique=True)), "unique index"),
        (operations.AddIndex("page", INDEX), "use AddIndexConcurrently"),
        (
            operations.AddConstraint("page", models.CheckConstraint(condition=models.Q(title__gt=""), name="said")),
            "add it NOT VALID",
        ),
        (operations.RunSQL("UPDATE copilot_page SET title = ''"), "read it"),
    ],
    ids=lambda one: type(one).__name__ if not isinstance(one, str) else "",
)
def test_what_would_harm_is_named(change: Operation, said: str) -> None:
    (found,) = judged(change)
    assert said in found


@pytest.mark.parametrize(
    "change",
    [
        operations.AddField("page", "size", models.IntegerField(default=0, db_default=0)),
        operations.AddField("page", "size", models.IntegerField(null=True)),
        operations.AlterField("page", "title", models.CharField(max_length=80)),
        operations.AlterField("page", "title", models.TextField()),
        operations.CreateModel("Sheet", [("id", models.BigAutoField(primary_key=True))]),
    ],
    ids=lambda one: type(one).__name__,
)
def test_what_only_adds_is_not(change: Operation) -> None:
    assert judged(change) == []


def test_an_index_is_built_beside_the_traffic_and_alone() -> None:
    concurrently = AddIndexConcurrently("page", INDEX)
    assert judged(concurrently, atomic=False) == []
    (found,) = judged(concurrently, operations.AddField("page", "size", models.IntegerField(null=True)), atomic=False)
    assert "half of it may stay" in found
