"""One message to many: to whom, what, when; what became of it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.enums import ActionVariant

from campaigns.admin.broadcast_form import BroadcastForm
from campaigns.broadcasts import audience, personal, standing, starting
from campaigns.models import Broadcast, BroadcastBatch, BroadcastShare
from contacts.admin import attachment_fields
from tenants.admin_base import NOTHING, LookAheadList, TenantModelAdmin, ask, chip, link_to
from tenants.admin_forms import AskForm, without
from tenants.models import User

FOLDER = "admin/campaigns/broadcast"
SHOWN = 100  # members on the page of a broadcast
State = Broadcast.State
TONES = {
    "draft": "", "scheduled": "info", "frozen": "info", "sending": "info", "waiting": "info",
    "done": "success", "cancelled": "", "failed": "danger",
}  # fmt: skip
SHARE_TONES = {"waiting": "info", "confirmed": "success", "done": "success", "refused": "warning"}
OUTSIDE = (Broadcast.Origin.WECOM, Broadcast.Origin.MEMBER)
_OF_DRAFTS = ("to_tags", "to_groups", "by_staff", *attachment_fields.NAMES)


class OriginFilter(DropdownFilter):
    """Ours, unless something else is asked for: members may send many a day of their own."""

    title = gettext_lazy("made by")
    parameter_name = "origin"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("outside", gettext_lazy("all at WeCom")), *Broadcast.Origin.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Broadcast]) -> QuerySet[Broadcast]:
        chosen = self.value()
        if chosen == "outside":
            return queryset.filter(origin__in=OUTSIDE).order_by("-started_at", "-pk")
        if chosen in OUTSIDE:
            return queryset.filter(origin=chosen).order_by("-started_at", "-pk")
        return queryset.filter(origin=Broadcast.Origin.HERE)


class BroadcastList(LookAheadList):
    """Gives a page of broadcasts their counts, in two queries."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        found = standing.of([row.pk for row in rows])
        for row in rows:
            row.standing = found[row.pk]


_OF_OUTSIDE_LISTED = (
    "name", "made_by", "route", "recipients", "confirmed", "delivered", "state_shown", "started_at",
)  # fmt: skip
OF_OUTSIDE = (
    (None, {"fields": (("name", "state_shown"), ("route", "account"), ("made_by", "started_at"))}),
    (gettext_lazy("Content"), {"fields": ("text", "attached")}),
)


@admin.register(Broadcast)
class BroadcastAdmin(TenantModelAdmin):
    form = BroadcastForm
    form_only = _OF_DRAFTS
    deletes = True
    list_display = (
        "name", "state_shown", "route", "recipients", "confirmed", "delivered", "send_at",
        "created_at",
    )  # fmt: skip
    list_select_related = ("maker",)
    list_filter = (
        OriginFilter, ("state", ChoicesDropdownFilter), ("route", ChoicesDropdownFilter),
    )  # fmt: skip
    search_fields = ("name",)
    autocomplete_fields = ("segment",)
    readonly_fields = (
        "state_shown", "audience_shown", "attached", "problem", "started_at", "user", "origin",
        "made_by",
    )  # fmt: skip
    fieldsets = (
        (None, {"fields": (("name", "state_shown"), ("route", "kind"), "account", "problem")}),
        (
            gettext_lazy("For whom"),
            {
                "fields": (
                    "everyone", "segment", "to_tags", "to_groups", "by_staff", "audience_shown",
                ),
                "description": gettext_lazy("All that is chosen must hold."),
            },
        ),
        (
            gettext_lazy("Content"),
            {"fields": ("text", "content", "attached", *attachment_fields.FIELDS)},
        ),
        (gettext_lazy("When"), {"fields": ("send_at", ("started_at", "user"))}),
    )  # fmt: skip
    actions_detail = ("start", "remind", "cancel", "copy")
    change_form_outer_before_template = f"{FOLDER}/page.html"
    change_form_outer_after_template = f"{FOLDER}/counting.html"

    class Media:
        css = {"all": ["contacts/files.css", "campaigns/broadcasts.css"]}
        js = ("campaigns/broadcasts.js",)

    def get_list_display(self, request: HttpRequest) -> Any:
        if request.GET.get("origin") in {"outside", *OUTSIDE}:
            return _OF_OUTSIDE_LISTED
        return super().get_list_display(request)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[LookAheadList]:
        return BroadcastList

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        started = isinstance(obj, Broadcast) and obj.started
        return not started and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        started = isinstance(obj, Broadcast) and obj.started
        return not started and super().has_delete_permission(request, obj)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        found = super().get_fieldsets(request, obj)
        if obj is None:
            return without(found, self.readonly_fields)
        if obj.outside:
            return OF_OUTSIDE
        if self.has_change_permission(request, obj):
            gone = {"audience_shown", "attached", "started_at", "user"}
        else:
            gone = {"everyone", "segment"}
        return without(found, gone if obj.problem else {*gone, "problem"})

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        super().save_related(request, form, formsets, change)
        starting.put_audience(form.instance, form.audience)

    # --- columns ---

    @chip(gettext_lazy("Status"), TONES)
    def state_shown(self, obj: Broadcast) -> tuple[str, str]:
        return obj.state, obj.get_state_display()

    @admin.display(description=gettext_lazy("Made by"))
    def made_by(self, obj: Broadcast) -> str:
        words = obj.get_origin_display()
        return format_html("{} · {}", link_to(obj.maker), words) if obj.maker else str(words)

    @admin.display(description=gettext_lazy("Recipients"))
    def recipients(self, obj: Any) -> str:
        counted = obj.started and not (obj.outside and obj.route == Broadcast.Route.MOMENT)
        return str(obj.total) if counted else NOTHING

    @admin.display(description=gettext_lazy("Confirmed by staff"))
    def confirmed(self, obj: Any) -> str:
        one = obj.standing
        return f"{one.confirmed} / {one.shares}" if one.shares else NOTHING

    @admin.display(description=gettext_lazy("Delivered"))
    def delivered(self, obj: Any) -> str:
        moment = obj.route == Broadcast.Route.MOMENT
        return str((obj.standing.seen_by if moment else obj.standing.delivered) or NOTHING)

    @admin.display(description=gettext_lazy("For whom"))
    def audience_shown(self, obj: Broadcast) -> str:
        parts = [str(obj._meta.get_field("everyone").verbose_name)] if obj.everyone else []
        parts += [obj.segment_name or str(obj.segment or "")]
        for rows in (obj.tags, obj.groups, obj.staff):
            parts += [", ".join(str(one) for one in rows.order_by("pk")[:20])]
        return " · ".join(filter(None, parts)) or NOTHING

    @admin.display(description=gettext_lazy("Attachments"))
    def attached(self, obj: Broadcast) -> str:
        return attachment_fields.listed(obj.attachments) or NOTHING

    # --- the page ---

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("count/", view(self.count_view), name="campaigns_broadcast_count"),
            path("<path:object_id>/standing/", view(self.standing_view),
                 name="campaigns_broadcast_standing"),
            *super().get_urls(),
        ]  # fmt: skip

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self.get_object(request, unquote(object_id))
        more: dict[str, Any] = {}
        if row is not None and request.method == "GET":
            more = shown(row) if row.started else {"counting": True}
        answer: HttpResponse = super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **more}
        )
        return answer

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        answer: HttpResponse = super().add_view(
            request, form_url, {**(extra_context or {}), "counting": True}
        )
        return answer

    def standing_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The part of the page that is asked for again while it is under way."""
        row = self.get_object(request, unquote(object_id))
        if row is None or not row.started or not self.has_view_permission(request, row):
            return self.unknown(request, object_id)
        return render(request, f"{FOLDER}/standing.html", shown(row))

    def count_view(self, request: HttpRequest) -> HttpResponse:
        """Whom a form as it stands would reach. Nothing is stored."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = BroadcastForm(request.POST or None)
        form.is_valid()
        wanted = form.audience if form.is_bound else None
        found = audience.count(wanted) if wanted and wanted.account_id else None
        context = {
            "found": found,
            "empty": wanted is None or wanted.empty,
            "moment": wanted is not None and wanted.route == Broadcast.Route.MOMENT,
            "groups": wanted is not None and wanted.route == Broadcast.Route.GROUP_SEND,
            "own": wanted is not None and personal.is_personal(form.said),
            "faults": list(personal.faults(form.said).values()) if wanted else [],
        }
        return render(request, f"{FOLDER}/count.html", context)

    # --- buttons ---

    def offers(self, request: HttpRequest, target: Broadcast) -> set[str]:
        found = {"copy"}
        if not target.started:
            found.add("start")
        elif target.going and not target.outside and target.state != State.CANCELLED:
            found.add("cancel")
        if starting.can_remind(target):
            found.add("remind")
        return found

    @ask(
        gettext_lazy("Start"),
        question=gettext_lazy(
            "Whom it reaches is settled when it begins. Each member gets a task in WeCom and "
            "confirms it; only then it is sent."
        ),
        icon="send",
        permission="act",
        variant=ActionVariant.PRIMARY,
    )
    def start(self, request: HttpRequest, target: Broadcast, form: AskForm) -> None:
        try:
            with transaction.atomic():
                starting.start(target, request.user if isinstance(request.user, User) else None)
        except ValidationError as error:
            names = {field.name: str(field.verbose_name) for field in target._meta.get_fields()
                     if hasattr(field, "verbose_name")}  # fmt: skip
            if not hasattr(error, "error_dict"):
                raise
            raise ValidationError(
                [f"{names.get(name, name)}: {text}" for name, texts in error.message_dict.items()
                 for text in texts]
            ) from None  # fmt: skip
        self.note(request, "started", target)

    @ask(
        gettext_lazy("Remind staff"),
        question=gettext_lazy(
            "WeCom tells the members who have not confirmed once more. Three times in 24 hours, no "
            "more."
        ),
        icon="notifications_active",
        permission="act",
    )
    def remind(self, request: HttpRequest, target: Broadcast, form: AskForm) -> None:
        count = starting.remind(target)
        text = ngettext("%(n)d task is reminded of.", "%(n)d tasks are reminded of.", count)
        messages.success(request, text % {"n": count})
        self.note(request, "reminded", target, count=count)

    @ask(
        gettext_lazy("Cancel"),
        question=gettext_lazy(
            "Who has not got it by now does not get it. What members confirmed already is sent."
        ),
        icon="cancel",
        permission="act",
        variant=ActionVariant.DANGER,
    )
    def cancel(self, request: HttpRequest, target: Broadcast, form: AskForm) -> None:
        starting.cancel(target)
        self.note(request, "cancelled", target)

    @ask(
        gettext_lazy("Copy"),
        question=gettext_lazy("A draft that says the same, for whoever belongs to it then."),
        icon="content_copy",
        permission="act",
    )
    def copy(self, request: HttpRequest, target: Broadcast, form: AskForm) -> HttpResponse:
        made = starting.copy(target)
        self.note(request, "created", made)
        return self.back(request, made)


def shown(row: Broadcast) -> dict[str, Any]:
    """How far a started broadcast is, for its page."""
    found = standing.of([row.pk])[row.pk]
    shares = BroadcastShare.objects.filter(batch__broadcast=row).select_related("staff", "batch")
    wrong = BroadcastBatch.objects.filter(broadcast=row).exclude(problem="").select_related("staff")
    moment = row.route == Broadcast.Route.MOMENT
    address = reverse("admin:campaigns_broadcastrecipient_changelist")
    done, total = found.total - found.left, found.total
    if moment or row.outside:
        done, total = found.confirmed, found.shares
    as_of = (
        BroadcastBatch.objects.filter(broadcast=row)
        .exclude(polled_at=None)
        .order_by("-polled_at")
        .values_list("polled_at", flat=True)
        .first()
    )
    return {
        "broadcast": row,
        "standing": found,
        "moment": moment,
        "tone": TONES.get(row.state, ""),
        "strangers": max(0, row.total - found.total) if row.outside and not moment else 0,
        "left_out": audience.reasons(row.left_out),
        "share": 100 * done // total if total else 0,
        "as_of": as_of,
        "of_members": standing.members(row)[:SHOWN] if personal.is_personal(row) else [],
        "members": [
            (
                link_to(one.staff),
                one,
                SHARE_TONES.get(one.state, ""),
                one.batch.size if one.size is None else one.size,
            )
            for one in shares.order_by("state", "id")[:SHOWN]
        ],
        "problems": [(one.staff, one.problem) for one in wrong.order_by("id")[:20]],
        "reminders_left": starting.reminders_left(row) if starting.can_remind(row) else None,
        "all_address": f"{address}?broadcast__id__exact={row.pk}",
        "address": reverse("admin:campaigns_broadcast_standing", args=[row.pk]),
    }
