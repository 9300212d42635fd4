"""Make ids of Slack's shape: a kind letter, a zero, then capitals and digits."""

import hashlib
import re
import secrets
from collections.abc import Container

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
DEFAULT_TEAM = "acme"


def random_text(length: int) -> str:
    """Return random capitals and digits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def shaped(prefix: str, name: str, *, scope: str = DEFAULT_TEAM, taken: Container[str] = ()) -> str:
    """Return a readable id for a name: `U0ALICE` in the default team, with a suffix of the team elsewhere."""
    word = re.sub(r"[^A-Z0-9]", "", name.upper())[:14] or random_text(6)
    suffix = "" if scope == DEFAULT_TEAM else hashlib.sha256(scope.encode()).hexdigest()[:4].upper()
    identifier = f"{prefix}0{word}{suffix}"
    number = 2
    while identifier in taken:
        identifier = f"{prefix}0{word}{suffix}{number}"
        number += 1
    return identifier
