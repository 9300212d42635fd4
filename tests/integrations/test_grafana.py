"""Grafana Alerting: the token or the signature, and what its notifications add to Alertmanager's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from integrations.base import Action, Inbound, NotGenuine
from integrations.grafana import Grafana, GrafanaCredentials
from tests.integrations.signers import bearer, hexed

BODY = (Path(__file__).parent / "fixtures" / "grafana" / "firing.json").read_bytes()
NOW = 1_795_169_200.0
GRAFANA = Grafana()


def verify(headers: dict[str, str], **entered: str) -> None:
    lowered = {name.lower(): value for name, value in headers.items()}
    GRAFANA.verify(Inbound(lowered, BODY, NOW), GrafanaCredentials.model_validate(entered))


def signed(secret: str, stamp: str = "") -> dict[str, str]:
    body = f"{stamp}:".encode() + BODY if stamp else BODY
    return {
        "X-Grafana-Alerting-Signature": hexed(secret, body),
        **({"X-Grafana-Alerting-Timestamp": stamp} if stamp else {}),
    }


def test_the_token_is_enough_where_no_secret_is_set() -> None:
    verify(bearer("right"), bearer_token="right")
    for headers in ({}, bearer("wrong"), signed("right")):
        with pytest.raises(NotGenuine):
            verify(headers, bearer_token="right")


def test_where_a_secret_is_set_only_the_signature_counts() -> None:
    verify(signed("new"), hmac_secret="new, old", bearer_token="right")
    verify(signed("old"), hmac_secret="new, old", bearer_token="right")
    for headers in (bearer("right"), signed("other"), {"X-Grafana-Alerting-Signature": "é"}):
        with pytest.raises(NotGenuine):
            verify(headers, hmac_secret="new, old", bearer_token="right")


def test_a_signed_time_must_be_of_the_last_five_minutes() -> None:
    verify(signed("s", "1795169000"), hmac_secret="s")
    for stamp in ("1795168000", "1795169900", "now", "9" * 40):
        with pytest.raises(NotGenuine, match="no time of the last five minutes"):
            verify(signed("s", stamp), hmac_secret="s")
    with pytest.raises(NotGenuine, match="does not match"):
        verify({**signed("s"), "X-Grafana-Alerting-Timestamp": "1795169000"}, hmac_secret="s")


def test_without_token_and_secret_nothing_is_genuine() -> None:
    with pytest.raises(NotGenuine, match="neither a token nor an HMAC secret"):
        verify(bearer(""))


def test_each_alert_is_an_event_that_links_its_panel() -> None:
    slow, cart = GRAFANA.parse(Inbound({}, BODY, NOW))
    assert (slow.source, slow.title, slow.symptom) == ("grafana", "Checkout answers slowly", "Checkout p95 latency")
    assert (slow.service.name, slow.service.namespace, slow.severity) == ("checkout", "shop", "critical")
    assert (slow.action, slow.started_at, slow.dedupe_key) == (Action.TRIGGERED, 1795169106.0, "c6eadffa33fcdf37")
    assert slow.url == "https://grafana.shop.test/d/checkout?orgId=1&viewPanel=4"
    assert slow.labels["runbook_url"] == "https://runbooks.shop.test/checkout"
    assert (cart.action, cart.status, cart.service.name) == (Action.RESOLVED, "resolved", "cart")
    assert (cart.started_at, cart.occurred_at) == (1795167000.0, 1795168500.0)
    assert cart.url == "https://grafana.shop.test/"


@pytest.mark.parametrize(
    ("name", "title"), [("DatasourceNoData", "Lag: no data"), ("DatasourceError", "Lag: its query fails")]
)
def test_a_rule_that_sees_nothing_is_named(name: str, title: str) -> None:
    alert = {"status": "firing", "labels": {"alertname": name, "rulename": "Lag"}, "annotations": {}}
    (found,) = GRAFANA.parse(Inbound({}, json.dumps({"alerts": [alert]}).encode(), NOW))
    assert (found.title, found.symptom) == (title, title)
