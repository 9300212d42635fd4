"""Logins: made by superusers alone; what a login may see follows from its memberships."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User

from copilot.admin.base import TabularInline
from copilot.models import AuditEntry, Membership

if TYPE_CHECKING:
    from django.http import HttpRequest

    LoginPages = UserAdmin[User]
else:
    LoginPages = UserAdmin


class RolesInline(TabularInline):
    """Be a login's roles, to look at; they are given on the tenant's page."""

    model = Membership
    fields = ("tenant", "role", "slack_user_id")
    readonly_fields = fields
    extra = 0
    can_delete = False
    verbose_name_plural = "roles (given on the tenant's page)"

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the person may see them."""
        del obj
        return bool(request.user.is_superuser)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        del request, obj
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        del request, obj
        return False


# Importing Django's own pages registers them; groups give nothing here, as permissions follow from roles.
admin.site.unregister((User, Group))


@admin.register(User)
class LoginAdmin(LoginPages):
    """Be the pages of logins."""

    list_display = ("username", "email", "is_active", "is_superuser", "last_login")
    list_filter = ("is_active", "is_superuser")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        (
            "May",
            {
                "fields": ("is_active", "is_superuser"),
                "description": "Superusers see every tenant; everybody else sees the tenants in which they have a role.",
            },
        ),
        ("Seen", {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("last_login", "date_joined")
    inlines = (RolesInline,)

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Show the roles of a login that is there."""
        del request
        return (RolesInline,) if obj else ()

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's own signature
        """Let every login into the admin: what it sees there follows from its roles."""
        obj.is_staff = True
        super().save_model(request, obj, form, change)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Return whether the pages are in the menu."""
        return bool(request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the person may see logins."""
        del obj
        return bool(request.user.is_superuser)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the person may make logins."""
        del obj
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the person may change logins."""
        del obj
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the person may delete the login; nobody deletes their own."""
        return bool(request.user.is_superuser) and (obj is None or obj.pk != request.user.pk)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Write the change into the audit logs of the tenants that the login may see."""
        self._audit(request, "change login", obj, {"changes": message})
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Write the deletion into the same logs."""
        for row in queryset:
            self._audit(request, "delete login", row, {})
        return super().log_deletions(request, queryset)

    def _audit(self, request: HttpRequest, action: str, row: User, detail: dict[str, Any]) -> None:
        for tenant_id in Membership.objects.filter(user=row).values_list("tenant_id", flat=True):
            AuditEntry.objects.create(
                tenant_id=tenant_id,
                actor=request.user.get_username()[:200],
                action=action,
                target=f"login {row.get_username()}"[:300],
                detail=detail,
            )
