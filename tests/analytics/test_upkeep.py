"""Facts by few contacts, by orders alone, in pieces or of everybody: always the same figures."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from analytics import facts, hindsight, upkeep, whole
from analytics.models import ContactFact, CustomerFact, DirtyContact, ReferralPart
from contacts import changes, orders, timeline
from contacts.models import Channel, Contact, ContactSettings
from contacts.timeline import NewEvent
from journeys.models import Stage
from tenants.ids import encode
from tests.analytics import seeds
from tests.conftest import Business

NOW = datetime.now(UTC).replace(microsecond=0)


def customer(name: str, referrer: Contact | None = None) -> Contact:
    contact = Contact.objects.create(external_id=name, name="李", referrer=referrer)
    opened = NOW - timedelta(days=50)
    timeline.record([NewEvent(contact.pk, "follow.opened", opened, "test", name, {"staff": "g1"})])
    order(contact, f"{name}-first", 40)
    return contact


def order(contact: Contact, number: str, days_ago: int) -> None:
    paid_at = NOW - timedelta(days=days_ago)
    orders.upsert([orders.Row(number, contact.pk, 10_000, paid_at, 4_000, "paid")])


def test_after_a_further_order_only_orders_are_read(
    business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    with business.scope():
        referrer = customer("a")
        referred = customer("b", referrer)
        facts.catch_up()
        order(referred, "again", 30)
        timeline.drain_all()
        dirty = list(DirtyContact.objects.values_list("contact_id", "what"))
        monkeypatch.setattr(upkeep, "refresh", None)  # must not be called
        facts.catch_up()

        assert dirty == [(referred.pk, DirtyContact.What.ORDERS)]
        assert CustomerFact.objects.get(contact_id=referred.pk).margins == [6_000, 6_000]
        assert ReferralPart.objects.get(customer_id=referrer.pk).d30 == 12_000
        assert facts.prove() == []


@pytest.mark.parametrize("chunk", [1, 2, 1000])
def test_in_pieces_or_at_once_gives_the_same(
    business: Business, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    """With few contacts in a piece, a change of most contacts reads everybody."""
    whole_readings = []
    rebuild = whole.rebuild

    def counted(tenant_id: int, zone: str) -> None:
        whole_readings.append(tenant_id)
        rebuild(tenant_id, zone)

    monkeypatch.setattr(whole, "rebuild", counted)
    monkeypatch.setattr(facts, "_CHUNK", chunk)
    with business.scope():
        people = [customer(f"c{n}") for n in range(7)]
        facts.catch_up()
        assert bool(whole_readings) == (chunk < 1000)
        whole_readings.clear()
        for person in people[:2]:
            order(person, f"{person.external_id}-more", 20)
        facts.catch_up()

        assert not whole_readings
        assert ContactFact.objects.count() == 7
        assert facts.prove() == []


@pytest.mark.parametrize("seed", seeds.several(1, 2, 3))
def test_signs_of_life_and_orders_change_what_comes_after_them_alone(
    business: Business, seed: int
) -> None:
    """Late or early, at the very border of a stretch or of thirty days, and from before it."""
    dice = random.Random(seed)
    with business.scope():
        people = [customer(f"c{n}") for n in range(4)]
        borders = [NOW - timedelta(days=days) for days in (50, 40, 30, 20, 10)]
        for person in people[1:]:
            ended: dict[str, object] = {"staff": "g1", "by": "customer"}
            timeline.record(
                [
                    NewEvent(person.pk, "follow.ended", borders[1], "test", f"e{person}", ended),
                    NewEvent(person.pk, "follow.opened", borders[3], "test", f"o{person}", ended),
                ]
            )
        facts.catch_up()
        for number in range(12):
            at = dice.choice(borders) + dice.choice([-1, 0, 1]) * dice.choice(
                [timedelta(0), timedelta(microseconds=1), timedelta(days=30), timedelta(days=3)]
            )
            spoke = [
                NewEvent(person.pk, "message.received", at, "test", f"{number}-{person}", {})
                for person in dice.sample(people, dice.choice([1, 3]))
                if at < NOW
            ]
            timeline.record(spoke)
            if dice.random() < 0.4 and at < NOW:
                person = dice.choice(people)
                orders.upsert([orders.Row(f"n{number}", person.pk, 10_000, at, 4_000, "paid")])
            facts.catch_up()

            assert facts.prove() == [], at


def test_a_request_leaves_the_reading_of_many_contacts_to_the_worker(
    business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    with business.scope():
        for n in range(3):
            customer(f"c{n}")
        facts.catch_up()
        business.move_to("America/New_York")
        monkeypatch.setattr(facts, "CONTACTS", 2)

        assert facts.catch_up() is not None
        facts.work()
        assert facts.catch_up() is None
        assert facts.prove() == []


def test_whatever_facts_depend_on_is_looked_at_each_time(business: Business) -> None:
    def grown() -> bool:
        with business.scope():
            before = hindsight.state().version
            assert facts.catch_up() is None
            return hindsight.state().version > before

    with business.scope():
        someone = customer("a")
    assert grown()
    assert not grown()

    with business.scope():
        ContactSettings.objects.create(owned_days=10)
    assert grown()
    business.move_to("Asia/Tokyo")
    assert grown()
    with business.scope():
        Stage.objects.create(key="vip", name="VIP", position=99, purpose="advocacy")
    assert grown()
    with business.scope():
        order(someone, "again", 30)
    assert grown()
    assert not grown()


@pytest.mark.parametrize("door", ["api", "page"])
def test_who_came_by_a_deleted_channel_came_by_none(business: Business, door: str) -> None:
    with business.scope():
        fair = Channel.objects.create(name="Fair")
        someone = customer("a")
        Contact.objects.filter(pk=someone.pk).update(channel=fair)
        changes.note([someone.pk])
        facts.catch_up()
        assert CustomerFact.objects.get().channel_id == fair.pk

    if door == "api":
        gone = business.api().delete(f"/api/v1/channels/{encode(fair.pk)}")
        assert gone.status_code == 204
    else:
        page = reverse("admin:contacts_channel_delete", args=[fair.pk])
        assert business.browser("admin").post(page, {"post": "yes"}).status_code == 302

    rows = business.api().get("/api/v1/reports/value", {"group": "channel"}).json()["rows"]
    assert [row["group"] for row in rows] == [None]
    with business.scope():
        assert CustomerFact.objects.get().channel_id == 0
        assert facts.prove() == []
