"""The words of `/sre`: which command they mean, and the closest one where they mean none."""

from __future__ import annotations

from dataclasses import dataclass

from rapidfuzz import fuzz, process

COMMANDS = {
    "help": "what I can do",
    "status": "open incidents, yours first",
    "incident": "one incident: `/sre incident 42`",
    "why": "how its hypotheses were scored: `/sre why 42`",
    "investigate": "look at a service, or at what you describe: `/sre investigate checkout`",
    "feedback": "judge a hypothesis: `/sre feedback 42 up`, `/sre feedback 42 down 2 it was the cache`",
}
SHARE = "--share"
CLOSE_ENOUGH = 55


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
    # Phones turn two hyphens into a dash.
    parts = text.replace("—share", SHARE).replace("–share", SHARE).split()
    share = SHARE in parts
    parts = [part for part in parts if part != SHARE]
    if not parts:
        return Asked("help", "", share)
    word, rest = parts[0].lower(), " ".join(parts[1:])
    if word in COMMANDS:
        return Asked(word, rest, share)
    closest = process.extractOne(word, list(COMMANDS), scorer=fuzz.ratio, score_cutoff=CLOSE_ENOUGH)
    return Asked(word, rest, share, meant=str(closest[0]) if closest else "")


def number(words: str) -> tuple[int | None, str]:
    """Return the incident's number at the front (`42`, `#42`, `INC-42`) and the rest."""
    first, _, rest = words.partition(" ")
    digits = first.lower().removeprefix("#").removeprefix("inc-").removeprefix("inc")
    return (int(digits), rest.strip()) if digits.isascii() and digits.isdigit() and len(digits) < 10 else (None, words)
