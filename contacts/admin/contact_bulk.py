"""Changing many contacts at once: what may be asked, whom it concerns, how far it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from contacts import bulk_actions
from contacts.models import BulkAction, Contact, Tag
from tenants.admin_base import NOTHING, ReadOnlyAdmin, ask, chip
from tenants.admin_forms import AskForm, autocomplete
from tenants.models import Staff, User
from tenants.punctuation import listed, said
from tenants.roles import Can

COUNTED = 10_000  # up to here the page says how many match
CHOSEN = 1000  # ticked rows that one form carries


class TagsForm(forms.Form):
    tags = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Tags"),
        queryset=Tag.objects.all(),
        widget=autocomplete(Contact._meta.get_field("tags")),
    )

    def settings(self) -> dict[str, Any]:
        return {"tags": [tag.pk for tag in self.cleaned_data["tags"]]}

    def words(self) -> str:
        return listed(self.cleaned_data["tags"])


class OwnerForm(forms.Form):
    owner = forms.ModelChoiceField(
        label=gettext_lazy("Owner"),
        queryset=Staff.objects.all(),
        required=False,
        widget=autocomplete(Contact._meta.get_field("owner")),
        help_text=gettext_lazy("Blank: nobody."),
    )

    def settings(self) -> dict[str, Any]:
        owner = self.cleaned_data["owner"]
        return {"owner": owner.pk if owner else None}

    def words(self) -> str:
        return str(self.cleaned_data["owner"] or _("nobody"))


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=100, widget=UnfoldAdminTextInputWidget
    )

    def settings(self) -> dict[str, Any]:
        return {"reason": self.cleaned_data["reason"]}

    def words(self) -> str:
        return str(self.cleaned_data["reason"])


class NoForm(forms.Form):
    def settings(self) -> dict[str, Any]:
        return {}

    def words(self) -> str:
        return ""


AnyForm = TagsForm | OwnerForm | ReasonForm | NoForm


@dataclass(frozen=True)
class Offer:
    """What the list's menu offers, and what it asks before. Other modules add theirs."""

    form: Callable[..., AnyForm]
    icon: str


offers: dict[str, Offer] = {
    "tag": Offer(TagsForm, "label"),
    "untag": Offer(TagsForm, "label_off"),
    "owner": Offer(OwnerForm, "badge"),
    "exclude": Offer(ReasonForm, "block"),
    "include": Offer(NoForm, "undo"),
}


def actions() -> dict[str, tuple[Any, str, str]]:
    """For the list: each leads to a question."""
    return {name: (_leading_to(name), name, bulk_actions.title_of(name)) for name in offers}


def _leading_to(name: str) -> Callable[..., HttpResponse]:
    def ask_first(
        page: ModelAdmin[Contact], request: HttpRequest, queryset: QuerySet[Contact]
    ) -> HttpResponse:
        ids = list(queryset.order_by().values_list("pk", flat=True)[:CHOSEN])
        return question(page, request, name, ids, offers[name].form())

    return ask_first


def question(
    page: ModelAdmin[Contact], request: HttpRequest, name: str, ids: list[int], form: AnyForm
) -> HttpResponse:
    """What shall change, and on whom: those ticked, or all that the filters show."""
    matching = everybody_shown(page, request)[: COUNTED + 1].count()
    context = {
        **page.admin_site.each_context(request),
        "title": bulk_actions.title_of(name),
        "opts": page.opts,
        "form": form,
        "name": name,
        "ids": ",".join(map(str, ids)),
        "ticked": len(ids),
        "matching": matching if matching <= COUNTED else None,
        "most": COUNTED,
        "query": request.GET.urlencode(),
    }
    return render(request, "admin/contacts/contact/bulk.html", context)


def everybody_shown(page: Any, request: HttpRequest) -> QuerySet[Contact]:
    """All that the filters of the address let through, on whatever page."""
    given = request.GET.copy()
    given.pop("p", None)
    request.GET = given  # type: ignore[assignment] # the same but for the page
    found: QuerySet[Contact] = page.get_changelist_instance(request).get_queryset(request)
    return found.order_by()


def carry_out(page: Any, request: HttpRequest, name: str) -> HttpResponse:
    """The answered question."""
    user = request.user
    if name not in offers or not isinstance(user, User):
        raise Http404
    ids = [int(each) for each in request.POST.get("ids", "").split(",") if each.isdecimal()]
    form = offers[name].form(request.POST)
    if not form.is_valid():
        return question(page, request, name, ids[:CHOSEN], form)
    everybody = request.POST.get("who") == "all"
    contacts = everybody_shown(page, request)
    if not everybody:
        contacts = Contact.objects.filter(pk__in=ids[:CHOSEN])
    words = form.words()
    title = bulk_actions.title_of(name)
    job = bulk_actions.ask(
        name, form.settings(), contacts, summary=said(title, words) if words else title, user=user
    )
    jobs = BulkActionAdmin(BulkAction, admin.site)
    jobs.note(request, "asked", job, kind=name, contacts=job.total)
    return jobs.go(request, jobs.page_of(job))


@admin.register(BulkAction)
class BulkActionAdmin(ReadOnlyAdmin):
    """How far the changes are, and what came of them."""

    ability = Can.WRITE
    list_display = ("summary", "state", "total", "changed", "asked_by", "created_at")
    list_select_related = ("user",)
    fieldsets = ((None, {"fields": (("summary", "state"), ("asked_by", "created_at"), "problem")}),)
    change_form_outer_before_template = "admin/contacts/contact/progress.html"
    actions_detail = ("stop",)

    class Media:
        css = {"all": ("contacts/contact.css",)}

    @chip(
        gettext_lazy("Status"),
        {"queued": "info", "running": "info", "done": "success", "failed": "danger"},
    )
    def state(self, obj: BulkAction) -> tuple[str, str]:
        return obj.status, obj.get_status_display()

    @admin.display(description=gettext_lazy("By"))
    def asked_by(self, obj: BulkAction) -> str:
        return str(obj.user or NOTHING)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = [("summary", "state"), ("asked_by", "created_at")]
        return ((None, {"fields": [*fields, "problem"] if obj and obj.problem else fields}),)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.progress)
        name = "contacts_bulkaction_progress"
        return [path("<path:object_id>/progress/", view, name=name), *super().get_urls()]

    def progress(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The bar alone: the page asks for it anew until all is done."""
        job = self.get_object(request, unquote(object_id))
        if job is None or not self.has_view_permission(request, job):
            return self.unknown(request, object_id)
        return render(request, "admin/contacts/contact/progress_bar.html", {"original": job})

    def offers(self, request: HttpRequest, target: BulkAction) -> set[str]:
        going = target.status in (BulkAction.Status.QUEUED, BulkAction.Status.RUNNING)
        return {"stop"} if going else set()

    @ask(
        gettext_lazy("Stop"),
        question=gettext_lazy("What is changed stays so; the rest is left as it is."),
        icon="stop_circle",
        permission="act",
    )
    def stop(self, request: HttpRequest, target: BulkAction, form: AskForm) -> None:
        if not bulk_actions.stop(target):
            raise ValidationError(_("It is over already."))
        self.note(request, "stopped", target)
