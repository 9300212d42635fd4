"""Pushes to the branch that is deployed: which files they touch, from GitHub's and GitLab's webhooks alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from integrations.base import Event, EventKind, Inbound
from integrations.github import GitHub
from integrations.gitlab import GitLab
from scoring import changes
from scoring.observations import Change, ChangeKind, Entity, EntityKind

NOW = 1_795_169_200.0
SHA = "9f1c" * 10
COMMITS = [
    {"id": "a" * 40, "message": "Add a pool", "added": ["pool.yaml"], "removed": [], "modified": ["app.py"]},
    {
        "id": SHA,
        "message": "Tune the pool (#12)\n\nMore words",
        "added": [],
        "removed": ["old.py"],
        "modified": ["pool.yaml"],
    },
]
GITHUB: dict[str, Any] = {
    "ref": "refs/heads/main",
    "before": "1" * 40,
    "after": SHA,
    "compare": "https://github.test/shop/payments/compare/1...9",
    "commits": COMMITS,
    "pusher": {"name": "grace"},
    "repository": {"full_name": "shop/payments", "default_branch": "main"},
}
GITLAB: dict[str, Any] = {
    "object_kind": "push",
    "ref": "refs/heads/main",
    "after": SHA,
    "user_username": "grace",
    "project": {"path_with_namespace": "shop/payments", "default_branch": "main"},
    "commits": [{**one, "url": f"https://gitlab.test/{one['id']}"} for one in COMMITS],
    "total_commits_count": 23,
}


def from_github(**more: Any) -> Event:
    (found,) = GitHub().parse(Inbound({"x-github-event": "push"}, json.dumps({**GITHUB, **more}).encode(), NOW))
    return found


def from_gitlab(**more: Any) -> Event:
    (found,) = GitLab().parse(Inbound({}, json.dumps({**GITLAB, **more}).encode(), NOW))
    return found


@pytest.mark.parametrize(
    ("found", "commits", "link"),
    [
        (from_github(), 2, "https://github.test/shop/payments/compare/1...9"),
        (from_gitlab(), 23, f"https://gitlab.test/{SHA}"),
    ],
)
def test_a_push_tells_the_files_that_its_commits_touch(found: Event, commits: int, link: str) -> None:
    assert found.change is not None
    assert (found.kind, found.event_type, found.dedupe_key) == (EventKind.CHANGE, "push", f"push-{SHA}")
    assert (found.service.name, found.service.repository, found.actor) == ("payments", "shop/payments", "grace")
    assert found.change.files == ("pool.yaml", "app.py", "old.py")
    assert found.change.title == "shop/payments Tune the pool (#12)"
    assert found.change.detail == f"pushed: Tune the pool (#12); {commits} commits, files pool.yaml, app.py, old.py"
    assert (found.change.status, found.change.key, found.change.at, found.url) == ("merged", SHA, NOW, link)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"ref": "refs/heads/feature"}, "a push to a branch that is not the default one changes nothing that runs"),
        ({"ref": "refs/tags/v1"}, "a push changes nothing that runs until it is deployed"),
        ({"after": "0" * 40}, "a push changes nothing that runs until it is deployed"),
        ({"commits": []}, "a push without commits changes nothing"),
    ],
)
def test_another_push_is_ignored_with_the_reason(more: dict[str, Any], why: str) -> None:
    for found in (from_github(**more), from_gitlab(**more)):
        assert (found.kind, found.reason) == (EventKind.IGNORED, why)


def test_githubs_own_example_is_read(shared: Path) -> None:
    body = (shared / "vendor/payloads/github/push.with-new-branch.payload.json").read_bytes()
    (found,) = GitHub().parse(Inbound({"x-github-event": "push"}, body, NOW))
    assert found.change is not None
    assert (found.service.repository, found.change.files) == ("Codertocat/Hello-World", ("README.md",))


def test_the_deployment_of_what_was_pushed_and_its_merge_are_one_change_with_its_files() -> None:
    pushed = from_github().change
    assert pushed is not None
    service = Entity(EntityKind.SERVICE, "payments")
    merged = Change(
        service, ChangeKind.OTHER, NOW - 5, "shop/payments #12", "github", version=SHA, status="merged", key=SHA
    )
    deployed = Change(
        service, ChangeKind.DEPLOYMENT, NOW + 3000, "shop/payments to production", "github", version=SHA, key=SHA
    )

    keys = {key for _, key in changes.join([pushed, merged, deployed])}
    assert len(keys) == 1
