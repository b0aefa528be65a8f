"""Rules that are asked of the same contacts are one statement, and find what each finds alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contacts import tagging
from contacts.models import Contact, Segment, Tag
from contacts.segments import membership, upkeep
from tenants.models import Tenant
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
READ = {"kind": "content.read", "within_days": 30}
# Read of the contact, of its tags, of its events in windows: once for all. Orders, stages and
# events of all time: of those whom the rest of their rule leaves.
RULES: dict[str, dict[str, Any]] = {
    "tag less tag": {"all": [{"tag": "1"}, {"not": {"tag": "2"}}]},
    "often": {"event": {**READ, "count": 2}},
    "seldom": {"event": {**READ, "count": {"at_most": 1}}},
    "lately": {"event": {"kind": "link.clicked", "within_days": 3}},
    "between": {"event": {"kind": "content.read", "after": "2020-01-01", "before": "2030-01-01"}},
    "ever": {"all": [{"tag": "1"}, {"event": "content.read"}]},
    "never, here": {"all": [{"field": "gender", "is": "female"},
                            {"event": {"kind": "link.clicked", "count": {"at_most": 0}}}]},
    "paid": {"all": [{"order": {"sum": {"at_least": "50"}}}, {"tag": ["1", "2"]},
                     {"field": "stage", "known": True}]},
    "not paid": {"all": [{"order": {"count": {"at_most": 0}}}, {"field": "gender", "known": True}]},
    "or": {"any": [{"field": "custom.city", "is": "sh"}, {"all": [{"tag": "2"}, {"order": {}}]}]},
    "outside": {"all": [{"not": {"tag": "1"}}, {"order": {"within_days": 90}}]},
    "everybody else": {"not": {"any": [{"tag": "1"}, {"order": {"within_days": 90}}]}},
}  # fmt: skip


@pytest.fixture
def people_of_all_kinds(tenant: Tenant) -> list[Contact]:
    made = []
    for number in range(24):
        contact = person(f"c{number}", gender="female" if number % 2 else "",
                         custom={"city": "sh"} if number % 5 == 0 else {})  # fmt: skip
        tagged(contact, *(tag for tag, part in (("1", 2), ("2", 3)) if number % part == 0))
        for times in range(number % 4):
            did(contact, "content.read", times * 20 * DAY)
        if number % 6 == 0:
            did(contact, "link.clicked", (number % 5) * DAY)
        if number % 3 == 1:
            bought(contact, 40 + number, (number % 5) * 30 * DAY + DAY)
        made.append(contact)
    settle()
    return made


def look(whom: dict[str, set[int]]) -> int:
    """Look at these contacts for the segments of these names; answers in how many statements."""
    ready = upkeep.ready()
    concerned = {each.segment.pk: whom.get(each.segment.name, set()) for each in ready}
    with CaptureQueriesContext(connection) as asked:
        upkeep.look_again(ready, concerned, timezone.now())
    return sum("found AS" in query["sql"] for query in asked.captured_queries)


def test_they_find_what_each_finds_alone(people_of_all_kinds: list[Contact]) -> None:
    made = {name: segment(name, rule) for name, rule in RULES.items()}
    right = {name: members(each) for name, each in made.items()}
    assert right == {name: found(rule) for name, rule in RULES.items()}
    assert all(right.values()), right
    everybody = {each.pk for each in people_of_all_kinds}
    for number, each in enumerate(made.values()):  # some have everybody, some nobody
        (membership.enter if number % 2 else membership.leave)(each, sorted(everybody))

    statements = look(dict.fromkeys(RULES, everybody))

    assert statements == 1
    assert {name: members(each) for name, each in made.items()} == right
    for name, each in made.items():
        each.refresh_from_db()
        assert each.size == len(right[name])


def test_only_the_contacts_concerned_are_looked_at(people_of_all_kinds: list[Contact]) -> None:
    first, second = (segment(name, {"tag": "1"}) for name in ("first", "second"))
    a, b = people_of_all_kinds[1:4:2]
    tagged(a, "1")
    tagged(b, "1")

    assert look({"first": {a.pk}, "second": {a.pk, b.pk}}) == 2

    assert (a.name in members(first), b.name in members(first)) == (True, False)
    assert (a.name in members(second), b.name in members(second)) == (True, True)


def test_who_builds_on_another_comes_after_it(people_of_all_kinds: list[Contact]) -> None:
    tagging.named(["3"])
    base = segment("base", {"tag": "3"})
    upper = segment("upper", {"all": [{"segment": "base"}, {"field": "gender", "is": "female"}]})
    last = segment("last", {"not": {"segment": "upper"}})
    beside = segment("beside", {"tag": "3"})
    contact = people_of_all_kinds[1]
    tagged(contact, "3")

    names = ("base", "upper", "last", "beside")
    assert look({name: {contact.pk} for name in names}) == 3

    assert members(base) == members(upper) == members(beside) == {contact.name}
    assert contact.name not in members(last)


def test_a_rule_that_cannot_be_read_keeps_no_other(people_of_all_kinds: list[Contact]) -> None:
    tagged(people_of_all_kinds[0], "4")
    good, bad = segment("good", {"tag": "2"}), segment("bad", {"any": [{"tag": "1"}, {"tag": "4"}]})
    Tag.objects.filter(name="4").delete()
    contact = people_of_all_kinds[1]
    tagged(contact, "2")

    look({"good": {contact.pk}, "bad": {contact.pk}})

    assert contact.name in members(good)
    assert Segment.objects.get(pk=bad.pk).state == Segment.State.BROKEN
