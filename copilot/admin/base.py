"""What every page of a tenant's rows shares: who sees which rows, forms that stay inside one tenant, and the audit trail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.forms.models import BaseInlineFormSet, ModelChoiceField
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from copilot.admin.roles import roles_of
from copilot.guard.tenancy import TenantModel
from copilot.models import AuditEntry, Role, Tenant

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from django.db.models import Field, Model, QuerySet
    from django.http import HttpRequest, HttpResponse

    # Django's classes are generic for the type checker alone.
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
    ModelForm = forms.ModelForm[Any]
    InlineFormSet = BaseInlineFormSet[Any, Any, Any]
else:
    ModelAdmin, TabularInline = admin.ModelAdmin, admin.TabularInline
    ModelForm, InlineFormSet = forms.ModelForm, BaseInlineFormSet


def tenant_of(row: Any) -> UUID:
    """Return the tenant that a row belongs to; a tenant belongs to itself."""
    tenant_id: UUID = row.pk if isinstance(row, Tenant) else row.tenant_id
    return tenant_id


class TenantForm(ModelForm):
    """Be a form for a row of one tenant: it points only to rows of that tenant, and its unique keys are checked within it."""

    # Set by the page for a row that is yet to be made.
    tenant_id: UUID | None = None

    def __init__(self, *arguments: Any, tenant_id: UUID | None = None, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        if getattr(self.instance, "tenant_id", None) is None:
            self.instance.tenant_id = tenant_id or self.tenant_id
        for field in self.fields.values():
            if isinstance(field, ModelChoiceField):
                self._keep_inside(field)

    def _keep_inside(self, field: Any) -> None:
        if issubclass(field.queryset.model, TenantModel):
            field.queryset = field.queryset.filter(tenant_id=self.instance.tenant_id)

    def _get_validation_exclusions(self) -> set[str]:
        # The tenant is no field of the form, but its unique keys are to be checked here and not by the database's error.
        return super()._get_validation_exclusions() - {"tenant"}  # type: ignore[no-any-return,misc]


class TenantFormSet(InlineFormSet):
    """Be rows that hang on a row of a tenant."""

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        """Hand the tenant to each form."""
        return {**super().get_form_kwargs(index), "tenant_id": tenant_of(self.instance)}


class TenantFilter(admin.SimpleListFilter):
    """Choose one of the tenants that the person may see."""

    title = "tenant"
    parameter_name = "tenant"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices; with a single one, Django leaves the filter away."""
        found = roles_of(request).tenants(model_admin.view_role)[:200]
        choices = [(tenant.slug, str(tenant)) for tenant in found]
        return choices if len(choices) > 1 else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the chosen tenant's rows."""
        del request
        return queryset.filter(tenant__slug=self.value()) if self.value() else queryset


class Permissions:
    """Answer Django's questions about permission by role: who may view, and who may write where writing is offered."""

    view_role: ClassVar[Role] = Role.VIEWER
    write_role: ClassVar[Role | None] = None

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the person may see the row, or any row."""
        return roles_of(request).may(self.view_role, None if obj is None else tenant_of(obj))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the person may change the row, or any row."""
        return self.write_role is not None and roles_of(request).may(
            self.write_role, None if obj is None else tenant_of(obj)
        )

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the person may add rows: to the parent where there is one, or to any tenant."""
        return self.has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the person may take the row away."""
        return self.has_change_permission(request, obj)


class TenantInline(Permissions, TabularInline):
    """Be rows that are edited on the page of the row that they hang on."""

    form: Any = TenantForm
    formset: Any = TenantFormSet
    extra = 0
    show_change_link = False

    def formfield_for_dbfield(self, db_field: Field[Any, Any], request: HttpRequest, **keywords: Any) -> Any:
        """Leave out the links that open other pages in small windows."""
        return _plain(super().formfield_for_dbfield(db_field, request, **keywords))


class TenantAdmin(Permissions, ModelAdmin):
    """Be the pages of one kind of row. Rows of tenants in which the person has no role do not exist here."""

    form: Any = TenantForm
    tenant_path: ClassVar[str] = "tenant"
    # Whether saving a form is written down here; a page whose inside writes its own entry says no.
    audits_forms: ClassVar[bool] = True
    list_per_page = 50
    show_full_result_count = False
    view_on_site = False
    save_on_top = False

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Return whether the pages are shown in menus."""
        return self.has_view_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows that the person may see; lists, pages, actions, choices and searches all start here."""
        rows = roles_of(request).limit(super().get_queryset(request), self.view_role, path=self.tenant_path)
        return rows.select_related("tenant") if self.tenant_path == "tenant" else rows

    def writable(self, request: HttpRequest, rows: QuerySet[Any], needed: Role) -> QuerySet[Any]:
        """Return those of the rows on which the person may act; an action starts here."""
        return roles_of(request).limit(rows, needed, path=self.tenant_path)

    def formfield_for_dbfield(self, db_field: Field[Any, Any], request: HttpRequest, **keywords: Any) -> Any:
        """Leave out the links that open other pages in small windows."""
        return _plain(super().formfield_for_dbfield(db_field, request, **keywords))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **keywords: Any) -> Any:  # noqa: FBT001, FBT002 - Django's own signature
        """Return the form's class, tied to the tenant of the row or, for a new one, to the chosen tenant."""
        form: Any = super().get_form(request, obj, change, **keywords)
        if obj is None:
            chosen = self.chosen_tenant(request)
            form.tenant_id = chosen.pk if chosen else None
        return form

    def chosen_tenant(self, request: HttpRequest) -> Tenant | None:
        """Return the tenant that a new row is for: the named one, or the only one; None where it must be asked."""
        if self.write_role is None:
            return None
        allowed = roles_of(request).tenants(self.write_role)
        slug = request.GET.get("tenant")
        if slug:
            return allowed.filter(slug=slug).first()
        few = list(allowed[:2])
        return few[0] if len(few) == 1 else None

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask for the tenant first where there are several."""
        if self.has_add_permission(request) and self.tenant_path == "tenant" and self.write_role is not None:
            chosen = self.chosen_tenant(request)
            if chosen is None:
                return self.choose(
                    request,
                    question=f"Add a {self.opts.verbose_name}: to which tenant?",
                    choices=[
                        (f"?tenant={tenant.slug}", str(tenant), tenant.slug)
                        for tenant in roles_of(request).tenants(self.write_role)
                    ],
                )
            extra_context = {**(extra_context or {}), "title": f"Add {self.opts.verbose_name} to {chosen}"}
        return super().add_view(request, form_url, extra_context)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Name the list for what it is, not for what one might do in it."""
        title = str(self.opts.verbose_name_plural).capitalize()
        answer: HttpResponse = super().changelist_view(request, {"title": title, **(extra_context or {})})
        return answer

    def get_list_display(self, request: HttpRequest) -> Any:
        """Leave the tenant out where the person has one only."""
        shown = super().get_list_display(request)
        roles = roles_of(request)
        return shown if roles.is_everywhere or len(roles.by_tenant) > 1 else [one for one in shown if one != "tenant"]

    def choose(self, request: HttpRequest, *, question: str, choices: Iterable[tuple[str, str, str]]) -> HttpResponse:
        """Return a page with links to choose from: address, name and a line of help each."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": question,
            "choices": list(choices),
        }
        return TemplateResponse(request, "admin/copilot/choose.html", context)

    def elsewhere(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Return the answer for a row that is not there, or not for this person: the two look alike."""
        text = f"There is no {self.opts.verbose_name} with the id “{object_id}”."
        self.message_user(request, text, messages.WARNING)
        return HttpResponseRedirect(reverse("admin:index"))

    def get_deleted_objects(
        self, objs: Sequence[Any] | QuerySet[Any], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Say in a few lines what goes with the rows; Django would list each of what may be many thousands."""
        lines: list[str] = []
        counts: dict[str, int] = {str(self.opts.verbose_name_plural): len(objs)}
        for row in objs:
            lines.append(f"{self.opts.verbose_name}: {row}")
            for name, count in self.goes_with(row):
                if count:
                    counts[name] = counts.get(name, 0) + count
        needed = {
            str(self.opts.verbose_name) for row in objs if not self.has_delete_permission(request, row)
        }  # names of kinds, as Django wants it
        return lines, counts, needed, []

    def goes_with(self, row: Any) -> Iterable[tuple[str, int]]:
        """Yield what is deleted along with a row: a name, and how many."""
        del row
        return ()

    def audit(self, request: HttpRequest, action: str, row: Any, detail: dict[str, Any] | None = None) -> None:
        """Write down who did what; the role of this process can neither change nor delete it afterwards."""
        AuditEntry.objects.create(
            tenant_id=tenant_of(row),
            actor=request.user.get_username()[:200],
            action=action[:80],
            target=f"{self.opts.verbose_name} {row}"[:300],
            detail=detail or {},
        )

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """Write the addition down, for the page's history and for the audit log."""
        if self.audits_forms:
            self.audit(request, f"add {self.opts.verbose_name}", obj, {"changes": message} if message else None)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """Write the change down: which fields, never their values."""
        if self.audits_forms and message:
            self.audit(request, f"change {self.opts.verbose_name}", obj, {"changes": message})
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Write the deletion down."""
        for row in queryset:
            self.audit(request, f"delete {self.opts.verbose_name}", row)
        return super().log_deletions(request, queryset)


class ReadOnlyAdmin(TenantAdmin):
    """Be pages on which nothing is changed."""

    actions: Any = None
    change_form_template = "admin/copilot/record.html"


def _plain(field: Any) -> Any:
    if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
        for link in ("can_add_related", "can_change_related", "can_delete_related", "can_view_related"):
            setattr(field.widget, link, False)
    return field
