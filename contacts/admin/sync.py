"""Reading corporations: what runs and how far it is, and what differed from what we knew."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget

from contacts.models import Drift, SyncRun
from contacts.sync import running
from tenants.admin_base import NOTHING, ReadOnlyAdmin, ask, chip, link_to
from tenants.admin_forms import AskForm
from tenants.models import User, WeChatAccount

FOLDER = "admin/contacts/syncrun"
TONES = {"queued": "info", "running": "info", "done": "success", "failed": "danger"}


def kinds() -> list[tuple[str, Any]]:
    return [(kind, SyncRun.Kind(kind).label) for kind in running.STEPS]


class StartForm(AskForm):
    account = forms.ModelChoiceField(
        label=gettext_lazy("WeChat account"),
        queryset=WeChatAccount.objects.filter(kind=WeChatAccount.Kind.WECOM, active=True),
        widget=UnfoldAdminSelectWidget,
    )
    kinds = forms.MultipleChoiceField(
        label=gettext_lazy("What is read"),
        choices=kinds,
        initial=lambda: [kind for kind, _label in kinds()],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )


@admin.register(SyncRun)
class SyncRunAdmin(ReadOnlyAdmin):
    noun = "sync"
    list_display = (
        "kind", "account", "status", "progress", "created", "updated", "ended", "drifts",
        "created_at",
    )  # fmt: skip
    list_select_related = ("account",)
    list_filter = (("kind", ChoicesDropdownFilter), ("state", ChoicesDropdownFilter))
    fieldsets = (
        (
            None,
            {"fields": (("kind", "account"), ("nightly", "user"), ("started_at", "finished_at"))},
        ),
    )
    change_form_outer_before_template = f"{FOLDER}/page.html"
    actions_list = ("start",)
    actions_detail = ("go_on",)

    class Media:
        css = {"all": ["contacts/files.css"]}

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.progress_now)
        route = path("<path:object_id>/progress/", view, name="contacts_syncrun_progress")
        return [route, *super().get_urls()]

    def progress_now(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """How far it is; the page asks again each second while it runs."""
        run = self.get_object(request, unquote(object_id))
        if run is None or not self.has_view_permission(request, run):
            return self.unknown(request, object_id)
        return render(request, f"{FOLDER}/progress.html", _standing(run))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        run = self.get_object(request, unquote(object_id))
        more = {**(extra_context or {}), **(_standing(run) if run else {})}
        answer: HttpResponse = super().change_view(request, object_id, form_url, more)
        return answer

    @ask(
        gettext_lazy("Synchronise now"),
        question=gettext_lazy(
            "What WeCom knows is read into the tables here. It may be repeated at any time: "
            "what is the same stays as it is."
        ),
        icon="sync",
        permission="act",
        form=StartForm,
    )
    def start(self, request: HttpRequest, target: None, form: AskForm) -> HttpResponse:
        account, wanted = form.cleaned_data["account"], form.cleaned_data["kinds"]
        user = request.user if isinstance(request.user, User) else None
        runs = running.ask(account, wanted, user=user)
        self.note(request, "started", account, kinds=[run.kind for run in runs])
        return self.go(request, self.page_of(runs[0] if len(runs) == 1 else None))

    def offers(self, request: HttpRequest, target: SyncRun) -> set[str]:
        return {"go_on"} if target.state == SyncRun.State.FAILED else set()

    @ask(
        gettext_lazy("Go on"),
        question=gettext_lazy("It goes on where it stopped."),
        icon="resume",
        permission="act",
    )
    def go_on(self, request: HttpRequest, target: SyncRun, form: AskForm) -> HttpResponse:
        run = running.again(target)
        self.note(request, "resumed", run)
        return self.go(request, self.page_of(run))

    @chip(gettext_lazy("Status"), TONES)
    def status(self, obj: SyncRun) -> tuple[str, str]:
        return obj.state, obj.get_state_display()

    @admin.display(description=gettext_lazy("Read"))
    def progress(self, obj: SyncRun) -> str:
        return NOTHING if obj.total is None else f"{obj.done} / {obj.total}"


def _standing(run: SyncRun) -> dict[str, Any]:
    going = run.finished_at is None
    drifts = Drift.objects.filter(run=run).select_related("contact", "staff", "live_code")
    return {
        "run": run,
        "going": going,
        "share": min(100, 100 * run.done // run.total) if run.total else None,
        "looking": run.place.get("stage") == "look",
        "found": [] if going else list(drifts.order_by("id")[:20]),
        "address": reverse("admin:contacts_syncrun_progress", args=[run.pk]),
        "all_drifts": f"{reverse('admin:contacts_drift_changelist')}?run__id__exact={run.pk}",
    }


@admin.register(Drift)
class DriftAdmin(ReadOnlyAdmin):
    list_display = ("kind", "status", "of_contact", "of_staff", "detail", "found_at")
    list_select_related = ("contact", "staff")
    list_filter = (
        ("kind", ChoicesDropdownFilter),
        ("state", ChoicesDropdownFilter),
        ("staff", AutocompleteSelectFilter),
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("kind", "status"), ("of_contact", "of_staff"), "of_code", "detail", "found_at",
                    "of_run",
                )
            },
        ),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Drift]:
        rows: QuerySet[Drift] = super().get_queryset(request)
        return rows.exclude(state=Drift.State.SUSPECTED)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup == "run__id__exact" or super().lookup_allowed(lookup, value, request)

    @chip(gettext_lazy("Status"), {"repaired": "success", "open": "warning", "suspected": "info"})
    def status(self, obj: Drift) -> tuple[str, str]:
        return obj.state, obj.get_state_display()

    @admin.display(description=gettext_lazy("Contact"))
    def of_contact(self, obj: Drift) -> str:
        return link_to(obj.contact)

    @admin.display(description=gettext_lazy("Staff"))
    def of_staff(self, obj: Drift) -> str:
        return link_to(obj.staff)

    @admin.display(description=gettext_lazy("Live code"))
    def of_code(self, obj: Drift) -> str:
        return link_to(obj.live_code)

    @admin.display(description=gettext_lazy("Synchronisation"))
    def of_run(self, obj: Drift) -> str:
        return link_to(obj.run)
