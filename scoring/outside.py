"""What fails from outside: causes that no deployment of one's own brings about, by the words in which they show."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scoring.evidence import CauseKind

if TYPE_CHECKING:
    from collections.abc import Iterable

_I: Final = re.IGNORECASE


@dataclass(frozen=True, slots=True)
class Outside:
    """Say what lies outside (`words`), how it shows, which cause it is, and what a change must touch to be behind it after all.

    `by_itself` marks what comes about by time alone, whatever else a change does; `even_unseen` what clears a change even where
    nobody knows what it altered.
    """

    words: str
    shows: re.Pattern[str]
    kind: CauseKind
    touched: re.Pattern[str]
    by_itself: bool = False
    even_unseen: bool = True


# A host on the internet: not a bare name, an address, or a name of a cluster or a private network.
_PUBLIC: Final = (
    r"https?://(?![\w.:-]*\.(?:svc|local|internal|cluster|lan|intra|corp|home|localdomain|test|consul)\b)(?!\d+\.\d+\.\d+\.\d+)"
    r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}(?=[/:?\s\"')]|$)"
)
_THEIRS: Final = r"\b(50[0234]|429)\b|deadline|time[ds]?[ -]?out|unavailable|too many requests|bad gateway|internal server error|outage"

OUTSIDE: Final[tuple[Outside, ...]] = (
    Outside(
        "what failed is a certificate that ran out, as time does",
        re.compile(
            r"(certificate|cert|x509)\b.{0,40}\b(has |is |was )?expired|expired.{0,20}\b(certificate|cert)\b|CERT_HAS_EXPIRED",
            _I,
        ),
        CauseKind.CREDENTIALS,
        re.compile(
            r"\bcert(ificate)?s?\b|\.(pem|crt|key|p12|jks)\b|key_?store|trust_?store|not_?after|expir|\bclock\b", _I
        ),
        by_itself=True,
    ),
    Outside(
        "what failed is another's service",
        re.compile(rf"{_PUBLIC}.{{0,80}}({_THEIRS})|({_THEIRS}).{{0,80}}{_PUBLIC}", _I),
        CauseKind.THIRD_PARTY,
        re.compile(r"https?://|base_?url|endpoint|api_?(key|version)|\bhost(name)?\b", _I),
    ),
    Outside(
        "what failed is a machine or a zone",
        re.compile(
            r"\bzone\b.{0,30}\b(impaired|outage|down|unavailable)|\bspot (instance|node|vm).{0,30}(interrupt|terminat|reclaim)"
            r"|\b(hypervisor|hardware|nic|host machine)\b.{0,20}\b(fail|fault|error)|kernel panic|machine check exception",
            _I,
        ),
        CauseKind.NODE_FAILURE,
        re.compile(r"affinity|toleration|topology|\bzones?\b|instance_?type|\bspot\b|node_?selector", _I),
    ),
    Outside(
        "what fails is one record, again and again",
        re.compile(
            r"(redeliver|re-?process|retr)\w*.{0,30}\bsame (offset|message|record|event)|poison(ed)? (message|record|pill)"
            r"|stuck (at|on) offset",
            _I,
        ),
        CauseKind.QUEUE_BACKLOG,
        re.compile(r"(?!)"),
        even_unseen=False,
    ),
)


def find(texts: Iterable[str]) -> Outside | None:
    """Return what lies outside by the words of a symptom, the surest first."""
    joined = "\n".join(texts)
    return next((one for one in OUTSIDE if one.shows.search(joined)), None)
