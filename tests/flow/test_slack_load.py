"""What many interactions at once must not do to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connection

from slackbot import app
from tests.flow.slack_world import Workspace, local_slack, workspace  # noqa: F401 - fixtures

if TYPE_CHECKING:
    import pytest


def test_no_connection_is_held_while_a_listener_is_waited_for(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[bool] = []
    dispatch = app.bolt().dispatch

    def looked_at(request: Any) -> Any:
        held.append(connection.connection is not None)
        return dispatch(request)

    monkeypatch.setattr(app.bolt(), "dispatch", looked_at)
    workspace.act("slash", channel="checkout", command="/sre", text="help", wait=8)

    assert held == [False]
