"""GitHub: deployments by webhook, and by looking back over REST."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from pydantic import ValidationError

from integrations.base import (
    BadPayload,
    Event,
    EventKind,
    Health,
    Inbound,
    NotGenuine,
    Rejected,
    Scope,
    ServiceReference,
    ServiceScope,
    SourceError,
    TimedOut,
    Unauthorised,
)
from integrations.github import GitHub, GitHubCredentials
from scoring.observations import Change, ChangeKind, Entity, EntityKind, Gap, Observation, Window
from tests.integrations.door import Answer, FakeDoor

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRET = "webhook secret"
FIXTURES = Path(__file__).parent / "fixtures" / "github"
GITHUB = GitHub()
RECEIVED = 1_795_170_000.0
ALERT = 1795169106.0  # 2026-11-20T10:05:06Z
WINDOW = Window(start=ALERT - 3600, end=ALERT + 600, alert_at=ALERT)
NEW, OLD = "6113728f27ae82c7b1a177c8d03f9e96e0adf246", "f95f852bd8fca8fcc58a9a2d6c842781e32a215e"


def inbound(body: bytes, event: str = "", **headers: str) -> Inbound:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Inbound({"x-github-event": event, **named}, body, RECEIVED)


def parse(event: str, payload: Mapping[str, Any]) -> Event:
    (found,) = GITHUB.parse(inbound(json.dumps(payload).encode(), event))
    return found


def fixture(**status: object) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((FIXTURES / "deployment_status.json").read_text())
    payload["deployment_status"].update(status)
    return payload


# --- webhooks -----------------------------------------------------------------------------------------------------------


def test_the_signature_must_be_the_bodys() -> None:
    credentials = GitHubCredentials.model_validate({"webhook_secret": f"old, {SECRET}"})
    right = "sha256=" + hmac.new(SECRET.encode(), b"{}", hashlib.sha256).hexdigest()

    GITHUB.verify(inbound(b"{}", x_hub_signature_256=right), credentials)
    for body, header in ((b"{ }", right), (b"{}", ""), (b"{}", right.removeprefix("sha256=")), (b"{}", "sha256=ü")):
        with pytest.raises(NotGenuine):
            GITHUB.verify(inbound(body, x_hub_signature_256=header), credentials)


def test_githubs_own_signature_example_holds() -> None:
    # https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation
    credentials = GitHubCredentials.model_validate({"webhook_secret": "It's a Secret to Everybody"})
    header = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    GITHUB.verify(inbound(b"Hello, World!", x_hub_signature_256=header), credentials)


def test_without_a_secret_nothing_is_genuine() -> None:
    empty = "sha256=" + hmac.new(b"", b"{}", hashlib.sha256).hexdigest()
    with pytest.raises(NotGenuine):
        GITHUB.verify(inbound(b"{}", x_hub_signature_256=empty), GitHubCredentials())


def test_the_delivery_is_named_by_githubs_header_else_by_its_bytes() -> None:
    assert GITHUB.external_id(inbound(b"{}", x_github_delivery="72d3162e")) == "72d3162e"
    assert GITHUB.external_id(inbound(b"{}")) == hashlib.sha256(b"{}").hexdigest()


def test_a_deployment_status_is_a_change_that_began_with_its_job() -> None:
    assert parse("deployment_status", fixture()) == Event(
        source="github",
        kind=EventKind.CHANGE,
        event_type="deployment_status",
        dedupe_key="145988746",
        occurred_at=1795168980.0,
        started_at=1795161600.0,
        title="shop/payments 6113728 to production",
        service=ServiceReference(name="payments", repository="shop/payments", labels={"environment": "production"}),
        actor="github-actions[bot]",
        url="https://github.test/shop/payments/actions/runs/5",
        text="Rolled out",
        labels={"environment": "production"},
        change=Change(
            entity=Entity(EntityKind.SERVICE, "payments"),
            kind=ChangeKind.DEPLOYMENT,
            at=1795168860.0,
            title="shop/payments 6113728 to production",
            source="github",
            author="grace",
            link="https://github.test/shop/payments/actions/runs/5",
            version=NEW,
            status="succeeded",
            detail="environment production; Rolled out",
            key=NEW,
        ),
    )


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("success", "succeeded"),
        ("failure", "failed"),
        ("error", "failed"),
        ("in_progress", "in_progress"),
        ("queued", "pending"),
        ("waiting", "pending"),
        ("pending", "pending"),
    ],
)
def test_states_are_statuses(state: str, status: str) -> None:
    change = parse("deployment_status", fixture(state=state)).change
    assert change is not None
    assert change.status == status


def test_in_progress_is_when_a_deployment_begins_where_no_job_says_so() -> None:
    payload = fixture(state="in_progress")
    del payload["check_run"]
    change = parse("deployment_status", payload).change
    assert change is not None
    assert change.at == 1795168980.0


def test_an_inactive_deployment_is_ignored() -> None:
    event = parse("deployment_status", fixture(state="inactive"))
    assert (event.kind, event.dedupe_key) == (EventKind.IGNORED, "145988746")
    assert event.reason == "a newer deployment has taken this one's place"


def test_a_tag_is_the_version_and_a_branch_is_not() -> None:
    versions = {}
    for ref in ("v2.14.0", "refs/tags/stable", "main", "release-2.14", "payments-2.14.0-rc.1"):
        payload = fixture()
        payload["deployment"]["ref"] = ref
        change = parse("deployment_status", payload).change
        assert change is not None
        versions[ref] = change.version
    assert versions == {
        "v2.14.0": "v2.14.0",
        "refs/tags/stable": "stable",
        "main": NEW,
        "release-2.14": "release-2.14",
        "payments-2.14.0-rc.1": "payments-2.14.0-rc.1",
    }


@pytest.mark.parametrize("event", ["ping", "push", "pull_request", "workflow_run", "check_run", "star", "release", ""])
def test_other_events_are_ignored_with_a_reason(event: str) -> None:
    found = parse(event, {"zen": "Keep it logically awesome."})
    assert found.kind is EventKind.IGNORED
    assert found.reason


def test_the_form_content_type_is_understood() -> None:
    body = b"payload=" + quote(json.dumps(fixture())).encode()
    (event,) = GITHUB.parse(inbound(body, "deployment_status", content_type="application/x-www-form-urlencoded"))
    assert event.dedupe_key == "145988746"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"deployment": None}, "`deployment` must be an object, got null"),
        ({"deployment": {}}, "`deployment.id` must be a non-empty text, and it is missing"),
        ({"deployment": {"id": 1}}, "`deployment.sha` must be a non-empty text, and it is missing"),
        ({"deployment_status": {}}, "`deployment_status.state` must be a non-empty text, and it is missing"),
        ({"repository": {}}, "`repository.full_name` must be a non-empty text, and it is missing"),
    ],
)
def test_a_broken_payload_is_told_by_its_field(change: dict[str, Any], said: str) -> None:
    with pytest.raises(BadPayload) as caught:
        parse("deployment_status", {**fixture(), **change})
    assert str(caught.value) == said


def test_a_form_without_its_field_is_told() -> None:
    with pytest.raises(BadPayload, match="the body must be a form with the field `payload`"):
        GITHUB.parse(inbound(b"other=1", content_type="application/x-www-form-urlencoded"))


@pytest.mark.parametrize(
    ("name", "event", "expected"),
    [
        ("deployment", "deployment", ("145988746", "pending", 1557933653.0, 1557933653.0)),
        ("deployment.with-installation", "deployment", ("145988746", "pending", 1557933653.0, 1557933653.0)),
        ("deployment_status", "deployment_status", ("145988746", "succeeded", 1557933653.0, 1557933655.0)),
        (
            "deployment_status.with-installation",
            "deployment_status",
            ("145988746", "succeeded", 1557933653.0, 1557933655.0),
        ),
        ("release.published", "release", ("release-17372790", "released", 1557933653.0, 1557933653.0)),
    ],
)
def test_githubs_own_changes_are_read(name: str, event: str, expected: tuple[object, ...], shared: Path) -> None:
    (found,) = GITHUB.parse(inbound((shared / f"vendor/payloads/github/{name}.payload.json").read_bytes(), event))

    assert found.change is not None
    assert found.kind is EventKind.CHANGE
    assert (found.dedupe_key, found.change.status, found.change.at, found.occurred_at) == expected
    assert found.service.repository == "Codertocat/Hello-World"
    assert found.change.entity == Entity(EntityKind.SERVICE, "Hello-World")
    assert found.change.author == "Codertocat"


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("check_run.completed", "check_run"),
        ("pull_request.closed", "pull_request"),
        ("push", "push"),
        ("push.with-organization", "push"),
        ("release.created", "release"),
        ("workflow_run.completed", "workflow_run"),
    ],
)
def test_githubs_other_events_are_ignored(name: str, event: str, shared: Path) -> None:
    (found,) = GITHUB.parse(inbound((shared / f"vendor/payloads/github/{name}.payload.json").read_bytes(), event))
    assert found.kind is EventKind.IGNORED
    assert found.reason


# --- REST ---------------------------------------------------------------------------------------------------------------


def deployment(key: int, sha: str, created: str, **more: object) -> dict[str, Any]:
    return {
        "id": key,
        "sha": sha,
        "ref": "main",
        "environment": "production",
        "description": "",
        "creator": {"login": "grace"},
        "created_at": created,
        "updated_at": created,
        **more,
    }


DEPLOYMENTS = [
    deployment(9, NEW, "2026-11-20T10:01:00Z"),
    deployment(8, NEW, "2026-11-20T10:00:00Z", environment="staging"),
    deployment(7, OLD, "2026-11-19T09:00:00Z"),
]
STATUSES: dict[str, list[dict[str, Any]]] = {
    "9": [
        {"state": "success", "created_at": "2026-11-20T10:03:00Z", "log_url": "https://github.test/run/9"},
        {"state": "in_progress", "created_at": "2026-11-20T10:02:00Z"},
    ],
    "8": [],
}


def answers(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    path = url.split("?", maxsplit=1)[0].removeprefix("http://github.test/api/v3")
    if path == "/repos/shop/payments/deployments":
        return 200, {}, DEPLOYMENTS
    if path.startswith("/repos/shop/payments/deployments/"):
        return 200, {}, STATUSES[path.split("/")[5]]
    if path == f"/repos/shop/payments/compare/{OLD}...{NEW}":
        return 200, {}, {"total_commits": 2, "files": [
            {"filename": "pool.yaml", "additions": 1, "deletions": 1, "patch": "@@ -1 +1 @@\n-size: 20\n+size: 5"},
            {"filename": "app.py", "additions": 400, "deletions": 0},
        ], "commits": [{"sha": NEW}]}  # fmt: skip
    if path in {"/repos/shop/payments/pulls", "/repos/shop/payments/releases"}:
        return 200, {}, []
    return 404, {}, {"message": "Not Found"}


def credentials(**fields: object) -> GitHubCredentials:
    return GitHubCredentials.model_validate({"token": "ghp_token", "base_url": "http://github.test/api/v3", **fields})


def scope(repository: str = "shop/payments", *, name: str = "payments", **more: Any) -> Scope:
    return Scope(service=ServiceScope(name=name, repository=repository), **more)


def gather(door: FakeDoor, where: Scope | None = None, **fields: object) -> list[Observation]:
    return list(GITHUB.gather(door, credentials(**fields), where or scope(), WINDOW))


def test_deployments_are_looked_back_for_with_their_status_and_their_commits() -> None:
    door = FakeDoor(answers)

    production, staging = gather(door)

    assert production == Change(
        entity=Entity(EntityKind.SERVICE, "payments"),
        kind=ChangeKind.DEPLOYMENT,
        at=1795168920.0,
        title="shop/payments 6113728 to production",
        source="github",
        author="grace",
        link="https://github.test/run/9",
        version=NEW,
        previous_version=OLD,
        status="succeeded",
        detail="environment production; 2 commits, 401 lines added and 1 removed, files pool.yaml, app.py",
        key=NEW,
        files=("pool.yaml", "app.py"),
        # The patch of a large file is left out by GitHub.
        diff="+++ b/pool.yaml\n@@ -1 +1 @@\n-size: 20\n+size: 5",
    )
    assert isinstance(staging, Change)
    assert (staging.status, staging.previous_version, staging.detail) == ("pending", "", "environment staging")
    assert {asked.headers["authorization"] for asked in door.asked} == {"Bearer ghp_token"}
    assert [asked.method for asked in door.asked] == ["GET"] * 9
    assert [asked.url.rpartition("contents/")[2] for asked in door.asked if "contents/" in asked.url] == [
        ".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS",
    ]  # fmt: skip


def test_who_owns_the_files_and_which_folders_are_the_services_is_told() -> None:
    owners = {"content": base64.b64encode(b"*.yaml @shop/platform\n/services/payments/ @shop/pay").decode(), "size": 60}

    def owned(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        return (200, {}, owners) if "/contents/CODEOWNERS" in url else answers(method, url, headers, body)

    where = Scope(service=ServiceScope(name="payments", repository="shop/payments", paths=("services/payments",)))
    production, staging = (one for one in gather(FakeDoor(owned), where) if isinstance(one, Change))

    assert (production.files, production.owners) == (("pool.yaml", "app.py"), ("@shop/platform", ""))
    assert (production.paths, production.kept_by) == (("services/payments",), "@shop/pay")
    assert (staging.files, staging.paths) == ((), ("services/payments",))


def test_services_of_one_repository_each_get_the_change() -> None:
    where = scope(neighbours=(ServiceScope(name="refunds", repository="https://github.test/shop/payments.git"),))
    found = gather(FakeDoor(answers), where)
    assert {item.entity.name for item in found if isinstance(item, Change)} == {"payments", "refunds"}


def test_a_deployment_that_waited_for_its_approval_counts_from_when_it_began() -> None:
    waited = deployment(5, NEW, "2026-11-19T10:00:00Z", updated_at="2026-11-20T10:03:00Z")
    replaced = deployment(4, OLD, "2026-11-18T10:00:00Z", updated_at="2026-11-20T10:03:00Z")

    def handler(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if "/5/statuses" in url:
            return 200, {}, STATUSES["9"]
        if "/4/statuses" in url:
            return 200, {}, [{"state": "inactive", "created_at": "2026-11-20T10:03:00Z"}]
        if "compare" in url:
            return 200, {}, {"total_commits": 1}
        return 200, {}, [waited, replaced] if "deployments" in url else []

    (change,) = gather(FakeDoor(handler))
    assert isinstance(change, Change)
    assert (change.at, change.previous_version, change.detail) == (
        1795168920.0,
        OLD,
        "environment production; 1 commit",
    )


def test_only_the_windows_deployments_are_told() -> None:
    def handler(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if "/deployments?" not in url:
            return 200, {}, []
        return 200, {}, [deployment(3, NEW, "2026-11-20T10:15:07Z"), deployment(2, NEW, "2026-11-20T08:05:05Z")]

    assert gather(FakeDoor(handler)) == []


def test_pages_are_bounded() -> None:
    def handler(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if "/deployments?" not in url:
            return 200, {}, []
        return 200, {}, [deployment(number, NEW, "2026-11-20T10:00:00Z") for number in range(50)]

    door = FakeDoor(handler)
    assert len(gather(door)) == 150
    assert len([asked for asked in door.asked if asked.path.endswith("/deployments")]) == 3
    assert len([asked for asked in door.asked if asked.path.endswith("/statuses")]) == 12


def test_a_source_that_answers_in_part_leaves_gaps() -> None:
    def handler(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if "/repos/shop/cart/pulls" in url:
            return 403, {}, {}
        return (502, {}, "bad gateway") if "statuses" in url else answers(method, url, headers, body)

    where = scope(
        neighbours=(ServiceScope(name="cart", repository="shop/cart"), ServiceScope(name="odd", repository="odd"))
    )
    found = gather(FakeDoor(handler), where)

    assert [item.status for item in found if isinstance(item, Change)] == ["", ""]
    assert sorted(item for item in found if isinstance(item, Gap)) == [
        Gap(
            "github",
            "deployments of odd",
            "'odd' is no repository: write owner/name",
        ),
        Gap(
            "github",
            "deployments of shop/cart",
            "GitHub has no /repos/shop/cart/deployments, or the token may not read it (404)",
        ),
        Gap("github", "pull requests of shop/cart", "the token may not read /repos/shop/cart/pulls (403)"),
        Gap(
            "github",
            "releases of shop/cart",
            "GitHub has no /repos/shop/cart/releases, or the token may not read it (404)",
        ),
        Gap(
            "github",
            "status of deployment 8 of shop/payments",
            "GitHub failed on /repos/shop/payments/deployments/8/statuses (502)",
        ),
        Gap(
            "github",
            "status of deployment 9 of shop/payments",
            "GitHub failed on /repos/shop/payments/deployments/9/statuses (502)",
        ),
    ]


@pytest.mark.parametrize(
    ("answer", "error", "reason", "retryable"),
    [
        ((401, {}, {}), Unauthorised, "GitHub refuses the token (401): enter a valid one", False),
        ((403, {}, {}), Unauthorised, "the token may not read /repos/shop/payments/deployments (403)", False),
        (
            (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1795170000"}, {}),
            SourceError,
            "GitHub's rate limit is used up (403); it opens at 10:20:00 UTC",
            True,
        ),
        ((429, {"Retry-After": "30"}, {}), SourceError, "GitHub's rate limit is used up (429); it opens in 30 s", True),
        (
            (403, {}, {"message": "You have exceeded a secondary rate limit."}),
            SourceError,
            "GitHub's rate limit is used up (403)",
            True,
        ),
        (
            (301, {"Location": "/repositories/1"}, {}),
            Rejected,
            "GitHub has moved /repos/shop/payments/deployments (301): enter the repository's new name",
            False,
        ),
        (
            (200, {}, "<html>"),
            SourceError,
            "GitHub answered /repos/shop/payments/deployments with something that is no JSON",
            True,
        ),
        (
            (200, {}, {}),
            SourceError,
            "GitHub answered /repos/shop/payments/deployments with something that is no list",
            True,
        ),
    ],
)
def test_a_refusal_is_told_in_words(answer: Answer, error: type[SourceError], reason: str, retryable: bool) -> None:
    with pytest.raises(error) as caught:
        gather(FakeDoor(lambda *_: answer))
    assert type(caught.value) is error
    assert (caught.value.reason, caught.value.retryable) == (reason, retryable)


def test_the_deadline_ends_the_questions() -> None:
    with pytest.raises(TimedOut):
        gather(FakeDoor(answers, seconds=0))

    found = gather(FakeDoor(answers, seconds=3.5, cost=1.0))
    assert [item.status for item in found if isinstance(item, Change)] == ["succeeded", ""]
    assert [item.question for item in found if isinstance(item, Gap)] == [
        f"commits of shop/payments {OLD}...{NEW}",
        "status of deployment 8 of shop/payments",
        "releases of shop/payments",
    ]


def pull(number: int, merged: str | None, sha: str, **more: object) -> dict[str, Any]:
    base = {"ref": "main", "repo": {"default_branch": "main"}}
    return {"number": number, "title": f"Change {number}", "user": {"login": "ada"}, "base": base,
            "merged_at": merged, "merge_commit_sha": sha, "html_url": f"https://github.test/pull/{number}", **more}  # fmt: skip


ALONE = "a" * 40


def looking_at_merges(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    path = url.split("?", maxsplit=1)[0].removeprefix("http://github.test/api/v3/repos/shop/payments/")
    known: dict[str, Any] = {
        "pulls": [
            pull(12, "2026-11-20T09:50:00Z", NEW),
            pull(13, "2026-11-20T09:40:00Z", ALONE),
            pull(14, None, "b" * 40),
            pull(15, "2026-11-20T09:45:00Z", "c" * 40, base={"ref": "next", "repo": {"default_branch": "main"}}),
            pull(11, "2026-11-18T09:40:00Z", "d" * 40),
        ],
        "pulls/13/files": [
            {"filename": "db/pool.py", "additions": 1, "deletions": 2, "patch": "-size = 20\n+size = 5"}
        ],
        "releases": [
            {"tag_name": "v3", "draft": True, "published_at": None},
            {"tag_name": "v2.14.0", "name": "Smaller pool", "published_at": "2026-11-20T09:59:00Z", "prerelease": True},
            {"tag_name": "v2.13.4", "name": "", "published_at": "2026-11-01T09:59:00Z"},
        ],
        "compare/v2.13.4...v2.14.0": {"total_commits": 3, "files": [{"filename": "a.py"}]},
    }
    return (200, {}, known[path]) if path in known else answers(method, url, headers, body)


def test_what_was_merged_is_told_by_its_deployment_or_else_by_itself() -> None:
    deployed, _, merged, released = (item for item in gather(FakeDoor(looking_at_merges)) if isinstance(item, Change))

    assert deployed.detail == (
        "environment production; #12 Change 12; 2 commits, 401 lines added and 1 removed, files pool.yaml, app.py"
    )
    assert merged == Change(
        entity=Entity(EntityKind.SERVICE, "payments"),
        kind=ChangeKind.OTHER,
        at=1795167600.0,
        title="shop/payments #13 Change 13",
        source="github",
        author="ada",
        link="https://github.test/pull/13",
        version=ALONE,
        status="merged",
        detail="pull request #13 Change 13 merged; 1 line added and 2 removed, files db/pool.py",
        key=ALONE,
        files=("db/pool.py",),
        diff="+++ b/db/pool.py\n-size = 20\n+size = 5",
    )
    assert (released.title, released.version, released.previous_version, released.status, released.detail) == (
        "payments released v2.14.0", "v2.14.0", "v2.13.4", "released",
        "Smaller pool; pre-release; 3 commits, files a.py",
    )  # fmt: skip
    assert released.files == ("a.py",)


def test_a_release_that_was_deployed_is_told_by_its_deployment() -> None:
    def handler(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if "/deployments?" in url:
            return 200, {}, [deployment(9, NEW, "2026-11-20T10:01:00Z", ref="v2.14.0")]
        return looking_at_merges(method, url, headers, body)

    titles = [item.title for item in gather(FakeDoor(handler)) if isinstance(item, Change)]
    # The deployments before this one are not known: what it brought besides its own commit is not either.
    assert titles == ["shop/payments v2.14.0 to production", "shop/payments #13 Change 13"]


def test_a_merged_pull_request_is_a_change_that_is_not_deployed_yet() -> None:
    payload = json.loads((FIXTURES / "pull_request.closed.json").read_text())
    event = parse("pull_request", payload)

    assert (event.dedupe_key, event.event_type, event.service.repository) == (
        "pull-request-279147437", "pull_request", "shop/payments",
    )  # fmt: skip
    assert event.change == Change(
        entity=Entity(EntityKind.SERVICE, "payments"),
        kind=ChangeKind.OTHER,
        at=1795168680.0,
        title="shop/payments #1211 Tune the connection pool",
        source="github",
        author="grace",
        link="https://github.test/shop/payments/pull/1211",
        version=NEW,
        status="merged",
        detail="pull request #1211 Tune the connection pool merged; 2 commits, 7 lines added and 3 removed",
        key=NEW,
    )


@pytest.mark.parametrize(
    ("outer", "inner", "reason"),
    [
        ({"action": "opened"}, {}, "a pull request changes nothing until it is merged"),
        ({}, {"merged": False, "merged_at": None}, "a pull request was closed and not merged"),
        (
            {},
            {"base": {"ref": "next", "repo": {"default_branch": "main"}}},
            "a pull request was merged into a branch that is not the default one",
        ),
    ],
)
def test_other_pull_requests_are_ignored(outer: dict[str, Any], inner: dict[str, Any], reason: str) -> None:
    payload = json.loads((FIXTURES / "pull_request.closed.json").read_text()) | outer
    payload["pull_request"] |= inner
    event = parse("pull_request", payload)
    assert (event.kind, event.reason) == (EventKind.IGNORED, reason)


def test_without_a_repository_the_connections_own_are_asked() -> None:
    found = gather(FakeDoor(answers), Scope(service=None), repositories=["https://github.test/shop/payments"])
    assert {item.entity.name for item in found if isinstance(item, Change)} == {"payments"}
    assert gather(FakeDoor(answers), Scope(service=None)) == []


def test_the_check_tells_what_is_left_and_what_may_not_be_read() -> None:
    def handler(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if url.endswith("/rate_limit"):
            return 200, {}, {"resources": {"core": {"limit": 5000, "remaining": 4987}}}
        return answers(method, url, headers, body)

    accepted = "GitHub accepts the token (4987 of 5000 requests left this hour)"
    assert GITHUB.check(FakeDoor(handler), credentials(repositories="shop/payments")) == Health(
        works=True, detail=accepted
    )
    assert GITHUB.check(FakeDoor(handler), credentials(repositories="shop/cart")) == Health(
        works=False,
        detail=f"{accepted}; GitHub has no /repos/shop/cart/deployments, or the token may not read it (404)",
    )
    with pytest.raises(Unauthorised):
        GITHUB.check(FakeDoor(lambda *_: (401, {}, {})), credentials())


def test_a_repository_that_is_kept_elsewhere_is_not_asked_for() -> None:
    door = FakeDoor(answers)
    assert gather(door, scope("https://gitlab.test/shop/payments")) == []
    assert door.asked == []


def test_what_is_no_repository_is_refused_in_the_form() -> None:
    with pytest.raises(ValidationError, match="a repository is written owner/name, got 'payments'"):
        credentials(repositories="shop/cart, payments")
