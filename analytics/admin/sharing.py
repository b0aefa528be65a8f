"""Who gets which figures when, and what became of each report."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminSelectWidget

from analytics.admin.alerts import SnoozeForm
from analytics.models.sharing import (
    ReportDelivery,
    ReportRecipient,
    ReportSchedule,
)
from analytics.sharing import occurrences, views, words
from tenants.admin_base import (
    NOTHING,
    ReadOnlyAdmin,
    TenantModelAdmin,
    TenantTabularInline,
    ask,
    chip,
    link_to,
)
from tenants.admin_forms import AskForm, TenantForm
from tenants.models import Membership, User
from tenants.punctuation import listed
from tenants.roles import Can


class ScheduleForm(TenantForm):
    hour = forms.TypedChoiceField(
        label=gettext_lazy("Hour"),
        coerce=int,
        choices=[(hour, f"{hour:02}:00") for hour in range(24)],
        initial=8,
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("In the time zone of your business."),
    )

    class Meta:
        model = ReportSchedule
        fields = (
            "view", "every", "weekday", "day", "hour", "by_app", "by_email", "by_webhook",
            "attachment", "active",
        )  # fmt: skip
        help_texts = {
            "view": gettext_lazy("Open a dashboard and press “Share” to save another one."),
            "weekday": gettext_lazy("Of what is sent every week."),
            "day": gettext_lazy("Of what is sent every month; in a shorter month, its last day."),
            "attachment": gettext_lazy("The page's own file, with all its rows."),
        }

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            for name, message in occurrences.refuse(cleaned).items():
                self.add_error(name, message)
        return cleaned


class RecipientInline(TenantTabularInline):
    model = ReportRecipient
    extra = 1
    verbose_name_plural = gettext_lazy("Who gets it: members who may see figures")

    def formfield_for_foreignkey(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name == "member":
            kwargs["queryset"] = views.readers()
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


def _user(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


@admin.register(ReportSchedule)
class ReportScheduleAdmin(TenantModelAdmin):
    form = ScheduleForm
    deletes = True
    ability = Can.REPORT
    list_display = ("view", "every", "told", "active", "next_shown", "last")
    list_filter = (("every", ChoicesDropdownFilter),)
    list_select_related = ("view",)
    inlines = (RecipientInline,)
    actions_detail = ("send_now", "snooze", "wake")
    fieldsets = (
        (None, {"fields": ("view", ("every", "hour"), ("weekday", "day"), "active")}),
        (
            gettext_lazy("Ways"),
            {
                "fields": (("by_app", "by_email", "by_webhook"), "attachment"),
                "description": gettext_lazy(
                    "Everybody gets what they would see on the page themselves, in their own "
                    "language, and the link to it."
                ),
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReportSchedule]:
        """Of views that this member may open."""
        rows: QuerySet[ReportSchedule] = super().get_queryset(request)
        return rows.filter(view__in=views.visible_to(_user(request)))

    def formfield_for_foreignkey(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name == "view":
            kwargs["queryset"] = views.visible_to(_user(request)).order_by("name", "pk")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        super().save_related(request, form, formsets, change)
        occurrences.plan(form.instance)

    def offers(self, request: HttpRequest, target: ReportSchedule) -> set[str]:
        return {"send_now", "wake" if target.snoozed_until else "snooze"}

    @ask(
        gettext_lazy("Send now"),
        question=gettext_lazy("Everybody who is chosen gets it once more, with today's figures."),
        icon="send",
    )
    def send_now(self, request: HttpRequest, target: ReportSchedule, form: AskForm) -> None:
        occurrences.send_now(target)
        self.note(request, "queued", target)

    @ask(
        gettext_lazy("Silence"),
        question=gettext_lazy("Nothing is sent before that day."),
        icon="snooze",
        form=SnoozeForm,
    )
    def snooze(self, request: HttpRequest, target: ReportSchedule, form: SnoozeForm) -> None:
        occurrences.snooze(target, form.cleaned_data["until"])
        self.note(request, "snoozed", target, until=form.cleaned_data["until"].isoformat())

    @ask(gettext_lazy("Send again from now on"), icon="notifications_active")
    def wake(self, request: HttpRequest, target: ReportSchedule, form: AskForm) -> None:
        occurrences.snooze(target, None)
        self.note(request, "woken", target)

    @admin.display(description=gettext_lazy("Who gets it"))
    def told(self, obj: ReportSchedule) -> str:
        rows = Membership.objects.filter(
            pk__in=ReportRecipient.objects.filter(schedule=obj).values("member_id")
        )
        names = [str(row.user) for row in rows.select_related("user")]
        return listed([*names, *([_("webhooks")] if obj.by_webhook else [])]) or NOTHING

    @admin.display(description=gettext_lazy("Next time"))
    def next_shown(self, obj: ReportSchedule) -> str:
        if not obj.active or obj.next_at is None:
            return NOTHING
        return f"{timezone.localtime(obj.next_at):%Y-%m-%d %H:%M}"

    @chip(gettext_lazy("Last time"), {"sent": "success", "failed": "danger", "unknown": "warning"})
    def last(self, obj: ReportSchedule) -> tuple[str, str]:
        """The worst of what became of it: a failure is to be seen."""
        run = obj.runs.order_by("-slot").first()
        found = set(run.deliveries.values_list("state", flat=True)) if run else set()
        for state in ("failed", "unknown", "sending", "waiting", "sent", "skipped"):
            if state in found:
                return state, str(ReportDelivery.State(state).label)
        return "", NOTHING


@admin.register(ReportDelivery)
class ReportDeliveryAdmin(ReadOnlyAdmin):
    ability = Can.REPORT
    list_display = ("slot", "of_schedule", "member_shown", "way", "state_shown", "why")
    list_filter = (("state", ChoicesDropdownFilter), ("way", ChoicesDropdownFilter))
    list_select_related = ("run__schedule__view", "member__user")
    fieldsets = (
        (
            None,
            {"fields": ("slot", "of_schedule", "member_shown", "way", "state_shown", "why",
                        "sent_at")},
        ),
    )  # fmt: skip
    actions_detail = ("send_again",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReportDelivery]:
        rows: QuerySet[ReportDelivery] = super().get_queryset(request)
        return rows.filter(run__schedule__view__in=views.visible_to(_user(request)))

    def offers(self, request: HttpRequest, target: ReportDelivery) -> set[str]:
        return {"send_again"} if target.state in {"failed", "unknown"} else set()

    @ask(
        gettext_lazy("Send again"),
        question=gettext_lazy("If the first one arrived after all, there will be two."),
        icon="send",
        permission="act",
    )
    def send_again(self, request: HttpRequest, target: ReportDelivery, form: AskForm) -> None:
        occurrences.send_again(target)
        self.note(request, "queued", target)

    @admin.display(description=gettext_lazy("Slot"))
    def slot(self, obj: ReportDelivery) -> str:
        return f"{timezone.localtime(obj.run.slot):%Y-%m-%d %H:%M}"

    @admin.display(description=gettext_lazy("Scheduled report"))
    def of_schedule(self, obj: ReportDelivery) -> str:
        return link_to(obj.run.schedule)

    @admin.display(description=gettext_lazy("Who gets it"))
    def member_shown(self, obj: ReportDelivery) -> str:
        return str(obj.member.user) if obj.member is not None else NOTHING

    @chip(
        gettext_lazy("State"),
        {"sent": "success", "failed": "danger", "unknown": "warning", "sending": "info"},
    )
    def state_shown(self, obj: ReportDelivery) -> tuple[str, str]:
        return obj.state, obj.get_state_display()

    @admin.display(description=gettext_lazy("Why"))
    def why(self, obj: ReportDelivery) -> str:
        return words.problem(obj.problem) if obj.problem else NOTHING
