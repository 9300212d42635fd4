"""How a setting refers to a secret that lies in a store, and what is said where it cannot be read."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

VAULT, AWS = "vault", "aws-sm"
STORES = (VAULT, AWS)


class NotRead(ValueError):
    """Say which reference could not be read, what was refused, and what to do; never a value."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Hold where a secret lies: `vault:secret/data/copilot#database_url`, `aws-sm:copilot/prod#database_url`.

    `document` is what the store is asked for, `key` what of it is meant; AWS may do without a key: the whole secret.
    """

    store: str
    document: str
    key: str

    def __str__(self) -> str:
        return f"{self.store}:{self.document}#{self.key}" if self.key else f"{self.store}:{self.document}"

    @classmethod
    def of(cls, text: str) -> Reference | None:
        """Read a setting's text; None where it is a value and no reference.

        :raises NotRead: where it begins as a reference and is none.
        """
        store, colon, rest = text.strip().partition(":")
        if store not in STORES or not colon:
            return None
        document, _, key = rest.partition("#")
        if not document.strip("/") or ".." in document.split("/"):
            raise NotRead(f"it begins with {store}: and names no secret; write {EXAMPLES[store]}")
        if store == VAULT and not key:
            raise NotRead(f"{store}:{document} names no key of the secret; write {EXAMPLES[store]}")
        return cls(store, document, key)


EXAMPLES = {
    VAULT: "vault:secret/data/copilot#database_url: the path as Vault's API has it, # and the key",
    AWS: "aws-sm:copilot/prod#database_url: the secret's name or ARN, # and a key of its JSON",
}


@dataclass(frozen=True, slots=True)
class Document:
    """Hold what a store answered for one path or name, and which version of it that was, for people."""

    version: str
    values: Mapping[str, Any] | None = field(repr=False)
    whole: str | None = field(default=None, repr=False)

    @classmethod
    def of_text(cls, version: str, text: str) -> Document:
        """Read a secret that is text, and perhaps a JSON object."""
        try:
            values = json.loads(text)
        except ValueError:
            values = None
        return cls(version, values if isinstance(values, dict) else None, text)

    def value(self, reference: Reference) -> str:
        """Return what a reference means of it.

        :raises NotRead: where there is no such key, or no text under it; names the keys that there are.
        """
        if not reference.key and self.whole is not None:
            return self.whole
        if self.values is None:
            raise NotRead(
                f"the secret is no JSON object, so it has no key `{reference.key}`; leave out the # and the key"
            )
        found = self.values.get(reference.key)
        if found is None:
            keys = ", ".join(sorted(self.values)[:20]) or "none"
            raise NotRead(f"the secret has no key `{reference.key}`; its keys are: {keys}")
        if not isinstance(found, str):
            raise NotRead(f"what is under `{reference.key}` is no text but {type(found).__name__}: store it as text")
        return found


class Store(Protocol):
    """Answer for documents, as one process that starts needs them."""

    def document(self, name: str) -> Document:
        """Return a document.

        :raises NotRead: where the store does not answer, or refuses.
        """

    def close(self) -> None:
        """Leave nothing behind in the store that was only for reading."""
