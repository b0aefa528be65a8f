"""Scripts: their steps, whether they run, and what they did."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget

from contacts import kinds
from contacts.admin import attachment_fields
from journeys import attaching, sops
from journeys.admin import steps
from journeys.admin.touches import reason_in_words
from journeys.models import Enrolment, Route, Sop, Touch
from tenants.admin_base import TenantModelAdmin, ask, button, chip
from tenants.admin_forms import AskForm, TenantForm

_ROUTES = dict(Route.choices)


def _triggers() -> list[tuple[str, str]]:
    return [(kind.name, kinds.label_of(kind.name)) for kind in kinds.known()]


class SopForm(TenantForm):
    trigger = forms.ChoiceField(
        label=gettext_lazy("Starts on"),
        choices=_triggers,
        initial="follow.opened",
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("The event of a contact that starts the script."),
    )

    class Meta:
        model = Sop
        fields = (
            "name", "trigger", "channel", "live_code", "segment", "leave_on_reply",
            "leave_on_order",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = self.instance.trigger
        known = _triggers()
        if "trigger" in self.fields and stored not in dict(known):
            self.fields["trigger"].choices = [(stored, stored), *known]  # type: ignore[attr-defined]


@admin.register(Sop)
class SopAdmin(TenantModelAdmin):
    form = SopForm
    list_display = ("name", "status_shown", "trigger", "channel", "live_code", "running")
    list_select_related = ("channel", "live_code")
    list_filter = (("status", ChoicesDropdownFilter),)
    search_fields = ("name",)
    autocomplete_fields = ("channel", "live_code", "segment")
    readonly_fields = ("status_shown",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("name", "status_shown"), ("trigger", "segment"), ("channel", "live_code"),
                    ("leave_on_reply", "leave_on_order"),
                )
            },
        ),
    )  # fmt: skip
    actions_detail = ("edit_steps", "publish", "pause", "resume")
    change_form_outer_after_template = "admin/journeys/sop/steps_shown.html"
    deletes = True

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A script that anybody ran through stays: messages name it."""
        ran = isinstance(obj, Sop) and Enrolment.objects.filter(sop=obj).exists()
        return not ran and super().has_delete_permission(request, obj)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is not None:
            return fieldsets
        main = ["name", *fieldsets[0][1]["fields"][1:]]
        return [(None, {"fields": main})]

    def response_add(
        self, request: HttpRequest, obj: Sop, post_url_continue: str | None = None
    ) -> HttpResponse:
        """A script without steps is nothing yet: write them next."""
        return self.go(request, reverse("admin:journeys_sop_steps", args=[obj.pk]))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        sop = self.get_object(request, object_id)
        shown = _shown(sop) if sop is not None and request.method == "GET" else {}
        answer: HttpResponse = super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **shown}
        )
        return answer

    # --- the steps ---

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.steps_view)
        return [
            path("<path:object_id>/steps/", view, name="journeys_sop_steps"),
            *super().get_urls(),
        ]

    def steps_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        sop = self.get_object(request, object_id)
        if sop is None:
            return self.unknown(request, object_id)
        if not self.has_change_permission(request, sop):
            raise PermissionDenied
        version = sops.current(sop)
        now = steps.initial(list(version.steps.all())) if version else []
        posted = request.POST if request.method == "POST" else None
        files = request.FILES if request.method == "POST" else None
        formset = steps.Steps(posted, files, initial=now, prefix="steps")
        if request.method == "POST" and formset.is_valid():
            draft = sops.write_steps(sop, steps.wanted(formset))
            self.note(request, "changed", sop, fields=["steps"], version=draft.number)
            self._say_what_is_missing(request, sop)
            return self.back(request, sop)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Steps of “%(name)s”") % {"name": sop.name},
            "opts": self.opts,
            "original": sop,
            "formset": formset,
            "version": version,
            "back": self.page_of(sop),
        }
        return render(request, "admin/journeys/sop/steps.html", context)

    def _say_what_is_missing(self, request: HttpRequest, sop: Sop) -> None:
        version = sops.current(sop)
        try:
            sops.check(list(version.steps.all()) if version else [])
        except ValidationError as error:
            for sentence in error.messages:
                messages.warning(request, sentence)
        else:
            messages.success(request, _("Saved. Publish it, and newcomers get these steps."))
        for sentence in sops.warnings(list(version.steps.all()) if version else []):
            messages.warning(request, sentence)

    # --- buttons ---

    def offers(self, request: HttpRequest, target: Sop) -> set[str]:
        version = sops.current(target)
        found = {"edit_steps"}
        if version is not None and version.published_at is None:
            found.add("publish")
        if target.status == Sop.Status.ACTIVE:
            found.add("pause")
        if target.status == Sop.Status.PAUSED:
            found.add("resume")
        return found

    @button(gettext_lazy("Edit steps"), icon="edit_note")
    def edit_steps(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.go(request, reverse("admin:journeys_sop_steps", args=[object_id]))

    @ask(
        gettext_lazy("Publish"),
        question=gettext_lazy(
            "Newcomers get these steps; whoever is under way keeps the old ones."
        ),
        icon="rocket_launch",
        variant=ActionVariant.PRIMARY,
    )
    def publish(self, request: HttpRequest, target: Sop, form: AskForm) -> None:
        version = _in_words(lambda: sops.publish(target))
        self.note(request, "published", target, version=version.number)
        messages.success(
            request, _("Version %(number)s is published.") % {"number": version.number}
        )

    @ask(
        gettext_lazy("Pause"),
        question=gettext_lazy("Nobody enters and nothing goes out until it is resumed."),
        icon="pause",
    )
    def pause(self, request: HttpRequest, target: Sop, form: AskForm) -> None:
        held = _in_words(lambda: sops.pause(target))
        self.note(request, "paused", target)
        messages.success(request, _("Paused; %(count)s messages wait.") % {"count": held})

    @ask(
        gettext_lazy("Resume"),
        question=gettext_lazy("What was due meanwhile goes out now, within the pace."),
        icon="play_arrow",
    )
    def resume(self, request: HttpRequest, target: Sop, form: AskForm) -> None:
        freed = _in_words(lambda: sops.resume(target))
        self.note(request, "resumed", target)
        messages.success(request, _("Resumed; %(count)s messages go on.") % {"count": freed})

    @chip(gettext_lazy("Status"), {"draft": "info", "active": "success", "paused": "warning"})
    def status_shown(self, obj: Sop) -> tuple[str, str]:
        return obj.status, obj.get_status_display()

    @admin.display(description=gettext_lazy("Under way"))
    def running(self, obj: Sop) -> int:
        return Enrolment.objects.filter(sop=obj, state=Enrolment.State.RUNNING).count()


def _in_words(verb: Any) -> Any:
    """What the verb refuses is said on the page."""
    try:
        return verb()
    except sops.WrongStatus as error:
        raise ValidationError(str(error)) from None


def _shown(sop: Sop) -> dict[str, Any]:
    """Steps with the times at which they would go out to a newcomer, and the report."""
    report = sops.report(sop)
    states = dict(Touch.State.choices)
    by_position = {
        step.position: {
            "states": [(states.get(state, state), count) for state, count in step.states.items()],
            "reasons": [(reason_in_words(code), count) for code, count in step.reasons.items()],
        }
        for step in report.steps
    }
    return {
        "version": sops.current(sop),
        "rehearsed": [
            {
                "step": step,
                "routes": " → ".join(str(_ROUTES.get(route, route)) for route in step.routes),
                "plan": plan,
                "attached": attachment_fields.listed(list(step.attachments)),
                "warnings": attaching.warnings(step),
                "done": by_position.get(step.position),
            }
            for step, plan in sops.preview(sop)
        ],
        "report": report,
        "left": [(reason_in_words(code), count) for code, count in report.left.items()],
    }
