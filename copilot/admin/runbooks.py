"""Runbooks: which there are, each as it was read, and uploading more of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html

from copilot.admin import marks
from copilot.admin.base import ReadOnlyAdmin, TenantFilter
from copilot.admin.roles import roles_of
from copilot.models import Role, Runbook
from copilot.runbooks import library, origins

if TYPE_CHECKING:
    from django.core.files.uploadedfile import UploadedFile
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    from copilot.runbooks.library import Changes

# So many titles, and as many notes, are told one by one after an upload; of more only their number.
MOST_TOLD = 10
MIB = 2**20


class UploadForm(forms.Form):
    """Be one file: a Markdown document, or a zip of them."""

    file = forms.FileField(
        label="File",
        help_text=f"Markdown ({', '.join(origins.SUFFIXES)}), or a .zip of such files, as Notion and Confluence export them."
        f" {origins.MAX_BYTES // MIB} MiB a document, {origins.MAX_ARCHIVE_BYTES // MIB} MiB unpacked.",
        widget=forms.ClearableFileInput(attrs={"accept": ",".join((*origins.SUFFIXES, ".zip"))}),
    )

    def clean_file(self) -> origins.Origin:
        """Return what the file holds."""
        given: UploadedFile[bytes] = self.cleaned_data["file"]
        if (given.size or 0) > origins.MAX_ARCHIVE_BYTES:
            raise ValidationError(f"This is larger than {origins.MAX_ARCHIVE_BYTES // MIB} MiB: split it.")
        try:
            return origins.read_upload(given.name or "", given.read())
        except origins.Unreadable as problem:
            raise ValidationError(f"Nothing was taken in: {problem}") from None


@admin.register(Runbook)
class RunbookAdmin(ReadOnlyAdmin):
    """Be the pages of runbooks in use; they are changed where they are written, and uploaded again."""

    write_role: ClassVar[Role | None] = Role.ADMIN
    list_display = ("title", "tenant", "display_services", "display_causes", "source", "version", "display_written")
    list_filter = (TenantFilter,)
    search_fields = ("title", "source", "path", "services", "keywords")
    ordering = ("tenant__slug", "title", "source", "path")
    fieldsets = (
        (None, {"fields": ("tenant", "title", "display_services", "display_causes", "display_keywords")}),
        (
            "Where from",
            {"fields": ("source", "path", "display_link", "version", "written_at", "read_at", "display_by")},
        ),
        ("As it was read", {"fields": ("display_text",)}),
    )
    readonly_fields = (
        "tenant", "display_services", "display_causes", "display_keywords", "display_link", "display_by", "display_text",
    )  # fmt: skip
    actions = ("take_out_of_use",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the runbooks in use."""
        return super().get_queryset(request).filter(removed_at=None)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the person may upload runbooks."""
        del obj
        return roles_of(request).may(Role.ADMIN)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: what a runbook says is changed where it is written."""
        del request, obj
        return False

    # -- uploading --------------------------------------------------------------------------------------------------

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Take a file in, and say what came of it."""
        tenant = self.chosen_tenant(request)
        if tenant is None or not self.has_add_permission(request):
            return super().add_view(request, form_url, extra_context)
        form = UploadForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            changes = library.bring_up_to_date(tenant.pk, form.cleaned_data["file"], by=request.user.get_username())
            self._tell(request, changes)
            return HttpResponseRedirect(reverse("admin:copilot_runbook_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Upload runbooks to {tenant}",
            "form": form,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/copilot/runbook/upload.html", context)

    def _tell(self, request: HttpRequest, changes: Changes) -> None:
        counts = {name: getattr(changes, name) for name in ("added", "changed", "unchanged")}
        told = [
            f"{len(titles)} {name}{f': {_listed(titles)}' if name != 'unchanged' else ''}"
            for name, titles in counts.items()
            if titles
        ]
        self.message_user(request, f"{'; '.join(told) or 'Nothing was taken in'}.", messages.SUCCESS)
        for note in changes.notes[:MOST_TOLD]:
            self.message_user(request, note, messages.WARNING)
        if len(changes.notes) > MOST_TOLD:
            self.message_user(request, f"… and {len(changes.notes) - MOST_TOLD} more like these.", messages.WARNING)

    # -- taking away ------------------------------------------------------------------------------------------------

    @admin.action(description="Take the chosen runbooks out of use", permissions=("add",))
    def take_out_of_use(self, request: HttpRequest, queryset: QuerySet[Runbook]) -> None:
        """Remove runbooks; their versions stay, and uploading one again brings it back."""
        by_tenant: dict[Any, list[Runbook]] = {}
        for row in self.writable(request, queryset, Role.ADMIN):
            by_tenant.setdefault(row.tenant_id, []).append(row)
        for tenant_id, rows in by_tenant.items():
            library.remove(tenant_id, rows, by=request.user.get_username())
        count = sum(map(len, by_tenant.values()))
        self.message_user(request, f"{count} runbook{'' if count == 1 else 's'} taken out of use.", messages.SUCCESS)

    # -- what is shown ----------------------------------------------------------------------------------------------

    @admin.display(description="services")
    def display_services(self, row: Runbook) -> str:
        """Return the services that it is for."""
        return ", ".join(map(str, row.services)) or "any"

    @admin.display(description="causes")
    def display_causes(self, row: Runbook) -> str:
        """Return the kinds of cause that it is for."""
        return ", ".join(map(str, row.causes)) or "any"

    @admin.display(description="written", ordering="written_at")
    def display_written(self, row: Runbook) -> str:
        """Return the day of its own date."""
        return f"{row.written_at:%Y-%m-%d}" if row.written_at else ""

    @admin.display(description="keywords")
    def display_keywords(self, row: Runbook) -> str:
        """Return what else people call it."""
        return ", ".join(map(str, row.keywords))

    @admin.display(description="link")
    def display_link(self, row: Runbook) -> str:
        """Return the link, as one where it leads to the web."""
        safe = marks.web_address(row.link)
        return format_html('<a href="{}" rel="noopener noreferrer">{}</a>', safe, safe) if safe else row.link

    @admin.display(description="read by")
    def display_by(self, row: Runbook) -> str:
        """Return who brought the newest version in."""
        newest = row.versions.order_by("-number").first()
        return newest.read_by if newest else ""

    @admin.display(description="text")
    def display_text(self, row: Runbook) -> str:
        """Return the newest version's text, as text."""
        newest = row.versions.order_by("-number").first()
        return format_html('<pre class="body">{}</pre>', newest.text if newest else "")


def _listed(titles: list[str]) -> str:
    shown = ", ".join(titles[:MOST_TOLD])
    return f"{shown} and {len(titles) - MOST_TOLD} more" if len(titles) > MOST_TOLD else shown
