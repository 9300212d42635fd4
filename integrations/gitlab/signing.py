"""Check that a webhook is GitLab's: by its signature where a signing token is set, else by the secret token."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING

from integrations.base import NotGenuine
from integrations.genuine import same

if TYPE_CHECKING:
    from collections.abc import Iterable

    from integrations.base import Inbound

_PREFIX = "whsec_"
# As Standard Webhooks advise: an older message may be a copy that somebody sends again (seconds).
_TOLERANCE = 300.0


def signing_key(token: str) -> bytes:
    """Return the key of a signing token, `whsec_` and base64.

    :raises ValueError: where it is written otherwise.
    """
    try:
        key = base64.b64decode(token.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not token.startswith(_PREFIX) or not key:
        raise ValueError("a signing token is whsec_ followed by base64, as GitLab shows it")
    return key


def require_signature(inbound: Inbound, tokens: Iterable[str]) -> None:
    """Return if any signature is the message's under any of the signing tokens, and the message is fresh.

    https://www.standardwebhooks.com: the base64 of the HMAC-SHA256 of `id.timestamp.body`.

    :raises NotGenuine: where none matches, or it is more than five minutes old.
    """
    name, sent = inbound.headers.get("webhook-id", ""), inbound.headers.get("webhook-timestamp", "")
    if not name or not (sent.isascii() and sent.isdigit() and len(sent) <= 12):
        raise NotGenuine("the webhook-id and webhook-timestamp headers are missing")
    signed = f"{name}.{sent}.".encode("utf-8", "surrogateescape") + inbound.body
    given = [
        one.removeprefix("v1,") for one in inbound.headers.get("webhook-signature", "").split() if one[:3] == "v1,"
    ]
    matched = False
    for token in tokens:
        wanted = base64.b64encode(hmac.new(signing_key(token), signed, hashlib.sha256).digest()).decode()
        for signature in given:
            matched |= same(signature, wanted)
    if not matched:
        raise NotGenuine("the webhook-signature header does not match")
    if abs(inbound.received_at - int(sent)) > _TOLERANCE:
        raise NotGenuine("the message is more than five minutes old")


def require_secret(inbound: Inbound, secrets: Iterable[str]) -> None:
    """Return if `X-Gitlab-Token` is any of the secrets.

    :raises NotGenuine: where it is none.
    """
    given = inbound.headers.get("x-gitlab-token", "").strip()
    matched = False
    for secret in secrets:
        matched |= same(given, secret)
    if not given or not matched:
        raise NotGenuine("the X-Gitlab-Token header does not carry the right token")
