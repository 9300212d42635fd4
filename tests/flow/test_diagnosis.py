"""`copilot doctor --stack`: each part of a deployment, and of each that fails what was seen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from copilot import connections, diagnosis, limits
from copilot.cli import main
from copilot.embedded import as_role
from copilot.guard.tenancy import tenant_scope
from copilot.models import Connection, Limit
from tests.conftest import point_at

if TYPE_CHECKING:
    import pytest

    from copilot.models import Tenant

STACK = ("settings", "database", "tables", "secrets", "broker", "workers", "beat", "work", "api", "model", "limits")


def test_the_stack_is_looked_at_part_by_part_and_each_that_fails_says_why(
    committed_db: str, tenant: Tenant, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No broker, worker or api is up here: what is there is told to work, and what is not is named."""
    monkeypatch.setattr("copilot.cli.find_installation", lambda _: None)
    connections.connect(tenant.id, "deploys", {}, actor="test")
    other = connections.connect(tenant.id, "datadog", {}, actor="test")
    with tenant_scope(tenant.id):
        Connection.objects.filter(id=other.connection_id).update(sealed=b"nonsense")
        limits.reached(Limit.RUNS, "run 301")

    assert main(["doctor", "--stack", "--json"]) == 1
    said = capsys.readouterr().out
    parts = {one["name"]: one for one in json.loads(said[said.index("[\n") :])}

    assert tuple(parts) == STACK
    assert {name for name, one in parts.items() if not one["works"]} == {"secrets", "workers", "beat", "api"}
    assert parts["database"]["detail"].startswith("PostgreSQL 18")
    assert "as copilot_app" in parts["database"]["detail"]
    assert parts["secrets"]["detail"].startswith("1 do not open under any master secret: acme: datadog")
    assert parts["workers"]["detail"].startswith("none answers")
    assert parts["limits"]["detail"] == "acme: runs an hour 1 times"


def test_a_role_that_row_security_does_not_bind_is_refused(committed_db: str, postgres: str) -> None:
    name = committed_db.split("?", maxsplit=1)[0].rpartition("/")[2]
    point_at(as_role(postgres, "postgres", name))
    try:
        database = next(one for one in diagnosis.examine() if one.name == "database")
    finally:
        point_at(committed_db)
    assert database.works is False
    assert "does not obey row security" in database.detail
