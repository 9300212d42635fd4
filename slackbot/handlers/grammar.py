"""The words of `/sre`: which command they mean, and the closest one where they mean none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from rapidfuzz import fuzz, process

# What `/sre help` tells, a line each: as it is typed, and what comes of it.
HELP = {
    "Look": {
        "status": "open incidents, yours first",
        "incident 42": "one incident, as its card",
        "why 42": "how its hypotheses were scored",
        "evidence 42": "what was seen of it, and what speaks against",
        "similar 42": "past incidents like it, and what fixed them",
        "changes checkout 2h": "what changed at a service",
        "runbook disk full": "runbooks, quoted; with a number, those of an incident",
        "topology checkout": "who needs whom; with a number, a picture in its thread",
        "digest 30d": "the last days in numbers; without a length, seven",
    },
    "Do": {
        "investigate checkout": "look at a service, or at what you describe; joins its open incident",
        "investigate checkout --new": "the same, in an incident of its own",
        "feedback 42 up": "judge a hypothesis; with the number alone, in a window",
        "resolve 42": "close what was opened by hand",
        "postmortem 42": "a post-mortem draft, as a file in the thread",
    },
    "Set up (admins)": {
        "link checkout #shop": "post a service's incidents in a channel",
        "connect": "connect PagerDuty, Prometheus, Kubernetes, GitHub …",
        "digest settings": "when the digest comes",
    },
}
COMMANDS = tuple(dict.fromkeys(["help", *(typed.split()[0] for group in HELP.values() for typed in group)]))
DEEDS = frozenset({"investigate", "feedback", "resolve", "postmortem"})
SHARE = "--share"
# Of `investigate`: even where an incident of the service is open.
NEW = "--new"
CLOSE_ENOUGH = 55
_SPAN = re.compile(r"(\d{1,4})(m|min|h|d)")
_SECONDS = {"m": 60, "min": 60, "h": 3600, "d": 86_400}
_CHANNEL = re.compile(r"<#([CG][A-Z0-9]+)(?:\|[^>]*)?>|#?([^\s<>#]+)")


@dataclass(frozen=True, slots=True)
class Asked:
    """Hold a command as it was understood; `meant` is the closest command where `word` is none."""

    word: str
    rest: str
    share: bool
    meant: str = ""

    @property
    def is_known(self) -> bool:
        """Return whether there is such a command."""
        return self.word in COMMANDS


def understand(text: str) -> Asked:
    """Return what was asked for; no words at all ask for help."""
    words, share = without(text, SHARE)
    parts = words.split()
    if not parts:
        return Asked("help", "", share)
    word, rest = parts[0].lower(), " ".join(parts[1:])
    if word in COMMANDS:
        return Asked(word, rest, share)
    closest = process.extractOne(word, COMMANDS, scorer=fuzz.ratio, score_cutoff=CLOSE_ENOUGH)
    return Asked(word, rest, share, meant=str(closest[0]) if closest else "")


def is_deed(asked: Asked) -> bool:
    """Return whether a command changes something; of who needs whom, a picture is posted, and words are only told."""
    return asked.word in DEEDS or (asked.word == "topology" and number(asked.rest)[0] is not None)


def without(words: str, flag: str) -> tuple[str, bool]:
    """Return the words without a flag, and whether it was among them; phones turn its two hyphens into a dash."""
    forms = {flag, *(flag.replace("--", dash) for dash in "—–")}
    parts = words.split()
    kept = [part for part in parts if part not in forms]
    return " ".join(kept), len(kept) < len(parts)


def number(words: str) -> tuple[int | None, str]:
    """Return the incident's number at the front (`42`, `#42`, `INC-42`) and the rest."""
    first, _, rest = words.partition(" ")
    digits = first.lower().removeprefix("#").removeprefix("inc-").removeprefix("inc")
    return (int(digits), rest.strip()) if digits.isascii() and digits.isdigit() and len(digits) < 10 else (None, words)


def span(words: str, *, usual: timedelta, most: timedelta) -> tuple[str, timedelta]:
    """Return the words without the length of time at their end (`30m`, `2h`, `7d`), and that length, at most `most`."""
    front, _, last = words.strip().rpartition(" ")
    found = _SPAN.fullmatch(last.lower())
    if found is None or not found.group(1).isascii():
        return words.strip(), usual
    return front.strip(), min(timedelta(seconds=int(found.group(1)) * _SECONDS[found.group(2)]), most)


def channel(word: str) -> str:
    """Return the channel that a word means, `#shop` or Slack's own `<#C1|shop>`: its id or its name; nothing for neither."""
    found = _CHANNEL.fullmatch(word.strip())
    return (found.group(1) or found.group(2)) if found else ""
