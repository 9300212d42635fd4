"""What a face of the product is: how people meet it. Faces register themselves; the core does not know them by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from copilot import connections

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

    from fastapi import APIRouter

    from copilot.answers import Answer, Line


@dataclass(frozen=True, slots=True)
class Connected:
    """Hold what connecting a face gave: lines for the person, and the connection's id; None where somebody else must end it."""

    connection_id: UUID | None
    lines: tuple[str, ...]


class PutOff(Exception):
    """Say why a face cannot show something just now: it is noted where people look, and tried again, so nothing is broken."""


class Telling(Protocol):
    """Be one answer as it is shown while it grows; whatever goes wrong with the showing is the face's to bear."""

    def step(self, step_id: str, title: str, *, status: str = "in_progress", output: str = "") -> None:
        """Show what is being looked at; `status` is in_progress, complete or error. Our own words alone."""

    def say(self, line: Line) -> None:
        """Show one more line."""

    def finish(self, answer: Answer) -> None:
        """Show the answer as it now stands, and that it is whole.

        :raises Exception: where it may work later; the question is then answered again.
        """


class Face(Protocol):
    """Be a way in which people meet the product."""

    slug: str
    title: str
    # Heavy modules that publishing imports when it is first used; a worker loads them before it forks.
    loads: tuple[str, ...]

    def publish(self, tenant_id: UUID, incident_id: UUID) -> None:
        """Bring what people see of the incident up to its rows; safe to call at any time, twice, and side by side.

        Opens its own tenant scope. It must not be called inside one, as it talks to the outside.

        :raises PutOff: where it may work later, as is known; the flow tries again.
        :raises Exception: where something unforeseen went wrong; the flow tries again.
        """

    def routes(self) -> APIRouter | None:
        """Return what is mounted into the api process, if anything."""

    def connect(self, tenant_id: UUID, values: Mapping[str, str], *, actor: str) -> Connected:
        """Connect a tenant's workspace by the values that `copilot connect SLUG <face> --set key=value` gave.

        :raises ValueError: with words for the person where a value is missing or wrong.
        """

    def check(self, tenant_id: UUID, connection_id: UUID) -> tuple[bool, str]:
        """Test the connection; return whether it works and what was seen."""

    def with_work(self) -> Iterable[UUID]:
        """Return the tenants that have something unfinished or owed, as far as one question to all of them tells."""

    def unfinished(self, tenant_id: UUID) -> Iterable[UUID]:
        """Return incidents whose published state lags behind; the sweeper publishes them again."""

    def telling(self, tenant_id: UUID, question_id: UUID, place: Mapping[str, Any]) -> Telling:
        """Return where the answer to a question is shown; `place` is what the face said when it was asked.

        :raises Exception: where it cannot be shown now.
        """

    def owed(self, tenant_id: UUID) -> Iterable[UUID]:
        """Return answers that somebody was promised and that nobody is at; the sweeper has them given."""

    def give(self, tenant_id: UUID, answer_id: UUID) -> None:
        """Give an answer that is owed; one that is unknown, given, or in somebody's hands is left alone."""

    def tell_of_week(self, tenant_id: UUID) -> bool:
        """Post the digest of the last week if it is due and not there yet; safe to call at any time, twice, and side by side."""

    def transcript(self, tenant_id: UUID, incident_id: UUID) -> str:
        """Return what people see of the incident as plain text, as the face itself shows it."""


_faces: dict[str, Face] = {}


def register(face: Face) -> None:
    """Make a face known; called when its Django app is ready."""
    if _faces.get(face.slug, face) is not face:
        raise RuntimeError(f"two faces call themselves {face.slug}")
    _faces[face.slug] = face
    connections.add_checker(face.slug, face.check)


def faces() -> tuple[Face, ...]:
    """Return all registered faces, ordered by slug."""
    return tuple(_faces[slug] for slug in sorted(_faces))


def face(slug: str) -> Face | None:
    """Return the face of that name, if there is one."""
    return _faces.get(slug)


def publish_everywhere(tenant_id: UUID, incident_id: UUID) -> None:
    """Ask every face to show the incident as it now is.

    :raises Exception: the first failure, after all faces were asked.
    """
    failures: list[Exception] = []
    for one in faces():
        try:
            one.publish(tenant_id, incident_id)
        except Exception as failure:  # noqa: BLE001 - one face's trouble must not keep the others from publishing
            failures.append(failure)
    if failures:
        raise failures[0]


__all__ = ["Connected", "Face", "PutOff", "Telling", "face", "faces", "publish_everywhere", "register"]
