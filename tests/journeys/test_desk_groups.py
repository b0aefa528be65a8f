"""The lead's page names the contact's customer groups, as far as the salesperson sees groups."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.dateparse import parse_datetime

from contacts import groups
from contacts.groups import Move, Who
from contacts.models import Contact, Group
from journeys.models import Lead
from tests.conftest import Business
from tests.journeys.test_desk import url

CAME, WENT = "2025-03-01T23:00:00-05:00", "2025-03-04T10:00:00+08:00"


def at(text: str) -> datetime:
    found = parse_datetime(text)
    assert found is not None
    return found


@pytest.fixture
def lead(business: Business) -> Lead:
    """In the salesperson's own group, gone from one that they are in, in and gone of a third's."""
    with business.scope():
        contact = Contact.objects.create(name="王小明")
        me, other = business.staff["sales"], business.staff["operator"]
        mothers, fathers = (
            Group.objects.create(name="Mothers", owner=me),
            Group.objects.create(name="Fathers", owner=other),
        )
        theirs = [Group.objects.create(name=name, owner=other) for name in ("Third", "Fourth")]
        who = Who(contact_id=contact.pk)
        came = Move(who, at(CAME), joins=True, way="invited", invited_by=me.pk)
        went = Move(who, at(WENT), joins=False, way="left")
        groups.record(mothers, [came])
        groups.record(fathers, [Move(who, at(CAME), joins=True, way="qr"), went])
        groups.record(fathers, [Move(Who(staff_id=me.pk), at(CAME), joins=True)])
        groups.record(theirs[0], [came])
        groups.record(theirs[1], [came, went])
        return Lead.objects.create(contact=contact, key=90.0, score_at_start=90.0)


def card(business: Business, role: str, lead: Lead) -> str:
    page = business.browser(role).get(url(lead)).content.decode()
    return page.partition("<h2>Groups</h2>")[2].partition("</section>")[0]


def test_sales_see_when_and_how_the_contact_came_and_went(business: Business, lead: Lead) -> None:
    shown = card(business, "sales", lead)

    assert shown.index("Mothers") < shown.index("Fathers")
    assert "since 03/02/2025" in shown  # in Shanghai
    assert f"invited by {business.staff['sales']}" in shown
    assert "03/02/2025 – 03/04/2025" in shown
    assert "by QR code, left by themselves" in shown
    assert shown.count("has left") == 1


def test_groups_of_colleagues_are_counted_and_named_to_operators_only(
    business: Business, lead: Lead
) -> None:
    mine, all_of_them = card(business, "sales", lead), card(business, "operator", lead)

    assert "Third" not in mine and "Fourth" not in mine
    assert "In 1 group of colleagues." in mine
    assert "Third" in all_of_them and "Fourth" in all_of_them
    assert "of colleagues" not in all_of_them


def test_without_groups_there_is_no_card(business: Business, lead: Lead) -> None:
    with business.scope():
        other = Lead.objects.create(
            contact=Contact.objects.create(name="李"), key=1.0, score_at_start=1.0
        )

    assert card(business, "sales", other) == ""


def test_many_groups_ask_no_more_than_one(business: Business) -> None:
    browser, counts = business.browser("sales"), []
    for number in (1, 6):
        with business.scope():
            contact = Contact.objects.create(name="王")
            for each in range(number):
                group = Group.objects.create(name=f"G{each}", owner=business.staff["sales"])
                groups.record(group, [Move(Who(contact_id=contact.pk), at(CAME), joins=True)])
            lead = Lead.objects.create(contact=contact, key=9.0, score_at_start=9.0)
        browser.get(url(lead))
        with CaptureQueriesContext(connection) as queries:
            assert f"G{number - 1}" in browser.get(url(lead)).content.decode()
        counts.append(len(queries))

    assert counts[0] == counts[1]
