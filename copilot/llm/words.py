"""The model's words made harmless: one line of plain text, without links, mentions, markup or commands."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

# Slack's own escapes: <!channel>, <@U1>, <#C1|x>, <https://…|text>. A comparison (`a < b`) has a blank after the sign.
_ESCAPES = re.compile(r"<[^\s<>][^<>]*>")
_LINKS = re.compile(
    r"\b[a-z][a-z0-9+.-]*://\S*|\b(?:mailto|tel|javascript|data|slack|file):\S+|\bwww\.\S+", re.IGNORECASE
)
_ADDRESSES = re.compile(r"\S*[^\s(]@[^\s)]+|(?<!\w)@[\w.-]+|(?<![\w&])![a-z]+\b", re.IGNORECASE)
# Slack turns these into links by itself. Longer names inside a cluster (x.svc.cluster.local) and versions (1.2.3) stay.
_HOSTS = re.compile(
    r"\b(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?:com|net|org|io|dev|app|xyz|info|biz|co|me|sh|ai|cc|ru|cn|top|site|online|example|page|link|zip)\b(?:[:/?#]\S*)?",
    re.IGNORECASE,
)
_PATHS = re.compile(r"\b(?:[a-z0-9-]+\.)+[a-z]{2,}/\S*", re.IGNORECASE)
_EMOJI = re.compile(r"(?<!\S):[a-z0-9_+-]+:(?!\S)", re.IGNORECASE)
_EMPHASIS = re.compile(r"[*~`]+|(?<!\w)_+|_+(?!\w)|\]\(|[\[\]]")
_LEADING = re.compile(r"^(?:[>#•|-]\s*|/\w+\s*)+")
_COMMAND = re.compile(
    r"\$\(|\$\{|&&|\|\||\|\s*(?:ba|z)?sh\b|;\s*\w+|"
    r"(?:^|[\s:\"'(])(?:sudo|kubectl|helm|oc|curl|wget|bash|zsh|ssh|scp|nc|ncat|psql|mysql|redis-cli|aws|gcloud|az|docker|"
    r"podman|terraform|systemctl|chmod|chown|eval|python3?|perl|ruby|node|npm|pip|git|rm|dd|mkfs|iptables)\s+[-\w/]|"
    r"(?:^|\s)/(?:sre|remind|invite|kick|topic|msg|dm|giphy|leave|archive|feedback)\b",
    re.IGNORECASE,
)
LINK = "(link removed)"


def plain(text: str, *, limit: int, hosts: Collection[str] = ()) -> str:
    """Return the text as one harmless line of at most `limit` characters; of host names only `hosts` stay."""
    # Compatibility forms first: full-width signs must not slip through and be turned into the real ones later.
    text = unicodedata.normalize("NFKC", text)
    text = "".join(
        " " if one.isspace() else one for one in text if one.isspace() or unicodedata.category(one)[0] != "C"
    )
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    previous = None
    # Taking one thing out can put another together (`<!chan<x>nel>`): again, until nothing changes.
    while text != previous:
        previous = text
        text = _ESCAPES.sub(" ", text)
        text = _LINKS.sub(LINK, text)
        text = _ADDRESSES.sub(" ", text)
        text = _PATHS.sub(LINK, text)
        text = _HOSTS.sub(lambda match: match[0] if match[0] in hosts else LINK, text)
        text = _EMOJI.sub(" ", text)
        text = _EMPHASIS.sub("", text)
        text = text.replace(" < ", " under ").replace(" > ", " over ").replace("<", "").replace(">", "")
        text = _LEADING.sub("", " ".join(text.split()))
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    return (cut.rpartition(" ")[0] or cut).rstrip(" ,;:") + "…"


def is_command(text: str) -> bool:
    """Return whether the text holds something that a tired reader could paste into a shell or type into Slack."""
    return _COMMAND.search(text) is not None
