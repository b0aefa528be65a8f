"""Files that were brought: upload, counts, what was refused and why."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.http import FileResponse, HttpRequest, HttpResponseBase
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldBooleanSwitchWidget,
)

from contacts.imports import run
from contacts.models import Import
from tenants.admin_base import NOTHING, TenantModelAdmin, chip
from tenants.models import User
from tenants.roles import Can


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
    dry_run = forms.BooleanField(
        label=gettext_lazy("Only try"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=gettext_lazy("Counts and finds bad rows, and writes nothing."),
    )

    class Meta:
        model = Import
        fields = ("kind", "dry_run")

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
        "name", "kind", "state", "dry_run", "created", "updated", "unchanged", "refused",
        "created_at",
    )  # fmt: skip
    list_filter = (("kind", ChoicesDropdownFilter), ("status", ChoicesDropdownFilter))
    fieldsets = (
        (None, {"fields": (("name", "kind", "dry_run"), ("state", "error_message"))}),
        (
            gettext_lazy("Rows"),
            {
                "fields": (
                    ("created", "updated"), ("unchanged", "refused"),
                    ("by", "created_at"), "finished_at",
                )
            },
        ),
    )  # fmt: skip
    add_fieldsets = ((None, {"fields": ("kind", "file", "dry_run")}),)

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
        file = given["file"]
        return run.bring(given["kind"], file, file.name, dry_run=given["dry_run"], user=user)

    def save_model(self, request: HttpRequest, obj: Import, form: Any, change: Any) -> None:
        """It is queued already."""

    def response_add(
        self, request: HttpRequest, obj: Import, post_url_continue: str | None = None
    ) -> Any:
        messages.success(
            request, _("The file is on its way. Reload this page to see how far it is.")
        )
        return self.back(request, obj)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.refused_rows)
        name = "contacts_import_refused"
        return [path("<path:object_id>/refused.csv", view, name=name), *super().get_urls()]

    def refused_rows(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """The rows that were not taken, with the reasons, as a file."""
        job = self.get_object(request, unquote(object_id))
        if job is None or not job.error_file or not self.has_view_permission(request, job):
            return self.unknown(request, object_id)
        self.note(request, "downloaded", job)
        return FileResponse(
            job.error_file.open("rb"), as_attachment=True, filename=f"refused-{job.pk}.csv",
            content_type="text/csv; charset=utf-8",
        )  # fmt: skip

    @admin.display(description=gettext_lazy("File"))
    def name(self, obj: Import) -> str:
        return str(obj)

    @chip(
        gettext_lazy("Status"),
        {"queued": "info", "running": "info", "done": "success", "failed": "danger"},
    )
    def state(self, obj: Import) -> tuple[str, str]:
        return obj.status, obj.get_status_display()

    @admin.display(description=gettext_lazy("Refused"))
    def refused(self, obj: Import) -> str:
        if not obj.error_file:
            return str(obj.rejected)
        address = reverse("admin:contacts_import_refused", args=[obj.pk])
        return format_html(
            '<a class="scrm-link" href="{}">{} · {}</a>', address, obj.rejected, _("download")
        )

    @admin.display(description=gettext_lazy("Brought by"))
    def by(self, obj: Import) -> str:
        return str(obj.user or NOTHING)
