"""A live code and its contact way: made once, kept equal, ended; with a provider that fails."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from contacts import livecodes
from contacts.livecodes import push
from contacts.models import LiveCode, LiveCodeStaff
from tenants.models import Staff
from tests.wechat_fixtures import WeChat

ADD = "externalcontact/add_contact_way"


def ways(wechat: WeChat) -> list[dict[str, object]]:
    corps = wechat.sim("state", "GET")["corps"]
    mine = next(corp for corp in corps if corp["corpid"] == wechat.corpid)
    return list(mine["contact_ways"])


def again(wechat: WeChat, code: LiveCode) -> LiveCode:
    """The next attempt, as if its time had come."""
    with wechat.business.scope():
        row = LiveCode.objects.get(pk=code.pk)
        assert row.due_at is not None
        assert row.due_at > timezone.now() - timedelta(seconds=1)
        LiveCode.objects.filter(pk=code.pk).update(due_at=timezone.now())
    livecodes.work(wechat.business.pk)
    fresh: LiveCode = wechat.fresh(code)
    return fresh


def test_a_live_code_becomes_a_contact_way(wechat: WeChat) -> None:
    amy, bob = wechat.join("amy"), wechat.join("bob")

    code = wechat.live_code(amy, bob, name="Store door", skip_verify=False)

    (way,) = ways(wechat)
    assert (code.status, code.problem, code.warning) == ("active", "", "")
    assert code.due_at is not None
    assert code.due_at > timezone.now()  # tonight's comparison
    assert code.config_id == way["config_id"]
    assert code.qr_url == way["qr_code"]
    assert (way["state"], way["remark"]) == (code.state, "Store door")
    assert (way["user"], way["skip_verify"]) == (["amy", "bob"], False)


def test_where_a_pictured_qr_leads_is_what_posters_say(wechat: WeChat) -> None:
    wechat.setting(qr_pictures=True)

    code = wechat.live_code(wechat.join("amy"))

    (way,) = ways(wechat)
    assert way["qr_code"] == f"{wechat.sandbox.url}/wwpic/qr/{code.config_id}"
    assert code.qr_url == f"{wechat.sandbox.url}/qr/{code.config_id}"


def test_staff_may_change_behind_the_same_qr(wechat: WeChat) -> None:
    amy, bob = wechat.join("amy"), wechat.join("bob")
    code = wechat.live_code(amy)
    with wechat.business.scope():
        LiveCodeStaff.objects.create(live_code=code, staff=bob)
        livecodes.changed(code)

    livecodes.work(wechat.business.pk)

    (way,) = ways(wechat)
    changed = wechat.fresh(code)
    assert way["user"] == ["amy", "bob"]
    assert (changed.status, changed.qr_url) == ("active", code.qr_url)


def test_a_retired_code_is_deleted_there(wechat: WeChat) -> None:
    code = wechat.live_code(wechat.join("amy"))
    with wechat.business.scope():
        livecodes.retire(code)

    livecodes.work(wechat.business.pk)

    assert ways(wechat) == []
    retired = wechat.fresh(code)
    assert (retired.status, retired.config_id, retired.due_at) == ("retired", "", None)


def test_a_code_without_staff_says_what_is_missing(wechat: WeChat) -> None:
    with wechat.business.scope():
        gone = Staff.objects.create(userid="gone", active=False)

    code = wechat.live_code(gone)

    assert code.status == "failed"
    assert code.due_at is not None
    assert code.due_at > timezone.now()
    assert code.problem
    assert wechat.calls(ADD) == []


def test_staff_that_wecom_does_not_know_fails_with_a_sentence(wechat: WeChat) -> None:
    with wechat.business.scope():
        stranger = Staff.objects.create(userid="stranger")

    code = wechat.live_code(stranger)

    assert code.status == "failed"
    assert code.due_at is not None
    assert code.due_at > timezone.now()
    assert "60111" in code.problem
    wechat.sim("staff", corpid=wechat.corpid, userid="stranger")
    with wechat.business.scope():
        livecodes.changed(code)
    livecodes.work(wechat.business.pk)
    assert wechat.fresh(code).status == "active"


@pytest.mark.parametrize("fault", ["reset_after", "truncated_json", "html_200", "http_502"])
def test_a_lost_answer_never_makes_a_second_way(wechat: WeChat, fault: str) -> None:
    amy = wechat.join("amy")
    other = wechat.live_code(amy, name="Other")
    wechat.fault(fault, path=ADD, first=1)
    code = wechat.live_code(amy)
    assert (code.status, code.config_id) == ("pending", "")
    assert code.problem

    code = again(wechat, code)

    mine = [way for way in ways(wechat) if way["state"] == code.state]
    assert code.status == "active"
    assert [way["config_id"] for way in mine] == [code.config_id]
    assert code.config_id != other.config_id
    assert code.qr_url == mine[0]["qr_code"]


@pytest.mark.parametrize(
    ("errcode", "at_least"), [(45009, timedelta(seconds=50)), (-1, timedelta(seconds=4))]
)
def test_a_busy_provider_is_asked_later(wechat: WeChat, errcode: int, at_least: timedelta) -> None:
    wechat.fault("errcode", path=ADD, errcode=errcode, first=1)
    code = wechat.live_code(wechat.join("amy"))

    assert code.status == "pending"
    assert code.due_at is not None
    assert code.due_at - timezone.now() > at_least
    assert ways(wechat) == []


def test_a_refused_account_is_shown_and_tried_again(wechat: WeChat) -> None:
    amy = wechat.join("amy")
    with wechat.business.scope():
        good = wechat.account.secret
        wechat.account.secret = "wrong"
        wechat.account.save()
    code = wechat.live_code(amy)
    assert code.status == "failed"
    assert code.due_at is not None
    assert wechat.fresh(wechat.account).problem
    assert "wrong" not in code.problem

    with wechat.business.scope():
        wechat.account.secret = good
        wechat.account.save()
    code = again(wechat, code)

    assert code.status == "active"


def test_a_way_deleted_at_wecom_is_made_anew(wechat: WeChat) -> None:
    code = wechat.live_code(wechat.join("amy"))
    wechat.world.state.contact_ways.clear()
    with wechat.business.scope():
        livecodes.changed(code)

    livecodes.work(wechat.business.pk)

    (way,) = ways(wechat)
    fresh = wechat.fresh(code)
    assert (fresh.status, fresh.config_id) == ("active", way["config_id"])
    assert fresh.config_id != code.config_id


def test_a_change_during_the_call_is_not_lost(wechat: WeChat) -> None:
    amy = wechat.join("amy")
    code = wechat.live_code(amy, push=False)
    with wechat.business.scope():
        job = push._claim()
        assert job is not None
        livecodes.retire(LiveCode.objects.get(pk=code.pk))  # while the way is being made

    push._push(wechat.business.pk, job)
    assert wechat.fresh(code).status == "retired"
    livecodes.work(wechat.business.pk)

    assert ways(wechat) == []
    assert wechat.fresh(code).due_at is None


def test_the_next_moment_of_work_is_known(wechat: WeChat) -> None:
    with wechat.business.scope():
        assert livecodes.next_due() is None
    code = wechat.live_code(wechat.join("amy"), push=False)

    with wechat.business.scope():
        assert livecodes.next_due() == code.due_at
