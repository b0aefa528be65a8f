"""QR codes into groups and welcomes for groups: what is wanted, and whether WeCom has it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeDateFilter,
)
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextareaWidget

from contacts.admin import attachment_fields
from contacts.admin.attachment_fields import AttachmentFields
from contacts.admin.qr_pages import QrPages
from contacts.groups import code_days, join_codes, keeping, welcomes
from contacts.models import (
    Group,
    GroupDay,
    GroupFigures,
    GroupJoinCode,
    GroupJoinCodeGroup,
    GroupJoinCodeTag,
    GroupWelcome,
    Tag,
)
from contacts.models.group_codes import Status
from tenants.admin_base import NOTHING, LookAheadList, ReadOnlyAdmin, TenantModelAdmin, ask, chip
from tenants.admin_forms import AskForm, TenantForm, autocomplete, without
from tenants.models import WeChatAccount
from tenants.wechat.groups import GROUPS_OF_A_WAY

PERIOD = timedelta(days=30)
LONGEST_TEXT = 3000  # bytes, by the platform
_TONES = {
    "pending": "info", "active": "success", "unknown": "warning", "failed": "danger", "retired": "",
}  # fmt: skip


class _OfAccount(TenantForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "account" in self.fields:
            accounts = WeChatAccount.objects.filter(kind=WeChatAccount.Kind.WECOM, active=True)
            self.fields["account"].queryset = accounts  # type: ignore[attr-defined]


class GroupCodeForm(_OfAccount):
    led_groups = forms.ModelMultipleChoiceField(
        label=pgettext_lazy("of customers", "groups"),
        queryset=Group.objects.filter(dismissed_at=None).exclude(chat_id=None),
        widget=autocomplete(GroupJoinCode._meta.get_field("groups")),
        help_text=gettext_lazy("At most five; the first one that has room is joined."),
    )
    brought_tags = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Tags"),
        queryset=Tag.objects.all(),
        required=False,
        widget=autocomplete(GroupJoinCode._meta.get_field("tags")),
        help_text=gettext_lazy("Whoever comes by this code gets them."),
    )

    class Meta:
        model = GroupJoinCode
        fields = ("name", "account", "channel", "makes_more", "base_name", "base_number")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            led = GroupJoinCodeGroup.objects.filter(code=self.instance)
            worn = GroupJoinCodeTag.objects.filter(code=self.instance)
            self.initial["led_groups"] = list(led.values_list("group_id", flat=True))
            self.initial["brought_tags"] = list(worn.values_list("tag_id", flat=True))

    def clean_led_groups(self) -> Any:
        groups = self.cleaned_data["led_groups"]
        if len(groups) > GROUPS_OF_A_WAY:
            raise ValidationError(_("At most %(n)d groups.") % {"n": GROUPS_OF_A_WAY})
        return groups


class _Made(TenantModelAdmin):
    """Of what a worker makes at the platform."""

    def offers(self, request: HttpRequest, target: Any) -> set[str]:
        found = {"retire"} if target.status != Status.RETIRED else set()
        return found | ({"make_anew"} if target.status == Status.UNKNOWN else set())

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        made = isinstance(obj, GroupJoinCode | GroupWelcome)
        retired = made and obj.status == Status.RETIRED
        return not retired and super().has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """What one corporation keeps cannot move to another."""
        fields = super().get_readonly_fields(request, obj)
        return (*fields, "account") if obj else fields

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        found = super().get_fieldsets(request, obj)
        return found if obj is not None else found[1:]

    @chip(gettext_lazy("Status"), _TONES)
    def state_shown(self, obj: Any) -> tuple[str, str]:
        return obj.status, obj.get_status_display()


class GroupCodeList(LookAheadList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        found = code_days.totals(rows)
        for row in rows:
            row.totals = found.get(row.state, (0, 0))


@admin.register(GroupJoinCode)
class GroupJoinCodeAdmin(QrPages, _Made):
    form = GroupCodeForm
    form_only = ("led_groups", "brought_tags")
    noun = "group_code"
    file_name = "group-code"
    invitation = gettext_lazy("Scan to join our group on WeChat")
    list_display = ("name", "state_shown", "channel", "came", "went", "created_at")
    list_select_related = ("channel",)
    list_filter = (("status", ChoicesDropdownFilter), ("channel", AutocompleteSelectFilter))
    search_fields = ("name",)
    autocomplete_fields = ("channel",)
    readonly_fields = ("state_shown", "problem", "qr")
    fieldsets = (
        (gettext_lazy("On the platform"), {"fields": ("state_shown", "problem", "qr")}),
        (
            None,
            {
                "fields": (
                    ("name", "account"), "led_groups", ("channel", "brought_tags"), "makes_more",
                    ("base_name", "base_number"),
                )
            },
        ),
    )  # fmt: skip
    actions_detail = ("poster", "make_anew", "retire")
    change_form_outer_after_template = "admin/contacts/groupjoincode/days.html"

    class Media:
        css = {"all": ("contacts/groups.css", "contacts/livecodes.css")}

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[LookAheadList]:
        return GroupCodeList

    @admin.display(description=gettext_lazy("Came in"))
    def came(self, obj: Any) -> str:
        return str(obj.totals[0] or NOTHING)

    @admin.display(description=gettext_lazy("Left again"))
    def went(self, obj: Any) -> str:
        return str(obj.totals[1] or NOTHING)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        super().save_related(request, form, formsets, change)
        given = form.cleaned_data
        keeping.put_groups(form.instance, [one.pk for one in given["led_groups"]])
        keeping.put_tags(form.instance, [one.pk for one in given["brought_tags"]])
        join_codes.changed(form.instance)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        code = self.get_object(request, object_id)
        more: dict[str, object] = {}
        if code is not None and request.method == "GET":
            end = timezone.localdate() + timedelta(days=1)
            rows = code_days.by_day(code, end - PERIOD, end)
            more = {
                "rows": [row for row in reversed(rows) if row.joined or row.left],
                "joined": sum(row.joined for row in rows),
                "left": sum(row.left for row in rows),
                "period": PERIOD.days,
            }
        answer: HttpResponse = super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **more}
        )
        return answer

    @ask(
        gettext_lazy("Make it anew"),
        question=gettext_lazy(
            "WeCom's answer was lost, and WeCom cannot be asked which codes there are. A second "
            "code is made; if there is a first one, nobody knows its QR, and it does no harm."
        ),
        icon="refresh",
    )
    def make_anew(self, request: HttpRequest, target: GroupJoinCode, form: AskForm) -> None:
        join_codes.make_anew(target)
        self.note(request, "queued", target)

    @ask(
        gettext_lazy("Retire"),
        question=gettext_lazy("The QR stops working for good. Who came by it keeps counting."),
        icon="block",
        variant=ActionVariant.DANGER,
    )
    def retire(self, request: HttpRequest, target: GroupJoinCode, form: AskForm) -> None:
        join_codes.retire(target)
        self.note(request, "retired", target)


class GroupWelcomeForm(AttachmentFields, _OfAccount):
    class Meta:
        model = GroupWelcome
        fields = ("name", "account", "text", "tells_owners")
        widgets = {"text": UnfoldAdminTextareaWidget({"rows": 5, "data-max-bytes": LONGEST_TEXT})}
        help_texts = {
            "text": gettext_lazy("%NICKNAME% becomes the name of whoever joins."),
            "tells_owners": gettext_lazy("Once, when it is made."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.show_attachments(list(self.instance.attachments))

    def clean_text(self) -> str:
        text = str(self.cleaned_data["text"])
        if len(text.encode()) > LONGEST_TEXT:
            raise ValidationError(
                _("The platform takes at most %(n)d bytes.") % {"n": LONGEST_TEXT}
            )
        return text

    def clean(self) -> dict[str, Any] | None:
        given = super().clean()
        if not self.errors:
            attached = self.clean_attachments()
            if len(attached) > 1:
                raise ValidationError(_("One attachment goes with the text, and no more."))
            self.instance.attachments = attached
        return given


@admin.register(GroupWelcome)
class GroupWelcomeAdmin(_Made):
    form = GroupWelcomeForm
    form_only = attachment_fields.NAMES
    list_display = ("name", "state_shown", "account", "created_at")
    list_select_related = ("account",)
    list_filter = (("status", ChoicesDropdownFilter),)
    search_fields = ("name",)
    readonly_fields = ("state_shown", "problem")
    fieldsets = (
        (gettext_lazy("On the platform"), {"fields": ("state_shown", "problem")}),
        (
            None,
            {"fields": (("name", "account"), "text", "tells_owners", *attachment_fields.FIELDS)},
        ),
    )
    actions_detail = ("make_anew", "retire")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        found = super().get_fieldsets(request, obj)
        if obj is None:
            return found
        return found if obj.problem else without(found, {"problem"})

    def save_model(self, request: HttpRequest, obj: GroupWelcome, form: Any, change: Any) -> None:
        super().save_model(request, obj, form, change)
        welcomes.changed(obj)

    @ask(
        gettext_lazy("Make it anew"),
        question=gettext_lazy(
            "WeCom's answer was lost, and WeCom cannot be asked which templates there are. If the "
            "first one was made, it takes one of the hundred places until somebody deletes it in "
            "WeCom's own console."
        ),
        icon="refresh",
    )
    def make_anew(self, request: HttpRequest, target: GroupWelcome, form: AskForm) -> None:
        welcomes.make_anew(target)
        self.note(request, "queued", target)

    @ask(
        gettext_lazy("Retire"),
        question=gettext_lazy("Groups that use it greet nobody any more."),
        icon="block",
        variant=ActionVariant.DANGER,
    )
    def retire(self, request: HttpRequest, target: GroupWelcome, form: AskForm) -> None:
        welcomes.retire(target)
        self.note(request, "retired", target)


class FiguresList(LookAheadList):
    """Gives a page of WeCom's figures our own count beside them."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        ours: dict[tuple[int, Any], int] = {}
        found = GroupDay.objects.filter(
            group__owner__in={row.owner_id for row in rows}, day__in={row.day for row in rows}
        )
        for owner_id, day, joined in found.values_list("group__owner", "day", "joined"):
            key = (owner_id, day)
            ours[key] = ours.get(key, 0) + joined
        for row in rows:
            row.joined_here = ours.get((row.owner_id, row.day), 0)


@admin.register(GroupFigures)
class GroupFiguresAdmin(ReadOnlyAdmin):
    list_display: Any = (
        "day", "owner", "groups", "new_groups", "members", "new_members", "joined_here",
        "members_that_spoke", "messages",
    )  # fmt: skip
    list_select_related = ("owner",)
    list_filter = (("owner", AutocompleteSelectFilter), ("day", RangeDateFilter))
    ordering = ("-day", "owner")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[LookAheadList]:
        return FiguresList

    @admin.display(description=gettext_lazy("joined by our count, without staff"))
    def joined_here(self, obj: Any) -> str:
        return str(obj.joined_here)
