"""Seal, open and rotate a tenant's secrets, with keys that belong to that tenant alone."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from copilot.config import config

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID


class SealBroken(Exception):
    """Say that a sealed value does not open: another tenant's, tampered with, or sealed under a key that is gone."""


def _masters() -> tuple[bytes, ...]:
    keys = config().secret_keys
    if not keys:
        raise RuntimeError("COPILOT_SECRET_KEYS is not set: without it no credentials can be sealed or opened")
    return tuple(key.get_secret_value().encode() for key in keys)


@lru_cache(maxsize=1024)
def _derive(master: bytes, info: bytes) -> bytes:
    """Derive a 32-byte key (HKDF-SHA256, RFC 5869) for one purpose and tenant."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(master)


def _box(tenant_id: UUID) -> MultiFernet:
    info = b"copilot/vault/v1/" + tenant_id.bytes
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derive(master, info))) for master in _masters()])


def seal(tenant_id: UUID, secrets: Mapping[str, Any]) -> bytes:
    """Return `secrets` encrypted for this tenant under the first master key."""
    return _box(tenant_id).encrypt(json.dumps(dict(secrets), sort_keys=True).encode())


def unseal(tenant_id: UUID, sealed: bytes | memoryview[int]) -> dict[str, Any]:
    """Return what was sealed for this tenant.

    :raises SealBroken: where it does not open.
    """
    try:
        opened: dict[str, Any] = json.loads(_box(tenant_id).decrypt(bytes(sealed)))
    except InvalidToken as error:
        raise SealBroken(
            f"credentials of tenant {tenant_id} do not open: is the key they were sealed with in COPILOT_SECRET_KEYS?"
        ) from error
    return opened


def rotate(tenant_id: UUID, sealed: bytes | memoryview[int]) -> bytes:
    """Return the same secrets sealed anew under the first master key."""
    try:
        return _box(tenant_id).rotate(bytes(sealed))
    except InvalidToken as error:
        raise SealBroken(f"credentials of tenant {tenant_id} do not open and so cannot be rotated") from error


def fingerprints(value: str) -> list[bytes]:
    """Return keyed hashes of a secret that is looked up by value, one for each master key, the current first."""
    return [
        hmac.new(_derive(master, b"copilot/fingerprint/v1"), value.encode(), hashlib.sha256).digest()
        for master in _masters()
    ]


def redaction_key(tenant_id: UUID) -> bytes:
    """Return the key under which this tenant's redacted secrets are hashed."""
    return _derive(_masters()[0], b"copilot/redact/v1/" + tenant_id.bytes)
