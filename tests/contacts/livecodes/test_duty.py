"""The platform has whoever is on duty: at edges, at limits, after switches, and by night."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.utils import timezone

from contacts import livecodes
from contacts.livecodes import keeping, remarks
from contacts.livecodes.keeping import Member, Shift, Span
from contacts.models import (
    Event,
    Follow,
    LiveCode,
    LiveCodeAdd,
    LiveCodeShift,
    LiveCodeStaff,
)
from tenants.models import Staff
from tests.wechat_fixtures import WeChat

UPDATE = "externalcontact/update_contact_way"
GET = "externalcontact/get_contact_way"
DAILY = (1, 2, 3, 4, 5, 6, 7)


pytestmark = pytest.mark.usefixtures("in_english")


def way_of(wechat: WeChat, code: LiveCode) -> dict[str, Any]:
    corps = wechat.sim("state", "GET")["corps"]
    mine = next(corp for corp in corps if corp["corpid"] == wechat.corpid)
    return next(way for way in mine["contact_ways"] if way["config_id"] == code.config_id)


def users(wechat: WeChat, code: LiveCode) -> list[str]:
    return sorted(way_of(wechat, code)["user"])


def plan(wechat: WeChat, code: LiveCode, *rows: dict[str, Any], staff: list[Staff]) -> None:
    """Settings of the staff behind the code, in their order."""
    with wechat.business.scope():
        for one, values in zip(staff, rows, strict=True):
            LiveCodeStaff.objects.filter(live_code=code, staff=one).update(**values)
        livecodes.changed(LiveCode.objects.get(pk=code.pk))
    livecodes.work(wechat.business.pk)


def local(wechat: WeChat) -> datetime:
    return timezone.now().astimezone(wechat.business.tenant.tz)


def test_the_shift_changes_at_its_edge_and_is_armed_again_on_edit(wechat: WeChat) -> None:
    amy, bob = wechat.join("amy"), wechat.join("bob")
    code = wechat.live_code(amy, bob, push=False)
    edge = (local(wechat) + timedelta(hours=1)).replace(second=0, microsecond=0)
    first = Span(DAILY, (edge - timedelta(hours=12)).time(), edge.time())
    second = Span(DAILY, edge.time(), (edge - timedelta(hours=12)).time())
    with wechat.business.scope():
        keeping.put_shifts(code, [Shift(amy, first), Shift(bob, second)])
    livecodes.work(wechat.business.pk)
    code = wechat.fresh(code)
    assert users(wechat, code) == ["amy"]
    assert code.due_at <= edge  # the nightly comparison may come first

    with time_machine.travel(edge + timedelta(seconds=1), tick=True):
        livecodes.work(wechat.business.pk)
    assert users(wechat, code) == ["bob"]

    later = edge + timedelta(minutes=30)
    with wechat.business.scope():
        LiveCodeShift.objects.filter(staff=amy).update(ends=later.time())
        livecodes.changed(LiveCode.objects.get(pk=code.pk))
    livecodes.work(wechat.business.pk)
    assert users(wechat, code) == ["amy"]
    assert wechat.fresh(code).due_at <= edge
    with time_machine.travel(edge + timedelta(seconds=1), tick=True):
        livecodes.work(wechat.business.pk)
        assert users(wechat, code) == ["amy", "bob"]
        assert wechat.fresh(code).due_at <= later


def test_at_the_limit_a_member_steps_out_then_the_spare_comes_until_midnight(
    wechat: WeChat,
) -> None:
    amy, eve = wechat.join("amy"), wechat.join("eve")
    code = wechat.live_code(amy, eve)
    plan(wechat, code, {"daily_cap": 2}, {"spare": True}, staff=[amy, eve])
    assert users(wechat, code) == ["amy"]

    wechat.scan(code)
    wechat.settle()
    assert users(wechat, code) == ["amy"]
    wechat.scan(code)
    wechat.settle()
    livecodes.work(wechat.business.pk)

    full = wechat.fresh(code)
    assert users(wechat, code) == ["eve"]
    assert "spare" in full.warning
    night = local(wechat).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    assert full.due_at <= night  # the nightly comparison may come first
    with time_machine.travel(night + timedelta(seconds=1), tick=True):
        livecodes.work(wechat.business.pk)
    assert (users(wechat, code), wechat.fresh(code).warning) == (["amy"], "")


def test_a_request_and_its_acceptance_are_one_addition_and_a_return_is_marked(
    wechat: WeChat,
) -> None:
    code = wechat.live_code(wechat.join("amy"))
    who = wechat.scan(code)["customer"]
    wechat.settle()
    wechat.settle()
    with wechat.business.scope():
        row = LiveCodeAdd.objects.get()
        follow = Follow.objects.get()
        assert (row.opened_at, row.contact_id) == (follow.opened_at, follow.contact_id)
        assert row.added_at is not None
        assert not row.returning
        Event.objects.filter(kind="follow.opened").update(handled_at=None)  # told once more
    wechat.settle()
    with wechat.business.scope():
        assert LiveCodeAdd.objects.count() == 1

    wechat.sim("clock", advance_s=60)
    wechat.act("customer_deletes", userid="amy", customer=who)
    wechat.settle()
    wechat.sim("clock", advance_s=60)
    wechat.scan(code, who)
    wechat.settle()
    with wechat.business.scope():
        assert [row.returning for row in LiveCodeAdd.objects.order_by("opened_at")] == [False, True]


def test_whoever_switches_off_is_out_and_comes_back(wechat: WeChat) -> None:
    amy, bob = wechat.join("amy"), wechat.join("bob")
    code = wechat.live_code(amy, bob)
    with wechat.business.scope():
        keeping.switch(amy, online=False)
        keeping.switch(amy, online=False)
    livecodes.work(wechat.business.pk)
    assert users(wechat, code) == ["bob"]

    with wechat.business.scope():
        keeping.switch(amy, online=True)
    livecodes.work(wechat.business.pk)
    assert users(wechat, code) == ["amy", "bob"]


def test_whoever_became_inactive_is_noticed_whoever_did_it_and_the_gap_is_told(
    wechat: WeChat,
) -> None:
    amy, bob = wechat.join("amy"), wechat.join("bob")
    code = wechat.live_code(amy, bob)
    with wechat.business.scope():
        keeping.put_shifts(code, [Shift(bob, Span((1,), time(9), time(10)))])
        Staff.objects.filter(pk=amy.pk).update(active=False)
        due = livecodes.next_due()
        assert due is not None
        assert due <= timezone.now()

    livecodes.work(wechat.business.pk)

    found = wechat.fresh(code)
    assert users(wechat, code) == ["bob"]
    assert "Monday 10:00 – Monday 09:00" in found.warning
    with wechat.business.scope():
        assert livecodes.next_due() == found.due_at


def test_by_night_a_way_that_somebody_changed_is_put_right_and_reported(wechat: WeChat) -> None:
    amy, bob = wechat.join("amy"), wechat.join("bob")
    code = wechat.live_code(amy)
    state = wechat.world.state
    way = state.contact_ways[code.config_id]
    way.users[:] = ["bob"]
    assert bob.pk
    assert code.due_at is not None

    with time_machine.travel(code.due_at + timedelta(seconds=1), tick=True):
        livecodes.work(wechat.business.pk)

    found = wechat.fresh(code)
    assert users(wechat, code) == ["amy"]
    assert "bob" in found.drift
    assert found.drift_at is not None
    before = len(wechat.calls(UPDATE))
    with time_machine.travel(found.due_at + timedelta(seconds=1), tick=True):
        livecodes.work(wechat.business.pk)
    assert (len(wechat.calls(GET)), len(wechat.calls(UPDATE))) == (2, before)


def test_an_expired_code_retires_and_still_tells_the_source(wechat: WeChat) -> None:
    amy = wechat.join("amy")
    ends = timezone.now() + timedelta(hours=1)
    code = wechat.live_code(amy, channel="Fair", expires_at=ends)
    assert code.due_at is not None
    assert code.due_at <= ends
    wechat.scan(code)
    wechat.arrive()

    with time_machine.travel(ends + timedelta(seconds=1), tick=True):
        livecodes.work(wechat.business.pk)
    wechat.settle()

    assert wechat.fresh(code).status == "retired"
    with wechat.business.scope():
        assert LiveCodeAdd.objects.get().live_code_id == code.pk
        assert Follow.objects.get().live_code_id == code.pk


def test_new_friends_get_the_remark_and_a_written_one_stays(wechat: WeChat) -> None:
    amy = wechat.join("amy")
    code = wechat.live_code(
        amy,
        channel="Fair",
        remark_template="{channel}-{date}-{name}",
        description_template="{code}",
    )
    wechat.scan(code, {"name": "Li Lei"})
    wechat.settle()
    remarks.work(wechat.business.pk)

    with wechat.business.scope():
        follow, row = Follow.objects.get(), LiveCodeAdd.objects.get()
        date = f"{row.opened_at.astimezone(wechat.business.tenant.tz):%y%m%d}"
        assert follow.remark == f"Fair-{date}-Li Lei"[:20]
        assert follow.description == "Store door"
        assert (row.remark_due_at, row.remark_problem) == (None, "")
        Follow.objects.update(remark="")
        LiveCodeAdd.objects.update(remark_due_at=timezone.now())
        LiveCode.objects.update(remark_template="other")
    remarks.work(wechat.business.pk)
    with wechat.business.scope():
        assert Follow.objects.get().remark == ""  # there it stands already


@pytest.mark.parametrize(
    ("members", "shifts", "says"),
    [
        ([("amy", {})], [("amy", (1, 2, 3, 4, 5), "09:00", "18:00")], "Monday 18:00 – Tuesday"),
        ([("amy", {"spare": True})], [], "not a spare"),
        ([("gone", {})], [], "active staff member"),
        ([("amy", {})], [("bob", DAILY, "00:00", "00:00")], "not behind the code"),
        ([("amy", {})], [("amy", (), "00:00", "00:00")], "weekday"),
    ],
)
def test_a_plan_in_which_nobody_is_on_duty_is_refused_with_the_gaps(
    business: Any, members: Any, shifts: Any, says: str
) -> None:
    with business.scope():
        staff = {
            name: Staff.objects.create(userid=name, active=name != "gone")
            for name in ("amy", "bob", "gone")
        }
        given = [Member(staff[name], **values) for name, values in members]
        hours = [
            Shift(staff[name], Span(days, time.fromisoformat(begin), time.fromisoformat(end)))
            for name, days, begin, end in shifts
        ]
        with pytest.raises(ValidationError, match=says):
            keeping.check_staff(given, hours)
        if says.startswith("Monday"):
            keeping.check_staff([*given, Member(staff["bob"], spare=True)], hours)
