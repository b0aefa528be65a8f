"""Handing customers and groups over at WeCom: the wish, who stays and why, and how far it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
)

from contacts.admin.transfer_form import WishForm
from contacts.api.transfers import note
from contacts.models import (
    TransferBatch,
    TransferItem,
)
from contacts.transfers import counting, plan, verdicts
from tenants.admin_base import (
    NOTHING,
    LookAheadList,
    ReadOnlyAdmin,
    TenantModelAdmin,
    ask,
    chip,
    link_to,
)
from tenants.admin_forms import AskForm
from tenants.models import Staff, User

FOLDER = "admin/contacts/transferbatch"
SHOWN = 50
_TONES = {
    "planned": "info", "asked": "info", "waiting": "info", "done": "success",
    "refused": "warning", "full": "warning", "too_often": "warning", "failed": "danger",
}  # fmt: skip


class StateFilter(DropdownFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("going", _("under way")), ("finished", _("finished"))]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[TransferBatch]
    ) -> QuerySet[TransferBatch]:
        if self.value() not in {"going", "finished"}:
            return queryset
        return queryset.filter(finished_at__isnull=self.value() == "going")


class BatchList(LookAheadList):
    """Gives a page of transfers their counts, in one query."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        progress = counting.of([row.pk for row in rows])
        for row in rows:
            row.progress = progress[row.pk]


@admin.register(TransferBatch)
class TransferBatchAdmin(TenantModelAdmin):
    changes = False
    noun = "transfer"
    list_display = ("giver", "kind", "state_shown", "done_shown", "left_shown", "created_at")
    list_select_related = ("giver",)
    list_filter = (
        StateFilter,
        ("giver", AutocompleteSelectFilter),
        ("kind", ChoicesDropdownFilter),
    )
    search_fields = ("giver__name", "giver__userid")
    fieldsets = (
        (
            None,
            {"fields": (("giver", "kind"), "message", ("asked_by", "created_at"), "finished_at")},
        ),
    )
    actions_detail = ("cancel",)
    change_form_outer_after_template = f"{FOLDER}/page.html"

    class Media:
        css = {"all": ["contacts/files.css"]}

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[LookAheadList]:
        return BatchList

    def get_urls(self) -> list[Any]:
        progress = path(
            "<path:object_id>/progress/",
            self.admin_site.admin_view(self.progress),
            name="contacts_transferbatch_progress",
        )
        return [progress, *super().get_urls()]

    @chip(gettext_lazy("State"), {"going": "info", "finished": "success", "stuck": "danger"})
    def state_shown(self, obj: TransferBatch) -> tuple[str, str]:
        if obj.finished_at is not None:
            return "finished", _("finished")
        return ("stuck", obj.problem) if obj.problem else ("going", _("under way"))

    @admin.display(description=gettext_lazy("Handed over"))
    def done_shown(self, obj: Any) -> str:
        return f"{obj.progress.done} / {obj.progress.total}"

    @admin.display(description=gettext_lazy("Under way"))
    def left_shown(self, obj: Any) -> str:
        return str(obj.progress.left or NOTHING)

    @admin.display(description=gettext_lazy("Asked by"))
    def asked_by(self, obj: TransferBatch) -> str:
        return str(obj.user or NOTHING)

    # --- the wish ---

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The wish; then who stays and why; then, confirmed, it is on the way."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = WishForm(request.POST if request.method == "POST" else None, initial=_asked(request))
        found = form.looked() if request.method == "POST" and form.is_valid() else None
        if found is not None and "start" in request.POST:
            return self._start(request, found)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Hand over customers and groups"),
            "opts": self.opts, "form": form, "found": found, "media": self.media + form.media,
            "connected": plan.account_for_transfers() is not None,
            "staying": [] if found is None else _staying(found),
            "repeated": [
                (name, value)
                for name, values in request.POST.lists()
                for value in values
                if name not in ("csrfmiddlewaretoken", "start")
            ],
        }  # fmt: skip
        return render(request, f"{FOLDER}/wish.html", context)

    def _start(self, request: HttpRequest, found: plan.Plan) -> HttpResponse:
        user = request.user if isinstance(request.user, User) else None
        try:
            batch = plan.start(found, user)
        except plan.Refused as refusal:
            messages.error(request, str(refusal))
            return self.back(request, None)
        note(request, batch, found)
        return self.back(request, batch)

    # --- how far it is ---

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        batch = self.get_object(request, unquote(object_id))
        more = _standing(batch) if batch is not None else {}
        answer: HttpResponse = super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **more}
        )
        return answer

    def progress(self, request: HttpRequest, object_id: str) -> HttpResponse:
        batch = self.get_object(request, unquote(object_id))
        if batch is None or not self.has_view_permission(request, batch):
            return self.unknown(request, object_id)
        return render(request, f"{FOLDER}/progress.html", _standing(batch))

    def offers(self, request: HttpRequest, target: TransferBatch) -> set[str]:
        planned = TransferItem.objects.filter(batch=target, state=TransferItem.State.PLANNED)
        return {"cancel"} if target.finished_at is None and planned.exists() else set()

    @ask(
        gettext_lazy("Cancel what is left"),
        question=gettext_lazy(
            "Those of whom WeCom was not told yet stay. Whoever it has asked already goes on."
        ),
        icon="cancel",
        permission="act",
    )
    def cancel(self, request: HttpRequest, target: TransferBatch, form: AskForm) -> None:
        self.note(request, "cancelled", target, count=plan.cancel(target))


def _asked(request: HttpRequest) -> dict[str, Any]:
    """A link may name the member who gives."""
    giver = request.GET.get("giver", "")
    return {"giver": giver} if giver.isdecimal() else {}


def _staying(found: plan.Plan) -> list[tuple[str, int, list[str]]]:
    rows = []
    for why, them in found.stay.items():
        of_groups = why in (plan.Why.NOT_OWNED, plan.Why.NO_CHAT_ID, plan.Why.GROUP_TOO_OFTEN)
        names = [] if of_groups else [link_to(one, one.name) for one in plan.people_of(found, why)]
        rows.append((str(why.label), len(them), names))
    return rows


def _standing(batch: TransferBatch) -> dict[str, Any]:
    progress = counting.of([batch.pk])[batch.pk]
    rows = TransferItem.objects.filter(batch=batch).select_related("contact", "group", "taker")
    address = reverse("admin:contacts_transferitem_changelist")
    return {
        "batch": batch,
        "standing": progress,
        "going": batch.finished_at is None,
        "share": 100 * (progress.total - progress.left) // progress.total if progress.total else 0,
        "items": [
            (
                link_to(row.contact or row.group),
                row,
                _TONES.get(row.state, ""),
                verdicts.reason(row),
            )
            for row in rows.order_by("-settled_at", "id")[:SHOWN]
        ],
        "all_address": f"{address}?batch__id__exact={batch.pk}",
        "address": reverse("admin:contacts_transferbatch_progress", args=[batch.pk]),
    }


@admin.register(TransferItem)
class TransferItemAdmin(ReadOnlyAdmin):
    list_display = (
        "what", "giver_shown", "taker", "state_shown", "reason", "takes_effect_at", "settled_at",
    )  # fmt: skip
    list_select_related = ("contact", "group", "taker", "batch__giver")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("taker", AutocompleteSelectFilter),
        ("batch", AutocompleteSelectFilter),
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("what", "state_shown"), ("giver_shown", "taker"), ("reason", "errcode"),
                    ("asked_at", "takes_effect_at", "settled_at"),
                )
            },
        ),
    )  # fmt: skip

    @admin.display(description=gettext_lazy("Customer or group"))
    def what(self, obj: TransferItem) -> str:
        return link_to(obj.contact or obj.group)

    @admin.display(description=pgettext_lazy("of a transfer", "from"))
    def giver_shown(self, obj: TransferItem) -> str:
        return link_to(obj.batch, str(obj.batch.giver))

    @admin.display(description=gettext_lazy("Reason"))
    def reason(self, obj: TransferItem) -> str:
        return verdicts.reason(obj) or NOTHING

    @chip(gettext_lazy("Status"), _TONES)
    def state_shown(self, obj: TransferItem) -> tuple[str, str]:
        return obj.state, obj.get_state_display()


def begin(
    request: HttpRequest, giver: Staff, takers: Iterable[Staff], people: set[int] | None
) -> plan.Plan | None:
    """Hand over at WeCom what can be; None where no account is connected. Raises plan.Refused."""
    account = plan.account_for_transfers()
    if account is None:
        return None
    found = plan.look(plan.Wish(account, giver, list(takers), contact_ids=people))
    if found.customers:
        user = request.user if isinstance(request.user, User) else None
        note(request, plan.start(found, user), found)
        text = ngettext(
            "%(n)d customer is on the way: WeCom asks them, and without an answer they go over "
            "after 24 hours.",
            "%(n)d customers are on the way: WeCom asks them, and without an answer they go over "
            "after 24 hours.",
            len(found.customers),
        )
        messages.success(request, text % {"n": len(found.customers)})
    for why, them in found.stay.items():
        if why != plan.Why.NO_ACCOUNT:
            messages.warning(request, f"{len(them)} · {why.label}")
    return found
