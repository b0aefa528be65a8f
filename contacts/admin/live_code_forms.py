"""What is typed on the page of a live code: itself, its staff, their shifts, welcomes by hours."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.functional import lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSingleTimeWidget, UnfoldAdminTextareaWidget

from contacts.admin.attachment_fields import AttachmentFields
from contacts.livecodes import keeping, remarks
from contacts.livecodes.keeping import Member, Shift, Span
from contacts.models import (
    LiveCode,
    LiveCodeFreeHours,
    LiveCodeShift,
    LiveCodeStaff,
    LiveCodeTag,
    LiveCodeWelcome,
    Tag,
)
from tenants.admin_base import TenantTabularInline
from tenants.admin_forms import TenantForm, autocomplete
from tenants.models import WeChatAccount

LONGEST_WELCOME = 4000  # bytes, by the platform


def _days() -> list[tuple[int, Any]]:
    return [(number, WEEKDAYS_ABBR[number - 1]) for number in range(1, 8)]


class WeekdaysField(forms.TypedMultipleChoiceField):
    def __init__(self, **options: Any) -> None:
        for name in ("base_field", "max_length", "size"):
            options.pop(name, None)
        options.update(
            choices=lazy(_days, list)(),
            coerce=int,
            initial=list(range(1, 8)),
            widget=forms.CheckboxSelectMultiple({"class": "scrm-weekdays"}),
        )
        super().__init__(**options)

    def prepare_value(self, value: Any) -> Any:
        return [str(each) for each in value] if isinstance(value, list | tuple) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return sorted(map(str, initial or [])) != sorted(map(str, data or []))


def check_welcome(text: str) -> str:
    if len(text.encode()) > LONGEST_WELCOME:
        raise ValidationError(_("The platform takes at most 4,000 bytes (about 1,300 characters)."))
    return text


class LiveCodeForm(AttachmentFields, TenantForm):
    attachments_field = "welcome_attachments"

    brought_tags = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Tags"),
        queryset=Tag.objects.all(),
        required=False,
        widget=autocomplete(LiveCode._meta.get_field("tags")),
        help_text=gettext_lazy("Whoever comes by this code gets them."),
    )

    class Meta:
        model = LiveCode
        fields = (
            "name", "account", "channel", "welcome_text", "skip_verify", "exclusive",
            "remark_template", "description_template", "expires_at", "closed_message",
        )  # fmt: skip
        widgets = {
            "welcome_text": UnfoldAdminTextareaWidget(
                {"rows": 5, "data-max-bytes": LONGEST_WELCOME, "data-preview": "welcome-preview"}
            )
        }
        help_texts = {
            "exclusive": gettext_lazy(
                "Who is a customer of one of the staff already comes to the same member again."
            ),
            "skip_verify": gettext_lazy(
                "With hours without approval below: only within these hours."
            ),
            "remark_template": gettext_lazy(
                "Filled in: {name} {channel} {code} {staff} {date}; cut to 20 characters. Example: "
                "{channel}-{date}-{name}"
            ),
            "description_template": gettext_lazy("The same places; cut to 150 characters."),
            "expires_at": gettext_lazy("Then the code is retired by itself."),
            "closed_message": gettext_lazy(
                "With a message, posters lead over a page of ours that shows it once the code has "
                "ended; without, they lead straight to WeCom."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "account" in self.fields:
            accounts = WeChatAccount.objects.filter(kind=WeChatAccount.Kind.WECOM, active=True)
            self.fields["account"].queryset = accounts  # type: ignore[attr-defined]
        if self.instance.pk:
            worn = LiveCodeTag.objects.filter(live_code=self.instance).order_by("id")
            self.initial["brought_tags"] = list(worn.values_list("tag_id", flat=True))
        self.show_attachments(self.instance.welcome_attachments)

    def clean_welcome_text(self) -> str:
        return check_welcome(str(self.cleaned_data["welcome_text"]))

    def clean_remark_template(self) -> str:
        template = str(self.cleaned_data["remark_template"])
        remarks.check(template)
        return template

    def clean_description_template(self) -> str:
        template = str(self.cleaned_data["description_template"])
        remarks.check(template)
        return template

    def clean_expires_at(self) -> Any:
        expires_at = self.cleaned_data["expires_at"]
        keeping.check_expiry(expires_at, self.initial.get("expires_at"))
        return expires_at

    def clean(self) -> dict[str, Any] | None:
        given = super().clean()
        if not self.errors:
            try:
                self.instance.welcome_attachments = self.clean_attachments()
            except ValidationError as error:
                self.add_error("new_attachment", error)
        return given


class HoursForm(TenantForm):
    weekdays = WeekdaysField(label=gettext_lazy("weekdays"))

    class Meta:
        widgets = {"starts": UnfoldAdminSingleTimeWidget(), "ends": UnfoldAdminSingleTimeWidget()}


class WelcomeForm(HoursForm):
    class Meta:
        widgets = {**HoursForm.Meta.widgets, "text": UnfoldAdminTextareaWidget({"rows": 2})}

    def clean_text(self) -> str:
        text = check_welcome(str(self.cleaned_data["text"]))
        if not text.strip() and not self.instance.attachments:
            raise ValidationError(_("Write what is said in these hours."))
        return text


class RowsOfCode(BaseInlineFormSet):
    """Named after its table: nothing leads back from a live code to these rows."""

    @classmethod
    def get_default_prefix(cls) -> str:
        return str(cls.model._meta.model_name) if cls.model else ""


class StaffFormSet(RowsOfCode):
    """Knows the shifts of the same page: somebody must be on duty at every hour."""

    shifts: ShiftFormSet | None = None

    def members(self) -> list[Member]:
        return [
            Member(
                given["staff"],
                given.get("weight") or 1,
                given.get("daily_cap"),
                bool(given.get("spare")),
            )
            for given in _rows(self)
        ]

    def clean(self) -> None:
        super().clean()
        members, shifts = self.members(), self.shifts
        if any(self.errors) or shifts is None or not shifts.is_valid():
            return
        keeping.check_staff(members, shifts.rows())


class ShiftFormSet(RowsOfCode):
    def rows(self) -> list[Shift]:
        return [
            Shift(given["staff"], Span(tuple(given["weekdays"]), given["starts"], given["ends"]))
            for given in _rows(self)
        ]


def _rows(formset: BaseInlineFormSet) -> list[dict[str, Any]]:
    """What stays, of the rows that could be read."""
    return [
        form.cleaned_data
        for form in formset.forms
        if hasattr(form, "cleaned_data")
        and form.cleaned_data.get("staff")
        and not form.cleaned_data.get("DELETE")
    ]


class OfLiveCode(TenantTabularInline):
    """Rows of a code that still works may be edited."""

    formset = RowsOfCode

    def _open(self, obj: Any) -> bool:
        return not (isinstance(obj, LiveCode) and obj.status == LiveCode.Status.RETIRED)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._open(obj) and super().has_add_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._open(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._open(obj) and super().has_change_permission(request, obj)


class StaffInline(OfLiveCode):
    model = LiveCodeStaff
    formset = StaffFormSet
    fields = ("staff", "weight", "daily_cap", "spare")
    autocomplete_fields = ("staff",)
    verbose_name_plural = gettext_lazy("Staff: new customers are shared out among them")
    min_num = 1


class ShiftInline(OfLiveCode):
    model = LiveCodeShift
    form = HoursForm
    formset = ShiftFormSet
    fields = ("staff", "weekdays", "starts", "ends")
    autocomplete_fields = ("staff",)
    verbose_name_plural = gettext_lazy("Shifts: who has none is on duty at all hours")


class FreeHoursInline(OfLiveCode):
    model = LiveCodeFreeHours
    form = HoursForm
    fields = ("weekdays", "starts", "ends")
    verbose_name_plural = gettext_lazy("Hours without approval: none means all hours")


class WelcomeInline(OfLiveCode):
    model = LiveCodeWelcome
    form = WelcomeForm
    fields = ("weekdays", "starts", "ends", "text")
    verbose_name_plural = gettext_lazy("Other welcome messages at certain hours")
