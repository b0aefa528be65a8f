"""Files that were brought, step by step: upload, columns, trial, import; pausing and undoing it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget

from contacts.admin import import_columns
from contacts.imports import control, keeping, preview, run, undo
from contacts.imports.errors import FileFault
from contacts.models import Import
from tenants.admin_base import NOTHING, TenantModelAdmin, chip
from tenants.models import User
from tenants.roles import Can

S = Import.Status
FOLDER = "admin/contacts/import"
GOING = frozenset({S.QUEUED, S.RUNNING, S.UNDOING})


class UploadForm(forms.ModelForm):
    kind = forms.ChoiceField(
        label=gettext_lazy("What is in it"),
        choices=Import.Kind.choices,
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("Products come before orders, contacts before orders and events."),
    )
    file = forms.FileField(
        label=gettext_lazy("File"),
        max_length=200,
        widget=UnfoldAdminFileFieldWidget({"accept": ".csv,.xlsx,.txt"}),
        help_text=gettext_lazy(
            "CSV (UTF-8 or GB18030) or XLSX with a header row, Chinese or English. "
            "The same file twice changes nothing."
        ),
    )

    class Meta:
        model = Import
        fields = ("kind",)

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > settings.UPLOAD_MAX_BYTES:
            raise ValidationError(_("The file is too large."))
        return file


@admin.register(Import)
class ImportAdmin(TenantModelAdmin):
    ability = Can.IMPORT
    changes = False
    list_display = (
        "name", "kind", "state", "dry_run", "created", "updated", "unchanged", "rejected",
        "created_at",
    )  # fmt: skip
    list_filter = (("kind", ChoicesDropdownFilter), ("status", ChoicesDropdownFilter))
    fieldsets = ((None, {"fields": (("name", "kind"), ("by", "created_at"), "finished_at")}),)
    add_fieldsets = ((None, {"fields": ("kind", "file")}),)
    change_form_outer_before_template = f"{FOLDER}/page.html"

    class Media:
        css = {"all": ["contacts/files.css"]}

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: Any = None, **kwargs: Any
    ) -> Any:
        return super().get_form(
            request, obj, change, **(kwargs | ({} if obj else {"form": UploadForm}))
        )

    def save_form(self, request: HttpRequest, form: Any, change: Any) -> Import:
        given = form.cleaned_data
        form.save_m2m = lambda: None
        user = request.user if isinstance(request.user, User) else None
        return run.bring(given["kind"], given["file"], given["file"].name, user=user, draft=True)

    def save_model(self, request: HttpRequest, obj: Import, form: Any, change: Any) -> None:
        """It is kept already."""

    def response_add(
        self, request: HttpRequest, obj: Import, post_url_continue: str | None = None
    ) -> Any:
        return redirect("admin:contacts_import_columns", obj.pk)

    def get_urls(self) -> list[Any]:
        steps = {
            "refused.csv": self.refused_rows, "columns/": self.columns, "start/": self.start,
            "progress/": self.progress, "pause/": self.pause, "resume/": self.resume,
            "undo/": self.undo,
        }  # fmt: skip
        pages = [
            path(
                f"<path:object_id>/{step}",
                self.admin_site.admin_view(view),
                name=f"contacts_import_{step.partition('.')[0].strip('/')}",
            )
            for step, view in steps.items()
        ]
        return [*pages, *super().get_urls()]

    def _found(self, request: HttpRequest, object_id: str) -> Import | None:
        job: Import | None = self.get_object(request, unquote(object_id))
        return job if job is not None and self.has_view_permission(request, job) else None

    # --- the steps ---

    def columns(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Which column is what; then a trial, or at once the import."""
        job = self._found(request, object_id)
        if job is None:
            return self.unknown(request, object_id)
        if not _may_start(job):
            return self.back(request, job)
        given = job.mapping
        if request.method == "POST":
            given = import_columns.chosen(job, request.POST)
        try:
            look = preview.look(job, given)
        except FileFault as fault:
            run.refuse(job, fault)
            return self.back(request, job)
        if request.method == "POST" and not look.fault:
            return self._start(request, job, given, dry_run=request.POST.get("do") != "import")
        context = {
            **self.admin_site.each_context(request),
            "title": _("Which column is what?"),
            "opts": self.opts, "original": job, "job": job, "look": look,
            "missing": [import_columns.label(job.kind, name) for name in look.missing],
            "rows": import_columns.rows(job, look), "media": self.media,
        }  # fmt: skip
        return render(request, f"{FOLDER}/columns.html", context)

    def start(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """After the trial: import for good."""
        job = self._found(request, object_id)
        if job is None:
            return self.unknown(request, object_id)
        if request.method != "POST" or not _may_start(job):
            return self.back(request, job)
        return self._start(request, job, job.mapping, dry_run=False)

    def _start(
        self, request: HttpRequest, job: Import, mapping: dict[str, str], *, dry_run: bool
    ) -> HttpResponse:
        run.start(job, mapping, dry_run=dry_run)
        self.note(request, "queued", job, dry_run=dry_run)
        return self.back(request, job)

    def progress(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """How far it is; the page asks again each second while something is going on."""
        job = self._found(request, object_id)
        if job is None:
            return self.unknown(request, object_id)
        return render(request, f"{FOLDER}/progress.html", _standing(job))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        job = self._found(request, object_id)
        if job is not None and job.status == S.DRAFT:
            return redirect("admin:contacts_import_columns", job.pk)
        more = {**(extra_context or {}), **(_standing(job) if job else {})}
        answer: HttpResponse = super().change_view(request, object_id, form_url, more)
        return answer

    def pause(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._verb(request, object_id, "pause")

    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._verb(request, object_id, "resume")

    def undo(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What would go and what would stay; then, confirmed, do it."""
        job = self._found(request, object_id)
        if job is None:
            return self.unknown(request, object_id)
        refusal = control.why_not_undo(job)
        if request.method == "POST" or refusal:
            return self._verb(request, object_id, "undo", refusal)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Undo the import of %(file)s") % {"file": job},
            "opts": self.opts, "original": job, "job": job, "found": undo.preview(job),
            "shown": undo.SHOWN, "media": self.media,
        }  # fmt: skip
        return render(request, f"{FOLDER}/undo.html", context)

    def _verb(
        self, request: HttpRequest, object_id: str, verb: str, refusal: str = ""
    ) -> HttpResponse:
        job = self._found(request, object_id)
        if job is None:
            return self.unknown(request, object_id)
        if request.method == "POST" or refusal:
            try:
                if refusal:
                    raise control.NotNow(refusal)
                control.VERBS[verb](job)
                self.note(request, control.PAST[verb], job)
            except control.NotNow as error:
                messages.error(request, str(error))
        return self.back(request, job)

    def refused_rows(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """The rows that were not taken, with the reasons, as a file."""
        job = self._found(request, object_id)
        if job is None or not (job.error_file or preview.errors_gone(job)):
            return self.unknown(request, object_id)
        stored = keeping.opened(job.error_file) if job.error_file else None
        if stored is None:
            messages.warning(request, _("The file of the rejected rows is no longer kept."))
            return self.back(request, job)
        self.note(request, "downloaded", job)
        return FileResponse(
            stored, as_attachment=True, filename=f"refused-{job.pk}.csv",
            content_type="text/csv; charset=utf-8",
        )  # fmt: skip

    # --- the list ---

    @admin.display(description=gettext_lazy("File"))
    def name(self, obj: Import) -> str:
        return str(obj)

    @chip(
        gettext_lazy("Status"),
        {
            "draft": "warning", "queued": "info", "running": "info", "paused": "warning",
            "done": "success", "failed": "danger", "undoing": "info", "undone": "",
        },
    )  # fmt: skip
    def state(self, obj: Import) -> tuple[str, str]:
        return obj.status, obj.get_status_display()

    @admin.display(description=gettext_lazy("Brought by"))
    def by(self, obj: Import) -> str:
        return str(obj.user or NOTHING)


def _may_start(job: Import) -> bool:
    """A draft; what was only tried; what failed before it wrote anything."""
    nothing_written = job.dry_run or not (job.created or job.updated)
    ended = job.status == S.DRAFT or (job.status in (S.DONE, S.FAILED) and nothing_written)
    return ended and not job.files_gone_at


def _standing(job: Import) -> dict[str, Any]:
    tried = job.status == S.DONE and job.dry_run
    return {
        "job": job,
        "going": job.status in GOING,
        "tried": tried,
        "may_start": _may_start(job) and (tried or job.status == S.FAILED),
        "offered": control.offered(job),
        "undo_until": job.undo_until,
        "share": 100 * job.lines_done // job.lines_total if job.lines_total else None,
        "errors_gone": job.status not in GOING and preview.errors_gone(job),
        "faults": [] if job.status in GOING else preview.first_faults(job),
        "address": reverse("admin:contacts_import_progress", args=[job.pk]),
    }
