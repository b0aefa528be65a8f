"""Files that still call a person by the external id of a record that was merged."""

from __future__ import annotations

from contacts.models import Contact, Event, Follow, ReachSpell
from tenants import ids
from tests.conftest import Business
from tests.contacts.imports.conftest import Load, counts, load, media
from tests.contacts.merging.test_merging import URL, get, make, merge, unmerge

__all__ = ["load", "media"]  # fixtures

HEADER = "external_id,name,owner,acquired_at,tags\n"
BOTH = f"{HEADER}a,张欣怡,amy,2026-03-01 10:00:00,x\nb,欣怡,amy,2026-02-01 10:00:00,y\n"


def test_the_same_file_after_a_merge_changes_nothing(business: Business, load: Load) -> None:
    assert counts(load("contacts", BOTH)) == (2, 0, 0, 0)
    with business.scope():
        b, a = (Contact.objects.get(external_id=name) for name in "ba")
        merging = [a.pk, b.pk]
    one, other = (ids.encode(each) for each in merging)
    merge(business, one, other)
    load("contacts", BOTH)  # the later row of the person wins: one name now
    with business.scope():
        events = Event.objects.filter(kind="follow.opened").count()

    assert counts(load("contacts", f"{HEADER}b,欣怡,amy,2026-02-01 10:00:00,y\n")) == (0, 0, 1, 0)

    with business.scope():
        assert Contact.objects.get().pk == merging[0]
        assert Event.objects.filter(kind="follow.opened").count() == events == 2
        assert Follow.objects.get().opened_at == ReachSpell.objects.get().opened_at
    unmerge(business, one)
    assert counts(load("contacts", f"{HEADER}b,欣怡,amy,2026-02-01 10:00:00,y\n")) == (0, 0, 1, 0)


def test_orders_events_and_referrers_by_the_old_id(business: Business, load: Load) -> None:
    a, b = make(business, "a"), make(business, "b")
    merge(business, a, b)

    orders = "order_id,contact,paid_at,amount\no1,b,2026-03-01 10:00:00,99\n"
    events = "event_id,contact,kind,at,properties\ne1,b,price.asked,2026-03-01 10:00:00,{}\n"
    people = "external_id,name,referrer\nc,C,b\nb,Other name,\nb,Last name,c\n"

    assert counts(load("orders", orders)) == counts(load("events", events)) == (1, 0, 0, 0)
    assert counts(load("contacts", people))[0] == 1
    assert get(business, a)["name"] == "Last name"
    with business.scope():
        c = Contact.objects.get(external_id="c")
        assert c.referrer_id is not None
        assert Contact.objects.count() == 2


def test_a_name_that_was_given_up_is_used_again(business: Business, load: Load) -> None:
    a, b = make(business, "a"), make(business, "b")
    merge(business, a, b)
    cleared = business.api().patch(f"{URL}/{a}", {"external_id": None}, format="json")
    assert cleared.status_code == 200

    assert counts(load("contacts", "external_id,name\nb,B\n")) == (0, 1, 0, 0)

    assert (get(business, a)["external_id"], get(business, a)["name"]) == ("b", "B")
