"""The story of the `SRE Orchestrator`: a problem in plain words by REST, specialists routed, a real Kubernetes API and pods' logs read.

Ten common faults; the report's first hypothesis must name the cause in at least eight. Which it does stands in the summary at the end.
Statuses and events that kubelets write are written by the test; scheduling, quotas, rollouts and endpoints are the controllers' own.
Pods' logs come through the API server from a stand-in kubelet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from copilot import connections, flow, tokens
from copilot.config import config
from copilot.guard.tenancy import tenant_scope
from copilot.models import Role, Service, ServiceDependency
from tests import stories
from tests.api.conftest import Client, application
from tests.e2e.orchestrator_cluster import CASES, Case, build
from tests.integrations.kubernetes_world import RBAC

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from copilot.models import Tenant
    from tests.servers.control_plane import ControlPlane
    from tests.servers.kubelet import Kubelet

pytestmark = [pytest.mark.envtest, pytest.mark.slow, pytest.mark.xdist_group("envtest")]
LEAST_RIGHT = 8
STORY = "SRE Orchestrator: common faults whose cause the first hypothesis names"


@dataclass(frozen=True)
class Judged:
    """What the report's first hypothesis said, and whether that is right."""

    case: Case
    said: str
    is_right: bool


judged: dict[str, Judged] = {}


@pytest.fixture(scope="module")
def world(control_plane: ControlPlane, kubelet: Kubelet) -> str:
    """The broken cluster, and the token of the read-only account that looks at it."""
    control_plane.apply_file(RBAC)
    build(control_plane, kubelet, CASES)
    return control_plane.token("sre-copilot", "sre-copilot-reader")


@pytest.fixture
def portal(
    committed_db: str, tenant: Tenant, world: str, control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Client]:
    """A program of a tenant whose services are known, and whose cluster is connected."""
    from starlette.testclient import TestClient

    monkeypatch.setenv("COPILOT_ALLOWED_PRIVATE_NETWORKS", "127.0.0.0/8")
    monkeypatch.setattr("copilot.hints.hint", lambda *_: None)
    config.cache_clear()
    values = {"url": control_plane.url, "token": world, "ca_certificate": control_plane.ca_certificate}
    connections.connect(tenant.id, "kubernetes", values, actor="test")
    text = tokens.make(tenant.id, "portal", role=Role.RESPONDER, actor="test", per_minute=6000).text
    with TestClient(application(), base_url="http://127.0.0.1:8000") as http:
        yield Client(http, text)
    monkeypatch.undo()
    config.cache_clear()


def furnish(tenant: Tenant, case: Case) -> None:
    """Set the services of one case up: whom it names and, where it is another, whom that one needs."""
    with tenant_scope(tenant.id):
        at_fault = Service.objects.create(name=case.at_fault, namespace=case.namespace, workload=case.at_fault)
        if case.about:
            caller = Service.objects.create(name=case.service, namespace="web", workload=case.service)
            ServiceDependency.objects.create(caller=caller, callee=at_fault)


def judge(case: Case, report: dict[str, Any]) -> Judged:
    first = next(iter(report["hypotheses"]), None)
    if first is None:
        return Judged(case, f"no hypothesis ({report['verdict']})", is_right=False)
    said = f"{first['cause_kind']} of {first['entity']}: {first['statement']}"
    # The kind, the service and the thing itself must be named, with what to look at next.
    names_it = first["service"] == case.at_fault and re.search(case.says, first["statement"]) is not None
    return Judged(case, said, is_right=first["cause_kind"] in case.kinds and names_it and bool(first["next_check"]))


@pytest.mark.parametrize("case", CASES, ids=lambda one: one.name)
def test_a_problem_in_plain_words_is_investigated(
    portal: Client, tenant: Tenant, kubelet: Kubelet, case: Case, record_property: Callable[[str, object], None]
) -> None:
    furnish(tenant, case)
    kubelet.asked.clear()

    opened = portal.post("/investigations", json={"problem": case.words})
    assert opened.status_code == 202, opened.text
    body = opened.json()
    assert body["understood"]["service"] == case.service
    assert flow.advance(tenant.id, body["id"]) == "done"

    report = portal.get(f"/investigations/{body['id']}/report").json()
    # Who is asked follows from the words; the cluster has answered.
    assert report["routing"].startswith(case.first)
    assert [(one["name"], one["status"]) for one in report["sources"]] == [("Kubernetes", "answered")]
    if case.logs:
        assert any(f"/containerLogs/{case.namespace}/" in one for one in kubelet.asked)
        assert any(one["source"] == "kubernetes" and one["kind"] == "log" for one in report["evidence"])
    if case.about:
        # The topology leads from the service that is named to the one at fault.
        assert any(case.about in one["entity"] for one in report["evidence"])
    markdown = portal.get(f"/investigations/{body['id']}/report.md").text
    assert f"Specialists: {case.first}" in markdown
    found = judged[case.name] = judge(case, report)
    stories.tell(record_property, STORY, case.name, found.said, is_right=found.is_right)


def test_at_least_eight_of_ten_are_right() -> None:
    if len(judged) < len(CASES):
        pytest.skip("the cases did not all run")
    wrong = [one for one in judged.values() if not one.is_right]
    assert len(judged) - len(wrong) >= LEAST_RIGHT, [one.said for one in wrong]
