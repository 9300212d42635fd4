"""Check signatures and tokens of inbound requests, in constant time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING

from integrations.base import NotGenuine

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import SecretStr

# For vendors that may set any header, but not `Authorization`.
TOKEN_HEADER = "x-copilot-token"  # noqa: S105 - a name


def same(one: str, other: str) -> bool:
    """Return whether two texts are equal, in a time that tells nothing about where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "surrogateescape"), other.encode("utf-8", "surrogateescape"))


def require_signature(body: bytes, *, secrets: Iterable[str], signatures: Iterable[str]) -> None:
    """Return if any of the hex signatures is the body's HMAC-SHA256 under any of the secrets.

    Every pair is compared, so that the time tells nothing about which one matched.

    :raises NotGenuine: where none matches.
    """
    given = tuple(signatures)
    matched = False
    for secret in secrets:
        wanted = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        for signature in given:
            matched |= same(signature, wanted)
    if not matched:
        raise NotGenuine("the signature does not match")


def require_token(authorization: str, token: str) -> None:
    """Return if an `Authorization` header carries the token, as bearer or as the password of basic authentication.

    :raises NotGenuine: where it does not, or where the token is empty.
    """
    scheme, _, given = authorization.strip().partition(" ")
    given = given.strip()
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError, ValueError):
            given = ""
    elif scheme.lower() != "bearer":
        given = ""
    if not token or not given or not same(given, token):
        raise NotGenuine("the Authorization header does not carry the right token")


def require_header(headers: Mapping[str, str], token: str, *, name: str = TOKEN_HEADER) -> None:
    """Return if the header of this name holds the token alone, or `Authorization` carries it as `require_token` wants.

    :raises NotGenuine: where neither does, or where the token is empty.
    """
    given = headers.get(name.lower(), "").strip()
    if token and given and name.lower() != "authorization" and same(given, token):
        return
    require_token(headers.get("authorization", ""), token)


def plain(secret: SecretStr | None) -> str:
    """Return a secret as it is compared: without blanks around it, empty where there is none."""
    return secret.get_secret_value().strip() if secret else ""


def separated(value: str) -> tuple[str, ...]:
    """Return the non-empty parts of a comma-separated text."""
    return tuple(stripped for item in value.split(",") if (stripped := item.strip()))
