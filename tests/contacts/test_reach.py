"""Follows and spells out of events: FIGURES R7 to R10 and R12, in any order of arrival."""

from __future__ import annotations

import itertools
import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contacts import reach, timeline
from contacts.models import Contact, Event, Follow, ReachSpell
from contacts.timeline import NewEvent
from tenants.models import Staff, Tenant
from tests.conftest import Business

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
Happening = tuple[str, int, dict[str, object]]  # kind, hours after T0, properties


def opened(hour: int, staff: str = "amy", **more: object) -> Happening:
    return ("follow.opened", hour, {"staff": staff, **more})


def ended(hour: int, by: str = "customer", staff: str = "amy") -> Happening:
    return ("follow.ended", hour, {"staff": staff, "by": by})


def record(contact: Contact, *happenings: Happening) -> None:
    timeline.record(
        NewEvent(contact.pk, kind, T0 + timedelta(hours=hour), "test", uuid.uuid4().hex, properties)
        for kind, hour, properties in happenings
    )


def spells(contact: Contact) -> list[tuple[str, int, int | None, str]]:
    """(userid or account, opened, ended, ended_by), hours after T0."""
    rows = ReachSpell.objects.filter(contact=contact).select_related("staff")
    return sorted(
        (
            row.staff.userid if row.staff else row.account,
            int((row.opened_at - T0).total_seconds() // 3600),
            None if row.ended_at is None else int((row.ended_at - T0).total_seconds() // 3600),
            row.ended_by,
        )
        for row in rows
    )


def person() -> Contact:
    return Contact.objects.create(name="somebody")


@pytest.mark.parametrize(
    ("happenings", "expected"),
    [
        ([opened(1)], [("amy", 1, None, "")]),
        ([opened(1), ended(5)], [("amy", 1, 5, "customer")]),
        ([opened(1), opened(2), ended(5)], [("amy", 1, 5, "customer")]),
        ([opened(1), ended(5), ended(6, "staff")], [("amy", 1, 5, "customer")]),
        ([ended(1)], []),
        ([ended(1), opened(2)], [("amy", 2, None, "")]),
        (
            [opened(1), ended(5, "staff"), opened(7)],
            [("amy", 1, 5, "staff"), ("amy", 7, None, "")],
        ),
        # At one instant ends apply before openings.
        ([opened(1), opened(5), ended(5)], [("amy", 1, 5, "customer"), ("amy", 5, None, "")]),
        ([opened(1), ended(1)], [("amy", 1, None, "")]),
        # Two ends at one instant: the customer's counts.
        ([opened(1), ended(5, "transfer"), ended(5, "customer")], [("amy", 1, 5, "customer")]),
        (
            [opened(1), opened(2, "bob"), ended(3)],
            [("amy", 1, 3, "customer"), ("bob", 2, None, "")],
        ),
        (
            [
                ("subscription.opened", 1, {"account": "gh_1"}),
                ("subscription.ended", 4, {"account": "gh_1"}),
                ("subscription.opened", 2, {"account": "gh_2"}),
            ],
            [("gh_1", 1, 4, "customer"), ("gh_2", 2, None, "")],
        ),
        # What a strict door lets through nowhere changes nothing here.
        ([opened(1), ("follow.ended", 2, {"staff": "amy"})], [("amy", 1, None, "")]),
        ([opened(1), ended(2, "weather")], [("amy", 1, None, "")]),
        ([("follow.opened", 1, {}), ("subscription.opened", 1, {})], []),
    ],
)
def test_spells_follow_the_rules(
    tenant: Tenant, happenings: list[Happening], expected: list[Any]
) -> None:
    for order in itertools.permutations(happenings):
        contact = person()

        for happening in order:  # each arrives alone, the last one perhaps first
            record(contact, happening)
            reach.rebuild([contact.pk])

        assert spells(contact) == expected


def test_follow_is_the_latest_spell(tenant: Tenant) -> None:
    contact = person()
    record(contact, opened(1, state="a"), ended(5, "staff"), opened(7, by="transfer", state="b"))

    reach.rebuild([contact.pk])

    follow = Follow.objects.get(contact=contact)
    assert follow.opened_at == T0 + timedelta(hours=7)
    assert (follow.ended_at, follow.ended_by, follow.state) == (None, "", "b")
    assert ReachSpell.objects.get(contact=contact, ended_at=None).opened_by == "transfer"

    record(contact, ended(9, "transfer"))
    reach.rebuild([contact.pk])

    follow.refresh_from_db()
    assert (follow.ended_at, follow.ended_by) == (T0 + timedelta(hours=9), "transfer")


def test_first_reachable_moment_and_owner(tenant: Tenant) -> None:
    contact = person()
    record(contact, opened(5, "amy"), ("subscription.opened", 3, {"account": "gh_1"}))
    reach.rebuild([contact.pk])
    contact.refresh_from_db()
    assert contact.acquired_at == T0 + timedelta(hours=3)
    assert contact.owner == Staff.objects.get(userid="amy")

    record(contact, opened(1, "bob"))  # a late event of an earlier day
    reach.rebuild([contact.pk])

    contact.refresh_from_db()
    assert contact.acquired_at == T0 + timedelta(hours=1)
    assert contact.owner == Staff.objects.get(userid="amy")


def test_a_visitor_has_no_first_reachable_moment(tenant: Tenant) -> None:
    contact = person()
    record(contact, ("content.read", 1, {}))

    reach.rebuild([contact.pk])

    contact.refresh_from_db()
    assert contact.acquired_at is None
    assert contact.owner is None


def test_unknown_staff_are_created(tenant: Tenant) -> None:
    contact = person()
    record(contact, opened(1, "nobody-yet"))

    reach.rebuild([contact.pk])

    assert Staff.objects.get(userid="nobody-yet").active


def test_rebuilding_writes_nothing_when_nothing_changed(tenant: Tenant) -> None:
    contact = person()
    record(contact, opened(1), ended(2), opened(3))
    reach.rebuild([contact.pk])
    before = list(ReachSpell.objects.filter(contact=contact).order_by("id").values())
    contact.refresh_from_db()
    updated = contact.updated_at

    reach.rebuild([contact.pk])

    assert list(ReachSpell.objects.filter(contact=contact).order_by("id").values()) == before
    contact.refresh_from_db()
    assert contact.updated_at == updated


def test_the_timeline_applies_reach(business: Business) -> None:
    with business.scope():
        contact = person()
        record(contact, opened(1))

    timeline.work(business.pk)

    with business.scope():
        assert spells(contact) == [("amy", 1, None, "")]


def test_open_follow_records_and_applies(tenant: Tenant) -> None:
    contact = person()

    follow = reach.open_follow(contact.pk, "amy", T0, source="test", key="one")
    again = reach.open_follow(contact.pk, "amy", T0, source="test", key="one")

    assert (follow.pk, follow.opened_at) == (again.pk, T0)
    assert Event.objects.filter(contact=contact).count() == 1


def test_many_contacts_equal_a_simple_simulation(tenant: Tenant) -> None:
    dice = random.Random(7)
    people = Contact.objects.bulk_create([Contact(name=f"p{n}") for n in range(300)])
    stories: dict[int, list[Happening]] = {}
    for contact in people:
        stories[contact.pk] = [
            (opened if dice.random() < 0.5 else ended)(
                dice.randrange(6), staff=dice.choice(["amy", "bob"])
            )
            for _ in range(dice.randrange(8))
        ]
    timeline.record(
        NewEvent(pk, kind, T0 + timedelta(hours=hour), "test", uuid.uuid4().hex, properties)
        for pk, story in stories.items()
        for kind, hour, properties in story
    )

    reach.rebuild(contact.pk for contact in people)

    for contact in people:
        assert spells(contact) == simulated(stories[contact.pk])


def simulated(story: list[Happening]) -> list[tuple[str, int, int | None, str]]:
    found: list[tuple[str, int, int | None, str]] = []
    for staff in ("amy", "bob"):
        mine = [one for one in story if one[2]["staff"] == staff]
        since: int | None = None
        for kind, hour, _ in sorted(mine, key=lambda one: (one[1], one[0] == "follow.opened")):
            if kind == "follow.opened" and since is None:
                since = hour
            elif kind == "follow.ended" and since is not None:
                found.append((staff, since, hour, "customer"))
                since = None
        if since is not None:
            found.append((staff, since, None, ""))
    return sorted(found, key=lambda spell: (spell[0], spell[1]))
