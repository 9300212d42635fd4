"""Empty a database between two tests: what one committed is gone, and the next finds tables as new as the migrations left them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

if TYPE_CHECKING:
    from psycopg import Connection

# What the migrations themselves wrote, and Django reads once for a process.
KEPT = ["django_migrations", "django_content_type", "auth_permission"]

TABLES = """
    SELECT relname, pg_relation_size(oid) > 0 FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND NOT relname = ANY (%s) ORDER BY relname
"""
SEQUENCES = """
    SELECT setval(format('%%I.%%I', schemaname, sequencename), start_value, false) FROM pg_sequences
    WHERE schemaname = 'public' AND last_value IS NOT NULL
      AND format('%%I.%%I', schemaname, sequencename)
          NOT IN (SELECT pg_get_serial_sequence(kept, 'id') FROM unnest(%s::text[]) kept)
"""


def empty(connection: Connection[Any], *, patience: str = "30s") -> list[str]:
    """Delete all rows and start their numbers anew; return the names of the tables that had been written to.

    Give it a superuser's connection, in autocommit: row security, triggers and foreign keys hold for everybody else.
    TRUNCATE would write new files for all fifty tables and their indexes, as each leads to the tenant by foreign keys:
    0.15 s for each test. Deleting the rows that are there takes a tenth of it.

    :raises psycopg.errors.LockNotAvailable: where somebody still writes after the test, and goes on beyond `patience`.
    """
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute("SELECT set_config('lock_timeout', %s, true)", [patience])
        tables = connection.execute(TABLES, [KEPT]).fetchall()
        connection.execute(sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(_names([name for name, _ in tables])))
        # Asked again, as whoever held a lock may have written meanwhile. A table without a page has no row.
        written = [name for name, has_pages in connection.execute(TABLES, [KEPT]) if has_pages]
        for name in written:
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
        connection.execute(SEQUENCES, [KEPT])
    if written:
        # Gives the pages back: the next test's rows lie in the order in which they are written.
        connection.execute(sql.SQL("VACUUM {}").format(_names(written)))
    return written


def _names(tables: list[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, tables))
