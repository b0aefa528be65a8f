"""Segments: a rule built by clicking, whom it finds now, who is in it, who came and went."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.widgets import UnfoldAdminTextareaWidget

from contacts.admin import additions
from contacts.admin.additions import Panel
from contacts.admin.segment_builder import RuleField, checked, estimate, offered
from contacts.api.naming import contact_ids
from contacts.models import Contact, Segment, SegmentMember, SegmentUse
from contacts.segments import keeping, membership, words
from contacts.segments.membership import Change
from contacts.segments.rules import RuleError
from tenants.admin_base import NOTHING, LookAheadList, TenantModelAdmin, ask, chip
from tenants.admin_forms import AskForm, LinesField, TenantForm

SHOWN = 30
DAYS = 7
_MOST_LINES = 5000


class SegmentForm(TenantForm):
    rule = RuleField(label=gettext_lazy("Who is in it"), required=False)

    class Meta:
        model = Segment
        fields = ("name", "description", "kind", "rule")
        widgets = {"description": UnfoldAdminTextareaWidget({"rows": 2})}

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        kind = given.get("kind") or self.instance.kind
        if kind == Segment.Kind.STATIC:
            given["rule"] = {}
        elif "rule" in self.fields:
            try:
                checked(self.instance, given.get("rule"))
            except forms.ValidationError as error:
                self.add_error("rule", error)
        return given


class ContactsForm(AskForm):
    contacts = LinesField(
        label=gettext_lazy("External ids"),
        help_text=gettext_lazy("One a line."),
        widget=UnfoldAdminTextareaWidget({"rows": 8}),
    )

    def clean_contacts(self) -> list[str]:
        lines: list[str] = self.cleaned_data["contacts"]
        if len(lines) > _MOST_LINES:
            raise forms.ValidationError(
                _("At most %(most)s lines at a time.") % {"most": _MOST_LINES}
            )
        return lines


class SegmentList(LookAheadList):
    """Who came and went, of all segments of the page at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        changes = membership.changes_since(DAYS)
        for row in self.result_list:
            row.change = changes.get(row.pk, Change(0, 0))


def as_of(segment: Segment) -> str:
    if segment.evaluated_at is None:
        return ""
    moment = f"{timezone.localtime(segment.evaluated_at):%Y-%m-%d %H:%M}"
    return str(_("as of %(moment)s") % {"moment": moment})


@admin.register(Segment)
class SegmentAdmin(TenantModelAdmin):
    form = SegmentForm
    list_display = ("name", "members_shown", "moves", "state_shown", "kind")
    list_filter = (("kind", ChoicesDropdownFilter), ("state", ChoicesDropdownFilter))
    search_fields = ("name",)
    ordering = ("name", "id")
    readonly_fields = ("state_shown", "problem")
    fieldsets = ((None, {"fields": (("name", "state_shown"), "problem", "description", "rule")}),)
    actions_detail = ("put_on", "take_off")
    change_form_outer_after_template = "admin/contacts/segment/panels.html"
    deletes = True

    # --- the list ---

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[LookAheadList]:
        return SegmentList

    @admin.display(description=gettext_lazy("Members"))
    def members_shown(self, obj: Segment) -> str:
        return NOTHING if obj.size is None else f"{obj.size:,} ({as_of(obj)})"

    @admin.display(description=gettext_lazy("Last 7 days"))
    def moves(self, obj: Segment) -> str:
        change: Change = getattr(obj, "change", Change(0, 0))
        return f"+{change.entered:,} −{change.left:,}"

    @chip(gettext_lazy("State"), {"counting": "info", "ready": "success", "broken": "warning"})
    def state_shown(self, obj: Segment) -> tuple[str, str]:
        return obj.state, obj.get_state_display()

    # --- the page ---

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return [(None, {"fields": (("name", "kind"), "description", "rule")})]
        fields: list[Any] = [("name", "state_shown"), "description"]
        if obj.problem:
            fields.insert(1, "problem")
        if obj.kind == Segment.Kind.RULE and self.has_change_permission(request, obj):
            fields.append("rule")
        return [(None, {"fields": fields})]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        segment = self.get_object(request, object_id)
        shown = _shown(segment) if segment is not None and request.method == "GET" else {}
        answer: HttpResponse = super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **shown}
        )
        return answer

    def save_model(self, request: HttpRequest, obj: Segment, form: Any, change: Any) -> None:
        recount = not change or "rule" in form.changed_data or obj.state == Segment.State.BROKEN
        try:
            keeping.save(obj, recount=recount)
        except RuleError as error:  # a circle: found when all of its parts are looked at
            messages.error(request, str(error))
            return
        if recount and obj.kind == Segment.Kind.RULE:
            messages.info(request, _("The members are being counted."))

    def delete_model(self, request: HttpRequest, obj: Segment) -> None:
        keeping.delete(obj)

    # --- the builder ---

    def get_urls(self) -> list[Any]:
        site = self.admin_site
        return [
            path("preview/", site.admin_view(self.preview_view), name="contacts_segment_preview"),
            path("choices/", site.admin_view(self.choices_view), name="contacts_segment_choices"),
            *super().get_urls(),
        ]

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """The live estimate: whom a rule that is being built would find."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponse(status=405)
        try:
            body = json.loads(request.body[:100_000])
        except (ValueError, RecursionError):
            body = None
        rule = body.get("rule") if isinstance(body, dict) else None
        return JsonResponse(estimate(rule))

    def choices_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        typed = request.GET.get("q", "")[:100].replace("\x00", "")
        return JsonResponse({"choices": list(offered(request.GET.get("of", ""), typed))})

    # --- lists by hand ---

    def offers(self, request: HttpRequest, target: Segment) -> set[str]:
        return {"put_on", "take_off"} if target.kind == Segment.Kind.STATIC else set()

    @ask(
        gettext_lazy("Put contacts on the list"),
        icon="group_add",
        submit=gettext_lazy("Put on"),
        form=ContactsForm,
    )
    def put_on(self, request: HttpRequest, target: Segment, form: ContactsForm) -> None:
        found = contact_ids(form.cleaned_data["contacts"])
        changed = keeping.add(target, list(found.values()))
        self._say(request, target, "members_added", len(changed), form, found)

    @ask(
        gettext_lazy("Take contacts off the list"),
        icon="group_remove",
        submit=gettext_lazy("Take off"),
        form=ContactsForm,
    )
    def take_off(self, request: HttpRequest, target: Segment, form: ContactsForm) -> None:
        found = contact_ids(form.cleaned_data["contacts"])
        changed = keeping.remove(target, list(found.values()))
        self._say(request, target, "members_removed", len(changed), form, found)

    def _say(
        self, request: HttpRequest, target: Segment, verb: str, number: int, form: Any, found: Any
    ) -> None:
        self.note(request, verb, target, contacts=number)
        said = ngettext("%(number)s contact changed.", "%(number)s contacts changed.", number)
        messages.success(request, said % {"number": number})
        unknown = [line for line in form.cleaned_data["contacts"] if line not in found]
        if unknown:
            shown = ", ".join(unknown[:10]) + (" …" if len(unknown) > 10 else "")
            messages.warning(request, _("These are not known: %(names)s") % {"names": shown})


def _shown(segment: Segment) -> dict[str, Any]:
    members = SegmentMember.objects.filter(segment=segment).select_related("contact")
    users = SegmentUse.objects.filter(used=segment).values("segment_id")
    return {
        "segment": segment,
        "size": NOTHING if segment.size is None else f"{segment.size:,}",
        "as_of": as_of(segment),
        "members": list(members.order_by("-contact_id")[:SHOWN]),
        "lines": words.lines(segment) if segment.kind == Segment.Kind.RULE else [],
        "came_and_went": membership.changes_since(DAYS).get(segment.pk, Change(0, 0)),
        "users": list(Segment.objects.filter(pk__in=users).order_by("name")),
    }


# --- on the pages of contacts ---


class InSegment(DropdownFilter):
    title = gettext_lazy("segment")
    parameter_name = "segment"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = Segment.objects.order_by("name")[:200]
        return [(str(segment.pk), segment.name) for segment in rows]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> QuerySet[Contact]:
        if not str(self.value() or "").isdecimal():
            return queryset
        members = SegmentMember.objects.filter(segment_id=int(str(self.value())))
        return queryset.filter(pk__in=members.values("contact_id"))


def segments_of(request: HttpRequest, contact: Contact) -> Panel | None:
    found = SegmentMember.objects.filter(contact=contact).select_related("segment")
    rows = [
        (
            member.segment.name,
            _("since %(day)s") % {"day": f"{timezone.localtime(member.entered_at):%Y-%m-%d}"},
            "",
        )
        for member in found.order_by("-entered_at")[:20]
    ]
    if not rows:
        return None
    return Panel(_("Segments"), "group_work", "admin/contacts/contact/rows.html", {"rows": rows})


additions.list_filter(InSegment)
additions.panel(segments_of)
