"""Forms of the admin: they know the tenant before they validate, and ask before a button acts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import (
    AutocompleteSelect,
    AutocompleteSelectMultiple,
    get_select2_language,
)
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminPasswordWidget


class TenantForm(forms.ModelForm):
    """A row takes the scope's tenant before it is checked, so that what is unique in the tenant is
    refused as an error of the form.
    """

    def _get_validation_exclusions(self) -> set[str]:
        found: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return found - {"tenant"}

    def _post_clean(self) -> None:
        self.instance.adopt_scope()
        super()._post_clean()  # type: ignore[misc]

    def _update_errors(self, errors: ValidationError) -> None:
        """“Team with this Tenant and Name already exists.” is no sentence for people."""
        found = getattr(errors, "error_dict", {})
        general = found.get(NON_FIELD_ERRORS, [])
        for error in list(general):
            check = (error.params or {}).get("unique_check", ()) if error.params else ()
            named = [name for name in check if name in self.fields]
            if named:
                general.remove(error)
                message = ValidationError(_("This is taken already."), code="unique")
                found.setdefault(named[-1], []).append(message)
        if not general:
            found.pop(NON_FIELD_ERRORS, None)
        super()._update_errors(errors)  # type: ignore[misc]


class _InLanguageOfPage:
    """Forms are made once, with their widgets, and read in either language."""

    @property
    def i18n_name(self) -> str | None:
        return get_select2_language()

    @i18n_name.setter
    def i18n_name(self, _name: str | None) -> None:
        """What was spoken when the form was made does not matter."""


class _One(_InLanguageOfPage, AutocompleteSelect):
    """One of many."""


class _Several(_InLanguageOfPage, AutocompleteSelectMultiple):
    """Several of many."""


def autocomplete(field: models.Field[Any, Any]) -> AutocompleteSelect | AutocompleteSelectMultiple:
    """A select that asks for choices as one types: no page carries a list of all staff or tags."""
    widget = _Several if isinstance(field, models.ManyToManyField) else _One
    return widget(field, admin.site)


class SecretField(forms.CharField):
    """Write-only: what is stored is never shown; a blank field keeps it."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {"autocomplete": "new-password", "placeholder": "••••••••"}
        kwargs.setdefault("widget", UnfoldAdminPasswordWidget(attrs))
        super().__init__(required=False, strip=True, max_length=500, **kwargs)


class LinesField(forms.CharField):
    """A list of words, one a line."""

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return list(dict.fromkeys(filter(None, map(str.strip, str(value or "").splitlines()))))

    def run_validators(self, value: Any) -> None:
        """A list has no length limit of its own."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool((initial or []) != self.to_python(data))


class AskForm(forms.Form):
    """What a button asks before it acts: nothing, or a few fields in a subclass."""

    confirmed = forms.BooleanField(initial=True, widget=forms.HiddenInput)

    def __init__(self, *args: Any, target: models.Model | None = None, **kwargs: Any) -> None:
        self.target = target
        super().__init__(*args, **kwargs)


def without(fieldsets: Iterable[Any], names: Iterable[str]) -> list[Any]:
    """The fieldsets less some fields; an empty fieldset goes too."""
    gone = set(names)
    kept = []
    for title, options in fieldsets:
        fields = [
            tuple(part for part in field if part not in gone)
            if isinstance(field, tuple | list)
            else field
            for field in options["fields"]
            if isinstance(field, tuple | list) or field not in gone
        ]
        fields = [field for field in fields if field != ()]
        if fields:
            kept.append((title, {**options, "fields": fields}))
    return kept
