"""What vendors do before they send: sign, or put a token into a header; and Amazon's certificate, made here."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from tests.integrations.door import FakeDoor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from tests.integrations.door import Answer

TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
HOST = "https://sns.eu-west-1.amazonaws.com"
CERTIFICATE = f"{HOST}/SimpleNotificationService-6aad65c2f9911b05cd53efda11f913f9.pem"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def hexed(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@dataclass
class Amazon:
    """SNS: it signs messages, and answers for its certificate and its confirmations."""

    starts: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(days=1))
    lasts: timedelta = timedelta(days=365)
    confirmed: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)

    def message(self, text: object, *, at: float, kind: str = "Notification", **changed: object) -> dict[str, Any]:
        moment = datetime.fromtimestamp(at, UTC)
        made: dict[str, Any] = {
            "Type": kind,
            "MessageId": hashlib.sha256(repr((text, at, kind)).encode()).hexdigest()[:36],
            "TopicArn": TOPIC,
            "Message": text if isinstance(text, str) else json.dumps(text),
            "Timestamp": moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z",
            "SignatureVersion": "2",
            "SigningCertURL": CERTIFICATE,
        }
        if kind == "Notification":
            made["Subject"] = "ALARM"
        else:
            made["Token"] = "2336412f37"
            made["SubscribeURL"] = f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37"
        made |= changed
        return {**made, "Signature": self.sign(made)}

    def sign(self, message: Mapping[str, Any]) -> str:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

        names = (
            ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
            if message["Type"] == "Notification"
            else ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
        )
        signed = "".join(f"{name}\n{message[name]}\n" for name in names if message.get(name) is not None)
        algorithm = hashes.SHA1() if message["SignatureVersion"] == "1" else hashes.SHA256()  # noqa: S303
        return base64.b64encode(_key().sign(signed.encode(), PKCS1v15(), algorithm)).decode()

    def certificate(self) -> bytes:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.x509.oid import NameOID

        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(_key().public_key())
            .serial_number(1)
            .not_valid_before(self.starts)
            .not_valid_after(self.starts + self.lasts)
            .sign(_key(), hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM)

    def answer(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if url == CERTIFICATE:
            self.fetched.append(url)
            return 200, {"content-type": "application/x-pem-file"}, self.certificate()
        if url.startswith(f"{HOST}/?Action=ConfirmSubscription"):
            self.confirmed.append(url)
            return 200, {"content-type": "text/xml"}, "<ConfirmSubscriptionResponse/>"
        return 404, {}, ""

    def door(self) -> FakeDoor:
        return FakeDoor(self.answer)


@cache
def _key() -> RSAPrivateKey:
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
