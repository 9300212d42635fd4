"""Which of the questions that rules can answer somebody asks, by their words alone: no model, no guess."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING

from rapidfuzz import fuzz, process

if TYPE_CHECKING:
    from collections.abc import Mapping


class Topic(StrEnum):
    """Name what rules can answer from an incident's rows."""

    WHY = "why"
    CHANGES = "what changed"
    SIMILAR = "similar"
    STATUS = "status"
    RUNBOOK = "runbook"
    SYMPTOMS = "symptoms"
    NEXT = "next check"
    ROLLBACK = "roll back"
    GAPS = "what is missing"
    TIMELINE = "timeline"
    HELP = "help"


# Whole phrases first: "what changed" holds a word of "what is wrong".
_PHRASES: Mapping[Topic, tuple[str, ...]] = {
    Topic.GAPS: (
        "what is missing", "what's missing", "did not answer", "didn't answer", "can't you see", "cannot you see", "can you not see",
        "could you not see", "couldn't you see", "did you not see", "didn't you see", "could not be seen", "blind to",
    ),
    Topic.HELP: ("what can you", "who are you", "what do you do", "how do you work"),
    Topic.ROLLBACK: (
        "roll back", "roll it back", "roll this back", "roll that back", "rolled back", "rolling back", "go back to", "undo", "revert",
        "back out",
    ),
    Topic.SIMILAR: (
        "seen this before", "happened before", "happen before", "last time", "had this before", "before now", "ever seen",
    ),
    Topic.NEXT: (
        "what should i", "what do i do", "what to do", "what now", "what next", "next step", "where do i look", "how do i fix",
        "how to fix", "should we do", "should i do", "check next", "look next",
    ),
    Topic.CHANGES: ("what changed", "what has changed", "anything new", "what was deployed", "what shipped", "went out"),
    Topic.TIMELINE: ("what happened when", "in what order", "when did"),
    Topic.STATUS: (
        "who is on", "who's on", "whos on", "who has this", "is it over", "still going", "how bad", "where do we stand",
        "where are we", "what is going on", "what's going on", "whats going on", "catch me up", "sum up",
    ),
    Topic.SYMPTOMS: ("what is wrong", "what's wrong", "what is broken", "what do we see", "what hurts"),
    Topic.WHY: ("root cause", "what caused", "what causes", "how come", "what is the reason", "how sure", "how certain"),
}  # fmt: skip
_WORDS: Mapping[str, Topic] = {
    **dict.fromkeys(("help", "commands", "hello", "hi"), Topic.HELP),
    **dict.fromkeys(("similar", "precedent", "precedents", "recurring", "again", "past", "previously"), Topic.SIMILAR),
    **dict.fromkeys(("runbook", "runbooks", "playbook", "procedure", "documentation"), Topic.RUNBOOK),
    **dict.fromkeys(("missing", "gaps", "unanswered", "silent"), Topic.GAPS),
    **dict.fromkeys(("timeline", "chronology", "history", "sequence"), Topic.TIMELINE),
    **dict.fromkeys(
        (
            "changed", "change", "changes", "deploy", "deployed", "deployment", "deployments", "deploys", "release",
            "released", "rollout", "rollouts", "commit", "commits", "merged", "config", "pushed",
        ),
        Topic.CHANGES,
    ),
    **dict.fromkeys(("rollback", "rollbacks", "reverting", "reverted"), Topic.ROLLBACK),
    **dict.fromkeys(("next", "check", "verify", "fix", "mitigate"), Topic.NEXT),
    **dict.fromkeys(
        ("why", "cause", "causes", "caused", "reason", "hypotheses", "hypothesis", "explain", "culprit", "confidence"),
        Topic.WHY,
    ),
    **dict.fromkeys(
        ("symptom", "symptoms", "metrics", "metric", "errors", "latency", "evidence", "impact", "affected"), Topic.SYMPTOMS
    ),
    **dict.fromkeys(
        ("status", "state", "summary", "summarise", "summarize", "owner", "assigned", "acknowledged", "resolved", "open", "tldr"),
        Topic.STATUS,
    ),
}  # fmt: skip
# Where several are meant, the more particular one.
_ORDER = (
    Topic.ROLLBACK, Topic.RUNBOOK, Topic.SIMILAR, Topic.TIMELINE, Topic.GAPS, Topic.CHANGES, Topic.WHY, Topic.NEXT, Topic.SYMPTOMS,
    Topic.STATUS, Topic.HELP,
)  # fmt: skip
# More parts than this are no question but a list.
MOST = 3
# Where one part of a question ends: "what changed, and should we roll back?"
_PARTS = re.compile(r"[?;,.!]+\s|\s+(?:and|or|then|also|plus)\s+")
TYPO = 84
SHORTEST = 5
_WORD = re.compile(r"[a-z][a-z'-]+")


def match(question: str) -> Topic | None:
    """Return what is asked, or None where the words name nothing that rules can answer."""
    text = " ".join(question[:2000].lower().replace("’", "'").split())
    for topic, phrases in _PHRASES.items():
        if any(re.search(rf"\b{re.escape(phrase)}\b", text) for phrase in phrases):
            return topic
    words = _WORD.findall(text)
    found = {_WORDS[word] for word in words if word in _WORDS}
    if not found:
        found = {near for word in words if (near := _mistyped(word))}
    return next((one for one in _ORDER if one in found), None)


def topics(question: str) -> tuple[Topic, ...]:
    """Return what each part of a question asks, in its order; empty where no part names anything that rules can answer."""
    parts = _PARTS.split(" ".join(question[:2000].lower().split()))
    found = tuple(dict.fromkeys(topic for part in parts if (topic := match(part)) is not None))
    if not found:
        # What only the whole of it says.
        whole = match(question)
        return (whole,) if whole is not None else ()
    # A greeting before a question is no question.
    return tuple(one for one in found if one is not Topic.HELP)[:MOST] or found


def _mistyped(word: str) -> Topic | None:
    """Return the topic of the word that was nearly typed; short words are near to too many."""
    if len(word) < SHORTEST:
        return None
    near = process.extractOne(
        word, [one for one in _WORDS if len(one) >= SHORTEST], scorer=fuzz.ratio, score_cutoff=TYPO
    )
    return _WORDS[str(near[0])] if near else None
