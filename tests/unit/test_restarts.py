"""What died is started again soon, later with each death in a row, and soon again once it has lived for a while."""

from __future__ import annotations

from copilot.embedded import Servers
from copilot.restarts import Restarts


def test_each_death_in_a_row_waits_twice_as_long_up_to_half_a_minute() -> None:
    restarts, waited = Restarts(), []
    now = 1000.0
    for _ in range(9):
        assert not restarts.due(is_alive=False, now=now)
        later = now
        while not restarts.due(is_alive=False, now=later):
            later += 0.25
        waited.append(later - now)
        now = later
        # Started, and dead again at once.
        restarts.not_before, restarts.started_at = 0.0, now
    assert waited == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_who_has_lived_for_a_minute_begins_anew() -> None:
    restarts = Restarts(deaths=5, started_at=100.0)
    assert not restarts.due(is_alive=True, now=160.0)
    assert restarts.deaths == 5
    assert not restarts.due(is_alive=True, now=160.1)
    assert restarts.deaths == 0


class Server:
    """A server that does not start at its first try."""

    name = "PostgreSQL"

    def __init__(self) -> None:
        self.restarts = Restarts()
        self.is_alive = False
        self.tried = 0

    def start(self) -> None:
        self.restarts.started()
        self.tried += 1
        if self.tried == 1:
            raise OSError("the old one still holds its memory")
        self.is_alive = True


def test_a_server_that_does_not_start_is_tried_again_and_disturbs_nobody() -> None:
    server = Server()
    servers = Servers("postgresql://", "redis://", (server,))  # type: ignore[arg-type]
    said = []
    for _ in range(8):
        said.append(servers.tend())
        if server.restarts.not_before:
            # As if the time had gone by.
            server.restarts.not_before = 0.001
    assert [names for names in said if names] == [["PostgreSQL"]]
    assert server.tried == 2
    assert server.restarts.deaths == 2
