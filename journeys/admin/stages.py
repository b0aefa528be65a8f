"""The steps of the journey: names, order, entry rules."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Max
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from journeys import entry_rules, stages
from journeys.admin.entry_form import EntryField
from journeys.admin.rules_in_words import entry_rule
from journeys.models import ContactStage, Stage, StageMove
from tenants.admin_base import TenantModelAdmin
from tenants.admin_forms import TenantForm, without


class StageForm(TenantForm):
    place = forms.IntegerField(
        label=gettext_lazy("Position"), min_value=1, max_value=100, required=False,
        widget=UnfoldAdminIntegerFieldWidget,
    )  # fmt: skip
    rule = EntryField(
        label=gettext_lazy("Entry rule"),
        help_text=gettext_lazy("Without a condition, contacts are put into the stage by hand."),
    )
    back_from = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label=gettext_lazy("Also backward, from"),
        help_text=gettext_lazy("Contacts in a stage that is ticked move back here by this rule."),
    )

    class Meta:
        model = Stage
        fields = ("key", "name", "purpose", "makes_leads", "rule")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        last = Stage.objects.aggregate(last=Max("position"))["last"] or 0
        self.initial["place"] = self.instance.position if self.instance.pk else last + 1
        if "rule" in self.fields:  # those who only read see the rule in words
            others = Stage.objects.exclude(pk=self.instance.pk).order_by("position")
            self.fields["back_from"].choices = [  # type: ignore[attr-defined]
                (stage.key, str(stage)) for stage in others
            ]
            self.initial["back_from"] = self.instance.rule.get("back_from", [])
            self.fields["rule"].stored = self.instance.rule  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if "rule" in given:
            rule = {name: part for name, part in given["rule"].items() if name != "back_from"}
            back = given.get("back_from", [])
            given["rule"] = rule | ({"back_from": back} if back else {})
            entry_rules.check(given["rule"])
        return given


@admin.register(Stage)
class StageAdmin(TenantModelAdmin):
    form = StageForm
    form_only = ("place", "rule", "back_from")
    list_display = ("position", "name_shown", "purpose", "rule_shown", "makes_leads")
    list_display_links = ("position", "name_shown")
    search_fields = ("key", "name")
    ordering = ("position",)
    readonly_fields = ("rule_shown",)
    fieldsets = (
        (None, {"fields": (("key", "name"), ("place", "purpose"), "makes_leads")}),
        (gettext_lazy("Entry"), {"fields": ("rule_shown", "rule", "back_from")}),
    )
    deletes = True

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A stage that contacts have stood in stays: moves name it."""
        used = isinstance(obj, Stage) and (
            StageMove.objects.filter(to_stage=obj).exists()
            or ContactStage.objects.filter(stage=obj).exists()
        )
        return not used and super().has_delete_permission(request, obj)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        return fieldsets if obj else without(fieldsets, ("rule_shown",))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Rules, the API and reports name a stage by its key."""
        fields = super().get_readonly_fields(request, obj)
        return (*fields, "key") if obj else fields

    def save_model(self, request: HttpRequest, obj: Stage, form: Any, change: Any) -> None:
        given = form.cleaned_data
        if change:
            stored = Stage.objects.get(pk=obj.pk)
            obj.rule = stored.rule
        else:
            obj.position = (Stage.objects.aggregate(last=Max("position"))["last"] or 0) + 1
            obj.rule = {}
        super().save_model(request, obj, form, change)
        stages.edit(obj, given["rule"])
        if given.get("place") and given["place"] != obj.position:
            stages.place(obj, given["place"])

    @admin.display(description=gettext_lazy("Name"))
    def name_shown(self, obj: Stage) -> str:
        return str(obj)

    @admin.display(description=gettext_lazy("Entered when"))
    def rule_shown(self, obj: Stage) -> str:
        return entry_rule(obj.rule) or _("by hand only")
