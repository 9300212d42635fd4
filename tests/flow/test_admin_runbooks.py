"""Runbooks in the admin: uploaded with the checks of the command line, shown as they were read, taken out of use."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from copilot.guard.tenancy import tenant_scope
from copilot.knowledge import runbook_search
from copilot.models import AuditEntry, Role, Runbook
from copilot.runbooks import origins

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from tests.flow.admin_world import World

pytestmark = pytest.mark.usefixtures("staff")
UPLOAD = reverse("admin:copilot_runbook_add")
LIST = reverse("admin:copilot_runbook_changelist")
POOL = b"---\nservices: [acme-payments]\ncauses: [database connections]\n---\n# Pool exhausted\n\n## Steps\n\n1. Raise the pool size.\n"
# As Notion exports: an id in each name, the properties below the title; and as Confluence does, with its tags.
NOTION = b"# Disk full\n\nTags: disk\nServices: acme-checkout\n\n1. Delete old logs.\n"
CONFLUENCE = b"# Queue stuck\n\n<p>Look at the <strong>lag</strong>.</p>\n\n1. Restart the worker.\n"


def zipped(**files: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return made.getvalue()


def upload(client: Client, name: str, content: bytes, query: str = "") -> Any:
    return client.post(UPLOAD + query, {"file": SimpleUploadedFile(name, content)})


def told(answer: Any) -> list[str]:
    return [str(one) for one in get_messages(answer.wsgi_request)]


def titles(world: World) -> list[str]:
    with tenant_scope(world.tenant.id):
        return sorted(Runbook.objects.filter(removed_at=None).values_list("title", flat=True))


@pytest.fixture
def admin(acme: World, browser: Callable[[Role], Client]) -> Client:
    return browser(Role.ADMIN)


def test_a_document_is_taken_in_found_shown_as_text_and_versioned(acme: World, admin: Client) -> None:
    first, same = upload(admin, "pool.md", POOL), upload(admin, "pool.md", POOL)
    other = upload(admin, "pool.md", POOL.replace(b"Raise", b"<script>alert(1)</script> Double"))

    assert (first.status_code, first["Location"]) == (302, LIST)
    assert [told(one)[-1] for one in (first, same, other)] == [
        "1 added: Pool exhausted.", "1 unchanged.", "1 changed: Pool exhausted.",
    ]  # fmt: skip
    with tenant_scope(acme.tenant.id):
        row = Runbook.objects.get(title="Pool exhausted")
        assert (row.source, row.path, row.version, row.services) == ("upload", "pool.md", 2, ["acme-payments"])
        assert [one.actor for one in AuditEntry.objects.filter(action="update runbooks")] == [
            "acme-admin",
            "acme-admin",
        ]
    assert runbook_search.search(acme.tenant.id, "pool exhausted", most=1, memory=None)[0].title == "Pool exhausted"
    page = admin.get(reverse("admin:copilot_runbook_change", args=[row.pk])).content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt; Double the pool size." in page
    assert "<script>alert(1)</script>" not in page
    assert "Pool exhausted" in admin.get(LIST + "?q=pool").content.decode()


def test_an_archive_as_notion_and_confluence_export_it_is_taken_in_whole(acme: World, admin: Client) -> None:
    page_id = "0123456789abcdef0123456789abcdef"
    files = {
        f"Space__Disk full {page_id}.md": NOTION,
        "Space__Queue+stuck.md": CONFLUENCE,
        "Space__bild.png": b"\x89PNG",
    }

    answer = upload(
        admin, "Export.zip", zipped(**files, Space__empty=b"", **{"Space__none.md": b" ", "Space__nul.md": b"a\0b"})
    )

    assert told(answer) == [
        "2 added: Disk full, Queue stuck.",
        "Space/none.md is empty",
        "Space/nul.md is no text: it has bytes of zero",
    ]
    with tenant_scope(acme.tenant.id):
        assert Runbook.objects.get(title="Disk full").services == ["acme-checkout"]
    assert titles(acme) == ["Disk full", "Queue stuck", "acme pool"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("pool.docx", b"PK", "Nothing was taken in: pool.docx is no Markdown: runbooks end in .md, .markdown, .mdown, or come as a .zip of such files"),
        ("pool.md", b"\n", "Nothing was taken in: pool.md is empty"),
        ("pool.md", b"#" * (origins.MAX_BYTES + 1), "Nothing was taken in: pool.md is larger than 1 MiB and was passed over"),
        ("pool.zip", b"no archive", "Nothing was taken in: the archive cannot be read: File is not a zip file"),
        ("pool.zip", zipped(bild=b"\x89PNG"), "Nothing was taken in: there is no Markdown in the archive; export the space as Markdown"),
    ],
    ids=["another kind", "empty", "too large", "damaged", "no Markdown"],
)  # fmt: skip
def test_what_the_command_line_would_refuse_is_refused_in_its_words(
    name: str, content: bytes, said: str, acme: World, admin: Client
) -> None:
    answer = upload(admin, name, content)

    assert answer.status_code == 200
    assert answer.context["form"].errors["file"] == [said]
    assert titles(acme) == ["acme pool"]


def test_an_archive_that_is_too_large_unpacked_is_refused(
    acme: World, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(origins, "MAX_ARCHIVE_BYTES", 64)

    answer = upload(admin, "big.zip", zipped(**{"a.md": b"# A\n" * 40}))

    assert "larger than 0 MiB" in str(answer.context["form"].errors["file"])
    assert titles(acme) == ["acme pool"]


def test_secrets_are_replaced_and_that_is_said(acme: World, admin: Client) -> None:
    answer = upload(admin, "key.md", b"# Key\n\nUse ghp_0123456789abcdefghijklmnopqrstuvwxyzAB.\n")

    assert told(answer)[1] == "1 secrets or personal data were replaced: a runbook is no place for them"


@pytest.mark.parametrize("role", [Role.VIEWER, Role.RESPONDER])
def test_only_an_admin_uploads(role: Role, acme: World, browser: Callable[[Role], Client]) -> None:
    client = browser(role)

    assert (client.get(UPLOAD).status_code, upload(client, "pool.md", POOL).status_code) == (403, 403)
    assert "Pool exhausted" not in titles(acme)
    assert client.get(LIST).status_code == 200


def test_nobody_uploads_to_another_tenant(acme: World, umbrella: World, admin: Client) -> None:
    answer = upload(admin, "pool.md", POOL, "?tenant=umbrella")

    # There is no such tenant for this person: the page offers their own.
    assert "Pool exhausted" not in titles(umbrella) + titles(acme)
    assert "umbrella" not in answer.content.decode()


def test_one_of_several_tenants_is_chosen_first(acme: World, umbrella: World) -> None:
    from django.test import Client as Browser

    from tests.flow.admin_world import login

    root = Browser()
    root.force_login(login("root", is_superuser=True))

    assert "to which tenant?" in root.get(UPLOAD).content.decode()
    upload(root, "pool.md", POOL, "?tenant=umbrella")
    assert (titles(acme), titles(umbrella)) == (["acme pool"], ["Pool exhausted", "umbrella pool"])


def test_a_runbook_is_taken_out_of_use_and_comes_back_with_its_file(acme: World, admin: Client) -> None:
    upload(admin, "pool.md", POOL)
    with tenant_scope(acme.tenant.id):
        row = Runbook.objects.get(title="Pool exhausted")

    gone = admin.post(LIST, {"action": "take_out_of_use", "_selected_action": [str(row.pk)]})

    assert told(gone)[-1] == "1 runbook taken out of use."
    assert titles(acme) == ["acme pool"]
    assert runbook_search.search(acme.tenant.id, "pool exhausted", most=1, memory=None) == ()
    upload(admin, "pool.md", POOL)
    assert titles(acme) == ["Pool exhausted", "acme pool"]
