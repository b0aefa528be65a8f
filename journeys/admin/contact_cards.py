"""What a contact's page and the list of contacts show of the journey."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import DropdownFilter

from contacts.admin import additions
from contacts.admin.additions import Panel
from contacts.models import Contact
from journeys import scoring
from journeys.models import ContactStage, Enrolment, Lead, Stage, StageMove, Touch

LATEST = 8


class StageFilter(DropdownFilter):
    title = gettext_lazy("stage")
    parameter_name = "stage"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(stage.key, str(stage)) for stage in Stage.objects.order_by("position")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> QuerySet[Contact]:
        if not self.value():
            return queryset
        standing = ContactStage.objects.filter(stage__key=self.value())
        return queryset.filter(id__in=standing.values("contact_id"))


def _stages(contact_ids: Sequence[int]) -> Mapping[int, object]:
    places = ContactStage.objects.filter(contact_id__in=contact_ids).select_related("stage")
    return {place.contact_id: place.stage for place in places}


def _scores(contact_ids: Sequence[int]) -> Mapping[int, object]:
    found = scoring.standings(contact_ids)
    return {pk: f"{one.score:.1f} · {one.grade}" for pk, one in found.items()}


def standing(request: HttpRequest, contact: Contact) -> Panel:
    place = ContactStage.objects.filter(contact=contact).select_related("stage").first()
    moves = StageMove.objects.filter(contact=contact).select_related("to_stage", "user")
    context = {
        "stage": place.stage if place else None,
        "since": place.entered_at if place else None,
        "moves": list(moves.order_by("-at", "-id")[:LATEST]),
        "lead": Lead.objects.filter(contact=contact)
        .select_related("owner")
        .order_by("-id")
        .first(),
    }
    return Panel(_("Journey"), "stairs", "admin/journeys/standing.html", context, pane="who")


def score(request: HttpRequest, contact: Contact) -> Panel:
    explained = scoring.explain(contact)
    context = {"explained": explained}
    return Panel(_("Score"), "speed", "admin/journeys/score.html", context, pane="who")


def messages(request: HttpRequest, contact: Contact) -> Panel | None:
    runs = list(
        Enrolment.objects.filter(contact=contact).select_related("sop").order_by("-id")[:LATEST]
    )
    touches = list(
        Touch.objects.filter(contact=contact).select_related("staff").order_by("-id")[:LATEST]
    )
    if not runs and not touches:
        return None
    rows = [(str(run.sop), run.get_state_display(), _moment(run.started_at)) for run in runs]
    rows += [
        (_moment(touch.sent_at or touch.due_at), touch.get_state_display(), str(touch.staff or ""))
        for touch in touches
    ]
    return Panel(
        _("Scripts and messages"), "send", "admin/contacts/contact/rows.html", {"rows": rows}
    )


def _moment(at: Any) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M}"


additions.list_filter(StageFilter)
additions.column("stage", _stages)
additions.column("score", _scores)
additions.panel(standing)
additions.panel(score)
additions.panel(messages)


def page_of_contact(contact_id: int) -> str:
    return reverse("admin:contacts_contact_change", args=[contact_id])
