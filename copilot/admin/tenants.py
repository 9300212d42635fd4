"""Tenants and the roles of people in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError

from copilot import usage
from copilot.admin import overview, reliability
from copilot.admin.base import InlineFormSet, ModelForm, TenantAdmin, TenantInline
from copilot.admin.roles import roles_of
from copilot.models import Membership, Role, Tenant
from copilot.runbooks import starter

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    from copilot.admin.roles import Roles

LIMITS = (
    "keep_raw_days",
    "dollars_per_day",
    "runs_per_hour",
    "webhooks_per_minute",
    "evidence_megabytes",
    "tool_calls_per_day",
    "tool_seconds_per_day",
    "calls_per_run",
    "seconds_per_run",
    "dollars_per_incident",
)


class MembershipForm(ModelForm):
    """Be one person's role. The login is typed, not chosen: a list would show the people of other tenants."""

    login = forms.CharField(required=False, help_text="Of this admin; leave empty for people of Slack alone.")
    # Set by the page: what the person who edits may do.
    editor: ClassVar[Roles | None] = None

    class Meta:
        """Keep the login out: it is found by its name."""

        model = Membership
        fields = ("slack_user_id", "email", "role")

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        if self.instance.user_id:
            self.initial["login"] = self.fields["login"].initial = self.instance.user.get_username()

    def clean_login(self) -> str:
        """Find the login."""
        name: str = self.cleaned_data["login"].strip()
        found = get_user_model()._default_manager.filter(username=name).first() if name else None  # noqa: SLF001 - public in all but name
        if name and found is None:
            raise ValidationError(f"There is no login {name}; a superuser makes logins.")
        self.instance.user = found
        return name

    def clean_role(self) -> str:
        """Let nobody give or change a role above their own."""
        role = Role(self.cleaned_data["role"])
        stored = Role(self.initial["role"]) if self.instance.pk else role
        for one in (role, stored):
            if self.editor is not None and not self.editor.may(one, self.instance.tenant_id):
                raise ValidationError(f"Only an {one} may give or change the role {one}.")
        return role

    def clean(self) -> dict[str, Any]:
        """Ask for somebody, and once only."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        login, slack = cleaned.get("login"), cleaned.get("slack_user_id")
        if not self.errors and not login and not slack:
            raise ValidationError("Say who: a login, a Slack user id, or both.")
        others = Membership.objects.filter(tenant_id=self.instance.tenant_id).exclude(pk=self.instance.pk)
        if login and others.filter(user=self.instance.user).exists():
            self.add_error("login", f"{login} has a role here already.")
        if slack and others.filter(slack_user_id=slack).exists():
            self.add_error("slack_user_id", f"{slack} has a role here already.")
        return cleaned


class MembershipFormSet(InlineFormSet):
    """Be the people of a tenant; a role above one's own is not taken away either."""

    @classmethod
    def get_default_prefix(cls) -> str:
        """Return what the fields' names begin with; there is no related name to take it from."""
        return "people"

    def clean(self) -> None:
        """Refuse to take away a role above the editor's own."""
        super().clean()
        for form in self.deleted_forms:
            role, editor = Role(form.initial["role"]), getattr(form, "editor", None)
            if editor is not None and not editor.may(role, self.instance.pk):
                raise ValidationError(f"Only an {role} may take the role {role} away.")


class MembershipInline(TenantInline):
    """Be the people of a tenant."""

    model = Membership
    form = MembershipForm
    formset = MembershipFormSet
    fk_name = "tenant"
    fields = ("login", "slack_user_id", "email", "role")
    write_role: ClassVar[Role | None] = Role.ADMIN
    verbose_name_plural = "people and their roles"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the people with their logins."""
        return super().get_queryset(request).select_related("user").order_by("pk")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show the login as a field only where it may be typed."""
        may = self.has_change_permission(request, obj)
        return self.fields if may else ("display_login", *self.fields[1:])

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show the login as text where it may not be typed."""
        return () if self.has_change_permission(request, obj) else ("display_login",)

    @admin.display(description="login")
    def display_login(self, row: Membership) -> str:
        """Return the login's name."""
        return row.user.get_username() if row.user else ""

    def get_formset(self, request: HttpRequest, obj: Any = None, **keywords: Any) -> Any:
        """Tell the forms who edits."""
        if self.has_change_permission(request, obj):
            keywords["form"] = type("MembershipForm", (MembershipForm,), {"editor": roles_of(request)})
        return super().get_formset(request, obj, **keywords)


@admin.register(Tenant)
class TenantPages(TenantAdmin):
    """Be the pages of tenants: how it fares, and its people."""

    form = forms.ModelForm
    tenant_path: ClassVar[str] = "pk"
    write_role: ClassVar[Role | None] = Role.ADMIN
    list_display = ("slug", "name", "default_role", "created_at")
    search_fields = ("slug", "name")
    ordering = ("slug",)
    change_form_template = "admin/copilot/tenant/change_form.html"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the person may make tenants."""
        del obj
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: the audit log of a tenant outlives everybody's wish, and this process cannot delete it."""
        del request, obj
        return False

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Show the people of a tenant that is there."""
        del request
        return (MembershipInline,) if obj else ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the fields."""
        del request
        fields = ("slug", "name", "default_role", "digest_day", "digest_hour", "time_zone", "keep_days", *LIMITS)
        return (*fields, "created_at") if obj else fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Keep the slug, which commands and addresses use, as it is; what a tenant may use, the deployment's own people say."""
        if obj is None:
            return ()
        return ("slug", "created_at") if request.user.is_superuser else ("slug", "created_at", *LIMITS)

    def save_model(self, request: HttpRequest, obj: Tenant, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's own signature
        """Give a new tenant the starter set of runbooks."""
        super().save_model(request, obj, form, change)
        if not change:
            starter.load(obj.pk, by=request.user.get_username())

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show how the tenant fares above its form."""
        row = self.get_object(request, object_id)
        if row is None or not self.has_view_permission(request, row):
            return super().change_view(request, object_id, form_url, extra_context)
        shown = {"tenants": overview.read([row]), "reliability": reliability.read(row), "usage": usage.read(row)}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})
