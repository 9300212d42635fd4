"""The model's words made harmless: one line of plain text, without links, mentions, markup or commands."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from copilot.guard.redact import Redactor

# Slack's own escapes: <!channel>, <@U1>, <#C1|x>, <https://…|text>. A comparison (`a < b`) has a blank after the sign.
_ESCAPES = re.compile(r"<[^\s<>][^<>]*>")
_LINKS = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]{0,20})?://\S*|\b(?:mailto|tel|javascript|data|slack|file):\S+|\bwww\.\S+", re.IGNORECASE
)
_ADDRESSES = re.compile(r"[^\s(@]{1,64}@[^\s)]+|(?<!\w)@[\w.-]+|(?<![\w&])![a-z]\w*", re.IGNORECASE)
# Slack turns these into links by itself. Longer names inside a cluster (x.svc.cluster.local) and versions (1.2.3) stay.
_HOSTS = re.compile(
    r"\b(?:[\w-]+\.)+(?:com|net|org|io|dev|app|xyz|info|biz|co|me|sh|ai|cc|ru|cn|top|site|online|example|page|link|zip)\b(?:[:/?#]\S*)?",
    re.IGNORECASE,
)
_PATHS = re.compile(r"\b(?:[\w-]+\.)+[a-z]{2,}/\S*", re.IGNORECASE)
_EMOJI = re.compile(r"(?<!\S):[a-z0-9_+-]+:(?!\S)", re.IGNORECASE)
_EMPHASIS = re.compile(r"[*~`]+|(?<!\w)_+|_+(?!\w)|\]\(|[\[\]]")
_LEADING = re.compile(r"^(?:[>#•|-]\s*|/\w+\s*)+")
# What people type has a shape that sentences about the same tools ("the git history", "node memory") do not have.
_COMMAND = re.compile(
    r"""
      \$\( | \$\{ | && | \|\| | \|\s*(?:ba|z|k)?sh\b | ;\s*(?:rm|curl|wget|sudo|sh|bash|reboot|shutdown|kill|exit)\b
    | \b(?:kubectl|oc)\s+(?:-|annotate|apply|attach|cordon|cp|create|debug|delete|describe|drain|edit|exec|expose|get
        |label|logs|patch|port-forward|proxy|replace|rollout|run|scale|set|taint|top)\b
    | \bhelm\s+(?:-|delete|get|install|rollback|uninstall|upgrade)\b
    | \b(?:docker|podman|crictl)\s+(?:-|exec|kill|login|pull|push|restart|rm|rmi|run|stop)\b
    | \bterraform\s+(?:-|apply|destroy|import|taint)\b
    | \bgit\s+(?:-|checkout|clean|clone|fetch|merge|pull|push|rebase|reset|revert)\b
    | \b(?:systemctl|service)\s+(?:restart|start|stop|disable|enable|reload)\b
    | \b(?:pip3?|npm|apt|apt-get|yum|brew)\s+(?:i|install|remove|uninstall)\b
    | \b(?:aws|gcloud|az)\s+[a-z0-9-]+\s+[a-z]+-[a-z-]+\b
    | \bsudo\s+\w
    | \b(?:bash|chmod|chown|curl|dd|eval|find|iptables|mysql|nc|ncat|node|perl|psql|python3?|redis-cli|rm|ruby|scp|sh
        |ssh|wget|zsh)
        \s+(?:-{1,2}[a-z]|\.{0,2}/|\w+[=@]|\(link)
    | \b(?:drop|truncate|alter)\s+(?:table|database|schema)\b | \bdelete\s+from\s+\w
    | (?:^|\s)/(?:sre|remind|invite|kick|topic|msg|dm|giphy|leave|archive|feedback)\b
    """,
    re.IGNORECASE | re.VERBOSE,
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


def harmless(text: str, redactor: Redactor, *, limit: int, hosts: Collection[str] = ()) -> str:
    """Return the text without secrets and as one harmless line of at most `limit` characters.

    Redacted before it is cut or cleaned, as a secret must not become unrecognisable; and once more, as what hid in
    characters that nobody sees, or in full-width ones, is plain only then.
    """
    once = plain(redactor.text(text), limit=limit, hosts=hosts)
    again = redactor.text(once)
    return once if again == once else plain(again, limit=limit, hosts=hosts)


def is_command(text: str) -> bool:
    """Return whether the text holds something that a tired reader could paste into a shell or type into Slack."""
    return _COMMAND.search(text) is not None
