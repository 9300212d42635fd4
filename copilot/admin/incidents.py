"""Incidents: the list, and a page with everything that was seen, weighed and said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html

from copilot.admin import incident_page, marks
from copilot.admin.base import ReadOnlyAdmin, TenantFilter
from copilot.models import FeedbackValue, Hypothesis, Incident, RankingRecord
from scoring.evidence import Verdict

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString


class VerdictFilter(admin.SimpleListFilter):
    """Choose incidents by their newest verdict."""

    title = "verdict"
    parameter_name = "verdict"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        del request, model_admin
        return [*((one.value, one.value) for one in Verdict), ("none", "not investigated")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the chosen ones."""
        del request
        if self.value() == "none":
            return queryset.filter(newest_verdict__isnull=True)
        return queryset.filter(newest_verdict=self.value()) if self.value() else queryset


class FeedbackFilter(admin.SimpleListFilter):
    """Choose incidents by what people said."""

    title = "feedback"
    parameter_name = "feedback"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        del request, model_admin
        return [("confirmed", "cause confirmed"), ("given", "some"), ("none", "none yet")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the chosen ones."""
        del request
        match self.value():
            case "confirmed":
                return queryset.filter(confirmation__isnull=False)
            case "given":
                return queryset.filter(Q(up__gt=0) | Q(down__gt=0))
            case "none":
                return queryset.filter(up=0, down=0, confirmation__isnull=True)
        return queryset


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    """Be the pages of incidents."""

    list_display = (
        "display_number",
        "tenant",
        "display_title",
        "display_status",
        "top_hypothesis",
        "display_feedback",
    )
    list_display_links = ("display_number",)
    list_filter = (TenantFilter, "status", VerdictFilter, FeedbackFilter, "started_at")
    search_fields = ("title", "service_name", "service__name", "symptom", "dedupe_key")
    search_help_text = "Words of the title, the service or the symptom"
    ordering = ("-started_at", "-number")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the incidents with what the list shows, in one query."""
        newest = "-run__sequence"
        inside = {"run__incident": OuterRef("pk")}
        feedback = "runs__hypotheses__feedback"
        rows: QuerySet[Any] = super().get_queryset(request)
        told: QuerySet[Any] = rows.select_related("service", "confirmation").annotate(
            newest_verdict=Subquery(RankingRecord.objects.filter(**inside).order_by(newest).values("verdict")[:1]),
            top_statement=Subquery(
                Hypothesis.objects.filter(**inside, rank=1).order_by(newest).values("statement")[:1]
            ),
            up=Coalesce(Count(feedback, filter=Q(**{f"{feedback}__value": FeedbackValue.UP})), 0),
            down=Coalesce(Count(feedback, filter=Q(**{f"{feedback}__value": FeedbackValue.DOWN})), 0),
        )

        return told

    @admin.display(description="incident", ordering="started_at")
    def display_number(self, row: Incident) -> SafeString:
        """Return the number as people say it, and when it began."""
        began = date_format(timezone.localtime(row.started_at), "Y-m-d H:i")
        return format_html("INC-{}<br><small>{}</small>", row.number, began)

    @admin.display(description="what", ordering="title")
    def display_title(self, row: Incident) -> SafeString:
        """Return service and title."""
        return format_html("<strong>{}</strong><br>{}", row.display_service, row.title)

    @admin.display(description="status and verdict", ordering="status")
    def display_status(self, row: Any) -> SafeString:
        """Return the status, and the verdict where there is one, as marks and words."""
        status, verdict = marks.status_mark(row.status), row.newest_verdict
        return format_html("{}<br>{}", status, marks.verdict_mark(verdict)) if verdict else status

    @admin.display(description="first hypothesis")
    def top_hypothesis(self, row: Any) -> str:
        """Return the beginning of the first hypothesis."""
        text: str = row.top_statement or ""
        return text if len(text) <= 110 else text[:109] + "…"

    @admin.display(description="feedback")
    def display_feedback(self, row: Any) -> SafeString | str:
        """Return what people said."""
        said = " ".join([f"👍 {row.up}"] * bool(row.up) + [f"👎 {row.down}"] * bool(row.down))
        if getattr(row, "confirmation", None) is None:
            return said
        return format_html("{}<br>✓ confirmed", said) if said else "✓ confirmed"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the incident; `?run=2` shows an earlier investigation."""
        del form_url
        row = self.get_object(request, object_id)
        if row is None or not self.has_view_permission(request, row):
            return self.elsewhere(request, object_id)
        asked = request.GET.get("run", "")
        page = incident_page.read(row, sequence=int(asked) if asked.isdecimal() and len(asked) < 6 else None)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"INC-{row.number} · {row.display_service}",
            "page": page,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/copilot/incident/page.html", context)
