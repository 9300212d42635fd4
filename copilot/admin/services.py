"""Services: what is paged about, where its data is found, and what it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, Q

from copilot.admin.base import TenantAdmin, TenantFilter, TenantForm, TenantInline
from copilot.models import ChangeRecord, Incident, IncidentStatus, Role, Service, ServiceDependency, ServiceKind
from copilot.models.service import are_paths
from copilot.services import DECLARED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import QuerySet
    from django.http import HttpRequest


class LinesField(forms.CharField):
    """Be a list of texts, one a line."""

    widget = forms.Textarea(attrs={"rows": 3, "cols": 40})

    def prepare_value(self, value: Any) -> Any:
        """Return the list as lines."""
        return "\n".join(str(one) for one in value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """Return the lines as a list."""
        lines = value if isinstance(value, list) else str(value or "").splitlines()
        return [line.strip() for line in lines if str(line).strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Return whether the texts are others."""
        return bool(self.to_python(initial) != self.to_python(data))


class ServiceForm(TenantForm):
    """Be a service's form."""

    kind = forms.ChoiceField(choices=ServiceKind.choices, required=False, initial=ServiceKind.SERVICE)
    owners = LinesField(required=False, help_text="Slack user ids or e-mail addresses, one a line.")
    paths = LinesField(
        required=False,
        help_text="Folders of the repository that hold this service's own code, one a line, e.g. services/checkout.",
        validators=[are_paths],
    )

    def clean_kind(self) -> str:
        """Leave the kind as it is where none is sent; whoever saves the form has set the service up."""
        self.instance.origin = ""
        given: str = self.cleaned_data["kind"] or self.instance.kind
        return given

    def clean_pagerduty_id(self) -> str:
        """Refuse a PagerDuty service that is another service of the tenant already."""
        given: str = self.cleaned_data["pagerduty_id"].strip()
        other = (
            Service.objects.filter(tenant_id=self.instance.tenant_id, pagerduty_id=given).exclude(pk=self.instance.pk)
        ).first()
        if given and other:
            raise ValidationError(f"PagerDuty service {given} is already the service {other}.")
        return given

    def clean_name(self) -> str:
        """Refuse a name that is taken."""
        given: str = self.cleaned_data["name"].strip()
        taken = Service.objects.filter(tenant_id=self.instance.tenant_id, name=given).exclude(pk=self.instance.pk)
        if taken.exists():
            raise ValidationError(f"There is a service {given} already.")
        return given


class DependencyForm(TenantForm):
    """Be one arrow from the service to one that it needs."""

    def clean_callee(self) -> Service:
        """Refuse a service that needs itself."""
        callee: Service = self.cleaned_data["callee"]
        if self.instance.caller_id is not None and callee.pk == self.instance.caller_id:
            raise ValidationError("A service cannot need itself.")
        others = ServiceDependency.objects.filter(caller_id=self.instance.caller_id, callee=callee, source=DECLARED)
        if self.instance.caller_id is not None and others.exclude(pk=self.instance.pk).exists():
            raise ValidationError(f"That it needs {callee} is declared already.")
        return callee

    def save(self, commit: bool = True) -> Any:  # noqa: FBT001, FBT002 - Django's own signature
        """Note that a person said so."""
        if self.instance._state.adding:  # noqa: SLF001 - Django's documented way to ask
            self.instance.source = DECLARED
        return super().save(commit)


class DependencyInline(TenantInline):
    """Be the services that a service needs."""

    model = ServiceDependency
    form = DependencyForm
    fk_name = "caller"
    fields = ("callee", "source", "detail", "last_seen_at")
    readonly_fields = ("source", "detail", "last_seen_at")
    write_role: ClassVar[Role | None] = Role.ADMIN
    verbose_name = "dependency"
    verbose_name_plural = "needs these services"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the arrows with their services' names."""
        return super().get_queryset(request).select_related("callee")


@admin.register(Service)
class ServiceAdmin(TenantAdmin):
    """Be the pages of services."""

    form = ServiceForm
    write_role: ClassVar[Role | None] = Role.ADMIN
    list_display = (
        "name", "tenant", "kind", "place", "pagerduty_id", "selector", "channel", "repository", "origin", "seen_at", "open_incidents",
    )  # fmt: skip
    # No filter by namespace: Django's own would offer those of every tenant.
    list_filter = (TenantFilter,)
    search_fields = ("name", "pagerduty_id", "namespace", "workload", "selector", "repository")
    ordering = ("tenant__slug", "name")
    inlines = (DependencyInline,)
    fieldsets = (
        (None, {"fields": ("name", "kind", "channel", "owners", "entrance")}),
        (
            "Where its data is",
            {"fields": ("pagerduty_id", ("namespace", "workload"), "selector", ("repository", "paths"))},
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Count the open incidents along."""
        is_open = ~Q(incidents__status=IncidentStatus.RESOLVED) & Q(incidents__isnull=False)
        rows: QuerySet[Any] = super().get_queryset(request)
        counted: QuerySet[Any] = rows.annotate(open_count=Count("incidents", filter=is_open))
        return counted

    @admin.display(description="Kubernetes")
    def place(self, row: Service) -> str:
        """Return namespace and workload."""
        return "/".join(part for part in (row.namespace, row.workload) if part)

    @admin.display(description="open incidents", ordering="open_count")
    def open_incidents(self, row: Any) -> int:
        """Return how many incidents are open."""
        count: int = row.open_count
        return count

    def goes_with(self, row: Service) -> Iterator[tuple[str, int]]:
        """Yield what hangs on a service; incidents and changes stay and keep its name."""
        arrows = ServiceDependency.objects.filter(Q(caller=row) | Q(callee=row))
        yield "dependencies", arrows.count()

    def delete_model(self, request: HttpRequest, obj: Service) -> None:
        """Leave the service's name with its incidents and changes."""
        for model in (Incident, ChangeRecord):
            rows: Any = model._default_manager.filter(tenant_id=obj.tenant_id, service=obj, service_name="")  # noqa: SLF001 - public in all but name
            rows.update(service_name=obj.name)
        super().delete_model(request, obj)
