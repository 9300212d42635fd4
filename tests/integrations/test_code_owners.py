"""CODEOWNERS: GitHub's and GitLab's own examples, where it is looked for, and what a change is told with."""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.base import Rejected, ServiceScope, Unauthorised
from integrations.code_owners import KEPT_SECONDS, MOST_BYTES, Repository, parse
from integrations.questions import Questions
from scoring.observations import Change, ChangeKind, Entity, EntityKind
from tests.integrations.door import FakeDoor

# After the examples of GitHub's documentation.
GITHUB = """\
# These owners will be the default owners for everything
*       @global-owner1 @global-owner2
*.js    @js-owner #This is an inline comment.
*.go docs@example.com
/build/logs/ @doctocat
docs/*  docs2@example.com
apps/ @octocat
/docs/ @doctocat
/scripts/ @doctocat @octocat
**/logs @octolog
/apps/github
/apps/my\\ tool/ @tools
!negated @nobody
[a-z]file @nobody
"""
SECTIONS = """\
* @all
[Documentation] @docs-team
docs/
README.md @readme
^[Database][2] @dba
*.sql
model/db/ @dba @bo
"""


@pytest.mark.parametrize(
    ("path", "owners"),
    [
        ("main.c", ("@global-owner1", "@global-owner2")),
        ("web/app.js", ("@js-owner",)),
        ("cmd/main.go", ("docs@example.com",)),
        ("build/logs/today.txt", ("@octolog",)),
        ("deep/build/today.txt", ("@global-owner1", "@global-owner2")),
        ("src/docs/page.c", ("@global-owner1", "@global-owner2")),
        ("docs/page.txt", ("@doctocat",)),
        ("apps/cart/x.c", ("@octocat",)),
        ("src/apps/x.c", ("@octocat",)),
        ("apps/github", ()),
        ("apps/my tool/x", ("@tools",)),
    ],
)
def test_the_last_line_that_matches_counts(path: str, owners: tuple[str, ...]) -> None:
    assert parse(GITHUB).of(path) == owners


def test_a_star_at_the_end_means_the_files_of_that_folder_alone() -> None:
    rules = parse("docs/* @writers")
    assert rules.of("docs/start.md") == ("@writers",)
    assert rules.of("docs/build/help.md") == ()


@pytest.mark.parametrize(
    ("path", "owners"),
    [
        ("main.c", ("@all",)),
        ("docs/x.md", ("@all", "@docs-team")),
        ("README.md", ("@all", "@readme")),
        ("model/db/a.sql", ("@all", "@dba", "@bo")),
    ],
)
def test_each_section_of_gitlab_s_has_its_own_last_line(path: str, owners: tuple[str, ...]) -> None:
    assert parse(SECTIONS).of(path) == owners


@given(st.text(max_size=300), st.text(max_size=60))
def test_any_text_is_read(written: str, path: str) -> None:
    assert all(isinstance(owner, str) for owner in parse(written).of(path))


def repository(answers: dict[str, Any], **more: Any) -> tuple[Repository, list[str]]:
    asked: list[str] = []

    def read(path: str) -> dict[str, Any]:
        asked.append(path)
        answer = answers.get(path, Rejected("there is none (404)", retryable=False))
        if isinstance(answer, Exception):
            raise answer
        return (
            answer if isinstance(answer, dict) else {"size": len(answer), "content": base64.b64encode(answer).decode()}
        )

    questions = Questions(source="github", door=FakeDoor(lambda *_: (200, {}, {})))
    services = (ServiceScope("checkout", paths=("services/checkout",)), ServiceScope("cart"))
    given = {"name": "shop/mono", "address": "https://api.github.test", "bearer": "t", **more}
    return Repository(
        services=services, questions=questions, places=("CODEOWNERS", "docs/CODEOWNERS"), read=read, **given
    ), asked


def change(service: str = "checkout", *files: str) -> Change:
    return Change(Entity(EntityKind.SERVICE, service), ChangeKind.DEPLOYMENT, 0.0, "x", "github", files=files)


def test_a_change_is_told_with_its_files_owners_and_the_service_s_folders() -> None:
    found, asked = repository({"docs/CODEOWNERS": b"* @all\n/services/checkout/ @shop/pay\n"})
    mine, other = found.told([change("checkout", "services/checkout/a.go", "go.mod"), change("cart", "go.mod")])

    assert (mine.paths, mine.owners, mine.kept_by) == (("services/checkout",), ("@shop/pay", "@all"), "@shop/pay")
    assert (other.paths, other.owners, other.kept_by) == ((), ("@all",), "")
    assert asked == ["CODEOWNERS", "docs/CODEOWNERS"]
    assert found.questions.gaps == []


def test_it_is_read_once_and_only_for_changes_with_files(monkeypatch: pytest.MonkeyPatch) -> None:
    found, asked = repository({"CODEOWNERS": b"* @all"})
    assert list(found.told([change("cart")])) == [change("cart")]
    assert asked == []
    for _ in range(3):
        assert next(iter(found.told([change("cart", "x")]))).owners == ("@all",)
    assert asked == ["CODEOWNERS"]
    other, asked_by_other = repository({"CODEOWNERS": b"* @others"}, bearer="another token")
    assert next(iter(other.told([change("cart", "x")]))).owners == ("@others",)
    assert asked_by_other == ["CODEOWNERS"]

    now = time.monotonic()
    monkeypatch.setattr("integrations.code_owners.time.monotonic", lambda: now + KEPT_SECONDS + 1)
    list(found.told([change("cart", "x")]))
    assert asked == ["CODEOWNERS", "CODEOWNERS"]


def test_what_may_not_be_read_is_a_gap_and_what_is_not_there_is_none() -> None:
    found, _ = repository({"CODEOWNERS": Unauthorised("the token may not read it (403)", retryable=False)})
    (told,) = found.told([change("cart", "x")])
    assert told.owners == ()
    assert [(gap.question, gap.reason) for gap in found.questions.gaps] == [
        ("CODEOWNERS of shop/mono", "the token may not read it (403)")
    ]
    absent, _ = repository({}, name="shop/other")
    assert [one.owners for one in absent.told([change("cart", "x")])] == [()]
    assert absent.questions.gaps == []


@pytest.mark.parametrize("answer", [{"size": MOST_BYTES + 1, "content": "QQ=="}, {"content": "?"}, {}])
def test_a_file_that_is_too_large_or_broken_has_no_rules(answer: dict[str, Any]) -> None:
    found, _ = repository({"CODEOWNERS": answer})
    assert [one.owners for one in found.told([change("cart", "x")])] == [()]
