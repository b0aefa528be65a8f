"""`contacts/{id}/identities`: what a person proved is noted, found, and merges by rule."""

from __future__ import annotations

import pytest
from django.db import connection

from contacts.merging import duplicates
from contacts.models import Contact, Event, Identity, Merge
from tenants import ids, vault
from tenants.models import AuditEntry
from tenants.roles import Role
from tests.conftest import Business

PHONE = {"kind": "phone", "value": "138 0013 8000"}


def address(contact: Contact) -> str:
    return f"/api/v1/contacts/{ids.encode(contact.pk)}/identities"


@pytest.fixture
def contact(business: Business) -> Contact:
    with business.scope():
        return Contact.objects.create(external_id="A", name="A")


def test_a_proved_phone_is_kept_as_a_hash_and_becomes_the_contacts(
    business: Business, contact: Contact
) -> None:
    api = business.api()

    first = api.post(address(contact), PHONE, format="json")
    again = api.post(address(contact), PHONE, format="json")

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["held_by"] == []
    [shown] = api.get(address(contact)).json()
    assert (shown["kind"], shown["value"]) == ("phone", "138****8000")
    with business.scope():
        assert Contact.objects.get().phone == "+8613800138000"
        assert Event.objects.get(kind="contact.changed").properties == {"fields": ["phone"]}
        assert AuditEntry.objects.filter(action="contact.identity_proved").count() == 1
        one = Identity.objects.get()
        assert one.text == "+8613800138000"
        with connection.cursor() as cursor:
            cursor.execute("SELECT value, sealed FROM contacts_identity")
            value, sealed = cursor.fetchone()
        assert value == vault.blind("+8613800138000", "phone").hex()
        assert sealed.startswith("v1:")


def test_who_proves_the_same_phone_is_one_person(business: Business, contact: Contact) -> None:
    with business.scope():
        other = Contact.objects.create(name="B")
    api = business.api()
    api.post(address(contact), PHONE, format="json")

    told = api.post(address(other), PHONE, format="json")
    duplicates.work(business.pk)

    assert told.json()["held_by"] == [ids.encode(contact.pk)]
    with business.scope():
        assert Merge.objects.get().by == "rule:phone"
        assert Contact.objects.get().pk == contact.pk
    assert api.get(address(other)).status_code == 308


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"kind": "phone", "value": "12"}, "value"),
        ({"kind": "email", "value": "nobody"}, "value"),
        ({"kind": "openid", "value": "o1"}, "account"),
        ({"kind": "unionid", "value": "u1", "account": "wx1"}, "account"),
        ({"kind": "external_userid", "value": "wm1"}, "kind"),
        ({"kind": "phone", "value": "13800138000", "verified": True}, "verified"),
        ({"kind": "phone"}, "value"),
    ],
)
def test_what_is_wrong_is_said(
    business: Business, contact: Contact, given: dict[str, object], field: str
) -> None:
    answer = business.api().post(address(contact), given, format="json")

    assert answer.status_code == 400
    assert set(answer.json()["error"]["fields"]) == {field}
    with business.scope():
        assert not Identity.objects.exists()


def test_who_may(business: Business, other_business: Business, contact: Contact) -> None:
    assert business.as_role(Role.VIEWER).get(address(contact)).status_code == 200
    refused = business.as_role(Role.VIEWER).post(address(contact), PHONE, format="json")
    assert refused.status_code == 403
    assert business.as_role(Role.SALES).get(address(contact)).status_code == 404
    assert other_business.api().get(address(contact)).status_code == 404
