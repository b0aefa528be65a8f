"""Phones and e-mail addresses at rest: nobody who holds the tables can read or guess them."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from django.db import connection, connections

from contacts import search
from contacts.models import Contact
from tenants import vault
from tests.conftest import Business

PHONE, EMAIL = "+8613812345678", "alice@example.com"


def stored(contact: Contact) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT phone, phone_hash, email, email_hash FROM contacts_contact WHERE id = %s",
            [contact.pk],
        )
        return tuple(cursor.fetchone())


def test_what_is_stored_is_sealed_and_found_by_a_keyed_hash(business: Business) -> None:
    with business.scope():
        contact = Contact.objects.create(phone=PHONE, email=EMAIL)
        row = stored(contact)

        assert Contact.objects.get(pk=contact.pk).phone == PHONE
        assert Contact.objects.get(pk=contact.pk).email == EMAIL
        assert list(search.filter(Contact.objects.all(), "13812345678")) == [contact]
        assert list(search.filter(Contact.objects.all(), EMAIL)) == [contact]
        assert bytes(row[1]) == vault.blind(PHONE, "phone")
    assert row[0].startswith("v1:") and row[2].startswith("v1:")
    assert not any(secret in str(row) for secret in ("5678", "alice", PHONE.encode().hex()))


def test_a_sealed_phone_opens_only_in_its_own_row_and_column(business: Business) -> None:
    with business.scope():
        one = Contact.objects.create(phone=PHONE, email=EMAIL)
        other = Contact.objects.create(phone="+8613900000000")
        with connection.cursor() as cursor:
            move = "UPDATE contacts_contact SET phone = %s WHERE id = %s"
            cursor.execute(move, [stored(one)[0], other.pk])
            cursor.execute(move, [stored(one)[2], one.pk])

        for moved in Contact.objects.filter(pk__in=[one.pk, other.pk]):
            with pytest.raises(vault.Unreadable):
                _ = moved.phone


def test_two_tenants_store_one_phone_differently(
    business: Business, other_business: Business
) -> None:
    hashes = set()
    for each in (business, other_business):
        with each.scope():
            hashes.add(bytes(stored(Contact.objects.create(phone=PHONE))[1]))

    assert len(hashes) == 2


def test_every_way_of_saving_keeps_value_and_index_together(business: Business) -> None:
    with business.scope():
        many = Contact.objects.bulk_create([Contact(phone=PHONE), Contact()])
        many[0].phone, many[1].phone = "+8613900000001", "+8613900000002"
        Contact.objects.bulk_update(many, ["phone"])
        one = Contact.objects.get(pk=many[1].pk)
        one.phone = None
        one.save(update_fields=["phone"])
        unread = Contact.objects.get(pk=many[0].pk)
        unread.name = "new"
        unread.save()

        assert stored(one)[:2] == (None, None)
        assert bytes(stored(unread)[1]) == vault.blind("+8613900000001", "phone")
        assert Contact.objects.get(pk=unread.pk).phone == "+8613900000001"
        assert Contact.objects.only("name").get(pk=unread.pk).phone == "+8613900000001"


def test_phones_that_lay_open_are_sealed_by_the_migration_and_opened_by_its_reverse(
    business: Business,
) -> None:
    migration = importlib.import_module("contacts.migrations.0004_seal_stored_contacts")
    with business.scope():
        contact = Contact.objects.create()
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE contacts_contact SET phone = %s, email = %s WHERE id = %s",
                [PHONE, EMAIL, contact.pk],
            )

    def run(change: Any) -> tuple[Any, ...]:
        with connections["owner"].cursor() as cursor:
            cursor.execute("BEGIN")
            change(cursor, business.tenant.pk)
            cursor.execute("COMMIT")
        with business.scope():
            return stored(contact)

    sealed = run(migration.seal_tenant)
    with business.scope():
        assert Contact.objects.get(pk=contact.pk).phone == PHONE
        assert list(search.filter(Contact.objects.all(), "5678")) == [contact]
    opened = run(migration.unseal_tenant)

    assert sealed[0].startswith("v1:")
    assert opened == (PHONE, None, EMAIL, None)
