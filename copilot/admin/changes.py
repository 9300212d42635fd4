"""Changes, one row for each however many told of it, with every report behind it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from copilot.admin import marks
from copilot.admin.base import ReadOnlyAdmin, TenantFilter
from copilot.models import ChangeRecord
from copilot.models.change import together
from scoring.sightings import SAME_KEY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString

# So many reports, the newest ones, are looked at for which are one change; older ones stand by themselves.
MOST = 2000


class Changes(ChangeList):
    """Be a list of changes: of the reports of one change the most telling one stands for all."""

    def get_queryset(self, request: HttpRequest, *arguments: Any, **keywords: Any) -> QuerySet[Any]:
        """Return the reports that stand for their changes, of those that were searched for."""
        found = super().get_queryset(request, *arguments, **keywords)
        newest = (
            self.root_queryset.select_related("service").defer("detail", "files", "link").order_by("-at", "pk")[:MOST]
        )
        self.groups: dict[Any, list[ChangeRecord]] = {}
        chosen = set(found.order_by("-at", "pk").values_list("pk", flat=True)[:MOST])
        hidden: list[Any] = []
        for group in together(newest):
            shown, *others = [row for row in group if row.pk in chosen] or [group[0]]
            self.groups[shown.pk] = group
            hidden += [row.pk for row in others]
        return found.exclude(pk__in=hidden)

    def get_results(self, request: HttpRequest) -> None:
        """Hand each row the reports of its change."""
        super().get_results(request)
        for row in self.result_list:
            row.reports = self.groups.get(row.pk, [row])


@admin.register(ChangeRecord)
class ChangeAdmin(ReadOnlyAdmin):
    """Be the pages of changes."""

    list_display = (
        "at",
        "tenant",
        "title",
        "display_service",
        "kind",
        "author",
        "version",
        "status",
        "display_sources",
    )
    list_display_links = ("title",)
    list_filter = (TenantFilter, "at")
    search_fields = ("title", "service_name", "service__name", "author", "version", "source")
    fieldsets = (
        (None, {"fields": ("tenant", "title", "display_service", "namespace", "environment", "kind", "status")}),
        (
            "Change",
            {"fields": ("at", "author", "version", "previous_version", "display_link", "detail", "display_files")},
        ),
        ("Told by", {"fields": ("display_reports",)}),
        ("This report", {"fields": ("source", "dedupe_key", "key", "updated_at")}),
    )
    readonly_fields = ("tenant", "display_service", "display_link", "display_files", "display_reports", "updated_at")

    def get_changelist(self, request: HttpRequest, **keywords: Any) -> type[ChangeList]:
        """Return the list that shows a change once."""
        del request, keywords
        return Changes

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Name the list."""
        return super().changelist_view(request, {"title": "Changes", **(extra_context or {})})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the changes with their services' names."""
        return super().get_queryset(request).select_related("service")

    @admin.display(description="service", ordering="service_name")
    def display_service(self, row: ChangeRecord) -> str:
        """Return the service's name, or what the report called it."""
        return row.service_called

    @admin.display(description="told by", ordering="source")
    def display_sources(self, row: Any) -> str:
        """Return who told of the change, each with how often where it is more than once."""
        counts: dict[str, int] = {}
        for one in row.reports:
            counts[one.source] = counts.get(one.source, 0) + 1
        return ", ".join(f"{source} ×{count}" if count > 1 else source for source, count in counts.items())

    @admin.display(description="reports")
    def display_reports(self, row: ChangeRecord) -> SafeString:
        """Return every report of this change, each with a link to its own page."""
        return format_html_join(
            "",
            '{} · <a href="{}">{}</a> · {} · {}<br>',
            (
                (
                    f"{one.at:%Y-%m-%d %H:%M:%S} UTC",
                    reverse("admin:copilot_changerecord_change", args=[one.pk]),
                    one.source,
                    one.status or "no status",
                    one.title,
                )
                for one in self._reports(row)
            ),
        )

    @admin.display(description="files")
    def display_files(self, row: ChangeRecord) -> SafeString:
        """Return the paths that it touches, whichever report tells them."""
        files = dict.fromkeys(str(file) for one in self._reports(row) for file in one.files)
        return format_html_join("", "{}<br>", ((file,) for file in files))

    @admin.display(description="link")
    def display_link(self, row: ChangeRecord) -> str:
        """Return the link, as one where it leads to the web."""
        safe = marks.web_address(row.link)
        return format_html('<a href="{}" rel="noopener noreferrer">{}</a>', safe, safe) if safe else row.link

    def _reports(self, row: ChangeRecord) -> Iterable[ChangeRecord]:
        reach = timedelta(seconds=2 * SAME_KEY_SECONDS)
        near = ChangeRecord.objects.filter(tenant_id=row.tenant_id, at__gte=row.at - reach, at__lte=row.at + reach)
        rows = near.select_related("service").order_by("-at", "pk")[:MOST]
        return next((group for group in together(rows) if row in group), [row])
