"""The Kubernetes API over a recording, its times moved; read only, as what was recorded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from copilot.replay.questions import KUBERNETES, REVIEWS, question_of
from copilot.replay.times import line_time, moved

if TYPE_CHECKING:
    from copilot.replay.answers import Answer, Misses
    from copilot.replay.questions import Parameters
    from copilot.replay.recording import Recording

READING = frozenset({"get", "list", "watch"})


class KubernetesReplay:
    """Answer what was asked while recording; anything else does not exist (404), as the API server says it."""

    def __init__(self, recording: Recording, *, shift: int, misses: Misses) -> None:
        self.recording = recording
        self.shift = shift
        self.misses = misses

    def answer(self, method: str, path: str, parameters: Parameters, body: bytes, *, now: float) -> Answer:
        """Return status, content type and body."""
        question = question_of(KUBERNETES, parameters, body)
        found = self.recording.find(KUBERNETES, method, path, question)
        if found is None and method == "POST" and path == REVIEWS:
            return _review(body)
        if found is None:
            self.misses.note(KUBERNETES, f"{method} {path}" if method != "GET" else path, question)
            return _status(404 if method == "GET" else 405, path)
        if not isinstance(found.body, str):
            return found.status, found.content_type, moved(json.dumps(found.body), self.shift).encode()
        text = moved(found.body, self.shift)
        if path.endswith("/log"):
            text = _until(text, now, dict(parameters))
        return found.status, found.content_type, text.encode()


def _until(text: str, now: float, given: dict[str, str]) -> str:
    """Return the lines of a log that are written by now; of these, the last ones where so many were asked for."""
    lines = [line for line in text.splitlines(keepends=True) if (at := line_time(line)) is None or at <= now]
    tail = given.get("tailLines", "")
    if tail.isdecimal():
        lines = lines[-int(tail) :] if int(tail) else []
    if given.get("timestamps") != "true":
        lines = [line.partition(" ")[2] if line_time(line) is not None else line for line in lines]
    return "".join(lines)


def _review(body: bytes) -> Answer:
    """Answer whether the caller may do something: read anything, and nothing else."""
    try:
        review: dict[str, Any] = json.loads(body)
        attributes = review["spec"]["resourceAttributes"]
    except (KeyError, TypeError, ValueError):
        return _status(400, REVIEWS)
    allowed = attributes.get("verb") in READING
    reason = "a replay may be read" if allowed else "a replay cannot be changed"
    answer = {**review, "status": {"allowed": allowed, "reason": reason}}
    return 201, "application/json", json.dumps(answer).encode()


_REASONS = {400: "BadRequest", 404: "NotFound", 405: "MethodNotAllowed"}
_WORDS = {
    400: "the request could not be read",
    404: "the server could not find the requested resource",
    405: "a replay cannot be changed",
}


def _status(code: int, path: str) -> Answer:
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f"{_WORDS[code]} ({path} is not in the recording)" if code == 404 else _WORDS[code],
        "reason": _REASONS[code],
        "details": {},
        "code": code,
    }
    return code, "application/json", json.dumps(body).encode()
