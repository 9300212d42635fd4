"""AWS Secrets Manager: reached as AWS's own tools reach it (region, IRSA, profile, endpoint), and read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from copilot.secret_stores.reference import Document, NotRead

if TYPE_CHECKING:
    from copilot.secret_stores.settings import StoreSettings

TRIES = 4
# What AWS says, and what to do about it.
REFUSALS = {
    "AccessDeniedException": "allow secretsmanager:GetSecretValue on it to this role, and kms:Decrypt on its key",
    "DecryptionFailure": "allow kms:Decrypt on its key to this role",
    "ResourceNotFoundException": "is it in this region and account? Or was it just made, without a value?",
    "InvalidRequestException": "is it scheduled for deletion? Restore it",
    "ExpiredTokenException": "get new credentials",
    "UnrecognizedClientException": "are these credentials of this account and region?",
    "InvalidSignatureException": "are these credentials right, and the clock?",
}


class SecretsManager:
    """Read documents with one client."""

    def __init__(self, settings: StoreSettings) -> None:
        """Find region and credentials.

        :raises NotRead: where there are none.
        """
        try:
            import boto3
        except ImportError:
            raise NotRead("AWS Secrets Manager needs another package: install sre-copilot[aws]") from None
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        self._seconds = settings.secrets_seconds
        patience = self._seconds / TRIES
        try:
            # The variable of all of AWS's newer tools, which boto3 alone does not know.
            region = os.environ.get("AWS_REGION") or None
            self._client: Any = boto3.session.Session(region_name=region).client(
                "secretsmanager",
                config=Config(
                    connect_timeout=patience,
                    read_timeout=patience,
                    retries={"total_max_attempts": TRIES, "mode": "standard"},
                ),
            )
        except BotoCoreError as error:
            raise NotRead(f"AWS Secrets Manager cannot be asked: {_hint(error)}") from None

    def document(self, name: str) -> Document:
        """Return the current version of a secret, by its name or ARN.

        :raises NotRead: where AWS does not answer, or refuses.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._client.get_secret_value(SecretId=name)
        except ClientError as refused:
            code = refused.response.get("Error", {}).get("Code", "")
            what = REFUSALS.get(code, "look it up in the account's CloudTrail")
            raise NotRead(f"AWS Secrets Manager in {self._client.meta.region_name} refused ({code}): {what}") from None
        except BotoCoreError as error:
            raise NotRead(
                f"AWS Secrets Manager in {self._client.meta.region_name} gave no answer within {self._seconds:g} s: {_hint(error)}"
            ) from None
        text = answer.get("SecretString")
        if text is None:
            raise NotRead("the secret is binary: store it as text")
        return Document.of_text(f"version {answer['VersionId'][:8]} of {answer['CreatedDate']:%Y-%m-%dT%H:%M:%S}", text)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def _hint(error: Exception) -> str:
    known = {
        "NoRegionError": "no region is known: set AWS_REGION",
        "NoCredentialsError": "no credentials were found: give the pod's ServiceAccount a role (IRSA), or set AWS_PROFILE",
        "EndpointConnectionError": "it cannot be reached: may this process reach AWS, or is a VPC endpoint missing?",
        "ConnectTimeoutError": "it cannot be reached: may this process reach AWS, or is a VPC endpoint missing?",
    }
    return known.get(type(error).__name__, f"{type(error).__name__}, {' '.join(str(error).split())[:200]}")
