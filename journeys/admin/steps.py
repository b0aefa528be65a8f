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

from contacts.admin import attachment_fields
from contacts.admin.attachment_fields import AttachmentFields
from journeys import step_checks
from journeys.models import BY_TEMPLATE, Content, Route, SopStep, TouchKind
from tenants.models import WeChatAccount

LONGEST_TEXT = 4000  # bytes, by the platform


def _other_routes() -> list[tuple[str, Any]]:
    routes = [choice for choice in Route.choices if choice[0] != Route.NONE]
    return [("", "—"), *routes]


class StepForm(AttachmentFields):
    """One step: after some minutes, or on a day at a time."""

    OF_TEMPLATES = ("official", "template_id", "template_fields")
    APART = (*OF_TEMPLATES, *attachment_fields.NAMES)

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
    second = forms.ChoiceField(
        label=gettext_lazy("Otherwise"),
        choices=_other_routes,
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("When the first route has no way to the contact at that time."),
    )
    third = forms.ChoiceField(
        label=gettext_lazy("or else"),
        choices=_other_routes,
        required=False,
        widget=UnfoldAdminSelectWidget,
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
    official = forms.ModelChoiceField(
        label=gettext_lazy("Official account"),
        queryset=WeChatAccount.objects.filter(
            kind=WeChatAccount.Kind.OFFICIAL, active=True
        ).order_by("name"),
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("Blank: the one that the contact follows."),
    )
    template_id = forms.CharField(
        label=gettext_lazy("Template id"),
        required=False,
        max_length=64,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("Of a template or subscribe message, as the platform lists it."),
    )
    template_fields = forms.CharField(
        label=gettext_lazy("Template fields"),
        required=False,
        max_length=4000,
        widget=UnfoldAdminTextareaWidget({"rows": 3}),
        help_text=gettext_lazy(
            "One a line: the field, a colon, its text, such as thing1: Hello {name}. A tap opens "
            "the content piece."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.show_attachments(list(self.initial.get("attachments") or []))

    def of_attachments(self) -> list[forms.BoundField]:
        return [self[name] for name in attachment_fields.NAMES]

    @property
    def has_attachments(self) -> bool:
        return bool(self.stored_attachments) or "new_attachment" in self.errors

    def of_templates(self) -> list[forms.BoundField]:
        return [self[name] for name in self.OF_TEMPLATES]

    def clean_text(self) -> str:
        text = str(self.cleaned_data["text"])
        if len(text.encode()) > LONGEST_TEXT:
            raise ValidationError(
                _("The platform takes at most 4,000 bytes (about 1,300 characters).")
            )
        return text

    def clean_template_fields(self) -> dict[str, str]:
        lines = str(self.cleaned_data["template_fields"]).splitlines()
        fields: dict[str, str] = {}
        for line in filter(str.strip, lines):
            name, colon, text = (part.strip() for part in line.replace("：", ":", 1).partition(":"))
            if not colon or not step_checks.FIELD.fullmatch(name) or not text or name in fields:
                raise ValidationError(
                    _("Write each field once, on a line of its own, such as thing1: Hello {name}.")
                )
            fields[name] = text
        if len(fields) > step_checks.MOST_FIELDS:
            raise ValidationError(_("A template has at most 20 fields."))
        return fields

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if (cleaned.get("delay_minutes") is None) == (cleaned.get("day") is None):
            raise ValidationError(
                _("Say either how many minutes after the start, or on which day.")
            )
        if cleaned.get("day") is None and cleaned.get("at_time") is not None:
            raise ValidationError(_("A time of day needs a day."))
        try:
            cleaned["attachments"] = self.clean_attachments()
        except ValidationError as error:
            self.add_error("new_attachment", error)
        words = set(_routes(cleaned)) - BY_TEMPLATE
        said = cleaned.get("text", "").strip() or cleaned.get("content") is not None
        if words and not said and not cleaned.get("attachments"):
            raise ValidationError(_("Write a text or choose a content piece."))
        return cleaned


def _routes(cleaned: dict[str, Any]) -> list[str]:
    named = (cleaned.get(name) for name in ("route", "second", "third"))
    return [str(route) for route in named if route]


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

FIELDS = (
    "delay_minutes", "day", "at_time", "route", "kind", "content", "text", "official",
    "template_id", "template_fields", "attachments",
)  # fmt: skip


def initial(steps: list[SopStep]) -> list[dict[str, Any]]:
    return [_initial(step) for step in steps]


def _initial(step: SopStep) -> dict[str, Any]:
    values = {name: getattr(step, name) for name in FIELDS}
    second, third = [*step.fallbacks, "", ""][:2]
    lines = [f"{name}: {text}" for name, text in sorted(step.template_fields.items())]
    return {**values, "second": second, "third": third, "template_fields": "\n".join(lines)}


def wanted(formset: Any) -> list[SopStep]:
    """The steps as typed, in their order."""
    ordered = [form.cleaned_data for form in formset.ordered_forms]
    return [
        SopStep(**{name: given[name] for name in FIELDS}, fallbacks=_routes(given)[1:])
        for given in ordered
    ]
