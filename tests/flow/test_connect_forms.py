"""Whatever can be connected is connected by the command line, in the admin and in Slack alike, by its class alone."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from copilot.admin.credentials import PREFIX, form_for
from copilot.cli.connect import list_fields
from integrations.registry import integrations
from slackbot.blocks import connecting
from slackbot.handlers import entering, setting_up
from slackbot.local.blocks import check_view

if TYPE_CHECKING:
    import pytest

    from copilot.models import Tenant


def test_every_kind_has_a_form_in_each_of_the_three_ways(
    committed_db: str, tenant: Tenant, capsys: pytest.CaptureFixture[str]
) -> None:
    choices = [connecting.Choice(kind, one.title) for kind, one in setting_up._connectable()]
    assert check_view(connecting.choose_modal(choices)) == []
    assert {one.kind for one in choices} == set(integrations())
    for kind, integration in integrations().items():
        names = set(integration.Credentials.model_fields)
        fields = entering.fields_of(tenant.id, integration)
        window = connecting.form_modal(kind, integration.title, fields, page="http://127.0.0.1:8000/slack/connect/key")
        assert check_view(window) == [], kind
        assert {one.name for one in fields} == names

        assert {PREFIX + name for name in names} <= set(form_for(kind, integration).base_fields)

        assert list_fields(argparse.Namespace(kind=kind)) == 0
        assert {line.split()[0] for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")} >= names
