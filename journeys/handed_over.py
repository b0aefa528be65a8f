"""What goes along when a customer goes from one member of staff to another? Leads and open tasks.

Scores, stages and places in SOPs are the customer's and stay; what was still to be sent finds its
new way as after every end of a friendship (enrolments.leave_on).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from contacts.models import Event
from journeys import leads
from journeys.models import Lead, StaffTask, Touch
from tenants.models import Staff


def on_events(events: Sequence[Event]) -> None:
    """Timeline listener for `follow.ended`: those by transfer say who took over (`to`)."""
    moved = [e for e in events if e.properties.get("by") == "transfer" and e.properties.get("to")]
    named = {str(e.properties[name]) for e in moved for name in ("staff", "to")}
    staff = {row.userid: row for row in Staff.objects.filter(userid__in=named)} if named else {}
    for event in moved:
        giver = staff.get(str(event.properties["staff"]))
        taker = staff.get(str(event.properties["to"]))
        if giver is not None and taker is not None:
            _move_tasks(event.contact_id, giver, taker)
            _move_lead(event.contact_id, giver, taker)


def _move_tasks(contact_id: int, giver: Staff, taker: Staff) -> None:
    tasks = StaffTask.objects.filter(contact_id=contact_id, staff=giver, state=StaffTask.State.OPEN)
    touches = list(tasks.exclude(touch=None).values_list("touch_id", flat=True))
    locked = Touch.objects.filter(pk__in=touches).order_by("id").select_for_update(no_key=True)
    list(locked.values_list("id", flat=True))
    tasks.update(staff=taker)
    Touch.objects.filter(pk__in=touches).update(staff=taker)


def _move_lead(contact_id: int, giver: Staff, taker: Staff) -> None:
    lead = Lead.objects.filter(contact_id=contact_id, owner=giver, state=Lead.State.CLAIMED).first()
    if lead is not None:
        with suppress(leads.Taken):  # somebody closed it meanwhile
            leads.transfer(lead, taker)
