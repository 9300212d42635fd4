"""How the parts of a system enter the stores that they share: who differs from the others in port, user or password.

The values of Secrets in recorded manifests are compared here; none of them is kept or said.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from scoring.observations import Dependency, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from integrations.recorded.entities import Entities

SOURCE = "manifests"
# So many must agree before one who differs is told.
AGREE = 3
_PASSWORDS = ("PASSWORD", "PASSWD", "PWD")


@dataclass(frozen=True, slots=True)
class _Account:
    """Hold how one part enters one store; the password stays out of its text."""

    name: str
    host: str
    port: str
    user: str
    password: str

    def __repr__(self) -> str:
        return f"_Account({self.name} at {self.host})"


def compared(manifests: Mapping[str, Any], entities: Entities) -> Iterator[State | Dependency]:
    """Yield who needs which store, and a state for each part that enters it otherwise than most others do."""
    by_host: dict[str, list[_Account]] = {}
    for account in _accounts(manifests):
        by_host.setdefault(account.host, []).append(account)
    for host, held in sorted(by_host.items()):
        store = max(
            (name for name in (*entities.services, *entities.further) if host.startswith(name)), key=len, default=""
        )
        for one in held:
            if store and store != one.name:
                yield Dependency(entities.named(one.name), entities.named(store), SOURCE)
        for one, usual, times in _odd(held, lambda account: account.port):
            yield State(
                entities.named(one.name), "HostPortUnknown", SOURCE,
                detail=f"{one.name} looks for {host} on port {one.port}, {times} others on {usual}",
            )  # fmt: skip
        for one, _, times in _odd(held, lambda account: f"{account.user} {account.password}"):
            yield State(
                entities.named(one.name), "CredentialsDiffer", SOURCE,
                detail=f"{one.name} enters {host} with another user or password than {times} others",
            )  # fmt: skip


def _odd(held: list[_Account], of: Callable[[_Account], str]) -> Iterator[tuple[_Account, str, int]]:
    usual, times = Counter(of(one) for one in held).most_common(1)[0]
    if times >= AGREE and 2 * times > len(held):
        yield from ((one, usual, times) for one in held if of(one) != usual)


def _accounts(manifests: Mapping[str, Any]) -> Iterator[_Account]:
    for name, text in sorted(manifests.items()):
        try:
            values = list(yaml.load_all(str(text), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
        except yaml.YAMLError:
            continue
        for value in values:
            held = value.get("stringData") if isinstance(value, dict) and value.get("kind") == "Secret" else None
            if not isinstance(held, dict):
                continue
            words = {str(key): str(word) for key, word in held.items()}
            for key, host in words.items():
                if key.endswith("HOST") and host:
                    stem = key.removesuffix("HOST")
                    password = next((words[stem + end] for end in _PASSWORDS if stem + end in words), "")
                    yield _Account(name, host, words.get(f"{stem}PORT", ""), words.get(f"{stem}USER", ""), password)
