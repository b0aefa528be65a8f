"""Where do sales staff work? The queue, the lead page and the tasks; on a phone first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from contacts import loss_notices, masking
from journeys import content, desk_duty, desk_panes, leads, scoring, staff_tasks
from journeys.models import ContactStage, Content, FollowUp, Lead, StaffTask
from tenants import ids
from tenants.models import Membership, Staff, User
from tenants.roles import Can

PAGE = 50

View = Callable[..., HttpResponse]


def for_sales(view: View) -> View:
    """Only for members who may work leads, inside their tenant."""

    @wraps(view)
    @login_required
    def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if membership_of(request) is None:
            return redirect("places")
        if not membership_of(request).can(Can.WORK_LEADS):  # type: ignore[union-attr] # checked above
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return guarded


def membership_of(request: HttpRequest) -> Membership | None:
    return request.user.membership if isinstance(request.user, User) else None


def staff_of(request: HttpRequest) -> Staff | None:
    membership = membership_of(request)
    return membership.staff if membership else None


def sees_all(request: HttpRequest) -> bool:
    """Operators see every lead; sales those that wait and their own."""
    membership = membership_of(request)
    return membership is not None and membership.can(Can.CONFIGURE)


@dataclass(frozen=True)
class Card:
    """A lead as a card of the queue shows it."""

    lead: Lead
    key: str
    score: float
    grade: str
    stage: str
    mine: bool


def cards(found: Sequence[Lead], staff: Staff | None) -> list[Card]:
    """The leads of a page with score and stage, in two queries."""
    contact_ids = [lead.contact_id for lead in found]
    standings = scoring.standings(contact_ids)
    stages = {
        row.contact_id: str(row.stage)
        for row in ContactStage.objects.select_related("stage").filter(contact_id__in=contact_ids)
    }
    return [
        Card(
            lead,
            ids.encode(lead.pk),
            standings[lead.contact_id].score if lead.contact_id in standings else 0.0,
            standings[lead.contact_id].grade if lead.contact_id in standings else "",
            stages.get(lead.contact_id, ""),
            mine=staff is not None and lead.owner_id == staff.pk,
        )
        for lead in found
    ]


def open_tasks(staff: Staff | None) -> int:
    """How many of a staff member's tasks are due, counted up to 100."""
    if staff is None:
        return 0
    due = StaffTask.objects.filter(
        staff=staff, state=StaffTask.State.OPEN, due_at__lte=timezone.now()
    )
    return due[:100].count()


def unseen_losses(staff: Staff | None) -> int:
    """How many losses this staff member has not ticked off, counted up to 100."""
    return 0 if staff is None else loss_notices.unseen([staff.pk])[:100].count()


@for_sales
@require_GET
def queue(request: HttpRequest) -> HttpResponse:
    """The leads that wait, ripest first; or one's own, the next contact first."""
    staff = staff_of(request)
    mine = request.GET.get("show") == "mine"
    if mine:
        rows = Lead.objects.worked_by(staff) if staff else Lead.objects.none()
    else:
        rows = Lead.objects.queue()
    found = list(rows.select_related("contact__channel", "owner")[:PAGE])
    return render(
        request,
        "desk/queue.html",
        {
            "cards": cards(found, staff),
            "mine": mine,
            "staff": staff,
            "tasks": open_tasks(staff),
            "lost": unseen_losses(staff),
            "now": timezone.now(),
            "on_duty": desk_duty.shown(staff),
        },
    )


def lead_or_404(request: HttpRequest, key: str) -> Lead:
    rows = Lead.objects.select_related("contact__channel", "contact__owner", "owner")
    if not sees_all(request):
        staff = staff_of(request)
        rows = rows.visible_to(staff.pk if staff else None)
    lead = rows.filter(pk=ids.row_id(key)).first()
    if lead is None:
        raise Http404
    return lead


class FollowUpForm(forms.ModelForm):
    class Meta:
        model = FollowUp
        fields = ["kind", "note", "need_confirmed", "next_at"]
        widgets = {
            "kind": forms.Select({"class": "field"}),
            "note": forms.Textarea({"class": "field", "rows": 3}),
            "next_at": forms.DateTimeInput(
                {"class": "field", "type": "datetime-local"}, format="%Y-%m-%dT%H:%M"
            ),
        }


class OutcomeForm(forms.Form):
    outcome = forms.ChoiceField(
        label=gettext_lazy("Outcome"),
        choices=[(s.value, s.label) for s in (Lead.State.WON, Lead.State.LOST, Lead.State.INVALID)],
        widget=forms.Select({"class": "field", "aria-label": gettext_lazy("Outcome")}),
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=200,
        required=False,
        widget=forms.TextInput({"class": "field", "placeholder": gettext_lazy("Reason")}),
    )


def follow_ups_of(lead: Lead) -> list[FollowUp]:
    """What was done; numbers in the notes are masked."""
    found = list(leads.follow_ups_of(lead))
    for each in found:
        each.note_shown = masking.text(each.note)  # type: ignore[attr-defined] # for the page
    return found


@for_sales
@require_GET
def lead(request: HttpRequest, lead_id: str) -> HttpResponse:
    """Who they are, why they are here, what to say, what was done."""
    return _lead_page(request, lead_or_404(request, lead_id), FollowUpForm())


def _lead_page(
    request: HttpRequest, found: Lead, form: FollowUpForm, status: int = 200
) -> HttpResponse:
    contact, staff = found.contact, staff_of(request)
    panes = desk_panes.of(contact, staff, every=sees_all(request))
    scripts = Content.objects.filter(active=True).exclude(kind__in=Content.SENT_AS_IS)
    if panes["stage"] is not None:
        scripts = scripts.filter(purpose=panes["stage"].purpose)
    return render(
        request,
        "desk/lead.html",
        {
            "lead": found,
            "key": ids.encode(found.pk),
            **panes,
            "mine": staff is not None and found.owner_id == staff.pk,
            "active": found.state in {Lead.State.OPEN, Lead.State.CLAIMED},
            "follow_ups": follow_ups_of(found),
            "scripts": [(ids.encode(s.pk), s) for s in scripts.order_by("-id")[:6]],
            "colleagues": [
                (ids.encode(s.pk), s)
                for s in Staff.objects.filter(active=True)
                .exclude(pk=found.owner_id or 0)
                .order_by("name")
            ],
            "form": form,
            "outcome": OutcomeForm(),
            "now": timezone.now(),
        },
        status=status,
    )


@for_sales
@require_POST
def claim(request: HttpRequest, lead_id: str) -> HttpResponse:
    found, staff = lead_or_404(request, lead_id), staff_of(request)
    if staff is None:
        messages.error(request, _no_staff())
    else:
        try:
            leads.claim(found, staff)
            messages.success(request, _("It is yours."))
            return redirect("desk-lead", lead_id=lead_id)
        except leads.Taken:
            messages.warning(request, _("Someone was quicker. Here is the rest of the queue."))
    return redirect("desk")


@for_sales
@require_POST
def claim_next(request: HttpRequest) -> HttpResponse:
    staff = staff_of(request)
    if staff is None:
        messages.error(request, _no_staff())
        return redirect("desk")
    best = leads.claim_next(staff)
    if best is None:
        messages.info(request, _("Nobody is waiting. Well done."))
        return redirect("desk")
    return redirect("desk-lead", lead_id=ids.encode(best.pk))


def _no_staff() -> str:
    return _("You are no staff member yet. An administrator can set that on your membership.")


def _own(request: HttpRequest, lead_id: str) -> Lead:
    """A lead that this person works on; operators may act on any."""
    found, staff = lead_or_404(request, lead_id), staff_of(request)
    if not sees_all(request) and (staff is None or found.owner_id != staff.pk):
        raise PermissionDenied
    return found


@for_sales
@require_POST
def follow_up(request: HttpRequest, lead_id: str) -> HttpResponse:
    found, form = _own(request, lead_id), FollowUpForm(request.POST)
    if not form.is_valid():
        return _lead_page(request, found, form, status=422)
    user = request.user if isinstance(request.user, User) else None
    _act(
        request,
        lambda: leads.follow_up(found, staff=staff_of(request), user=user, **form.cleaned_data),
        _("Noted."),
    )
    return redirect("desk-lead", lead_id=lead_id)


@for_sales
@require_POST
def outcome(request: HttpRequest, lead_id: str) -> HttpResponse:
    found, form = _own(request, lead_id), OutcomeForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose what came of it."))
        return redirect("desk-lead", lead_id=lead_id)
    state, reason = Lead.State(form.cleaned_data["outcome"]), form.cleaned_data["reason"]
    _act(request, lambda: leads.close(found, state, reason, by=staff_of(request)), _("Closed."))
    return redirect("desk")


@for_sales
@require_POST
def release(request: HttpRequest, lead_id: str) -> HttpResponse:
    found = _own(request, lead_id)
    user = request.user if isinstance(request.user, User) else None
    _act(request, lambda: leads.release(found, user), _("Back in the queue."))
    return redirect("desk")


@for_sales
@require_POST
def transfer(request: HttpRequest, lead_id: str) -> HttpResponse:
    found = _own(request, lead_id)
    to = Staff.objects.filter(pk=ids.row_id(request.POST.get("staff", "")), active=True).first()
    if to is None:
        messages.error(request, _("Choose a colleague."))
        return redirect("desk-lead", lead_id=lead_id)
    user = request.user if isinstance(request.user, User) else None
    _act(request, lambda: leads.transfer(found, to, user), _("Handed over to {}.").format(to))
    return redirect("desk")


def _act(request: HttpRequest, verb: Callable[[], object], done: str) -> None:
    try:
        verb()
    except leads.Taken:
        messages.warning(request, _("This lead has changed meanwhile. Look again."))
    else:
        messages.success(request, done)


@for_sales
@require_POST
def script(request: HttpRequest, lead_id: str, content_id: str) -> HttpResponse:
    """The link of a content piece for this contact, to copy into the chat."""
    found, staff = lead_or_404(request, lead_id), staff_of(request)
    piece = Content.objects.filter(pk=ids.row_id(content_id), active=True).first()
    if piece is None:
        raise Http404
    wanted = content.Wanted(piece.pk, staff.pk if staff else None, found.contact_id)
    link = content.links([wanted])[wanted]
    return render(request, "desk/script_link.html", {"url": content.url_of(link), "piece": piece})


@for_sales
@require_http_methods(["GET"])
def tasks(request: HttpRequest) -> HttpResponse:
    """What this staff member has to send or do, the oldest first."""
    staff = staff_of(request)
    rows = StaffTask.objects.none()
    if staff is not None:
        rows = StaffTask.objects.filter(staff=staff, state=StaffTask.State.OPEN).order_by(
            "due_at", "id"
        )
    found = [(ids.encode(task.pk), task) for task in rows.select_related("contact")[:PAGE]]
    return render(
        request,
        "desk/tasks.html",
        {
            "tasks": found,
            "staff": staff,
            "now": timezone.now(),
            "open_tasks": open_tasks(staff),
            "lost": unseen_losses(staff),
        },
    )


@for_sales
@require_POST
def task_done(request: HttpRequest, task_id: str) -> HttpResponse:
    staff = staff_of(request)
    rows = StaffTask.objects.filter(pk=ids.row_id(task_id))
    if not sees_all(request):
        rows = rows.filter(staff=staff)
    task = rows.first()
    if task is None:
        raise Http404
    try:
        staff_tasks.done(task)
        messages.success(request, _("Done."))
    except staff_tasks.Closed as error:
        messages.warning(request, str(error))
    return redirect("desk-tasks")
