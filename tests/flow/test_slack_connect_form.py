"""Secrets are entered on a page: its link comes from Slack, works once, and goes the same way as Slack's window."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest
from django.utils import timezone

from copilot.guard import vault
from copilot.guard.tenancy import tenant_scope
from copilot.models import AuditEntry, Connection, Membership, Tenant
from slackbot.afterwards import settle
from slackbot.installs import grants
from slackbot.models import SlackGrant
from slackbot.plain_text import message_text
from tests.flow.slack_world import Workspace
from tests.flow.test_slack_commands import admin, typed  # noqa: F401 - fixture
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

URL = "http://127.0.0.1:9"
SECRET = "hush-hush"


def link_of(window: dict[str, Any]) -> str:
    (button,) = [one["elements"][0] for one in window["blocks"] if one.get("block_id") == "connect_page"]
    return str(button["url"])


@pytest.fixture
def link(workspace: Workspace, admin: None) -> str:
    """The link that ada is offered for Prometheus."""
    typed(workspace, "connect")
    workspace.act("select", action_id="connect_kind", value="prometheus", wait=60)
    (window,) = workspace.modals()
    return link_of(window)


@pytest.fixture
def browser() -> Iterator[httpx.Client]:
    """A browser with a jar of its own."""
    with httpx.Client(trust_env=False, timeout=PATIENCE) as client:
        yield client


def submit(browser: httpx.Client, link: str, **values: str) -> httpx.Response:
    """Open the form, fill it in and send it."""
    found = re.search(r'name="mark" value="([0-9a-f]{64})"', browser.get(link).text)
    assert found is not None
    return browser.post(link, data={"mark": found[1], **values})


def connected(tenant: Tenant) -> dict[str, Any] | None:
    with tenant_scope(tenant.id):
        row = Connection.objects.filter(kind="prometheus").first()
        return vault.unseal(row.tenant_id, row.sealed) if row else None


def told(workspace: Workspace) -> list[str]:
    settle()
    return [message_text(message) for message in workspace.messages("checkout")]


def test_the_page_hides_secrets_and_is_kept_nowhere(browser: httpx.Client, link: str) -> None:
    page = browser.get(link)

    assert page.status_code == 200
    assert re.search(
        r'<input id="f-bearer_token" name="bearer_token" type="password" autocomplete="new-password"', page.text
    )
    assert (page.headers["cache-control"], page.headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert "form-action 'self'" in page.headers["content-security-policy"]
    cookie = page.headers["set-cookie"]
    assert cookie.endswith("; HttpOnly; Max-Age=600; Path=/slack/connect; SameSite=strict")


def test_what_is_entered_is_sealed_tested_and_told_to_the_person(
    tenant: Tenant, workspace: Workspace, browser: httpx.Client, link: str
) -> None:
    done = submit(browser, link, url=URL, bearer_token=SECRET)

    assert (done.status_code, "Prometheus is connected" in done.text, SECRET in done.text) == (200, True, False)
    stored = connected(tenant)
    assert stored is not None
    assert (stored["url"], stored["bearer_token"]) == (URL, SECRET)
    (said,) = told(workspace)
    assert said.startswith("Prometheus is connected by the form that you asked for.")
    assert "It does not work yet" in said
    assert [message_text(one) for one in workspace.messages("checkout", person="bo")] == []
    with tenant_scope(tenant.id):
        assert Connection.objects.get(kind="prometheus").health == "failing"
        entries = list(
            AuditEntry.objects.filter(target__startswith="prometheus").order_by("id").values_list("action", "actor")
        )
    assert entries == [("connect link", "slack: ada"), ("connect", "slack: ada")]


def test_a_link_works_once(tenant: Tenant, browser: httpx.Client, link: str) -> None:
    submit(browser, link, url=URL, bearer_token=SECRET)

    again = browser.get(link)
    posted = browser.post(link, data={"mark": "0" * 64, "url": "http://127.0.0.1:10"})

    assert (again.status_code, posted.status_code) == (410, 410)
    assert "This link was used already; each works once. Type /sre connect in Slack for a new one." in again.text
    assert (connected(tenant) or {})["url"] == URL


def test_of_two_who_send_it_at_once_one_gets_through(tenant: Tenant, link: str, committed_db: str) -> None:
    grant = grants.form(link.rpartition("/")[2])

    def use(_: int) -> bool:
        from django.db import connection

        try:
            grants.use(grant)
        except grants.LinkRefused:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(use, range(4))) == [False, False, False, True]


def test_a_link_ends_after_ten_minutes(tenant: Tenant, browser: httpx.Client, link: str) -> None:
    left = SlackGrant.objects.get(kind="form").expires_at - timezone.now()
    assert timedelta(minutes=9) < left <= timedelta(minutes=10)
    SlackGrant.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    answer = browser.get(link)

    assert (answer.status_code, "This link is too old; each works for ten minutes." in answer.text) == (410, True)


def test_a_link_that_nobody_gave_out_says_so(workspace: Workspace, browser: httpx.Client, link: str) -> None:
    answer = browser.get(f"{link[:-3]}abc")
    assert (answer.status_code, "No such link was given out." in answer.text) == (410, True)


def test_only_the_links_hash_is_kept(link: str) -> None:
    row = SlackGrant.objects.values().get(kind="form")
    assert link.rpartition("/")[2] not in str(row)
    assert (row["subject"], row["token_hash"]) == ("prometheus", grants.hashed(link.rpartition("/")[2]))


@pytest.mark.parametrize("mark", ["", "0" * 64])
def test_a_form_that_another_page_sends_is_refused_and_uses_nothing_up(
    tenant: Tenant, browser: httpx.Client, link: str, mark: str
) -> None:
    browser.get(link)

    forged = browser.post(link, data={"mark": mark, "url": URL, "bearer_token": SECRET})

    assert (forged.status_code, "was not opened in this browser" in forged.text) == (410, True)
    assert connected(tenant) is None
    assert submit(browser, link, url=URL).status_code == 200


def test_a_form_without_its_browsers_cookie_is_refused(tenant: Tenant, browser: httpx.Client, link: str) -> None:
    page = browser.get(link)
    mark = re.search(r'name="mark" value="([0-9a-f]{64})"', page.text)
    assert mark is not None
    stolen = httpx.post(link, data={"mark": mark[1], "url": URL}, trust_env=False, timeout=PATIENCE)
    assert (stolen.status_code, connected(tenant)) == (410, None)


def test_a_wrong_value_is_said_beside_its_field_and_the_link_stays_good(
    tenant: Tenant, browser: httpx.Client, link: str
) -> None:
    wrong = submit(browser, link, url='"><script>alert(1)</script>', bearer_token=SECRET)

    assert wrong.status_code == 422
    assert "<script>" not in wrong.text
    assert SECRET not in wrong.text
    assert 'value="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"' in wrong.text
    assert re.search(r'<small id="h-url"><span class="bad">[^<]+</span>', wrong.text)
    assert connected(tenant) is None
    assert submit(browser, link, url=URL).status_code == 200


def test_who_is_no_admin_any_more_connects_nothing(tenant: Tenant, browser: httpx.Client, link: str) -> None:
    with tenant_scope(tenant.id):
        Membership.objects.update(role="responder")

    answer = browser.get(link)

    assert (answer.status_code, "needs the role admin" in answer.text) == (410, True)


def test_secrets_that_are_set_are_kept_where_nothing_is_entered_and_never_shown(
    tenant: Tenant, workspace: Workspace, browser: httpx.Client, link: str
) -> None:
    submit(browser, link, url=URL, bearer_token=SECRET)
    typed(workspace, "connect prometheus")
    window = workspace.modals()[-1]

    page = browser.get(link_of(window)).text
    submit(browser, link_of(window), url="http://127.0.0.1:10")

    assert (SECRET in page, f'value="{URL}"' in page, "Set already: leave empty to keep it." in page) == (
        False,
        True,
        True,
    )
    assert connected(tenant) is not None
    assert {name: (connected(tenant) or {})[name] for name in ("url", "bearer_token")} == {
        "url": "http://127.0.0.1:10", "bearer_token": SECRET,
    }  # fmt: skip


def test_a_link_of_one_tenant_connects_nothing_for_another(
    tenant: Tenant, other_tenant: Tenant, browser: httpx.Client, link: str
) -> None:
    SlackGrant.objects.update(tenant_id=other_tenant.id)
    assert browser.get(link).status_code == 410
    SlackGrant.objects.update(tenant_id=tenant.id, connection_id=uuid4())
    assert "is not connected any more" in browser.get(link).text


def test_where_no_secrets_are_needed_no_link_is_offered(workspace: Workspace, admin: None) -> None:
    typed(workspace, "connect statuspage")
    (window,) = workspace.modals()
    assert "connect_page" not in str(window["blocks"])
