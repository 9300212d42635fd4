"""Why an image cannot be pulled, read from what container runtimes and registries say."""

from __future__ import annotations

import re

from integrations.cluster.words import Word

# Reasons for which a container waits that are about its image.
REASONS = frozenset(
    {
        "ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError", "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)  # fmt: skip
# The first that matches decides: a name that does not resolve is also a failed request, a refused token often a 404 to outsiders.
_SAID: tuple[tuple[re.Pattern[str], Word], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), word)
    for pattern, word in (
        (r"no such host|server misbehaving|name resolution|could not resolve", Word.REGISTRY_NAME_UNRESOLVED),
        (r"toomanyrequests|too many requests|rate limit", Word.REGISTRY_RATE_LIMITED),
        (r"no (match|image found).*(platform|manifest list)|exec format error", Word.IMAGE_PLATFORM_MISMATCH),
        (r"repository .*does not exist|manifest.*(unknown|not found)|code = NotFound|: not found|name unknown", Word.IMAGE_NOT_FOUND),
        (r"unauthori[sz]ed|failed to authorize|authentication required|denied|40[13]\b|no basic auth", Word.IMAGE_PULL_UNAUTHORISED),
        (r"time-?out|timed out|deadline exceeded|connection (refused|reset)|no route|x509|tls:|EOF|50[0-4]\b", Word.REGISTRY_UNREACHABLE),
    )
)  # fmt: skip


def why(message: str) -> Word | None:
    """Return why a pull failed, None where the message does not tell."""
    return next((word for pattern, word in _SAID if pattern.search(message)), None)
