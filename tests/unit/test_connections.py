"""What is said of values that no connection can be made with."""

from __future__ import annotations

import pytest

from copilot.connections import WrongValue, _validated
from integrations import registry


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        (
            "webhook",
            {"token": "t", "mapping": "- a"},
            "Webhook from anything: `mapping`: must be YAML lines `field: path`, got a list",
        ),
        (
            "deploys",
            {"tokn": "t"},
            "Deploys from any CI: `tokn`: Extra inputs are not permitted (known values: bearer_token)",
        ),
    ],
)
def test_a_wrong_value_is_told_by_its_field_and_known_names_only_where_the_name_is_wrong(
    kind: str, values: dict[str, str], said: str
) -> None:
    with pytest.raises(WrongValue) as told:
        _validated(registry.get(kind), values)
    assert str(told.value) == said
