"""Connections: choose a kind, enter credentials that are never shown again, and test that it works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.http import HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse

from copilot import connections
from copilot.admin import marks
from copilot.admin.base import TenantAdmin, TenantFilter
from copilot.admin.credentials import CLEAR, PREFIX, ConnectionForm, form_for
from copilot.guard import vault
from copilot.models import Connection, Delivery, Endpoint, Role
from integrations import registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern
    from django.utils.safestring import SafeString

    from integrations.base import Integration

# Tests run one after the other, each for at most connections.CHECK_SECONDS.
TESTED_AT_ONCE = 10
# By whether a test said that it works; None where nothing came in yet that could tell.
TOLD = {True: ("works", messages.SUCCESS), False: ("fails", messages.ERROR), None: ("waits", messages.INFO)}
SLACK = "slack"
FOR_SLACK = (
    "A Slack workspace is connected from the command line: `copilot connect TENANT slack --set bot_token=… --set"
    " signing_secret=…`, or `copilot connect TENANT slack --local`. Here it can be tested and switched off."
)


@admin.register(Connection)
class ConnectionAdmin(TenantAdmin):
    """Be the pages of connections."""

    write_role: ClassVar[Role | None] = Role.ADMIN
    # `connections.connect` writes its own entry, with the names of the fields.
    audits_forms = False
    list_display = ("display_name", "tenant", "display_health", "health_detail_line", "checked_at")
    list_filter = (TenantFilter, "kind", "health", "is_enabled")
    search_fields = ("kind", "name", "health_detail")
    ordering = ("tenant__slug", "kind", "name")
    actions = ("test_connections",)
    change_form_template = "admin/copilot/connection/change_form.html"

    @admin.display(description="connection", ordering="kind")
    def display_name(self, row: Connection) -> str:
        """Return the vendor's name, and the connection's own where it has one."""
        title = _title(row.kind)
        return title if row.name == "default" else f"{title} ({row.name})"

    @admin.display(description="health", ordering="health")
    def display_health(self, row: Connection) -> SafeString:
        """Return the health as mark and word."""
        return marks.health_mark(row)

    @admin.display(description="last seen")
    def health_detail_line(self, row: Connection) -> str:
        """Return the beginning of what the last test saw."""
        return row.health_detail if len(row.health_detail) <= 120 else row.health_detail[:119] + "…"

    @admin.display(description="kind")
    def display_kind(self, row: Connection) -> str:
        """Return the vendor's name."""
        return _title(row.kind)

    # -- the form ---------------------------------------------------------------------------------------------------

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask for the kind first: each has a form of its own."""
        tenant = self.chosen_tenant(request)
        if tenant is not None and self.has_add_permission(request) and _asked_kind(request) is None:
            return self.choose(
                request,
                question=f"Connect {tenant} to …",
                choices=[
                    (f"?tenant={tenant.slug}&kind={slug}", one.title, _summary(one))
                    for slug, one in registry.integrations().items()
                ]
                + [("", "Slack", FOR_SLACK)],
            )
        return super().add_view(request, form_url, extra_context)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **keywords: Any) -> Any:  # noqa: FBT001, FBT002 - Django's own signature
        """Return the form of the connection's kind."""
        kind = obj.kind if obj else _asked_kind(request)
        if kind and (obj is None or self.has_change_permission(request, obj)):
            # Behind an agent, the credentials are not here.
            keywords["form"] = form_for(kind, None if obj and obj.agent_id else _integration(kind))
        return super().get_form(request, obj, change, **keywords)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the parts of the page; credentials and the webhook's address are for those who may change them."""
        health = ("Health", {"fields": ("display_health", "health_detail", "checked_at", "failing_since")})
        kind = obj.kind if obj else _asked_kind(request)
        integration = _integration(kind) if kind else None
        if obj is not None and obj.agent_id:
            return [(None, {"fields": ("tenant", "display_kind", "name", "agent", "is_enabled")}), health]
        if obj is not None and not self.has_change_permission(request, obj):
            return [(None, {"fields": ("tenant", "display_kind", "name", "is_enabled")}), health]
        parts: list[Any] = [
            (
                None,
                {
                    "fields": ("tenant", "display_kind", "name", "is_enabled") if obj else ("name", "is_enabled"),
                    "description": FOR_SLACK if kind == SLACK else "",
                },
            )
        ]
        if integration:
            names: list[Any] = []
            declared = form_for(integration.slug, integration).base_fields
            for name in integration.Credentials.model_fields:
                clear = CLEAR + name
                names.append(PREFIX + name)
                if obj is not None and clear in declared and _has(obj, name):
                    names.append(clear)
            text = "Secrets are sealed with this tenant's key and never shown again."
            parts.append(("Credentials", {"fields": names, "description": text}))
        if obj is not None:
            if integration is None or integration.receives:
                parts.append(("Webhook", {"fields": ("webhook_address",)}))
            parts.append(health)
        return parts

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what is shown and not entered; a connection keeps its kind and name."""
        del request
        shown = ("tenant", "display_kind", "agent", "webhook_address", "display_health", "health_detail", "checked_at")
        return (*shown, "failing_since", *(("name",) if obj else ()))

    @admin.display(description="address")
    def webhook_address(self, row: Connection) -> str:
        """Return where the vendor sends to."""
        try:
            return marks.copyable(connections.address_of(row)) or "none"
        except vault.SealBroken as error:
            return str(error)

    def save_model(self, request: HttpRequest, obj: Connection, form: ConnectionForm, change: bool) -> None:  # noqa: FBT001 - Django's own signature
        """Seal what was entered; `made` keeps for one answer what is shown only once."""
        values = form.values()
        is_enabled, actor = obj.is_enabled, request.user.get_username()
        obj.made = None  # type: ignore[attr-defined]
        if form.integration is not None and (values or not change):
            opened = connections.connect(obj.tenant_id, obj.kind, values, actor=actor, name=obj.name)
            obj.pk = opened.connection_id
            obj.refresh_from_db()
            obj.made = opened  # type: ignore[attr-defined]
        if "is_enabled" in form.changed_data or obj.is_enabled != is_enabled:
            obj.is_enabled = is_enabled
            obj.save(update_fields=["is_enabled", "updated_at"])
            if change or not is_enabled:
                self.audit(request, "switch on" if is_enabled else "switch off", obj)

    def response_add(self, request: HttpRequest, obj: Connection, post_url_continue: str | None = None) -> HttpResponse:
        """Show the address and made secrets once, in this very answer: they are kept nowhere on the way."""
        del post_url_continue
        return self._made(request, obj)

    def response_change(self, request: HttpRequest, obj: Connection) -> HttpResponse:
        """Show a newly made secret once; else go back as usual."""
        made = getattr(obj, "made", None)
        return self._made(request, obj) if made and made.generated else super().response_change(request, obj)

    def _made(self, request: HttpRequest, obj: Connection) -> HttpResponse:
        made: connections.Opened | None = getattr(obj, "made", None)
        fields = registry.get(obj.kind).Credentials.model_fields
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{obj.tenant} is connected to {_title(obj.kind)}",
            "connection": obj,
            "webhook_url": made.webhook_url if made else "",
            "secrets": [
                (fields[name].title or name, value) for name, value in (made.generated if made else {}).items()
            ],
        }
        return TemplateResponse(request, "admin/copilot/connection/made.html", context)

    def render_change_form(self, request: HttpRequest, context: Any, *arguments: Any, **keywords: Any) -> Any:
        """Take away the buttons that make no sense here."""
        context["show_save_and_add_another"] = False
        row = context.get("original")
        context["may_test"] = row is not None and self.has_change_permission(request, row)
        return super().render_change_form(request, context, *arguments, **keywords)

    # -- test -------------------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        """Add the test's address."""
        test = path(
            "<path:object_id>/test/", self.admin_site.admin_view(self.test_view), name="copilot_connection_test"
        )
        return [test, *super().get_urls()]

    def test_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Test one connection, from the button on its page."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        row = self.get_object(request, object_id)
        if row is None or not self.has_change_permission(request, row):
            return self.elsewhere(request, object_id)
        self._test(request, row)
        return HttpResponseRedirect(reverse("admin:copilot_connection_change", args=[row.pk]))

    @admin.action(description="Test connection", permissions=["change"])
    def test_connections(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        """Test the chosen connections, one after the other."""
        rows = list(self.writable(request, queryset, Role.ADMIN)[: TESTED_AT_ONCE + 1])
        if not rows:
            self.message_user(request, "Testing is for admins and owners of the tenant.", messages.WARNING)
        for row in rows[:TESTED_AT_ONCE]:
            self._test(request, row)
        if len(rows) > TESTED_AT_ONCE:
            text = f"Only the first {TESTED_AT_ONCE} were tested; choose fewer at a time."
            self.message_user(request, text, messages.WARNING)

    def _test(self, request: HttpRequest, row: Connection) -> None:
        health = connections.check(row.tenant_id, row.pk)
        self.audit(request, "test connection", row, {"works": health.works})
        name = f"{row.tenant} · {self.display_name(row)}"
        word, level = TOLD[health.works]
        self.message_user(request, f"{name} {word}: {health.detail}", level)

    # -- delete -----------------------------------------------------------------------------------------------------

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the person may delete it; Slack's rows hang together, it is switched off instead."""
        return super().has_delete_permission(request, obj) and not (obj is not None and obj.kind == SLACK)

    def goes_with(self, row: Connection) -> Iterator[tuple[str, int]]:
        """Yield what hangs on a connection."""
        yield "accepted deliveries, as they came", Delivery.objects.filter(connection=row).count()
        yield "webhook addresses", Endpoint.objects.filter(connection_id=row.pk).count()

    def delete_model(self, request: HttpRequest, obj: Connection) -> None:
        """Delete the connection, and the address that led to it."""
        Endpoint.objects.filter(tenant_id=obj.tenant_id, connection_id=obj.pk).delete()
        super().delete_model(request, obj)


def _integration(kind: str) -> Integration | None:
    try:
        return registry.get(kind)
    except registry.UnknownIntegration:
        return None


def _title(kind: str) -> str:
    integration = _integration(kind)
    return integration.title if integration else kind.capitalize()


def _summary(integration: Integration) -> str:
    ways = (("It sends us webhooks.", integration.receives), ("We ask it for evidence.", integration.gathers))
    return " ".join(text for text, is_so in ways if is_so)


def _asked_kind(request: HttpRequest) -> str | None:
    kind = request.GET.get("kind", "")
    return kind if _integration(kind) else None


def _has(row: Connection, name: str) -> bool:
    try:
        return bool(vault.unseal(row.tenant_id, row.sealed).get(name))
    except vault.SealBroken:
        return False
