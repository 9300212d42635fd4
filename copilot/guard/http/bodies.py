"""Answers within bounds: no redirect followed, no compressed bomb unpacked, never more bytes than the cap."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from integrations.base import Rejected, SourceError, TooLarge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

REDIRECTS = frozenset({301, 302, 303, 307, 308})
# What is inflated at a time: the most that a bomb gets beyond the cap.
STEP = 64 * 1024
# Tells gzip and zlib apart by their headers.
EITHER = zlib.MAX_WBITS | 32


def too_large(where: str, max_bytes: int) -> TooLarge:
    """Return the error for an answer over the cap."""
    return TooLarge(
        f"{where} answered with more than {in_words(max_bytes)}: ask for less (a shorter window, fewer series)",
        retryable=False,
    )


def in_words(count: int) -> str:
    """Return a number of bytes as people read it."""
    for size, unit in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"


def check_head(status: int, location: str | None, length: str | None, *, url: str, where: str, max_bytes: int) -> None:
    """Return if an answer's head allows to read its body.

    :raises Rejected: for a redirect; following it would carry credentials to an address that nobody entered.
    :raises TooLarge: where the announced length is over the cap.
    """
    if status in REDIRECTS and location is not None:
        raise Rejected(
            f"{where} redirects to {without_secrets(urljoin(url, location))}: "
            "enter the final address in the connection",
            retryable=False,
        )
    if length is not None and length.isascii() and length.isdigit() and int(length[:20]) > max_bytes:
        raise too_large(where, max_bytes)


def without_secrets(url: str) -> str:
    """Return scheme, host and path of a URL: its query and user information may hold secrets."""
    try:
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an address that cannot be read"
    return f"{parts.scheme}://{host}{port}{parts.path}"[:200]


def decoded(chunks: Iterable[bytes], encoding: str, *, where: str, max_bytes: int) -> Iterator[bytes]:
    """Yield a body, unpacked in small steps, until it is over the cap.

    :raises TooLarge: where more than `max_bytes` arrive or are unpacked.
    :raises SourceError: where the body is packed in a way that was not asked for, or is damaged.
    """
    if encoding in ("", "identity"):
        pieces = iter(chunks)
    elif encoding in ("gzip", "x-gzip", "deflate"):
        pieces = inflated(chunks, where=where, max_bytes=max_bytes)
    else:
        raise SourceError(f"{where} packed its answer as {encoding[:40]!r}, which was not asked for", retryable=False)
    total = 0
    for piece in pieces:
        total += len(piece)
        if total > max_bytes:
            raise too_large(where, max_bytes)
        yield piece


def inflated(chunks: Iterable[bytes], *, where: str, max_bytes: int) -> Iterator[bytes]:
    """Yield unpacked pieces of at most `STEP` bytes; gzip may hold several members one after another."""
    unpacker = zlib.decompressobj(EITHER)
    packed = 0
    try:
        for chunk in chunks:
            packed += len(chunk)
            # Empty members unpack to nothing at all, so that the packed bytes are bounded as well.
            if packed > max_bytes:
                raise too_large(where, max_bytes)
            rest = chunk
            while rest:
                if unpacker.eof:
                    unpacker = zlib.decompressobj(EITHER)
                piece = unpacker.decompress(rest, STEP)
                rest = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
                if piece:
                    yield piece
        if packed and not unpacker.eof:
            yield from finished(unpacker, where)
    except zlib.error as error:
        raise SourceError(f"{where} sent a compressed answer that is damaged ({error})") from error


def finished(unpacker: zlib._Decompress, where: str) -> Iterator[bytes]:
    """Yield what is still held back at the end of the body."""
    while piece := unpacker.decompress(unpacker.unconsumed_tail, STEP):
        yield piece
    if not unpacker.eof:
        raise SourceError(f"{where} broke off in the middle of a compressed answer")
