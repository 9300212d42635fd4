"""Whom a TLS connection trusts: the machine's and Mozilla's authorities, or the one that a connection names."""

from __future__ import annotations

import ssl
from pathlib import Path

import certifi

from integrations.base import Rejected


def context(verify: bool | str) -> ssl.SSLContext:
    """Return a client context: True trusts the usual authorities, a path or PEM text that authority alone, False anyone.

    :raises Rejected: where the path or text holds no certificate.
    """
    if verify is True:
        # Both stores: the machine's may know a company's authority, and a slim container may have none at all.
        made = ssl.create_default_context()
        made.load_verify_locations(cafile=certifi.where())
        return made
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
