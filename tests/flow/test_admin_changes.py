"""The admin's changes: one row for each, however many told of it, and every report behind it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.urls import reverse
from django.utils import timezone

from copilot.guard.tenancy import tenant_scope
from copilot.models import ChangeRecord, Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from tests.flow.admin_world import World

pytestmark = pytest.mark.usefixtures("staff")
LIST = reverse("admin:copilot_changerecord_changelist")


@pytest.fixture
def viewer(browser: Callable[[Role], Client]) -> Client:
    return browser(Role.VIEWER)


@pytest.fixture
def told(acme: World) -> dict[str, ChangeRecord]:
    """A pull request, its deployment as two sources told of it, and another deployment an hour later."""
    at = timezone.now() - timedelta(hours=3)
    given = {
        "merged": {"source": "github", "kind": "other", "status": "merged", "at": at, "key": "abc", "title": "Tune the pool"},
        "github": {"source": "github", "kind": "deployment", "status": "succeeded", "at": at + timedelta(minutes=20), "key": "abc",
                   "title": "acme/payments to production", "files": ["services/payments/pool.yaml"]},
        "cdevents": {"source": "cloudevents", "kind": "deployment", "status": "succeeded", "at": at + timedelta(minutes=21),
                     "version": "v2.14.0", "title": "payments v2.14.0 deployed"},
        "later": {"source": "github", "kind": "deployment", "at": at + timedelta(hours=1), "key": "def", "title": "Roll forward"},
    }  # fmt: skip
    with tenant_scope(acme.tenant.id):
        return {
            name: ChangeRecord.objects.create(service=acme.service, dedupe_key=name, **values)
            for name, values in given.items()
        }


def rows(client: Client, **parameters: str) -> list[tuple[str, list[str]]]:
    answer = client.get(LIST, parameters)
    assert answer.status_code == 200
    return [(row.title, sorted(one.dedupe_key for one in row.reports)) for row in answer.context["cl"].result_list]


def test_a_change_is_one_row_with_all_who_told_of_it(told: dict[str, ChangeRecord], viewer: Client) -> None:
    found = rows(viewer)

    assert [row for row in found if row[0] != "acme deploys v2"] == [
        ("Roll forward", ["later"]),
        ("acme/payments to production", ["cdevents", "github", "merged"]),
    ]
    assert "github ×2, cloudevents" in viewer.get(LIST).content.decode()


def test_a_search_finds_a_change_by_any_of_its_reports(told: dict[str, ChangeRecord], viewer: Client) -> None:
    assert rows(viewer, q="v2.14.0") == [("payments v2.14.0 deployed", ["cdevents", "github", "merged"])]
    assert rows(viewer, q="nothing of the sort") == []


def test_the_page_of_a_change_lists_its_reports_and_files(told: dict[str, ChangeRecord], viewer: Client) -> None:
    page = viewer.get(reverse("admin:copilot_changerecord_change", args=[told["cdevents"].pk])).content.decode()

    for name in ("merged", "github", "cdevents"):
        assert reverse("admin:copilot_changerecord_change", args=[told[name].pk]) in page
    assert reverse("admin:copilot_changerecord_change", args=[told["later"].pk]) not in page
    assert "services/payments/pool.yaml" in page


def test_another_tenant_s_report_of_the_same_commit_is_no_part_of_it(
    told: dict[str, ChangeRecord], umbrella: World, viewer: Client
) -> None:
    with tenant_scope(umbrella.tenant.id):
        ChangeRecord.objects.create(
            service_name=told["github"].service_called, source="deploys", dedupe_key="theirs", kind="deployment",
            at=told["github"].at, key="abc", title="not yours",
        )  # fmt: skip

    assert "not yours" not in str(rows(viewer))
    assert ("acme/payments to production", ["cdevents", "github", "merged"]) in rows(viewer)
