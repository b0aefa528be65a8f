"""Sharing a proved account merges by rule; disagreeing, or sharing less, waits for people."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from contacts import identity, timeline
from contacts.identity import Account, Origin
from contacts.merging import duplicates
from contacts.models import Contact, Duplicate, Event, Identity, LiveCode, Merge
from tenants import ids
from tenants.models import AuditEntry
from tests.conftest import Business
from tests.contacts.merging.test_merging import URL, make, unmerge
from tests.wechat_fixtures import WeChat

UNIONID = Account("unionid", "o-1")
PHONE = Account("phone", "+8613800138000")


def known(business: Business, *accounts: Account, **values: Any) -> Contact:
    with business.scope():
        found = identity.find_or_create(list(accounts), Origin())
        Contact.objects.filter(pk=found.contact_id).update(**values)
        return Contact.objects.get(pk=found.contact_id)


def share(business: Business, contact: Contact, account: Account) -> None:
    """The platform says that this is an account of the contact, too."""
    with business.scope():
        identity.attach(contact.pk, [account])
    duplicates.work(business.pk)


def contacts(business: Business) -> list[int]:
    with business.scope():
        return list(Contact.objects.order_by("id").values_list("id", flat=True))


def test_one_unionid_is_one_person(business: Business) -> None:
    fan = known(business, UNIONID, external_id="fan-1", name="Fan")
    friend = known(business, Account("external_userid", "wm1"), external_id="crm-1")

    share(business, friend, UNIONID)

    assert contacts(business) == [fan.pk]
    with business.scope():
        merge = Merge.objects.get()
        assert (merge.by, merge.absorbed_id) == ("rule:unionid", friend.pk)
        held = set(Identity.objects.filter(contact=fan).values_list("kind", "value"))
        assert held == {("unionid", "o-1"), ("external_userid", "wm1"), ("other", "crm-1")}
        told = Event.objects.get(kind="contact.merged")
        assert (told.contact_id, told.properties["name"]) == (fan.pk, "crm-1")
        entry = AuditEntry.objects.get(action="contact.merged")
        assert entry.target == f"contacts.contact:{ids.encode(fan.pk)}"
        assert not Duplicate.objects.exists()


@pytest.mark.parametrize(
    ("mine", "theirs", "differs"),
    [
        ({"birthday": date(1990, 5, 1)}, {"birthday": date(1991, 5, 1)}, ["birthday"]),
        ({"gender": "male"}, {"gender": "female"}, ["gender"]),
    ],
)
def test_who_disagrees_is_reported_and_stays_two(
    business: Business, mine: dict[str, Any], theirs: dict[str, Any], differs: list[str]
) -> None:
    fan = known(business, UNIONID, **mine)
    friend = known(business, Account("external_userid", "wm1"), **theirs)

    share(business, friend, UNIONID)
    share(business, friend, UNIONID)

    assert contacts(business) == [fan.pk, friend.pk]
    found = business.api().get("/api/v1/duplicates?state=open").json()["results"]
    assert [(each["why"], each["disagree"]) for each in found] == [("unionid", differs)]
    assert found[0]["contacts"] == [ids.encode(fan.pk), ids.encode(friend.pk)]
    with business.scope():
        told = Event.objects.filter(kind="identity.shared").values_list("contact_id", flat=True)
        assert sorted(told) == [fan.pk, friend.pk]


def test_one_verified_phone_is_one_person_unless_ids_speak_against_it(business: Business) -> None:
    one = known(business, PHONE, external_id="a")
    same = known(business, Account("openid", "x", app="wx1"))
    other = known(business, Account("openid", "y", app="wx1"), external_id="b")

    share(business, same, PHONE)
    share(business, other, PHONE)

    assert contacts(business) == [one.pk, other.pk]
    with business.scope():
        pair = Duplicate.objects.get()
        assert (pair.why, pair.state, pair.differs) == ("phone", "open", ["external_id"])


def test_two_unionids_are_two_persons_with_one_phone(business: Business) -> None:
    known(business, PHONE, Account("unionid", "o-1"))
    other = known(business, Account("unionid", "o-2"))

    share(business, other, PHONE)

    with business.scope():
        assert Duplicate.objects.get().differs == ["unionid"]


def test_another_shared_account_is_for_people_to_judge(business: Business) -> None:
    one = known(business, Account("openid", "x", app="wx1"))
    other = known(business, Account("openid", "y", app="wx1"))

    share(business, other, Account("openid", "x", app="wx1"))

    assert contacts(business) == [one.pk, other.pk]
    with business.scope():
        assert Duplicate.objects.get().why == "account"


def test_a_stored_phone_is_a_suggestion_only(business: Business) -> None:
    first = make(business, "a", phone="13800138000")
    items = [
        {"external_id": "b", "phone": "+86 138 0013 8000"},
        {"external_id": "c", "phone": "13900139000"},
    ]
    business.api().post(f"{URL}/bulk", {"items": items}, format="json")
    with business.scope():
        timeline.drain_all()
    duplicates.work(business.pk)

    assert len(contacts(business)) == 3
    (pair,) = business.api().get("/api/v1/duplicates").json()["results"]
    assert (pair["why"], pair["state"], pair["contacts"][0]) == ("stored_phone", "open", first)

    c = next(x["id"] for x in business.api().get(URL).json()["results"] if x["external_id"] == "c")
    business.api().patch(f"{URL}/{c}", {"phone": "13800138000"}, format="json")
    with business.scope():
        timeline.drain_all()
    found = business.api().get(f"/api/v1/duplicates?contact={c}").json()["results"]
    assert [each["why"] for each in found] == ["stored_phone"]


def test_people_may_say_that_they_are_two(business: Business) -> None:
    fan = known(business, UNIONID, gender="male")
    friend = known(business, Account("external_userid", "wm1"), gender="female")
    share(business, friend, UNIONID)
    (pair,) = business.api().get("/api/v1/duplicates").json()["results"]

    assert (
        business.as_role("viewer").post(f"/api/v1/duplicates/{pair['id']}/dismiss").status_code
        == 403
    )
    answer = business.api().post(f"/api/v1/duplicates/{pair['id']}/dismiss")
    assert answer.json()["state"] == "dismissed"

    with business.scope():
        Contact.objects.update(gender="")
    share(business, friend, UNIONID)
    assert contacts(business) == [fan.pk, friend.pk]


def test_what_people_took_apart_no_rule_merges_again(business: Business) -> None:
    fan = known(business, UNIONID)
    friend = known(business, Account("external_userid", "wm1"))
    share(business, friend, UNIONID)
    assert contacts(business) == [fan.pk]

    unmerge(business, ids.encode(fan.pk))
    share(business, friend, UNIONID)

    assert contacts(business) == [fan.pk, friend.pk]
    with business.scope():
        assert Duplicate.objects.get().state == "dismissed"
        held = dict(Identity.objects.values_list("value", "contact_id"))
        assert held == {"o-1": fan.pk, "wm1": friend.pk}


def test_a_pair_follows_its_contacts(business: Business) -> None:
    """a ~ b is due, but b has become part of c meanwhile: a is merged with c."""
    a = known(business, UNIONID)
    b = known(business, Account("external_userid", "wm1"))
    c = known(business, Account("external_userid", "wm2"))
    with business.scope():
        identity.attach(b.pk, [UNIONID])
    business.api().post(
        f"{URL}/{ids.encode(c.pk)}/merge", {"with": ids.encode(b.pk)}, format="json"
    )

    duplicates.work(business.pk)

    assert contacts(business) == [a.pk]


def test_a_callback_leads_to_a_merge(wechat: WeChat, code: LiveCode) -> None:
    """A fan of the official account becomes a friend: the platform tells the same unionid."""
    business = wechat.business
    fan = known(business, Account("openid", "fan", app="wx1"), UNIONID, external_id="fan-1")
    scanned = wechat.scan(code, {"name": "张欣怡", "gender": 2, "unionid": UNIONID.value})
    wechat.settle()
    assert len(contacts(business)) == 2

    duplicates.work(business.pk)

    assert contacts(business) == [fan.pk]
    with business.scope():
        survivor = Contact.objects.get()
        assert (survivor.source, survivor.live_code) == ("live_code", code)
        assert survivor.acquired_at == survivor.sourced_at
        assert survivor.follows.get().ended_at is None
    wechat.sim("clock", advance_s=60)
    wechat.act("customer_deletes", userid="amy", customer=scanned["customer"])
    wechat.settle()
    with business.scope():
        follow = Contact.objects.get().follows.get()
        assert (follow.ended_by, follow.ended_at is not None) == ("customer", True)


def test_a_pair_that_is_no_pair_is_forgotten_instead_of_being_looked_at_for_ever(
    business: Business,
) -> None:
    one = known(business, UNIONID)
    with business.scope():
        Duplicate.objects.create(first=one, second=one, why="unionid", state="due")

    duplicates.work(business.pk)

    with business.scope():
        assert not Duplicate.objects.exists()
    assert contacts(business) == [one.pk]
