"""The admin site: its name, its first page, and the order of its menu."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.template.response import TemplateResponse
from django.urls import reverse

from copilot.admin import overview
from copilot.admin.attempts import PacedAuthenticationForm
from copilot.admin.roles import roles_of
from copilot.models import Role

if TYPE_CHECKING:
    from django.http import HttpRequest

# What people look for first comes first; the names are those of the on-call world.
MENU = {
    "Incident": "Incidents",
    "Service": "Services",
    "ServiceDependency": "Topology",
    "Connection": "Connections",
    "Agent": "Agents",
    "ChangeRecord": "Changes",
    "Runbook": "Runbooks",
    "Delivery": "Deliveries",
    "Question": "Questions",
    "ModelCall": "Model calls",
    "ApiToken": "API tokens",
    "AuditEntry": "Audit log",
    "Tenant": "Tenants and people",
    "User": "Logins",
}


class OpsSite(admin.AdminSite):
    """Be the product's admin."""

    site_header = "SRE Copilot"
    site_title = "SRE Copilot"
    index_title = "Overview"
    site_url = None
    login_form = PacedAuthenticationForm
    index_template = "admin/copilot/overview.html"
    empty_value_display = "–"
    enable_nav_sidebar = True

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show how each tenant fares that the person may see."""
        tenants = roles_of(request).tenants(Role.VIEWER).order_by("slug")
        page = overview.page_of(tenants, request.GET.get("p"))
        context = {
            **self.each_context(request),
            "title": self.index_title,
            "subtitle": None,
            "app_list": self.get_app_list(request),
            "page": page,
            "tenants": overview.read(page.object_list),
            "may_add_tenant": request.user.is_superuser,
            **(extra_context or {}),
        }
        return TemplateResponse(request, self.index_template, context)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Return the menu: one list, in the order in which people look."""
        found = super().get_app_list(request, app_label)
        models = [model for app in found for model in app["models"]]
        places = list(MENU)
        models.sort(key=lambda model: places.index(model["object_name"]))
        for model in models:
            model["name"] = MENU[model["object_name"]]
        if not models:
            return []
        return [
            {
                **found[0],
                "name": "SRE Copilot",
                "models": models,
                "app_url": reverse("admin:index"),
                "has_module_perms": True,
            }
        ]
