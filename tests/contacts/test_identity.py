"""One contact a person, whoever meets them first, and however many at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest
from django.db import connection
from django.db.utils import IntegrityError

from contacts.identity import Account, Found, Origin, attach, find, find_or_create
from contacts.models import Channel, Contact, Duplicate, Identity, SourceKind
from tenants.models import Tenant
from tests.conftest import Business

EXTERNAL = Account("external_userid", "wm1")
UNION = Account("unionid", "o1")


def test_a_stranger_is_made_with_the_first_touch(tenant: Tenant) -> None:
    channel = Channel.objects.create(name="Fair")
    at = datetime(2026, 1, 5, tzinfo=UTC)

    found = find_or_create([EXTERNAL], Origin(SourceKind.LIVE_CODE, at, channel.pk), name="张欣怡")

    contact = Contact.objects.get(pk=found.contact_id)
    assert found.created
    assert (contact.source, contact.sourced_at, contact.channel) == ("live_code", at, channel)
    assert (contact.name, contact.acquired_at, contact.custom) == ("张欣怡", None, {})
    assert Identity.objects.get(contact=contact).value == "wm1"


def test_a_known_person_is_found_and_keeps_the_first_touch(tenant: Tenant) -> None:
    first = find_or_create([EXTERNAL], Origin())

    again = find_or_create([EXTERNAL], Origin(SourceKind.LIVE_CODE))

    assert again == Found(first.contact_id, created=False)
    assert Contact.objects.get(pk=first.contact_id).source == "platform"
    assert Contact.objects.count() == 1


def test_openids_belong_to_their_app(tenant: Tenant) -> None:
    one = find_or_create([Account("openid", "o", app="wx1")], Origin())
    other = find_or_create([Account("openid", "o", app="wx2")], Origin())

    assert one.contact_id != other.contact_id


def test_both_ids_known_stand_on_one_contact(tenant: Tenant) -> None:
    found = find_or_create([EXTERNAL], Origin())
    by_both = find_or_create([EXTERNAL, UNION], Origin())
    by_union = find([UNION])

    assert found.contact_id == by_both.contact_id == by_union


def test_two_contacts_are_kept_until_the_worker_looks(tenant: Tenant) -> None:
    fan = find_or_create([UNION], Origin())
    customer = find_or_create([EXTERNAL], Origin())

    others = attach(customer.contact_id, [EXTERNAL, UNION])
    attach(customer.contact_id, [EXTERNAL, UNION])

    assert others == [fan.contact_id]
    assert find([EXTERNAL]) == customer.contact_id
    assert find([UNION]) == fan.contact_id
    pair = Duplicate.objects.get()
    assert (pair.first_id, pair.second_id) == (fan.contact_id, customer.contact_id)
    assert (pair.why, pair.state) == ("unionid", "due")


def test_ten_workers_make_one_contact(business: Business) -> None:
    start = Barrier(10)

    def meet(_: int) -> Found:
        try:
            with business.scope():
                start.wait(10)
                return find_or_create([EXTERNAL, UNION], Origin())
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        found = list(pool.map(meet, range(10)))

    assert len({one.contact_id for one in found}) == 1
    assert sum(one.created for one in found) == 1
    with business.scope():
        assert Contact.objects.count() == 1
        assert Identity.objects.count() == 2


def test_tenants_do_not_share_people(business: Business, other_business: Business) -> None:
    with business.scope():
        ours = find_or_create([EXTERNAL], Origin())
    with other_business.scope():
        theirs = find_or_create([EXTERNAL], Origin())

    assert theirs.created
    assert ours.contact_id != theirs.contact_id


def test_an_identity_is_never_empty(tenant: Tenant) -> None:
    with pytest.raises(IntegrityError):
        find_or_create([Account("unionid", "")], Origin())
    connection.set_rollback(True)
