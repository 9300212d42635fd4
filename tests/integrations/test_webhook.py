"""The generic webhook: token or signature, and a mapping that says where the fields are."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from integrations import mapping
from integrations.base import Action, BadPayload, Event, EventKind, Inbound, NotGenuine
from integrations.webhook import Webhook, WebhookCredentials
from tests.integrations.signers import bearer, hexed

NOW = 1_795_169_200.0
WEBHOOK = Webhook()
BODY = {"title": "Backup failed", "status": "firing"}


def read(body: object, written: str = "") -> tuple[Event, ...]:
    held = WebhookCredentials.model_validate({"token": "x", "mapping": written})
    return WEBHOOK.read(Inbound({}, json.dumps(body).encode(), NOW), held)


def one(body: object, written: str = "") -> Event:
    (found,) = read(body, written)
    return found


def verify(headers: dict[str, str], **entered: str) -> None:
    lowered = {name.lower(): value for name, value in headers.items()}
    WEBHOOK.verify(Inbound(lowered, b"{}", NOW), WebhookCredentials.model_validate(entered))


def test_a_token_or_a_signature_tells_it_genuine() -> None:
    verify({"X-Copilot-Token": "right"}, token="right")
    verify({"X-My-Token": "right"}, token="right", header="X-My-Token")
    verify(bearer("right"), token="right", header="X-My-Token")
    verify({"X-Hub-Signature-256": f"sha256={hexed('s', b'{}')}"}, hmac_secret="s")
    verify({"X-Sign": hexed("old", b"{}")}, hmac_secret="new,old", signature_header="X-Sign")
    for headers, entered in (
        ({"X-Copilot-Token": "right"}, {"token": "right", "header": "X-My-Token"}),
        ({"X-Copilot-Token": "wrong"}, {"token": "right"}),
        ({"X-Copilot-Token": "right"}, {"token": "right", "hmac_secret": "s"}),
        ({"X-Hub-Signature-256": hexed("other", b"{}")}, {"hmac_secret": "s"}),
        ({"Authorization": "right"}, {"token": "right", "header": "authorization"}),
        ({"X-Copilot-Token": ""}, {"token": ""}),
    ):
        with pytest.raises(NotGenuine):
            verify(headers, **entered)


def test_without_a_mapping_the_usual_names_are_read() -> None:
    found = one(json.loads((Path(__file__).parent / "fixtures" / "webhook" / "firing.json").read_text()))
    assert (found.action, found.status, found.severity) == (Action.TRIGGERED, "triggered", "error")
    assert (found.title, found.symptom) == ("Backup of orders failed", "backup of orders failed")
    assert (found.service.name, found.service.namespace) == ("backup", "shop")
    assert (found.dedupe_key, found.started_at, found.url) == (
        "backup-orders",
        1795169106.0,
        "https://backup.shop.test/runs/71",
    )
    assert found.labels == {"database": "orders"}


def test_the_page_s_mapping_reads_what_it_says_it_reads() -> None:
    page = (Path(__file__).parents[2] / "docs" / "integrations" / "webhook.md").read_text(encoding="utf-8")
    (written,) = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    plain, mapped = (json.loads(body) for body in re.findall(r"^```json\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
    usual = one(plain)
    assert (usual.title, usual.status, usual.severity) == ("Backup of orders failed", "triggered", "error")
    assert (usual.service.name, usual.service.namespace, usual.symptom) == ("orders", "shop", "BackupFailed")
    assert (usual.dedupe_key, usual.text, usual.labels) == (
        "backup-orders", "pg_dump ended with 1", {"region": "eu-west-1"},
    )  # fmt: skip
    assert one({**plain, "status": "resolved"}).status == "resolved"

    body: dict[str, Any] = mapped
    found = one(body, written)
    assert (found.title, found.severity) == ("Disk is full on db1", "error")
    assert (found.service.name, found.dedupe_key, found.started_at) == ("orders", "18123", 1795230000.0)
    assert (found.status, found.labels) == ("triggered", {"service": "orders"})
    body["event"]["value"] = 0
    assert one(body, written).status == "resolved"
    body["event"]["value"] = "2"
    ignored = one(body, written)
    assert (ignored.kind, ignored.reason) == (EventKind.IGNORED, "the mapping says that this status is ignored")


def test_one_request_may_tell_of_several_alerts() -> None:
    written = "alerts: data.items\ntitle: what\nstatus: \"'firing'\"\nlabels: tags\n"
    body = {"data": {"items": [{"what": "A", "tags": ["service:a", "x"]}, {"what": "B", "tags": "service:b,env:prod"}]}}
    found = read(body, written)
    assert [(each.title, each.service.name, each.status) for each in found] == [
        ("A", "a", "triggered"),
        ("B", "b", "triggered"),
    ]
    assert found[1].labels == {"service": "b", "env": "prod"}
    with pytest.raises(BadPayload, match=r"`alerts` must be a list at `data\.items`, got an object"):
        read({"data": {"items": {}}}, written)
    with pytest.raises(BadPayload, match="`alerts` must be at most 200, got 201"):
        read({"data": {"items": [{}] * 201}}, written)


def test_alerts_without_a_key_are_known_by_service_and_symptom() -> None:
    keys = [
        one({**BODY, "service": service, "title": title}).dedupe_key
        for service, title in (("a", "Disk 91% full"), ("a", "Disk 97% full"), ("b", "Disk 91% full"))
    ]
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize("value", [1795169106, 1795169106000, "1795169106000", "2026-11-20T10:05:06Z"])
def test_a_time_may_be_in_seconds_milliseconds_or_words(value: object) -> None:
    assert one({**BODY, "started_at": value}).started_at == 1795169106.0


@pytest.mark.parametrize(
    ("body", "written", "said"),
    [
        (
            {"status": "firing"},
            "",
            "`title` must be a non-empty text at `title || summary || name || message`, got null",
        ),
        ({"title": {}, "status": "up"}, "title: title", "`title` must be a non-empty text at `title`, got an object"),
        (
            {"title": "x"},
            "status: s",
            "`status` (looked for at `s`) is missing; a constant is written with quotes: status: \"'firing'\"",
        ),
        (
            {"title": "x", "status": "purple"},
            "status: status",
            "`status` (looked for at `status`) is 'purple', which is no known word; say in `statuses` what it means",
        ),
        (
            {**BODY, "started_at": "soon"},
            "started_at: started_at",
            "`started_at` must be an RFC 3339 or Unix time at `started_at`, got 'soon'",
        ),
    ],
)
def test_what_does_not_fit_is_told_by_its_field(body: object, written: str, said: str) -> None:
    with pytest.raises(BadPayload) as caught:
        read(body, written)
    assert str(caught.value) == said


def test_an_expression_that_fails_on_a_body_is_told() -> None:
    with pytest.raises(BadPayload, match=r"`title`: `join\('-', title\)` cannot be used here"):
        read(BODY, "title: join('-', title)")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("title: a..b", "`title` is no JMESPath expression"),
        ("titel: a", "`titel` is no field of a mapping; there are alerts, title, status"),
        (
            "statuses: {red: broken}",
            "`statuses.red` Input should be 'triggered', 'acknowledged', 'resolved' or 'ignored'",
        ),
        ("- a", "must be YAML lines `field: path`, got a list"),
        ("title: [", "must be YAML"),
        ("title: " + "a." * 300 + "a", "`title` must be at most 500 characters long"),
        ("#" * 40_000, "must be at most 32768 characters long"),
    ],
)
def test_a_wrong_mapping_is_refused_when_it_is_entered(written: str, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        WebhookCredentials.model_validate({"mapping": written})
    assert said in str(caught.value)


def test_a_word_of_the_mapping_goes_before_the_known_ones() -> None:
    assert mapping.parse("statuses: {down: ignored}").event(
        {"title": "x", "status": "DOWN"}, source="s", received_at=1.0
    ).kind is (EventKind.IGNORED)
    assert one({**BODY, "severity": "P2"}, "severities: {p2: info}").severity == "info"


def test_a_delivery_is_known_by_its_idempotency_key() -> None:
    def name(at: float, **headers: str) -> str:
        return WEBHOOK.external_id(Inbound({key.replace("_", "-"): text for key, text in headers.items()}, b"{}", at))

    assert name(NOW, idempotency_key="k") == name(NOW + 60, idempotency_key="k") == "k"
    assert name(NOW) == name(NOW + 0.1) != name(NOW + 60)
