"""Lists that one takes out: what is asked before, how far each is, where the file lies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import ModelAdmin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.test import RequestFactory
from django.urls import path, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts.api.exports import answer, gone, note_asked
from contacts.exports import kinds, run
from contacts.models import Contact, Event, Export, Order
from tenants.admin_base import ReadOnlyAdmin, button, chip
from tenants.models import User
from tenants.roles import Can

S = Export.Status
FOLDER = "admin/contacts/export"
CHOSEN = 1000  # ticked rows that one form carries
MODELS: dict[str, type[Contact | Event | Order]] = {
    "contacts": Contact, "orders": Order, "events": Event,
}  # fmt: skip
# Not ticked at first: columns that few files need.
_SELDOM = frozenset({"id", "source", "excluded", "excluded_reason", "created_at", "received_at"})

TITLE = gettext_lazy("Export")


def actions(request: HttpRequest) -> dict[str, tuple[Any, str, Any]]:
    """For the menu of a list: leads to a question. Nothing for those who may not."""
    user = request.user
    if not isinstance(user, User) or not user.can(Can.EXPORT):
        return {}
    return {"export": (_ask_first, "export", TITLE)}


def _ask_first(
    page: ModelAdmin[Any], request: HttpRequest, queryset: QuerySet[Any]
) -> HttpResponse:
    kind = next(name for name, model in MODELS.items() if model is page.model)
    ids = list(queryset.order_by().values_list("pk", flat=True)[:CHOSEN])
    address = request.GET.copy()
    address.pop("p", None)
    return _question(request, kind, ids, address.urlencode())


def _question(
    request: HttpRequest, kind_name: str, ids: list[int], address: str, problem: str = ""
) -> HttpResponse:
    kind = kinds.named(kind_name)
    user = request.user
    if kind is None or not isinstance(user, User) or not user.can(Can.EXPORT):
        raise PermissionDenied
    ticked = request.POST.getlist("column")
    context = {
        **admin.site.each_context(request),
        "title": _("Export %(list)s") % {"list": kind.label},
        "opts": Export._meta, "kind": kind, "formats": Export.Format.choices,
        "columns": [
            (name, _label(kind, name), name in ticked if ticked else name not in _SELDOM)
            for name in kind.columns()
        ],
        "ids": ",".join(map(str, ids)), "ticked": len(ids), "address": address,
        "narrowed": bool(address), "may_reveal": user.can(Can.REVEAL), "problem": problem,
        "given": request.POST, "media": admin.site.get_model_admin(Export).media,
        "back": reverse(f"admin:{MODELS[kind.name]._meta.label_lower.replace('.', '_')}_changelist")
        if kind.name in MODELS else reverse("admin:contacts_export_changelist"),
    }  # fmt: skip
    return render(request, f"{FOLDER}/ask.html", context)


def _label(kind: kinds.Kind, column: str) -> str:
    """As the file will call it; in words where that is a name for programs."""
    title = kind.title(column, in_words=True)
    return title if title != column else capfirst(str(kind.columns()[column]))


def rows_shown(model: type[Any]) -> Callable[[User, kinds.Query], QuerySet[Any]]:
    """The rows of the admin's list as this member sees it: those ticked, or all at an address."""

    def rows(user: User, query: kinds.Query) -> QuerySet[Any]:
        ids = [int(each) for each in query.get("ids", ()) if each.isdecimal()]
        if ids:
            found: QuerySet[Any] = model.objects.filter(pk__in=ids)
            return found
        request = RequestFactory().get(f"/?{''.join(query.get('address', ()))}")
        request.user = user
        page: Any = admin.site.get_model_admin(model)
        try:
            shown: QuerySet[Any] = page.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            raise run.Refused(_("The list cannot be filtered like that.")) from None
        return shown

    return rows


for _name, _model in MODELS.items():
    kinds.admin_lists[_name] = rows_shown(_model)


@admin.register(Export)
class ExportAdmin(ReadOnlyAdmin):
    """One's own: a file holds what its asker may see."""

    ability = Can.EXPORT
    list_display = ("name", "state", "rows", "created_at", "expires_at")
    fieldsets = ((None, {"fields": (("name", "created_at"), ("expires_at", "reason"))}),)
    change_form_outer_before_template = f"{FOLDER}/page.html"
    actions_list = ("new_contacts", "new_orders", "new_events")

    class Media:
        css = {"all": ["contacts/files.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Export]:
        rows: QuerySet[Export] = super().get_queryset(request)
        return rows.filter(user_id=request.user.pk or 0)

    def has_act_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._allowed(request)

    def get_urls(self) -> list[Any]:
        wrap, name = self.admin_site.admin_view, "contacts_export_{}".format
        return [
            path("ask/<str:kind>/", wrap(self.ask), name=name("ask")),
            path("<path:object_id>/progress/", wrap(self.progress), name=name("progress")),
            path("<path:object_id>/file/", wrap(self.file), name=name("file")),
            *super().get_urls(),
        ]

    @button(gettext_lazy("Export contacts"), icon="download", permission="act")
    def new_contacts(self, request: HttpRequest) -> HttpResponse:
        return self.go(request, reverse("admin:contacts_export_ask", args=["contacts"]))

    @button(gettext_lazy("Export orders"), icon="download", permission="act")
    def new_orders(self, request: HttpRequest) -> HttpResponse:
        return self.go(request, reverse("admin:contacts_export_ask", args=["orders"]))

    @button(gettext_lazy("Export events"), icon="download", permission="act")
    def new_events(self, request: HttpRequest) -> HttpResponse:
        return self.go(request, reverse("admin:contacts_export_ask", args=["events"]))

    def ask(self, request: HttpRequest, kind: str) -> HttpResponse:
        """Which rows and columns, in which format; then to the page of the export."""
        user = request.user
        found = kinds.named(kind)
        if found is None or kind not in MODELS or not isinstance(user, User):
            raise Http404
        if not user.can(Can.EXPORT):
            raise PermissionDenied
        posted = request.POST
        ids = [each for each in posted.get("ids", "").split(",") if each.isdecimal()][:CHOSEN]
        address = posted.get("address", "")[:2000]
        whole = posted.get("whole") == "on"
        problem = "" if request.method == "POST" else None
        columns = [name for name in posted.getlist("column") if found.has(name)]
        if request.method == "POST":
            problem = _problem(user, columns, whole=whole, reason=posted.get("reason", ""))
        if problem is None or problem:
            return _question(request, kind, [int(each) for each in ids], address, problem or "")
        chosen = posted.get("who") == "chosen" and ids
        job = run.ask(
            kind,
            "xlsx" if posted.get("format") == "xlsx" else "csv",
            columns=columns,
            query={"ids": ids} if chosen else {"address": [address]},
            by_admin=True,
            whole_phones=whole,
            reason=posted.get("reason", "").strip()[:200],
            user=user,
        )
        note_asked(request, job)
        return self.back(request, job)

    def _found(self, request: HttpRequest, object_id: str) -> Export | None:
        job: Export | None = self.get_object(request, unquote(object_id))
        return job if job is not None and self.has_view_permission(request, job) else None

    def progress(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """How far it is; the page asks again each second until it lies there."""
        job = self._found(request, object_id)
        if job is None:
            return self.unknown(request, object_id)
        return render(request, f"{FOLDER}/progress.html", _standing(job))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        job = self._found(request, object_id)
        more = {**(extra_context or {}), **(_standing(job) if job else {})}
        shown: HttpResponse = super().change_view(request, object_id, form_url, more)
        return shown

    def file(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """The file, while it lies there."""
        job = self._found(request, object_id)
        if job is None:
            return self.unknown(request, object_id)
        user = request.user
        if job.whole_phones and not (isinstance(user, User) and user.can(Can.REVEAL)):
            raise PermissionDenied
        found = answer(job) if job.status == S.DONE and not gone(job) else None
        if found is None:
            messages.warning(request, _("The file is not there (any more). Ask for it again."))
            return self.back(request, job)
        self.note(request, "downloaded", job)
        return found

    @admin.display(description=gettext_lazy("List"))
    def name(self, obj: Export) -> str:
        kind = kinds.named(obj.kind)
        return f"{capfirst(str(kind.label)) if kind else obj.kind} · {obj.get_format_display()}"

    @chip(
        gettext_lazy("Status"),
        {"queued": "info", "running": "info", "done": "success", "failed": "danger"},
    )
    def state(self, obj: Export) -> tuple[str, str]:
        return obj.status, obj.get_status_display()

    @admin.display(description=gettext_lazy("Rows"))
    def rows(self, obj: Export) -> str:
        return "–" if obj.total is None else f"{obj.done} / {obj.total}"


def _problem(user: User, columns: list[str], *, whole: bool, reason: str) -> str:
    if not columns:
        return _("Choose at least one column.")
    if whole and not user.can(Can.REVEAL):
        raise PermissionDenied
    if whole and len(reason.strip()) < 3:
        return _("Whole phone numbers and e-mails need a reason.")
    return ""


def _standing(job: Export) -> dict[str, Any]:
    return {
        "job": job,
        "going": job.status in (S.QUEUED, S.RUNNING),
        "ready": job.status == S.DONE and not gone(job),
        "expired": gone(job),
        "address": reverse("admin:contacts_export_progress", args=[job.pk]),
    }
