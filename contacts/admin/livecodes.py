"""Live codes: who is behind the QR, what they bring along, and whether the platform has them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.enums import ActionVariant

from contacts import livecodes
from contacts.admin import attachment_fields, live_code_figures
from contacts.admin.live_code_forms import (
    FreeHoursInline,
    LiveCodeForm,
    ShiftInline,
    StaffInline,
    WelcomeInline,
)
from contacts.admin.qr_pages import QrPages
from contacts.attachments import media_ids
from contacts.livecodes import adds, keeping, plan, sheets
from contacts.models import LiveCode, LiveCodeTag, MediaFile
from tenants.admin_base import NOTHING, ask, chip
from tenants.admin_forms import AskForm, without
from tenants.models import Staff
from tenants.punctuation import listed


def _put_tags(code: LiveCode, wanted: set[int]) -> None:
    rows = LiveCodeTag.objects.filter(live_code=code)
    there = set(rows.values_list("tag_id", flat=True))
    rows.filter(tag_id__in=there - wanted).delete()
    LiveCodeTag.objects.bulk_create(
        [LiveCodeTag(live_code=code, tag_id=pk) for pk in sorted(wanted - there)]
    )


@admin.register(LiveCode)
class LiveCodeAdmin(QrPages):
    file_name = "live-code"
    invitation = gettext_lazy("Scan to add us on WeChat")
    form = LiveCodeForm
    form_only = ("brought_tags", *attachment_fields.NAMES)
    inlines = (StaffInline, ShiftInline, FreeHoursInline, WelcomeInline)
    list_display = (
        "name", "state_shown", "warned", "account", "channel", "expires_at", "created_at",
    )  # fmt: skip
    list_select_related = ("account", "channel")
    list_filter = (("status", ChoicesDropdownFilter), ("channel", AutocompleteSelectFilter))
    search_fields = ("name",)
    autocomplete_fields = ("channel",)
    readonly_fields = (
        "state_shown", "problem", "warning", "difference", "qr", "on_duty", "tags_now", "preview",
        "attachments_now",
    )  # fmt: skip
    fieldsets = (
        (
            gettext_lazy("On the platform"),
            {"fields": ("state_shown", "problem", "warning", "difference", "on_duty", "qr")},
        ),
        (
            None,
            {
                "fields": (
                    ("name", "account"), "channel", "brought_tags", "tags_now",
                    ("skip_verify", "exclusive"), ("remark_template", "description_template"),
                    "expires_at", "closed_message",
                )
            },
        ),
        (
            gettext_lazy("Welcome"),
            {"fields": ("welcome_text", "preview", "attachments_now", *attachment_fields.FIELDS)},
        ),
    )  # fmt: skip
    actions_detail = ("poster", "retire")
    change_form_outer_after_template = "admin/contacts/livecode/figures.html"

    class Media:
        css = {"all": ("contacts/groups.css", "contacts/livecodes.css")}

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None and not self.has_change_permission(request, obj):
            return super().get_fieldsets(request, obj)
        platform, *typed = without(self.fieldsets, {"tags_now", "attachments_now"})
        if obj is None:
            return typed
        empty = {name for name in ("problem", "warning") if not getattr(obj, name)}
        return [*without([platform], empty | (set() if obj.drift else {"difference"})), *typed]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        retired = isinstance(obj, LiveCode) and obj.status == LiveCode.Status.RETIRED
        return not retired and super().has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The way of one corporation cannot move to another."""
        fields = super().get_readonly_fields(request, obj)
        return (*fields, "account") if obj else fields

    def _create_formsets(self, request: HttpRequest, obj: Any, change: Any) -> Any:
        formsets, inlines = super()._create_formsets(request, obj, change)
        by_kind = {type(inline): formset for formset, inline in zip(formsets, inlines, strict=True)}
        if StaffInline in by_kind:
            by_kind[StaffInline].shifts = by_kind.get(ShiftInline)
        return formsets, inlines

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        super().save_related(request, form, formsets, change)
        code = form.instance
        _put_tags(code, {one.pk for one in form.cleaned_data["brought_tags"]})
        if not change or form.has_changed() or any(each.has_changed() for each in formsets):
            keeping.want_media(code)
            livecodes.changed(code)
        if change and "channel" in form.changed_data:
            adds.rechannelled(code)
        advice = keeping.advice(keeping.members_of(code))
        if advice:
            messages.warning(request, advice)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        code = self.get_object(request, object_id)
        more: dict[str, object] = {}
        if code is not None and request.method == "GET":
            more = {"figures": live_code_figures.shown(request, code)}
        answer: HttpResponse = super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **more}
        )
        return answer

    def offers(self, request: HttpRequest, target: LiveCode) -> set[str]:
        over = {"retire"} if target.status == LiveCode.Status.RETIRED else set()
        return super().offers(request, target) - over

    def printed(self, request: HttpRequest, target: LiveCode) -> str:
        """Over our page only when it has something to say later."""
        if not target.closed_message:
            return super().printed(request, target)
        return request.build_absolute_uri(reverse("live-code", args=[target.public_code]))

    @ask(
        gettext_lazy("Retire"),
        question=gettext_lazy("The QR stops working for good. Contacts keep their source."),
        icon="block",
        variant=ActionVariant.DANGER,
    )
    def retire(self, request: HttpRequest, target: LiveCode, form: AskForm) -> None:
        livecodes.retire(target)
        self.note(request, "retired", target)

    @chip(
        gettext_lazy("Status"),
        {"pending": "info", "active": "success", "failed": "danger", "retired": "warning"},
    )
    def state_shown(self, obj: LiveCode) -> tuple[str, str]:
        return obj.status, obj.get_status_display()

    @chip(gettext_lazy("On duty"), {"warning": "warning", "good": "success"})
    def warned(self, obj: LiveCode) -> tuple[str, str]:
        if obj.status == LiveCode.Status.RETIRED:
            return "", NOTHING
        return ("warning", _("look")) if obj.warning else ("good", _("as planned"))

    @admin.display(description=gettext_lazy("Difference found by night"))
    def difference(self, obj: LiveCode) -> str:
        at = timezone.localtime(obj.drift_at) if obj.drift_at else None
        return f"{at:%Y-%m-%d %H:%M} · {obj.drift}" if at else NOTHING

    @admin.display(description=gettext_lazy("On duty now"))
    def on_duty(self, obj: LiveCode) -> str:
        if obj.status == LiveCode.Status.RETIRED:
            return NOTHING
        now = timezone.now()
        sheet = sheets.sheet_of(obj)
        found = plan.duty(sheet, now, sheets.adds_of(obj, sheet, now))
        named = Staff.objects.in_bulk([one.staff_id for one in found.people])
        people = listed(named[one.staff_id] for one in found.people) or NOTHING
        until = plan.next_change(sheet, now)
        if until is None:
            return people
        return _("%(staff)s – until %(time)s") % {
            "staff": people,
            "time": f"{timezone.localtime(until):%m-%d %H:%M}",
        }

    @admin.display(description=gettext_lazy("Attachments"))
    def attachments_now(self, obj: LiveCode) -> str:
        numbers = media_ids(obj.welcome_attachments)
        names = dict(MediaFile.objects.filter(pk__in=numbers).values_list("pk", "name"))
        described = attachment_fields.described
        return listed(described(one, names) for one in obj.welcome_attachments) or NOTHING

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
