"""Any vendor's REST API over a recording: just what was recorded, its times moved."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from copilot.replay.questions import question_of
from copilot.replay.times import moved

if TYPE_CHECKING:
    from copilot.replay.answers import Answer, Misses
    from copilot.replay.questions import Parameters
    from copilot.replay.recording import Recording


class PlainReplay:
    """Answer just what was recorded of any other vendor's REST API, its times moved."""

    def __init__(self, vendor: str, recording: Recording, *, shift: int, misses: Misses) -> None:
        self.vendor = vendor
        self.recording = recording
        self.shift = shift
        self.misses = misses

    def answer(self, method: str, path: str, parameters: Parameters, body: bytes, *, now: float) -> Answer:
        """Return status, content type and body."""
        del now
        question = question_of(self.vendor, parameters, body)
        found = self.recording.find(self.vendor, method, path, question)
        if found is None:
            self.misses.note(self.vendor, f"{method} {path}", question)
            return 404, "application/json", b'{"message":"Not Found","error":{"code":2100,"message":"Not Found"}}'
        text = found.body if isinstance(found.body, str) else json.dumps(found.body)
        return found.status, found.content_type, moved(text, self.shift).encode()
