"""A tenant's runbooks follow their sources: added, changed in versions, removed, and walled off from other tenants."""

from __future__ import annotations

import io
import subprocess
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from copilot.guard.tenancy import tenant_scope
from copilot.models import AuditEntry, Runbook, RunbookChunk, RunbookTerm
from copilot.runbooks import library, origins, starter

if TYPE_CHECKING:
    from copilot.models import Tenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "runbooks"
    (root / "deep").mkdir(parents=True)
    (root / "disk.md").write_text("# Disk full\n\n## Fix\n\n1. Delete old logs.\n")
    (root / "deep" / "queue.md").write_text("---\nservices: [mailer]\n---\n# Queue stuck\n\n1. Restart the worker.\n")
    (root / ".hidden.txt").write_text("no runbook")
    return root


def sync(tenant: Tenant, place: Path | str, **more: str) -> library.Changes:
    return library.bring_up_to_date(tenant.id, origins.read(str(place), **more), by="alice")


def titles(tenant: Tenant) -> list[str]:
    with tenant_scope(tenant.id):
        return list(Runbook.objects.filter(removed_at=None).order_by("title").values_list("title", flat=True))


def test_a_folder_is_added_once_and_then_changes_nothing(tenant: Tenant, folder: Path) -> None:
    first, second = sync(tenant, folder), sync(tenant, folder)

    assert (sorted(first.added), first.changed, first.unchanged, first.removed) == (
        ["Disk full", "Queue stuck"],
        [],
        [],
        [],
    )
    assert (second.added, second.changed, sorted(second.unchanged), second.removed) == (
        [],
        [],
        ["Disk full", "Queue stuck"],
        [],
    )
    with tenant_scope(tenant.id):
        assert Runbook.objects.get(title="Queue stuck").services == ["mailer"]
        assert Runbook.objects.get(title="Queue stuck").path == "deep/queue.md"
        # What changes nothing is not written down.
        assert AuditEntry.objects.filter(action="update runbooks").count() == 1


def test_a_changed_file_gets_a_version_and_a_deleted_one_is_found_no_more(tenant: Tenant, folder: Path) -> None:
    sync(tenant, folder)
    (folder / "disk.md").write_text("# Disk full\n\n## Fix\n\n1. Enlarge the volume.\n")
    (folder / "deep" / "queue.md").unlink()
    changes = sync(tenant, folder)

    assert (changes.changed, changes.removed) == (["Disk full"], ["Queue stuck"])
    with tenant_scope(tenant.id):
        row = Runbook.objects.get(title="Disk full")
        assert [(one.number, "Enlarge" in one.text) for one in row.versions.all()] == [(2, True), (1, False)]
        assert row.chunks.get(heading="Fix").steps == ["Enlarge the volume."]
        assert not RunbookChunk.objects.filter(runbook__title="Queue stuck").exists()
        assert Runbook.objects.get(title="Queue stuck").versions.count() == 1
        assert set(
            RunbookTerm.objects.filter(word__in=["enlarg", "delet", "worker"]).values_list("word", "chunks")
        ) == {("enlarg", 1)}


def test_what_was_removed_comes_back_with_its_source_but_not_with_the_starter_set(tenant: Tenant, folder: Path) -> None:
    sync(tenant, folder)
    starter.load(tenant.id, by="alice")
    for name in ("Disk full", "Memory leak"):
        library.remove(tenant.id, [library.named(tenant.id, name)], by="alice")
    again, starter_again = sync(tenant, folder), starter.load(tenant.id, by="alice")

    assert again.changed == ["Disk full"]
    assert starter_again.is_nothing
    assert "Memory leak" not in titles(tenant)
    with tenant_scope(tenant.id):
        # The text is the same: no version more.
        assert Runbook.objects.get(title="Disk full").version == 1


def test_the_starter_set_is_loaded_once_with_nothing_of_it_redacted(tenant: Tenant) -> None:
    first, second = starter.load(tenant.id, by="alice"), starter.load(tenant.id, by="alice")

    assert len(first.added) == len(starter.origin().found)
    assert first.notes == []
    assert second.is_nothing


def test_a_runbook_of_another_tenant_does_not_exist(tenant: Tenant, other_tenant: Tenant, folder: Path) -> None:
    sync(tenant, folder)

    assert titles(other_tenant) == []
    with pytest.raises(library.NoSuchRunbook, match="there is no runbook 'Disk full'"):
        library.named(other_tenant.id, "Disk full")


def test_secrets_in_a_runbook_are_not_stored(tenant: Tenant, folder: Path) -> None:
    (folder / "disk.md").write_text("# Log in\n\n1. `psql postgresql://root:hunter2secret@db/prod`\n")
    changes = sync(tenant, folder)

    assert changes.notes == ["1 secrets or personal data were replaced: a runbook is no place for them"]
    text = library.text_of(library.named(tenant.id, "Log in"))
    assert "hunter2secret" not in text
    assert "@db/prod" in text


def test_a_name_that_several_runbooks_bear_lists_them(tenant: Tenant) -> None:
    starter.load(tenant.id, by="alice")

    assert library.named(tenant.id, "memory leak").path == "memory-leak.md"
    with pytest.raises(library.NoSuchRunbook, match=r"may be several: .*Pod stays pending.*name one by its id"):
        library.named(tenant.id, "pod")


# Origins ------------------------------------------------------------------------------------------------------------


def git(where: Path, *words: str, date: str = "2026-02-03T04:05:06+00:00") -> str:
    identity = ["-c", "user.name=alice", "-c", "user.email=alice@example.org"]
    environment = {"GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": date, "PATH": "/usr/bin:/bin:/usr/local/bin"}
    return subprocess.run(
        ["git", *identity, *words], cwd=where, env=environment, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_git_repository_gives_commit_and_date_of_each_file(tenant: Tenant, folder: Path) -> None:
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "disk.md", "deep")
    git(folder, "commit", "--quiet", "--message=first")
    (folder / "deep" / "queue.md").write_text("# Queue stuck\n\n1. Restart it twice.\n")
    git(folder, "commit", "--quiet", "--all", "--message=second", date="2026-05-06T07:08:09+00:00")
    revision = git(folder, "rev-parse", "HEAD")

    changes = sync(tenant, f"git+file://{folder}")
    part = origins.read(f"git+file://{folder}", folder="deep")

    assert sorted(changes.added) == ["Disk full", "Queue stuck"]
    with tenant_scope(tenant.id):
        disk, queue = Runbook.objects.get(title="Disk full"), Runbook.objects.get(title="Queue stuck")
        assert disk.source == f"file://{folder}"
        assert disk.written_at == datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
        assert queue.written_at == datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
        assert queue.versions.get().revision == revision
    assert [one.path for one in part.found] == ["queue.md"]
    assert part.source.endswith("#deep")


def test_pages_of_well_known_hosts_are_linked_at_their_revision() -> None:
    assert (
        origins._page("git@github.com:acme/runbooks.git", "abc", "x/y.md")
        == "https://github.com/acme/runbooks/blob/abc/x/y.md"
    )
    assert (
        origins._page("https://user:pw@gitlab.example/a/b.git", "abc", "y.md")
        == "https://gitlab.example/a/b/-/blob/abc/y.md"
    )
    assert origins._page("ssh://git@git.example/a.git", "abc", "y.md") == ""


def test_an_export_in_archives_is_read_as_its_files(tenant: Tenant) -> None:
    inner, outer = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("Export/Disk full 0123456789abcdef0123456789abcdef.md", "# Disk full\n\nwords")
        archive.writestr("Export/picture.png", b"\x89PNG")
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr("Part-1.zip", inner.getvalue())
    changes = library.bring_up_to_date(tenant.id, origins.read_upload("export.zip", outer.getvalue()), by="alice")

    assert changes.added == ["Disk full"]
    assert changes.source == "upload"


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("notes.pdf", b"%PDF", "no Markdown: runbooks end in .md"),
        ("broken.zip", b"PK not really", "the archive cannot be read"),
        ("empty.md", b" \n", "empty.md is empty"),
    ],
)
def test_what_is_no_runbook_is_refused_in_words(name: str, data: bytes, says: str) -> None:
    with pytest.raises(origins.Unreadable, match=says):
        origins.read_upload(name, data)


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("/nowhere/at/all", "neither a folder, a file, a web address nor a Git repository"),
        ("git+file:///nowhere/at/all", "git clone failed: fatal: .*does not"),
        ("git+ext::sh -c id", "git clone failed: fatal: transport 'ext' not allowed"),
        ("http://169.254.169.254/latest/x.md", "private|not allowed|address"),
    ],
)
def test_a_place_that_cannot_be_read_is_told_in_words(place: str, says: str) -> None:
    with pytest.raises(origins.Unreadable, match=says):
        origins.read(place)
