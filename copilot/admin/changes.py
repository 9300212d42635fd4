"""Changes that were reported: to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.utils.html import format_html

from copilot.admin import marks
from copilot.admin.base import ReadOnlyAdmin, TenantFilter
from copilot.models import ChangeRecord

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse


@admin.register(ChangeRecord)
class ChangeAdmin(ReadOnlyAdmin):
    """Be the pages of changes."""

    list_display = ("at", "tenant", "title", "display_service", "kind", "author", "version", "status", "source")
    list_display_links = ("title",)
    list_filter = (TenantFilter, "at")
    search_fields = ("title", "service_name", "service__name", "author", "version")
    fieldsets = (
        (None, {"fields": ("tenant", "title", "display_service", "namespace", "environment", "kind", "status")}),
        ("Change", {"fields": ("at", "author", "version", "previous_version", "display_link", "detail")}),
        ("Report", {"fields": ("source", "dedupe_key", "key", "updated_at")}),
    )
    readonly_fields = ("tenant", "display_service", "display_link", "updated_at")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Name the list."""
        return super().changelist_view(request, {"title": "Changes", **(extra_context or {})})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the changes with their services' names."""
        return super().get_queryset(request).select_related("service")

    @admin.display(description="service", ordering="service_name")
    def display_service(self, row: ChangeRecord) -> str:
        """Return the service's name, or what the report called it."""
        return row.service.name if row.service else row.service_name

    @admin.display(description="link")
    def display_link(self, row: ChangeRecord) -> str:
        """Return the link, as one where it leads to the web."""
        safe = marks.web_address(row.link)
        return format_html('<a href="{}" rel="noopener noreferrer">{}</a>', safe, safe) if safe else row.link
