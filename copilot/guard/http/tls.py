"""Whom a TLS connection trusts: the machine's and Mozilla's authorities, or the one that a connection names."""

from __future__ import annotations

import functools
import ssl
from pathlib import Path

import certifi

from integrations.base import Rejected


def context(verify: bool | str) -> ssl.SSLContext:  # noqa: FBT001 - the word is httpx's and requests'
    """Return a client context: True trusts the usual authorities, a path or PEM text this authority alone, False all.

    :raises Rejected: where the path or text holds no certificate.
    """
    if verify is True:
        return usual()
    if verify is False:
        made = ssl.create_default_context()
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
        return made
    try:
        if "-----BEGIN" in verify:
            return ssl.create_default_context(cadata=verify)
        if Path(verify).is_dir():
            return ssl.create_default_context(capath=verify)
        return ssl.create_default_context(cafile=verify)
    except (OSError, ValueError) as error:
        raise Rejected(
            "the CA certificate of the connection cannot be read: give PEM text or the path of a PEM file",
            retryable=False,
        ) from error


@functools.cache
def usual() -> ssl.SSLContext:
    """Return the context that trusts the usual authorities, read once: it takes tenths of a second.

    It may be shared, since the door never loads a client certificate into it.
    """
    made = ssl.create_default_context()
    # Both stores: the machine's may know a company's authority, and a slim container may have none at all.
    made.load_verify_locations(cafile=certifi.where())
    return made
