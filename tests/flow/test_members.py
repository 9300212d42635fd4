"""`copilot member`: who is given a role by the command line, and who has one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from django.forms import modelform_factory

from copilot.cli import main
from copilot.cli.session import Problem, only_tenant
from copilot.embedded import STAFF, as_role
from copilot.guard.tenancy import tenant_scope
from copilot.models import Feedback, Membership, Tenant
from tests.conftest import point_at
from tests.flow.admin_world import login

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.flow.admin_world import World


@pytest.fixture(autouse=True)
def no_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command use this process's database."""
    monkeypatch.setattr("copilot.cli.find_installation", lambda _: None)


@pytest.fixture
def told(acme: World, committed_db: str, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command as the app role, beside a furnished tenant; gives its code, output and errors."""
    point_at(committed_db)

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["member", words[0], acme.tenant.slug, *words[1:]])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def listed(told: Callable[..., tuple[int, str, str]]) -> list[dict[str, str]]:
    code, out, _ = told("list", "--json")
    assert code == 0
    found: list[dict[str, str]] = json.loads(out)
    return found


def test_members_are_listed_with_their_names_those_who_may_most_first(
    acme: World, told: Callable[..., tuple[int, str, str]]
) -> None:
    assert told("list") == (0, "everybody of the workspace is responder\n", "")
    with tenant_scope(acme.tenant.id):
        Feedback.objects.filter(value="up").update(person="U0ALICE")
    told("add", "--slack", "U0ALICE", "--role", "viewer")
    told("add", "--slack", "W012A3CDE", "--role", "owner")

    assert listed(told) == [
        {"login": "", "slack": "W012A3CDE", "name": "", "role": "owner"},
        {"login": "", "slack": "U0ALICE", "name": "acme Alice", "role": "viewer"},
    ]
    _, out, _ = told("list")
    assert [line.split() for line in out.splitlines() if "U0ALICE" in line] == [
        ["–", "U0ALICE", "acme", "Alice", "viewer"]
    ]
    assert out.endswith("everybody else of the workspace is responder\n")


def test_a_new_role_for_a_login_leaves_its_slack_user(
    told: Callable[..., tuple[int, str, str]], committed_db: str
) -> None:
    point_at(as_role(committed_db, STAFF))
    login("bob")
    point_at(committed_db)
    told("add", "--login", "bob", "--slack", "U0BOB")
    told("add", "--login", "bob", "--role", "admin")

    assert listed(told) == [{"login": "bob", "slack": "U0BOB", "name": "", "role": "admin"}]


@pytest.mark.parametrize("given", ["alice", "@alice", "u0alice", "C0INCIDENTS", "U", "U0ALICE\n", "alice@example.org"])
def test_what_is_no_slack_user_id_is_refused(told: Callable[..., tuple[int, str, str]], given: str) -> None:
    code, _, problem = told("add", "--slack", given)

    assert code == 2
    assert f"{given!r} is no Slack user id: those are U or W, then capitals and digits, as in U024BE7LH" in problem
    assert listed(told) == []


def test_where_there_are_several_tenants_one_must_be_named(acme: World, committed_db: str) -> None:
    point_at(committed_db)
    Tenant.objects.create(slug="another")
    with pytest.raises(Problem, match=r"there are several tenants; say which: .*another"):
        only_tenant()


@pytest.mark.parametrize(("given", "is_taken"), [("U024BE7LH", True), ("alice", False), ("u024be7lh", False)])
def test_the_admins_form_takes_what_the_command_line_takes(acme: World, given: str, is_taken: bool) -> None:
    form = modelform_factory(Membership, fields=("slack_user_id", "role"))
    with tenant_scope(acme.tenant.id):
        filled = form({"slack_user_id": given, "role": "viewer"}, instance=Membership(tenant=acme.tenant))

        assert filled.is_valid() is is_taken
        if not is_taken:
            assert "is no Slack user id: those are U or W" in filled.errors["slack_user_id"][0]
