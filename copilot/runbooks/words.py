"""What of a runbook's text is indexed beside itself: the parts of names that are written as one word."""

from __future__ import annotations

import re

# CrashLoopBackOff, OOMKilled, HTTPServer: a capital after a small letter, and the last of several before a small one.
_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NAME = re.compile(r"\b[A-Za-z][A-Za-z0-9]*[a-z0-9][A-Z][A-Za-z0-9]*\b|\b[A-Z]{2,}[a-z]+[A-Za-z0-9]*\b")


def parts(text: str) -> str:
    """Return the words that names such as `ImagePullBackOff` are made of, separated by blanks."""
    found = dict.fromkeys(_NAME.findall(text))
    return " ".join(" ".join(_BOUNDARY.split(name)) for name in found)


def searchable(text: str) -> str:
    """Return a text with the parts of its joined names after it."""
    more = parts(text)
    return f"{text}\n{more}" if more else text


__all__ = ["parts", "searchable"]
