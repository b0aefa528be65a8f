"""Members follow what happens, the clock, and each other; only differences are written and told."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import ProtectedError
from django.utils import timezone

from contacts import changes, profile, tagging, timeline
from contacts.models import Contact, Event, Segment, SegmentMember, SegmentTouch, Tag
from contacts.segments import keeping, membership, upkeep
from contacts.segments.rules import RuleError
from tenants import doorbell
from tenants.models import Tenant
from tests.conftest import Business
from tests.contacts.segments.people import (
    bought,
    did,
    found,
    members,
    person,
    segment,
    settle,
    tagged,
)

DAY = timedelta(days=1)


def told(kind: str) -> list[str]:
    rows = Event.objects.filter(kind=kind).order_by("id")
    return list(rows.values_list("contact__name", flat=True))


def test_who_fits_from_the_start_is_told_to_nobody(tenant: Tenant) -> None:
    tagged(person("A"), "VIP")

    vips = segment("Vips", {"tag": "VIP"})

    assert (vips.state, vips.size, members(vips)) == ("ready", 1, {"A"})
    assert vips.evaluated_at is not None
    assert told(membership.ENTERED) == []


def test_entering_and_leaving_are_events(tenant: Tenant) -> None:
    tagged(person("A"), "VIP")
    vips = segment("Vips", {"tag": "VIP"})

    b = person("B")
    tagged(b, "VIP")
    settle()
    tagging.remove([b.pk], tagging.named(["VIP"]).values(), "api")
    settle()

    assert members(vips) == {"A"}
    assert told(membership.ENTERED) == ["B"]
    assert told(membership.LEFT) == ["B"]
    event = Event.objects.get(kind=membership.ENTERED)
    assert event.properties["segment"] == "Vips"
    vips.refresh_from_db()
    assert vips.size == 1
    assert membership.changes_since(7)[vips.pk] == membership.Change(entered=1, left=1)


def test_a_changed_rule_tells_the_difference_only(tenant: Tenant) -> None:
    for name, tags in (("A", ["1"]), ("AB", ["1", "2"]), ("B", ["2"])):
        tagged(person(name), *tags)
    chosen = segment("Chosen", {"tag": "1"})
    since = dict(SegmentMember.objects.values_list("contact__name", "entered_at"))

    chosen.rule = {"tag": "2"}
    keeping.save(chosen)
    settle()

    assert members(chosen) == {"AB", "B"}
    assert (told(membership.ENTERED), told(membership.LEFT)) == (["B"], ["A"])
    assert SegmentMember.objects.get(contact__name="AB").entered_at == since["AB"]


def test_a_rule_that_changes_while_it_is_counted_is_counted_again(tenant: Tenant) -> None:
    tagged(person("A"), "1")
    tagged(person("B"), "2")
    chosen = segment("Chosen", {"tag": "1"})
    (as_read,) = upkeep.ready()

    chosen.rule = {"tag": "2"}
    keeping.save(chosen)
    upkeep.count(as_read, membership.moment())

    chosen.refresh_from_db()
    assert chosen.state == Segment.State.COUNTING
    settle()
    assert members(chosen) == {"B"}


def test_the_clock_takes_people_in_and_out(tenant: Tenant) -> None:
    a = person("A", acquired_at=timezone.now())
    did(a, "content.read")
    bought(a, 10)
    readers = segment("Readers", {"event": "content.read", "within_days": 14})
    silent = segment("Silent", {"not": {"event": "content.read", "within_days": 14}})
    fresh = segment("Fresh", {"field": "acquired_at", "within_days": 30})
    buyers = segment("Buyers", {"order": {"within_days": 90}})
    hot = segment("Hot", {"field": "score", "at_least": 5})
    assert [bool(members(each)) for each in (readers, silent, fresh, buyers, hot)] == [
        True, False, True, True, True,
    ]  # fmt: skip

    now = timezone.now()
    for days, expected in ((13, "10111"), (15, "01110"), (31, "01010"), (91, "01000")):
        settle(now + days * DAY)
        state = [bool(members(each)) for each in (readers, silent, fresh, buyers, hot)]
        assert "".join(str(int(each)) for each in state) == expected, days


def test_a_clock_look_within_a_day_reads_only_what_moved(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = person("A")
    did(a, "content.read", 14 * DAY - timedelta(minutes=5))
    readers = segment("Readers", {"event": "content.read", "within_days": 14})
    assert members(readers) == {"A"}
    monkeypatch.setattr(upkeep, "count", lambda *_: pytest.fail("everybody was counted"))
    monkeypatch.setattr(upkeep, "_everybody_is_due", lambda *_: False)

    settle(timezone.now() + timedelta(minutes=11))

    assert members(readers) == set()
    assert told(membership.LEFT) == ["A"]


def test_segments_on_segments_in_order(tenant: Tenant) -> None:
    people = [person(name) for name in "ABC"]
    tagging.named(["Fair"])
    tagged(people[0], "VIP")
    vips = segment("Vips", {"tag": "VIP"})
    others = segment("Others", {"not": {"segment": "Vips"}})
    outer = segment("Outer", {"all": [{"segment": "Others"}, {"not": {"tag": "Fair"}}]})
    assert (members(vips), members(others), members(outer)) == ({"A"}, {"B", "C"}, {"B", "C"})

    tagged(people[1], "VIP")
    tagged(people[2], "Fair")
    settle()
    assert (members(vips), members(others), members(outer)) == ({"A", "B"}, {"C"}, set())

    vips.refresh_from_db()
    vips.rule = {"tag": "Fair"}
    keeping.save(vips)
    settle()
    assert (members(vips), members(others), members(outer)) == ({"C"}, {"A", "B"}, {"A", "B"})
    with pytest.raises(ProtectedError):
        keeping.delete(vips)
    keeping.delete(outer)
    keeping.delete(others)
    keeping.delete(vips)
    assert not Segment.objects.exists()


def test_lists_by_hand(tenant: Tenant) -> None:
    a, b = person("A"), person("B")
    list_ = keeping.save(Segment(name="List", kind=Segment.Kind.STATIC))
    on_it = segment("On it", {"segment": "List"})

    assert keeping.add(list_, [a.pk, b.pk, 2**40]) == {a.pk, b.pk}
    assert keeping.add(list_, [a.pk]) == set()
    settle()
    assert members(on_it) == {"A", "B"}
    assert keeping.remove(list_, [a.pk]) == {a.pk}
    settle()

    list_.refresh_from_db()
    assert (list_.size, members(list_), members(on_it)) == (1, {"B"}, {"B"})
    assert told(membership.LEFT) == ["A", "A"]
    with pytest.raises(ValueError, match="rule"):
        keeping.add(on_it, [a.pk])
    b.delete()
    settle(timezone.now() + 2 * DAY)
    list_.refresh_from_db()
    assert list_.size == 0


def test_a_rule_whose_names_are_gone_keeps_its_members(tenant: Tenant) -> None:
    tagged(person("A"), "VIP")
    b = person("B")
    vips = segment("Vips", {"all": [{"tag": "VIP"}]})
    Tag.objects.filter(name="VIP").update(name="Very important")
    did(b, "content.read")
    did(b, "tag.added")
    settle()

    vips.refresh_from_db()
    assert vips.state == Segment.State.BROKEN
    assert vips.problem.startswith("all[0].tag:")
    assert members(vips) == {"A"}

    vips.rule = {"tag": "Very important"}
    keeping.save(vips)
    settle()
    vips.refresh_from_db()
    assert (vips.state, vips.problem, vips.size) == ("ready", "", 1)


def test_what_no_event_tells(tenant: Tenant) -> None:
    a = person("A")
    consenting = segment("Yes", {"field": "consent.marketing", "is": "granted"})

    profile.agree(a, [profile.Agreement("marketing", granted=True)])
    settle()
    assert members(consenting) == {"A"}

    Contact.objects.filter(pk=a.pk).update(gender="female")
    women = segment("Women", {"field": "gender", "is": "female"})
    Contact.objects.filter(pk=a.pk).update(gender="male")
    changes.note([a.pk])
    assert SegmentTouch.objects.exists()
    settle()
    assert members(women) == set()
    assert not SegmentTouch.objects.exists()


def test_a_worker_does_all_that_is_due(business: Business) -> None:
    with business.scope():
        tagged(person("A"), "VIP")
        vips = keeping.save(Segment(name="Vips", rule={"tag": "VIP"}))
        assert upkeep.next_due() is not None

    assert upkeep.QUEUE in doorbell.queues()
    upkeep.work(business.pk)
    with business.scope():
        assert members(vips) == {"A"}
        tagged(person("B"), "VIP")
    timeline.work(business.pk)
    with business.scope():
        assert members(vips) == {"A", "B"}


def test_other_tenants_are_never_members(business: Business, other_business: Business) -> None:
    with other_business.scope():
        tagged(person("theirs"), "VIP")
        theirs = segment("Vips", {"tag": "VIP"})
        everybody = segment("Everybody", {"any": [{"tag": "VIP"}, {"not": {"tag": "VIP"}}]})
        foreign = Contact.objects.get(name="theirs")
    with business.scope():
        tagged(person("ours"), "VIP")
        ours = segment("Vips", {"tag": "VIP"})
        list_ = keeping.save(Segment(name="List", kind=Segment.Kind.STATIC))

        assert members(ours) == {"ours"}
        assert found({"not": {"tag": "VIP"}}) == set()
        assert keeping.add(list_, [foreign.pk]) == set()
        with pytest.raises(RuleError, match="no segment"):
            found({"segment": "Everybody"})
    with other_business.scope():
        assert members(theirs) == members(everybody) == {"theirs"}


# --- what was kept up to date is what counting everybody finds ---

_LEAVES: list[dict[str, Any]] = [
    {"tag": "1"},
    {"tag": ["2", "3"]},
    {"event": "content.read"},
    {"event": {"kind": "content.read", "within_days": 3, "count": 2}},
    {"event": {"kind": ["link.clicked", "price.asked"], "within_days": 5, "count": {"at_most": 1}}},
    {"order": {"within_days": 4}},
    {"order": {"sum": {"at_least": "50"}, "count": {"at_most": 3}}},
    {"field": "gender", "is": "female"},
    {"field": "custom.city", "in": ["sh", "bj"]},
    {"field": "acquired_at", "within_days": 6},
    {"field": "stage", "at_least": "profiled"},
    {"field": "score", "at_least": 20},
    {"field": "lifecycle", "in": ["prospect", "lapsed"]},
    {"field": "ownership", "in": ["L2", "L3"]},
    {"field": "reachable", "is": False},
    {"segment": "Base"},
]


def _rule(dice: random.Random, depth: int = 0) -> dict[str, Any]:
    roll = dice.random()
    if depth == 3 or roll < 0.4:
        return dice.choice(_LEAVES)
    if roll < 0.55:
        return {"not": _rule(dice, depth + 1)}
    parts = [_rule(dice, depth + 1) for _ in range(dice.randint(1, 3))]
    return {dice.choice(["all", "any"]): parts}


def _something_happens(dice: random.Random, contacts: list[Contact]) -> None:
    contact = dice.choice(contacts)
    match dice.randint(0, 8):
        case 0 | 1:
            tagged(contact, dice.choice("123"))
        case 2:
            tagging.remove([contact.pk], tagging.named("123").values(), "api")
        case 3 | 4:
            kind = dice.choice(["content.read", "link.clicked", "price.asked", "quiz.answered"])
            did(contact, kind, timedelta(days=dice.choice([0, 1, 4, 40])))
        case 5:
            bought(contact, dice.choice([10, 60]), timedelta(days=dice.choice([0, 2, 30])))
        case 6:
            contact.refresh_from_db()
            profile.change(contact, {"gender": dice.choice(["", "female"])})
        case 7:
            contact.refresh_from_db()
            profile.change(contact, {"custom": {"city": dice.choice(["sh", "bj", "gz"])}})
        case 8:
            did(contact, "follow.opened", timedelta(days=dice.randint(0, 9)), staff="anna")


def _check(made: list[Segment], now: datetime) -> None:
    for each in made:
        assert members(each) == found(each.rule, now), each.rule
        each.refresh_from_db()
        assert each.size == len(members(each))


@pytest.mark.parametrize("seed", range(4))
def test_kept_up_to_date_is_counted_anew(tenant: Tenant, seed: int) -> None:
    dice = random.Random(seed)
    contacts = [person(f"c{number}") for number in range(8)]
    for tag in "123":
        tagged(contacts[0], tag)
    made = [segment("Base", {"any": [{"tag": "1"}, {"order": {"within_days": 2}}]})]
    made += [segment(f"S{number}", _rule(dice)) for number in range(12)]
    now = timezone.now()

    for _round in range(5):
        for _change in range(dice.randint(1, 12)):
            _something_happens(dice, contacts)
        if dice.random() < 0.5:
            contacts.append(person(f"c{len(contacts)}", gender=dice.choice(["", "female"])))
        timeline.drain_all()
        now = max(now, timezone.now()) + timedelta(hours=dice.choice([0, 1, 5, 30]))
        settle(now)
        _check(made, now)
