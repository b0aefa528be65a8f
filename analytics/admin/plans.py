"""Plans: what is aimed at, when, for whom, by what; changed here, looked at on their own page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextareaWidget,
)

from analytics.admin.goals import aim_of
from analytics.models.plans import Plan, PlanPhase
from analytics.plans import making
from campaigns.models import Broadcast
from journeys.models import Sop
from tenants.admin_base import NOTHING, TenantModelAdmin, TenantTabularInline, ask, chip
from tenants.admin_forms import AskForm, TenantForm, autocomplete
from tenants.ids import encode
from tenants.roles import Can

_TONES = {"running": "good", "planned": "brand"}


class GoalField(forms.DecimalField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            label=gettext_lazy("Goal"),
            max_digits=18,
            decimal_places=6,
            min_value=0,
            required=False,
            widget=UnfoldAdminDecimalFieldWidget,
            **kwargs,
        )

    def prepare_value(self, value: Any) -> Any:
        """0.350000 is 0.35."""
        return f"{value.normalize():f}" if hasattr(value, "normalize") else value


class PlanForm(TenantForm):
    target = GoalField(
        help_text=gettext_lazy(
            "Money in units of your currency; a rate as a share of 1: 0.35 is 35 %."
        )
    )
    with_sops = forms.ModelMultipleChoiceField(
        label=gettext_lazy("SOPs"),
        queryset=Sop.objects.all(),
        required=False,
        widget=autocomplete(Plan._meta.get_field("sops")),
    )
    with_broadcasts = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Broadcasts"),
        queryset=Broadcast.objects.all(),
        required=False,
        widget=autocomplete(Plan._meta.get_field("broadcasts")),
    )

    class Meta:
        model = Plan
        fields = (
            "name", "kind", "metric", "target", "starts_on", "ends_on", "segment", "owner", "notes",
        )  # fmt: skip
        widgets = {
            "starts_on": UnfoldAdminSingleDateWidget,
            "ends_on": UnfoldAdminSingleDateWidget,
            "notes": UnfoldAdminTextareaWidget({"rows": 4}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "with_sops" in self.fields:
            self.initial["with_sops"] = list(self.instance.sops.all())
            self.initial["with_broadcasts"] = list(self.instance.broadcasts.all())

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for field, message in making.wrong(cleaned).items():
            self.add_error(field, message)
        return cleaned


class PhaseForm(TenantForm):
    target = GoalField()

    class Meta:
        model = PlanPhase
        fields = ("name", "first_day", "last_day", "metric", "target")


class PhaseSet(BaseInlineFormSet):
    def clean(self) -> None:
        """Against the days of the plan as they were typed."""
        super().clean()
        rows = [form.cleaned_data for form in self.forms if form.is_valid() and form.cleaned_data]
        kept = [row for row in rows if not row.get("DELETE") and "last_day" in row]
        plan = self.instance
        if len(rows) < len(self.forms) or not kept or not (plan.starts_on and plan.ends_on):
            return
        if text := making.wrong_phases(kept, plan.days):
            raise forms.ValidationError(text, code="phases")


class PhaseInline(TenantTabularInline):
    model = PlanPhase
    form = PhaseForm
    formset = PhaseSet
    verbose_name_plural = gettext_lazy("Milestones: day 1 is the first day of the plan")


@admin.register(Plan)
class PlanAdmin(TenantModelAdmin):
    form = PlanForm
    form_only = ("with_sops", "with_broadcasts")
    deletes = True
    ability = Can.REPORT
    list_display = ("name", "metric", "starts_on", "ends_on", "goal", "state_shown", "how_far")
    list_filter = (("kind", ChoicesDropdownFilter),)
    search_fields = ("name",)
    ordering = ("-starts_on", "-id")
    inlines = (PhaseInline,)
    autocomplete_fields = ("segment", "owner")
    actions_detail = ("cancel", "resume")
    readonly_fields = ("how_far",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("name", "kind"), ("metric", "target"), ("starts_on", "ends_on"),
                    ("segment", "owner"), "notes", "how_far",
                )
            },
        ),
        (
            gettext_lazy("What is done for it"),
            {
                "fields": (("with_sops", "with_broadcasts"),),
                "description": gettext_lazy("They run by themselves; here they are counted."),
            },
        ),
    )  # fmt: skip

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        super().save_related(request, form, formsets, change)
        making.attach(
            form.instance, form.cleaned_data["with_sops"], form.cleaned_data["with_broadcasts"]
        )

    def offers(self, request: HttpRequest, target: Plan) -> set[str]:
        return {"cancel" if target.cancelled_at is None else "resume"}

    @ask(
        gettext_lazy("Cancel the plan"),
        question=gettext_lazy("It stays in the list. SOPs and broadcasts go on by themselves."),
        icon="event_busy",
    )
    def cancel(self, request: HttpRequest, target: Plan, form: AskForm) -> None:
        if making.cancel(target):
            self.note(request, "cancelled", target)

    @ask(gettext_lazy("Take it up again"), icon="event_available")
    def resume(self, request: HttpRequest, target: Plan, form: AskForm) -> None:
        if making.resume(target):
            self.note(request, "resumed", target)

    @admin.display(description=gettext_lazy("Goal"))
    def goal(self, obj: Plan) -> str:
        return NOTHING if obj.target is None else aim_of(obj.metric, obj.target)

    @admin.display(description=gettext_lazy("How far it is"))
    def how_far(self, obj: Plan) -> str:
        if obj.pk is None:
            return NOTHING
        address = reverse("dashboard-plan", args=[encode(obj.pk)])
        return format_html('<a class="scrm-link" href="{}">{}</a>', address, _("Goal and pace"))

    @chip(gettext_lazy("Status"), _TONES)
    def state_shown(self, obj: Plan) -> tuple[str, str]:
        state = obj.state(timezone.localdate())
        return state, str(state.label)
