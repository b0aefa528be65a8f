"""Events on a page: sentences with staff by name, and one query for all the names."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from contacts import people, timeline_words
from contacts.models import Contact, Event
from journeys.models import Lead
from tenants import ids
from tenants.models import Staff
from tests.conftest import Business


def friends(business: Business) -> Contact:
    """A contact with two friends: one of the staff has a name, the other has none."""
    contact = Contact.objects.create(name="Li")
    Staff.objects.filter(pk=business.staff["sales"].pk).update(name="林小雨")
    Staff.objects.create(userid="u77")
    now = timezone.now()
    people.open_follows(
        [(contact.pk, business.staff["sales"].userid, now), (contact.pk, "u77", now)]
    )
    return contact


def test_staff_are_named_in_one_query(business: Business) -> None:
    with business.scope():
        contact = friends(business)
        events = list(Event.objects.filter(contact=contact, kind="follow.opened").order_by("id"))
        with CaptureQueriesContext(connection) as asked:
            lines = timeline_words.lines(events)
        assert len(asked) == 1
        with CaptureQueriesContext(connection) as asked:
            assert timeline_words.lines([]) == []
        assert len(asked) == 0
    assert ["林小雨" in lines[0].sentence, "u77" in lines[1].sentence] == [True, True]
    assert business.staff["sales"].userid not in lines[0].sentence


def test_every_timeline_says_the_name(business: Business) -> None:
    userid = business.staff["sales"].userid
    with business.scope():
        contact = friends(business)
        lead = Lead.objects.create(contact=contact)
        event = Event.objects.filter(contact=contact, kind="follow.opened").earliest("id")
    pages: dict[str, Any] = {
        "contact": reverse("admin:contacts_contact_change", args=[contact.pk]),
        "events": reverse("admin:contacts_event_changelist"),
        "event": reverse("admin:contacts_event_change", args=[event.pk]),
        "desk": reverse("desk-lead", args=[ids.encode(lead.pk)]),
    }
    browser = business.as_role("operator")
    for name, page in pages.items():
        shown = browser.get(page).content.decode()
        assert "成为 林小雨 的好友" in shown, name
        assert f"成为 {userid} 的好友" not in shown, name
