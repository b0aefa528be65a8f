"""Who is friends with whom since when, handing customers over, and who was lost."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateTimeFilter,
)
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from contacts import handover, loss_notices, masking, search
from contacts.admin import transfers
from contacts.admin.goods import OfContacts
from contacts.api.follows import episodes, note
from contacts.models import Follow, FollowLoss, ReachSpell, RemarkPush
from contacts.sync import remarks
from contacts.transfers.plan import Refused, Why
from tenants.admin_base import NOTHING, TenantModelAdmin, ask, chip, link_to
from tenants.admin_forms import AskForm, TenantForm
from tenants.models import Staff, User
from tenants.punctuation import listed
from tenants.roles import Can


class ActiveFilter(DropdownFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("active", pgettext("follow", "active")), ("ended", _("ended"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Follow]) -> QuerySet[Follow]:
        if self.value() not in {"active", "ended"}:
            return queryset
        return queryset.filter(ended_at__isnull=self.value() == "active")


class FollowForm(TenantForm):
    class Meta:
        model = Follow
        fields = ("remark", "description")
        widgets = {"description": UnfoldAdminTextareaWidget({"rows": 3})}


class TakerForm(AskForm):
    to = forms.ModelChoiceField(
        label=gettext_lazy("To"),
        queryset=Staff.objects.filter(active=True).order_by("name", "userid"),
        widget=UnfoldAdminSelectWidget,
    )


class HandOverForm(TakerForm):
    giver = forms.ModelChoiceField(
        label=gettext_lazy("From"),
        queryset=Staff.objects.order_by("name", "userid"),
        widget=UnfoldAdminSelectWidget,
    )
    field_order = ["giver", "to"]


@admin.register(Follow)
class FollowAdmin(OfContacts, TenantModelAdmin):
    form = FollowForm
    adds = deletes = False
    changes = True
    list_display = ("of_contact", "of_staff", "status", "opened_at", "ended_at", "ended_by")
    list_select_related = ("contact", "staff")
    list_filter = (
        ("staff", AutocompleteSelectFilter),
        ActiveFilter,
        ("ended_by", ChoicesDropdownFilter),
        ("opened_at", RangeDateTimeFilter),
        ("ended_at", RangeDateTimeFilter),
    )
    readonly_fields = (
        "of_contact", "of_staff", "status", "opened_at", "ended_at", "ended_by", "live_code",
        "state", "add_way", "history", "remark_company", "at_wecom",
    )  # fmt: skip
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("of_contact", "of_staff"),
                    "status",
                    ("opened_at", "ended_at", "ended_by"),
                )
            },
        ),
        (
            gettext_lazy("Written by staff"),
            {"fields": ("remark", "description", "remark_company", "at_wecom")},
        ),
        (gettext_lazy("Details"), {"fields": (("live_code", "state", "add_way"),)}),
        (gettext_lazy("Episodes"), {"fields": ("history",)}),
    )
    actions_list = ("hand_over_all",)
    actions_detail = ("hand_over",)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Where staff wrote down a number, only who may see it whole edits the text."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or not self._masks(request, obj):
            return fieldsets
        title, _fields = fieldsets[1]
        written = (title, {"fields": ("remark_masked", "description_masked")})
        return [fieldsets[0], written, *fieldsets[2:]]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        masked = ("remark_masked", "description_masked")
        return (*super().get_readonly_fields(request, obj), *masked)

    def _masks(self, request: HttpRequest, obj: Follow) -> bool:
        texts = obj.remark, obj.description
        may = isinstance(request.user, User) and request.user.can(Can.REVEAL)
        return not may and any(masking.text(text) != text for text in texts)

    @admin.display(description=gettext_lazy("At WeCom"))
    def at_wecom(self, obj: Follow) -> str:
        """What became of the last edit here."""
        push = RemarkPush.objects.filter(contact=obj.contact_id, staff=obj.staff_id).first()
        if push is None:
            return NOTHING
        return f"{push.get_state_display()} {push.problem}".strip()

    @admin.display(description=gettext_lazy("Remark"))
    def remark_masked(self, obj: Follow) -> str:
        return masking.text(obj.remark) or NOTHING

    @admin.display(description=gettext_lazy("Description"))
    def description_masked(self, obj: Follow) -> str:
        return masking.text(obj.description) or NOTHING

    def save_model(self, request: HttpRequest, obj: Follow, form: Any, change: Any) -> None:
        super().save_model(request, obj, form, change)
        if "remark" in form.changed_data:
            search.reindex([obj.contact_id])
        if {"remark", "description"} & set(form.changed_data):
            remarks.ask(obj)

    def offers(self, request: HttpRequest, target: Follow) -> set[str]:
        return {"hand_over"} if target.ended_at is None else set()

    @ask(
        gettext_lazy("Hand over"),
        question=gettext_lazy(
            "The Follow ends by transfer and opens anew with the other member of staff: nobody "
            "counts as lost. Where WeCom is connected, WeCom asks the customer first, who goes "
            "over within 24 hours."
        ),
        icon="swap_horiz",
        permission="act",
        form=TakerForm,
    )
    def hand_over(self, request: HttpRequest, target: Follow, form: AskForm) -> None:
        _hand_over(request, target.staff, form.cleaned_data["to"], {target.contact_id})

    @ask(
        gettext_lazy("Hand over all customers of a member"),
        question=gettext_lazy(
            "All open Follows end by transfer and open anew with the other member of staff: nobody "
            "counts as lost. Where WeCom is connected, WeCom asks the customers first, who go over "
            "within 24 hours."
        ),
        submit=gettext_lazy("Hand over"),
        icon="swap_horiz",
        permission="act",
        form=HandOverForm,
    )
    def hand_over_all(self, request: HttpRequest, target: None, form: AskForm) -> None:
        _hand_over(request, form.cleaned_data["giver"], form.cleaned_data["to"], None)

    @admin.display(description=gettext_lazy("Staff"))
    def of_staff(self, obj: Follow) -> str:
        return link_to(obj.staff)

    @chip(gettext_lazy("Status"), {"active": "success", "ended": "warning"})
    def status(self, obj: Follow) -> tuple[str, str]:
        return (
            ("active", pgettext("follow", "active"))
            if obj.ended_at is None
            else ("ended", _("ended"))
        )

    @admin.display(description=gettext_lazy("History"))
    def history(self, obj: Follow) -> str:
        spells = episodes([obj])[obj.contact_id, obj.staff_id]
        rows = format_html_join("", "<li>{}</li>", ((_episode(spell),) for spell in spells))
        return format_html('<ul class="scrm-rows">{}</ul>', rows) if spells else NOTHING


def _episode(spell: ReachSpell) -> str:
    opened = _at(spell.opened_at)
    by = ReachSpell.By(spell.opened_by)
    way = f" ({by.label})" if by == ReachSpell.By.TRANSFER else ""
    if spell.ended_at is None:
        return _("%(opened)s%(way)s – still open") % {"opened": opened, "way": way}
    return _("%(opened)s%(way)s – %(ended)s, ended %(by)s") % {
        "opened": opened,
        "way": way,
        "ended": _at(spell.ended_at),
        "by": spell.get_ended_by_display(),
    }


def _at(moment: Any) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M}"


def _hand_over(request: HttpRequest, giver: Staff, taker: Staff, people: set[int] | None) -> None:
    """At WeCom where it is connected; those without an account there in our own books."""
    try:
        begun = transfers.begin(request, giver, [taker], people)
        if begun is not None:
            people = set(begun.stay.get(Why.NO_ACCOUNT, ()))
            if not people:
                return
        handed = handover.hand_over(giver, taker, people)
    except (handover.Refused, Refused) as refusal:
        raise ValidationError(str(refusal)) from None
    note(request, giver, taker, handed)
    text = ngettext(
        "%(n)d customer was handed over to %(staff)s.",
        "%(n)d customers were handed over to %(staff)s.",
        handed.moved,
    )
    messages.success(request, text % {"n": handed.moved, "staff": taker})
    if handed.left:
        text = _("%(n)d are left: hand over once more.") % {"n": handed.left}
        messages.warning(request, text)


@admin.register(FollowLoss)
class FollowLossAdmin(OfContacts):
    list_display = (
        "of_contact", "of_staff", "ended_at", "ended_by", "days_kept", "stage_then", "channel",
        "tags_then",
    )  # fmt: skip
    list_select_related = ("contact", "staff", "channel")
    list_filter = (
        ("staff", AutocompleteSelectFilter),
        ("channel", AutocompleteSelectFilter),
        ("ended_by", ChoicesDropdownFilter),
        ("ended_at", RangeDateTimeFilter),
    )
    ordering = ("-ended_at", "-id")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("of_contact", "of_staff"),
                    ("opened_at", "ended_at", "ended_by"),
                    ("days_kept", "stage_then", "score_then"),
                    ("source", "channel", "live_code"),
                    "tags_then",
                )
            },
        ),
    )

    @admin.display(description=gettext_lazy("Staff"))
    def of_staff(self, obj: FollowLoss) -> str:
        return link_to(obj.staff)

    @admin.display(description=gettext_lazy("Stage then"))
    def stage_then(self, obj: FollowLoss) -> str:
        return dict(loss_notices.stages()).get(obj.stage, obj.stage) or NOTHING

    @admin.display(description=gettext_lazy("Score then"))
    def score_then(self, obj: FollowLoss) -> str:
        return NOTHING if obj.score is None else f"{obj.score:.1f}"

    @admin.display(description=gettext_lazy("Tags then"))
    def tags_then(self, obj: FollowLoss) -> str:
        return listed(obj.tags) or NOTHING
