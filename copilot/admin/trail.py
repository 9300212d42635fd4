"""What was done and what it cost: the audit log and the model's calls, to look at and never to change."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.utils.html import format_html

from copilot.admin import marks
from copilot.admin.base import ReadOnlyAdmin, TenantFilter
from copilot.models import AuditEntry, ModelCall

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString


@admin.register(AuditEntry)
class AuditAdmin(ReadOnlyAdmin):
    """Be the audit log."""

    list_display = ("at", "tenant", "actor", "action", "target", "detail_line")
    list_display_links = None
    list_filter = (TenantFilter, "at")
    search_fields = ("actor", "action", "target")
    fields = ("tenant", "at", "actor", "action", "target", "display_detail")
    readonly_fields = ("tenant", "at", "display_detail")
    list_per_page = 100

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Name the list."""
        return super().changelist_view(request, {"title": "Audit log", **(extra_context or {})})

    @admin.display(description="detail")
    def detail_line(self, row: AuditEntry) -> str:
        """Return the beginning of the detail."""
        text = json.dumps(row.detail, ensure_ascii=False) if row.detail else ""
        return text if len(text) <= 160 else text[:159] + "…"

    @admin.display(description="detail")
    def display_detail(self, row: AuditEntry) -> SafeString:
        """Return the detail whole."""
        return format_html('<pre class="body">{}</pre>', json.dumps(row.detail, ensure_ascii=False, indent=2))


@admin.register(ModelCall)
class ModelCallAdmin(ReadOnlyAdmin):
    """Be the model's calls."""

    list_display = (
        "created_at",
        "tenant",
        "incident",
        "purpose",
        "model",
        "outcome",
        "input_tokens",
        "output_tokens",
        "display_dollars",
        "display_seconds",
    )
    list_filter = (TenantFilter, "created_at")
    search_fields = ("model", "outcome", "request_id", "purpose")
    fields = (
        "tenant",
        "incident",
        "created_at",
        "purpose",
        "model",
        "prompt_version",
        "outcome",
        "request_id",
        ("input_tokens", "output_tokens", "cache_write_tokens", "cache_read_tokens"),
        "display_dollars",
        "display_seconds",
    )
    readonly_fields = ("tenant", "incident", "created_at", "display_dollars", "display_seconds")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the calls with their incidents."""
        return super().get_queryset(request).select_related("run__incident")

    @admin.display(description="incident")
    def incident(self, row: ModelCall) -> str:
        """Return the incident that was asked about."""
        return str(row.run.incident) if row.run else ""

    @admin.display(description="cost", ordering="dollars")
    def display_dollars(self, row: ModelCall) -> str:
        """Return the cost."""
        return marks.dollars(float(row.dollars))

    @admin.display(description="took", ordering="seconds")
    def display_seconds(self, row: ModelCall) -> str:
        """Return the time."""
        return marks.duration(row.seconds)
