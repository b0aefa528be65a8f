"""Live codes: who is behind the QR, what they bring along, and whether the platform has them."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import segno
from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextareaWidget

from contacts import livecodes
from contacts.models import LiveCode, LiveCodeStaff, LiveCodeTag, Tag
from tenants.admin_base import NOTHING, TenantModelAdmin, ask, chip
from tenants.admin_forms import AskForm, TenantForm, autocomplete
from tenants.models import Staff, WeChatAccount
from tenants.punctuation import listed

LONGEST_WELCOME = 4000  # bytes, by the platform


class LiveCodeForm(TenantForm):
    staff_behind = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Staff"),
        queryset=Staff.objects.filter(active=True),
        widget=autocomplete(LiveCode._meta.get_field("staff")),
        help_text=gettext_lazy("New customers are shared out among them."),
    )
    brought_tags = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Tags"),
        queryset=Tag.objects.all(),
        required=False,
        widget=autocomplete(LiveCode._meta.get_field("tags")),
        help_text=gettext_lazy("Whoever comes by this code gets them."),
    )

    class Meta:
        model = LiveCode
        fields = ("name", "account", "channel", "welcome_text", "skip_verify")
        widgets = {
            "welcome_text": UnfoldAdminTextareaWidget(
                {"rows": 5, "data-max-bytes": LONGEST_WELCOME, "data-preview": "welcome-preview"}
            )
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "account" in self.fields:
            accounts = WeChatAccount.objects.filter(kind=WeChatAccount.Kind.WECOM, active=True)
            self.fields["account"].queryset = accounts  # type: ignore[attr-defined]
        if self.instance.pk:
            self.initial["staff_behind"] = _ids(LiveCodeStaff, self.instance, "staff_id")
            self.initial["brought_tags"] = _ids(LiveCodeTag, self.instance, "tag_id")

    def clean_welcome_text(self) -> str:
        text = str(self.cleaned_data["welcome_text"])
        if len(text.encode()) > LONGEST_WELCOME:
            raise ValidationError(
                _("The platform takes at most 4,000 bytes (about 1,300 characters).")
            )
        return text


def _ids(model: Any, live_code: LiveCode, column: str) -> list[int]:
    return list(
        model.objects.filter(live_code=live_code).order_by("id").values_list(column, flat=True)
    )


def _replace(model: Any, live_code: LiveCode, column: str, wanted: set[int]) -> None:
    rows = model.objects.filter(live_code=live_code)
    there = set(rows.values_list(column, flat=True))
    rows.filter(**{f"{column}__in": there - wanted}).delete()
    model.objects.bulk_create(
        [model(live_code=live_code, **{column: pk}) for pk in sorted(wanted - there)]
    )


@admin.register(LiveCode)
class LiveCodeAdmin(TenantModelAdmin):
    form = LiveCodeForm
    form_only = ("staff_behind", "brought_tags")
    list_display = ("name", "state_shown", "account", "channel", "skip_verify", "created_at")
    list_select_related = ("account", "channel")
    list_filter = (("status", ChoicesDropdownFilter), ("channel", AutocompleteSelectFilter))
    search_fields = ("name",)
    autocomplete_fields = ("channel",)
    readonly_fields = ("state_shown", "problem", "qr", "staff_now", "tags_now", "preview")
    fieldsets = (
        (gettext_lazy("On the platform"), {"fields": ("state_shown", "problem", "qr")}),
        (
            None,
            {
                "fields": (
                    ("name", "account"), "staff_behind", "staff_now", "channel", "brought_tags",
                    "tags_now", "skip_verify",
                )
            },
        ),
        (gettext_lazy("Welcome"), {"fields": ("welcome_text", "preview")}),
    )  # fmt: skip
    actions_detail = ("retire",)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        platform, main, welcome = list[Any](self.fieldsets)
        if obj is not None and not self.has_change_permission(request, obj):
            return super().get_fieldsets(request, obj)
        main = (
            None,
            {"fields": [f for f in main[1]["fields"] if f not in {"staff_now", "tags_now"}]},
        )
        return [platform, main, welcome] if obj else [main, welcome]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        retired = isinstance(obj, LiveCode) and obj.status == LiveCode.Status.RETIRED
        return not retired and super().has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The way of one corporation cannot move to another."""
        fields = super().get_readonly_fields(request, obj)
        return (*fields, "account") if obj else fields

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        super().save_related(request, form, formsets, change)
        code, given = form.instance, form.cleaned_data
        _replace(LiveCodeStaff, code, "staff_id", {one.pk for one in given["staff_behind"]})
        _replace(LiveCodeTag, code, "tag_id", {one.pk for one in given["brought_tags"]})
        if not change or form.has_changed():
            livecodes.changed(code)

    def offers(self, request: HttpRequest, target: LiveCode) -> set[str]:
        return {"retire"} if target.status != LiveCode.Status.RETIRED else set()

    @ask(
        gettext_lazy("Retire"),
        question=gettext_lazy("The QR stops working for good. Contacts keep their source."),
        icon="block",
        variant=ActionVariant.DANGER,
    )
    def retire(self, request: HttpRequest, target: LiveCode, form: AskForm) -> None:
        livecodes.retire(target)
        self.note(request, "retired", target)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.qr_file)
        route = path("<path:object_id>/change/qr.svg", view, name="contacts_livecode_qr")
        return [route, *super().get_urls()]

    def qr_file(self, request: HttpRequest, object_id: str) -> HttpResponse:
        target = self.get_object(request, object_id)
        if target is None or not target.qr_url or not self.has_view_permission(request, target):
            return self.unknown(request, object_id)
        picture = BytesIO()
        segno.make(target.qr_url, error="m").save(picture, kind="svg", scale=8, border=4)
        name = f"live-code-{target.pk}.svg"
        return HttpResponse(
            picture.getvalue(),
            content_type="image/svg+xml",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    @chip(
        gettext_lazy("Status"),
        {"pending": "info", "active": "success", "failed": "danger", "retired": "warning"},
    )
    def state_shown(self, obj: LiveCode) -> tuple[str, str]:
        return obj.status, obj.get_status_display()

    @admin.display(description=gettext_lazy("QR code"))
    def qr(self, obj: LiveCode) -> str:
        if not obj.qr_url:
            return _("It appears here as soon as the platform has made it.")
        picture = segno.make(obj.qr_url, error="m").svg_data_uri(scale=5, border=3)
        return format_html(
            '<span class="scrm-qr"><img src="{}" alt="{}" width="180" height="180"/>'
            '<span class="scrm-stack"><a class="scrm-link" href="{}" download>{}</a>'
            '<a class="scrm-link" href="{}" rel="noreferrer noopener" target="_blank">{}</a>'
            "</span></span>",
            picture,
            _("QR code of %(name)s") % {"name": obj.name},
            reverse("admin:contacts_livecode_qr", args=[obj.pk]),
            _("Download (SVG)"),
            obj.qr_url,
            _("Open"),
        )

    @admin.display(description=gettext_lazy("Staff"))
    def staff_now(self, obj: LiveCode) -> str:
        rows = LiveCodeStaff.objects.filter(live_code=obj).select_related("staff").order_by("id")
        return listed(row.staff for row in rows) or NOTHING

    @admin.display(description=gettext_lazy("Tags"))
    def tags_now(self, obj: LiveCode) -> str:
        rows = LiveCodeTag.objects.filter(live_code=obj).select_related("tag").order_by("id")
        return listed(row.tag for row in rows) or NOTHING

    @admin.display(description=gettext_lazy("Preview"))
    def preview(self, obj: LiveCode) -> str:
        text = obj.welcome_text if obj else ""
        return format_html(
            '<span class="scrm-bubble" id="welcome-preview">{}</span>', text or NOTHING
        )
