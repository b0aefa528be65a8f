"""Tags that wait for people whom nobody has met yet."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from contacts import pretags, timeline
from contacts.models import Contact, ContactTag, Event, Identity, PreTag, PreTagList
from contacts.validation import Invalid
from tenants.ids import encode
from tests.conftest import Business


def bring(*rows: pretags.Row, name: str = "Fair") -> PreTagList:
    made, _new = PreTagList.objects.get_or_create(name=name)
    pretags.bring(made, rows)
    return made


def worn(contact: Contact) -> set[str]:
    return set(ContactTag.objects.filter(contact=contact).values_list("tag__name", flat=True))


def work(business: Business) -> None:
    pretags.work(business.pk)
    timeline.work(business.pk)


def test_tags_wait_for_the_phone_and_the_unionid(business: Business) -> None:
    with business.scope():
        bring(
            pretags.row("138 0013 8000", "", "vip;fair"),
            pretags.row("", "union-1", ["fair"]),
            pretags.row("13900139000", "", "never"),
        )
    work(business)
    api = business.api()
    answer = api.post(
        "/api/v1/contacts", {"external_id": "a", "phone": "13800138000"}, format="json"
    )
    assert answer.status_code == 201
    with business.scope():
        found = Contact.objects.create(name="Found by the platform")
        Identity.objects.create(contact=found, kind="unionid", value="union-1")
        timeline.record(
            [timeline.NewEvent(found.pk, "follow.opened", found.created_at, "t", "1",
                               {"staff": "sales1"})]
        )  # fmt: skip
        later = Contact.objects.create(external_id="later")
    work(business)

    with business.scope():
        one = Contact.objects.get(external_id="a")
        assert worn(one) == {"vip", "fair"}
        assert worn(found) == {"fair"}
        assert ContactTag.objects.filter(contact=one).values_list("why", flat=True)[0] == "Fair"
        assert PreTag.objects.filter(applied_at=None).count() == 1
        told = Event.objects.filter(contact=one, kind="tag.added")[0]
        assert (told.properties["by"], told.properties["why"]) == ("pretag", "Fair")
    changed = api.patch(f"/api/v1/contacts/{_id(later)}", {"phone": "13900139000"}, format="json")
    assert changed.status_code == 200
    work(business)
    with business.scope():
        assert worn(later) == {"never"}


def _id(contact: Contact) -> str:
    return encode(contact.pk)


def test_a_list_meets_those_who_are_there(business: Business) -> None:
    with business.scope():
        known = Contact.objects.create(phone="+8613800138000")
        other = Contact.objects.create()
        Identity.objects.create(contact=other, kind="unionid", value="union-9")
        bring(pretags.row("13800138000", "", "a"), pretags.row("", "union-9", "b"))
    work(business)
    with business.scope():
        assert (worn(known), worn(other)) == ({"a"}, {"b"})
        assert pretags.next_due() is None


def test_it_is_applied_once(business: Business) -> None:
    with business.scope():
        one = Contact.objects.create(phone="+8613800138000")
        bring(pretags.row("13800138000", "", "a"))
    work(business)
    with business.scope():
        ContactTag.objects.all().delete()
        assert pretags.apply([one.pk]) == 0
        bring(pretags.row("13800138000", "", "a"))
        assert PreTag.objects.count() == 1


def test_no_number_is_stored(tenant: Any) -> None:
    bring(pretags.row("13800138000", "", "a"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM contacts_pretag t")
        assert "13800138000" not in str(cursor.fetchall())


@pytest.mark.parametrize(
    ("phone", "unionid", "tags", "code"),
    [
        ("", "", "a", "one_account"),
        ("13800138000", "u", "a", "one_account"),
        ("13800138000", "", "", "no_tags"),
        ("1" * 30, "", "a", None),
    ],
)
def test_bad_rows_are_refused(phone: str, unionid: str, tags: str, code: str | None) -> None:
    with pytest.raises(Invalid) as refused:
        pretags.row(phone, unionid, tags)
    assert code in (None, refused.value.code)
