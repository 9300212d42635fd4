"""A whole topology file by REST: what `copilot topology load` takes, with its checks, once, and by admins alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from copilot.guard.tenancy import tenant_scope
from copilot.models import AuditEntry, Role, Service, ServiceDependency
from copilot.topology.document import MOST_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api.conftest import Client
    from tests.flow.admin_world import World

YAML = {"Content-Type": "application/yaml"}
FILE = """\
services:
  web: {user_facing: true, needs: [acme-checkout]}
  acme-checkout:
    needs:
      - service: orders-db
        why: orders are kept there
    paths: [services/checkout]
  orders-db: {kind: database}
"""


def put(client: Client, content: str | bytes, query: str = "", **headers: str) -> Any:
    return client.put(f"/topology{query}", content=content, headers={**YAML, **headers})


def test_a_file_is_brought_in_whole_and_the_graph_tells_it(acme: World, portal: Client) -> None:
    first, again = put(portal, FILE), put(portal, FILE)
    less = put(portal, "services: {web: {needs: [orders-db]}}")

    assert (first.status_code, first.json()) == (
        200,
        {
            "dry_run": False,
            "added": ["web", "orders-db"],
            "changed": ["acme-checkout"],
            "unchanged": [],
            "drawn": [
                {"caller": "acme-checkout", "callee": "orders-db"},
                {"caller": "web", "callee": "acme-checkout"},
            ],
            "removed": [],
        },
    )
    assert again.json() == {
        **first.json(), "added": [], "changed": [], "unchanged": ["web", "acme-checkout", "orders-db"], "drawn": [],
    }  # fmt: skip
    assert less.json()["removed"] == first.json()["drawn"]
    graph = portal.get("/topology").json()
    assert {"web", "acme-checkout", "orders-db"} <= set(graph["services"])
    assert [(one["caller"], one["callee"]) for one in graph["edges"] if one["source"] == "file"] == [
        ("web", "orders-db")
    ]
    assert portal.get("/services/acme-checkout").json()["paths"] == ["services/checkout"]
    with tenant_scope(acme.tenant.id):
        audited = AuditEntry.objects.filter(action="load topology").order_by("id")
        assert [(one.actor, one.target, one.detail["added"]) for one in audited] == [
            ("admin 0 (API)", "3 services", 2), ("admin 0 (API)", "3 services", 0), ("admin 0 (API)", "1 services", 0),
        ]  # fmt: skip


def test_the_same_key_loads_once_and_a_dry_run_changes_nothing(acme: World, portal: Client) -> None:
    tried = put(portal, FILE, "?dry_run=true")
    with tenant_scope(acme.tenant.id):
        assert not Service.objects.filter(name="web").exists()
    first = put(portal, FILE, **{"Idempotency-Key": "k1"})
    again = put(portal, FILE, **{"Idempotency-Key": "k1"})

    assert tried.json() == {**first.json(), "dry_run": True}
    assert (again.content, again.headers["Idempotency-Replayed"]) == (first.content, "true")
    with tenant_scope(acme.tenant.id):
        assert AuditEntry.objects.filter(action="load topology").count() == 1


def test_what_is_wrong_is_told_all_at_once_with_its_lines_and_nothing_is_taken(acme: World, portal: Client) -> None:
    words = put(portal, "services:\n  web: {depends_on: [b]}\n  shop:\n    kind: databse\n")
    names = put(portal, "services:\n  web: {needs: [acme-chekout]}\n  x: {pagerduty_id: Pacme}\n")
    broken = portal.put(
        "/topology", content='{"services": {\n"a": {},\n}}', headers={"Content-Type": "application/json"}
    )

    assert [one.headers["content-type"] for one in (words, names, broken)] == ["application/problem+json"] * 3
    assert [[error["line"] for error in one.json()["errors"]] for one in (words, names, broken)] == [
        [2, 4],
        [2, 3],
        [3],
    ]
    assert words.json()["detail"].startswith("line 2: web: unknown field 'depends_on'; did you mean needs?")
    assert "did you mean acme-checkout?" in names.json()["errors"][0]["message"]
    assert names.json()["errors"][1]["message"] == "x: pagerduty_id: Pacme is already acme-checkout"
    with tenant_scope(acme.tenant.id):
        assert not Service.objects.filter(name__in=["web", "shop", "x", "a"]).exists()
        assert not ServiceDependency.objects.filter(source="file").exists()


@pytest.mark.parametrize(
    ("content", "kind", "status", "said"),
    [
        (FILE, "text/plain", 415, "send YAML or JSON: `Content-Type: application/yaml` or `Content-Type: application/json`"),
        (FILE, "application/json", 422, "line 1: this is not JSON: Expecting value"),
        (b"\xff\xfe\xfa", "application/yaml", 422, "body: is not UTF-8 text"),
        (b"#" * (MOST_CHARACTERS + 1), "application/yaml", 413, f"a request has at most {MOST_CHARACTERS} bytes here"),
        (b"", "application/yaml", 422, "line 1: the file must be a mapping with the key services, e.g. services: {checkout: {}}"),
    ],
    ids=["another kind", "YAML called JSON", "no text", "too large", "nothing"],
)  # fmt: skip
def test_what_is_no_file_is_refused(content: str | bytes, kind: str, status: int, said: str, portal: Client) -> None:
    answer = put(portal, content, **{"Content-Type": kind})

    assert (answer.status_code, answer.json()["detail"]) == (status, said)


def test_a_file_is_larger_than_other_requests_may_be(portal: Client) -> None:
    assert put(portal, FILE + "# " + "x" * 300_000 + "\n").status_code == 200


def test_only_an_admin_of_the_tenant_loads_and_another_tenant_sees_nothing(
    acme: World, umbrella: World, program: Callable[..., Client]
) -> None:
    responder = program(acme.tenant, Role.RESPONDER)
    other = program(umbrella.tenant)

    assert (put(responder, FILE).status_code, responder.get("/topology").status_code) == (403, 200)
    # The names are the other's own: what acme has under them is neither found nor changed.
    assert put(other, FILE).json()["added"] == ["web", "acme-checkout", "orders-db"]
    with tenant_scope(acme.tenant.id):
        assert not Service.objects.filter(name="web").exists()
        assert Service.objects.get(name="acme-checkout").paths == []
