"""What makes two requests the same question: the parameters that count, without times, paging and other noise."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Iterable

Parameters = list[tuple[str, str]]

PROMETHEUS, KUBERNETES = "prometheus", "kubernetes"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
# Times, resolution and limits: the same question, asked about another hour or in other portions.
_NOISE = {
    PROMETHEUS: frozenset({"start", "end", "time", "step", "timeout", "limit", "dedup", "partial_response", "stats"}),
    KUBERNETES: frozenset(
        {"limit", "continue", "timeoutSeconds", "resourceVersion", "resourceVersionMatch", "tailLines", "limitBytes",
         "sinceSeconds", "sinceTime", "timestamps", "pretty"}
    ),
    "pagerduty": frozenset({"since", "until", "limit", "offset", "cursor", "total"}),
    "github": frozenset({"since", "until", "per_page", "page"}),
}  # fmt: skip


def question_of(vendor: str, parameters: Iterable[tuple[str, str]], body: bytes = b"") -> str:
    """Return what of a request's parameters and body makes it another question."""
    noise = _NOISE.get(vendor, frozenset())
    kept = sorted((name, value.strip()) for name, value in parameters if name not in noise)
    asked = urlencode(kept) if vendor != PROMETHEUS else "\n".join(f"{name}={value}" for name, value in kept)
    return "\n".join(part for part in (asked, _body(body)) if part)


def asked_of_prometheus(query: str) -> str:
    """Return the question of a PromQL expression."""
    return f"query={query.strip()}"


def _body(body: bytes) -> str:
    """Return a JSON body with its keys in order, so that equal questions are equal text."""
    try:
        return json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")) if body else ""
    except ValueError:
        return body.decode(errors="replace")
