"""What the platform answers about a group, and what its callbacks tell: late, twice, reordered."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contacts import groups, timeline
from contacts.groups import days, membership
from contacts.merging import merge, undo
from contacts.models import (
    Contact,
    Event,
    Group,
    GroupDay,
    GroupMember,
    GroupMove,
    GroupSpell,
    Identity,
)
from tenants.models import Staff, Tenant
from tests.conftest import Business

ANNA, BEN, CARL = (f"wmAAAAAAAAAAAAAAAAAAAAAAAAAAA{n}" for n in "abc")
START = datetime(2025, 3, 1, 2, tzinfo=UTC)  # ten o'clock in Shanghai
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def anna(tenant: Tenant) -> Contact:
    contact = Contact.objects.create(name="Anna")
    Identity.objects.create(contact=contact, kind="external_userid", value=ANNA)
    return contact


def line(account: str, since: datetime | None, kind: int = 2, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"userid": account, "type": kind, "join_scene": 3, "name": "小明"}
    if since is not None:
        found["join_time"] = int(since.timestamp())
    return {**found, **more}


def answer(*lines: Any, **more: Any) -> dict[str, Any]:
    return {
        "errcode": 0,
        "group_chat": {
            "chat_id": "wrGROUP", "name": "福利群", "owner": "guide1", "notice": "Hello",
            "create_time": int(START.timestamp()), "member_version": "v1",
            "member_list": list(lines), "admin_list": [{"userid": "guide1"}], **more,
        },
    }  # fmt: skip


def spells(account: str = "") -> list[tuple[datetime, datetime | None]]:
    rows = GroupSpell.objects.order_by("member_id", "joined_at").select_related("member")
    return [
        (row.joined_at, row.left_at) for row in rows if account in ("", row.member.external or "")
    ]


def told(contact: Contact) -> list[tuple[str, datetime, str]]:
    events = Event.objects.filter(contact=contact, kind__startswith="group.").order_by("at", "id")
    return [(event.kind, event.at, event.properties["by"]) for event in events]


def everything() -> list[Any]:
    """All that is stored of groups, less row numbers."""
    return [
        sorted(map(str, model.objects.values_list(*names)))
        for model, names in (
            (Group, ("chat_id", "name", "owner", "members_now", "staff_now", "seen_at")),
            (GroupMember, ("group", "contact", "staff", "external", "in_since", "left_at")),
            (GroupMove, ("member__contact", "member__external", "at", "joins", "way", "guessed")),
            (GroupSpell, ("member__external", "joined_at", "left_at", "join_way", "quit_way")),
            (GroupDay, ("group", "day", "joined", "left")),
            (Event, ("contact", "kind", "at")),
        )
    ]


def test_a_snapshot_becomes_a_group(anna: Contact) -> None:
    group = groups.apply_snapshot(
        answer(
            line("guide1", START, kind=1),
            line(ANNA, START + HOUR, join_scene=1, invitor={"userid": "guide2"}, state="s1"),
            line(BEN, START + 2 * HOUR, group_nickname="Ben 👋"),
        ),
        START + DAY,
    )

    assert (group.name, str(group.owner), group.notice) == ("福利群", "guide1", "Hello")
    assert (group.members_now, group.staff_now, group.member_version) == (2, 1, "v1")
    spell = GroupSpell.objects.get(member__contact=anna)
    assert (spell.join_way, str(spell.invited_by), spell.state) == ("invited", "guide2", "s1")
    assert GroupMember.objects.get(external=BEN).name == "Ben 👋"
    assert told(anna) == [("group.joined", START + HOUR, "invited")]
    assert Event.objects.get(kind="group.joined").properties["staff"] == "guide2"


def test_the_same_again_changes_and_costs_nothing(anna: Contact) -> None:
    chat = answer(line("guide1", START, kind=1), line(ANNA, START), line(BEN, START))
    groups.apply_snapshot(chat, START + DAY)
    before = everything()

    groups.apply_snapshot(chat, START + DAY)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        groups.apply_snapshot(chat["group_chat"], START + DAY)

    assert everything() == before
    written = [q["sql"] for q in queries if q["sql"].startswith(("INSERT", "DELETE"))]
    assert written == []
    assert len(queries) < 20


def test_who_is_missing_has_left_by_then(anna: Contact) -> None:
    groups.apply_snapshot(answer(line(ANNA, START), line(BEN, START)), START + DAY)
    groups.apply_snapshot(answer(line(BEN, START)), START + 2 * DAY)

    assert told(anna)[-1] == ("group.left", START + 2 * DAY, "missing")
    assert GroupSpell.objects.get(member__contact=anna).quit_way == "missing"
    # The callback comes at last: what is told replaces what was guessed.
    groups.leave("wrGROUP", [ANNA], START + 30 * HOUR, scene=1)
    spell = GroupSpell.objects.get(member__contact=anna)
    assert (spell.left_at, spell.quit_way) == (START + 30 * HOUR, "left")


def test_a_guess_that_was_wrong_is_taken_back(anna: Contact) -> None:
    groups.apply_snapshot(answer(line(ANNA, START)), START + DAY)
    groups.apply_snapshot(answer(), START + 2 * DAY)
    groups.apply_snapshot(answer(line(ANNA, START)), START + 3 * DAY)

    assert spells() == [(START, None)]
    assert Group.objects.get().members_now == 1


def test_another_time_of_joining_is_another_stay(anna: Contact) -> None:
    groups.apply_snapshot(answer(line(ANNA, START)), START + DAY)
    groups.apply_snapshot(answer(line(ANNA, START + 30 * HOUR)), START + 2 * DAY)

    again = START + 30 * HOUR
    assert spells() == [(START, again), (again, None)]
    rows = days.by_day(Group.objects.get().pk, START.date(), (START + 3 * DAY).date())
    assert [(row.joined, row.left, row.members) for row in rows] == [
        (1, 0, 1),
        (1, 1, 1),
        (0, 0, 1),
    ]


def test_clocks_that_differ_by_seconds_make_no_second_stay(anna: Contact) -> None:
    groups.join("wrGROUP", [ANNA], START, scene=3)
    groups.apply_snapshot(answer(line(ANNA, START + timedelta(seconds=4))), START + DAY)

    assert spells() == [(START, None)]


def test_a_list_that_lags_behind_takes_nobody_out(anna: Contact) -> None:
    groups.apply_snapshot(answer(line(BEN, START)), START + HOUR)
    groups.join("wrGROUP", [ANNA], START + DAY)
    groups.apply_snapshot(answer(line(BEN, START)), START + DAY + timedelta(seconds=5))

    assert GroupSpell.objects.get(member__contact=anna).left_at is None


def test_who_is_still_listed_long_after_a_quit_is_in(anna: Contact) -> None:
    groups.join("wrGROUP", [ANNA], START)
    groups.leave("wrGROUP", [ANNA], START + DAY, scene=1)
    groups.apply_snapshot(answer(line(ANNA, START)), START + DAY + timedelta(minutes=1))
    soon = spells()
    groups.apply_snapshot(answer(line(ANNA, START)), START + 2 * DAY)

    assert soon == [(START, START + DAY)]  # the list lags
    assert spells() == [(START, START + DAY), (START + 2 * DAY, None)]


def test_a_late_snapshot_knows_less_than_a_newer_one(anna: Contact) -> None:
    groups.apply_snapshot(answer(line(ANNA, START), name="New"), START + 3 * DAY)
    groups.apply_snapshot(answer(line(BEN, START + HOUR), name="Old"), START + DAY)

    assert Group.objects.get().name == "New"
    assert GroupSpell.objects.get(member__contact=anna).left_at is None
    assert spells(BEN) == [(START + HOUR, None)]


def test_a_late_snapshot_says_better_when_somebody_left(anna: Contact) -> None:
    groups.apply_snapshot(answer(line(ANNA, START)), START + HOUR)
    groups.apply_snapshot(answer(), START + 5 * DAY)
    groups.apply_snapshot(answer(), START + 2 * DAY)

    assert spells() == [(START, START + 2 * DAY)]


def test_callbacks_in_any_order_end_alike(business: Business) -> None:
    moves = [
        (groups.join, START), (groups.leave, START + DAY), (groups.join, START + 2 * DAY),
        (groups.leave, START + 3 * DAY),
    ]  # fmt: skip
    with business.scope():
        for number, order in enumerate(itertools.permutations(moves)):
            for act, at in (*order, order[0]):
                act(f"wr{number}", [BEN], at)
        ends = {
            (row.group_id, row.joined_at, row.left_at)
            for row in GroupSpell.objects.filter(member__external=BEN)
        }

    assert len(ends) == 2 * 24
    assert {(a, b) for _group, a, b in ends} == {
        (START, START + DAY), (START + 2 * DAY, START + 3 * DAY),
    }  # fmt: skip


def test_accounts_of_callbacks_are_told_apart(anna: Contact) -> None:
    Staff.objects.create(userid="wong")
    groups.join("wrGROUP", [ANNA, BEN, "wong", "brand-new", "x" * 65, ""], START)

    rows = GroupMember.objects.order_by("id")
    assert [(str(r.contact or ""), str(r.staff or ""), r.external) for r in rows] == [
        ("Anna", "", None), ("", "", BEN), ("", "wong", None), ("", "brand-new", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        "text", None, 7, {}, {"userid": "", "type": 2}, {"userid": BEN, "type": 9},
        {"userid": BEN, "type": [2]}, {"userid": {"a": 1}, "type": 2},
        {"userid": "x" * 70, "type": 1},
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_read_stops_no_other(anna: Contact, wrong: object) -> None:
    odd = line(ANNA, None, join_time="yesterday", join_scene="3", invitor="me", name=["x"])

    group = groups.apply_snapshot(answer(wrong, odd, name="x" * 300), START + DAY)

    assert (group.members_now, group.staff_now) == (1, 0)
    assert GroupSpell.objects.get(member__contact=anna).joined_at == START + DAY
    assert len(group.name) == 100
    with pytest.raises(ValueError, match="chat id"):
        groups.apply_snapshot({"member_list": []}, START)


def test_without_member_list_nobody_leaves(anna: Contact) -> None:
    groups.apply_snapshot(answer(line(ANNA, START)), START + DAY)
    groups.apply_snapshot({"chat_id": "wrGROUP", "name": "Other"}, START + 2 * DAY)

    assert spells() == [(START, None)]
    assert Group.objects.get().name == "Other"


def test_an_unknown_account_becomes_a_contact_with_its_past(business: Business) -> None:
    with business.scope():
        groups.join("wrGROUP", [BEN], START, scene=2)
        groups.leave("wrOTHER", [BEN], START + DAY)
        ben = Contact.objects.create(name="Ben")
        Identity.objects.create(contact=ben, kind="external_userid", value=BEN)
        groups.join("wrOTHER", [BEN], START)  # under both: one membership
        opened: dict[str, object] = {"staff": "guide1"}
        event = timeline.NewEvent(ben.pk, "follow.opened", START + DAY, "wecom", "1", opened)
        timeline.record([event])
        timeline.drain_all()

        assert not GroupMember.objects.filter(external=BEN).exists()
        assert GroupMember.objects.filter(contact=ben).count() == 2
        assert sorted(told(ben)) == [
            ("group.joined", START, "joined"), ("group.joined", START, "link"),
            ("group.left", START + DAY, "quit"),
        ]  # fmt: skip


def test_a_unionid_tells_who_an_unknown_account_is(anna: Contact) -> None:
    Identity.objects.create(contact=anna, kind="unionid", value="union-anna")
    groups.join("wrGROUP", [CARL], START)

    groups.apply_snapshot(answer(line(CARL, START, unionid="union-anna")), START + DAY)

    member = GroupMember.objects.get()
    assert (member.contact, member.external) == (anna, None)
    assert Identity.objects.filter(contact=anna, value=CARL).exists()
    assert told(anna) == [("group.joined", START, "joined")]


def test_dismissed_groups_take_no_more_snapshots(anna: Contact) -> None:
    groups.apply_snapshot(answer(line(ANNA, START)), START + DAY)
    groups.dismiss("wrGROUP", START + 2 * DAY)
    before = everything()[1:5]
    groups.dismiss("wrGROUP", START + 2 * DAY)
    groups.apply_snapshot(answer(line(ANNA, START)), START + 3 * DAY)

    assert everything()[1:5] == before
    assert Group.objects.get().members_now == 0
    assert told(anna)[-1] == ("group.left", START + 2 * DAY, "dismissed")


def test_merged_contacts_have_one_membership_and_two_again(business: Business) -> None:
    with business.scope():
        one, two = Contact.objects.create(name="One"), Contact.objects.create(name="Two")
        group = Group.objects.create(name="G")
        for contact, at in ((one, START), (two, START + 2 * DAY)):
            who = groups.Who(contact_id=contact.pk)
            moves = [groups.Move(who, at, joins=True), groups.Move(who, at + DAY, joins=False)]
            groups.record(group, moves)
        before = everything()[4]
        done = merge.merge(one.pk, two.pk, by="api")

        assert GroupMember.objects.filter(contact=one).count() == 1
        assert spells() == [(START, START + DAY), (START + 2 * DAY, START + 3 * DAY)]
        assert everything()[4] == before
        assert len(told(one)) == 4  # nothing is told twice
    with business.scope():
        undo.unmerge(done, by="api")
        assert GroupMember.objects.filter(contact=two, left_at=START + 3 * DAY).count() == 1
        assert everything()[4] == before
        assert len(told(one)) == len(told(two)) == 2


@pytest.fixture
def busy(business: Business) -> Business:
    """A month of snapshots and callbacks in a random order, over three groups."""
    chance = random.Random(7)
    people = [f"wmBBBBBBBBBBBBBBBBBBBBBBBBBB{n:02}" for n in range(30)]
    with business.scope():
        for number in range(120):
            at = START + chance.randint(0, 30 * 24 * 60) * timedelta(minutes=1)
            chat, some = f"wr{number % 3}", chance.sample(people, 6)
            if number % 4 == 0:
                lines = [line(who, at - chance.randint(0, 99) * HOUR) for who in some]
                groups.apply_snapshot(answer(*lines, chat_id=chat), at)
            else:
                (groups.join if chance.random() < 0.6 else groups.leave)(chat, some[:3], at)
    return business


def test_counts_equal_their_definitions(busy: Business) -> None:
    with busy.scope():
        for group in Group.objects.all():
            found = days.by_day(group.pk, START.date() - 6 * DAY, START.date() + 40 * DAY)
            stays = list(GroupSpell.objects.filter(group=group, member__staff=None))
            zone = busy.tenant.tz
            for row in found:
                midnight = datetime.combine(row.day + DAY, datetime.min.time(), zone)
                inside = [s for s in stays if s.joined_at < midnight
                          and (s.left_at is None or s.left_at >= midnight)]  # fmt: skip
                joined = [s for s in stays if s.joined_at.astimezone(zone).date() == row.day]
                left = [s for s in stays
                        if s.left_at and s.left_at.astimezone(zone).date() == row.day]  # fmt: skip
                assert (row.joined, row.left, row.members) == (
                    len(joined), len(left), len(inside),
                )  # fmt: skip
            assert found[-1].members == group.members_now
            assert group.members_now == GroupMember.objects.filter(
                group=group, in_since__isnull=False, staff=None
            ).count()  # fmt: skip


def test_a_rebuild_changes_nothing_and_repairs_what_is_wrong(busy: Business) -> None:
    with busy.scope():
        before = everything()
    call_command("rebuild_groups", tenant=busy.tenant.slug, prove=True)
    with busy.scope():
        assert everything() == before
        GroupSpell.objects.filter(pk__gt=GroupSpell.objects.order_by("pk")[20].pk).delete()
        GroupDay.objects.update(joined=99)
        Group.objects.update(members_now=1)
        GroupMember.objects.update(in_since=None)

    with pytest.raises(CommandError, match="3 of 3 groups"):
        call_command("rebuild_groups", tenant=busy.tenant.slug, prove=True)

    with busy.scope():
        assert everything() == before
        assert not membership.rebuild(Group.objects.first().pk)  # type: ignore[union-attr]
    with pytest.raises(CommandError, match="no business"):
        call_command("rebuild_groups", tenant="nobody")
