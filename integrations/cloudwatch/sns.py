"""Messages of Amazon SNS: told genuine by AWS's certificate, and the subscription confirmed; nobody but SNS is ever asked.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx

from integrations.base import NotGenuine, Rejected, Unreachable
from integrations.payload import seconds, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    from integrations.base import Door

NOTIFICATION = "Notification"
CONFIRMATION = "SubscriptionConfirmation"
ENDED = "UnsubscribeConfirmation"

# SNS delivers over HTTP for an hour at most after a message was published; beyond, a message is an old one sent again.
OLDEST = 3900.0
AHEAD = 300.0

_SIGNED = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    CONFIRMATION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    ENDED: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
TOPIC = re.compile(
    r"arn:aws(?P<part>-cn|-us-gov)?:sns:(?P<region>[a-z]{2}(?:-[a-z]+){1,3}-\d{1,2}):\d{12}:[\w.-]{1,256}"
)
_CERTIFICATE = re.compile(r"/[\w-]{1,100}\.pem")
# A day: AWS renews its certificates rarely, and a new one has another address.
_KEPT_SECONDS = 86_400.0
_KEPT_AT_MOST = 32


def host(topic: str) -> str:
    """Return the host of SNS in the topic's region, the only one that is ever asked.

    :raises NotGenuine: where the text is no topic's ARN.
    """
    match = TOPIC.fullmatch(topic)
    if match is None:
        raise NotGenuine("the message names no SNS topic")
    return f"sns.{match['region']}.amazonaws.com{'.cn' if match['part'] == '-cn' else ''}"


@dataclass(slots=True)
class Certificates:
    """Keep the public keys of AWS's signing certificates, by address, with the time until which each is trusted."""

    kept: dict[str, tuple[float, RSAPublicKey]] = field(default_factory=dict)

    def key(self, door: Door, address: str, *, now: float) -> RSAPublicKey:
        """Return the public key of the certificate at an address that has been checked.

        :raises NotGenuine: where what is there is no certificate that is valid now.
        :raises SourceError: where it cannot be fetched.
        """
        known = self.kept.get(address)
        if known and known[0] > now:
            return known[1]
        until, key = _opened(_fetched(door, address, "the certificate"), now)
        if len(self.kept) >= _KEPT_AT_MOST:
            self.kept.clear()
        self.kept[address] = (until, key)
        return key


def require_genuine(
    door: Door, certificates: Certificates, message: Mapping[str, Any], *, topics: tuple[str, ...], now: float
) -> None:
    """Return if SNS signed the message, for one of the topics, within the last hour.

    What needs no question is looked at first: who knows neither topic nor time makes us fetch nothing.

    :raises NotGenuine: where it is not so.
    :raises SourceError: where the certificate cannot be fetched.
    """
    topic = text(message, "TopicArn")
    if topic not in topics:
        raise NotGenuine("the message is of a topic that this connection does not name")
    sent_at = seconds(message.get("Timestamp"))
    if sent_at is None or not now - OLDEST <= sent_at <= now + AHEAD:
        raise NotGenuine("the message's Timestamp is not of the last hour")
    address = text(message, "SigningCertURL")
    if not _is_at(address, host(topic)) or not _CERTIFICATE.fullmatch(urlsplit(address).path) or "?" in address:
        raise NotGenuine("SigningCertURL is no certificate of SNS in the topic's region")
    signed = _signed_text(message)
    try:
        signature = base64.b64decode(text(message, "Signature"), validate=True)
    except (binascii.Error, ValueError):
        raise NotGenuine("the Signature is not base64") from None
    _require_signature(certificates.key(door, address, now=now), signature, signed, text(message, "SignatureVersion"))


def confirm(door: Door, message: Mapping[str, Any]) -> None:
    """Confirm the subscription of a genuine message, by the address that SNS gave for it.

    :raises NotGenuine: where that address is not SNS', or confirms another topic.
    :raises SourceError: where SNS does not answer.
    """
    topic, address = text(message, "TopicArn"), text(message, "SubscribeURL")
    asked = parse_qs(urlsplit(address).query)
    if not _is_at(address, host(topic)) or urlsplit(address).path not in {"", "/"}:
        raise NotGenuine("SubscribeURL is not an address of SNS in the topic's region")
    if asked.get("Action") != ["ConfirmSubscription"] or asked.get("TopicArn") != [topic]:
        raise NotGenuine("SubscribeURL does not confirm a subscription of the message's topic")
    _fetched(door, address, "the confirmation")


def _is_at(address: str, wanted: str) -> bool:
    try:
        split = urlsplit(address)
    except ValueError:
        return False
    return split.scheme == "https" and split.netloc == wanted and not split.fragment


def _fetched(door: Door, address: str, what: str) -> bytes:
    split = urlsplit(address)
    try:
        with door.client(f"{split.scheme}://{split.netloc}") as client:
            answer = client.get(address, follow_redirects=False)
    except httpx.HTTPError as error:
        raise Unreachable(f"{split.netloc} gave no answer when asked for {what} ({type(error).__name__})") from None
    if answer.status_code != httpx.codes.OK:
        raise Rejected(f"{split.netloc} answered {answer.status_code} when asked for {what}")
    return answer.content


def _signed_text(message: Mapping[str, Any]) -> bytes:
    """Return what SNS signed: the names and values of some members, each on a line; `Subject` only where there is one."""
    names = _SIGNED.get(text(message, "Type"))
    if names is None:
        raise NotGenuine("the message's Type is none of SNS")
    lines: list[str] = []
    for name in names:
        value = message.get(name)
        if value is None and name == "Subject":
            continue
        if not isinstance(value, str):
            raise NotGenuine(f"the message's {name} is missing")
        lines += (name, value)
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogatepass")


def _opened(pem: bytes, now: float) -> tuple[float, RSAPublicKey]:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    try:
        certificate = x509.load_pem_x509_certificate(pem)
        key = certificate.public_key()
    except ValueError:
        raise NotGenuine("what is at SigningCertURL is no certificate") from None
    moment = datetime.fromtimestamp(now, UTC)
    if not certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc:
        raise NotGenuine("the certificate at SigningCertURL is not valid now")
    if not isinstance(key, RSAPublicKey):
        raise NotGenuine("the certificate at SigningCertURL has no RSA key")
    return min(now + _KEPT_SECONDS, certificate.not_valid_after_utc.timestamp()), key


def _require_signature(key: RSAPublicKey, signature: bytes, signed: bytes, version: str) -> None:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

    # Version 1 is SHA-1, which SNS sends unless the topic's SignatureVersion is set to 2.
    algorithm = {"1": hashes.SHA1(), "2": hashes.SHA256()}.get(version)  # noqa: S303 - AWS's default, see above
    if algorithm is None:
        raise NotGenuine("the SignatureVersion is neither 1 nor 2")
    try:
        key.verify(signature, signed, PKCS1v15(), algorithm)
    except (InvalidSignature, UnsupportedAlgorithm):
        raise NotGenuine("the signature does not match") from None
