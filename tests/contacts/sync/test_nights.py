"""By night all is read again, and what differed is told: also after hours without callbacks."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from contacts.models import Contact, ContactTag, Drift, Follow, StaffFigures, SyncRun, Unassigned
from contacts.sync import nights, running
from tenants.models import Staff
from tests.contacts.sync.conftest import Corp, patched_lag


def test_a_night_after_the_first_reading(corp: Corp) -> None:
    with corp.scope():
        assert nights.next_due() is None  # nobody has asked for this account yet
    corp.read("staff")
    with corp.scope():
        assert nights.due() == []
        SyncRun.objects.update(created_at=timezone.now() - timedelta(days=2))
        assert nights.due() == [corp.wechat.account]

    running.work(corp.pk)

    with corp.scope():
        runs = SyncRun.objects.filter(nightly=True)
        assert set(runs.values_list("kind", "state")) == {(kind, "done") for kind in running.STEPS}
        assert nights.due() == []
        due = nights.next_due()
        assert due is not None
        assert due > timezone.now()


def test_after_lost_callbacks_all_is_as_at_the_platform(corp: Corp) -> None:
    ids = corp.wechat.act("create_tags", group_name="等级", tags=["金", "银"])["tags"]
    for userid in ("amy", "bob", "eve"):
        corp.member(userid)
    who = {name: corp.befriend("amy", name=name) for name in ("甲", "乙", "丙", "丁")}
    corp.read()
    corp.deaf()
    # What happens now reaches nobody here.
    corp.wechat.act("customer_deletes", userid="amy", customer=who["甲"])
    corp.wechat.act("staff_deletes", userid="amy", customer=who["乙"])
    corp.wechat.act("edit_remark", userid="amy", customer=who["丙"], remark="老客户",
                    add_tag=[ids["金"]])  # fmt: skip
    corp.wechat.act("edit_tag", id=ids["金"], name="黄金")
    corp.wechat.act("update_user", userid="bob", name="鲍勃")
    corp.wechat.act("resign", userid="eve")
    corp.befriend("bob", name="戊")
    with corp.scope():
        SyncRun.objects.update(created_at=timezone.now() - timedelta(days=2))

    with patched_lag():
        corp.settle()

    listed = {
        (one["userid"], row["name"])
        for row in corp.wechat.sim("customers", "GET")["customers"]
        for one in corp.wechat.sim(f"customers/{row['customer']}", "GET")["follows"]
    }
    assert corp.friends() == listed == {("amy", "丙"), ("amy", "丁"), ("bob", "戊")}
    with corp.scope():
        assert Follow.objects.get(contact__name="丙").remark == "老客户"
        worn = ContactTag.objects.filter(contact=Contact.objects.get(name="丙"))
        assert list(worn.values_list("tag__name", flat=True)) == ["黄金"]
        assert Staff.objects.get(userid="bob").name == "鲍勃"
        assert Staff.objects.get(userid="eve").active is False
        found = sorted(Drift.objects.values_list("kind", "state"))
    assert found == [
        ("gone", "repaired"), ("gone", "repaired"), ("missed", "repaired"),
        ("resigned", "repaired"), ("tags", "repaired"),
    ]  # fmt: skip


def test_figures_of_each_member_and_day(corp: Corp, monkeypatch: pytest.MonkeyPatch) -> None:
    corp.wechat.setting(statistics_lag_days=0)
    corp.member("amy")
    corp.member("bob")
    who = corp.befriend("amy", name="甲")
    corp.wechat.act("speak", **{"from": who, "to": "amy", "userid": "amy", "text": "在吗"})
    corp.wechat.act("speak", **{"from": "amy", "to": who, "userid": "amy", "text": "在"})
    corp.wechat.sim("clock", advance_s=86_400)
    corp.read("staff")
    run = corp.read("behaviour")["behaviour"]

    assert (run.state, run.done, run.total) == ("done", 2, 2)
    asked = [one["body"] for one in corp.wechat.calls("externalcontact/get_user_behavior_data")]
    assert sorted(one["userid"] for one in asked) == [["amy"], ["bob"]]
    assert all(one["end_time"] - one["start_time"] < 30 * 86_400 for one in asked)
    with corp.scope():
        assert StaffFigures.objects.filter(staff__userid="amy").count() > 0


def test_customers_of_resigned_staff_are_listed(corp: Corp) -> None:
    corp.wechat.setting(unassigned_delay_s=0)
    corp.member("amy")
    corp.befriend("amy", name="甲")
    corp.read("staff", "customers")
    corp.wechat.act("resign", userid="amy")
    corp.settle()

    corp.read("unassigned")

    with corp.scope():
        row = Unassigned.objects.get()
        assert (row.staff.userid, str(row.contact)) == ("amy", "甲")
        assert row.left_at is not None
