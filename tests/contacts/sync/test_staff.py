"""Staff and departments of a corporation: who comes, who is renamed, who leaves."""

from __future__ import annotations

from contacts.models import Contact, Drift, Follow, LiveCode
from contacts.sync import staff
from journeys import leads
from journeys.models import Lead
from tenants.models import Department, FormerUserid, Staff
from tests.contacts.sync.conftest import Corp


def test_staff_and_departments_are_read(corp: Corp) -> None:
    corp.wechat.sim("departments", corpid=corp.wechat.corpid, name="销售部", id=7)
    corp.member("amy", departments=[7])

    run = corp.read("staff")["staff"]

    assert (run.done, run.created) == (1, 1)
    with corp.scope():
        amy = Staff.objects.get(userid="amy")
        assert (amy.departments, amy.account, amy.active) == ([7], corp.wechat.account, True)
        found = set(Department.objects.values_list("number", "parent", "name"))
    assert found == {(1, 0, "测试企业"), (7, 1, "销售部")}


def test_callbacks_keep_staff_up_to_date(corp: Corp) -> None:
    corp.read("staff")

    corp.wechat.act("create_user", userid="amy", name="Amy")
    corp.wechat.act("create_party", id=5, name="客服")
    corp.settle()
    corp.wechat.act("update_user", userid="amy", name="艾米", departments=[5])
    corp.settle()

    with corp.scope():
        assert Staff.objects.filter(userid="amy").values_list("name", "departments").get() == (
            "艾米",
            [5],
        )


def test_a_new_userid_keeps_history(corp: Corp) -> None:
    corp.member("amy")
    corp.befriend("amy", name="张欣怡")
    corp.read()
    with corp.scope():
        before = Staff.objects.get(userid="amy").pk

    corp.wechat.act("update_user", userid="amy", new_userid="amelia")
    corp.settle()
    corp.befriend("amelia", name="李雷")
    corp.settle()

    assert corp.friends() == {("amelia", "张欣怡"), ("amelia", "李雷")}
    with corp.scope():
        assert Staff.objects.get(userid="amelia").pk == before
        assert FormerUserid.objects.get(userid="amy").staff_id == before
        assert not Staff.objects.filter(userid="amy").exists()
        assert Follow.objects.count() == 2


def test_a_new_userid_that_was_heard_of_before_its_news(corp: Corp) -> None:
    corp.member("amy")
    corp.befriend("amy", name="张欣怡")
    corp.read()
    corp.deaf()
    corp.wechat.act("update_user", userid="amy", new_userid="amelia")
    corp.befriend("amelia", name="李雷")
    corp.read("customers")  # makes an Amelia who is another than Amy

    with corp.scope():
        staff.rename(corp.wechat.account.pk, "amy", "amelia")

    assert corp.friends() == {("amelia", "张欣怡"), ("amelia", "李雷")}
    with corp.scope():
        assert Staff.objects.filter(userid__in=["amy", "amelia"]).count() == 1
        assert Follow.objects.count() == 2


def test_resigned_staff_leave_live_codes_and_keep_their_customers(corp: Corp) -> None:
    amy, bob = corp.wechat.join("amy"), corp.wechat.join("bob")
    code = corp.wechat.live_code(amy, bob)
    corp.befriend("amy", name="张欣怡")
    corp.read()

    corp.wechat.act("resign", userid="amy")
    corp.settle()

    with corp.scope():
        amy.refresh_from_db()
        assert (amy.active, amy.left_at is not None) == (False, True)
        assert Follow.objects.get(staff=amy).ended_at is None
        assert LiveCode.objects.get(pk=code.pk).due_at is not None


def test_a_resignation_without_a_callback_is_found(corp: Corp) -> None:
    corp.member("amy")
    corp.read()
    corp.deaf()
    corp.wechat.act("resign", userid="amy")

    corp.read("staff")

    with corp.scope():
        assert Staff.objects.get(userid="amy").left_at is not None
        assert Drift.objects.get().kind == "resigned"


def test_leads_of_resigned_staff_wait_for_others(corp: Corp) -> None:
    corp.member("amy")
    corp.befriend("amy", name="张欣怡")
    corp.read()
    with corp.scope():
        amy = Staff.objects.get(userid="amy")
        lead = Lead.objects.create(contact=Contact.objects.get(name="张欣怡"), reason="x")
        leads.claim(lead, amy)

    corp.wechat.act("resign", userid="amy")
    corp.settle()

    with corp.scope():
        lead.refresh_from_db()
        assert (lead.owner, lead.state) == (None, Lead.State.OPEN)
