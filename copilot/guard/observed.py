"""Secrets and personal data out of what sources say, before it is stored, sent to a model or posted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scoring.observations import Change, Gap, LogPattern, Note, State

if TYPE_CHECKING:
    from copilot.guard.redact import Redactor
    from scoring.observations import Observation


def redacted(one: Observation, redactor: Redactor) -> Observation:
    """Return an observation with its outside text redacted."""
    if isinstance(one, LogPattern):
        return replace(one, template=redactor.text(one.template), example=redactor.text(one.example))
    if isinstance(one, State):
        return replace(one, detail=redactor.text(one.detail))
    if isinstance(one, Note):
        return replace(one, text=redactor.text(one.text))
    if isinstance(one, Change):
        return replace(
            one, title=redactor.text(one.title), detail=redactor.text(one.detail), diff=redactor.text(one.diff)
        )
    if isinstance(one, Gap):
        # A server's own words of refusal may repeat what it was sent.
        return replace(one, reason=redactor.text(one.reason))
    return one
