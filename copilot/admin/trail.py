"""What was done and what it cost: the audit log and the model's calls, to look at and never to change."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.utils.html import format_html

from copilot.admin import marks
from copilot.admin.base import ReadOnlyAdmin, TenantFilter
from copilot.models import AuditEntry, ModelCall, Question

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
        return super().get_queryset(request).select_related("run__incident", "question__incident")

    @admin.display(description="incident")
    def incident(self, row: ModelCall) -> str:
        """Return the incident that was asked about."""
        about = row.run or row.question
        return str(about.incident) if about and about.incident else ""

    @admin.display(description="cost", ordering="dollars")
    def display_dollars(self, row: ModelCall) -> str:
        """Return the cost."""
        return marks.dollars(float(row.dollars))

    @admin.display(description="took", ordering="seconds")
    def display_seconds(self, row: ModelCall) -> str:
        """Return the time."""
        return marks.duration(row.seconds)


@admin.register(Question)
class QuestionAdmin(ReadOnlyAdmin):
    """Be the questions people asked, with their answers."""

    list_display = (
        "asked_at",
        "tenant",
        "incident",
        "person_name",
        "text_line",
        "status",
        "answered_by",
        "display_feedback",
    )
    list_filter = (TenantFilter, "status", "answered_by", "asked_at")
    search_fields = ("text", "person_name", "person")
    fields = (
        "tenant",
        "incident",
        "asked_at",
        "person_name",
        "text",
        "status",
        "answered_by",
        "note",
        "display_answer",
        "display_sources",
        "display_feedback",
        "error",
        "answered_at",
    )
    readonly_fields = ("tenant", "asked_at", "display_answer", "display_sources", "display_feedback")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the questions with what is shown beside them."""
        return super().get_queryset(request).select_related("incident").prefetch_related("feedback")

    @admin.display(description="question")
    def text_line(self, row: Question) -> str:
        """Return the question's beginning."""
        return row.text if len(row.text) <= 120 else row.text[:119] + "…"

    @admin.display(description="answer")
    def display_answer(self, row: Question) -> SafeString:
        """Return the answer, a line each, with what each cites."""
        lines = [f"{line['text']} {' '.join(line['cites'])}".rstrip() for line in row.answer]
        return format_html('<pre class="body">{}</pre>', "\n".join(lines))

    @admin.display(description="rests on")
    def display_sources(self, row: Question) -> SafeString:
        """Return what the answer cites, and the queries that were run for it."""
        lines = [f"{one['id']} {one['text']} {one['query']}".rstrip() for one in row.sources]
        return format_html('<pre class="body">{}</pre>', "\n".join(lines))

    @admin.display(description="feedback")
    def display_feedback(self, row: Question) -> str:
        """Return what people said of the answer."""
        return ", ".join(str(one) for one in row.feedback.all())
