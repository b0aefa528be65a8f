"""What comes next for a contact: tasks that wait, the lead, the scripts that run and their step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from contacts.admin import additions
from contacts.admin.additions import Panel
from contacts.models import Contact
from journeys.models import Enrolment, Lead, StaffTask, Touch

MOST = 10


@dataclass(frozen=True)
class Entry:
    """Something that waits: what, for whom, until when."""

    title: str
    address: str
    note: str
    at: datetime | None
    late: bool = False


def tasks(request: HttpRequest, contact: Contact) -> Panel | None:
    """Open tasks of staff, the oldest first."""
    rows = StaffTask.objects.filter(contact=contact, state=StaffTask.State.OPEN)
    now = timezone.now()
    found = [
        Entry(
            task.text[:120],
            reverse("admin:journeys_stafftask_change", args=[task.pk]),
            str(task.staff),
            task.due_at,
            task.due_at < now,
        )
        for task in rows.select_related("staff").order_by("due_at", "id")[:MOST]
    ]
    return _panel(_("Open tasks"), "task_alt", found)


def lead(request: HttpRequest, contact: Contact) -> Panel | None:
    """The lead that is worked, or waits to be."""
    rows = Lead.objects.active().filter(contact=contact).select_related("owner")
    found = [
        Entry(
            each.get_state_display(),
            reverse("admin:journeys_lead_change", args=[each.pk]),
            str(each.owner or _("nobody has claimed it")),
            each.next_at,
            each.next_at is not None and each.next_at < timezone.now(),
        )
        for each in rows[:1]
    ]
    return _panel(_("Lead"), "local_fire_department", found)


def enrolments(request: HttpRequest, contact: Contact) -> Panel | None:
    """Scripts that run, each with the step that is due next."""
    rows = Enrolment.objects.filter(contact=contact, state=Enrolment.State.RUNNING)
    running = list(rows.select_related("sop").order_by("-id")[:MOST])
    upcoming = _upcoming(running)
    found = [
        Entry(
            str(run.sop),
            reverse("admin:journeys_enrolment_change", args=[run.pk]),
            _step(upcoming.get(run.pk)),
            upcoming[run.pk].due_at if run.pk in upcoming else None,
        )
        for run in running
    ]
    return _panel(_("Running scripts"), "playlist_play", found)


def _upcoming(running: Sequence[Enrolment]) -> Mapping[int, Touch]:
    """The next planned touch of each, in one query."""
    rows = Touch.objects.filter(enrolment__in=running, state=Touch.State.PLANNED)
    found: dict[int, Touch] = {}
    for touch in rows.select_related("step").order_by("due_at", "id"):
        found.setdefault(touch.enrolment_id or 0, touch)
    return found


def _step(touch: Touch | None) -> str:
    if touch is None:
        return _("no further step")
    words = (touch.step.text if touch.step else "")[:60]
    number = touch.step.position if touch.step else 0
    return _("step %(number)s: %(words)s") % {"number": number, "words": words or "–"}


def _panel(title: str, icon: str, entries: Sequence[Entry]) -> Panel | None:
    if not entries:
        return None
    return Panel(title, icon, "admin/journeys/next.html", {"entries": entries})


additions.panel(tasks)
additions.panel(lead)
additions.panel(enrolments)
