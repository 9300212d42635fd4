"""What a question is asked with: its own words, and what the field calls the same things."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml

from copilot.runbooks.words import parts

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE: Final = Path(__file__).with_name("synonyms.yaml")
LONGEST: Final = 1000
MOST_PHRASES: Final = 40
_WORD = re.compile(r"[a-z0-9_]+")


@dataclass(frozen=True, slots=True)
class Question:
    """Hold a question's text, with the parts of joined names, and the phrases that mean the same as what it says."""

    text: str
    phrases: tuple[str, ...]


@lru_cache(maxsize=1)
def groups() -> tuple[tuple[str, ...], ...]:
    """Return the synonyms that ship with the product, each phrase in plain lower-case words."""
    read = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return tuple(tuple(dict.fromkeys(plain(str(phrase)) for phrase in group)) for group in read)


@lru_cache(maxsize=1)
def _by_first_word() -> Mapping[str, tuple[tuple[str, int], ...]]:
    """Return each phrase with its group's place, by its first word: what to look for at a word of a question."""
    found: dict[str, list[tuple[str, int]]] = {}
    for place, group in enumerate(groups()):
        for phrase in group:
            found.setdefault(phrase.split()[0], []).append((phrase, place))
    return {word: tuple(phrases) for word, phrases in found.items()}


def plain(text: str) -> str:
    """Return a text's words in lower case, separated by single blanks."""
    return " ".join(_WORD.findall(text.lower()))


def ask(words: str) -> Question:
    """Return what to ask with for these words."""
    text = " ".join(words.replace("\x00", " ").split())[:LONGEST]
    more = parts(text)
    text = f"{text} {more}" if more else text
    said = plain(text)
    padded = f" {said} "
    phrases: dict[str, None] = {}
    for word in dict.fromkeys(said.split()):
        for phrase, place in _by_first_word().get(word, ()):
            if f" {phrase} " in padded:
                phrases.update(dict.fromkeys(one for one in groups()[place] if f" {one} " not in padded))
    return Question(text, tuple(phrases)[:MOST_PHRASES])


__all__ = ["Question", "ask", "groups", "plain"]
