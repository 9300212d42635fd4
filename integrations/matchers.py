"""Label matchers, as Prometheus and Loki write them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Kubernetes makes the random parts of pod names from these letters alone (k8s.io/apimachinery/pkg/util/rand), so
# `payments-worker-7f65d78dcf-xv6cx` is not taken for a pod of `payments`.
_RANDOM = "[bcdf-hj-np-tv-xz0-9]"
POD_SUFFIX = f"-(?:{_RANDOM}{{5,10}}-[a-z0-9]{{5}}|{_RANDOM}{{5}}|[0-9]{{1,4}})"


def quoted(text: str) -> str:
    """Escape text for a double-quoted string of PromQL or LogQL."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


_LABEL = r"""(?:[A-Za-z_][A-Za-z0-9_]*+|"(?:[^"\\\n]|\\.)++")"""
_TEXT = r"""(?:"(?:[^"\\\n]|\\.)*+"|'(?:[^'\\\n]|\\.)*+'|`[^`]*+`)"""
_MATCHER = rf"{_LABEL}\s*+(?:=~|!~|!=|=)\s*+{_TEXT}"
_MATCHERS = re.compile(rf"\s*+(?P<open>\{{)?\s*+{_MATCHER}(?:\s*+,\s*+{_MATCHER})*+\s*+,?\s*+(?(open)\}})\s*+")


def are_matchers(words: str) -> bool:
    """Return whether text is a list of label matchers, in braces or without, as PromQL takes it."""
    return _MATCHERS.fullmatch(words) is not None


def equal(labels: Mapping[str, str]) -> str:
    """Return matchers that ask for equal labels, without braces."""
    return ",".join(f'{label}="{quoted(value)}"' for label, value in labels.items())
