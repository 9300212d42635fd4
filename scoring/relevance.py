"""How well a change fits what went wrong: by what it touches and what it does to it, not by when it was made."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scoring import diffs, folders, hazards, outside

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scoring.observations import Change

# A change of which nobody knows what it altered is a lead; the others stand above or below it.
UNKNOWN: Final = 0.3
# Below this a change is cleared: nothing that it touches could have done it.
CLEARED: Final = 0.1
_INERT: Final = 0.05
# A deployment of this service that brings changes of others alone: what it did here is to restart.
_ELSEWHERE: Final = 0.1
_REWORDED: Final = 0.15
_NOTHING_FITS: Final = 0.2
_WORDS: Final = 0.4
_NAMES: Final = 0.5
# From here on it does something that shows as the symptom does.
FITS: Final = 0.6
_SECOND: Final = 0.1
# So many words in common are no chance.
_LEAST_WORDS: Final = 2
_LONG_NAME: Final = 8
# A symptom says what it has to say in so many characters, and in so many texts.
_LONGEST_TEXT: Final = 600
_MOST_TEXTS: Final = 60

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_COMPOUND: Final = re.compile(r"\w_\w|[a-z][A-Z]")
# What stands in every program and every complaint.
_EVERYWHERE: Final = frozenset(
    re.findall(
        r"\w+",
        """
    above after again alert also async await before below bool build call caller check class client code config
    const context count ctx data default does err error exception fail failure false field file files float from
    func function get handle handler have http import info input int interface into invalid item items json let
    list log main make message method name new next none null object only option options output over package param
    params path post private public put rate ratio read request response result return returned returning self
    server service services set size start state status str string struct test than that then this threshold time
    timeout true type unknown update upstream user value values var void when with write
    """,
    )
)


@dataclass(frozen=True, slots=True)
class Relevance:
    """Hold how well a change fits what went wrong, in [0, 1], and why in a phrase."""

    value: float
    words: str = ""


def weigh(
    sightings: Sequence[Change], texts: Sequence[str], *, common: Iterable[str] = (), services: Iterable[str] = ()
) -> Relevance:
    """Return how well a change, told by its sightings, fits the words of what went wrong at its service, and what it touches of it.

    `common` holds names that say nothing, such as those of the services themselves; `services` are all that are known, by whose
    names folders are told apart.
    """
    found = _weighed(sightings, texts, common=common, services=services)
    where = folders.told(sightings) if found.value != _ELSEWHERE else ""
    return Relevance(found.value, "; ".join(words for words in (found.words, where) if words))


def _weighed(
    sightings: Sequence[Change], texts: Sequence[str], *, common: Iterable[str], services: Iterable[str]
) -> Relevance:
    texts = [text[:_LONGEST_TEXT] for text in texts[:_MOST_TEXTS]]
    diff = diffs.parse(sightings)
    beyond = outside.find(texts)
    if beyond is not None and (beyond.even_unseen or (diff is not None and diff.is_whole)):
        touched = diff is not None and any(beyond.touched.search(line) for line in (*diff.lines, *diff.paths))
        done = diff is not None and not beyond.by_itself and hazards.find(diff, texts)
        if not touched and not done:
            return Relevance(_INERT, beyond.words)
    titles = [change.title for change in sightings]
    if diff is None:
        diff = diffs.Diff((), (), (), is_whole=False)
    if diff.is_inert:
        return Relevance(_INERT, "it alters nothing that runs")
    if others := _others(sightings, diff, services):
        return Relevance(_ELSEWHERE, others)
    lines = diff.lines if diff.is_whole else (*diff.lines, *titles)
    names = _names(lines) & _names(texts)
    words = _words((*lines, *diff.paths), common) & _words(texts, common)
    if found := hazards.find(diff, texts):
        value = FITS + _SECOND * (len(found) > 1) + _SECOND * bool(names or len(words) >= _LEAST_WORDS)
        return Relevance(value, f"it {found[0].words}")
    if diff.is_reworded:
        return Relevance(_REWORDED, "it only rewords what it touches")
    if names:
        return Relevance(_NAMES, f"it touches {_listed(names)}, which what failed names")
    if len(words) >= _LEAST_WORDS:
        return Relevance(_WORDS, f"it touches {_listed(words)}, of which what failed speaks")
    # Names of files alone do not tell what was altered in them.
    is_read = diff.is_whole and (diff.commented or bool(diff.lines))
    return Relevance(_NOTHING_FITS, "nothing that it touches fits what failed") if is_read else Relevance(UNKNOWN)


def _others(sightings: Sequence[Change], diff: diffs.Diff, services: Iterable[str]) -> str:
    """Return whose all that a change touches is, in a phrase, where none of it is its service's; else nothing."""
    if not sightings or folders.is_inside(sightings):
        return ""
    service = sightings[0].entity.service
    if diff.is_whole and (theirs := folders.elsewhere(diff.paths, service, services)):
        return f"it touches only the folders of {', '.join(theirs[:2])}"
    owners = folders.foreign(sightings)
    return f"it touches only what {', '.join(owners[:2])} owns, and nothing of {service}" if owners else ""


def _names(lines: Iterable[str]) -> frozenset[str]:
    """Return compound identifiers, which do not meet by chance, without regard to case."""
    return frozenset(name.lower() for name in diffs.names(lines) if len(name) >= _LONG_NAME and _COMPOUND.search(name))


def _words(lines: Iterable[str], common: Iterable[str]) -> frozenset[str]:
    found = {
        word.lower().removesuffix("s") for name in diffs.names(lines) for word in _WORD.findall(name) if len(word) >= 4
    }
    plain = "\n".join(common).lower()
    return frozenset(
        word for word in found if word not in _EVERYWHERE and f"{word}s" not in _EVERYWHERE and word not in plain
    )


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words, key=lambda word: (-len(word), word))[:2])
