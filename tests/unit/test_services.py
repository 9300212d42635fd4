"""What is refused of a service before anybody is asked about it: selectors and channels that no source understands."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from copilot.models import Service


@pytest.mark.parametrize(
    "selector",
    ["", 'job="checkout"', '{job="checkout", cluster=~"eu|us",}', "app!='x', path!~`a\\b`", '"service.name"="a\\"b"'],
)
def test_label_matchers_are_taken(selector: str) -> None:
    Service(name="checkout", selector=selector).clean()


@pytest.mark.parametrize(
    "selector",
    [
        "checkout",
        "job=checkout",
        'job="checkout',
        '{job="checkout"',
        'job="a" cluster="b"',
        'job=="a"',
        ",",
        'up{job="a"}',
    ],
)
def test_what_prometheus_would_refuse_is_refused_by_name(selector: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Service(name="checkout", selector=selector).clean()

    assert refused.value.message_dict == {
        "selector": [f'label matchers are expected, e.g. job="checkout", cluster="eu", not {selector!r}']
    }


@pytest.mark.parametrize("channel", ["", "#incidents", "incidents", "störung_2", "障害", "C0123ABCD"])
def test_slack_channels_are_taken(channel: str) -> None:
    Service(name="checkout", channel=channel).clean()


@pytest.mark.parametrize("channel", ["#Incidents", "two words", "##x", "#", "@alice", "a,b", "<#C1|x>", "x" * 81])
def test_what_is_no_channel_is_refused(channel: str) -> None:
    with pytest.raises(ValidationError, match="a Slack channel is expected"):
        Service(name="checkout", channel=channel).clean()
