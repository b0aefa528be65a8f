"""Tag rules, built by clicking as segments are; and lists of tags for people not met yet."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminFileFieldWidget

from contacts import pretag_files, pretags
from contacts.admin.segment_builder import RuleField
from contacts.imports.errors import FileFault
from contacts.models import PreTag, PreTagList, Tag, TagRule, TagRuleTag
from contacts.segments import keeping as segments
from contacts.segments import words
from contacts.segments.rules import RuleError
from contacts.tag_rules import keeping
from tenants.admin_base import NOTHING, TenantModelAdmin, ask, chip
from tenants.admin_forms import AskForm, TenantForm, autocomplete
from tenants.punctuation import listed

_SHOWN = 8


def _tags_field(label: Any) -> forms.ModelMultipleChoiceField:
    return forms.ModelMultipleChoiceField(
        label=label,
        queryset=Tag.objects.all(),
        required=False,
        widget=autocomplete(TagRule._meta.get_field("tags")),
    )


class TagRuleForm(TenantForm):
    rule = RuleField(label=gettext_lazy("When this begins to hold"), required=False)
    adds = _tags_field(gettext_lazy("Tags to add"))
    removes = _tags_field(gettext_lazy("Tags to take away"))

    class Meta:
        model = TagRule
        fields = ("name", "rule", "active", "run_on_existing")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            rows = TagRuleTag.objects.filter(rule=self.instance).values_list("tag_id", "removes")
            self.initial["adds"] = [pk for pk, gone in rows if not gone]
            self.initial["removes"] = [pk for pk, gone in rows if gone]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        adds, removes = ({tag.pk for tag in given.get(name) or ()} for name in ("adds", "removes"))
        try:
            keeping.check(given.get("rule"), adds, removes)
        except RuleError as error:
            self.add_error("rule", ValidationError(str(error), code="rule"))
        except ValidationError as error:
            self.add_error("adds", error)
        return given


@admin.register(TagRule)
class TagRuleAdmin(TenantModelAdmin):
    form = TagRuleForm
    form_only = ("adds", "removes")
    deletes = True
    list_display = ("name", "in_words", "tags_shown", "active", "state_shown", "progress")
    list_filter = (("active", BooleanRadioFilter), ("state", ChoicesDropdownFilter))
    search_fields = ("name",)
    ordering = ("name", "id")
    readonly_fields = ("state_shown", "problem", "progress", "in_words")
    actions_detail = ("run",)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fields: list[Any] = [("name", "active"), "rule", ("adds", "removes"), "run_on_existing"]
        if obj is not None:
            if not self.has_change_permission(request, obj):
                fields = [("name", "active"), "in_words", "run_on_existing"]
            fields += [("state_shown", "progress")]
            if obj.problem:
                fields.append("problem")
        return [(None, {"fields": fields})]

    @admin.display(description=gettext_lazy("Rule in words"))
    def in_words(self, obj: TagRule) -> str:
        try:
            return words.of_rule(obj.rule)
        except RuleError:
            return NOTHING

    @admin.display(description=gettext_lazy("Tags"))
    def tags_shown(self, obj: TagRule) -> str:
        rows = TagRuleTag.objects.filter(rule=obj).order_by("removes", "tag__name")
        signs = [
            f"{'−' if gone else '+'}{name}"
            for name, gone in rows.values_list("tag__name", "removes")
        ]
        return listed(signs[:_SHOWN]) or NOTHING

    @chip(
        gettext_lazy("State"),
        {"ready": "success", "running": "info", "broken": "warning", "off": ""},
    )
    def state_shown(self, obj: TagRule) -> tuple[str, str]:
        if not obj.active:
            return "off", _("switched off")
        return obj.state, obj.get_state_display()

    @admin.display(description=gettext_lazy("Last run over all contacts"))
    def progress(self, obj: TagRule) -> str:
        if obj.looked_at is None:
            return NOTHING
        return _("%(done)s looked at, %(changed)s tags changed (%(time)s)") % {
            "done": f"{obj.done:,}",
            "changed": f"{obj.changed:,}",
            "time": f"{timezone.localtime(obj.looked_at):%Y-%m-%d %H:%M}",
        }

    def save_model(self, request: HttpRequest, obj: TagRule, form: Any, change: Any) -> None:
        adds, removes = (
            [tag.pk for tag in form.cleaned_data[name]] for name in ("adds", "removes")
        )
        keeping.save(obj, adds, removes)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        """The tags were stored with the rule."""

    def offers(self, request: HttpRequest, target: TagRule) -> set[str]:
        return {"run"} if target.active and target.state == TagRule.State.READY else set()

    @ask(
        gettext_lazy("Run over all contacts"),
        question=gettext_lazy(
            "Whoever fulfils the condition now gets the tags, also who lost them before."
        ),
        icon="play_arrow",
    )
    def run(self, request: HttpRequest, target: TagRule, form: AskForm) -> None:
        found = segments.preview(target.rule)
        keeping.run(target)
        self.note(request, "run", target)
        if found.count is not None:
            messages.info(
                request, _("It holds for %(count)s contacts now.") % {"count": f"{found.count:,}"}
            )


# --- people not met yet ---


class UploadForm(AskForm):
    file = forms.FileField(
        label=gettext_lazy("File"),
        widget=UnfoldAdminFileFieldWidget({"accept": ".csv,.xlsx,.txt"}),
        help_text=gettext_lazy(
            "CSV or XLSX with the columns phone or unionid, and tags (several with ;)."
        ),
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > min(settings.UPLOAD_MAX_BYTES, 20 << 20):
            raise ValidationError(_("The file is too large."))
        return file


@admin.register(PreTagList)
class PreTagListAdmin(TenantModelAdmin):
    deletes = True
    list_display = ("name", "waiting", "applied", "created_at")
    search_fields = ("name",)
    readonly_fields = ("waiting", "applied", "created_at")
    actions_detail = ("bring",)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        more = [("waiting", "applied")] if obj is not None else []
        return [(None, {"fields": ["name", *more]})]

    @admin.display(description=gettext_lazy("Tags that wait"))
    def waiting(self, obj: PreTagList) -> int:
        return PreTag.objects.filter(of=obj, applied_at=None).count()

    @admin.display(description=gettext_lazy("Tags put on"))
    def applied(self, obj: PreTagList) -> int:
        return PreTag.objects.filter(of=obj, applied_at__isnull=False).count()

    @ask(
        gettext_lazy("Upload people"),
        question=gettext_lazy(
            "Phones and unionids are kept as keyed hashes: the list cannot be read back."
        ),
        icon="upload_file",
        submit=gettext_lazy("Upload"),
        form=UploadForm,
    )
    def bring(self, request: HttpRequest, target: PreTagList, form: UploadForm) -> None:
        try:
            rows, wrong = pretag_files.read(form.cleaned_data["file"])
        except FileFault as fault:
            raise ValidationError(fault.message) from None
        with transaction.atomic():
            counts = pretags.bring(target, rows)
        self.note(request, "filled", target, people=len(rows), rejected=len(wrong))
        messages.success(
            request,
            _("%(people)s people read, %(new)s tags new.")
            % {"people": f"{len(rows):,}", "new": f"{sum(counts):,}"},
        )
        if wrong:
            shown = "; ".join(wrong[:5]) + (" …" if len(wrong) > 5 else "")
            messages.warning(
                request,
                _("%(number)s lines were left out: %(lines)s")
                % {"number": len(wrong), "lines": shown},
            )
