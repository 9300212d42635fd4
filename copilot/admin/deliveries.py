"""Deliveries: webhooks as they came, what became of them, and another try."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import Count
from django.utils import timezone
from django.utils.html import format_html

from copilot.admin import marks
from copilot.admin.base import ReadOnlyAdmin, TenantFilter
from copilot.admin.roles import roles_of
from copilot.models import Delivery, Role

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.safestring import SafeString

# More of a body than this is not shown; webhooks are below a megabyte.
SHOWN_CHARACTERS = 200_000


class OutcomeFilter(admin.SimpleListFilter):
    """Choose deliveries by what became of them."""

    title = "outcome"
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        del request, model_admin
        return [("waiting", "waits"), ("handled", "handled"), ("failed", "with an error")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the chosen ones."""
        del request
        match self.value():
            case "waiting":
                return queryset.filter(handled_at__isnull=True)
            case "handled":
                return queryset.filter(handled_at__isnull=False, error="")
            case "failed":
                return queryset.exclude(error="")
        return queryset


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """Be the pages of deliveries."""

    list_display = ("received_at", "tenant", "connection", "outcome", "event_count", "error_line")
    list_filter = (TenantFilter, OutcomeFilter, "received_at")
    search_fields = ("external_id", "error")
    ordering = ("-received_at",)
    actions = ("handle_again",)
    fieldsets = (
        (None, {"fields": ("tenant", "connection", "external_id", "received_at", "outcome", "handled_at")}),
        ("Attempts", {"fields": ("attempts", "not_before", "error")}),
        ("What came", {"fields": ("display_headers", "display_body")}),
        ("What it said", {"fields": ("display_events",)}),
    )
    readonly_fields = ("tenant", "received_at", "outcome", "display_headers", "display_body", "display_events")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the deliveries with their connections; the sealed credentials stay where they are."""
        rows: QuerySet[Any] = super().get_queryset(request)
        rows = rows.select_related("connection").defer("connection__sealed")
        counted: QuerySet[Any] = rows.annotate(events_read=Count("events"))
        return counted

    @admin.display(description="outcome")
    def outcome(self, row: Delivery) -> SafeString:
        """Return what became of the delivery."""
        if row.handled_at is None:
            return marks.mark("…", "tried again" if row.error else "waits", "warn" if row.error else "calm")
        return marks.mark("✗", "not understood", "bad") if row.error else marks.mark("✓", "handled", "good")

    @admin.display(description="events")
    def event_count(self, row: Any) -> int:
        """Return how many events were read from it."""
        count: int = row.events_read
        return count

    @admin.display(description="error")
    def error_line(self, row: Delivery) -> str:
        """Return the beginning of the error."""
        return row.error if len(row.error) <= 100 else row.error[:99] + "…"

    @admin.display(description="headers")
    def display_headers(self, row: Delivery) -> SafeString:
        """Return the headers, as text."""
        return format_html('<pre class="body">{}</pre>', json.dumps(row.headers, ensure_ascii=False, indent=2))

    @admin.display(description="body")
    def display_body(self, row: Delivery) -> SafeString:
        """Return the body as text: indented where it is JSON."""
        text = bytes(row.body).decode(errors="replace")
        with suppress(ValueError):
            text = json.dumps(json.loads(text), ensure_ascii=False, indent=2)
        return format_html('<pre class="body">{}</pre>', text[:SHOWN_CHARACTERS])

    @admin.display(description="events")
    def display_events(self, row: Delivery) -> str:
        """Return the events that were read from it."""
        lines = [
            f"{event.occurred_at:%Y-%m-%d %H:%M:%S} {event.event_type}"
            + (f" → INC-{event.incident.number}" if event.incident else "")
            for event in row.events.select_related("incident").order_by("occurred_at", "pk")[:100]
        ]
        return format_html('<pre class="body">{}</pre>', "\n".join(lines)) if lines else "none"

    def has_steer_permission(self, request: HttpRequest) -> bool:
        """Return whether the person may have deliveries handled again, in any tenant."""
        return roles_of(request).may(Role.ADMIN)

    @admin.action(description="Handle again", permissions=["steer"])
    def handle_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """Open the deliveries anew; the sweeper takes them, and what they did before they do not do twice."""
        chosen = list(queryset.values_list("pk", flat=True))
        rows = self.writable(request, Delivery.objects.filter(pk__in=chosen), Role.ADMIN)
        opened = list(rows)
        now = timezone.now()
        Delivery.objects.filter(pk__in=[row.pk for row in opened]).update(
            handled_at=None, not_before=now, attempts=0, error=""
        )
        for row in opened:
            self.audit(request, "handle delivery again", row)
        if opened:
            text = f"{len(opened)} handled again within seconds: reload this page to see the outcome."
            self.message_user(request, text, messages.SUCCESS)
        if len(opened) < len(chosen):
            text = f"{len(chosen) - len(opened)} left as they were: this is for admins and owners of the tenant."
            self.message_user(request, text, messages.WARNING)
