"""Agents in customers' clusters: how they do, what they reach, and their tokens, which can be taken away here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin, messages
from django.utils.html import format_html

from copilot.admin import marks
from copilot.admin.base import ReadOnlyAdmin, TenantFilter
from copilot.admin.roles import roles_of
from copilot.models import Agent, AgentRequest, AgentToken, Role
from copilot.relay import tokens
from copilot.relay.states import state_of

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.safestring import SafeString

SHOWN_REQUESTS = 20
TONES = {"connected": ("✓", "good"), "never seen": ("?", "calm")}


@admin.register(Agent)
class AgentAdmin(ReadOnlyAdmin):
    """Be the pages of agents. They are made at the command line, which can show a token once."""

    list_display = ("name", "tenant", "display_state", "display_detail", "version", "last_seen_at")
    list_filter = (TenantFilter,)
    search_fields = ("name",)
    ordering = ("tenant__slug", "name")
    actions = ("revoke",)
    fieldsets = (
        (None, {"fields": ("tenant", "name", "display_state", "display_detail")}),
        ("Seen", {"fields": ("version", "started_at", "last_seen_at", "refused_at", "refused_reason")}),
        ("Tokens", {"fields": ("display_tokens",)}),
        ("Last requests", {"fields": ("display_requests",)}),
    )
    readonly_fields = ("tenant", "display_state", "display_detail", "display_tokens", "display_requests")

    @admin.display(description="state")
    def display_state(self, row: Agent) -> SafeString:
        """Return the state as mark and word."""
        word = state_of(row).word
        sign, tone = TONES.get(word, ("✗", "bad"))
        return marks.mark(sign, word, tone)

    @admin.display(description="what was seen")
    def display_detail(self, row: Agent) -> str:
        """Return what was seen, or what to do."""
        return state_of(row).detail[:500]

    @admin.display(description="tokens")
    def display_tokens(self, row: Agent) -> SafeString:
        """Return the tokens, by their labels."""
        found = AgentToken.objects.filter(tenant_id=row.tenant_id, agent_id=row.pk).order_by("-created_at")
        return _lines([f"{one.label}  made {one.created_at:%Y-%m-%d %H:%M}  {tokens.word_of(one)}" for one in found])

    @admin.display(description="requests")
    def display_requests(self, row: Agent) -> SafeString:
        """Return what it was asked last, and how that ended; what it answered is kept nowhere."""
        found = AgentRequest.objects.filter(agent=row).order_by("-created_at").defer("answer")[:SHOWN_REQUESTS]
        return _lines([f"{one.created_at:%Y-%m-%d %H:%M:%S}  {one}  {one.reason}".rstrip() for one in found])

    def has_steer_permission(self, request: HttpRequest) -> bool:
        """Return whether the person may take tokens away, in any tenant."""
        return roles_of(request).may(Role.ADMIN)

    @admin.action(description="Revoke all tokens of the chosen agents, at once", permissions=["steer"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Agent]) -> None:
        """Take tokens away; the agents are refused from then on."""
        count = 0
        for row in self.writable(request, queryset, Role.ADMIN):
            count += len(tokens.revoke(row.tenant_id, row, actor=request.user.get_username()))
        self.message_user(request, f"{count} token{'' if count == 1 else 's'} revoked.", messages.SUCCESS)


def _lines(lines: list[str]) -> SafeString:
    return format_html('<pre class="body">{}</pre>', "\n".join(lines) or "none")
