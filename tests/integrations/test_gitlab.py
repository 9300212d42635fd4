"""GitLab: webhooks of deployments, merge requests, releases, pipelines and flags, and looking back over REST."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from integrations.base import (
    BadPayload,
    Event,
    EventKind,
    Health,
    Inbound,
    NotGenuine,
    Scope,
    ServiceReference,
    ServiceScope,
)
from integrations.gitlab import GitLab, GitLabCredentials
from scoring.observations import Change, ChangeKind, Entity, EntityKind, Gap, Observation, Window
from tests.integrations.door import Answer, FakeDoor

if TYPE_CHECKING:
    from collections.abc import Mapping

FIXTURES = Path(__file__).parent / "fixtures" / "gitlab"
GITLAB = GitLab()
RECEIVED = 1_795_170_000.0
ALERT = 1795169106.0  # 2026-11-20T10:05:06Z
WINDOW = Window(start=ALERT - 3600, end=ALERT + 600, alert_at=ALERT)
NEW, OLD = "6113728f27ae82c7b1a177c8d03f9e96e0adf246", "f95f852bd8fca8fcc58a9a2d6c842781e32a215e"
KEY = bytes(range(32))
SIGNING_TOKEN = "whsec_" + base64.b64encode(KEY).decode()
PAYMENTS = Entity(EntityKind.SERVICE, "payments")


def fixture(name: str) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text())
    return payload


def parse(payload: Mapping[str, Any]) -> tuple[Event, ...]:
    return GITLAB.parse(Inbound({}, json.dumps(payload).encode(), RECEIVED))


def change_of(payload: Mapping[str, Any]) -> Change:
    (event,) = parse(payload)
    assert event.change is not None, event.reason
    return event.change


# --- genuine ------------------------------------------------------------------------------------------------------------


def test_the_secret_token_must_be_the_one_of_the_connection() -> None:
    credentials = GitLabCredentials.model_validate({"webhook_secret": "old, new"})

    for right in ("old", "new"):
        GITLAB.verify(Inbound({"x-gitlab-token": right}, b"{}", RECEIVED), credentials)
    for wrong in ("", "old, new", "newer", "\u00fc"):
        with pytest.raises(NotGenuine):
            GITLAB.verify(Inbound({"x-gitlab-token": wrong}, b"{}", RECEIVED), credentials)
    with pytest.raises(NotGenuine):
        GITLAB.verify(Inbound({"x-gitlab-token": ""}, b"{}", RECEIVED), GitLabCredentials())


def signed(body: bytes, *, at: float = RECEIVED, name: str = "msg-1") -> dict[str, str]:
    digest = hmac.new(KEY, f"{name}.{at:.0f}.".encode() + body, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": name, "webhook-timestamp": f"{at:.0f}", "webhook-signature": f"v1,AAAA {signature}"}


def test_with_a_signing_token_the_signature_alone_counts() -> None:
    both = GitLabCredentials.model_validate({"webhook_secret": "plain", "signing_token": SIGNING_TOKEN})
    GITLAB.verify(Inbound(signed(b"{}"), b"{}", RECEIVED), both)

    for headers, body, said in (
        ({"x-gitlab-token": "plain"}, b"{}", "the webhook-id and webhook-timestamp headers are missing"),
        (signed(b"{}"), b"{ }", "does not match"),
        (signed(b"{}") | {"webhook-id": "msg-2"}, b"{}", "does not match"),
        (signed(b"{}", at=RECEIVED - 301), b"{}", "more than five minutes old"),
        (signed(b"{}") | {"webhook-timestamp": "soon"}, b"{}", "headers are missing"),
    ):
        with pytest.raises(NotGenuine, match=said):
            GITLAB.verify(Inbound(headers, body, RECEIVED), both)


def test_the_standard_webhooks_example_holds() -> None:
    # https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md (the libraries' test vector)
    credentials = GitLabCredentials.model_validate({"signing_token": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    GITLAB.verify(Inbound(headers, b'{"test": 2432232314}', 1614265330.0), credentials)


@pytest.mark.parametrize("entered", ["plain", "whsec_", "whsec_not base64"])
def test_what_is_no_signing_token_is_refused_in_the_form(entered: str) -> None:
    with pytest.raises(ValidationError, match="a signing token is whsec_ followed by base64"):
        GitLabCredentials.model_validate({"signing_token": entered})


def test_a_delivery_is_named_by_gitlabs_header_else_by_its_bytes() -> None:
    assert GITLAB.external_id(Inbound({"idempotency-key": "f5e5"}, b"{}", RECEIVED)) == "f5e5"
    assert GITLAB.external_id(Inbound({}, b"{}", RECEIVED)) == hashlib.sha256(b"{}").hexdigest()


# --- webhooks -----------------------------------------------------------------------------------------------------------


def test_a_deployment_is_a_change_by_its_whole_commit() -> None:
    (event,) = parse(fixture("deployment"))

    assert event == Event(
        source="gitlab",
        kind=EventKind.CHANGE,
        event_type="deployment",
        dedupe_key="deployment-15",
        occurred_at=1795168980.0,
        started_at=1795168980.0,
        title="shop/payments 6113728f to production",
        service=ServiceReference(name="payments", repository="shop/payments", labels={"environment": "production"}),
        actor="grace",
        url="https://gitlab.test/shop/payments/-/jobs/796",
        labels={"environment": "production"},
        change=Change(
            entity=PAYMENTS,
            kind=ChangeKind.DEPLOYMENT,
            at=1795168980.0,
            title="shop/payments 6113728f to production",
            source="gitlab",
            author="grace",
            link="https://gitlab.test/shop/payments/-/jobs/796",
            version=NEW,
            status="succeeded",
            detail="environment production; Tune the connection pool",
            key=NEW,
        ),
    )


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("created", "pending"),
        ("blocked", "pending"),
        ("running", "in_progress"),
        ("failed", "failed"),
        ("canceled", "cancelled"),
    ],
)
def test_states_are_statuses(state: str, status: str) -> None:
    assert change_of(fixture("deployment") | {"status": state}).status == status


def test_a_tag_is_the_version_and_a_branch_is_not() -> None:
    assert change_of(fixture("deployment") | {"ref": "v2.14.0"}).version == "v2.14.0"
    assert change_of(fixture("deployment") | {"ref": "feature-pool"}).version == NEW
    assert change_of(fixture("deployment") | {"commit_url": ""}).version == "6113728f"


def test_a_merged_merge_request_is_a_change_that_is_not_deployed_yet() -> None:
    change = change_of(fixture("merge_request"))
    assert (change.kind, change.status, change.key, change.author, change.at) == (
        ChangeKind.OTHER, "merged", NEW, "Ada", 1795168680.0,
    )  # fmt: skip
    assert change.title == "shop/payments !12 Tune the connection pool"


def test_a_release_is_joined_to_its_commit() -> None:
    change = change_of(fixture("release"))
    assert (change.status, change.version, change.key, change.detail) == ("released", "v2.14.0", NEW, "Smaller pool")


def test_a_pipeline_is_a_deployment_where_a_job_deploys() -> None:
    (event,) = parse(fixture("pipeline"))
    assert (event.dedupe_key, event.labels, event.occurred_at) == (
        "pipeline-31-production", {"environment": "production"}, 1795168980.0,
    )  # fmt: skip
    change = change_of(fixture("pipeline"))
    assert (change.at, change.key, change.status, change.kind) == (
        1795168860.0,
        NEW,
        "succeeded",
        ChangeKind.DEPLOYMENT,
    )


def test_a_flag_is_a_change_that_says_which_way_it_was_turned() -> None:
    change = change_of(fixture("feature_flag"))
    assert (change.kind, change.title, change.detail, change.author) == (
        ChangeKind.FLAG, "flag new-checkout turned on", "flag new-checkout off → on", "grace",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"object_kind": "push"}, "a push changes nothing that runs until it is deployed"),
        ({"object_kind": "note"}, "GitLab's event note is no change"),
        ({}, "GitLab's event without a kind is no change"),
        (fixture("pipeline") | {"builds": []}, "a pipeline that deploys nothing changes nothing that runs"),
        (fixture("release") | {"action": "update"}, "an edited or deleted release changes nothing that runs"),
        (
            fixture("merge_request") | {"object_attributes": {"action": "open"}},
            "a merge request changes nothing until it is merged",
        ),
        (
            fixture("merge_request") | {"object_attributes": {"action": "merge", "target_branch": "next"}},
            "a merge request was merged into a branch that is not the default one",
        ),
    ],
)
def test_other_events_are_ignored_with_a_reason(payload: dict[str, Any], reason: str) -> None:
    (event,) = parse(payload)
    assert (event.kind, event.reason) == (EventKind.IGNORED, reason)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("deployment", {"project": None}, "`project` must be an object, got null"),
        ("deployment", {"deployment_id": None}, "`deployment_id` must be a non-empty text, got null"),
        (
            "deployment",
            {"status_changed_at": "soon"},
            "`status_changed_at` must be an RFC 3339 time or Unix seconds, got 'soon'",
        ),
        ("release", {"tag": ""}, "`tag` must be a non-empty text, got ''"),
    ],
)
def test_a_broken_payload_is_told_by_its_field(name: str, change: dict[str, Any], said: str) -> None:
    with pytest.raises(BadPayload) as caught:
        parse(fixture(name) | change)
    assert str(caught.value) == said


# --- REST ---------------------------------------------------------------------------------------------------------------

ANSWERS: dict[str, Any] = json.loads((FIXTURES / "answers.json").read_text())


def answers(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    path = url.split("?", maxsplit=1)[0].removeprefix("http://gitlab.test")
    return (200, {}, ANSWERS[path]) if path in ANSWERS else (404, {}, {"message": "404 Not found"})


def credentials(**fields: object) -> GitLabCredentials:
    return GitLabCredentials.model_validate({"token": "glpat-1", "base_url": "http://gitlab.test/api/v4", **fields})


def gather(
    door: FakeDoor, repository: str = "https://gitlab.test/shop/payments", **fields: object
) -> list[Observation]:
    scope = Scope(service=ServiceScope(name="payments", repository=repository))
    return list(GITLAB.gather(door, credentials(**fields), scope, WINDOW))


def test_what_went_out_is_told_with_what_it_brought_and_the_rest_by_itself() -> None:
    door = FakeDoor(answers)
    deployed, merged, released = (item for item in gather(door) if isinstance(item, Change))

    assert deployed == Change(
        entity=PAYMENTS,
        kind=ChangeKind.DEPLOYMENT,
        at=1795168890.0,
        title="shop/payments 6113728f to production",
        source="gitlab",
        author="grace",
        link="https://gitlab.test/shop/payments/-/pipelines/31",
        version=NEW,
        previous_version=OLD,
        status="succeeded",
        detail=(
            "environment production; !12 Tune the connection pool; 2 commits, 1 line added and 1 removed, files pool.yaml"
        ),
        key=NEW,
        files=("pool.yaml",),
        diff="+++ b/pool.yaml\n@@ -1 +1 @@\n-size: 20\n+size: 5\n",
    )
    assert (merged.title, merged.status, merged.files) == ("shop/payments !11 Log less", "merged", ("src/log.py",))
    # The release of the commit that was deployed is told by its deployment.
    assert (released.version, released.key, released.link) == (
        "v2.15.0", "22", "https://gitlab.test/shop/payments/-/releases/v2.15.0",
    )  # fmt: skip
    assert {asked.headers["private-token"] for asked in door.asked} == {"glpat-1"}
    assert {asked.method for asked in door.asked} == {"GET"}
    (compared,) = (asked.parameters for asked in door.asked if asked.path.endswith("/compare"))
    assert compared == {"from": OLD, "to": NEW}


def test_a_repository_at_another_forge_is_not_asked_for() -> None:
    door = FakeDoor(answers)
    assert gather(door, "https://github.com/shop/payments") == []
    assert door.asked == []


def test_what_may_not_be_read_is_a_gap() -> None:
    def handler(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        return (403, {}, {}) if "merge_requests" in url else answers(method, url, headers, body)

    found = gather(FakeDoor(handler))
    assert [item for item in found if isinstance(item, Gap)] == [
        Gap(
            "gitlab",
            "merge requests of shop/payments",
            "the token may not read /api/v4/projects/shop%2Fpayments/merge_requests (403)",
        )
    ]
    assert len([item for item in found if isinstance(item, Change)]) == 2


def test_the_check_tells_whose_token_it_is_and_what_may_not_be_read() -> None:
    assert GITLAB.check(FakeDoor(answers), credentials(projects="shop/payments")) == Health(
        works=True, detail="GitLab accepts the token of sre-copilot"
    )
    assert GITLAB.check(FakeDoor(answers), credentials(projects="shop/cart")) == Health(
        works=False,
        detail="GitLab accepts the token of sre-copilot; GitLab has no /api/v4/projects/shop%2Fcart/deployments, "
        "or the token may not read it (404)",
    )


def test_what_is_no_project_is_refused_in_the_form() -> None:
    with pytest.raises(ValidationError, match="a project is written group/name, got 'payments'"):
        credentials(projects="shop/eu/cart, payments")
