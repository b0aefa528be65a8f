"""Fields of a business's own: which there are, how a form asks for them, how a list filters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, TextFilter
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from contacts import custom_fields, custom_values
from contacts.models import Contact, CustomField
from contacts.validation import Invalid
from tenants.admin_base import NOTHING, TenantModelAdmin, chip
from tenants.admin_forms import LinesField, TenantForm
from tenants.models import User
from tenants.punctuation import listed
from tenants.roles import Can

Kind = CustomField.Kind
PREFIX = "custom_"


class CustomFieldForm(TenantForm):
    choices = LinesField(
        label=gettext_lazy("Choices"),
        required=False,
        widget=UnfoldAdminTextareaWidget({"rows": 6}),
        help_text=gettext_lazy("One a line; for fields to choose from."),
    )

    class Meta:
        model = CustomField
        fields = ("label", "key", "kind", "choices", "required", "position", "archived")
        help_texts = {
            "key": gettext_lazy(
                "How files, rules and the API name it. Blank: as the label. Set once."
            ),
            "kind": gettext_lazy("Set once."),
            "archived": gettext_lazy("Keeps what is stored, and is asked for no longer."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "key" in self.fields:
            self.fields["key"].required = False

    def clean_label(self) -> str:
        return str(self.cleaned_data["label"]).strip()

    def clean_key(self) -> str:
        typed = self.cleaned_data.get("key") or self.cleaned_data.get("label", "")
        try:
            return custom_fields.key(typed)
        except Invalid as error:
            raise forms.ValidationError(str(error), code=error.code) from None

    def clean_choices(self) -> list[str]:
        try:
            return custom_fields.choices(self.cleaned_data["choices"])
        except Invalid as error:
            raise forms.ValidationError(str(error), code=error.code) from None

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        kind = given.get("kind", self.instance.kind)
        if kind in (Kind.CHOICE, Kind.MULTI):
            if not given.get("choices") and "choices" not in self.errors:
                self.add_error("choices", _("Write at least one choice."))
        else:
            given["choices"] = []
        if self.instance.pk is None and CustomField.objects.count() >= custom_fields.MOST_FIELDS:
            most = _("At most %(most)s fields.") % {"most": custom_fields.MOST_FIELDS}
            raise forms.ValidationError(most)
        return given


@admin.register(CustomField)
class CustomFieldAdmin(TenantModelAdmin):
    form = CustomFieldForm
    deletes = True
    list_display = ("label", "key", "kind", "choices_shown", "required", "position", "state")
    list_filter = (("kind", ChoicesDropdownFilter),)
    search_fields = ("label", "key")
    ordering = ("archived", "position", "id")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("label", "key"), ("kind", "position"), "choices", ("required", "archived"),
                )
            },
        ),
    )  # fmt: skip

    def _configures(self, request: HttpRequest) -> bool:
        return isinstance(request.user, User) and request.user.can(Can.CONFIGURE)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._configures(request) and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._configures(request) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._configures(request) and super().has_delete_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        return ("key", "kind") if obj else ()

    @admin.display(description=gettext_lazy("Choices"))
    def choices_shown(self, obj: CustomField) -> str:
        more = " …" if len(obj.choices) > 4 else ""
        return (listed(obj.choices[:4]) + more) or NOTHING

    @chip(gettext_lazy("State"), {"archived": "warning", "used": "success"})
    def state(self, obj: CustomField) -> tuple[str, str]:
        return ("archived", _("archived")) if obj.archived else ("used", _("in use"))


# --- in the form of a contact ---


class CustomValue(forms.Field):
    """A field of a contact's form that holds what its custom field allows."""

    def __init__(self, of: CustomField, stored: object = None) -> None:
        self.of, self.stored = of, stored
        super().__init__(
            label=of.label, required=of.required, widget=self._widget(), initial=stored
        )

    def _widget(self) -> forms.Widget:
        words = [str(word) for word in self.of.choices]
        made: forms.Widget
        match Kind(self.of.kind):
            case Kind.TEXT:
                made = UnfoldAdminTextInputWidget()
            case Kind.NUMBER:
                made = UnfoldAdminDecimalFieldWidget({"step": "any", "inputmode": "decimal"})
            case Kind.DATE:
                made = UnfoldAdminSingleDateWidget({"autocomplete": "off"})
            case Kind.BOOLEAN:
                pairs = [("", NOTHING), ("true", _("yes")), ("false", _("no"))]
                made = UnfoldAdminSelectWidget(choices=pairs)
            case Kind.CHOICE:
                kept = [str(self.stored)] if self.stored and self.stored not in words else []
                pairs = [(word, word) for word in [*words, *kept]]
                made = UnfoldAdminSelectWidget(choices=[("", NOTHING), *pairs])
            case Kind.MULTI:
                made = UnfoldAdminCheckboxSelectMultipleWidget(choices=[(w, w) for w in words])
        return made

    def prepare_value(self, value: Any) -> Any:
        return ("true" if value else "false") if isinstance(value, bool) else value

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        if value == str(self.stored):
            return self.stored  # a choice that was taken off the list stays where it is
        try:
            return custom_fields.clean(self.of, value)
        except Invalid as error:
            raise forms.ValidationError(str(error), code=error.code) from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            found = self.to_python(data)
        except forms.ValidationError:
            return True
        return bool(found != self.stored)


def known(request: HttpRequest) -> list[CustomField]:
    """The fields in use, asked once a request."""
    found: list[CustomField] | None = getattr(request, "custom_fields", None)
    if found is None:
        found = custom_fields.defined()
        request.custom_fields = found  # type: ignore[attr-defined] # kept for this request
    return found


def form_fields(request: HttpRequest, contact: Contact | None) -> dict[str, CustomValue]:
    """The fields that a contact's form asks for, by their name in it."""
    stored = contact.custom if contact is not None else {}
    return {f"{PREFIX}{of.pk}": CustomValue(of, stored.get(of.key)) for of in known(request)}


def put(contact: Contact, form: forms.Form) -> bool:
    """The form's values into the contact; did any change?"""
    values = dict(contact.custom)
    for name, asked in form.fields.items():
        if isinstance(asked, CustomValue) and name in form.cleaned_data:
            value = form.cleaned_data[name]
            if value in (None, "", []):
                values.pop(asked.of.key, None)
            else:
                values[asked.of.key] = value
    changed = bool(values != contact.custom)
    contact.custom = values
    return changed


# --- filters of the list ---


class _Filter(admin.SimpleListFilter):
    """Narrows contacts by a custom field."""

    of: CustomField

    def narrow(self, queryset: QuerySet[Contact], test: str, value: object) -> QuerySet[Contact]:
        try:
            found = custom_fields.clean(self.of, value)
        except Invalid:
            raise IncorrectLookupParameters from None
        if not test and not isinstance(found, list):
            found = [found]
        return queryset.filter(custom_values.where(self.of, test, found))


class _OneOf(_Filter, DropdownFilter):
    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        if self.of.kind == Kind.BOOLEAN:
            return [("true", _("yes")), ("false", _("no"))]
        return [(word, word) for word in self.of.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> QuerySet[Contact]:
        return self.narrow(queryset, "", self.value()) if self.value() else queryset


class _Text(_Filter, TextFilter):
    def queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> QuerySet[Contact]:
        typed = (self.value() or "").strip()
        return self.narrow(queryset, "", typed) if typed else queryset


class _RangeForm(forms.Form):
    def __init__(self, *, names: Sequence[str], kind: str, data: dict[str, Any]) -> None:
        super().__init__(data)
        type_of = "date" if kind == Kind.DATE else "number"
        for name, word in zip(names, (_("From"), _("To")), strict=True):
            widget = UnfoldAdminTextInputWidget(
                {"type": type_of, "step": "any", "placeholder": word, "aria-label": word}
            )
            self.fields[name] = forms.CharField(label="", required=False, widget=widget)


class _Range(_Filter):
    template = "unfold/filters/filters_numeric_range.html"

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self._ends():
            if name in params:
                value = params.pop(name)
                self.used_parameters[name] = value[-1] if isinstance(value, list) else value

    def expected_parameters(self) -> list[str | None]:
        return [*self._ends()]

    def _ends(self) -> list[str]:
        return [f"{self.parameter_name}_from", f"{self.parameter_name}_to"]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("-", "-")]  # there is something to show

    def queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> QuerySet[Contact]:
        for name, test in zip(self._ends(), ("gte", "lte"), strict=True):
            typed = str(self.used_parameters.get(name) or "").strip()
            if typed:
                queryset = self.narrow(queryset, test, typed)
        return queryset

    def choices(self, changelist: Any) -> Iterator[Any]:
        names = self._ends()
        data = {name: self.used_parameters.get(name) for name in names}
        yield {"form": _RangeForm(names=names, kind=self.of.kind, data=data)}


_FILTERS: dict[str, type[_Filter]] = {
    Kind.TEXT: _Text, Kind.NUMBER: _Range, Kind.DATE: _Range, Kind.CHOICE: _OneOf,
    Kind.MULTI: _OneOf, Kind.BOOLEAN: _OneOf,
}  # fmt: skip


def list_filters(request: HttpRequest) -> list[type[_Filter]]:
    """A filter for each field."""
    return [
        type(
            f"Filter{of.pk}",
            (_FILTERS[of.kind],),
            {"of": of, "title": of.label, "parameter_name": f"{PREFIX}{of.pk}"},
        )
        for of in known(request)
    ]
