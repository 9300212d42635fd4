"""Tokens of the REST API: to look at, and to take away. They are made at the command line, which can show them once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages

from copilot import tokens
from copilot.admin.base import ReadOnlyAdmin, TenantFilter
from copilot.models import ApiToken, Role

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """Be the pages of tokens."""

    list_display = ("name", "tenant", "prefix", "role", "display_scopes", "last_used_at", "display_state")
    list_filter = (TenantFilter, "role", "created_at")
    search_fields = ("name", "prefix", "created_by")
    fields = (
        "tenant",
        "name",
        "prefix",
        "role",
        "display_scopes",
        "per_minute",
        ("created_at", "created_by"),
        "last_used_at",
        "display_state",
    )
    readonly_fields = ("tenant", "created_at", "display_scopes", "display_state")
    actions = ("revoke",)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Name the list."""
        return super().changelist_view(request, {"title": "API tokens", **(extra_context or {})})

    @admin.display(description="scopes")
    def display_scopes(self, row: ApiToken) -> str:
        """Return the scopes in one line."""
        return ", ".join(row.scopes)

    @admin.display(description="state")
    def display_state(self, row: ApiToken) -> str:
        """Return whether the token is good, and until when."""
        if row.revoked_at:
            return f"revoked {row.revoked_at:%Y-%m-%d %H:%M} by {row.revoked_by}"
        return f"expires {row.expires_at:%Y-%m-%d %H:%M}" if row.expires_at else "does not expire"

    @admin.action(description="Revoke the chosen tokens, at once")
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        """Take tokens away."""
        count = 0
        for row in self.writable(request, queryset, Role.ADMIN).filter(revoked_at__isnull=True):
            tokens.revoke(row.tenant_id, row.prefix, actor=request.user.get_username())
            count += 1
        self.message_user(request, f"{count} token{'' if count == 1 else 's'} revoked.", messages.SUCCESS)
