"""Which figures are watched, and what was found: to be seen to, or silenced for a while."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminSingleDateWidget

from analytics.alerts import checks, notices
from analytics.models.alerts import Alert, AlertRecipient, AlertRule
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
from tenants.models import Staff, User
from tenants.punctuation import listed
from tenants.roles import Can


class SnoozeForm(AskForm):
    until = forms.DateField(label=gettext_lazy("Silent until"), widget=UnfoldAdminSingleDateWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("until", (timezone.localdate() + timedelta(days=7)).isoformat())


class AlertRuleForm(TenantForm):
    class Meta:
        model = AlertRule
        fields = ("metric", "kind", "direction", "pace_below", "active")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for name, message in checks.refuse(cleaned).items():
            self.add_error(name, message)
        return cleaned


class RecipientInline(TenantTabularInline):
    model = AlertRecipient
    autocomplete_fields = ("staff",)
    verbose_name_plural = gettext_lazy("Who is told, by a message of your WeCom app")


@admin.register(AlertRule)
class AlertRuleAdmin(TenantModelAdmin):
    form = AlertRuleForm
    deletes = True
    list_display = ("metric", "kind", "told", "active", "silent")
    list_filter = (("metric", ChoicesDropdownFilter), ("kind", ChoicesDropdownFilter))
    inlines = (RecipientInline,)
    actions_detail = ("snooze", "wake")
    fieldsets = (
        (
            None,
            {
                "fields": (("metric", "kind"), ("direction", "pace_below"), "active"),
                "description": gettext_lazy(
                    "Each day is looked at when it is over. The direction is of off days, the pace "
                    "of targets; a pace and a trust mix under its floor are told once a week."
                ),
            },
        ),
    )

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        super().save_related(request, form, formsets, change)
        if form.instance.active:
            checks.begin(form.instance)

    def offers(self, request: HttpRequest, target: AlertRule) -> set[str]:
        return {"wake"} if target.snoozed_until else {"snooze"}

    @ask(
        gettext_lazy("Silence"),
        question=gettext_lazy("Alerts go on being listed, and nobody is told."),
        icon="snooze",
        form=SnoozeForm,
    )
    def snooze(self, request: HttpRequest, target: AlertRule, form: SnoozeForm) -> None:
        checks.snooze(target, form.cleaned_data["until"])
        self.note(request, "snoozed", target, until=form.cleaned_data["until"].isoformat())

    @ask(gettext_lazy("Tell again"), icon="notifications_active")
    def wake(self, request: HttpRequest, target: AlertRule, form: AskForm) -> None:
        AlertRule.objects.filter(pk=target.pk).update(snoozed_until=None)
        self.note(request, "woken", target)

    @admin.display(description=gettext_lazy("Who is told"))
    def told(self, obj: AlertRule) -> str:
        staff = Staff.objects.filter(
            pk__in=AlertRecipient.objects.filter(rule=obj).values("staff_id")
        )
        return listed(str(each) for each in staff) or NOTHING

    @admin.display(description=gettext_lazy("Silent until"))
    def silent(self, obj: AlertRule) -> str:
        return f"{obj.snoozed_until:%Y-%m-%d}" if obj.snoozed_until else NOTHING


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    ability = Can.REPORT
    list_display = ("day", "what", "of_rule", "state_shown")
    list_filter = (("state", ChoicesDropdownFilter), ("metric", ChoicesDropdownFilter))
    list_select_related = ("rule",)
    ordering = ("-day", "-id")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "what", ("day", "of_rule"), ("state_shown", "silent"),
                    ("acknowledged_at", "acknowledged_by"), "told",
                )
            },
        ),
    )  # fmt: skip
    actions_detail = ("acknowledge", "snooze")

    def offers(self, request: HttpRequest, target: Alert) -> set[str]:
        offered = {"acknowledge"} if target.state == Alert.State.OPEN else set()
        return offered if target.rule.snoozed_until else offered | {"snooze"}

    @ask(gettext_lazy("I have seen to it"), icon="done", permission="act")
    def acknowledge(self, request: HttpRequest, target: Alert, form: AskForm) -> None:
        checks.acknowledge(target, request.user if isinstance(request.user, User) else None)
        self.note(request, "acknowledged", target)

    @ask(
        gettext_lazy("Silence the rule"),
        question=gettext_lazy("Alerts go on being listed, and nobody is told."),
        icon="snooze",
        permission="act",
        form=SnoozeForm,
    )
    def snooze(self, request: HttpRequest, target: Alert, form: SnoozeForm) -> None:
        checks.snooze(target.rule, form.cleaned_data["until"])
        self.note(request, "snoozed", target, until=form.cleaned_data["until"].isoformat())

    @admin.display(description=gettext_lazy("What was found"))
    def what(self, obj: Alert) -> str:
        return notices.sentence(obj)

    @admin.display(description=gettext_lazy("Alert rule"))
    def of_rule(self, obj: Alert) -> str:
        return link_to(obj.rule)

    @chip(gettext_lazy("State"), {"open": "warning", "acknowledged": "success"})
    def state_shown(self, obj: Alert) -> tuple[str, str]:
        return obj.state, obj.get_state_display()

    @admin.display(description=gettext_lazy("Who is told"))
    def told(self, obj: Alert) -> str:
        rows = obj.notices.select_related("recipient").order_by("id")
        return (
            listed(
                _("%(name)s (%(state)s)")
                % {"name": row.recipient, "state": row.get_state_display()}
                for row in rows
            )
            or NOTHING
        )
