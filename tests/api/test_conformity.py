"""The whole API against its own description, by schemathesis: no trouble of ours, every answer as described, every refusal a problem."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

from copilot.models import Role, Scope
from tests.api.conftest import application, runbook_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api.conftest import Client
    from tests.flow.admin_world import World

pytestmark = pytest.mark.usefixtures("hints")
EXAMPLES = 5
# Where only what is there can be told of, and made-up ids never are.
TOLD: dict[str, Any] = {
    "PUT /incidents/{incident_id}/cause": {"words": "somebody pulled a cable"},
    "PUT /topology": {"services": {"web": {"needs": ["cache"]}, "cache": None}},
}
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]


def exercised(operation: Any, mode: GenerationMode, send: Callable[[Any], None], **fixed: Any) -> None:
    """Send made-up requests of an operation."""

    @seed(1)
    @given(case=operation.as_strategy(mode, **fixed))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def exercise(case: Any) -> None:
        send(case)

    exercise()


def test_the_api_keeps_to_its_description(acme: World, program: Callable[..., Client]) -> None:
    token = program(acme.tenant, Role.ADMIN, *Scope.values, per_minute=60_000).token
    known = {
        "incident_id": str(acme.incident.id),
        "investigation_id": str(acme.run.id),
        "hypothesis_id": str(acme.hypothesis.id),
        "change_id": acme.change.id,
        "name": acme.service.name,
        "runbook_id": runbook_of(acme),
    }
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", application())
    seen: Counter[str] = Counter()

    def send(case: Any) -> None:
        answer = case.call(headers={"Authorization": f"Bearer {token}"})
        kind = answer.headers.get("content-type", [""])[0].partition(";")[0]
        assert (kind == "application/problem+json") == (answer.status_code >= 400), (answer.status_code, kind)
        # schemathesis does not take 413 for a refusal, and makes up bodies of a megabyte.
        refused = [checks.negative_data_rejection] if answer.status_code == 413 else []
        case.validate_response(answer, checks=CHECKS, excluded_checks=refused)
        seen[f"{case.method} {case.path} {answer.status_code // 100}xx"] += 1

    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    for operation in operations:
        names = {one.name for one in operation.path_parameters}
        exercised(operation, GenerationMode.POSITIVE, send)
        if operation.path_parameters or operation.query or operation.body:
            exercised(operation, GenerationMode.NEGATIVE, send)
        told = TOLD.get(f"{operation.method.upper()} {operation.path}")
        if names or told:
            # An operation before may have taken it out of use.
            runbook_of(acme)
            fixed: dict[str, Any] = {"path_parameters": {name: known[name] for name in names}} if names else {}
            if told:
                fixed |= {"body": told, "media_type": "application/json"}
            exercised(operation, GenerationMode.POSITIVE, send, **fixed)

    # Every operation was also asked about something that is there, and answered.
    succeeded = {" ".join(key.split()[:2]) for key in seen if key.endswith(("2xx", "3xx"))}
    assert succeeded == {f"{one.method.upper()} {one.path}" for one in operations}
