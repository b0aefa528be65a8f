"""What WeCom knows of a customer: fetched late, and only where nobody knows better."""

from __future__ import annotations

from django.utils import timezone

from contacts import details
from contacts.models import Contact, Follow, Identity, LiveCode
from tests.contacts.seen import only
from tests.wechat_fixtures import WeChat


def test_details_lag_behind_and_are_fetched_later(wechat: WeChat, code: LiveCode) -> None:
    wechat.setting(stale_read_s=3600)
    wechat.scan(code, {"name": "张欣怡"})
    wechat.settle()
    assert only(wechat).name == ""
    with wechat.business.scope():
        identity = Identity.objects.get(kind="external_userid")
        assert identity.refresh_at is not None
        assert identity.refresh_at > timezone.now()
        Identity.objects.update(refresh_at=timezone.now())

    wechat.sim("clock", advance_s=3601)
    details.work(wechat.business.pk)

    assert only(wechat).name == "张欣怡"
    with wechat.business.scope():
        assert Identity.objects.get(kind="external_userid").refresh_at is None


def test_a_name_given_by_hand_stays_and_remarks_follow(wechat: WeChat, code: LiveCode) -> None:
    who = wechat.scan(code, {"name": "小雨"})["customer"]
    wechat.settle()
    with wechat.business.scope():
        Contact.objects.update(name="张女士")

    wechat.act("edit_remark", userid="amy", customer=who, remark="VIP 张")
    wechat.settle()

    assert only(wechat).name == "张女士"
    with wechat.business.scope():
        assert Follow.objects.get().remark == "VIP 张"
        assert Identity.objects.get(kind="external_userid").nickname == "小雨"


def test_a_customer_who_is_none_any_more_is_given_up(wechat: WeChat, code: LiveCode) -> None:
    who = wechat.scan(code)["customer"]
    wechat.act("customer_deletes", userid="amy", customer=who)

    for _ in range(details.MOST_AS_STRANGER):
        wechat.settle()
        with wechat.business.scope():
            Identity.objects.exclude(refresh_at=None).update(refresh_at=timezone.now())

    with wechat.business.scope():
        assert Identity.objects.get(kind="external_userid").refresh_at is None
    assert len(wechat.calls("externalcontact/get")) <= details.MOST_AS_STRANGER + 1
