"""On a contact's page: the ledger, everything as a file, and being forgotten."""

from __future__ import annotations

import io
import zipfile

from django.urls import reverse

from contacts.models import Consent, Contact, Erasure, Retention
from tenants.models import AuditEntry
from tests.conftest import Business

PHONE = "+8613800138000"


def page(what: str, contact: Contact) -> str:
    return reverse(f"admin:contacts_erasure_{what}", args=[contact.pk])


def card(business: Business, contact: Contact, role: str) -> str:
    address = reverse("admin:contacts_contact_change", args=[contact.pk])
    return business.browser(role).get(address).content.decode()


def test_the_card_offers_what_the_role_may(business: Business) -> None:
    with business.scope():
        contact = Contact.objects.create(name="Lin", phone=PHONE)

    for role, may in (("owner", (1, 1, 1)), ("operator", (1, 0, 0)), ("viewer", (0, 0, 0))):
        shown = card(business, contact, role)
        for what, allowed in zip(("consent", "take_out", "erase"), may, strict=True):
            assert (page(what, contact) in shown) == bool(allowed), (role, what)
            status = business.browser(role).get(page(what, contact)).status_code
            assert status == (200 if allowed else 403)


def test_a_withdrawal_is_written_down_and_shown(business: Business) -> None:
    with business.scope():
        contact = Contact.objects.create(name="Lin")
    typed = {"purpose": "marketing", "said": "no", "channel": "call", "confirmed": "on"}

    answer = business.browser("operator").post(page("consent", contact), typed)

    assert answer.status_code == 302
    with business.scope():
        (line,) = Consent.objects.all()
        assert (line.granted, line.channel, line.by.partition(":")[0]) == (False, "call", "user")
    shown = card(business, contact, "viewer")
    assert "withdrew" in shown
    assert "call" in shown


def test_everything_comes_as_a_file_with_a_reason(business: Business) -> None:
    with business.scope():
        contact = Contact.objects.create(name="Lin", phone=PHONE)
    browser = business.browser("owner")
    assert browser.post(page("take_out", contact), {"confirmed": "on"}).status_code == 200

    answer = browser.post(page("take_out", contact), {"reason": "a letter", "confirmed": "on"})

    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert PHONE in archive.read("person.json").decode()
        assert "contacts.contact.csv" in archive.namelist()
    with business.scope():
        (line,) = AuditEntry.objects.filter(action="contact.taken_out")
        assert (line.reason, line.summary) == ("a letter", "")


def test_a_person_is_erased_once(business: Business) -> None:
    with business.scope():
        contact = Contact.objects.create(name="Lin", phone=PHONE)
    browser = business.browser("owner")

    answer = browser.post(page("erase", contact), {"reason": "a letter", "confirmed": "on"})

    assert answer.status_code == 302
    with business.scope():
        contact.refresh_from_db()
        assert (contact.name, contact.phone) == ("", None)
        erasure = Erasure.objects.get()
        assert erasure.reason == "a letter"
    shown = card(business, contact, "owner")
    assert "was erased on" in shown
    assert page("erase", contact) not in shown
    assert browser.get(page("erase", contact)).status_code == 302
    listed = browser.get(reverse("admin:contacts_erasure_change", args=[erasure.pk]))
    assert "a letter" in listed.content.decode()


def test_retention_rules_refuse_money(business: Business) -> None:
    browser, add = business.browser("owner"), reverse("admin:contacts_retention_add")
    refused = browser.post(add, {"kind": "order.paid", "days": 30, "active": "on"})
    assert "carry money" in refused.content.decode()
    assert browser.post(add, {"kind": "message.", "days": 30, "active": "on"}).status_code == 302
    with business.scope():
        assert Retention.objects.get().kind == "message."
