"""A recording: questions to vendors' APIs with their answers, when the page fired, and the world around it; one file."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = "sre-copilot recording"
VERSION = 1
MAX_BYTES = 256 * 1024 * 1024

Key = tuple[str, str, str, str]


class BadRecording(ValueError):
    """Say why a file is not a recording that can be served."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Hold one question and its answer.

    `path` lies below the vendor's address. `question` is what of the parameters or the body makes it another question, without
    times and paging. `body` is JSON where the answer was, else text; matrices of Prometheus are kept as `packed` ones.
    """

    vendor: str
    method: str
    path: str
    question: str
    status: int
    content_type: str
    body: Any

    @property
    def key(self) -> Key:
        """Return what tells this exchange from the others."""
        return (self.vendor, self.method, self.path, self.question)


@dataclass(slots=True)
class Recording:
    """Hold what was recorded around one page; `alert_at` is Unix seconds, `world` what `copilot.replay.world` describes."""

    alert_at: float
    world: dict[str, Any]
    exchanges: dict[Key, Exchange] = field(default_factory=dict)

    def add(self, exchange: Exchange) -> None:
        """Keep an exchange, in the place of an earlier one of the same question."""
        self.exchanges[exchange.key] = exchange

    def find(self, vendor: str, method: str, path: str, question: str) -> Exchange | None:
        """Return the exchange of a question, None where it was never asked."""
        return self.exchanges.get((vendor, method, path, question))

    @property
    def vendors(self) -> tuple[str, ...]:
        """Return whose APIs were asked."""
        return tuple(sorted({exchange.vendor for exchange in self.exchanges.values()}))

    def save(self, path: Path) -> None:
        """Write the file; equal recordings make equal files."""
        exchanges = [self.exchanges[key] for key in sorted(self.exchanges)]
        document = {
            "format": FORMAT,
            "version": VERSION,
            "alert_at": self.alert_at,
            "world": self.world,
            "exchanges": [
                [one.vendor, one.method, one.path, one.question, one.status, one.content_type, one.body]
                for one in exchanges
            ],
        }
        text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
        path.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))


def load(path: Path) -> Recording:
    """Read a recording.

    :raises BadRecording: naming the file and what is wrong with it.
    """
    try:
        with gzip.open(path) as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise BadRecording(f"there is no file {path}") from None
    except (OSError, EOFError) as error:
        raise BadRecording(f"{path} is not a gzip file that can be read: {error}") from error
    if len(content) > MAX_BYTES:
        raise BadRecording(f"{path} is over {MAX_BYTES // 1024 // 1024} MiB unpacked")
    try:
        document = json.loads(content)
        _check(document, path)
        recording = Recording(alert_at=float(document["alert_at"]), world=dict(document["world"]))
        for vendor, method, where, question, status, content_type, body in document["exchanges"]:
            recording.add(Exchange(vendor, method, where, question, int(status), content_type, body))
    except BadRecording:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise BadRecording(f"{path} is not a recording: {type(error).__name__} {error}") from error
    return recording


def _check(document: dict[str, Any], path: Path) -> None:
    if document["format"] != FORMAT or document["version"] != VERSION:
        raise BadRecording(f"{path} is no recording of version {VERSION}; make it anew with `copilot record`")
