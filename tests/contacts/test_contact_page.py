"""The page of one contact: who, what happened, what next; at any number of events."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from contacts import identity, timeline
from contacts.identity import Account
from contacts.models import Consent, Contact, Event, Follow
from contacts.timeline import NewEvent
from journeys.models import StaffTask
from tenants.models import AuditEntry
from tests.conftest import Business
from tests.test_admin_acts import open_as

PHONE, EMAIL = "+8613912345678", "alice@example.com"


@pytest.fixture
def contact(business: Business) -> Contact:
    with business.scope():
        made = Contact(external_id="c1", name="张欣怡", phone=PHONE, email=EMAIL)
        made.custom = {"城市": "上海"}
        made.save()
        staff = business.staff["sales"]
        Follow.objects.create(
            contact=made, staff=staff, opened_at=timezone.now(), remark="展会客户"
        )
        identity.attach(made.pk, [Account("email", EMAIL)])
        return made


def page_of(contact: Contact) -> str:
    return reverse("admin:contacts_contact_change", args=[contact.pk])


def happen(business: Business, contact: Contact, kinds: list[str], **properties: object) -> None:
    now = timezone.now()
    with business.scope():
        timeline.record(
            NewEvent(contact.pk, kind, now - timedelta(minutes=number), "api",
                     f"{kind}-{number}-{len(properties)}", dict(properties))
            for number, kind in enumerate(kinds)
        )  # fmt: skip


def text_of(browser: Client, address: str, **query: str) -> str:
    answer: Any = browser.get(address, query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def sentences(html: str) -> list[str]:
    return re.findall(r'class="scrm-sentence">([^<]*)<', html)


def test_three_panes_show_the_person_masked(business: Business, contact: Contact) -> None:
    with business.scope():
        now = timezone.now()
        Consent.objects.create(contact=contact, purpose="marketing", granted=True, at=now)
        task = StaffTask.objects.create(
            contact=contact, staff=business.staff["sales"], text="Call back", due_at=now
        )

    for role in ("owner", "operator", "viewer"):
        html = text_of(open_as(business, role), page_of(contact))

        assert "139****5678" in html
        assert "a***@example.com" in html
        assert PHONE[3:] not in html
        assert EMAIL not in html
        assert "上海" in html
        assert "展会客户" in html
        assert reverse("admin:journeys_stafftask_change", args=[task.pk]) in html
        assert ("?edit=1" in html) is (role != "viewer")


def test_the_form_never_holds_phone_or_e_mail(business: Business, contact: Contact) -> None:
    browser = open_as(business, "operator")
    html = text_of(browser, page_of(contact), edit="1")
    assert 'name="new_email"' in html
    assert EMAIL not in html
    assert PHONE[3:] not in html

    typed = {
        "name": "张欣怡",
        "external_id": "c1",
        "new_phone": "",
        "gender": "",
        "excluded_reason": "",
    }
    wrong = browser.post(page_of(contact), {**typed, "new_email": "no address"})
    assert wrong.status_code == 200
    saved = browser.post(page_of(contact), {**typed, "new_email": "bob@example.com"})

    assert saved["Location"] == page_of(contact)
    with business.scope():
        contact = Contact.objects.get()
        assert (contact.email, contact.phone) == ("bob@example.com", PHONE)
        assert Event.objects.get(kind="contact.changed").properties == {"fields": ["email"]}


def test_revealing_shows_both_and_says_so(business: Business, contact: Contact) -> None:
    address = reverse("admin:contacts_contact_reveal", args=[contact.pk])
    answer = open_as(business, "owner").post(address, {"confirmed": "on", "reason": "call back"})

    html = answer.content.decode()
    assert PHONE in html
    assert EMAIL in html
    with business.scope():
        entry = AuditEntry.objects.get(action="contact.revealed")
        assert (entry.detail, entry.reason) == ({"fields": ["phone", "email"]}, "call back")


def test_the_timeline_is_read_page_by_page(business: Business, contact: Contact) -> None:
    happen(business, contact, ["price.asked"] * 70)
    browser = open_as(business, "viewer")
    html = text_of(browser, page_of(contact))
    counts = [len(sentences(html))]

    while more := re.search(r'hx-get="([^"]*before=[^"]*)"', html):
        html = text_of(browser, more[1].replace("&amp;", "&"))
        assert "<html" not in html
        counts.append(len(sentences(html)))

    assert counts == [30, 30, 10]


def test_the_timeline_is_narrowed_by_kind_and_staff(business: Business, contact: Contact) -> None:
    happen(business, contact, ["price.asked", "odd.thing"])
    happen(business, contact, ["message.sent"], staff=business.staff["sales"].userid)
    browser = open_as(business, "viewer")
    fragment = reverse("admin:contacts_contact_timeline", args=[contact.pk])

    def found(**query: str) -> int:
        return len(sentences(text_of(browser, fragment, **query)))

    assert found() == 3
    assert found(group="content") == 1
    assert found(group="other") == 1
    assert found(group="messages", staff=business.staff["sales"].userid) == 1
    assert found(group="content", staff=business.staff["sales"].userid) == 0
    assert found(staff="nobody' OR 1=1") == 0
    assert found(group="nonsense", before="nonsense~x") == 3
    assert "<select" in text_of(browser, fragment, whole="1", group="content")
    assert len(sentences(text_of(browser, page_of(contact), group="content"))) == 1


def test_more_events_cost_no_more_queries(business: Business, contact: Contact) -> None:
    browser = open_as(business, "operator")
    text_of(browser, page_of(contact))
    numbers = []
    for times in (5, 300):
        happen(business, contact, [f"k{times}.happened"] * times)
        with CaptureQueriesContext(connection) as queries:
            text_of(browser, page_of(contact))
        numbers.append(len(queries))

    assert numbers[0] == numbers[1]
    assert numbers[0] <= 60


def test_the_fragment_is_not_for_everybody(
    business: Business, other_business: Business, contact: Contact
) -> None:
    fragment = reverse("admin:contacts_contact_timeline", args=[contact.pk])

    assert open_as(other_business, "owner").get(fragment).status_code == 302
    assert open_as(business, "sales").get(fragment).status_code in (302, 403)
