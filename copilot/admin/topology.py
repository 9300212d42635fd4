"""The topology: every arrow between two services, with who says so, since when, and whether it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import CharField, Func, OuterRef, Subquery, Value
from django.utils import timezone

from copilot.admin.base import ReadOnlyAdmin, TenantFilter
from copilot.models import ServiceDependency, TopologySurvey
from copilot.topology.graph import ALLOWED, is_stale

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse


@admin.register(ServiceDependency)
class ArrowAdmin(ReadOnlyAdmin):
    """Be the list of arrows; people draw and remove theirs on the caller's page."""

    list_display = ("caller", "callee", "tenant", "source", "detail", "standing", "last_seen_at", "first_seen_at")
    list_filter = (TenantFilter,)
    search_fields = ("caller__name", "callee__name", "source", "detail")
    fields = ("tenant", "caller", "callee", "source", "detail", "standing", "first_seen_at", "last_seen_at")
    readonly_fields = ("tenant", "caller", "callee", "standing", "first_seen_at", "last_seen_at")
    ordering = ("tenant__slug", "caller__name", "callee__name", "source")
    list_per_page = 100

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the arrows with their services' names, and when their source was last asked."""
        slug = Func(OuterRef("source"), Value(" "), Value(1), function="split_part", output_field=CharField())
        surveys = TopologySurvey.objects.filter(tenant=OuterRef("tenant"), connection__kind=slug)
        asked = surveys.exclude(answered_at=None).order_by("-answered_at").values("answered_at")[:1]
        rows: QuerySet[Any] = super().get_queryset(request).select_related("caller", "callee")
        dated: QuerySet[Any] = rows.annotate(asked_at=Subquery(asked))
        return dated

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Name the list."""
        return super().changelist_view(request, {"title": "Who needs whom", **(extra_context or {})})

    @admin.display(description="used")
    def standing(self, row: Any) -> str:
        """Return whether the arrow is used, and where it is not, why."""
        if row.source == ALLOWED:
            return "no: merely allowed"
        return "no: stale" if is_stale(row.source, row.last_seen_at, row.asked_at or timezone.now()) else "yes"
