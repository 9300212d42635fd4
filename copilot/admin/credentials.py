"""A connection's form, made from what its integration wants to know; secrets go in and never come out."""

from __future__ import annotations

from types import NoneType
from typing import TYPE_CHECKING, Any, ClassVar, get_args, get_origin

from annotated_types import Ge, Le
from django import forms
from django.core.exceptions import ValidationError
from pydantic import SecretStr

from copilot import connections
from copilot.admin.base import TenantForm
from copilot.guard import vault
from copilot.models import Connection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

    from integrations.base import Integration

PREFIX = "credential_"
CLEAR = "clear_"
# What a description begins with where the value has many lines.
LONG_TEXTS = ("YAML", "PEM")
ABBREVIATIONS = ("url", "tls", "ca", "api", "id")


def kind_of(field: FieldInfo) -> Any:
    """Return a credential's type without its `| None`."""
    choices = [one for one in get_args(field.annotation) if one is not NoneType]
    if NoneType in get_args(field.annotation) and len(choices) == 1:
        return choices[0]
    return get_origin(field.annotation) or field.annotation


class ConnectionForm(TenantForm):
    """Be the form of one kind of connection; `form_for` adds the fields of its credentials."""

    integration: ClassVar[Integration | None] = None
    kind: ClassVar[str] = ""

    class Meta:
        """Show what is not a credential."""

        model = Connection
        fields = ("name", "is_enabled")
        labels = {"is_enabled": "In use"}  # noqa: RUF012 - read by Django, never written
        help_texts = {"name": "Where a tenant has several of one kind, tell them apart."}  # noqa: RUF012 - as above

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.instance.kind = self.instance.kind or self.kind
        if self.integration is None:
            return
        stored = self._stored()
        for name, field in self.integration.Credentials.model_fields.items():
            shown = self.fields.get(PREFIX + name)
            if shown is None:
                continue
            if kind_of(field) is SecretStr:
                self._tell_of_secret(name, shown, is_stored=bool(stored.get(name)))
            else:
                value = stored.get(name, None if field.is_required() else field.default)
                self.initial[PREFIX + name] = ", ".join(value) if isinstance(value, (list, tuple)) else value

    def _stored(self) -> dict[str, Any]:
        if self.instance._state.adding:  # noqa: SLF001 - Django's documented way to ask
            return {}
        try:
            return vault.unseal(self.instance.tenant_id, self.instance.sealed)
        except vault.SealBroken:
            return {}

    def _tell_of_secret(self, name: str, shown: forms.Field, *, is_stored: bool) -> None:
        """Say whether a secret is there; only where it is may it be left empty, or taken away."""
        if is_stored:
            shown.required = False
            shown.help_text = f"{shown.help_text} ✓ Set and sealed; leave empty to keep it."
        else:
            self.fields.pop(CLEAR + name, None)
            if self.integration is not None and name in self.integration.generated:
                shown.help_text = f"{shown.help_text} Leave empty to have one made."

    def values(self) -> dict[str, Any]:
        """Return the credentials that were entered or changed; what is not named stays as it is."""
        given: dict[str, Any] = {}
        if self.integration is None:
            return given
        is_new = self.instance._state.adding  # noqa: SLF001 - as above
        for name, field in self.integration.Credentials.model_fields.items():
            value = self.cleaned_data.get(PREFIX + name)
            if kind_of(field) is SecretStr:
                if self.cleaned_data.get(CLEAR + name):
                    given[name] = None
                if value:
                    given[name] = value
            elif value in {None, ""}:
                if not is_new and not field.is_required() and PREFIX + name in self.changed_data:
                    given[name] = field.default
            elif is_new or PREFIX + name in self.changed_data:
                given[name] = [word.strip() for word in value.split(",")] if kind_of(field) is tuple else value
        return given

    def clean_name(self) -> str:
        """Refuse a name that is taken: saving would change that connection."""
        name: str = self.cleaned_data["name"].strip()
        taken = Connection.objects.filter(tenant_id=self.instance.tenant_id, kind=self.instance.kind, name=name)
        if taken.exclude(pk=self.instance.pk).exists():
            raise ValidationError(
                f"There is a connection {name} of this kind already: change that one, or choose another name."
            )
        return name

    def clean(self) -> dict[str, Any]:
        """Check the credentials as the integration does, and put each problem beside its field."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.integration is None or self.errors:
            return cleaned
        try:
            connections.examine(
                self.instance.tenant_id, self.instance.kind, self.values(), name=cleaned.get("name", self.instance.name)
            )
        except vault.SealBroken as error:
            self.add_error(None, str(error))
        except connections.WrongValue as error:
            for field, message in error.problems:
                place = PREFIX + field.partition(".")[0]
                self.add_error(place if place in self.fields else None, message.capitalize())
        return cleaned


def form_for(kind: str, integration: Integration | None) -> type[ConnectionForm]:
    """Return the form class of a kind; without an integration (Slack, whose face connects it) there are no credentials."""
    declared = dict(_fields(integration)) if integration else {}
    made: type[ConnectionForm] = type(
        "ConnectionForm", (ConnectionForm,), {"integration": integration, "kind": kind, **declared}
    )
    return made


def _fields(integration: Integration) -> Iterator[tuple[str, forms.Field]]:
    for name, field in integration.Credentials.model_fields.items():
        yield PREFIX + name, _field(name, field)
        if kind_of(field) is SecretStr and not field.is_required():
            makes = name in integration.generated
            label = f"Make a new {_label(name, field).lower()}" if makes else f"Take the {_label(name, field)} away"
            yield CLEAR + name, forms.BooleanField(required=False, label=label)


def _label(name: str, field: FieldInfo) -> str:
    if field.title:
        return field.title
    words = [word.upper() if word in ABBREVIATIONS else word for word in name.split("_")]
    label = " ".join(words)
    return label[:1].upper() + label[1:]


def _field(name: str, field: FieldInfo) -> forms.Field:
    kind, description = kind_of(field), field.description or ""
    shared: dict[str, Any] = {"label": _label(name, field), "help_text": description}
    if kind is bool:
        return forms.BooleanField(required=False, **shared)
    shared["required"] = field.is_required()
    if kind is int:
        return forms.IntegerField(
            min_value=next((int(str(one.ge)) for one in field.metadata if isinstance(one, Ge)), None),
            max_value=next((int(str(one.le)) for one in field.metadata if isinstance(one, Le)), None),
            **shared,
        )
    is_long = description.startswith(LONG_TEXTS)
    widget: forms.Widget
    if is_long:
        # Never rendered back where it is a secret: the form gets no initial value for it.
        widget = forms.Textarea(attrs={"rows": 6, "cols": 80, "class": "vLargeTextField code", "spellcheck": "false"})
    elif kind is SecretStr:
        widget = forms.PasswordInput(
            attrs={"class": "vTextField", "autocomplete": "new-password", "spellcheck": "false"}, render_value=False
        )
    else:
        widget = forms.TextInput(attrs={"class": "vTextField"})
    return forms.CharField(widget=widget, strip=True, **shared)
