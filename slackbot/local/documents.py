"""Keep the workspace across restarts: JSON documents and files in one SQLite file."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Documents:
    """Store JSON documents by kind and key, written through as they change."""

    def __init__(self, folder: Path | None) -> None:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path = folder / "workspace.sqlite3"
            path.touch(mode=0o600)
        self._db = sqlite3.connect(
            ":memory:" if folder is None else path, isolation_level=None, check_same_thread=False
        )
        # A kill -9 loses nothing; a power cut may lose the last second, which a stand-in can bear.
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS document (kind TEXT, key TEXT, body TEXT, PRIMARY KEY (kind, key))"
        )
        self._db.execute("CREATE TABLE IF NOT EXISTS content (key TEXT PRIMARY KEY, body BLOB)")

    def put(self, kind: str, key: str, body: dict[str, Any]) -> None:
        """Write one document, new or changed."""
        # An upsert keeps the row's place, and so the order of people, channels and open modals.
        self._db.execute(
            "INSERT INTO document VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body",
            (kind, key, json.dumps(body)),
        )

    def drop(self, kind: str, key: str) -> None:
        """Remove one document; it may be absent."""
        self._db.execute("DELETE FROM document WHERE kind = ? AND key = ?", (kind, key))

    def every(self, kind: str) -> Iterator[dict[str, Any]]:
        """Yield the documents of a kind in the order they were first written."""
        for (body,) in self._db.execute("SELECT body FROM document WHERE kind = ? ORDER BY rowid", (kind,)):
            yield json.loads(body)

    def put_content(self, key: str, body: bytes) -> None:
        """Write a file's bytes."""
        self._db.execute("INSERT OR REPLACE INTO content VALUES (?, ?)", (key, body))

    def content(self, key: str) -> bytes | None:
        """Return a file's bytes, or None when nothing was uploaded under the key."""
        row = self._db.execute("SELECT body FROM content WHERE key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def close(self) -> None:
        """Close the file."""
        self._db.close()
