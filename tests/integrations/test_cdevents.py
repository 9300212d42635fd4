"""CDEvents in CloudEvents: which are changes, of what, in which version, and which are incidents."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.base import Action, BadPayload, Event, EventKind, Inbound
from integrations.cloudevents import BATCHED, STRUCTURED, CloudEvents, CloudEventsCredentials
from integrations.cloudevents.cdevents import Artifact, artifact
from scoring import changes
from scoring.observations import Change, ChangeKind, Entity, EntityKind

NOW = 1_795_169_200.0
AT = 1_795_169_100.0  # 2026-11-20T10:05:00Z
IMAGE = (
    "pkg:oci/checkout@sha256%3A0b31b1c02ff458ad9b7b81cbdf8f028b?repository_url=registry.shop.test%2Fshop&tag=v2.14.0"
)
CLOUD = CloudEvents()


def cdevent(kind: str, subject: str = "/namespaces/shop/checkout", **content: Any) -> dict[str, Any]:
    """Return the body of a CDEvent 0.4, after the specification's own examples."""
    return {
        "context": {
            "version": "0.4.1",
            "id": "271069a8",
            "source": "/tekton/prod",
            "type": f"dev.cdevents.{kind}.0.2.0",
            "timestamp": "2026-11-20T10:05:00Z",
        },
        "subject": {"id": subject, "source": "/tekton/prod", "type": kind.partition(".")[0], "content": content},
    }


def one(body: dict[str, Any], **attributes: Any) -> Event:
    """Read it in binary mode, as the CloudEvents binding of CDEvents has it."""
    context = body["context"]
    headers = {"ce-specversion": "1.0", "ce-id": context["id"], "ce-source": context["source"], "ce-type": context["type"],
               "ce-time": context["timestamp"], "content-type": "application/cdevents+json; charset=utf-8", **attributes}  # fmt: skip
    (found,) = CLOUD.parse(Inbound(headers, json.dumps(body).encode(), NOW))
    return found


@pytest.mark.parametrize(
    ("predicate", "title", "status"),
    [
        ("deployed", "checkout v2.14.0 deployed to production", "succeeded"),
        ("upgraded", "checkout v2.14.0 upgraded in production", "succeeded"),
        ("rolledback", "checkout v2.14.0 rolled back in production", "rolled_back"),
        ("removed", "checkout removed from production", "succeeded"),
        ("published", "checkout v2.14.0 published in production", "succeeded"),
    ],
)
def test_what_becomes_of_a_service_is_a_change(predicate: str, title: str, status: str) -> None:
    found = one(cdevent(f"service.{predicate}", environment={"id": "production"}, artifactId=IMAGE))

    assert (found.kind, found.event_type, found.occurred_at) == (EventKind.CHANGE, f"service.{predicate}", AT)
    assert found.change is not None
    assert (found.change.entity, found.change.kind) == (Entity(EntityKind.SERVICE, "checkout"), ChangeKind.DEPLOYMENT)
    assert (found.change.title, found.change.status) == (title, status)
    assert (found.change.version, found.change.key) == ("v2.14.0", "v2.14.0")
    assert found.change.detail == "environment production; image sha256:0b31b1c02ff4"
    assert (found.service.name, found.labels) == ("checkout", {"environment": "production"})


def test_all_modes_say_the_same_and_a_mapping_changes_nothing() -> None:
    body = cdevent("service.deployed", artifactId=IMAGE)
    context = body["context"]
    structured = {
        "specversion": "1.0",
        "id": context["id"],
        "source": context["source"],
        "type": context["type"],
        "data": body,
    }
    (found,) = CLOUD.parse(Inbound({"content-type": STRUCTURED}, json.dumps(structured).encode(), NOW))
    (batched,) = CLOUD.parse(Inbound({"content-type": BATCHED}, json.dumps([structured]).encode(), NOW))
    held = CloudEventsCredentials.model_validate({"token": "x", "mapping": "title: data.nothing\nstatus: \"'firing'\""})
    (mapped,) = CLOUD.read(Inbound({"content-type": STRUCTURED}, json.dumps(structured).encode(), NOW), held)
    assert one(body) == found == batched == mapped


def test_the_events_of_a_deployment_move_one_change() -> None:
    given = {"artifactId": IMAGE, "environment": {"id": "/iaas/production", "source": "/iaas"}}
    steps = [one(cdevent(f"deployment.{step}", "deployment-71", **given, **more)) for step, more in (
        ("queued", {}), ("started", {}), ("finished", {"outcome": "failure", "errors": "readiness probe"}))]  # fmt: skip

    assert len({step.dedupe_key for step in steps}) == 1
    assert [step.change and step.change.status for step in steps] == ["pending", "in_progress", "failed"]
    assert {step.change and step.change.title for step in steps} == {"checkout v2.14.0 to production"}
    assert steps[2].change
    assert steps[2].change.detail.endswith("; readiness probe")


@pytest.mark.parametrize(
    ("pipeline", "service"),
    [
        ("deploy-checkout", "checkout"),
        ("checkout release", "checkout"),
        ("shop/checkout-cd", "shop-checkout"),
        ("deploy", "deploy"),
    ],
)
def test_a_pipeline_that_says_that_it_deploys_is_a_change(pipeline: str, service: str) -> None:
    found = one(
        cdevent("pipelinerun.finished", "run-8", pipelineName=pipeline, outcome="success", url="https://ci.test/8")
    )

    assert found.change is not None
    assert (found.change.entity.name, found.change.status, found.change.link) == (
        service,
        "succeeded",
        "https://ci.test/8",
    )
    started = one(cdevent("pipelinerun.started", "run-8", pipelineName=pipeline))
    assert started.dedupe_key == found.dedupe_key


@pytest.mark.parametrize(
    "outcome", [("success", "succeeded"), ("error", "failed"), ("cancel", "cancelled"), ("", "succeeded")]
)
def test_a_pipeline_s_outcome_is_the_change_s(outcome: tuple[str, str]) -> None:
    found = one(cdevent("pipelineRun.finished", "run-8", pipelineName="deploy-checkout", outcome=outcome[0]))
    assert found.change
    assert found.change.status == outcome[1]


@pytest.mark.parametrize(
    ("kind", "content", "why"),
    [
        ("pipelinerun.finished", {"pipelineName": "unit tests"}, "a run of the pipeline 'unit tests' changes nothing that runs: its name does not say that it deploys"),
        ("build.finished", {}, "a CDEvent of build finished changes nothing that runs"),
        ("environment.created", {}, "a CDEvent of environment created changes nothing that runs"),
    ],
)  # fmt: skip
def test_what_changes_nothing_that_runs_is_ignored_with_the_reason(
    kind: str, content: dict[str, Any], why: str
) -> None:
    found = one(cdevent(kind, "run-9", **content))
    assert (found.kind, found.reason) == (EventKind.IGNORED, why)


def test_a_merge_is_a_change_of_its_repository() -> None:
    found = one(cdevent("change.merged", "482", repository={"id": "shop/checkout", "source": "https://git.test"}))
    assert found.change is not None
    assert (found.service.name, found.service.repository, found.change.status) == (
        "checkout",
        "shop/checkout",
        "merged",
    )
    assert found.change.title == "shop/checkout: change 482 merged"


def test_an_incident_begins_and_ends() -> None:
    given = {"service": {"id": "/shop/checkout"}, "environment": {"id": "production"}}
    begun = one(cdevent("incident.detected", "incident-123", description="Response time above 10 s", **given))
    ended = one(cdevent("incident.resolved", "incident-123", description="Response time below 100 ms", **given))

    assert (begun.kind, begun.action, begun.status) == (EventKind.INCIDENT, Action.TRIGGERED, "triggered")
    assert (ended.action, ended.status, ended.dedupe_key) == (Action.RESOLVED, "resolved", begun.dedupe_key)
    assert (begun.title, begun.service.name) == ("Response time above 10 s", "checkout")


def test_what_others_tell_of_the_same_deployment_is_one_change() -> None:
    told = one(cdevent("service.deployed", environment={"id": "production"}, artifactId=IMAGE)).change
    assert told is not None
    github = Change(
        told.entity, ChangeKind.DEPLOYMENT, told.at - 150, "shop/checkout deployed", "github", version="2.14.0"
    )
    rollout = Change(
        told.entity, ChangeKind.DEPLOYMENT, told.at + 100, "checkout rolled out", "kubernetes", version="sha-77"
    )
    later = Change(
        told.entity, ChangeKind.DEPLOYMENT, told.at + 9000, "checkout rolled out", "kubernetes", version="v2.15.0"
    )

    assert len({key for _, key in changes.join([told, github, rollout])}) == 1
    assert len({key for _, key in changes.join([told, github, rollout, later])}) == 2


@pytest.mark.parametrize(
    ("identifier", "named"),
    [
        (IMAGE, Artifact("checkout", "v2.14.0", "sha256:0b31b1c02ff458ad9b7b81cbdf8f028b")),
        ("pkg:maven/org.shop/checkout@1.2.3?type=jar#src", Artifact("checkout", "1.2.3")),
        ("pkg:golang/shop.test/checkout", Artifact("checkout")),
        ("v2.14.0", Artifact(version="v2.14.0")),
        ("", Artifact()),
    ],
)
def test_a_package_url_names_and_dates_an_artifact(identifier: str, named: Artifact) -> None:
    assert artifact(identifier) == named


@pytest.mark.parametrize(
    ("broken", "field"), [({"subject": 7}, "data.subject"), ({"subject": {"id": ""}}, "data.subject.id")]
)
def test_a_broken_one_is_told_by_its_field(broken: dict[str, Any], field: str) -> None:
    with pytest.raises(BadPayload, match=f"`{field}`"):
        one({**cdevent("service.deployed"), **broken})


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.dictionaries(st.sampled_from(["artifactId", "environment", "pipelineName", "outcome", "service"]), st.none() | st.text(max_size=20) | st.integers() | st.dictionaries(st.just("id"), st.text(max_size=9))), st.sampled_from(["service.deployed", "deployment.finished", "pipelinerun.started", "incident.resolved", "change.merged", "x"]))  # fmt: skip
def test_any_content_is_read_or_refused(subject: str, content: dict[str, Any], kind: str) -> None:
    try:
        found = one({**cdevent(kind), "subject": {"id": subject, "content": content}})
    except BadPayload:
        return
    assert found.dedupe_key
    assert found == one({**cdevent(kind), "subject": {"id": subject, "content": content}})
