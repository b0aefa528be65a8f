"""The form for the steps of a script."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms import BaseFormSet, formset_factory
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from journeys.models import Content, Route, SopStep, TouchKind

LONGEST_TEXT = 4000  # bytes, by the platform


class StepForm(forms.Form):
    """One step: after some minutes, or on a day at a time."""

    delay_minutes = forms.IntegerField(
        label=gettext_lazy("Minutes after the start"),
        min_value=0,
        max_value=525_600,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    day = forms.IntegerField(
        label=gettext_lazy("or on day"),
        min_value=0,
        max_value=3650,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=gettext_lazy("0 is the day of the start."),
    )
    at_time = forms.TimeField(
        label=gettext_lazy("at"),
        required=False,
        widget=UnfoldAdminTextInputWidget({"type": "time"}),
    )
    route = forms.ChoiceField(
        label=gettext_lazy("Route"), choices=Route.choices, widget=UnfoldAdminSelectWidget
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        choices=TouchKind.choices,
        initial=TouchKind.SERVICE,
        widget=UnfoldAdminSelectWidget,
    )
    content = forms.ModelChoiceField(
        label=gettext_lazy("Content"),
        queryset=Content.objects.filter(active=True).order_by("title"),
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    text = forms.CharField(
        label=gettext_lazy("Text"),
        required=False,
        max_length=1300,
        widget=UnfoldAdminTextareaWidget({"rows": 4, "data-max-bytes": LONGEST_TEXT}),
        help_text=gettext_lazy("{name}, {staff} and {link} are filled in for each contact."),
    )

    def clean_text(self) -> str:
        text = str(self.cleaned_data["text"])
        if len(text.encode()) > LONGEST_TEXT:
            raise ValidationError(
                _("The platform takes at most 4,000 bytes (about 1,300 characters).")
            )
        return text

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if (cleaned.get("delay_minutes") is None) == (cleaned.get("day") is None):
            raise ValidationError(
                _("Say either how many minutes after the start, or on which day.")
            )
        if cleaned.get("day") is None and cleaned.get("at_time") is not None:
            raise ValidationError(_("A time of day needs a day."))
        if not cleaned.get("text", "").strip() and cleaned.get("content") is None:
            raise ValidationError(_("Write a text or choose a content piece."))
        return cleaned


class _Ordered(BaseFormSet):
    ordering_widget = UnfoldAdminIntegerFieldWidget


Steps = formset_factory(
    StepForm,
    formset=_Ordered,
    extra=0,
    can_order=True,
    can_delete=True,
    max_num=50,
    validate_max=True,
)

FIELDS = ("delay_minutes", "day", "at_time", "route", "kind", "content", "text")


def initial(steps: list[SopStep]) -> list[dict[str, Any]]:
    return [{name: getattr(step, name) for name in FIELDS} for step in steps]


def wanted(formset: Any) -> list[SopStep]:
    """The steps as typed, in their order."""
    ordered = [form.cleaned_data for form in formset.ordered_forms]
    return [SopStep(**{name: given[name] for name in FIELDS}) for given in ordered]
