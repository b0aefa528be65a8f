"""The form of a contact: what may be typed, and what is never filled in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from contacts import validation
from contacts.models import Contact, ContactTag, Tag
from contacts.validation import Invalid
from tenants.admin_forms import AskForm, TenantForm, autocomplete


class ContactForm(TenantForm):
    """Phones and e-mail addresses are never filled in: what is stored is masked, what is typed
    replaces it.
    """

    new_phone = forms.CharField(
        label=gettext_lazy("New phone"),
        required=False,
        max_length=30,
        widget=UnfoldAdminTextInputWidget({"inputmode": "tel", "autocomplete": "off"}),
        help_text=gettext_lazy("Blank keeps the stored number."),
    )
    new_email = forms.CharField(
        label=gettext_lazy("New e-mail"),
        required=False,
        max_length=254,
        widget=UnfoldAdminTextInputWidget({"inputmode": "email", "autocomplete": "off"}),
        help_text=gettext_lazy("Blank keeps the stored address."),
    )
    worn_tags = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Tags"),
        queryset=Tag.objects.all(),
        required=False,
        widget=autocomplete(Contact._meta.get_field("tags")),
    )

    class Meta:
        model = Contact
        fields = (
            "name", "gender", "birthday", "owner", "external_id", "channel",
            "excluded", "excluded_reason",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["worn_tags"] = list(
                ContactTag.objects.filter(contact=self.instance).values_list("tag_id", flat=True)
            )

    def clean_new_phone(self) -> str:
        return self._checked(validation.phone, "new_phone")

    def clean_new_email(self) -> str:
        return self._checked(validation.email, "new_email")

    def _checked(self, check: Callable[[str], str], name: str) -> str:
        typed = str(self.cleaned_data[name]).strip()
        try:
            return check(typed) if typed else ""
        except Invalid as error:
            raise forms.ValidationError(str(error), code=error.code) from None


class RevealForm(AskForm):
    reason = forms.CharField(
        label=gettext_lazy("What for?"),
        min_length=3,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
    )
