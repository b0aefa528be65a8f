"""Customers go over at WeCom: asked once, waited for a day, and nobody counts as lost."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone, translation

from contacts import kinds, timeline
from contacts.models import Event, FollowLoss, ReachSpell, TransferBatch, TransferItem
from contacts.timeline import NewEvent
from contacts.transfers import plan, verdicts
from tests.contacts.transfers.conftest import DAY_S, Shop

ASK = "externalcontact/transfer_customer"
TRANSFER = [("follow.ended", "transfer"), ("follow.opened", "transfer")]


def told(shop: Shop, name: str) -> list[tuple[str, str]]:
    """The lines on a timeline that say who it was by, in the order of time."""
    contact = shop.contact(name)
    with shop.business.scope():
        rows = Event.objects.filter(contact=contact, kind__in=kinds.REACH).order_by("at", "id")
        return [(row.kind, str(by)) for row in rows if (by := row.properties.get("by"))]


def test_silence_for_a_day_is_consent(shop: Shop) -> None:
    batch = shop.start(message="Bob looks after you now")

    shop.work()
    assert set(shop.states().values()) == {"waiting"}
    (asked,) = shop.wechat.calls(ASK)
    assert asked["body"]["transfer_success_msg"] == "Bob looks after you now"
    assert shop.follows("Ding") == {"amy": ("open", "")}

    shop.wechat.sim("clock", advance_s=DAY_S + 60)  # callbacks with such a clock are refused
    shop.poll()

    assert set(shop.states().values()) == {"done"}
    assert shop.follows("Ding") == {"amy": ("ended", "transfer"), "bob": ("open", "")}
    assert shop.contact("Ding").owner == shop.bob
    assert told(shop, "Ding") == TRANSFER
    with shop.business.scope():
        assert not FollowLoss.objects.exists()
        assert TransferBatch.objects.get(pk=batch.pk).finished_at is not None
        received = ReachSpell.objects.get(staff=shop.bob, contact__name="Ding")
        assert received.opened_by == "transfer"


def test_results_alone_are_enough_and_late_callbacks_change_nothing(shop: Shop) -> None:
    shop.start()
    shop.work()
    for customer in shop.people.values():
        shop.wechat.act("accept_transfer", customer=customer)

    shop.poll()

    assert set(shop.states().values()) == {"done"}
    before = told(shop, "Eve")
    shop.wechat.settle()
    assert told(shop, "Eve") == before
    assert before == TRANSFER


def test_one_refuses_and_one_agrees(shop: Shop) -> None:
    shop.start()
    shop.work()

    shop.wechat.act("refuse_transfer", customer=shop.people["Ding"])
    shop.wechat.act("accept_transfer", customer=shop.people["Eve"])
    shop.wechat.settle()

    assert shop.states() == {"Ding": "refused", "Eve": "done", "Fan": "waiting"}
    assert shop.follows("Ding") == {"amy": ("open", "")}


def test_refusals_are_found_by_polling_when_the_callback_is_lost(shop: Shop) -> None:
    shop.start()
    shop.work()
    shop.wechat.sim("callback_url", corpid=shop.wechat.corpid, agentid=shop.wechat.agentid,
                    callback_url="")  # fmt: skip
    shop.wechat.act("refuse_transfer", customer=shop.people["Ding"])

    shop.poll()

    assert shop.states()["Ding"] == "refused"


def test_a_lost_answer_is_settled_by_the_results_and_nobody_is_asked_twice(shop: Shop) -> None:
    shop.wechat.fault("reset_after", path=ASK, first=1)
    shop.start()

    shop.work()
    assert set(shop.states().values()) == {"asked"}
    shop.again()

    assert set(shop.states().values()) == {"waiting"}
    assert len(shop.wechat.calls(ASK)) == 1


def test_a_call_that_never_arrived_is_made_again(shop: Shop) -> None:
    shop.wechat.fault("reset_before", path=ASK, first=1)
    shop.start()

    shop.work()
    shop.again()

    assert set(shop.states().values()) == {"waiting"}


def test_a_worker_that_died_leaves_no_double_call(shop: Shop) -> None:
    batch = shop.start()
    shop.work()
    with shop.business.scope():
        TransferItem.objects.filter(batch=batch).update(state="asked")

    shop.again()

    assert set(shop.states().values()) == {"waiting"}
    assert len(shop.wechat.calls(ASK)) == 1


def test_the_platforms_verdicts_become_states_with_reasons(shop: Shop) -> None:
    shop.wechat.setting(customer_limit=0)

    shop.start()
    shop.work()

    with shop.business.scope():
        item = TransferItem.objects.filter(contact__name="Ding").get()
        assert (item.state, item.errcode) == ("full", 40099)
        with translation.override("en"):
            assert "as many customers" in verdicts.reason(item)
        assert TransferBatch.objects.get().finished_at is not None


def test_a_taker_who_is_not_verified_refuses_all_of_them(shop: Shop) -> None:
    shop.wechat.sim("staff", corpid=shop.wechat.corpid, userid="bob", customer_contact=False)

    shop.start()
    shop.work()

    assert set(shop.states().values()) == {"failed"}


def test_two_takers_share_evenly_and_never_twice_on_the_way(shop: Shop) -> None:
    shop.start([shop.bob, shop.cleo])
    shop.work()

    assert len(shop.wechat.calls(ASK)) == 2
    with shop.business.scope():
        shares = [TransferItem.objects.filter(taker=one).count() for one in (shop.bob, shop.cleo)]
        assert shares == [2, 1]
        again = plan.look(shop.wish())
        assert (again.movable, {why: len(ids) for why, ids in again.stay.items()}) == (
            0, {plan.Why.UNDER_WAY: 3}
        )  # fmt: skip
        with pytest.raises(plan.Refused):
            plan.start(again)


def test_two_transfers_in_90_days_are_enough(shop: Shop) -> None:
    ding, now = shop.contact("Ding"), timezone.now()
    with shop.business.scope():
        for days in (10, 20):
            out: dict[str, object] = {"staff": "x", "by": "transfer"}
            timeline.record(
                [NewEvent(ding.pk, "follow.ended", now - timedelta(days=days), "wecom",
                          f"before:{days}", out)]
            )  # fmt: skip

        found = plan.look(shop.wish())

    assert found.stay == {plan.Why.TOO_OFTEN: [ding.pk]}
    assert found.movable == 2


def test_the_customers_of_one_who_resigned(shop: Shop) -> None:
    shop.wechat.act("resign", userid="amy")
    shop.wechat.settle()
    with shop.business.scope():
        shop.amy.refresh_from_db()

    shop.start(resigned=True)
    shop.work()
    assert set(shop.states().values()) == {"waiting"}
    for customer in shop.people.values():
        shop.wechat.act("accept_transfer", customer=customer)
    shop.wechat.settle()
    shop.poll()

    assert set(shop.states().values()) == {"done"}
    assert shop.follows("Fan") == {"amy": ("ended", "transfer"), "bob": ("open", "")}
    with shop.business.scope():
        assert not FollowLoss.objects.exists()


def test_cancelled_before_it_was_asked(shop: Shop) -> None:
    batch = shop.start()
    with shop.business.scope():
        assert plan.cancel(batch) == 3

    shop.work()

    assert shop.wechat.calls(ASK) == []
    assert set(shop.states().values()) == {"cancelled"}


def test_a_transfer_made_at_wecom_itself_is_one_too(shop: Shop) -> None:
    """Whoever was told first: the end of one friendship, or the beginning of the other."""
    with shop.business.scope():
        shop.amy.refresh_from_db()
    for name, order in (("Ding", ("out", "in")), ("Eve", ("in", "out"))):
        external = shop.external(name)
        sends = {
            "out": {"event": "change_external_contact", "fields": {
                "ChangeType": "del_external_contact", "UserID": "amy",
                "ExternalUserID": external, "Source": "DELETE_BY_TRANSFER"}},
            "in": {"event": "change_external_contact", "fields": {
                "ChangeType": "add_external_contact", "UserID": "bob",
                "ExternalUserID": external}},
        }  # fmt: skip
        for one in order:
            shop.wechat.sim("callbacks/send", corpid=shop.wechat.corpid, **sends[one])
            shop.wechat.settle()

    for name in ("Ding", "Eve"):
        assert shop.follows(name) == {"amy": ("ended", "transfer"), "bob": ("open", "")}
        with shop.business.scope():
            received = ReachSpell.objects.get(staff=shop.bob, contact__name=name)
            assert received.opened_by == "transfer"
