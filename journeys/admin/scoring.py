"""What earns points, and putting new rules into force after a look at what would change."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.enums import ActionVariant
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
)

from contacts import kinds
from contacts.models import Contact
from journeys import score_versions, scoring
from journeys.admin.condition_form import ConditionField, PropertiesField
from journeys.admin.entry_form import known_kinds
from journeys.admin.rules_in_words import condition
from journeys.models import ScoreModel, ScoreRule
from tenants import audit
from tenants.admin_base import NOTHING, ReadOnlyAdmin, TenantModelAdmin, button, chip
from tenants.admin_forms import TenantForm, without
from tenants.punctuation import listed, said


class RuleForm(TenantForm):
    kind = forms.CharField(
        label=gettext_lazy("Event kind"),
        required=False,
        max_length=64,
        widget=UnfoldAdminTextInputWidget({"list": "event-kinds", "autocomplete": "off"}),
        help_text=gettext_lazy("For engagement: what they did."),
    )
    properties = PropertiesField(label=gettext_lazy("Only some of these events"))
    condition = ConditionField(
        label=gettext_lazy("Condition"), help_text=gettext_lazy("For fit: who they are.")
    )

    class Meta:
        model = ScoreRule
        fields = (
            "name", "part", "kind", "condition", "points", "daily_times", "total_points", "active",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in {"properties", "condition"} & set(self.fields):
            self.fields[name].stored = self.instance.condition  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if {"properties", "condition"} & set(self.errors):
            return cleaned
        if cleaned.get("part") == ScoreRule.Part.FIT:
            cleaned["kind"] = ""
            if "properties" in cleaned["condition"]:  # the rule was one of engagement
                cleaned["condition"] = {}
            if not cleaned["condition"]:
                self.add_error("condition", _("Add a condition: who earns these points?"))
        else:
            cleaned["condition"] = cleaned["properties"]
            if not cleaned.get("kind"):
                self.add_error("kind", _("Name the kind of events."))
        return cleaned


def _number(label: Any, **limits: Any) -> forms.FloatField:
    widget = UnfoldAdminIntegerFieldWidget({"step": "any"})
    return forms.FloatField(label=label, widget=widget, **limits)


class SettingsForm(forms.Form):
    """What a version has beside its rules."""

    half_life_days = _number(gettext_lazy("Half-life in days"), min_value=0.5, max_value=3650)
    lead_threshold = _number(gettext_lazy("Score of a lead"), min_value=0.01, max_value=1e9)
    weight_a = _number(gettext_lazy("Weight of grade A"), min_value=0, max_value=100)
    weight_b = _number(gettext_lazy("Weight of grade B"), min_value=0, max_value=100)
    weight_c = _number(gettext_lazy("Weight of grade C"), min_value=0, max_value=100)
    weight_d = _number(gettext_lazy("Weight of grade D"), min_value=0, max_value=100)
    from_a = _number(gettext_lazy("Grade A from fit points"), min_value=-10_000, max_value=10_000)
    from_b = _number(gettext_lazy("Grade B from fit points"), min_value=-10_000, max_value=10_000)
    from_c = _number(gettext_lazy("Grade C from fit points"), min_value=-10_000, max_value=10_000)

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        steps = [given[name] for name in ("from_a", "from_b", "from_c") if name in given]
        if steps != sorted(set(steps), reverse=True):
            raise ValidationError(_("The fit points of grades A, B and C must fall."))
        return given

    def settings(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {
            "half_life_days": given["half_life_days"],
            "lead_threshold": given["lead_threshold"],
            "grade_weights": {grade: given[f"weight_{grade.lower()}"] for grade in "ABCD"},
            "grade_thresholds": {grade: int(given[f"from_{grade.lower()}"]) for grade in "ABC"},
        }


def _settings_of(model: ScoreModel) -> dict[str, Any]:
    return {
        "half_life_days": model.half_life_days,
        "lead_threshold": model.lead_threshold,
        **{f"weight_{grade.lower()}": weight for grade, weight in model.grade_weights.items()},
        **{f"from_{grade.lower()}": points for grade, points in model.grade_thresholds.items()},
    }


@admin.register(ScoreRule)
class ScoreRuleAdmin(TenantModelAdmin):
    form = RuleForm
    deletes = True
    form_only = ("properties", "condition")
    list_display = ("name", "part", "what", "points", "daily_times", "total_points", "active")
    readonly_fields = ("what",)
    list_filter = (("part", ChoicesDropdownFilter), "active")
    search_fields = ("name", "kind")
    ordering = ("part", "id")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("name", "part"), "what", ("points", "active"),
                ),
                "description": gettext_lazy("Changes count from the next publishing on."),
            },
        ),
        (
            gettext_lazy("What they did"),
            {
                "fields": ("kind", ("daily_times", "total_points"), "properties"),
                "classes": ["scrm-part-engagement"],
            },
        ),
        (
            gettext_lazy("Who they are"),
            {"fields": ("condition",), "classes": ["scrm-part-fit"]},
        ),
    )  # fmt: skip
    actions_list = ("try_out",)
    change_form_outer_after_template = "admin/journeys/scorerule/kinds.html"

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        return fieldsets if obj else without(fieldsets, ("what",))

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).filter(deleted_at=None)

    def delete_model(self, request: HttpRequest, obj: ScoreRule) -> None:
        """Points that it gave still name it."""
        ScoreRule.objects.filter(pk=obj.pk).update(deleted_at=timezone.now(), active=False)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        found = [str(one) for one in objs]
        return found, {self.opts.verbose_name_plural: len(found)}, set(), []

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        known = {"kinds_known": known_kinds()}
        return super().changeform_view(
            request, object_id, form_url, {**(extra_context or {}), **known}
        )

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.try_view)
        return [path("try/", view, name="journeys_scorerule_try"), *super().get_urls()]

    @button(gettext_lazy("Try and publish"), icon="science", variant=ActionVariant.PRIMARY)
    def try_out(self, request: HttpRequest) -> HttpResponse:
        return self.go(request, reverse("admin:journeys_scorerule_try"))

    def try_view(self, request: HttpRequest) -> HttpResponse:
        """What the rules as they stand now would change; then publish them, or not."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        live = scoring.live()
        form = SettingsForm(request.POST or None, initial=_settings_of(live))
        preview = None
        if request.method == "POST" and form.is_valid():
            if "publish" in request.POST:
                return self._publish(request, form)
            preview = score_versions.preview(form.settings())
        context = {
            **self.admin_site.each_context(request),
            "title": _("Try and publish score rules"),
            "opts": self.opts,
            "live": live,
            "form": form,
            "preview": preview,
            "samples": _named(preview.samples) if preview else [],
            "building": ScoreModel.objects.filter(state=ScoreModel.State.BUILDING).first(),
        }
        return render(request, "admin/journeys/scorerule/try.html", context)

    def _publish(self, request: HttpRequest, form: SettingsForm) -> HttpResponse:
        model = score_versions.publish(form.settings())
        audit.record("score_rules.published", model, request=request)
        messages.success(
            request,
            _("Version %(number)s is being computed; the old scores stay until it is ready.")
            % {"number": model.version},
        )
        return self.go(request, reverse("admin:journeys_scoremodel_changelist"))

    @admin.display(description=gettext_lazy("For"))
    def what(self, obj: ScoreRule) -> str:
        return (
            " · ".join(filter(None, (kinds.short_of(obj.kind), condition(obj.condition))))
            or NOTHING
        )


def _named(samples: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = Contact.objects.in_bulk([sample["contact"] for sample in samples])
    return [sample | {"contact": names.get(sample["contact"])} for sample in samples]


@admin.register(ScoreModel)
class ScoreModelAdmin(ReadOnlyAdmin):
    list_display = (
        "version_shown",
        "state_shown",
        "half_life_days",
        "lead_threshold",
        "published_at",
    )
    ordering = ("-version",)
    fieldsets = (
        (
            None,
            {"fields": (("version_shown", "state_shown"), ("half_life_days", "lead_threshold"))},
        ),
        (gettext_lazy("Grades"), {"fields": ("grades_shown",)}),
        (gettext_lazy("Rules"), {"fields": ("rules_shown",)}),
    )

    @admin.display(description=gettext_lazy("Version"))
    def version_shown(self, obj: ScoreModel) -> str:
        return str(obj)

    @chip(gettext_lazy("State"), {"building": "info", "live": "success", "retired": "warning"})
    def state_shown(self, obj: ScoreModel) -> tuple[str, str]:
        return obj.state, obj.get_state_display()

    @admin.display(description=gettext_lazy("Grades"))
    def grades_shown(self, obj: ScoreModel) -> str:
        return listed(
            said(grade, f"≥ {obj.grade_thresholds.get(grade, '…')} × {weight}")
            for grade, weight in sorted(obj.grade_weights.items())
        )

    @admin.display(description=gettext_lazy("Rules"))
    def rules_shown(self, obj: ScoreModel) -> str:
        told = (f"{kinds.short_of(rule['name'])} {rule['points']:+d}" for rule in obj.rules)
        return listed(told) or NOTHING
